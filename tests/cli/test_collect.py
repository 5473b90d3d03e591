"""`lerobot-sim collect`: successes only, shorter episodes, the guides' options, honest figures."""

import json

import numpy as np
import pytest

from lerobot_sim.cli.collect_guides import without_env_type
from lerobot_sim.cli.shortened import Shortened
from lerobot_sim.datasets.card import dataset_card
from lerobot_sim.datasets.reader import read_columns, read_records
from lerobot_sim.env import End
from lerobot_sim.envs.push_t import make as push_t
from lerobot_sim.envs.reach import make
from lerobot_sim.errors import InputError
from lerobot_sim.experts.push_t import make as push_t_expert
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy


def test_an_episode_ends_at_its_first_success_and_is_the_same_until_then(command, tmp_path):
    for folder, extra in (("whole", ()), ("cut", ("--stop-at-success",))):
        said = command("collect", "numpy/reach", "--episodes", "4", *extra, "--output-dir", tmp_path / folder)
        assert said.code == 0, said.err
    whole, cut = (read_columns(tmp_path / folder) for folder in ("whole", "cut"))
    for number, record in enumerate(read_records(tmp_path / "cut")):
        own = cut["episode_index"] == number
        assert record.end == End.TERMINATED
        assert cut["next.success"][own].tolist() == [False] * (record.length - 1) + [True]
        there = np.flatnonzero(whole["episode_index"] == number)[: record.length]
        for name in ("observation.state", "action", "next.reward"):
            np.testing.assert_array_equal(cut[name][own], whole[name][there])


def test_episode_length_limits_the_steps(command, tmp_path):
    said = command("collect", "push-t", "--episodes", "3", "--episode-length", "7", "--output-dir", tmp_path / "d")
    assert said.code == 0, said.err
    assert [(record.length, record.end) for record in read_records(tmp_path / "d")] == [(7, End.TIME_LIMIT)] * 3
    refused = command("collect", "push-t", "--episodes", "4", "--episode-length", "8", "--output-dir", tmp_path / "d")
    assert refused.code == 1
    assert "episode_length" in refused.err
    assert command("collect", "push-t", "--episode-length", "0", "--output-dir", tmp_path / "e").code == 2
    assert not (tmp_path / "e").exists()


def test_a_shortened_environment_waits_for_as_many_successes_as_the_rule_asks():
    env = make(2)
    held = Shortened(env, stop_at_success=True)
    held._needed = 3
    episodes = list(rollout(held, _expert(env), range(4)))
    assert all(episode.success[-3:].all() and not episode.success[-4] for episode in episodes)
    with pytest.raises(InputError, match="takes no state"):
        held.set_state(np.array([0]), {})


def _expert(env):
    from lerobot_sim.experts.reach import make as make_expert

    return make_expert(env.spec)


def test_lanes_that_a_shortened_environment_has_ended_stay_put():
    env = Shortened(make(2), max_steps=2)
    env.reset(np.arange(2), np.arange(2))
    action = np.ones((2, *env.spec.action.shape), np.float32)
    for _ in range(2):
        step = env.step(action, np.ones(2, np.bool_))
    assert step.end.tolist() == [End.TIME_LIMIT] * 2
    env.reset(np.array([0]), np.array([5]))
    after = env.step(action, np.ones(2, np.bool_))
    assert after.end.tolist() == [End.RUNNING, End.TIME_LIMIT]
    np.testing.assert_array_equal(after.observation["observation.state"][1], step.observation["observation.state"][1])


def test_success_only_goes_on_to_further_seeds_and_says_what_failed(command, tmp_path):
    arguments = ("collect", "numpy/reach", "--policy", "random", "--success-only", "--stop-at-success")
    env = make(4)
    shortened = Shortened(env, stop_at_success=True)
    tries = list(rollout(shortened, RandomPolicy(env.spec), range(100)))
    good = [episode.seed for episode in tries if episode.success.any()][:3]
    assert 2 < good[-1] < 99  # some fail, and three succeed
    said = command(*arguments, "--episodes", "3", "--output-dir", tmp_path / "d", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert [record.seed for record in read_records(tmp_path / "d")] == good
    assert result["tried"] == good[-1] + 1
    assert result["failures"] == {"TIME_LIMIT": good[-1] + 1 - 3}
    assert result["successes"] == result["episodes"] == 3


def test_success_only_gives_up_at_its_limit_and_goes_on_with_a_larger_one(command, tmp_path):
    arguments = ("collect", "numpy/reach", "--policy", "random", "--success-only", "--episodes", "2")
    arguments += ("--stop-at-success", "--output-dir", tmp_path / "d")
    said = command(*arguments, "--max-tries", "2")
    assert said.code == 1
    assert "--max-tries" in said.out
    assert "TIME_LIMIT" in said.out
    whole = command(*arguments, "--max-tries", "100", "--json")
    assert whole.code == 0
    assert json.loads(whole.out)["missing"] == 0


def test_broken_off_episodes_are_left_out_and_counted_by_kind(command, tmp_path, monkeypatch):
    expert = push_t_expert(push_t().spec)

    class Breaks:
        cameras, batch_invariant = expert.cameras, True

        def reset(self, lanes, seeds):
            self.bad = set(lanes[seeds == 1].tolist())
            expert.reset(lanes, seeds)

        def act(self, observation, active):
            decision = expert.act(observation, active)
            decision.action[list(self.bad)] = np.nan
            return decision

    monkeypatch.setattr("lerobot_sim.cli.collect_recipe.policy_for", lambda *_: (Breaks(), "breaks"))
    said = command("collect", "push-t", "--episodes", "3", "--output-dir", tmp_path / "d", "--json")
    result = json.loads(said.out)
    assert said.code == 1
    assert result["failures"] == {"POLICY": 1}
    assert (result["episodes"], result["missing"], len(result["broken"])) == (2, 1, 1)
    assert [record.seed for record in read_records(tmp_path / "d")] == [0, 2]
    assert [record.index for record in read_records(tmp_path / "d")] == [0, 2]


def test_the_guides_options_are_answered(command, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = command(
        *("collect", "--env-type", "mujoco", "--num-episodes", "2", "--episode-length", "12"),
        *("--output-dir", "./data/simulation", "--json"),
    )
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert result["env_id"] == "mujoco/lift"
    assert (result["episodes"], result["frames"]) == (2, 24)
    assert (tmp_path / "data/simulation/meta/info.json").exists()


def test_the_guides_simulators_are_their_tasks():
    assert without_env_type(["--env-type=isaac"]) == ["isaac-lab/lift-cube"]
    assert without_env_type(["--env-type", "gym_hil", "--json"]) == ["gym-hil/panda-pick-cube", "--json"]


@pytest.mark.parametrize("arguments", [("--env-type", "mujocco"), ("--env-type",)])
def test_other_env_types_name_the_valid_ones(command, arguments):
    said = command("collect", *arguments)
    assert said.code == 2
    assert "gym_hil" in said.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--cameras", "nowhere"), "camera"),
        (("--cameras", "top", "--image-size", "12by12"), "--image-size"),
        (("--cameras", "top", "--codec", "h263"), "codec"),
        (("--image-size", "64"), "no camera is recorded"),
        (("--workers", "0"), "--workers"),
        (("--gop", "0"), "--gop"),
        (("--max-tries", "-1"), "--max-tries"),
    ],
)
def test_bad_options_are_named_before_anything_is_made(command, tmp_path, arguments, said):
    result = command("collect", "push-t", *arguments, "--output-dir", tmp_path / "d")
    assert result.code == 2
    assert said in result.err
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize(
    ("extra", "size"),
    [((), (400, 600)), (("--image-size", "64"), (64, 64)), (("--image-size", "100x150"), (100, 150))],
)
def test_pictures_are_of_the_cameras_own_size_unless_another_is_asked(command, tmp_path, extra, size):
    """CartPole's camera is no square."""
    pytest.importorskip("pygame", reason="CartPole draws with pygame: make env")
    arguments = ("--policy", "random", "--episodes", "1", "--episode-length", "3", "--cameras", "front", *extra)
    said = command("collect", "gymnasium/CartPole-v1", *arguments, "--output-dir", tmp_path / "d")
    assert said.code == 0, said.err
    info = json.loads((tmp_path / "d/meta/info.json").read_text())
    assert tuple(info["features"]["observation.images.front"]["shape"][:2]) == size
    card = dataset_card(tmp_path / "d", "me/d")
    assert (f"--image-size {size[0]}x{size[1]}" in card) == bool(extra)
    assert ("--image-size" in card) == bool(extra)


def test_our_own_cameras_have_their_usual_size(command, tmp_path):
    arguments = ("--episodes", "1", "--episode-length", "2", "--cameras", "front")
    assert command("collect", "push-t", *arguments, "--output-dir", tmp_path / "d").code == 0
    info = json.loads((tmp_path / "d/meta/info.json").read_text())
    assert info["features"]["observation.images.front"]["shape"][:2] == [128, 128]


def test_an_environments_own_keywords_are_options(command, tmp_path):
    data = tmp_path / "data"
    said = command("collect", "mujoco/reach", "--episodes", "1", "--option", "reward=sparse", "--output-dir", data)
    assert said.code == 0, said.err
    record = json.loads((data / "sim/run.json").read_text())
    assert record["environment"]["options"]["reward"] == "sparse"
    wrong = command("collect", "mujoco/reach", "--option", "reward", "--output-dir", tmp_path / "other")
    assert wrong.code == 2
    assert "NAME=VALUE" in wrong.err
    assert not (tmp_path / "other").exists()
