"""gym-aloha behind the contract, and against its own interface."""

import json
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.experts import aloha as expert
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import aloha
from lerobot_sim.spec import Camera
from tests.simulators.conftest import needs
from tests.simulators.peers import (
    catalogue_there,
    contract_there,
    episode_here,
    episodes_there,
    ours,
)

MODULE = "lerobot_sim.simulators.aloha"
PEER = Path(__file__).with_name("peer.py")
STATE, PLACE = "observation.state", "observation.environment_state"
START = np.array([0, -0.96, 1.16, 0, -0.3, 0, 0.1] * 2, np.float32)
pytestmark = needs("aloha", MODULE)


def waving(count):
    """Joint positions that move about the start; some beyond what the actuators take."""
    t = np.arange(count)[:, None] / 10
    return (START + 0.4 * np.sin(t + np.arange(14)) * np.minimum(t, 1)).astype("f4")


@pytest.mark.slow
@pytest.mark.parametrize("solved", [False, True])
@pytest.mark.parametrize("task", aloha.tasks())
def test_a_hundred_steps_and_a_success_and_their_picture_are_gym_alohas(task, solved, tmp_path):
    env = ours(MODULE, task, obs_type="environment_state_agent_pos")
    actions = next(iter(rollout(env, expert.make(env.spec), [5]))).action if solved else waving(100)
    here = episode_here(env, 5, actions)
    there = episodes_there(MODULE, PEER, tmp_path, task=np.array(task), seed=np.array(5), actions=actions)
    np.testing.assert_array_equal(here[STATE], there["state"].astype("f4"))
    np.testing.assert_array_equal(here[PLACE], there["environment"].astype("f4"))
    np.testing.assert_array_equal(here["reward"], there["reward"].astype("f4"))
    np.testing.assert_array_equal(here["success"], there["success"])
    np.testing.assert_array_equal(here["end"] == End.TERMINATED, there["terminated"])
    np.testing.assert_array_equal(env.render({"top": Camera(height=480, width=640)})["top"][0], there["top"])
    assert len(here["reward"]) >= 100
    assert here["success"][-1] == solved
    assert solved or np.ptp(here[STATE], axis=0).min() > 0.01  # every joint has moved
    env.close()


def test_the_catalogue_is_gym_alohas():
    there = catalogue_there(MODULE, PEER)
    assert {aloha.resolve(name) for name in there["ids"]} == set(aloha.tasks())
    for task, found in there["tasks"].items():
        spec = aloha.spec(task, obs_type="environment_state_agent_pos")
        names = [name.replace("_arm_", ".") for name in found["joints"]]
        assert list(spec.observation[STATE].names) == list(spec.action.names) == names
        assert spec.observation[PLACE].shape == (found["environment"],)
        assert (spec.fps, spec.max_steps) == (found["fps"], found["max_steps"])
        assert set(aloha.CAMERAS) < set(found["cameras"])
        ranges = np.array(found["ranges"])
        for side in (0, 8):
            np.testing.assert_allclose(ranges[side : side + 6, 0], aloha.LOW[:6])
            np.testing.assert_allclose(ranges[side : side + 6, 1], aloha.HIGH[:6])
            closed, opened = found["gripper"]  # a gripper's 0 and 1 lie beyond what its fingers take
            assert closed < ranges[side + 6, 0] < ranges[side + 6, 1] < opened


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("task", "obs_type"), [("transfer-cube", "environment_state_agent_pos"), ("insertion", "pixels")]
)
def test_the_contract_is_kept(task, obs_type):
    found = contract_there(MODULE, task, expert="lerobot_sim.experts.aloha", obs_type=obs_type)
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.slow
@pytest.mark.parametrize("task", aloha.tasks())
def test_the_expert_succeeds(task):
    env = ours(MODULE, task, 2, obs_type="pixels")
    episodes = list(rollout(env, expert.make(env.spec), [0, 1, 2, -7]))
    env.close()
    assert [episode.success[-1] for episode in episodes] == [True] * 4
    for episode in episodes:
        assert np.abs(np.diff(episode.action[:, :6], axis=0)).max() < 0.12  # rad in 1/50 s


@pytest.mark.parametrize("task", aloha.tasks())
def test_the_expert_knows_what_the_seed_draws(task):
    env = ours(MODULE, task, 4, obs_type="environment_state_agent_pos")
    seeds = np.array([0, 5, 2**40, -3])
    place = env.reset(np.arange(4), seeds)[PLACE]
    env.close()
    ranges = {"transfer-cube": [[[0, 0.2], [0.4, 0.6]]]}.get(
        task, [[[0.1, 0.2], [0.4, 0.6]], [[-0.2, -0.1], [0.4, 0.6]]]
    )
    for index, known in enumerate(expert.drawn(seeds, *ranges)):
        np.testing.assert_allclose(known[:, :2], place[:, 7 * index : 7 * index + 2], atol=1e-6)


@pytest.mark.parametrize("side", ["left", "right"])
def test_the_arms_closed_form_is_its_own_inverse(side):
    rng = np.random.default_rng(1)
    tip = rng.uniform([-0.1, 0.4, 0.02], [0.1, 0.6, 0.3], (50, 3))
    pitch, roll = rng.uniform(0, 1, (2, 50))
    joints = expert.inverse(side, tip, pitch, roll)
    again, down = expert.forward(side, joints)
    np.testing.assert_allclose(again, tip, atol=1e-9)
    np.testing.assert_allclose(down, pitch, atol=1e-9)
    np.testing.assert_array_equal(joints[:, 5], roll)


def test_actions_beyond_the_joints_end_as_divergence_not_as_a_fault():
    env = ours(MODULE, "transfer-cube")
    wild = np.tile(np.array(aloha.HIGH * 2, "f4"), (300, 1))
    wild[::2] = np.array(aloha.LOW * 2, "f4")
    rows = episode_here(env, 11, wild)
    assert rows["end"][-1] in (End.DIVERGED, End.TIME_LIMIT)
    assert np.isfinite(rows[STATE]).all()
    again = episode_here(env, 11, waving(5))
    assert rows["end"][-1] == End.DIVERGED, "choose wilder actions: these show nothing"
    assert len(again["reward"]) == 5
    env.close()


def test_options_are_checked_and_told():
    assert aloha.resolve("gym_aloha/AlohaTransferCube-v0") == "transfer-cube"
    assert aloha.resolve("AlohaFold-v0") is None
    spec = aloha.spec("insertion", obs_type="pixels", observation_height=240)
    assert dict(spec.observation) == {}
    assert spec.cameras["top"] == Camera(height=240, width=640)
    assert aloha.spec("insertion", **json.loads(json.dumps(spec.to_dict()["options"]))) == spec
    with pytest.raises(UnknownNameError, match="pixels_agent_pos"):
        aloha.spec("insertion", obs_type="state")
    with pytest.raises(UnknownNameError, match="obs_type"):
        aloha.spec("insertion", obstype="pixels")
    with pytest.raises(InputError, match="Camera"):
        aloha.spec("insertion", visualization_width=640)
    with pytest.raises(UnknownNameError, match="transfer-cube"):
        aloha.spec("transfer_cube")
