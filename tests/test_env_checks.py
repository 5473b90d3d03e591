"""The argument checks that all environments share: each error says what was expected and what came."""

import numpy as np
import pytest
import torch

from lerobot_sim.env import (
    End,
    Step,
    check_active,
    check_cameras,
    check_feature,
    check_lanes,
    check_params,
    check_seeds,
    nominal_params,
)
from lerobot_sim.errors import ArrayError, InputError, UnknownNameError
from lerobot_sim.spec import Camera, EnvSpec, Feature, Param

ACTION = Feature(shape=(2,), dtype="float32")
SPEC = EnvSpec(
    id="toy/one",
    version=1,
    fps=10,
    max_steps=5,
    observation={},
    action=ACTION,
    params={
        "mass": Param(nominal=1.0, low=0.5, high=2.0, unit="kg"),
        "wind": Param(nominal=(0.0, 1.0), low=-1.0, high=1.0, shape=(2,), when="step"),
        "floor": Param(nominal=1, choices=("wood", "stone", "ice")),
    },
    cameras={"front": Camera()},
)


@pytest.mark.parametrize("array", [np.zeros((3, 2), np.float32), torch.zeros(3, 2)])
def test_a_fitting_action(array):
    check_feature("action", ACTION, array, 3)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros((4, 2), np.float32), r"expected shape \(3, 2\).*\(4, 2\) came"),
        (np.zeros(2, np.float32), r"action\[None\]"),
        (np.zeros((3, 2)), r"float64 came.*astype\('float32'\)"),
        (torch.zeros(3, 2, dtype=torch.float16), "float16 came"),
        ([[0.0, 0.0]] * 3, "a list came"),
        (None, "a NoneType came"),
    ],
)
def test_actions_that_do_not_fit(array, words):
    with pytest.raises(ArrayError, match=words):
        check_feature("action", ACTION, array, 3)


def test_lanes():
    assert check_lanes(5, np.array([0, 3], np.uint8)).tolist() == [0, 3]
    assert check_lanes(5, [1]).dtype == np.int64
    assert check_lanes(5, []).shape == (0,)


@pytest.mark.parametrize("lanes", [[5], [-1], [1, 0], [2, 2], [[0]], [0.0], [True, False], ["0"]])
def test_lanes_that_are_refused(lanes):
    with pytest.raises(InputError, match="lanes: expected"):
        check_lanes(5, lanes)


def test_seeds():
    assert check_seeds(2, [-1, 2**62]).tolist() == [-1, 2**62]


@pytest.mark.parametrize("seeds", [[1], [1, 2, 3], [0.5, 1.0], [[1, 2]], ["1", "2"]])
def test_seeds_that_are_refused(seeds):
    with pytest.raises(InputError, match="seeds: expected 2 integers"):
        check_seeds(2, seeds)


@pytest.mark.parametrize("active", [np.ones(3), np.ones(2, np.bool_), [True] * 3, torch.ones(3, dtype=torch.int8)])
def test_masks_that_are_refused(active):
    with pytest.raises(ArrayError, match=r"bool mask of shape \(3,\)"):
        check_active(3, active)


def test_nominal_params_lead_with_the_lanes():
    values = nominal_params(SPEC, 2)
    assert values["wind"].tolist() == [[0.0, 1.0]] * 2
    assert values["floor"].dtype == np.int64
    values["mass"][0] = 9
    assert nominal_params(SPEC, 2)["mass"].tolist() == [1.0, 1.0]


def test_params_come_as_host_arrays_of_what_was_given():
    given = {"mass": torch.tensor([0.5, 2.0]), "floor": [0, 2]}
    values = check_params(SPEC, 2, given)
    assert values.keys() == given.keys()
    assert values["mass"].dtype == np.float64
    assert values["floor"].tolist() == [0, 2]
    assert check_params(SPEC, 2, None) == {}
    given["mass"][0] = 1.5
    assert values["mass"][0] == 0.5, "a copy"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mass": [0.4, 1.0]}, "'mass': expected values from 0.5 to 2.0 kg, 0.4 came"),
        ({"mass": [1.0, np.nan]}, "nan came"),
        ({"mass": [1.0]}, r"expected shape \(2,\), \(1,\) came"),
        ({"wind": [0.0, 1.0]}, r"expected shape \(2, 2\)"),
        ({"floor": [0, 3]}, "from 0 to 2"),
        ({"floor": [0.0, 1.7]}, "indices into .'wood', 'stone', 'ice'., float64 came"),
        ({"mass": ["light", "heavy"]}, "expected numbers"),
    ],
)
def test_params_that_are_refused(given, words):
    with pytest.raises(InputError, match=words):
        check_params(SPEC, 2, given)


def test_unknown_params_and_cameras():
    with pytest.raises(UnknownNameError, match="Did you mean 'mass'"):
        check_params(SPEC, 1, {"mas": [1.0]})
    with pytest.raises(UnknownNameError, match="Did you mean 'front'"):
        check_cameras(SPEC, {"frant": Camera()})
    check_cameras(SPEC, {"front": Camera(height=3, width=3)})


def test_only_step_params_may_change_at_a_step():
    assert check_params(SPEC, 1, {"wind": [[0.5, 0.5]]}, when="step").keys() == {"wind"}
    with pytest.raises(InputError, match=r"'mass' is fixed for an episode.*\['wind'\]"):
        check_params(SPEC, 1, {"mass": [1.0]}, when="step")


def test_terminated_and_truncated_follow_from_the_end():
    end = np.array(list(End))
    step = Step({}, None, None, end, {})
    assert [End(value) for value in end[step.terminated]] == [End.TERMINATED]
    assert {End(value) for value in end[step.truncated]} == set(End) - {End.RUNNING, End.TERMINATED}
