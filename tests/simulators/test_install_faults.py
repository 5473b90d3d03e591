"""Setups that are killed, run at once, or have no network, and Pythons that are not there."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lerobot_sim.errors import StorageError
from lerobot_sim.simulators.host.install import NotSetUpError, python_of, state_of
from lerobot_sim.simulators.host.install_build import install
from lerobot_sim.simulators.host.install_places import environments_folder
from lerobot_sim.simulators.host.install_uv import UvError
from tests.simulators.wheels import family, house, lock, wheel

__all__ = ["house"]

ROOT = Path(__file__).parents[2]

SETUP = """
import sys
from pathlib import Path
from lerobot_sim.simulators.host.install_build import install
from tests.simulators.wheels import family
state = install(family(Path(sys.argv[1])), lambda phase: print(phase.name, flush=True))
print("made", state.record.made_at, state.place.stat().st_ino, flush=True)
"""


@pytest.fixture
def tiny(house):
    return family(
        lock(
            house / "tiny.lock", *(wheel(house / "wheels", f"tiny{n}" if n else "tiny", size=200_000) for n in range(8))
        )
    )


def started(tiny, **environment):
    command = [sys.executable, "-c", SETUP, tiny.lock]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, cwd=ROOT, env={**os.environ, **environment}, start_new_session=True
    )


def slow_uv(folder: Path, seconds: float) -> dict[str, str]:
    """The real uv, that waits before it installs: so that a test can come in between."""
    from lerobot_sim.simulators.host.install_uv import find_uv

    folder.mkdir()
    script = folder / "uv"
    script.write_text(
        f"#!{sys.executable}\nimport os, sys, time\n"
        f"with open({str(folder / 'pids')!r}, 'a') as file: print(os.getpid(), file=file)\n"
        f"time.sleep({seconds} if sys.argv[1] == 'pip' else 0)\n"
        f"os.execv({str(find_uv())!r}, sys.argv)\n"
    )
    script.chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}", "LEROBOT_SIM_UV": str(script)}


def test_a_setup_that_is_killed_leaves_nothing_usable_and_the_next_goes_on(tiny, house):
    process = started(tiny, **slow_uv(house / "slow", 60))
    assert process.stdout.readline() == "python\n"
    wait_for(lambda: len((house / "slow" / "pids").read_text().split()) == 2)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with pytest.raises(NotSetUpError):
        python_of(tiny)
    if sys.platform == "linux":  # uv goes with it
        wait_for(lambda: not any(is_alive(int(pid)) for pid in (house / "slow" / "pids").read_text().split()))
    assert install(tiny).verdict == "current"
    assert sorted(path.name for path in environments_folder().iterdir()) == [".tiny.busy", "tiny"]


def test_kills_at_any_moment_leave_all_or_nothing(tiny):
    """Whatever is found at the environment's place is whole."""
    for delay in (0.05, 0.3, 0.45, 0.6, 0.75, 0.9, 1.2):
        process = started(tiny)
        time.sleep(delay)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        state = state_of(tiny)
        assert state.verdict in ("missing", "current")
        if state.usable:
            code = "; ".join(f"import tiny{n or ''}" for n in range(8))
            subprocess.run([python_of(tiny), "-c", code], check=True)
    assert install(tiny).verdict == "current"


@pytest.mark.parametrize("kind", ["between the renames", "before the renames"])
def test_a_kill_while_the_new_one_is_moved_in_costs_nothing(tiny, house, kind):
    place = install(tiny).place
    lock(house / "tiny.lock", wheel(house / "wheels", "tiny", "1.1"))
    renewed = install(tiny).place
    renewed.rename(place.with_name(".tiny.new"))  # as the kill leaves it: whole, but not in its place
    if kind == "before the renames":
        subprocess.run(["cp", "-a", place.with_name(".tiny.new"), place], check=True)
        (place / "lerobot-sim.json").write_text(
            (place / "lerobot-sim.json").read_text().replace('"lock_sha256": "', '"lock_sha256": "x')
        )
    assert state_of(tiny).verdict == ("old" if kind == "before the renames" else "missing")
    phases = []
    assert install(tiny, phases.append).record.versions == {"tiny": "1.1"}
    assert [phase.name for phase in phases] == ["move"]


def test_two_at_once_build_one_environment(tiny, house):
    slow = slow_uv(house / "slow", 5)
    first = started(tiny, **slow)
    assert first.stdout.readline() == "python\n"
    second = started(tiny, **slow)
    assert second.stdout.readline() == "wait\n"
    ends = [process.communicate(timeout=250)[0].splitlines()[-1] for process in (first, second)]
    assert ends[0].startswith("made")
    assert ends[0] == ends[1]
    assert len((house / "slow" / "pids").read_text().split()) == 2


def test_offline_takes_what_the_cache_holds(tiny, house, monkeypatch):
    install(tiny)
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(house / "other"))
    assert install(tiny, offline=True).verdict == "current"


def test_offline_names_what_is_missing(tiny, monkeypatch):
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX"):
        monkeypatch.delenv(name)
    with pytest.raises(UvError, match=r"Offline.*Not in it: tiny.*without --offline"):
        install(tiny, offline=True)
    assert state_of(tiny).verdict == "missing"


def test_no_network_says_that_nothing_is_lost(tiny, monkeypatch):
    for name in ("UV_FIND_LINKS", "UV_NO_INDEX"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(UvError, match="index cannot be reached"):
        install(tiny)


def test_a_python_that_is_nowhere_is_told(tiny):
    for offline in (True, False):
        with pytest.raises(UvError, match="needs another Python"):
            install(family(Path(tiny.lock), python="3.99"), offline=offline)
    assert state_of(tiny).verdict == "missing"


def test_another_python_than_ours(tiny):
    made = family(Path(tiny.lock), python="3.10")
    try:
        record = install(made, offline=True).record
    except UvError as error:
        pytest.skip(f"no Python 3.10 here: {str(error).splitlines()[0]} `uv python install 3.10` installs one")
    assert record.python.startswith("3.10.")
    ran = subprocess.run(
        [python_of(made), "-c", "import sys, tiny; print(sys.version_info[:2])"], capture_output=True, text=True
    )
    assert ran.stdout == "(3, 10)\n"


def test_without_uv_the_package_to_install_is_named(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("LEROBOT_SIM_UV", str(tmp_path / "nowhere"))
    with pytest.raises(Exception, match="LEROBOT_SIM_UV"):
        install(tiny)


def wait_for(true, seconds=60):
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except FileNotFoundError:
            pass
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_a_folder_that_cannot_be_written_is_told(tiny, house, monkeypatch):
    (house / "file").write_text("")
    monkeypatch.setenv("LEROBOT_SIM_HOME", str(house / "file"))
    with pytest.raises(StorageError, match=r"set up: Not a directory.*LEROBOT_SIM_HOME"):
        install(tiny)


def test_a_setup_that_fails_leaves_nothing_behind(tiny):
    Path(tiny.lock).write_text(f"tiny==9.9 --hash=sha256:{'0' * 64}\n")
    with pytest.raises(UvError):
        install(tiny)
    assert [path.name for path in environments_folder().iterdir()] == [".tiny.busy"]
