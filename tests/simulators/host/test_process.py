"""What a worker's process is made of, and what is left of it."""

import contextlib
import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.errors import InputError
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.host import process
from lerobot_sim.simulators.host.hosted_env import HostedEnv, Limits
from lerobot_sim.simulators.host.workers import hosted as several
from lerobot_sim.simulators.host.workers import limits_of, spread

from .conftest import QUICK, TOY, act, is_running, program, shared_blocks, until


def test_a_worker_finds_our_package_and_its_own_alone(hosted, bare_python, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(TOY.parents[3]))
    env = hosted(factory="toy:nosy", python=bare_python)
    seen = json.loads(env.instructions[0])
    ours = [name for name, found in seen["found"].items() if found]
    assert ours == ["numpy", "lerobot_sim", "toy"]
    packages = str(Path(np.__file__).parents[1])
    assert packages not in seen["path"]
    assert str(process.PACKAGE.parent) not in seen["path"]
    assert not {"gymnasium", "array_api_compat", "torch", "pyarrow"} & set(seen["loaded"])
    assert not [name for name in seen["variables"] if name.startswith("PYTHON")]
    if sys.platform == "linux":
        assert seen["stdin"] == os.devnull


def test_a_worker_of_this_python_sees_neither_its_folder_nor_that_of_a_module(hosted):
    seen = json.loads(hosted(factory="toy:nosy").instructions[0])
    assert not {"", str(Path.cwd()), str(TOY.parent), str(Path(process.__file__).parent)} & set(seen["path"])


def test_what_it_prints_is_kept_within_bounds_and_shown(hosted, monkeypatch):
    monkeypatch.setattr(process, "_LOG_BYTES", 20_000)
    monkeypatch.setattr("lerobot_sim.simulators.host.session.LOOK_AT_LOG", 10)
    env = hosted(1, says="tick " * 40, fault="abort", phase="get_state")
    size = 0
    for _ in range(30):
        env.reset([0], [1])
        for _ in range(10):
            act(env)
        size = max(size, os.fstat(env._session.process._log.fileno()).st_size)
    assert 10_000 < size < 60_000
    with pytest.raises(Exception, match="went with"):
        env.get_state(np.array([0]))
    assert "tick tick" in env.explain(0)
    assert "Fatal Python error: Aborted" in env.explain(0)


OWNER = """
import sys, time
from tests.simulators.host.conftest import act, program
from lerobot_sim.simulators.host.hosted_env import HostedEnv, Limits
from lerobot_sim.simulators.host.process import KEEPER
fault = {"fault": sys.argv[1], "phase": "step", "once": sys.argv[2]}
envs = [HostedEnv(program(**keywords), 1) for keywords in ({}, fault)]
for env in envs:
    env.reset([0], [1])
print(*[env.pid for env in envs], KEEPER._popen.pid, flush=True)
for _ in range(10**9):
    for env in envs:
        act(env)
"""


@pytest.fixture
def start():
    """Starts programs that own workers: the processes that they name. What a failed test leaves of them is ended."""
    owners, named = [], []

    def run(code, *words):
        command = [sys.executable, "-c", code, *words]
        owner = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd=TOY.parents[3]
        )
        owners.append(owner)
        pids = [int(word) for word in owner.stdout.readline().split()]
        named.extend(pids)
        return owner, pids

    yield run
    for owner in owners:
        owner.kill()
        owner.wait(20)
        owner.stdout.close()
    for pid in named:
        with contextlib.suppress(OSError):  # it is gone, as it should be
            (os.killpg if pid in groups() else os.kill)(pid, signal.SIGKILL)


@pytest.mark.parametrize("how", ["SIGKILL", "SIGTERM", "SIGINT"])
@pytest.mark.parametrize("busy", ["stop", "loop in C", "child"])
def test_nothing_is_left_when_we_are_killed(how, busy, tmp_path, start):
    before = shared_blocks()
    owner, pids = start(OWNER, busy, str(tmp_path / "begun"))
    assert len(pids) == 3
    assert until((tmp_path / "begun").exists)
    time.sleep(0.3)  # the file is made just before
    assert is_running(pids[0])
    assert is_running(pids[1]) or busy == "child"  # which leaves a process of the worker's group behind
    owner.send_signal(getattr(signal, how))
    if how == "SIGKILL":
        owner.wait(20)
    assert until(lambda: not any(map(is_running, pids))), pids
    assert until(lambda: not groups() & set(pids))
    assert not shared_blocks() - before


FORKED = """
import ctypes, time
from tests.simulators.host.conftest import program
from lerobot_sim.simulators.host.hosted_env import HostedEnv
env = HostedEnv(program(), 1)
fork = ctypes.PyDLL(None).fork()  # in C, so that Python closes nothing in it
if fork:
    print(env.pid, fork, flush=True)
time.sleep(1000)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux: elsewhere a fork that lives on keeps workers")
def test_nothing_is_left_when_we_are_killed_and_a_fork_of_ours_lives_on(start):
    owner, (worker, fork) = start(FORKED)
    owner.kill()
    owner.wait(20)
    assert until(lambda: not is_running(worker))
    assert is_running(fork)


def groups():
    """Process groups of all live processes."""
    if not Path("/proc").is_dir():
        return set()
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if words[0] != "Z":
            found.add(int(words[2]))
    return found


def test_what_a_worker_started_goes_with_it(hosted, tmp_path):
    env = hosted(1, fault="child", phase="step")
    group = env.pid
    env.reset([0], [1])
    for _ in range(3):
        act(env)
    assert until(lambda: group not in groups())


def test_a_worker_goes_with_an_environment_that_nobody_closed():
    env = HostedEnv(program(), 1)
    pid = env.pid
    del env
    gc.collect()
    assert until(lambda: not is_running(pid))
    assert process.KEEPER._popen is None


def test_workers_outlive_the_thread_that_started_them(hosted):
    made = []
    thread = threading.Thread(target=lambda: made.append(hosted(1)))
    thread.start()
    thread.join()
    made[0].reset([0], [1])
    assert act(made[0]).end.tolist() == [0]
    assert made[0].workers == 1


FORKS = """
import os
from tests.simulators.host.conftest import act, program
from lerobot_sim.simulators.host.hosted_env import HostedEnv
env = HostedEnv(program(), 1)
env.reset([0], [1])
pid = os.fork()
if not pid:
    env._session.process._finalizer()
    env.close()
    raise SystemExit
assert os.waitpid(pid, 0)[1] == 0
assert act(env).end.tolist() == [0]
assert env.workers == 1
"""


def test_a_fork_ends_no_worker_of_ours():
    subprocess.run([sys.executable, "-c", FORKS], cwd=TOY.parents[3], check=True, timeout=60)


def test_no_file_stays_open(hosted):
    def files():
        return len(list(Path("/proc/self/fd").iterdir())) if Path("/proc").is_dir() else 0

    hosted(1).close()
    before = files()
    for _ in range(5):
        env = hosted(1)
        env.reset([0], [1])
        act(env)
        env.close()
    assert files() == before


def test_without_memory_files_a_temporary_file_serves(hosted, monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    env = hosted(2)
    env.reset(np.arange(2), np.array([1, 2]))
    assert act(env).end.tolist() == [0, 0]
    assert env.render(env.spec.cameras)["front"].any()


def test_the_keeper_goes_with_the_last_worker(hosted):
    first, second = hosted(1), hosted(1)
    keeper = process.KEEPER._popen.pid
    first.close()
    assert is_running(keeper)
    second.close()
    assert not is_running(keeper)
    assert process.KEEPER._popen is None


def test_patience_makes_time_limits_longer(monkeypatch):
    family = Family(name="tiny", packages=(), lock="tiny", about="", start_s=10.0, reset_s=2.0, step_s=1.0)
    assert limits_of(family) == Limits(start_s=10.0, reset_s=2.0, step_s=1.0)
    monkeypatch.setenv("LEROBOT_SIM_PATIENCE", "2.5")
    assert limits_of(family) == Limits(start_s=25.0, reset_s=5.0, step_s=2.5)
    for said in ("long", "0", "-1", "inf"):
        monkeypatch.setenv("LEROBOT_SIM_PATIENCE", said)
        with pytest.raises(InputError, match="LEROBOT_SIM_PATIENCE: expected a number above 0"):
            limits_of(family)


def test_lanes_are_spread_evenly():
    assert spread(7, 3) == [3, 2, 2]
    with pytest.raises(InputError, match="expected 1 to 2"):
        spread(2, 3)


def test_several_workers_and_one_that_does_not_start(tmp_path):
    envs = several(program(), 5, 2, limits=QUICK)
    assert [env.num_envs for env in envs] == [3, 2]
    for env in envs:
        env.close()
    with pytest.raises(Exception, match="ZeroDivisionError"):
        several(program(fault="raise", phase="start"), 2, 2)
    assert until(lambda: process.KEEPER._popen is None)
