"""Ctrl-C that waits until a step is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def held_interrupts() -> Generator[Callable[[], bool]]:
    """Within it, Ctrl-C only makes what is yielded return True; the caller raises KeyboardInterrupt where it fits.

    Python tells the main thread alone of signals: in another thread nothing has to be held.
    """
    asked = False

    def note(_signal: int, _frame: Any) -> None:
        nonlocal asked
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = signal.signal(signal.SIGINT, note)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)
