"""`lerobot-sim eval` as a user types it; kills that are real."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import read
from lerobot_sim.evaluation.results import load
from lerobot_sim.policies.mlp import MLPPolicy
from lerobot_sim.policies.network import Weights
from lerobot_sim.registry import spec_of
from tests.evaluation import masks

SIGNALLED = Path(__file__).with_name("signalled.py")

TOML = """
schema = 1
id = "both"
version = 1
episodes = 4
first_seed = 0
metrics = ["success_rate", "goal_distance"]
success_threshold = 0.3

[[environments]]
task = "numpy/push-t"

[[environments]]
task = "numpy/reach"
"""


@pytest.fixture
def student(tmp_path):
    """A network that was never trained, for push-t."""
    generator = np.random.default_rng(0)
    sizes = [(6, 32), (32,), (32, 32), (32,), (32, 2), (2,)]
    weights = Weights(*(generator.normal(0, 0.4, size).astype(np.float32) for size in sizes))
    one = np.ones(6, np.float32)
    policy = MLPPolicy(
        weights=weights, mean=0.5 * one, std=0.3 * one, action_low=-one[:2], action_high=one[:2], env_id="numpy/push-t"
    )
    policy.save(tmp_path / "student.npz")
    return tmp_path / "student.npz"


def lines(folder):
    journal = folder / "episodes.jsonl"
    return len(journal.read_text().splitlines()) - 1 if journal.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize(("who", "workers"), [("expert", 1), ("expert", 2), ("student", 1), ("student", 2)])
def test_a_killed_evaluation_goes_on_and_gives_the_same_numbers(tmp_path, student, who, workers):
    policy = "expert" if who == "expert" else str(student)
    words = ["eval", "push-t", "--policy", policy, "--episodes", "100", "--num-envs", "4", "--workers", str(workers)]
    words += ["--metrics", "success_rate", "goal_distance", "--json"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    folder = tmp_path / "killed"
    kills_itself = [sys.executable, str(SIGNALLED), "Evaluating", "0.3", "9", *words, "--output-dir", str(folder)]
    assert subprocess.run(kills_itself, env=environment, capture_output=True).returncode == -signal.SIGKILL
    words = [sys.executable, "-m", "lerobot_sim", *words]
    left = lines(folder)
    assert 8 <= left < 100
    subprocess.run([*words, "--output-dir", str(folder)], env=environment, check=True, capture_output=True)
    subprocess.run([*words, "--output-dir", str(tmp_path / "whole")], env=environment, check=True, capture_output=True)
    again, whole = load(folder), load(tmp_path / "whole")
    assert [vars(one) for one in again.episodes] == [vars(one) for one in whole.episodes]
    assert {**again.summary, "seconds": 0} == {**whole.summary, "seconds": 0}


def test_a_protocol_of_several_tasks(command, tmp_path):
    (tmp_path / "both.toml").write_text(TOML)
    arguments = ("eval", "--protocol", tmp_path / "both.toml", "--policy", "expert", "--output-dir", tmp_path / "e")
    said = command(*arguments)
    assert said.code == 0, said.err
    assert "in 2 tasks, each weighing the same" in said.out
    assert "Pass mark 30%: " in said.out
    result = json.loads(command(*arguments, "--json").out)
    assert result["passed"] is (result["interval"][0] >= 0.3)
    assert set(result["tasks"]) == {"numpy/push-t", "numpy/reach"}
    assert result["seeds"] == [0, 4]
    assert load(tmp_path / "e").run.command[:4] == ["lerobot-sim", "eval", "--protocol", str(tmp_path / "both.toml")]


def test_workers_give_the_same_as_one_process(command, tmp_path):
    (tmp_path / "both.toml").write_text(TOML)
    runs = []
    for workers in (1, 3):
        folder = tmp_path / f"w{workers}"
        said = command(
            *("eval", "--protocol", tmp_path / "both.toml", "--policy", "expert", "--workers", workers),
            *("--metrics", "success_rate", "efficiency", "--output-dir", folder),
        )
        assert said.code == 0, said.err
        runs.append(load(folder))
    for other in runs[1:]:
        assert [vars(one) for one in other.episodes] == [vars(one) for one in runs[0].episodes]
        assert {**other.summary, "seconds": 0} == {**runs[0].summary, "seconds": 0}


def test_a_grid_is_a_heat_map_of_success(command, tmp_path):
    arguments = ("--policy", "expert", "--episodes", "20", "--output-dir", tmp_path / "e", "--json")
    grid = ("--grid", "step_length=0.005,0.05", "--grid", "push_length=0.01,0.02")
    result = json.loads(command("eval", "push-t", *arguments, *grid).out)
    assert [axis["values"] for axis in result["grid"]["axes"]] == [[0.005, 0.05], [0.01, 0.02]]
    cells = {(c["params"]["step_length"], c["params"]["push_length"]): c for c in result["grid"]["cells"]}
    assert len(cells) == 4
    assert cells[0.005, 0.01]["success_rate"] < cells[0.05, 0.02]["success_rate"] == 1
    records = load(tmp_path / "e").of(None, "step_length=0.005,push_length=0.01")
    assert {tuple(one.params.items()) for one in records} == {(("step_length", 0.005), ("push_length", 0.01))}


def test_a_slow_policy_does_worse(command, tmp_path):
    rates = {}
    for late in ("0", "2000"):
        arguments = ("--policy", "expert", "--episodes", "20", "--real-time", late, "--output-dir", tmp_path / late)
        rates[late] = json.loads(command("eval", "push-t", *arguments, "--json").out)["mean_return"]
    assert rates["2000"] < rates["0"] - 10


def test_videos_are_of_whole_episodes_and_are_noted(command, tmp_path):
    arguments = ("eval", "push-t", "--policy", "random", "--episodes", "5", "--output-dir", tmp_path / "e", "--json")
    result = json.loads(command(*arguments, "--videos", "3", "--video-size", "64").out)
    shown = [one for one in load(tmp_path / "e").of() if one.video]
    assert result["videos"] == [str(tmp_path / "e" / one.video) for one in shown]
    assert len(shown) == 3
    for path, one in zip(result["videos"], shown, strict=True):
        with av.open(path) as video:
            assert sum(1 for _ in video.decode(video=0)) == one.length
    assert json.loads(command(*arguments).out)["videos"] == result["videos"]  # a run that goes on keeps them
    assert (tmp_path / "e/report.html").exists()


def test_shards_are_merged(command, tmp_path):
    for k in (1, 2):
        said = command(
            *("eval", "push-t", "--policy", "expert", "--episodes", "5", "--shard", f"{k}/2"),
            *("--output-dir", tmp_path / str(k)),
        )
        assert "a shard" in said.out
    said = command("eval", "merge", tmp_path / "1", tmp_path / "2", "--output-dir", tmp_path / "whole", "--json")
    assert json.loads(said.out)["complete"]
    assert json.loads(said.out)["episodes"] == 5
    assert command("eval", "merge", tmp_path / "1", "--output-dir", tmp_path / "whole").code == 2


def test_protocols_are_listed_and_shown(command):
    said = command("eval", "protocols")
    assert "libero-90" in said.out
    assert "action_smoothness" in said.out
    shown = json.loads(command("eval", "protocols", "gym-hil", "--json").out)
    assert shown["success_threshold"] == 0.9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("push-t", "--episodes", "0"), "--episodes: expected at least 1"),
        (("push-t", "--metrics", "succes_rate"), "Did you mean 'success_rate'"),
        (("--protocol", "metaworld-ml1O"), "Did you mean 'metaworld-ml10'"),
        (("push-t", "--protocol", "gym-hil"), "both came"),
        ((), "neither came"),
        (("push-t", "--grid", "push_lenght=1"), "Did you mean 'push_length'"),
        (("push-t", "--grid", "push_length"), "--grid: expected PARAM=VALUE"),
        (("push-t", "--grid", "push_length=7"), "expected values from 0.005 to 0.05"),
        (("push-t", "--shard", "3/2"), "1 <= k <= n"),
        (("push-t", "--shard", "half"), "k/n such as 2/4"),
        (("push-t", "--real-time", "fast"), "latency in ms"),
        (("push-t", "--map", "a"), "--map: expected"),
        (("push-t", "--metrics", "contact_force_peak"), "needs one of contact_force"),
        (("push-t", "--metrics", "language_conditioning"), "reads instructions"),
        (("push-t", "--workers", "0"), "--workers: expected at least 1"),
    ],
)
def test_bad_input_is_said_before_anything_runs(command, tmp_path, arguments, words):
    said = command("eval", *arguments, "--policy", "expert", "--output-dir", tmp_path / "e")
    assert said.code == 2
    assert words in said.err
    assert "Traceback" not in said.err
    assert not (tmp_path / "e").exists()


def test_a_policy_that_breaks_fails_those_episodes_and_the_exit_code_says_so(command, tmp_path, monkeypatch):
    monkeypatch.setitem(registry.ENVIRONMENTS, "masks/any", masks.TARGETS["masks/any"])
    monkeypatch.setitem(registry.EXPERTS, "masks/any", "tests.evaluation.policies:breaking")
    (tmp_path / "six.toml").write_text(
        'schema = 1\nid = "six"\nversion = 1\nepisodes = 6\nfirst_seed = 0\n[[environments]]\ntask = "masks/any"\n'
    )
    arguments = ("eval", "--protocol", tmp_path / "six.toml", "--policy", "expert", "--output-dir", tmp_path / "e")
    said = command(*arguments)
    assert said.code == 1
    assert "2 episodes were broken off by the policy" in said.out
    again = command(*arguments, "--json")  # nothing is left to run, and it still says so
    assert again.code == 1
    result = json.loads(again.out)
    assert (result["episodes"], result["policy_errors"], result["ends"]["POLICY"], result["faults"]) == (6, 2, 2, 0)


def test_a_policy_of_another_task_is_refused(command, tmp_path, student):
    said = command("eval", "numpy/reach", "--policy", student, "--output-dir", tmp_path / "e")
    assert said.code == 2
    assert "trained on 'numpy/push-t'" in said.err
    assert spec_of("numpy/reach").version


def test_a_folder_of_other_settings_is_refused(command, tmp_path):
    base = ("eval", "push-t", "--episodes", "3", "--output-dir", tmp_path / "e", "--policy")
    assert command(*base, "expert").code == 0
    said = command(*base, "random")
    assert said.code == 1
    assert "policy: expert there, random now" in said.err
    assert "--overwrite" in said.err
    assert command(*base, "random", "--overwrite").code == 0


def test_a_simulator_that_is_not_set_up_is_said_before_anything_runs(command, tmp_path, monkeypatch):
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(tmp_path / "home"))
    said = command("eval", "--protocol", "metaworld-ml10", "--policy", "random", "--output-dir", tmp_path / "e")
    assert said.code == 1
    assert "lerobot-sim setup metaworld" in said.err
    assert not (tmp_path / "e").exists()


def test_the_page_shows_a_protocol_that_can_be_read():
    page = (Path(__file__).parents[2] / "docs/evaluation.md").read_text()
    (toml,) = re.findall(r"^```toml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)
    plan = make_plan(read(toml, "docs/evaluation.md"))
    assert [task.record.task for task in plan.tasks][:2] == ["mujoco/lift", "metaworld/reach-v3"]
