"""Pictures of episodes on their way to files: encoded in threads, behind queues that are bounded and block.

A stream is one camera's pictures of one episode. Each stays with one thread, so its pictures keep their order; PyAV
lets other threads run while it encodes. Nothing is ever dropped: whoever is faster than the encoders waits for them.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import os
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import SimError, StorageError
from lerobot_sim.spec import Camera

from .codecs import EncoderError, VideoSettings, open_stream, to_frame
from .files import storage_error
from .image_statistics import statistics_for
from .statistics import ColumnStatistics

_QUEUED_BYTES = 32 << 20  # of all threads together
_QUEUED_PICTURES = 64


@dataclass(frozen=True, kw_only=True)
class CameraFile:
    """One camera's pictures of one episode, in a file that is not yet part of a dataset.

    Attributes:
        path: The file: a video, or the images one after the other.
        count: How many pictures are in it, counted in the file itself.
        statistics: Of the pictures.
        sizes: Bytes of each image, None for a video.
    """

    path: Path
    count: int
    statistics: ColumnStatistics
    sizes: tuple[int, ...] | None = None


class Stream:
    """One camera's pictures of one episode; made, written and closed by one thread."""

    def __init__(self, path: Path, settings: VideoSettings, camera: Camera, fps: float, *, sync: bool) -> None:
        self._path, self._settings, self._camera, self._fps, self._sync = path, settings, camera, fps, sync
        self._statistics = statistics_for(camera, settings)
        self._count = 0
        self._packets = 0
        self._container: Any = None
        self._stream: Any = None
        self._images: Any = None
        self._sizes: list[int] = []
        self.done = threading.Event()
        self.error: BaseException | None = None
        self.result: CameraFile | None = None

    def write(self, image: NDArray[Any]) -> None:
        """Encodes the next picture."""
        if self.error is not None:
            return
        try:
            if self._settings.as_images:
                self._write_image(image)
            else:
                if self._container is None:
                    self._path.open("wb").close()  # FFmpeg would tell only at the first packet
                    self._container, self._stream = open_stream(
                        str(self._path), self._settings, self._camera, self._fps
                    )
                self._mux(to_frame(image, self._settings, self._camera, self._count))
            self._statistics.add(image)
            self._count += 1
        except BaseException as error:  # noqa: BLE001 - told to whoever takes the episode
            self._fail(error)

    def close(self) -> None:
        """Finishes the file and counts what is in it."""
        try:
            if self.error is None:
                self._finish()
        except BaseException as error:  # noqa: BLE001 - told to whoever takes the episode
            self._fail(error)
        finally:
            self.done.set()

    def discard(self) -> None:
        """Leaves no file."""
        self._abandon()
        self.done.set()

    def _mux(self, frame: Any) -> None:
        packets = self._stream.encode(frame)
        self._packets += len(packets)
        self._container.mux(packets)

    def _write_image(self, image: NDArray[Any]) -> None:
        if self._images is None:
            self._images = self._path.open("wb")
        data = encode_png(image)
        self._images.write(data)
        self._sizes.append(len(data))

    def _finish(self) -> None:
        if self._settings.as_images:
            self._images.close()
            found = len(self._sizes)
        else:
            self._mux(None)
            self._container.close()
            found = count_pictures(self._path)
        if found != self._count or (self._packets != self._count and not self._settings.as_images):
            raise StorageError(
                f"{self._path} holds {found} pictures, {self._count} were recorded. The encoder lost some: try "
                "another codec."
            )
        if self._sync:
            with self._path.open("rb") as file:
                os.fsync(file.fileno())
        sizes = tuple(self._sizes) if self._settings.as_images else None
        self.result = CameraFile(path=self._path, count=found, statistics=self._statistics.result(), sizes=sizes)

    def _fail(self, error: BaseException) -> None:
        from av.error import FFmpegError

        if isinstance(error, SimError):
            self.error = error
        elif isinstance(error, OSError):
            self.error = storage_error(self._path, error)
        elif isinstance(error, FFmpegError):
            self.error = EncoderError(f"{self._settings.codec} failed at picture {self._count}: {error}.")
        else:
            self.error = error
        self._abandon()

    def _abandon(self) -> None:
        for open_file in (self._container, self._images):
            if open_file is not None:
                with contextlib.suppress(Exception):  # what could not be finished is removed
                    open_file.close()
        self._container = self._images = None
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)


class EncoderThreads:
    """Threads that encode; each stream belongs to one of them.

    Args:
        count: How many.
        picture_bytes: Bytes of the largest picture, by which the queues are bounded.
    """

    def __init__(self, count: int, picture_bytes: int) -> None:
        room = max(2, min(_QUEUED_PICTURES, _QUEUED_BYTES // (picture_bytes * count)))
        self._queues: list[queue.Queue[Callable[[], None] | None]] = [queue.Queue(room) for _ in range(count)]
        self._threads = [
            threading.Thread(target=_work, args=(own,), name=f"encoder-{k}", daemon=True)
            for k, own in enumerate(self._queues)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def count(self) -> int:
        """How many threads."""
        return len(self._threads)

    def put(self, number: int, task: Callable[[], None]) -> None:
        """Hands a task to thread `number`; waits while its queue is full."""
        self._queues[number].put(task)

    def close(self) -> None:
        """Waits until all is done, and ends the threads."""
        for own in self._queues:
            own.put(None)
        for thread in self._threads:
            thread.join()
        self._threads, self._queues = [], []


def count_pictures(path: Path) -> int:
    """Pictures in a video file: the table of an MP4, or the packets of other containers."""
    import av

    container: Any = av.open(str(path))
    try:
        stream = container.streams.video[0]
        return stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
    finally:
        container.close()


def encode_png(image: NDArray[Any]) -> bytes:
    """uint8 (h, w, 3) as PNG; float32 (h, w, 1) depth in m as 16-bit PNG of whole mm, at most 65.535 m."""
    import av

    height, width = image.shape[:2]
    context: Any = av.CodecContext.create("png", "w")
    if image.dtype == np.uint8:
        context.pix_fmt, frame = "rgb24", av.VideoFrame.from_ndarray(image, format="rgb24")
    else:
        whole = np.rint(np.clip(image[..., 0], 0.0, 65.535) * 1000).astype(">u2")
        context.pix_fmt, frame = "gray16be", av.VideoFrame(width, height, "gray16be")
        plane: Any = frame.planes[0]
        np.frombuffer(plane, ">u2").reshape(height, plane.line_size // 2)[:, :width] = whole
    context.width, context.height = width, height
    from fractions import Fraction

    context.time_base = Fraction(1, 1)
    return b"".join(bytes(packet) for packet in [*context.encode(frame), *context.encode(None)])


def _work(tasks: queue.Queue[Callable[[], None] | None]) -> None:
    while (task := tasks.get()) is not None:
        task()
