"""One policy on environments whose features have other names or sizes."""

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.fitting import fitted, keys_for, parse_map
from lerobot_sim.policy import Decision
from lerobot_sim.registry import spec_of
from lerobot_sim.spec import Camera
from tests.evaluation.policies import Still


class Looks(Still):
    acts = (2,)

    def __init__(self):
        self.cameras = {"top": Camera(height=8, width=8)}
        self.reads = {"observation.state": (6,)}

    def act(self, observation, active):
        self.seen = observation
        return Decision(np.zeros((len(active), 2), np.float32))


def test_what_does_not_fit_is_listed_with_what_there_is():
    with pytest.raises(InputError) as told:
        fitted(Looks(), spec_of("numpy/reach"), {})
    for words in (
        "reads 'observation.images.top', which 'numpy/reach' does not have",
        "'observation.state': the policy reads shape (6,), 'numpy/reach' has (9,)",
        "'action': the policy gives shape (2,), 'numpy/reach' takes (6,)",
        "It has observation.state, observation.images.",
        "--map POLICY_KEY=ENVIRONMENT_KEY",
    ):
        assert words in str(told.value)


def test_a_mapped_camera_is_asked_for_and_given_under_the_policys_name():
    inner = Looks()
    policy = fitted(inner, spec_of("numpy/push-t"), {"observation.images.top": "observation.images.front"})
    assert policy.cameras == {"front": Camera(height=8, width=8)}
    image = np.ones((1, 8, 8, 3), np.uint8)
    policy.act({"observation.images.front": image, "observation.state": np.zeros((1, 6))}, np.array([True]))
    assert set(inner.seen) == {"observation.images.top", "observation.state"}
    assert inner.seen["observation.images.top"] is image


def test_a_map_to_what_is_not_there_is_refused():
    with pytest.raises(InputError, match=r"'numpy/push-t' has no 'observation\.images\.frnt'"):
        fitted(Still(), spec_of("numpy/push-t"), {"observation.images.top": "observation.images.frnt"})


def test_maps_are_for_all_a_family_or_one_environment():
    maps = parse_map(["a=b", "numpy:a=c", "numpy/push-t:a=d", "x=y"])
    assert keys_for("mujoco/lift", maps) == {"a": "b", "x": "y"}
    assert keys_for("numpy/reach", maps) == {"a": "c", "x": "y"}
    assert keys_for("numpy/push-t", maps) == {"a": "d", "x": "y"}
    for text in ("a", "=b", "a=", ":a=b"):
        with pytest.raises(InputError, match="--map: expected"):
            parse_map([text])
