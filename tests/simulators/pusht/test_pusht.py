"""gym-pusht behind the contract, and against its own interface."""

import json
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.cli.main import main
from lerobot_sim.env import End
from lerobot_sim.errors import InputError, UnknownNameError
from lerobot_sim.experts import pusht as expert
from lerobot_sim.loop import rollout
from lerobot_sim.simulators import pusht
from lerobot_sim.spec import Camera
from tests.simulators.conftest import needs
from tests.simulators.peers import catalogue_there, contract_there, episode_here, episodes_there, ours

MODULE = "lerobot_sim.simulators.pusht"
PEER = Path(__file__).with_name("peer.py")
STATE, PLACE = "observation.state", "observation.environment_state"
pytestmark = needs("pusht", MODULE)


def pushing(env, seed, count):
    """Places for a disc that goes to and fro across where the T lies at first."""
    place = env.reset([0], [seed])[STATE][0]
    middle = place[2:4]
    angles = np.arange(count // 10 + 2) * 2.4
    corners = middle + 90 * np.stack([np.cos(angles), np.sin(angles)], 1)
    return np.stack([np.interp(np.arange(count) / 10, np.arange(len(corners)), axis) for axis in corners.T], 1).astype(
        "f4"
    )


@pytest.mark.parametrize(
    ("kind", "solved"),
    [("state", True), ("state", False), ("environment_state_agent_pos", False), ("pixels_agent_pos", False)],
)
def test_a_hundred_steps_and_a_success_and_their_picture_are_gym_pushts(kind, solved, tmp_path):
    env = ours(MODULE, "push-t", obs_type=kind)
    with closing(ours(MODULE, "push-t")) as plain:
        actions = pushing(plain, 7, 100)
    if solved:
        actions = next(iter(rollout(env, expert.make(env.spec), [7]))).action
    here = episode_here(env, 7, actions)
    there = episodes_there(MODULE, PEER, tmp_path, kind=np.array(kind), seed=np.array(7), actions=actions)
    np.testing.assert_array_equal(here[STATE], there["agent_pos"].astype("f4"))
    if kind == "environment_state_agent_pos":
        np.testing.assert_array_equal(here[PLACE], there["environment_state"].astype("f4"))
    if kind == "pixels_agent_pos":
        np.testing.assert_array_equal(
            env.render({"front": Camera(height=96, width=96)})["front"][0], there["pixels"][-1]
        )
    np.testing.assert_array_equal(here["reward"], there["reward"].astype("f4"))
    np.testing.assert_array_equal(here["success"], there["success"])
    np.testing.assert_array_equal(here["end"] == End.TERMINATED, there["terminated"])
    np.testing.assert_allclose(here["coverage"], there["coverage"], rtol=0, atol=1e-12)  # a set's order there
    assert here["success"][-1] == solved
    assert solved or len(here["reward"]) == 100
    assert np.ptp(here["coverage"]) > 0.05  # the T was moved
    env.close()


def test_the_catalogue_is_gym_pushts():
    there = catalogue_there(MODULE, PEER)
    assert [pusht.resolve(name) for name in there["ids"]] == ["push-t"] == list(pusht.tasks())
    spec = pusht.spec("push-t")
    assert (spec.fps, spec.max_steps) == (there["fps"], there["max_steps"])
    assert [spec.action.low] * 2 == there["low"]
    assert [spec.action.high] * 2 == there["high"]
    assert list(spec.observation[STATE].shape) == there["state"]
    corners = pusht.spec("push-t", obs_type="environment_state_agent_pos").observation
    assert [list(corners[key].shape) for key in (STATE, PLACE)] == [there["agent"], there["environment"]]
    assert [spec.cameras["front"].height, spec.cameras["front"].width, 3] == there["pixels"]
    assert there["threshold"] == 0.95


@pytest.mark.slow
@pytest.mark.parametrize("kind", pusht.OBS_TYPES)
def test_the_contract_is_kept(kind):
    which = "lerobot_sim.experts.pusht" if kind == "state" else ""
    found = contract_there(MODULE, "push-t", expert=which, obs_type=kind)
    assert {name: words for name, words in found.items() if words} == {}


@pytest.mark.slow
def test_the_expert_succeeds():
    env = ours(MODULE, "push-t", 4)
    episodes = list(rollout(env, expert.make(env.spec), range(12)))
    env.close()
    assert [bool(episode.success[-1]) for episode in episodes] == [True] * 12
    assert np.mean([len(episode.action) for episode in episodes]) < 130


def test_the_expert_says_what_it_reads():
    with pytest.raises(InputError, match="obs_type='state'"):
        expert.make(pusht.spec("push-t", obs_type="pixels_agent_pos"))


def test_a_state_is_taken_up_by_another_lane_and_by_one_that_is_on_its_way():
    env = ours(MODULE, "push-t", 2)
    actions = pushing(env, 9, 60)
    env.reset([0, 1], [9, 10])
    both, states = np.ones(2, bool), []
    for action in actions[:40]:
        states.append(env.get_state([0]))
        env.step(np.stack([action, action]), both)
    env.set_state([1], states[10])  # from its very start
    env.set_state([1], states[30])  # 20 steps further
    env.set_state([0], states[30])
    for action in actions[30:]:
        step = env.step(np.stack([action, action]), both)
        assert step.observation[STATE][0].tobytes() == step.observation[STATE][1].tobytes()
        assert step.metrics["coverage"][0] == step.metrics["coverage"][1]
    env.close()


def test_damping_and_the_centre_of_gravity_reach_the_physics():
    found = []
    for options in ({}, {"damping": 0.9}, {"block_cog": [0.0, 80.0]}):
        env = ours(MODULE, "push-t", **options)
        found.append(episode_here(env, 9, pushing(env, 9, 60))[STATE])
        env.close()
    assert np.abs(found[0] - found[1]).max() > 1
    assert np.abs(found[0] - found[2]).max() > 1


def test_options_are_checked_and_told():
    assert pusht.resolve("PushT-v0") == "push-t"
    assert pusht.resolve("PushT-v1") is None
    spec = pusht.spec("push-t", obs_type="pixels", observation_height=128, damping=0.5)
    assert dict(spec.observation) == {}
    assert spec.cameras["front"] == Camera(height=128, width=96)
    assert pusht.spec("push-t", **json.loads(json.dumps(spec.to_dict()["options"]))) == spec
    with pytest.raises(UnknownNameError, match="pixels_agent_pos"):
        pusht.spec("push-t", obs_type="keypoints")
    with pytest.raises(UnknownNameError, match="obs_type"):
        pusht.spec("push-t", obstype="pixels")
    with pytest.raises(InputError, match="Camera"):
        pusht.spec("push-t", visualization_width=640)
    with pytest.raises(InputError, match="0 to 1"):
        pusht.spec("push-t", damping=2.0)
    with pytest.raises(InputError, match=r"\(x, y\)"):
        pusht.spec("push-t", block_cog=[1.0])
    with pytest.raises(UnknownNameError, match="push-t"):
        pusht.spec("pusht")


def test_a_collection_has_its_camera_unless_told_otherwise(tmp_path):
    words = ["collect", "pusht/push-t", "--policy", "random", "--episodes", "1", "--episode-length", "3"]
    for name, more, size in (("a", [], 96), ("b", ["--image-size", "32"], 32), ("c", ["--cameras", "none"], None)):
        assert main([*words, *more, "--output-dir", str(tmp_path / name)]) == 0
        features = json.loads((tmp_path / name / "meta/info.json").read_text())["features"]
        pictures = {key: tuple(feature["shape"][:2]) for key, feature in features.items() if "images" in key}
        assert pictures == ({"observation.images.front": (size, size)} if size else {})
