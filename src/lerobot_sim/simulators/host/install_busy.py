"""One setup at a time: a lock on a file, held by this process and by the uv that it started."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

_LOOK_AGAIN_S = 0.2


@contextlib.contextmanager
def alone(path: Path, waiting: Callable[[str], None]) -> Generator[int]:
    """Waits until nobody else holds the lock on `path`; yields the open file's descriptor.

    Args:
        path: A small file, which stays.
        waiting: Takes, once, who holds it, in words.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        told = False
        while not _locked(descriptor):
            if not told:
                holder = os.pread(descriptor, 20, 0).decode("ascii", "replace").strip() if os.name == "posix" else ""
                waiting(f"process {holder}" if holder else "another process")
                told = True
            time.sleep(_LOOK_AGAIN_S)
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        yield descriptor
    finally:
        os.close(descriptor)


def _locked(descriptor: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            os.lseek(descriptor, 1 << 30, os.SEEK_SET)
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
