"""Several simulators, each in its own process, by `--workers` and `--envs`: one is killed, the others go on."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

TOY = Path(__file__).parents[1] / "simulators" / "host" / "toy.py"


@pytest.fixture
def run(tmp_path):
    """Runs a command on a simulator that is killed once or not: its JSON, and how many workers each Env had."""
    about = tmp_path / "site" / "point-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: point\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[lerobot_sim.envs]\ntoy/point = point:env\n")
    source = Path(__file__).with_name("plug_in_simulator.py")
    (tmp_path / "site" / "point.py").write_text(source.read_text())

    def start(name, words, killed=False):
        folder = tmp_path / name
        folder.mkdir()
        if not killed:
            (folder / "killed").touch()
        variables = {**os.environ, "PYTHONPATH": str(tmp_path / "site"), "TOY_FOLDER": str(folder), "TOY": str(TOY)}
        command = [sys.executable, "-m", "lerobot_sim", *words.split(), "--output-dir", str(folder / "out"), "--json"]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=250)
        assert done.returncode == 0, done.stderr
        assert ("SIGKILL" in done.stderr) == killed
        assert not left(folder)
        return json.loads(done.stdout), sorted(path.read_text() for path in folder.glob("workers-*"))

    return start


def left(folder):
    """Command lines of processes that speak of the folder."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_text())
        except OSError:
            continue
    return [words for words in found if str(folder) in words]


def columns(root):
    """What a dataset's rows hold."""
    return [pq.read_table(path).to_pydict() for path in sorted((root / "data").rglob("*.parquet"))]


def test_collect_workers_are_simulators_and_one_that_is_killed_costs_nothing(run, tmp_path):
    words = "collect toy/point --policy random --episodes 8 --num-envs 2"
    run("one", words)
    result, counts = run("killed", f"{words} --workers 2", killed=True)
    assert counts == ["1", "1", "2"]  # this process's, which only says what it is, and the two workers'
    assert (result["episodes"], result["broken"], result["worker_deaths"]) == (8, [], 0)
    assert columns(tmp_path / "killed" / "out") == columns(tmp_path / "one" / "out")


@pytest.mark.parametrize("share", ["--workers 2", "--envs 2"])
def test_eval_shares_its_episodes_and_one_that_is_killed_costs_nothing(run, tmp_path, share):
    words = "eval toy/point --policy random --episodes 8 --num-envs 2"
    run("one", words)
    _, counts = run("killed", f"{words} {share}", killed=True)
    assert counts[-2:] == ["1", "2"]
    assert episodes(tmp_path / "killed" / "out") == episodes(tmp_path / "one" / "out")


def episodes(folder):
    """What an evaluation wrote of its episodes."""
    records = [json.loads(line) for line in (folder / "episodes.jsonl").read_text().splitlines()[1:]]
    return sorted((record["seed"], record["end"], record["total_reward"], record["length"]) for record in records)
