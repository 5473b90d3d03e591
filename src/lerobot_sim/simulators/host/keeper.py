"""Ends process groups once the process that started it is gone, however it went: `python -I -S keeper.py PID`.

Standard input brings lines, "+<group>" and "-<group>"; its end, or the end of process PID, is the time to act. One
keeper serves all workers of a process, also those that are stopped, or busy in C, and what these started themselves.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import sys


def watch(parent: int) -> set[int]:
    """Reads lines until the end; returns the groups that are left."""
    groups: set[int] = set()
    poll = select.poll()
    poll.register(0, select.POLLIN)
    ended = -1
    if hasattr(os, "pidfd_open"):  # whoever else holds the pipe open, such as a fork
        with contextlib.suppress(OSError):  # it is gone already, or may not be watched: the pipe tells
            ended = os.pidfd_open(parent)
            poll.register(ended, select.POLLIN)
    rest = b""
    while True:
        ready = dict(poll.poll())
        chunk = os.read(0, 65536) if 0 in ready else b""
        lines = (rest + chunk).split(b"\n")
        rest = lines.pop()
        apply(groups, lines)
        if not chunk:
            return groups


def apply(groups: set[int], lines: list[bytes]) -> None:
    """Adds and removes groups."""
    for line in lines:
        if line.startswith(b"+"):
            groups.add(int(line[1:]))
        elif line.startswith(b"-"):
            groups.discard(int(line[1:]))


def main() -> None:
    """Watches, then kills."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        signal.signal(getattr(signal, name), signal.SIG_IGN)
    for group in watch(int(sys.argv[1])):
        with contextlib.suppress(OSError):  # gone already
            os.killpg(group, signal.SIGKILL)


if __name__ == "__main__":
    main()
