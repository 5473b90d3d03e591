import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.envs.mujoco.tasks.push import LAYOUTS, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco import push as expert
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/push"


def cheater(robot, change):
    """The expert, whose action is changed by `change` (named numbers, action, way) -> action."""
    way = expert.WAYS[robot]
    return lambda o: change(o, expert._decide(o, way), way)


def _ahead(o):
    left = np.stack([o["puck_to_mark.x"], o["puck_to_mark.y"]], axis=1)
    return left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-6)


def stay(o, action, way):
    """Pushes the puck onto the mark and keeps the fingers at it."""
    action[np.hypot(o["puck_to_mark.x"], o["puck_to_mark.y"]) < way.there + 0.007] = 0.0
    return action


class Fling:
    """Takes a run, hits the puck with all its might, and draws back for good."""

    def __init__(self):
        self.runs, self.hit = np.zeros(len(CHEATED), np.bool_), np.zeros(len(CHEATED), np.bool_)
        self.way, self.place = np.zeros((len(CHEATED), 2)), np.zeros((len(CHEATED), 2))

    def __call__(self, o, action, way):
        puck = np.stack([o["puck.x"], o["puck.y"]], axis=1)
        starts = (o["tip.z"] < way.low + 0.012) & (o["fingers_from_puck.along"] < -way.contact) & ~self.runs
        self.way[starts], self.place[starts] = _ahead(o)[starts], puck[starts]
        self.runs |= starts
        self.hit |= self.runs & (np.linalg.norm(puck - self.place, axis=1) > 0.003)
        action[self.runs] = np.insert(self.way[self.runs], 2, 0.0, axis=1)
        action[self.hit] = np.insert(-self.way[self.hit], 2, 1.0, axis=1)
        return action


def press(o, action, way):
    """Presses on the puck from above and drags it."""
    over = np.hypot(o["fingers_to_puck.x"], o["fingers_to_puck.y"]) < 0.01
    action[:, 0], action[:, 1] = 20 * o["fingers_to_puck.x"], 20 * o["fingers_to_puck.y"]
    action[:, 2] = np.where(over, -0.5, 5 * (way.high - o["tip.z"]))
    pressing = over & (o["tip.z"] < way.high - 0.01)
    action[pressing, :2] += 0.3 * _ahead(o)[pressing]
    return np.clip(action, -1, 1)


def hover(o, action, way):
    """Over the mark, and never at the puck."""
    x, y = (o[f"fingers_to_puck.{axis}"] + o[f"puck_to_mark.{axis}"] for axis in "xy")
    return np.clip(np.stack([10 * x, 10 * y, 10 * (way.high - o["tip.z"])], axis=1), -1, 1)


def still(o, action, way):
    return np.zeros_like(action)


@pytest.mark.parametrize("robot", LAYOUTS)
def test_expert_pushes_the_puck_onto_the_mark(robot):
    assert solved(run(TASK, HELD_OUT, robot=robot)) >= 38


@pytest.mark.parametrize("cheat", [stay, Fling, press, hover, still])
@pytest.mark.parametrize("robot", LAYOUTS)
def test_cheaters_do_not(robot, cheat):
    change = cheat() if isinstance(cheat, type) else cheat
    assert solved(run(TASK, CHEATED, cheater(robot, change), robot=robot)) == 0


@pytest.mark.parametrize("robot", LAYOUTS)
def test_who_stays_has_the_puck_on_the_mark(robot):
    """What that cheater lacks is only the hand's leaving."""
    episodes = run(TASK, CHEATED, cheater(robot, stay), robot=robot)
    assert np.mean([episode.metrics["distance"][-1] < LAYOUTS[robot].near for episode in episodes]) > 0.8


@pytest.mark.parametrize("robot", LAYOUTS)
def test_numpy_and_torch_agree(robot):
    check_torch_agrees(task(robot), states(TASK, [1, 2, 3], [0, 20, 40, 140], robot=robot))


def test_sparse_reward_is_success():
    episodes = run(TASK, range(5), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


def test_dense_reward_rises_with_the_stages():
    for episode in run(TASK, range(5)):
        assert episode.reward[-1] > 0.7 > 0.5 > episode.reward[0]


@pytest.mark.parametrize("robot", LAYOUTS)
def test_puck_rests_at_the_start_and_the_gripper_is_closed(robot):
    env = make(TASK, 16, robot=robot)
    lanes = np.arange(16)
    start = env.reset(lanes, lanes)
    later = env.step(np.zeros((16, 3), np.float32), np.ones(16, np.bool_)).observation
    np.testing.assert_allclose(later[ENVIRONMENT_STATE][:, :3], start[ENVIRONMENT_STATE][:, :3], atol=5e-4)
    for observation in (start, later):
        assert np.abs(observation[STATE][:, -4]).max() < 0.02
    way = np.hypot(*start[ENVIRONMENT_STATE][:, 6:8].T)
    low, high = LAYOUTS[robot].way
    assert low - 1e-6 < way.min() < way.max() < high + 1e-6


def test_unknown_robot_and_reward_are_named():
    with pytest.raises(UnknownNameError, match="so100"):
        make(TASK, robot="aloha")
    with pytest.raises(UnknownNameError, match="sparse"):
        make(TASK, reward="spars")
