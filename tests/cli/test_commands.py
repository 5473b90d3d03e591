"""What a user types, and what comes of it."""

import json
import subprocess
import sys

import av
import numpy as np
import pytest

from lerobot_sim import environments
from lerobot_sim.cli.main import COMMANDS
from lerobot_sim.registry import FAMILIES
from tests.cli.conftest import SMALL


def test_root_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; from lerobot_sim.cli.main import main; main(['--help']); "
        "print(*sorted(name for name in ('numpy', 'tyro', 'rich') if name in sys.modules), file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert all(name in ran.stdout for name in COMMANDS)
    assert ran.stderr.strip() == ""


def test_the_package_loads_no_numpy():
    code = "import sys, lerobot_sim; print('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "False"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_shows_its_options(command, name):
    said = command(name, "--help")
    assert said.code == 0
    assert "--json" in said.out
    assert "--debug" in said.out


def test_command_help_loads_no_numpy():
    code = (
        "import sys\nfrom lerobot_sim.cli.main import main\ntry: main(['run', '--help'])\nexcept SystemExit: pass\n"
        "print('numpy' in sys.modules, 'pyarrow' in sys.modules, file=sys.stderr)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stderr.strip() == "False False"


def test_python_m_is_the_same_command():
    ran = subprocess.run([sys.executable, "-m", "lerobot_sim", "--version"], capture_output=True, text=True)
    assert ran.stdout.startswith("lerobot-sim 0.")


def test_list_shows_every_environment_with_its_policies(command):
    said = command("list")
    assert said.code == 0
    for env_id in environments():
        assert env_id in said.out
    specs = json.loads(command("list", "--json").out)
    assert specs["numpy/push-t"]["max_steps"] == 300
    assert "expert" in specs["numpy/push-t"]["policies"]


def test_run_leaves_dataset_checkpoint_score_and_video(command, tmp_path):
    said = command("run", "push-t", *SMALL[:-2], "--videos", "1", "--output-dir", tmp_path / "out", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)  # nothing but the object on standard output
    assert 0 <= result["interval"][0] <= result["success_rate"] <= result["interval"][1] <= 1
    assert result["episodes"] == 6
    assert result["ends"] == {"TIME_LIMIT": 6}
    assert result["mean_return"] > 100
    info = json.loads((tmp_path / "out/dataset/meta/info.json").read_text())
    assert (info["total_episodes"], info["total_frames"]) == (4, 1200)
    with np.load(result["checkpoint"], allow_pickle=False) as checkpoint:
        assert {"w1", "b1", "w2", "b2", "w3", "b3", "state_dim", "action_dim"} <= set(checkpoint)
    with av.open(result["videos"][0]) as video:
        frames = [frame.to_ndarray(format="rgb24") for frame in video.decode(video=0)]
    assert len(frames) == 300
    assert frames[0].shape == (256, 256, 3)
    assert np.abs(frames[0].astype(int) - frames[-1]).max() > 50  # something moved
    record = json.loads((tmp_path / "out/run.json").read_text())
    assert record["schema"] == 1
    assert record["settings"]["demo_episodes"] == 4
    assert record["result"]["success_rate"] == result["success_rate"]
    assert set(record["versions"]) >= {"lerobot-sim", "python", "numpy"}


def test_a_second_run_takes_what_is_there(command, tmp_path):
    first = json.loads(command("run", "push-t", *SMALL, "--output-dir", tmp_path, "--json").out)
    stamp = (tmp_path / "best_policy.npz").stat().st_mtime_ns
    said = command("run", "push-t", *SMALL, "--output-dir", tmp_path, "--json")
    second = json.loads(said.out)
    assert (tmp_path / "best_policy.npz").stat().st_mtime_ns == stamp
    assert "holds 4 episodes already" in said.err
    assert {**first, "seconds": 0} == {**second, "seconds": 0}


def test_other_settings_in_the_same_folder_are_refused_and_overwrite_replaces(command, tmp_path):
    command("run", "push-t", *SMALL, "--output-dir", tmp_path)
    before = (tmp_path / "best_policy.npz").read_bytes()
    said = command("run", "push-t", *SMALL, "--seed", "7", "--output-dir", tmp_path)
    assert said.code == 1
    assert "seed 0 -> 7" in said.err
    assert "--overwrite" in said.err
    assert (tmp_path / "best_policy.npz").read_bytes() == before
    said = command("run", "push-t", *SMALL, "--seed", "7", "--output-dir", tmp_path, "--overwrite", "--json")
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "dataset/sim/run.json").read_text())["settings"]["seed"] == 7


def test_collect_adds_to_what_is_there_and_lanes_do_not_matter(command, tmp_path):
    for episodes, lanes in ((3, 2), (5, 5)):
        said = command(
            "collect", "numpy/reach", "--episodes", episodes, "--num-envs", lanes, "--output-dir", tmp_path / "a"
        )
        assert said.code == 0, said.err
    command("collect", "numpy/reach", "--episodes", "5", "--num-envs", "1", "--output-dir", tmp_path / "b")
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a/data").rglob("*.parquet"))
    assert files
    for path in (*files, "sim/episodes.jsonl"):
        first, second = (tmp_path / "a" / path).read_text("latin1"), (tmp_path / "b" / path).read_text("latin1")
        if str(path).endswith("jsonl"):  # an episode's place in its run is the only thing that differs
            first, second = (
                [{**json.loads(line), "index": 0} for line in text.splitlines()] for text in (first, second)
            )
        assert first == second


def test_eval_resumes_its_journal(command, tmp_path):
    whole = json.loads(
        command(
            "eval", "push-t", "--policy", "expert", "--episodes", "12", "--output-dir", tmp_path / "a", "--json"
        ).out
    )
    part = command("eval", "push-t", "--policy", "expert", "--episodes", "5", "--output-dir", tmp_path / "b")
    assert part.code == 0
    journal = tmp_path / "b/episodes.jsonl"
    journal.write_text(journal.read_text() + '{"seed": 10995')  # a kill tore the last line
    again = json.loads(
        command(
            "eval", "push-t", "--policy", "expert", "--episodes", "12", "--output-dir", tmp_path / "b", "--json"
        ).out
    )
    assert again["success_rate"] == whole["success_rate"]
    assert again["mean_return"] == whole["mean_return"]
    assert (tmp_path / "a/episodes.jsonl").read_text() == journal.read_text()


def test_random_policy_scores_far_below_the_expert(command, tmp_path):
    rates = {}
    for policy in ("expert", "random"):
        folder = tmp_path / policy
        said = command("eval", "push-t", "--policy", policy, "--episodes", "20", "--output-dir", folder, "--json")
        rates[policy] = json.loads(said.out)["success_rate"]
    assert rates["expert"] == 1
    assert rates["random"] < 0.5


def test_profile_says_where_the_time_went(command, tmp_path):
    said = command("collect", "push-t", "--episodes", "2", "--output-dir", tmp_path / "d", "--profile")
    assert "physics" in said.out
    assert "policy" in said.out


def test_bars_end_full_and_begin_with_what_was_known(command, tmp_path):
    arguments = ("eval", "push-t", "--policy", "expert", "--episodes", "5", "--output-dir", tmp_path / "e")
    assert "5/5 episodes" in command(*arguments).err
    assert "5/5 episodes" in command(*arguments).err


def test_list_fits_a_terminal_and_is_one_line_an_environment_in_a_pipe(command):
    ours, families = command("list").out.split("\nOther people's simulators")
    assert len(ours.splitlines()) == 1 + len(environments())
    assert len(families.strip().splitlines()) == 3 + len(FAMILIES)  # what they are, a gap, the heading


def test_list_shows_the_tasks_of_a_family_that_is_not_set_up(command, monkeypatch, tmp_path):
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(tmp_path))
    assert "lerobot-sim setup metaworld" in command("list").out
    lines = command("list", "metaworld").out.splitlines()
    assert len(lines) == 1 + 50
    assert any(line.startswith("metaworld/pick-place-v3 ") for line in lines)
    specs = json.loads(command("list", "libero", "--json").out)
    assert len(specs) == 130
    wrong = command("list", "metaword")
    assert wrong.code == 2
    assert "'metaworld'" in wrong.err
