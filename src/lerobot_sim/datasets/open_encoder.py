"""Opening an encoder, which says nothing and leaves the scheduling of threads as it was.

SVT-AV1 makes its own threads and the one that opens it real-time (SCHED_FIFO, priority 99) wherever it may, as for
root: from then on that thread and every process that it starts run before all others, and a busy one stops the machine.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

_TASKS = Path("/proc/self/task")


def open_encoder(stream: Any) -> None:
    """Opens the encoder of PyAV's `stream`, whose size and format are set.

    Raises:
        FFmpegError: It refuses.
    """
    os.environ.setdefault("SVT_LOG", "1")  # SVT-AV1 tells of itself at every start
    with _kept_scheduling():
        stream.codec_context.open()


@contextlib.contextmanager
def _kept_scheduling() -> Generator[None]:
    """Afterwards the caller's thread and those that are new are scheduled as the caller was."""
    if sys.platform != "linux" or not _TASKS.is_dir():
        yield
        return
    before, policy, priority = _threads(), os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in {0, *(_threads() - before)}:
            with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
                if os.sched_getscheduler(thread) != policy:
                    os.sched_setscheduler(thread, policy, priority)


def _threads() -> set[int]:
    return {int(path.name) for path in _TASKS.iterdir()}
