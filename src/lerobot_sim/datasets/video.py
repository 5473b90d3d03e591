"""Plain video files: H.264 in MP4, as every player takes it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import ArrayError, InputError, StorageError

from .files import make_folder, part_of, storage_error


class VideoWriter:
    """Encodes frames to an MP4 file, which appears under its name when it is whole; a context manager.

    x264 veryfast, yuv420p. That needs even sizes: an odd row or column at the end is doubled.

    Args:
        path: The file, ending in ".mp4"; its folder is made.
        fps: Frames a second.
        height: Rows of a frame.
        width: Columns of a frame.

    Raises:
        InputError: Another ending, or fps, height or width that are not positive.
        StorageError: The file cannot be written.
    """

    def __init__(self, path: Path | str, fps: float, height: int, width: int) -> None:
        self._path = Path(path)
        if self._path.suffix != ".mp4":
            raise InputError(f"A video's name ends in '.mp4', '{self._path.name}' came.")
        if fps <= 0 or height < 1 or width < 1:
            raise InputError(f"A video needs fps, height and width above 0; {fps}, {height} and {width} came.")
        self._shape = (height, width, 3)
        self._padding = ((0, height % 2), (0, width % 2), (0, 0))
        self._frames = 0
        self._part = part_of(self._path)
        self._container: Any = self._open(Fraction(fps).limit_denominator(10_000), height, width)

    @property
    def num_frames(self) -> int:
        """Frames that were written."""
        return self._frames

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Appends a frame: uint8 (height, width, 3), RGB.

        Raises:
            ArrayError: Another shape or dtype.
            InputError: The file is closed.
            StorageError: The file could not be written; it is removed.
        """
        import av

        if self._container is None:
            raise InputError(f"The video {self._path} is closed. Write before closing it.")
        if frame.shape != self._shape or frame.dtype != np.uint8:
            raise ArrayError(f"A frame: expected uint8 {self._shape}, {frame.dtype} {frame.shape} came.")
        if self._padding != ((0, 0), (0, 0), (0, 0)):
            frame = np.pad(frame, self._padding, mode="edge")
        picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        picture.pts = self._frames
        self._encode(picture)
        self._frames += 1

    def close(self) -> None:
        """Finishes the file and gives it its name; a second call does nothing.

        Raises:
            InputError: It has no frame; nothing is left.
            StorageError: It could not be written; nothing is left.
        """
        if self._container is None:
            return
        if self._frames == 0:
            self.discard()
            raise InputError(f"The video {self._path} has no frame. Write at least one.")
        self._encode(None)
        try:
            self._container.close()
            self._container = None
            self._part.replace(self._path)
        except OSError as error:
            self.discard()
            raise storage_error(self._path, error) from error

    def discard(self) -> None:
        """Leaves no file; a second call does nothing."""
        container, self._container = self._container, None
        if container is not None:
            with contextlib.suppress(OSError):  # what could not be finished is removed below
                container.close()
        self._part.unlink(missing_ok=True)

    def __enter__(self) -> VideoWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.discard()

    def _open(self, rate: Fraction, height: int, width: int) -> Any:
        import av

        try:
            make_folder(self._path.parent, sync=False)
            self._part.open("wb").close()  # FFmpeg would tell only at the first packet
            container = av.open(str(self._part), mode="w", format="mp4")
        except OSError as error:
            raise storage_error(self._path, error) from error
        try:
            stream: Any = container.add_stream("libx264", rate=rate, options={"preset": "veryfast"})
        except ValueError as error:  # an FFmpeg without x264
            container.close()
            self._part.unlink(missing_ok=True)
            raise StorageError(
                "PyAV here has no 'libx264' encoder. Install PyAV's own wheel: pip install av."
            ) from error
        stream.height, stream.width = height + height % 2, width + width % 2
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = 1 / rate
        self._stream = stream
        return container

    def _encode(self, picture: Any) -> None:
        try:
            for packet in self._stream.encode(picture):
                self._container.mux(packet)
        except OSError as error:
            self.discard()
            raise storage_error(self._path, error) from error
