"""Specs as plain data, and the success rules."""

import dataclasses
import json

import numpy as np
import pytest

from lerobot_sim import Camera, End, EnvSpec, Episode, Feature, Param
from lerobot_sim.errors import InputError
from lerobot_sim.spec import hold_length


def spec(**changes):
    base = {
        "id": "toy/one",
        "version": 1,
        "fps": 10,
        "max_steps": 5,
        "observation": {"observation.state": Feature(shape=(2,), dtype="float32", names=("x", "y"), low=(0.0, -1.0))},
        "action": Feature(shape=(1,), dtype="float32"),
        "params": {"mass": Param(nominal=1.0, low=0.5, unit="kg"), "kind": Param(nominal=0, choices=("a", "b"))},
        "cameras": {"front": Camera()},
    }
    return EnvSpec(**{**base, **changes})


def test_a_spec_goes_into_json_and_infinite_becomes_null():
    data = json.loads(json.dumps(spec().to_dict(), allow_nan=False))
    mass = data["params"]["mass"]
    assert (mass["nominal"], mass["low"], mass["high"], mass["unit"], mass["when"]) == (1.0, 0.5, None, "kg", "reset")
    assert data["observation"]["observation.state"]["low"] == [0.0, -1.0]
    assert data["params"]["kind"]["choices"] == ["a", "b"]
    assert data["capabilities"]["restore"] == "exact"


def test_specs_are_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec().version = 2


@pytest.mark.parametrize("name", ["toy", "toy/one/two", "Toy/one", "toy/", "/one", "toy/a b"])
def test_ids_are_family_and_task(name):
    with pytest.raises(InputError, match="family/task"):
        spec(id=name)


@pytest.mark.parametrize("changes", [{"fps": 0}, {"fps": -1.0}, {"max_steps": 0}])
def test_times_are_positive(changes):
    with pytest.raises(InputError, match="max_steps >= 1"):
        spec(**changes)


def test_features_count_their_names_and_bounds():
    with pytest.raises(InputError, match="2 names, 1 came"):
        Feature(shape=(2,), dtype="float32", names=("x",))
    with pytest.raises(InputError, match="'high'"):
        Feature(shape=(2,), dtype="float32", high=(1.0, 2.0, 3.0))


def test_cameras_have_pixels():
    with pytest.raises(InputError, match="0x3"):
        Camera(height=0, width=3)


@pytest.mark.parametrize(
    ("rule", "k"), [("any", None), ("final", None), ("none", None), ("hold(3)", 3), ("hold(12)", 12)]
)
def test_success_rules(rule, k):
    assert hold_length(rule) == k
    assert spec(success_rule=rule).success_rule == rule


@pytest.mark.parametrize("rule", ["", "ever", "hold", "hold(0)", "hold(-1)", "hold(1.5)", "hold(3) "])
def test_other_rules_are_refused(rule):
    with pytest.raises(InputError, match=r"hold\(k\)"):
        spec(success_rule=rule)


def episode(success):
    success = np.array(success, np.bool_)
    rows = len(success)
    return Episode(
        env_id="toy/one", env_version=1, index=0, seed=0, attempt=0, instruction="", params={}, observation={},
        action=np.zeros((rows, 1), np.float32), reward=np.full(rows, 0.1, np.float32), success=success, metrics={},
        columns={}, end=End.TIME_LIMIT, final_observation={},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("success", "any_", "final", "hold_2", "hold_3"),
    [
        ([0, 0, 0], False, False, False, False),
        ([1, 0, 0], True, False, False, False),
        ([0, 0, 1], True, True, False, False),
        ([0, 1, 1, 0], True, False, True, False),
        ([1, 1, 0, 1], True, True, True, False),
        ([1, 0, 1, 0, 1], True, True, False, False),
        ([0, 1, 1, 1], True, True, True, True),
        ([1, 1, 1, 0, 0], True, False, True, True),
        ([1], True, True, False, False),
        ([], False, False, False, False),
    ],
)
def test_what_counts_as_a_success(success, any_, final, hold_2, hold_3):
    row = episode(success)
    assert row.succeeded("any") is any_
    assert row.succeeded("final") is final
    assert row.succeeded("hold(2)") is hold_2
    assert row.succeeded("hold(3)") is hold_3
    assert row.succeeded("hold(1)") is any_
    assert row.succeeded("none") is False


def test_the_return_is_summed_in_double():
    assert episode([0] * 1000).total_reward == pytest.approx(1000 * float(np.float32(0.1)), abs=1e-9)
