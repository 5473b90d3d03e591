"""Between two processes: one anonymous shared block for arrays, two pipes for signals and messages.

Arrays lie in the block at aligned offsets and are written in place on both sides. The block has no name, so nothing
is left behind whoever is killed. Signals are bytes through pipes: of the primitives tried, a pipe read after a `poll`
costs 4.6 us a round trip (eventfd 3.5, POSIX semaphores 3.3 to 5.4, socket pairs 6.2) and alone of the quick ones
tells by end-of-file that the other side has died. Nobody spins. Runs in simulators' own environments: NumPy alone.
"""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import select
import struct
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, SimError

ALIGNMENT = 64
SLICE_S = 0.25
"""How long a wait lasts before it looks whether the other side lives."""

_HEAD = struct.Struct("<cQ")
_CHUNK = 1 << 20
_LONGEST = 1 << 31


class LostError(SimError):
    """The other side has died or closed its end."""


class LateError(SimError):
    """The other side did not answer in time."""


class Block:
    """Anonymous shared memory that grows; its parts are mapped apart, so what was mapped before stays valid.

    Args:
        fd: Of the memory, owned by the block from now on.
    """

    def __init__(self, fd: int) -> None:
        self.fd = fd

    @classmethod
    def create(cls) -> Block:
        """A new one: a memory file where there is one (Linux), else a temporary file without a name."""
        if hasattr(os, "memfd_create"):
            return cls(os.memfd_create("lerobot-sim", os.MFD_CLOEXEC))
        with tempfile.TemporaryFile() as file:
            return cls(os.dup(file.fileno()))

    def add(self, length: int) -> int:
        """Grows by at least `length` bytes of zeros and returns their offset."""
        offset = os.fstat(self.fd).st_size
        os.ftruncate(self.fd, offset + -(-max(length, 1) // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY)
        return offset

    def map(self, offset: int, length: int) -> mmap.mmap:
        """A part of it; it lives as long as arrays over it do, also after `close`."""
        return mmap.mmap(self.fd, max(length, 1), offset=offset)

    def close(self) -> None:
        """Lets go of the memory; parts that are mapped stay."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Part:
    """Arrays that lie together in a block, as plain data that both sides agree on.

    Args:
        fields: Name -> dtype and shape.
        offset: Where the part begins in the block.

    Raises:
        InputError: They are longer than 2 GiB.
    """

    def __init__(self, fields: Mapping[str, tuple[str, Sequence[int]]], offset: int = 0) -> None:
        self.fields = {name: (dtype, tuple(shape)) for name, (dtype, shape) in fields.items()}
        self.offset = offset
        places: list[int] = []
        self.length = 0
        for dtype, shape in self.fields.values():
            places.append(self.length)
            size = np.dtype(dtype).itemsize * int(np.prod(shape, dtype=np.int64))
            self.length += -(-size // ALIGNMENT) * ALIGNMENT
        self.length = max(self.length, ALIGNMENT)
        if self.length >= _LONGEST:
            raise InputError(
                f"{', '.join(self.fields)}: arrays of {self.length} bytes do not pass between processes at once, 2 GiB "
                "do. Take fewer lanes or smaller pictures."
            )
        formats = list(self.fields.values())
        self.record: Any = np.dtype(
            {"names": list(self.fields), "formats": formats, "offsets": places, "itemsize": self.length}
        )
        """All arrays as one structured dtype: a view of a field is quicker made than an array over memory."""

    def to_json(self) -> dict[str, Any]:
        """What the other side needs to find the arrays."""
        return {"fields": self.fields, "offset": self.offset}

    def arrays(self, memory: Any, start: int = 0) -> dict[str, NDArray[Any]]:
        """The arrays in mapped memory whose byte `start` is the part's first."""
        record: NDArray[Any] = np.ndarray((), self.record, memory, start)
        return {name: record[name] for name in self.fields}


def pack(header: Mapping[str, Any], arrays: Mapping[str, Any] | None = None) -> bytes:
    """A line of JSON, then the arrays' bytes."""
    values = {name: np.ascontiguousarray(value) for name, value in (arrays or {}).items()}
    shapes = {name: np.shape(value) for name, value in (arrays or {}).items()}
    kinds = [[name, value.dtype.str, shapes[name]] for name, value in values.items()]
    head = json.dumps({**header, "arrays": kinds}).encode()
    return b"\n".join([head, b"".join(value.tobytes() for value in values.values())])


def unpack(message: bytes) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays, each in memory of its own."""
    head, _, body = message.partition(b"\n")
    header: dict[str, Any] = json.loads(head)
    arrays: dict[str, NDArray[Any]] = {}
    at = 0
    for name, kind, shape in header.pop("arrays"):
        dtype = np.dtype(str(kind))
        if dtype.hasobject:
            raise SimError(f"'{name}' holds Python objects, which do not pass between processes.")
        count = int(np.prod(shape, dtype=np.int64))
        arrays[name] = np.frombuffer(body, dtype, count, at).reshape(shape).copy()
        at += arrays[name].nbytes
    return header, arrays


class Wire:
    """Two pipes: single bytes below 128 are signals, or the head of a longer message; those above carry a number.

    Args:
        reads: The pipe's end that is read.
        writes: The other pipe's end that is written.
        look: Called every `SLICE_S` of a wait with a limit; raises where the other side is known to be gone.
    """

    def __init__(self, reads: int, writes: int, look: Callable[[], None] = lambda: None) -> None:
        self._reads, self._writes, self._look = reads, writes, look
        os.set_blocking(writes, False)
        self._readable = select.poll()
        self._readable.register(reads, select.POLLIN)
        self._writable = select.poll()
        self._writable.register(writes, select.POLLOUT)

    def signal(self, byte: bytes) -> None:
        """Sends one byte."""
        try:
            os.write(self._writes, byte)
        except OSError as error:
            raise LostError(f"The other side is gone ({error.strerror}).") from error

    def answer(self, limit_s: float) -> bytes:
        """Waits for a signal, or for the head of a message, which `rest` then reads."""
        if not self._readable.poll(1000 * min(limit_s, SLICE_S)):
            self._wait(self._readable, time.monotonic() + limit_s - SLICE_S, limit_s)
        byte = os.read(self._reads, 1)
        if not byte:
            raise LostError("The other side has closed its end.")
        return byte

    def listen(self) -> bytes:
        """Waits for a byte without a limit; b"" once the other side is gone."""
        return os.read(self._reads, 1)

    def send(self, kind: bytes, payload: bytes, limit_s: float = 3600.0) -> None:
        """Sends a message."""
        until = time.monotonic() + limit_s
        view = memoryview(_HEAD.pack(kind, len(payload)) + payload)
        while view:
            try:
                view = view[os.write(self._writes, view[:_CHUNK]) :]
            except BlockingIOError:
                self._wait(self._writable, until, limit_s)
            except OSError as error:
                raise LostError(f"The other side is gone ({error.strerror}).") from error

    def rest(self, limit_s: float = 3600.0) -> bytes:
        """What comes after a message's first byte."""
        until = time.monotonic() + limit_s
        length = int.from_bytes(self._exactly(_HEAD.size - 1, until, limit_s), "little")
        if length > _LONGEST:
            raise LostError(f"A message of {length} bytes was announced: the other side speaks something else.")
        return self._exactly(length, until, limit_s)

    def close(self) -> None:
        """Closes both ends."""
        for fd in (self._reads, self._writes):
            with contextlib.suppress(OSError):
                os.close(fd)
        self._reads = self._writes = -1

    def _exactly(self, count: int, until: float, limit_s: float) -> bytes:
        parts: list[bytes] = []
        while count:
            self._wait(self._readable, until, limit_s)
            part = os.read(self._reads, min(count, _CHUNK))
            if not part:
                raise LostError("The other side closed its end in the middle of a message.")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def _wait(self, poll: Any, until: float, limit_s: float) -> None:
        while True:
            left = until - time.monotonic()
            if poll.poll(1000 * min(max(left, 0.0), SLICE_S)):
                return
            self._look()
            if left <= 0:
                raise LateError(f"No answer within {limit_s:g} s.")
