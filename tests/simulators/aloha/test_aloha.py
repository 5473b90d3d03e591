"""gym-aloha behind the contract, and against its own interface."""

import json
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.errors import InputError, UnknownNameError
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
@pytest.mark.parametrize("task", aloha.tasks())
def test_a_hundred_steps_and_their_picture_are_gym_alohas(task, tmp_path):
    env = ours(MODULE, task, obs_type="environment_state_agent_pos")
    actions = waving(100)
    here = episode_here(env, 5, actions)
    there = episodes_there(MODULE, PEER, tmp_path, task=np.array(task), seed=np.array(5), actions=actions)
    np.testing.assert_array_equal(here[STATE], there["state"].astype("f4"))
    np.testing.assert_array_equal(here[PLACE], there["environment"].astype("f4"))
    np.testing.assert_array_equal(here["reward"], there["reward"].astype("f4"))
    np.testing.assert_array_equal(here["success"], there["success"])
    np.testing.assert_array_equal(here["end"] == End.TERMINATED, there["terminated"])
    np.testing.assert_array_equal(env.render({"top": Camera(height=480, width=640)})["top"][0], there["top"])
    assert len(here["reward"]) == 100
    assert np.ptp(here[STATE], axis=0).min() > 0.01
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
@pytest.mark.parametrize(
    ("task", "obs_type"), [("transfer-cube", "environment_state_agent_pos"), ("insertion", "pixels")]
)
def test_the_contract_is_kept(task, obs_type):
    found = contract_there(MODULE, task, obs_type=obs_type)
    assert {name: words for name, words in found.items() if words} == {}


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
