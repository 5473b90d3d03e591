"""What all tests share: no hub, no display, one BLAS thread."""

import ctypes
import os
import signal
import sys

import pytest
from hypothesis import settings

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as of a shell's background job: processes would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("SDL_VIDEODRIVER", "dummy")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

settings.register_profile("here", deadline=None)  # tests are never timed
settings.load_profile("here")


@pytest.fixture(autouse=True)
def ordinary_scheduling():
    """No test may leave this process real-time, as SVT-AV1 does where we are root: all that follows would starve."""
    if not hasattr(os, "sched_getscheduler"):
        yield
        return
    policy, priority = os.sched_getscheduler(0), os.sched_getparam(0)
    yield
    after = os.sched_getscheduler(0)
    if after != policy:
        os.sched_setscheduler(0, policy, priority)
    assert after == policy, "an encoder has changed how this process is scheduled"


_PR_CAPBSET_DROP, _CAP_SYS_NICE = 24, 23


def pytest_configure(config):
    """No program that a test starts may make itself real-time, as LeRobot's commands would by SVT-AV1 for root."""
    distributes = config.getoption("dist", "no") != "no" and not hasattr(config, "workerinput")
    if sys.platform == "linux" and not distributes:  # those who run tests keep the right, so that ours is tested
        ctypes.CDLL(None).prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0)


_LONG = {"isaac_lab": "isaac-lab", "libero": "libero", "metaworld": "metaworld"}
"""Folder or module of tests -> simulator whose slow tests take many minutes."""


def pytest_collection_modifyitems(items):
    """Leaves the slow tests of the heavy simulators to `make test-simulators NAME=…`; begins with those of the docs."""
    items.sort(key=lambda item: item.path.name != "test_docs.py")  # so that nobody waits for them alone at the end
    wanted = os.environ.get("LEROBOT_SIM_LONG", "").split()
    for item in items:
        named = {part.removeprefix("test_").removesuffix(".py") for part in item.path.parts}
        for word, family in _LONG.items():
            if word in named and item.get_closest_marker("slow") and family not in wanted:
                item.add_marker(pytest.mark.skip(reason=f"minutes long: make test-simulators NAME={family} runs it"))
