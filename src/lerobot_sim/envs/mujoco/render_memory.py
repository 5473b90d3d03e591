"""Memory that a process shares with one that it starts, which is gone when both are gone, however they end.

On POSIX it is a file without a name whose descriptor the child inherits; on Windows a mapping that the system
frees with its last user. No name is left on a disk or in `/dev/shm`, and no tracker process is needed.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import uuid


class Pages:
    """Shared bytes that can grow.

    Args:
        handle: What `Pages.handle` of the other process says; "" makes new ones.
    """

    def __init__(self, handle: str = "") -> None:
        self.handle = handle or _new_handle()
        self._map: mmap.mmap | None = None
        self._size = 0

    def view(self, size: int) -> memoryview:
        """At least `size` bytes; what views of before hold is not to be used any more."""
        if self._map is None or size > self._size:
            self._size = max(size, 1 << 16)
            self._map = None  # unmapped once no array looks at it
            self._map = _mapped(self.handle, self._size)
        return memoryview(self._map)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """File descriptors that the child must inherit."""
        return () if sys.platform == "win32" else (int(self.handle),)

    def close(self) -> None:
        """Frees them here; may be called again."""
        self._map = None
        if self.handle and sys.platform != "win32":
            os.close(int(self.handle))
        self.handle = ""


def _new_handle() -> str:
    if sys.platform == "win32":
        return f"lerobot-sim-{uuid.uuid4().hex}"
    if sys.platform == "linux":
        return str(os.memfd_create("lerobot-sim-pictures", os.MFD_CLOEXEC))
    with tempfile.TemporaryFile() as file:
        return str(os.dup(file.fileno()))


def _mapped(handle: str, size: int) -> mmap.mmap:
    if sys.platform == "win32":
        return mmap.mmap(-1, size, tagname=f"{handle}-{size}")  # pyright: ignore[reportCallIssue]
    descriptor = int(handle)
    if os.fstat(descriptor).st_size < size:
        os.ftruncate(descriptor, size)
    return mmap.mmap(descriptor, size)
