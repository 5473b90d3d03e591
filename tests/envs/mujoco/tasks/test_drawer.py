import numpy as np
import pytest

from lerobot_sim import make
from lerobot_sim.envs.mujoco.tasks.drawer import HEIGHT, task
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.experts.mujoco import drawer as expert
from lerobot_sim.spec import ENVIRONMENT_STATE

from .trials import CHEATED, HELD_OUT, check_torch_agrees, run, solved, states

TASK = "mujoco/drawer"


def cheater(change):
    """The expert, whose action is changed by `change` (named numbers, action, held) -> action."""
    return lambda o: change(o, expert._decide(o), o["grasped"] > 0.5)


def hold(o, action, held):
    """Puts the cube on the drawer's bottom and never lets go."""
    there = (np.hypot(o["cube_to_drawer.x"], o["cube_to_drawer.y"]) < 0.02) & (np.abs(o["cube_to_drawer.z"]) < 0.008)
    action[there] = [0, 0, 0, 0, -1]
    return action


def hover(o, action, held):
    """Stays over the open drawer with the cube."""
    action[held, 2] = np.clip((0.06 + o["cube_to_drawer.z"]) / 0.1, -0.2, 0.5)[held]
    action[held, -1] = -1.0
    return action


def shut(o, action, held):
    """Leaves the drawer shut and puts the cube on the cabinet."""
    return expert._decide({**o, "drawer.pos": np.full_like(o["drawer.pos"], 0.118)})


def drop(o, action, held):
    """Lets the cube fall where it was lifted."""
    action[held & (o["cube_to_drawer.z"] < -0.01), -1] = 1.0
    return action


def fling(o, action, held):
    """Throws the cube away from the cabinet."""
    high = held & (o["cube_to_drawer.z"] < -0.02)
    action[high, :2] = -np.sign(np.stack([o["cube_to_drawer.x"], o["cube_to_drawer.y"]], axis=1))[high]
    action[held & (o["cube_to_drawer.z"] < -0.03), -1] = 1.0
    return action


def only_open(o, action, held):
    """Opens the drawer and rests."""
    action[o["drawer.pos"] > 0.1] = 0.0
    return action


def still(o, action, held):
    return np.zeros_like(action)


def test_expert_puts_the_cube_into_the_drawer():
    assert solved(run(TASK, HELD_OUT)) >= 38


@pytest.mark.parametrize("cheat", [hold, hover, shut, drop, fling, only_open, still])
def test_cheaters_do_not(cheat):
    assert solved(run(TASK, CHEATED, cheater(cheat))) == 0


def test_who_holds_it_had_it_inside():
    episodes = run(TASK, CHEATED, cheater(hold))
    inside = make(TASK).spec.observation[ENVIRONMENT_STATE].names.index("inside")
    assert np.mean([episode.observation[ENVIRONMENT_STATE][-1, inside] for episode in episodes]) > 0.8


def test_the_cube_on_the_shut_cabinet_is_not_inside():
    episodes = run(TASK, range(100, 106), cheater(shut))
    names = make(TASK).spec.observation[ENVIRONMENT_STATE].names
    for episode in episodes:
        around = episode.observation[ENVIRONMENT_STATE]
        assert around[:, names.index("cube.z")].max() > HEIGHT
        assert not around[:, names.index("inside")].any()


def test_the_drawer_stays_where_it_is_left():
    for episode in run(TASK, range(5)):
        names = make(TASK).spec.observation[ENVIRONMENT_STATE].names
        opened = episode.observation[ENVIRONMENT_STATE][:, names.index("drawer.pos")]
        assert opened[0] == 0.0
        assert opened[-60:].min() > 0.1
        assert np.ptp(opened[-60:]) < 1e-3


def test_numpy_and_torch_agree():
    check_torch_agrees(task(), states(TASK, [1, 2, 3], [0, 20, 50, 90, 130, 180]))


def test_sparse_reward_is_success():
    episodes = run(TASK, range(5), reward="sparse")
    assert any(episode.success.any() for episode in episodes)
    for episode in episodes:
        np.testing.assert_array_equal(episode.reward, episode.success.astype(np.float32))


def test_things_rest_at_the_start():
    env = make(TASK, 16, threads=1)
    lanes = np.arange(16)
    start = env.reset(lanes, lanes)[ENVIRONMENT_STATE][:, :4]
    later = env.step(np.zeros((16, 5), np.float32), np.ones(16, np.bool_)).observation[ENVIRONMENT_STATE][:, :4]
    np.testing.assert_allclose(later, start, atol=5e-4)


def test_unknown_robot_and_reward_are_named():
    with pytest.raises(UnknownNameError, match="panda"):
        make(TASK, robot="aloha")
    with pytest.raises(UnknownNameError, match="sparse"):
        make(TASK, reward="spars")
