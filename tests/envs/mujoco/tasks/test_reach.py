import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.envs.mujoco.tasks.reach import ROOMS, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/reach"


class Sweep:
    """To and fro through the target along y, at full speed."""

    def __init__(self):
        self.way = np.ones(len(CHEATED))

    def __call__(self, o):
        x, y, z = (o[f"tip_to_target.{axis}"] for axis in "xyz")
        self.way = np.where(y > 0.08, 1.0, np.where(y < -0.08, -1.0, self.way))
        near = np.abs(np.clip(20 * x, -1, 1)) + np.abs(np.clip(20 * z, -1, 1)) < 0.4
        return np.stack([np.clip(20 * x, -1, 1), np.where(near, self.way, 0), np.clip(20 * z, -1, 1)], axis=1)


def above(o):
    """5 cm above the target."""
    offset = np.stack([o[f"tip_to_target.{axis}"] for axis in "xyz"], axis=1) + np.array([0.0, 0.0, 0.05])
    return np.clip(10 * offset, -1, 1)


def still(o):
    return np.zeros((len(o["tip.x"]), 3))


@pytest.mark.parametrize("robot", ROOMS)
def test_expert_reaches_the_targets(robot):
    assert solved(run(TASK, HELD_OUT, robot=robot)) >= 38


@pytest.mark.parametrize("cheat", [Sweep(), above, still], ids=["sweep", "above", "still"])
@pytest.mark.parametrize("robot", ROOMS)
def test_cheaters_do_not(robot, cheat):
    assert solved(run(TASK, CHEATED, cheat, robot=robot)) == 0


def test_sweeping_touches_the_target():
    """The rule is what defeats that cheater."""
    assert solved(run(TASK, CHEATED, Sweep()), "any") >= 10


@pytest.mark.parametrize("robot", ROOMS)
def test_numpy_and_torch_agree(robot):
    check_torch_agrees(task(robot), states(TASK, [1, 2, 3], [0, 10, 40], robot=robot))


def test_sparse_reward_is_success():
    episodes = run(TASK, range(5), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


def test_dense_reward_rises_on_the_way():
    for episode in run(TASK, range(5)):
        assert episode.reward[-1] > 0.9 > episode.reward[0]


@pytest.mark.parametrize("robot", ROOMS)
def test_numbers_are_what_their_names_say(robot):
    env = make(TASK, 8, robot=robot)
    observation = env.reset(np.arange(8), np.arange(8))
    tip, around = observation[STATE][:, -3:], observation[ENVIRONMENT_STATE]
    np.testing.assert_allclose(around[:, :3] - tip, around[:, 3:6], atol=1e-6)
    room = ROOMS[robot]
    distance = np.hypot(around[:, 0], around[:, 1])
    assert ((distance > room.radius[0] - 1e-6) & (distance < room.radius[1] + 1e-6)).all()
    assert ((around[:, 2] > room.height[0] - 1e-6) & (around[:, 2] < room.height[1] + 1e-6)).all()


def test_target_stays_where_it_is():
    episode = run(TASK, [3])[0]
    target = episode.observation[ENVIRONMENT_STATE][:, :3]
    np.testing.assert_allclose(target, np.broadcast_to(target[0], target.shape), atol=1e-6)


def test_unknown_robot_and_reward_are_named():
    with pytest.raises(UnknownNameError, match="so100"):
        make(TASK, robot="so10")
    with pytest.raises(UnknownNameError, match="sparse"):
        make(TASK, reward="spars")
