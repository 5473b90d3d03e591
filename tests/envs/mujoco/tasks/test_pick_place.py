import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.envs.mujoco.tasks.pick_place import SIZES, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco import pick_place as expert
from lerobot_sim.spec import ENVIRONMENT_STATE

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/pick-place"


def cheater(robot, change):
    """The expert, whose action is changed by `change` (named numbers, action, held) -> action."""
    carry = expert.CARRY[robot]
    return lambda o: change(o, expert._decide(o, carry), o["grasped"] > 0.5)


def hold(o, action, held):
    """Puts the cube on the bin's floor and never lets go."""
    there = (o["inside"] > 0.5) & (np.hypot(o["cube_to_bin.x"], o["cube_to_bin.y"]) < 0.02)
    action[there & (o["cube_to_bin.z"] > -0.006)] = [0, 0, 0, 0, -1]
    return action


def hover(o, action, held):
    """Stays over the bin with the cube."""
    carried = held | ((np.abs(o["tip_to_cube.z"]) < 0.01) & (o["cube_to_bin.z"] < -0.01))
    action[carried, 2] = np.clip((0.035 + o["cube_to_bin.z"]) / 0.1, -0.2, 0.5)[carried]
    action[carried, -1] = -1.0
    return action


def drop(o, action, held):
    """Lets the cube fall where it was lifted."""
    action[held & (o["cube_to_bin.z"] < -0.01), -1] = 1.0
    return action


def fling(o, action, held):
    """Throws the cube the other way."""
    away = np.stack([-np.sign(o["cube_to_bin.x"]), -np.sign(o["cube_to_bin.y"])], axis=1)
    high = held & (o["cube_to_bin.z"] < -0.015)
    action[high, :2] = away[high]
    action[held & (o["cube_to_bin.z"] < -0.025), -1] = 1.0
    return action


def push(o, action, held):
    """Shoves the cube towards the bin with closed fingers."""
    action[:, -1] = -1.0
    behind = np.hypot(o["tip_to_cube.x"], o["tip_to_cube.y"]) < 0.03
    action[behind, 0], action[behind, 1] = np.sign(o["cube_to_bin.x"])[behind], np.sign(o["cube_to_bin.y"])[behind]
    return action


def still(o, action, held):
    return np.zeros_like(action)


@pytest.mark.parametrize("robot", SIZES)
def test_expert_puts_the_cube_into_the_bin(robot):
    assert solved(run(TASK, HELD_OUT, robot=robot)) >= 38


@pytest.mark.parametrize("cheat", [hold, hover, drop, fling, push, still])
@pytest.mark.parametrize("robot", SIZES)
def test_cheaters_do_not(robot, cheat):
    assert solved(run(TASK, CHEATED, cheater(robot, cheat), robot=robot)) == 0


@pytest.mark.parametrize("robot", SIZES)
def test_who_holds_it_had_it_inside(robot):
    episodes = run(TASK, CHEATED, cheater(robot, hold), robot=robot)
    inside = make(TASK, robot=robot).spec.observation[ENVIRONMENT_STATE].names.index("inside")
    assert np.mean([episode.observation[ENVIRONMENT_STATE][-1, inside] for episode in episodes]) > 0.8


@pytest.mark.parametrize("robot", SIZES)
def test_numpy_and_torch_agree(robot):
    check_torch_agrees(task(robot), states(TASK, [1, 2, 3], [0, 20, 35, 55, 120], robot=robot))


def test_sparse_reward_is_success():
    episodes = run(TASK, range(5), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


def test_the_bin_stands_fast():
    """Fingers that press on its wall with all their might do not move it."""
    env = make(TASK, 4, robot="panda", threads=1)
    lanes = np.arange(4)
    names = env.spec.observation[ENVIRONMENT_STATE].names
    columns = [names.index(f"tip_to_bin.{axis}") for axis in "xyz"]
    tip = [env.spec.observation["observation.state"].names.index(f"tip.{axis}") for axis in "xyz"]
    observation = env.reset(lanes, lanes)
    places = []
    for _ in range(60):
        to_bin = observation[ENVIRONMENT_STATE][:, columns]
        places.append(to_bin + observation["observation.state"][:, tip])
        move = np.clip((to_bin + np.array([0.075, 0.0, 0.0])) / 0.05, -1, 1)
        action = np.concatenate([move, 0 * move[:, :1], 0 * move[:, :1] - 1], axis=1).astype(np.float32)
        observation = env.step(action, np.ones(4, np.bool_)).observation
    assert np.abs(to_bin[:, 2]).max() > 0.01
    np.testing.assert_allclose(places[-1], places[0], atol=2e-5)


@pytest.mark.parametrize("robot", SIZES)
def test_things_rest_at_the_start(robot):
    env = make(TASK, 16, robot=robot)
    lanes = np.arange(16)
    start = env.reset(lanes, lanes)[ENVIRONMENT_STATE][:, :3]
    later = env.step(np.zeros((16, 5), np.float32), np.ones(16, np.bool_)).observation[ENVIRONMENT_STATE][:, :3]
    np.testing.assert_allclose(later, start, atol=5e-4)


def test_unknown_robot_and_reward_are_named():
    with pytest.raises(UnknownNameError, match="so100"):
        make(TASK, robot="aloha")
    with pytest.raises(UnknownNameError, match="sparse"):
        make(TASK, reward="spars")
