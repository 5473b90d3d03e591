"""Decoded frames that are kept within a memory limit."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Any

from numpy.typing import NDArray


class FrameCache:
    """Decoded frames up to a limit in bytes.

    Args:
        limit: In bytes.
        evict: Once full, let the frame go that was not asked for longest. Without, those that came first stay: whoever
            asks for every frame once an epoch, in any order, finds as large a share of them as fits, where letting
            go finds 1 - c + c ln c of them, c being the share that does not fit (15% where half fits).
    """

    def __init__(self, limit: int, evict: bool = True) -> None:
        self._limit = limit
        self._evict = evict
        self._lock = threading.Lock()
        self._frames: OrderedDict[tuple[str, int], NDArray[Any]] = OrderedDict()
        self.bytes = 0

    def get(self, place: tuple[str, int]) -> NDArray[Any] | None:
        """A frame, not to be changed, or None."""
        with self._lock:
            found = self._frames.get(place)
            if found is not None and self._evict:
                self._frames.move_to_end(place)
            return found

    def put(self, place: tuple[str, int], frame: NDArray[Any]) -> None:
        """Copies a frame into the cache, if there is room or some can be made."""
        if frame.nbytes > (self._limit if self._evict else self._limit - self.bytes):
            return
        with self._lock:
            if place in self._frames or (not self._evict and self.bytes + frame.nbytes > self._limit):
                return
            self._frames[place] = frame.copy()
            self.bytes += frame.nbytes
            while self.bytes > self._limit:
                self.bytes -= self._frames.popitem(last=False)[1].nbytes

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._frames.clear()
            self.bytes = 0
