import numpy as np
import pytest

from lerobot_sim import make, make_policy
from lerobot_sim.envs.mujoco.tasks.stack import LAYOUTS, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco import stack as expert
from lerobot_sim.spec import ENVIRONMENT_STATE

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/stack"


def cheater(robot, change):
    """The expert, whose action is changed by `change` (named numbers, action, stacked) -> action."""
    way = expert.WAYS[robot]
    return lambda o: change(o, expert._decide(o, way), o["stacked"] > 0.5)


def hold(o, action, stacked):
    """Puts the cube in its place and never lets go."""
    action[stacked] = [0, 0, 0, 0, -1]
    return action


def pin(o, action, stacked):
    """Lets go of it and stays around it."""
    action[stacked] = [0, 0, 0, 0, 1]
    return action


def drop(o, action, stacked):
    """Lets it fall from where it was lifted to."""
    action[(o["red_cube.z"] > 0.03) & (o["grasped"] > 0.5), -1] = 1.0
    return action


def fling(o, action, stacked):
    """Throws it at the green one from as far away as it lies."""
    offset = np.stack([o["red_to_green_top.x"], o["red_to_green_top.y"]], axis=1)
    held, high = o["grasped"] > 0.5, o["red_cube.z"] > 0.035
    up = np.broadcast_to([0.0, 0.0, 1.0, 0.0, -1.0], action.shape)
    throw = np.concatenate(
        [np.sign(offset), np.ones((len(offset), 1)), np.zeros((len(offset), 1)), [[1.0]] * len(offset)], axis=1
    )
    return np.where(held[:, None], np.where(high[:, None], throw, up), action)


def beside(o, action, stacked):
    """Lays it down where it is."""
    held = o["grasped"] > 0.5
    action[held] = [0, 0, -0.3, 0, 1]
    return action


def still(o, action, stacked):
    return np.zeros_like(action)


@pytest.mark.parametrize("robot", LAYOUTS)
def test_expert_stacks_the_cubes(robot):
    assert solved(run(TASK, HELD_OUT, robot=robot)) >= 38


@pytest.mark.parametrize("cheat", [hold, pin, drop, fling, beside, still])
@pytest.mark.parametrize("robot", LAYOUTS)
def test_cheaters_do_not(robot, cheat):
    assert solved(run(TASK, CHEATED, cheater(robot, cheat), robot=robot)) == 0


@pytest.mark.parametrize("robot", LAYOUTS)
@pytest.mark.parametrize("cheat", [hold, pin])
def test_those_who_do_not_leave_had_it_in_place(robot, cheat):
    """What they lack is only the hand's leaving."""
    episodes = run(TASK, CHEATED, cheater(robot, cheat), robot=robot)
    names = make(TASK, robot=robot).spec.observation[ENVIRONMENT_STATE].names
    stacked = [episode.observation[ENVIRONMENT_STATE][-1, names.index("stacked")] for episode in episodes]
    assert np.mean(stacked) > 0.8


@pytest.mark.parametrize("robot", LAYOUTS)
def test_numpy_and_torch_agree(robot):
    found = states(TASK, [1, 2, 3], [0, 20, 35, 55, 120], robot=robot)
    check_torch_agrees(task(robot), found)


def test_sparse_reward_is_success():
    episodes = run(TASK, range(5), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


def test_dense_reward_rises_with_the_stages():
    for episode in run(TASK, range(5)):
        assert episode.reward[-1] > 0.75 > 0.5 > episode.reward[0]


@pytest.mark.parametrize("robot", LAYOUTS)
def test_cubes_rest_at_the_start_and_lie_apart(robot):
    env = make(TASK, 16, robot=robot)
    lanes = np.arange(16)
    start = env.reset(lanes, lanes)[ENVIRONMENT_STATE]
    policy = make_policy("random", env.spec)
    policy.reset(lanes, lanes)
    later = env.step(np.zeros((16, 5), np.float32), np.ones(16, np.bool_)).observation[ENVIRONMENT_STATE]
    np.testing.assert_allclose(later[:, :6], start[:, :6], atol=5e-4)
    assert np.hypot(*(start[:, :2] - start[:, 3:5]).T).min() > 0.08


def test_unknown_robot_and_reward_are_named():
    with pytest.raises(UnknownNameError, match="so100"):
        make(TASK, robot="aloha")
    with pytest.raises(UnknownNameError, match="sparse"):
        make(TASK, reward="spars")
