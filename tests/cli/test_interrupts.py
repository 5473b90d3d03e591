"""Ctrl-C, SIGTERM, kill -9 and a full disk in every phase: what is finished is kept, and the same command goes on."""

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.cli.console import Console
from lerobot_sim.cli.failures import explained
from lerobot_sim.cli.run_folder import RunFolder
from lerobot_sim.errors import StorageError
from lerobot_sim.training.interrupts import held_interrupts

WORDS = ["run", "push-t", "--demo-episodes", "60", "--train-steps", "6000", "--hidden-dim", "64"]
WORDS += ["--eval-episodes", "100", "--videos", "1", "--json"]
RUN = [sys.executable, "-m", "lerobot_sim", *WORDS]
BARS = ("Collecting", "Training", "Evaluating")
SIGNALLED = Path(__file__).with_name("signalled.py")

pytestmark = pytest.mark.timeout(3600)  # on a busy machine; the fixture's run counts, too


def finished(*words: str | Path) -> str:
    """What a run prints that goes well; says why where it does not."""
    ran = subprocess.run([*RUN, *map(str, words)], capture_output=True, text=True)
    assert ran.returncode == 0, f"exit status {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@pytest.fixture
def start():
    """Starts runs, none of which is left behind."""
    begun: list[subprocess.Popen[str]] = []

    def one(folder: Path) -> subprocess.Popen[str]:
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        begun.append(subprocess.Popen([*RUN, "--output-dir", str(folder)], text=True, bufsize=1, **pipes))
        return begun[-1]

    yield one
    for process in begun:
        process.kill()
        process.communicate()


def wait_for(process: subprocess.Popen[str], phase: str) -> str:
    """Reads standard error until a phase has begun."""
    said = ""
    assert process.stderr
    for line in process.stderr:
        said += line
        if line.startswith(phase):
            return said
    raise AssertionError(f"{phase} never began: {said}")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    finished("--output-dir", folder)
    return folder


def same(first: Path, second: Path) -> None:
    """Same demonstrations and same weights; a network's score may differ in the last bits of its sums."""
    for path in sorted((first / "dataset/data").rglob("*.parquet")):
        assert path.read_bytes() == (second / path.relative_to(first)).read_bytes()
    with np.load(first / "best_policy.npz") as one, np.load(second / "best_policy.npz") as other:
        for name in ("w1", "b1", "w2", "b2", "w3", "b3"):
            np.testing.assert_array_equal(one[name], other[name])
    results = [json.loads((folder / "run.json").read_text())["result"] for folder in (first, second)]
    assert results[0]["episodes"] == results[1]["episodes"] == 100
    assert abs(results[0]["success_rate"] - results[1]["success_rate"]) <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_interrupted_in_any_phase_goes_on(uninterrupted, tmp_path, bar, how):
    words = [bar, "0.4", str(int(how)), *WORDS, "--output-dir", str(tmp_path)]
    left = subprocess.run([sys.executable, str(SIGNALLED), *words], capture_output=True, text=True)
    assert bar in left.stderr or how == signal.SIGKILL
    assert left.returncode == (-how if how == signal.SIGKILL else 130), left.stderr
    if how != signal.SIGKILL:
        assert "Interrupted" in left.stderr
        assert "Traceback" not in left.stderr
    assert json.loads(finished("--output-dir", tmp_path))["episodes"] == 100
    same(uninterrupted, tmp_path)
    assert not list(tmp_path.rglob("training_state.npz"))


@pytest.mark.skipif(os.name == "nt", reason="SIGSTOP")
def test_a_folder_in_use_is_refused_until_its_user_is_dead(start, tmp_path):
    process = start(tmp_path)
    wait_for(process, "Phase 1")
    process.send_signal(signal.SIGSTOP)  # so that it is not through before the second has come
    second = subprocess.run([*RUN, "--output-dir", str(tmp_path)], capture_output=True, text=True)
    process.kill()
    process.communicate()
    assert second.returncode == 1
    assert f"in use: process {process.pid} is writing" in second.stderr
    assert "Traceback" not in second.stderr
    mine = f"{tmp_path} is in use: process {os.getpid()} "
    with RunFolder(tmp_path, "run", {}, overwrite=True, products=()), pytest.raises(StorageError, match=mine):
        RunFolder(tmp_path, "run", {}, overwrite=True, products=()).__enter__()  # the dead do not hold it, we do


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_a_library_lost_is_raised_at_the_next_progress(how, capfd):
    with explained(False) as outcome, Console(False).progress("Waiting", 3, "times") as show:
        show(1)
        with contextlib.suppress(KeyboardInterrupt):  # as an import within a weak reference's callback does
            signal.raise_signal(how)
        show(2)
        raise AssertionError("it went on")
    assert outcome.exit_code == 130
    assert "Interrupted" in capfd.readouterr().err
    with explained(False) as outcome, Console(False).progress("Waiting", 3, "times") as show:
        show(1)  # the next command knows nothing of it
    assert outcome.exit_code == 0


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_that_was_held_is_raised_at_the_end(how):
    seen = []

    def ask_too_early():
        with held_interrupts() as interrupted:
            seen.append(interrupted())
            signal.raise_signal(how)
            seen.append(interrupted())

    with pytest.raises(KeyboardInterrupt):
        ask_too_early()
    assert seen == [False, True]


def test_whoever_has_us_ignore_ctrl_c_is_obeyed():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell script has its background jobs do
    try:
        with explained(False) as outcome, held_interrupts() as interrupted:
            signal.raise_signal(signal.SIGINT)
            assert not interrupted()
        assert outcome.exit_code == 0
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def collect(folder: Path, episodes: int, **options) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lerobot_sim", "collect", "push-t", "--episodes", str(episodes)]
    return subprocess.run([*command, "--output-dir", str(folder)], capture_output=True, text=True, **options)


def small_disk(folder: Path) -> bool:
    """Mounts a file system of 400 kB, if this machine lets us."""
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(folder)], capture_output=True)
    return mounted.returncode == 0


def test_a_full_disk_is_said_and_the_run_goes_on_once_there_is_space(tmp_path):
    folder = tmp_path / "small"
    if os.name != "posix" or not small_disk(folder):
        pytest.skip("this user may not mount a small file system")
    try:
        full = collect(folder / "dataset", 100)
        assert full.returncode == 1
        assert "space" in full.stderr
        assert "Traceback" not in full.stderr
        kept = json.loads((folder / "dataset/meta/info.json").read_text())["total_episodes"]
        assert 0 < kept < 100
        subprocess.run(["mount", "-o", "remount,size=8m", str(folder)], check=True)
        on = collect(folder / "dataset", 100)
        assert on.returncode == 0, on.stderr
        assert f"holds {kept} episodes" in on.stdout
        assert json.loads((folder / "dataset/meta/info.json").read_text())["total_episodes"] == 100
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_file_size_limit_is_said_like_a_full_disk(tmp_path):
    limited = collect(
        tmp_path / "d", 100, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    )
    assert limited.returncode == 1
    assert "Traceback" not in limited.stderr
    assert "space" in limited.stderr or "large" in limited.stderr
    assert collect(tmp_path / "d", 100).returncode == 0
