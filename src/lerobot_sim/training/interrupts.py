"""Ctrl-C that waits until a step is whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def held_interrupts() -> Generator[Callable[[], bool]]:
    """Within it, Ctrl-C only makes what is yielded return True; the caller raises KeyboardInterrupt where it fits.

    Where the caller is through without having done so, it is raised at the end.

    SIGTERM, as clusters send it, is taken likewise. Python tells the main thread alone of signals: in another thread
    nothing has to be held.
    """
    asked = False

    def note(_signal: int, _frame: Any) -> None:
        nonlocal asked
        asked = True

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    with _handled(note):
        yield lambda: asked
    if asked:
        raise KeyboardInterrupt


@contextmanager
def free_interrupts() -> Generator[None]:
    """Within it, inside `held_interrupts`, Ctrl-C and SIGTERM raise KeyboardInterrupt at once."""

    def leave(_signal: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    with _handled(leave):
        yield


@contextmanager
def _handled(handler: Callable[[int, Any], None]) -> Generator[None]:
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in heard}
    try:
        yield
    finally:
        for number, one in before.items():
            signal.signal(number, one)
