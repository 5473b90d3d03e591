"""Workers for the tests: of this Python, and of a bare environment that has NumPy and nothing else."""

import contextlib
import os
import signal
import sys
import threading
import time
import venv
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.simulators.host.hosted_env import HostedEnv, Limits, Program

TOY = Path(__file__).with_name("toy.py")
QUICK = Limits(start_s=200.0, reset_s=20.0, step_s=20.0)  # far above what a busy machine takes


def program(factory="toy:make", python=sys.executable, **keywords):
    return Program(python=Path(python), factory=factory, keywords=keywords, modules={"toy": TOY})


def act(env, value=0.25):
    return env.step(np.full((env.num_envs, *env.spec.action.shape), value, np.float32), np.ones(env.num_envs, bool))


def is_running(pid):
    """Whether a process exists and is no zombie."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(condition, limit_s=60.0):
    """Waits for something to become true."""
    end = time.monotonic() + limit_s
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def interrupt_once(condition):
    """Ctrl-C for this process as soon as something is true: within a call that takes long then."""

    def wait():
        assert until(condition)
        time.sleep(0.05)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=wait).start()


def shared_blocks():
    """Names in /dev/shm that one of ours could have."""
    shared = Path("/dev/shm")
    return {path.name for path in shared.glob("*lerobot*")} if shared.is_dir() else set()


@pytest.fixture
def hosted():
    """Makes environments that are closed after the test; none of their processes and blocks may be left."""
    made, pids, before = [], set(), shared_blocks()

    def make(num_envs=1, *, limits=QUICK, factory="toy:make", python=sys.executable, wait=True, spec=None, **keywords):
        env = HostedEnv(program(factory, python, **keywords), num_envs, limits=limits, wait=wait, spec=spec)
        made.append(env)
        pids.add(env.pid)
        return env

    with contextlib.ExitStack() as closing:  # one that fails to close costs no other
        yield make
        for env in made:
            pids.add(env.pid)
            closing.callback(env.close)
    try:
        assert until(lambda: not any(pid and is_running(pid) for pid in pids))
    finally:
        for pid in pids - {None}:
            if is_running(pid):
                os.killpg(pid, signal.SIGKILL)
    assert not shared_blocks() - before


@pytest.fixture(scope="session")
def bare_python(tmp_path_factory):
    """The Python of a virtual environment with NumPy alone, which is linked into it."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    for source in Path(np.__file__).parents[1].glob("numpy*"):
        (packages / source.name).symlink_to(source)
    return folder / "bin" / "python"
