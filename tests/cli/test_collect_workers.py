"""Several processes make one dataset: the same bytes, whoever dies; nothing is left behind."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lerobot_sim.cli.collect_recipe import Recipe
from lerobot_sim.cli.collect_workers import WorkerError, produce_in_processes
from lerobot_sim.datasets.reader import read_records
from lerobot_sim.errors import SimError

COLLECT = [sys.executable, "-m", "lerobot_sim", "collect"]


def arguments(root: Path, words: str) -> list[str]:
    return [*COLLECT, *words.split(), "--output-dir", str(root)]


def started(root: Path, words: str) -> subprocess.Popen[str]:
    """A collection in a process, and a process group, of its own."""
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(arguments(root, words), **pipes, text=True, start_new_session=True)


def wait_for(root: Path, pattern: str) -> None:
    until = time.monotonic() + 60
    while not any(root.glob(pattern)):
        assert time.monotonic() < until
        time.sleep(0.01)


def recipe(**changed) -> Recipe:
    return Recipe(
        **{"task": "numpy/reach", "robot": "<usual>", "policy": "random", "num_envs": 2, **changed}, first_seed=0
    )


def files(root: Path) -> dict[str, bytes]:
    """Every file of a dataset but the lock, which names the process."""
    paths = [path for path in root.rglob("*") if path.is_file() and path.name != "lock"]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}


def children(pid: int, named: str = "spawn_main") -> list[int]:
    """Processes that a process has started; by default its workers."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            command = (path / "cmdline").read_text()
        except (OSError, IndexError):
            continue
        if parent == pid and named in command:
            found.append(int(path.name))
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_gone(pids, within_s=60.0) -> bool:
    until = time.monotonic() + within_s
    while any(alive(pid) for pid in pids):
        if time.monotonic() > until:
            return False
        time.sleep(0.05)
    return True


linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks at processes in /proc")


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch) -> dict[str, str]:
    """Variables with which a process finds this folder's plug-in."""
    about = tmp_path / "site" / "breaks-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: breaks\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(
        "[lerobot_sim.envs]\ntests/breaks = breaks:env\n[lerobot_sim.policies]\nbreaks = breaks:policy\n"
    )
    (tmp_path / "site" / "breaks.py").write_text((Path(__file__).parent / "plug_in.py").read_text())
    return {**os.environ, "PYTHONPATH": str(tmp_path / "site")}


@pytest.mark.parametrize("extra", [(), ("--success-only", "--stop-at-success")])
def test_the_same_bytes_whatever_lanes_and_workers(command, tmp_path, extra):
    arguments = ("collect", "numpy/reach", "--policy", "random", "--episodes", "3", *extra)
    for workers, lanes in ((1, 4), (2, 1), (3, 2)):
        said = command(
            *(*arguments, "--workers", workers, "--num-envs", lanes, "--output-dir", tmp_path / str(workers), "--json")
        )
        assert said.code == 0, said.err
        assert json.loads(said.out)["episodes"] == 3
        assert files(tmp_path / str(workers)) == files(tmp_path / "1")
    assert not multiprocessing.active_children()


def test_adding_to_a_dataset_gives_the_same_as_making_it_at_once(command, tmp_path):
    for episodes, workers in ((3, 2), (7, 3)):
        command(
            *("collect", "numpy/reach", "--episodes", episodes, "--workers", workers, "--output-dir", tmp_path / "a")
        )
    command("collect", "numpy/reach", "--episodes", "7", "--output-dir", tmp_path / "b")
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("words", ["--num-envs 2", "--num-envs 1 --image-size 16x32 --cameras front"])
def test_a_killed_worker_is_replaced_and_the_dataset_is_the_same(tmp_path, plug_in, words):
    words = f"numpy/reach --policy breaks --episodes 12 --episode-length 8 {words}"
    once = {**plug_in, "BREAK_BY": "SIGKILL", "BREAK_ONCE": str(tmp_path / "broken")}
    killed = arguments(tmp_path / "killed", f"{words} --workers 2 --json")
    said = subprocess.run(killed, capture_output=True, text=True, env=once)
    assert said.returncode == 0, said.stderr
    assert "signal 9" in said.stderr
    assert json.loads(said.stdout)["worker_deaths"] == 1
    whole = subprocess.run(arguments(tmp_path / "whole", words), capture_output=True, text=True, env=once)
    assert whole.returncode == 0, whole.stderr
    assert files(tmp_path / "killed") == files(tmp_path / "whole")
    assert len(list((tmp_path / "killed").rglob("*.mp4"))) == (12 if "front" in words else 0)


def test_both_workers_killed_at_once(tmp_path):
    deaths: list[str] = []
    whole = list(produce_in_processes(recipe(), range(6), 1, tmp_path, deaths.append))
    assert not deaths
    found = []
    for made in produce_in_processes(recipe(), range(6), 2, tmp_path, deaths.append):
        found.append(made)
        if len(found) == 1:
            for process in multiprocessing.active_children():
                process.kill()
    assert [made.seed for made in found] == list(range(6))
    for one, other in zip(whole, found, strict=True):
        assert one.episode.action.tobytes() == other.episode.action.tobytes()
        assert one.episode.reward.tobytes() == other.episode.reward.tobytes()
    assert not multiprocessing.active_children()


def test_a_worker_that_always_dies_is_given_up(tmp_path, plug_in):
    said = subprocess.run(
        arguments(tmp_path / "d", "numpy/reach --policy breaks --episodes 12 --workers 2 --num-envs 1"),
        capture_output=True,
        text=True,
        env={**plug_in, "BREAK_BY": "SIGKILL"},
    )
    assert said.returncode == 1
    assert re.search(r"seed [0246] died 3 times", said.stderr)  # 6 breaks; those before it may be lost on their way
    kept = [record.seed for record in read_records(tmp_path / "d")]
    assert 0 < len(kept) <= 6
    assert kept == list(range(len(kept)))


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize(
    ("task", "policy", "words"),
    [("numpy/reach", "breaks", "out of its mind"), ("tests/breaks", "random", "licence server is gone")],
)
def test_an_exception_keeps_what_was_finished_and_fails(tmp_path, plug_in, workers, task, policy, words):
    said = subprocess.run(
        arguments(tmp_path / "d", f"{task} --policy {policy} --episodes 12 --workers {workers} --num-envs 2"),
        capture_output=True,
        text=True,
        env=plug_in,
    )
    assert said.returncode == 1
    assert words in said.stderr
    assert "Traceback" not in said.stderr
    seeds = [record.seed for record in read_records(tmp_path / "d")]
    assert seeds == list(range(len(seeds)))
    assert 4 <= len(seeds) <= 6


def test_where_a_worker_raised_is_told(tmp_path):
    with pytest.raises(WorkerError, match="Valid names") as caught:
        list(produce_in_processes(recipe(policy="nobody"), range(2), 2, tmp_path, print))
    assert caught.value.exit_code == 2
    assert isinstance(caught.value, SimError)
    assert "policy_argument.py" in caught.value.__notes__[0]


@linux
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize(
    "words",
    ["push-t", pytest.param("mujoco/reach --cameras front --image-size 32 --look draft", marks=pytest.mark.slow)],
)
def test_no_process_and_no_memory_outlives_the_parent(tmp_path, how, words):
    shared = set(Path("/dev/shm").glob("*"))
    process = started(tmp_path / "d", f"{words} --episodes 5000 --num-envs 2 --workers 2")
    wait_for(tmp_path / "d", "meta/info.json")
    workers = children(process.pid)
    assert len(workers) == 2
    pids = [*workers, *(pid for worker in workers for pid in children(worker, ""))]
    if how == signal.SIGINT:
        os.killpg(process.pid, how)  # as Ctrl-C in a terminal does: the workers hear it, too
    else:
        process.send_signal(how)
    _, err = process.communicate(timeout=250)
    assert process.returncode == (-how if how == signal.SIGKILL else 130), err
    assert "Traceback" not in err
    assert all_gone(pids)
    until = time.monotonic() + 60  # what other tests have there goes by itself
    while set(Path("/dev/shm").glob("*")) - shared:
        assert time.monotonic() < until
        time.sleep(0.1)
    kept = json.loads((tmp_path / "d/meta/info.json").read_text())["total_episodes"]
    assert 1 <= kept < 5000
    assert [record.seed for record in read_records(tmp_path / "d")] == list(range(kept))
