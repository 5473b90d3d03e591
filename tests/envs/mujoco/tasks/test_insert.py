import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.envs.mujoco.tasks.insert import BOTTOM, SIZES, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco import insert as expert
from lerobot_sim.spec import ENVIRONMENT_STATE

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/insert"


def cheater(robot, change):
    """The expert, whose action is changed by `change` (named numbers, action, held) -> action."""
    heights = expert.HEIGHTS[robot]
    return lambda o: change(o, expert._decide(o, heights), o["grasped"] > 0.5)


def hold(o, action, held):
    """Puts the peg down to the hole's bottom and never lets go."""
    near = np.hypot(o["peg_to_hole.x"], o["peg_to_hole.y"]) < 0.03
    action[near, -1] = -1.0
    within = (np.hypot(o["peg_to_hole.x"], o["peg_to_hole.y"]) < 0.007) & (-o["peg_to_hole.z"] < 0.012)
    action[within, 2:] = np.array([0.0, 0.0, -1.0])
    action[within & (o["peg_to_hole.z"] < -0.003), 2] = -0.1
    return action


def hover(o, action, held):
    """Keeps the peg over the block."""
    action[held, 2] = np.clip((0.06 + o["peg_to_hole.z"]) / 0.1, -0.2, 0.5)[held]
    action[held, -1] = -1.0
    return action


def lean(o, action, held):
    """Sets the peg down on the block, beside the hole."""
    heights = expert.HEIGHTS["panda" if "joint7.pos" in o else "so100"]
    action = expert._decide({**o, "peg_to_hole.x": o["peg_to_hole.x"] + 0.025}, heights)
    beside = np.hypot(o["peg_to_hole.x"] + 0.025, o["peg_to_hole.y"]) < 0.004
    action[held & beside & (-o["peg_to_hole.z"] < heights.top + 0.003)] = [0, 0, 0, 0, 1]
    return action


def drop(o, action, held):
    """Lets the peg fall where it was lifted."""
    action[held & (o["peg_to_hole.z"] < -0.01), -1] = 1.0
    return action


def fling(o, action, held):
    """Throws the peg at the block."""
    high = held & (o["peg_to_hole.z"] < -0.015)
    towards = np.stack([np.sign(o["peg_to_hole.x"]), np.sign(o["peg_to_hole.y"])], axis=1)
    action[high, :2] = towards[high]
    action[high & (np.hypot(o["peg_to_hole.x"], o["peg_to_hole.y"]) < 0.12), -1] = 1.0
    return action


def still(o, action, held):
    return np.zeros_like(action)


@pytest.mark.parametrize("robot", SIZES)
def test_expert_inserts_the_peg(robot):
    assert solved(run(TASK, HELD_OUT, robot=robot)) >= 38


@pytest.mark.parametrize("cheat", [hold, hover, lean, drop, fling, still])
@pytest.mark.parametrize("robot", SIZES)
def test_cheaters_do_not(robot, cheat):
    assert solved(run(TASK, CHEATED, cheater(robot, cheat), robot=robot)) == 0


def test_who_holds_it_had_it_in_the_hole():
    episodes = run(TASK, CHEATED, cheater("panda", hold), robot="panda")
    down = make(TASK).spec.observation[ENVIRONMENT_STATE].names.index("peg_to_hole.z")
    assert np.mean([abs(episode.observation[ENVIRONMENT_STATE][-1, down]) < BOTTOM for episode in episodes]) > 0.8


@pytest.mark.parametrize("robot", SIZES)
def test_numpy_and_torch_agree(robot):
    check_torch_agrees(task(robot), states(TASK, [1, 2, 3], [0, 20, 35, 60, 120], robot=robot))


def test_sparse_reward_is_success():
    episodes = run(TASK, range(5), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


@pytest.mark.parametrize("robot", SIZES)
def test_the_peg_stands_at_the_start(robot):
    env = make(TASK, 16, robot=robot, threads=1)
    lanes = np.arange(16)
    start = env.reset(lanes, lanes)[ENVIRONMENT_STATE]
    later = env.step(np.zeros((16, 5), np.float32), np.ones(16, np.bool_)).observation[ENVIRONMENT_STATE]
    np.testing.assert_allclose(later[:, :3], start[:, :3], atol=5e-4)
    assert start[:, env.spec.observation[ENVIRONMENT_STATE].names.index("upright")].min() > 0.999


def test_unknown_robot_and_reward_are_named():
    with pytest.raises(UnknownNameError, match="so100"):
        make(TASK, robot="aloha")
    with pytest.raises(UnknownNameError, match="sparse"):
        make(TASK, reward="spars")
