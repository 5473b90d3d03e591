"""Ours against gym-hil's own interface: equal to the last bit."""

from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.env import End
from lerobot_sim.experts import gym_hil as expert
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import gym_hil
from lerobot_sim.simulators.gym_hil.options import defaults
from tests.simulators.conftest import needs
from tests.simulators.peers import catalogue_there, episode_here, episodes_there, ours, random_actions

MODULE = "lerobot_sim.simulators.gym_hil"
PEER = Path(__file__).with_name("peer.py")
pytestmark = needs("gym-hil", MODULE)


def same_episode(env, task, seed, actions, tmp_path):
    here = episode_here(env, seed, actions)
    there = episodes_there(MODULE, PEER, tmp_path, task=np.array(task), seed=np.array(seed), actions=actions)
    for mine, theirs in (
        ("observation.state", "state"),
        ("observation.environment_state", "environment"),
        ("reward", "reward"),
        ("success", "success"),
        ("gripper_penalty", "penalty"),
    ):
        np.testing.assert_array_equal(here[mine], there[theirs].astype(here[mine].dtype).reshape(here[mine].shape))
    np.testing.assert_array_equal(here["end"] == End.TERMINATED, there["terminated"])
    pictures = env.render(dict(env.spec.cameras))
    for name in ("front", "wrist"):
        np.testing.assert_array_equal(pictures[name][0], there[name])
    return here


@pytest.mark.slow
@pytest.mark.parametrize("task", gym_hil.tasks())
def test_a_hundred_random_steps_and_their_pictures_are_the_same(task, tmp_path):
    env = ours(MODULE, task)
    here = same_episode(env, task, 5, random_actions(env.spec, 100, 5), tmp_path)
    env.close()
    assert len(here["reward"]) == 100
    assert here["end"][-1] == End.TIME_LIMIT
    assert (here["gripper_penalty"] < 0).any()


@pytest.mark.slow
def test_a_success_is_the_same(tmp_path):
    env = ours(MODULE, "panda-pick-cube")
    (episode,) = rollout(env, expert.make(env.spec), [2])
    here = same_episode(env, "panda-pick-cube", 2, episode.action, tmp_path)
    env.close()
    assert here["success"].tolist() == [False] * (len(here["reward"]) - 1) + [True]
    assert here["reward"][-1] == 1
    assert here["lift"][-1] > 0.1


def test_the_catalogue_is_gym_hils():
    there = catalogue_there(MODULE, PEER)
    assert {gym_hil.resolve(name) for name in there["ids"]} == set(gym_hil.tasks())
    for task, found in there["tasks"].items():
        spec, usual = gym_hil.spec(task), defaults(task)
        assert spec.observation["observation.state"].shape == (found["state"],)
        assert spec.observation["observation.environment_state"].shape == (found["environment"],)
        assert list(spec.observation["observation.state"].names[:7]) == found["joints"]
        assert (list(spec.action.low), list(spec.action.high)) == (found["low"], found["high"])
        assert (spec.fps, spec.max_steps) == (found["fps"], found["max_steps"])
        bounds = usual.ee_action_space_params["bounds"]
        assert [bounds["min"], bounds["max"]] == found["bounds"]
        assert usual.gripper_penalty == found["penalty"]
        assert found["cameras"] == ["front", "handcam_rgb"]
