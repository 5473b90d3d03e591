import numpy as np
import pytest

from lerobot_sim.envs.mujoco.tasks.lift import SIZES, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco.lift import LIFT_TO, decide

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/lift"


def still(o):
    return np.zeros((len(o["tip.x"]), 5))


def hover(o):
    """The closed hand over the cube."""
    offset = np.stack([o[f"tip_to_cube.{axis}"] for axis in "xyz"], axis=1) + np.array([0.0, 0.0, 0.08])
    return np.concatenate([np.clip(10 * offset, -1, 1), np.zeros((len(offset), 1)), -np.ones((len(offset), 1))], axis=1)


def pin(o):
    """The closed hand on the cube, pressing it to the table."""
    offset = np.stack([o[f"tip_to_cube.{axis}"] for axis in "xyz"], axis=1)
    return np.concatenate([np.clip(10 * offset, -1, 1), np.zeros((len(offset), 1)), -np.ones((len(offset), 1))], axis=1)


class Drop:
    """Lifts like the expert, and lets go as soon as the cube is up."""

    def __init__(self, robot):
        self.robot = robot
        self.dropped = np.zeros(len(CHEATED), bool)

    def __call__(self, o):
        self.dropped |= o["cube.z"] > SIZES[self.robot].half_edge + SIZES[self.robot].lifted
        action = decide(o, LIFT_TO[self.robot])
        return np.where(self.dropped[:, None], np.array([0, 0, 0, 0, 1.0]), action)


class Fling(Drop):
    """Grasps, rises at full speed and opens on the way."""

    def __call__(self, o):
        self.dropped |= o["cube.z"] > SIZES[self.robot].half_edge + 0.5 * SIZES[self.robot].lifted
        action = decide(o, LIFT_TO[self.robot])
        action = np.where((o["grasped"] > 0.5)[:, None], np.array([0, 0, 1.0, 0, -1.0]), action)
        return np.where(self.dropped[:, None], np.array([0, 0, 1.0, 0, 1.0]), action)


@pytest.mark.parametrize("robot", SIZES)
def test_expert_lifts_the_cube(robot):
    assert solved(run(TASK, HELD_OUT, robot=robot)) >= 38


@pytest.mark.parametrize("cheat", [still, hover, pin])
def test_cheaters_do_not(cheat):
    assert solved(run(TASK, CHEATED, cheat)) == 0


@pytest.mark.parametrize("cheat", [Drop, Fling])
@pytest.mark.parametrize("robot", ["panda", "so100"])
def test_a_cube_that_does_not_stay_up_is_not_lifted(robot, cheat):
    episodes = run(TASK, CHEATED, cheat(robot), robot=robot)
    assert solved(episodes) == 0
    assert max(episode.metrics["height"].max() for episode in episodes) > 0.5 * SIZES[robot].lifted


@pytest.mark.parametrize("robot", ["panda", "so100"])
def test_numpy_and_torch_agree(robot):
    check_torch_agrees(task(robot), states(TASK, [1, 2, 3], [0, 20, 45], robot=robot))


def test_sparse_reward_is_success():
    episodes = run(TASK, range(4), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


def test_other_robots_are_refused():
    with pytest.raises(UnknownNameError, match="panda"):
        task("pandas")


def test_continuing_in_the_middle_of_a_grasp_is_exact():
    from lerobot_sim import make, make_policy

    env, other = make(TASK, 3), make(TASK, 300, threads=1)  # 300: without an MjData a lane
    expert, lanes, active = make_policy("expert", env.spec), np.arange(3), np.ones(3, bool)
    observation = env.reset(lanes, lanes)
    expert.reset(lanes, lanes)
    for _ in range(22):
        observation = env.step(expert.act(observation, active).action, active).observation
    there = np.array([7, 100, 299])
    other.reset(np.arange(300), np.arange(300))
    other.set_state(there, env.get_state(lanes))
    moving = np.isin(np.arange(300), there)
    held = np.zeros(3, bool)
    for _ in range(30):
        action = expert.act(observation, active).action
        step = env.step(action, active)
        spread = np.zeros((300, 5), np.float32)
        spread[there] = action
        same = other.step(spread, moving)
        for name, value in step.observation.items():
            np.testing.assert_array_equal(same.observation[name][there], value)
        np.testing.assert_array_equal(same.reward[there], step.reward)
        held |= step.success
        observation = step.observation
    assert held.all()
