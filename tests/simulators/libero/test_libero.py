"""LIBERO behind the contract: starts, pictures, lanes on one stage, faults, offline."""

import contextlib
import json
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.simulators import libero
from lerobot_sim.spec import Camera
from lerobot_sim.testing import CHECKS
from tests.simulators.conftest import needs
from tests.simulators.peers import contract_there, ours, run_there

MODULE = "lerobot_sim.simulators.libero"
EXPERT = "lerobot_sim.experts.libero"
THERE = Path(__file__).with_name("there.py")
SMALL = {"front": Camera(height=48, width=64), "wrist": Camera(height=32, width=32)}
FIVE = tuple(tuple(CHECKS)[start::5] for start in range(5))
"""All checks in five parts: under pytest's time limit for one test."""
MOST = ("lanes_are_independent", "restore_goes_on_exactly", "seed_decides_the_episode", "pictures_show_the_state")
pytestmark = [needs("libero", MODULE), pytest.mark.timeout(900)]  # on a busy machine a scene takes minutes


def broken(found):
    return {name: words for name, words in found.items() if words}


@pytest.mark.slow
@pytest.mark.parametrize("names", FIVE, ids=range(5))
def test_the_whole_contract_is_kept(names):
    assert not broken(contract_there(MODULE, "libero_object-0", *names, expert=EXPERT))


@pytest.mark.slow
@pytest.mark.parametrize("task", ["libero_spatial-4", "libero_goal-7", "libero_10-2", "libero_90-0"])
@pytest.mark.parametrize("name", MOST)
def test_the_contract_is_kept_in_every_suite(task, name):
    assert not broken(contract_there(MODULE, task, name))


@pytest.mark.slow
def test_the_contract_is_kept_where_libero_draws_the_starts():
    names = ("seed_decides_the_episode", "seeds_differ", "restore_goes_on_exactly", "instances_are_separate")
    assert not broken(contract_there(MODULE, "libero_spatial-4", *names, init_states=False))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["arrays_match_the_spec", "restore_goes_on_exactly", "params_stay_in_their_lane"])
def test_the_contract_is_kept_in_a_process_of_its_own(name):
    CHECKS[name](lambda num_envs: ours(MODULE, "libero_goal-0", num_envs))


@pytest.fixture(scope="module")
def env():
    made = ours(MODULE, "libero_goal-0", 2)
    yield made
    made.close()


def same(first, second, lane=0, other=0):
    return all(np.array_equal(value[lane], second[key][other]) for key, value in first.items())


def test_an_initial_state_is_the_same_start_whatever_the_seed(env):
    params = {"init_state": np.array([7.0, 8.0])}
    first = env.reset([0, 1], [3, 3], params)
    assert same(first, env.reset([0, 1], [2**40, -9], params))
    assert not same(first, first, 0, 1)
    assert same(first, env.reset([0, 1], [0, 57]), 0, 1)  # seed 57 of 50 states
    assert env.instructions[0] == "open the middle drawer of the cabinet"


@pytest.mark.parametrize("init_states", [True, False])
def test_the_guides_call_as_it_stands_begins_with_the_seed_that_it_names(init_states):
    guide = {"image_size": (224, 224), "cameras": ["agentview_image", "robot0_eye_in_hand_image"]}
    with contextlib.ExitStack() as opened:
        first, other = (
            opened.enter_context(
                contextlib.closing(
                    libero.create_env(task_suite="libero_10", task_id=0, init_states=init_states, **guide, **seed)
                )
            )
            for seed in ({"seed": 42}, {})
        )
        begun = first.reset([0], [0])
        assert same(begun, other.reset([0], [42]))
        assert not same(begun, other.reset([0], [0]))
        first.reset([0], [2**63 - 1])
        assert {name: camera.height for name, camera in first.spec.cameras.items()} == {"front": 224, "wrist": 224}


def test_initial_states_are_from_0_to_49(env):
    with pytest.raises(InputError, match="init_state"):
        env.reset([0], [0], {"init_state": np.array([50.0])})


def test_pictures_are_right_side_up_and_of_their_lane(env):
    env.reset([0, 1], [0, 1])
    both = env.render(SMALL)
    assert {name: picture.shape for name, picture in both.items()} == {"front": (2, 48, 64, 3), "wrist": (2, 32, 32, 3)}
    np.testing.assert_array_equal(env.render(SMALL, [1])["front"][0], both["front"][1])
    assert (both["front"][0] != both["front"][1]).any()
    wide = env.render({"front": Camera(height=128, width=128)}, [0])["front"][0].astype(float).mean(axis=2)
    assert wide[:25, 50:80].std() > wide[100:, 50:80].std()  # the white robot against the wall is at the top


def test_pictures_can_be_mirrored_as_in_lerobots_datasets(env):
    other = ours(MODULE, "libero_goal-0", mirrored=True, cameras=["front"])
    other.reset([0], [5])
    picture = other.render({"front": SMALL["front"]})["front"][0]
    other.close()
    env.reset([0], [5])
    np.testing.assert_array_equal(picture[:, ::-1], env.render(SMALL, [0])["front"][0])


def test_explain_says_the_start_and_what_is_missing(env):
    env.reset([0, 1], [4, 5])
    row = env.step(np.zeros((2, 7), np.float32), np.array([True, False]))
    assert env.explain(0).endswith("Initial state 4. Not yet: open wooden_cabinet_1_middle_region.")
    assert row.metrics["goals_met"][0] == 0


def seen(env, row, *names):
    every = env.spec.observation["observation.environment_state"].names
    return row.observation["observation.environment_state"][0, [every.index(name) for name in names]]


def test_the_goals_distance_is_that_of_the_drawer_from_where_it_is_open(env):
    """It goes from 0 (closed) to -0.16 m, and LIBERO calls it open beyond -0.14."""
    env.reset([0], [4])
    row = env.step(np.zeros((2, 7), np.float32), np.array([True, False]))
    (drawer,) = seen(env, row, "wooden_cabinet_1_middle_level")
    assert row.metrics["goal_distance"][0] == pytest.approx(0.14 + drawer, abs=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("task", ["libero_spatial-0", "libero_90-39"])
def test_the_goals_distance_is_that_of_the_bowl_from_the_plate_and_of_the_knob_from_off(task):
    env = ours(MODULE, task)
    env.reset([0], [0])
    row = env.step(np.zeros((1, 7), np.float32), np.array([True]))
    if task == "libero_90-39":
        (expected,) = seen(env, row, "flat_stove_1_button")  # off is 0
    else:
        places = [seen(env, row, *(f"{thing}.{axis}" for axis in "xyz")) for thing in ("akita_black_bowl_1", "plate_1")]
        expected = np.linalg.norm(places[0] - places[1])
    env.close()
    assert row.metrics["goal_distance"][0] == pytest.approx(expected, abs=1e-3)
    assert expected > 0.1


@pytest.mark.slow
def test_a_torn_step_costs_its_lane_alone():
    found = json.loads(run_there(MODULE, THERE, "fault").splitlines()[-1])
    assert found["ends"] == [found["fault"], 0]
    assert found["other"], "the other lane went another way"
    assert found["same"], "the lane did not begin again as it should"
    assert "torn in the midst of a step" in found["words"]


def test_it_runs_offline_never_asks_and_takes_its_own_paths(tmp_path):
    found = json.loads(run_there(MODULE, THERE, "offline", tmp_path).splitlines()[-1])
    assert found["written"] == []
    assert found["paths"].endswith("libero/paths")
