"""What all tests share: no hub, no display, one BLAS thread."""

import os
import signal

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


_LONG = {"isaac_lab": "isaac-lab", "libero": "libero", "metaworld": "metaworld"}
"""Folder or module of tests -> simulator whose slow tests take many minutes."""


def pytest_collection_modifyitems(items):
    """Leaves the slow tests of the heavy simulators to `make test-simulators NAME=…`."""
    wanted = os.environ.get("LEROBOT_SIM_LONG", "").split()
    for item in items:
        named = {part.removeprefix("test_").removesuffix(".py") for part in item.path.parts}
        for word, family in _LONG.items():
            if word in named and item.get_closest_marker("slow") and family not in wanted:
                item.add_marker(pytest.mark.skip(reason=f"minutes long: make test-simulators NAME={family} runs it"))
