"""Every mistake gives one clear line, an exit code that is not 0, and loses nothing."""

import json
import shutil

import numpy as np
import pytest

from tests.cli.conftest import SMALL


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A folder with a finished run; tests copy it."""
    from lerobot_sim.cli.main import main

    folder = tmp_path_factory.mktemp("finished") / "out"
    assert main(["run", "push-t", *SMALL, "--output-dir", str(folder)]) == 0
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    return shutil.copytree(finished, tmp_path / "out")


def one_line(said):
    """The message, after making sure that it is one line and no traceback."""
    lines = [line for line in said.err.splitlines() if line.startswith("lerobot-sim: ")]
    assert len(lines) == 1, said.err
    assert "Traceback" not in said.err
    assert said.code != 0
    return lines[0]


def test_unknown_command(command):
    assert "'eval'" in one_line(command("evla"))


def test_unknown_task_names_the_nearest(command, tmp_path):
    message = one_line(command("run", "pusht", "--output-dir", tmp_path / "x"))
    assert "'push-t'" in message or "'numpy/push-t'" in message
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("run", ("push-t", "--demo-episodes", "-1"), "--demo-episodes"),
        ("run", ("push-t", "--eval-episodes", "0"), "--eval-episodes"),
        ("run", ("push-t", "--train-steps", "-5"), "--train-steps"),
        ("run", ("push-t", "--seed", "-3"), "--seed"),
        ("collect", ("push-t", "--episodes", "0"), "--episodes"),
        ("collect", ("push-t", "--num-envs", "-1"), "--num-envs"),
        ("eval", ("push-t", "--videos", "-2"), "--videos"),
        ("train", ("--dataset", "nowhere", "--steps", "0"), "--steps"),
    ],
)
def test_negative_counts_name_their_option(command, tmp_path, name, arguments, word):
    message = one_line(command(name, *arguments, "--output-dir", tmp_path / "x"))
    assert word in message
    assert "at least" in message
    assert not (tmp_path / "x").exists()


def test_an_option_that_does_not_exist_exits_with_2(command):
    assert command("run", "push-t", "--demonstrations", "3").code == 2


def test_no_dataset(command, tmp_path):
    assert "lerobot-sim collect" in one_line(command("train", "--dataset", tmp_path / "nowhere"))


def test_no_checkpoint(command, tmp_path):
    message = one_line(command("eval", "push-t", "--policy", tmp_path / "best_policy.npz"))
    assert "--policy expert" in message


def test_checkpoint_for_another_task(command, folder, tmp_path):
    message = one_line(
        command("eval", "numpy/reach", "--policy", folder / "best_policy.npz", "--output-dir", tmp_path / "e")
    )
    assert "numpy/push-t" in message
    assert "numpy/reach" in message


def test_corrupt_checkpoint(command, folder, tmp_path):
    path = folder / "best_policy.npz"
    path.write_bytes(path.read_bytes()[:1000])
    message = one_line(command("eval", "push-t", "--policy", path, "--output-dir", tmp_path / "e"))
    assert str(path) in message


@pytest.mark.parametrize("name", ["meta/info.json", "sim/run.json", "data/chunk-000/file-000.parquet"])
def test_corrupt_dataset(command, folder, name):
    path = folder / "dataset" / name
    path.write_bytes(b"\x00damaged")
    message = one_line(command("train", "--dataset", folder / "dataset", "--output-dir", folder / "new"))
    assert path.name in message or "data" in message
    assert path.read_bytes() == b"\x00damaged"


def test_corrupt_record_of_a_run(command, folder):
    (folder / "train.json").write_text("{")
    message = one_line(command("run", "push-t", *SMALL, "--output-dir", folder))
    assert "train.json" in message
    assert "--overwrite" in message


def test_output_folder_is_a_file(command, tmp_path):
    (tmp_path / "file").write_text("mine")
    one_line(command("run", "push-t", *SMALL, "--output-dir", tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "mine"


def test_collect_does_not_touch_a_folder_of_other_things(command, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    for extra in ((), ("--overwrite",)):
        message = one_line(command("collect", "push-t", "--episodes", "1", "--output-dir", tmp_path, *extra))
        assert "notes.txt" in message
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_action_that_is_not_finite_ends_its_lane_and_is_reported(command, folder, tmp_path):
    path = tmp_path / "wild.npz"
    with np.load(folder / "best_policy.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    arrays["w1"] = np.full_like(arrays["w1"], 3e38)  # finite, but its sums are not
    arrays["w2"] = np.where(np.arange(arrays["w2"].size).reshape(arrays["w2"].shape) % 2, 3e38, -3e38).astype(
        np.float32
    )
    np.savez(path, **arrays)
    said = command("eval", "push-t", "--policy", path, "--episodes", "5", "--output-dir", tmp_path / "e", "--json")
    result = json.loads(said.out)
    assert said.code == 1
    assert result["policy_errors"] == result["ends"]["POLICY"] > 0
    assert result["episodes"] == 5
    assert "not finite" in said.err


def test_debug_shows_the_traceback(command, tmp_path):
    said = command("eval", "push-t", "--policy", tmp_path / "none.npz", "--debug")
    assert said.code == 2
    assert "Traceback" in said.err


def test_a_broken_pipe_is_no_traceback(tmp_path):
    import subprocess
    import sys

    shell = f"{sys.executable} -m lerobot_sim list --json | head -c 10"
    ran = subprocess.run(["bash", "-c", shell], capture_output=True, text=True)
    assert "Traceback" not in ran.stderr


def test_a_camera_that_is_not_there_is_said_before_anything_runs(command, tmp_path):
    arguments = ("--policy", "expert", "--videos", "1", "--camera", "frnt", "--output-dir", tmp_path / "e")
    assert "'front'" in one_line(command("eval", "push-t", *arguments))
    assert not (tmp_path / "e").exists()


def test_a_policy_that_is_not_there_names_the_nearest(command, tmp_path):
    message = one_line(command("eval", "push-t", "--policy", "exprt", "--output-dir", tmp_path / "e"))
    assert "Did you mean 'expert'" in message
    assert "checkpoint" in message
