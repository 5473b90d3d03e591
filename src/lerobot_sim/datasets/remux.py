"""Episodes' videos joined into larger files: packets are copied as they are, nothing is decoded.

An episode can be copied when its packets lie together in the file and the first is a keyframe, as those of every
writer that closes its groups of pictures at an episode's end do. Where that does not hold (LeRobot cuts episodes
out of longer videos nowhere, others may), that one episode is encoded anew.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# PyAV's types are loose

from __future__ import annotations

import bisect
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from lerobot_sim.errors import StorageError

from .files import make_folder, storage_error
from .layout import VIDEOS
from .open_encoder import open_encoder
from .source import MEND

_ENCODERS = {"h264": "libx264", "hevc": "libx265", "av1": "libsvtav1", "ffv1": "ffv1"}
_FAILURES = (OSError, ValueError, LookupError, EOFError, RuntimeError)
"""What PyAV's errors descend from."""


@dataclass(frozen=True)
class Placed:
    """Where an episode's frames lie now.

    Attributes:
        chunk_index: Folder of the file.
        file_index: Number of the file in it.
        from_timestamp: Seconds at which its first frame is shown.
        to_timestamp: Seconds at which the first one after it would be.
        reencoded: Whether it could not be copied.
    """

    chunk_index: int
    file_index: int
    from_timestamp: float
    to_timestamp: float
    reencoded: bool


class VideoJoiner:
    """Appends episodes to a series of MP4 files of one camera; a new file begins where one is full or codecs differ.

    Args:
        root: The new dataset's folder.
        key: The camera's column.
        fps: Frames a second.
        max_bytes: How large a file may become.
        chunks_size: Files a folder.
        encoding: How the camera was encoded (LeRobot's `info` of the column), for episodes that cannot be copied.
    """

    def __init__(
        self, root: Path, key: str, fps: float, *, max_bytes: int, chunks_size: int, encoding: Mapping[str, Any]
    ) -> None:
        self._root = root
        self._key = key
        self._fps = Fraction(fps).limit_denominator(10_000)
        self._max_bytes = max_bytes
        self._chunks_size = chunks_size
        self._encoding = encoding
        self._number = -1
        self._source: _VideoFile | None = None
        self._out: Any = None
        self._signature: tuple[Any, ...] = ()
        self._frames = self._bytes = self._delay = 0

    def add(self, path: Path, from_timestamp: float, count: int) -> Placed:
        """Appends `count` frames of the video at `path`, from a time in it on.

        Raises:
            StorageError: The file is missing, damaged or has no such frames, or the new one cannot be written.
        """
        if self._source is None or self._source.path != path:
            if self._source is not None:
                self._source.close()
            self._source = _VideoFile(path, str(path))
        shown = self._source.shown(from_timestamp, count, float(self._fps))
        packets = self._source.cut(shown)
        if packets is not None:
            return self._append(self._source, packets, reencoded=False)
        video = _VideoFile(path, self._encode(self._source, shown))
        try:
            packets = video.cut(video.shown(0.0, count, float(self._fps)))
            if packets is None:
                raise StorageError(f"{path}: an episode could not be encoded anew with a keyframe first. {MEND}")
            return self._append(video, packets, reencoded=True)
        finally:
            video.close()

    def close(self) -> None:
        """Finishes the last file."""
        if self._source is not None:
            self._source.close()
        self._source = None
        self._finish()

    def _append(self, video: _VideoFile, packets: list[Any], *, reencoded: bool) -> Placed:
        order = {pts: rank for rank, pts in enumerate(sorted(packet.pts for packet in packets))}
        delay = max(position - order[packet.pts] for position, packet in enumerate(packets))
        size = sum(packet.size for packet in packets)
        full = self._bytes and self._bytes + size > self._max_bytes
        if self._out is None or full or self._signature != video.signature or delay > self._delay:
            delay = max(delay, video.delay(float(self._fps)))
            self._begin(video, delay)
        tick = video.stream.time_base
        first, out = self._frames, self._out
        assert out is not None  # _begin made it
        try:
            for position, packet in enumerate(packets):
                packet.pts = round(Fraction(first + order[packet.pts]) / self._fps / tick)
                packet.dts = round(Fraction(first + position - self._delay) / self._fps / tick)
                packet.duration = round(1 / self._fps / tick)
                packet.time_base = tick
                packet.stream = out.streams.video[0]
                out.mux(packet)
        except _FAILURES as error:
            raise _video_error(self._path, error) from error
        self._frames += len(packets)
        self._bytes += size
        start, stop = (float(Fraction(frame) / self._fps) for frame in (first, self._frames))
        return Placed(*divmod(self._number, self._chunks_size), start, stop, reencoded)

    @property
    def _path(self) -> Path:
        chunk, file = divmod(self._number, self._chunks_size)
        return self._root / VIDEOS.format(video_key=self._key, chunk_index=chunk, file_index=file)

    def _begin(self, video: _VideoFile, delay: int) -> None:
        import av

        self._finish()
        self._number += 1
        make_folder(self._path.parent, sync=False)
        try:
            self._out = av.open(str(self._path), "w", format="mp4", options={"movflags": "faststart"})
            stream: Any = self._out.add_stream_from_template(video.stream, opaque=True)
            stream.time_base = video.stream.time_base
        except _FAILURES as error:
            raise _video_error(self._path, error) from error
        self._signature = video.signature
        self._frames = self._bytes = 0
        self._delay = delay

    def _finish(self) -> None:
        out, self._out = self._out, None
        if out is not None:
            try:
                out.close()
            except _FAILURES as error:
                raise _video_error(self._path, error) from error

    def _encode(self, video: _VideoFile, shown: list[int]) -> io.BytesIO:
        """The frames in a video file of their own, by the same codec and in the same pixel format."""
        import av

        codec = video.stream.codec_context
        name = _ENCODERS.get(video.codec)
        if name is None:
            raise StorageError(
                f"{video.path}: an episode does not begin on a keyframe, and '{video.codec}' is not among the codecs "
                f"that can be encoded anew ({', '.join(_ENCODERS)}). Keep all episodes of that file."
            )
        result, count = io.BytesIO(), 0
        try:
            with av.open(result, "w", format="mp4") as out:
                stream: Any = out.add_stream(name, rate=self._fps, options=_options(video.codec, self._encoding))
                stream.width, stream.height, stream.pix_fmt = codec.width, codec.height, codec.pix_fmt
                stream.codec_context.time_base = 1 / self._fps
                open_encoder(stream)
                for frame in video.frames(shown):
                    frame.pts, frame.time_base = count, 1 / self._fps
                    frame.pict_type = 0
                    out.mux(stream.encode(frame))
                    count += 1
                out.mux(stream.encode(None))
        except _FAILURES as error:
            raise _video_error(video.path, error) from error
        if count != len(shown):
            raise StorageError(f"{video.path} is damaged: {count} of {len(shown)} frames can be decoded. {MEND}")
        result.seek(0)
        return result


class _VideoFile:
    """A video's packets, in the order of decoding."""

    def __init__(self, path: Path, file: str | io.BytesIO) -> None:
        import av

        self.path = path
        try:
            self._container: Any = av.open(file)
            self.stream = self._container.streams.video[0]
            self._packets = [packet for packet in self._container.demux(self.stream) if packet.size]
        except _FAILURES as error:
            raise _video_error(path, error) from error
        context = self.stream.codec_context
        self.codec = str(context.codec.canonical_name)
        self.signature = (self.codec, context.width, context.height, context.pix_fmt, context.extradata)
        self._times = sorted(packet.pts for packet in self._packets if not packet.is_discard)
        self._position = {packet.pts: number for number, packet in enumerate(self._packets)}

    def delay(self, fps: float) -> int:
        """Frames by which decoding runs ahead of showing."""
        first = min(packet.dts for packet in self._packets)
        return max(0, round((self._times[0] - first) * float(self.stream.time_base) * fps))

    def shown(self, from_timestamp: float, count: int, fps: float) -> list[int]:
        """The times of `count` frames, in ticks of the stream."""
        tick = float(self.stream.time_base)
        early = from_timestamp - 0.5 / fps
        first = bisect.bisect_right(self._times, early / tick)
        times = self._times[first : first + count]
        late = [abs(time * tick - from_timestamp - number / fps) > 0.5 / fps for number, time in enumerate(times)]
        if len(times) < count or any(late):
            raise StorageError(
                f"{self.path} does not hold {count} frames at {fps:g} a second from {from_timestamp:.3f} s on. {MEND}"
            )
        return times

    def cut(self, shown: list[int]) -> list[Any] | None:
        """The packets of these frames; None where they need others to be decoded."""
        at = sorted(self._position[time] for time in shown)
        if at[-1] - at[0] + 1 != len(at):
            return None
        first = self._packets[at[0]]
        if not first.is_keyframe or first.pts != shown[0]:
            return None
        import av

        copies: list[Any] = []
        for packet in self._packets[at[0] : at[-1] + 1]:
            copy = av.Packet(bytes(packet))
            copy.pts, copy.is_keyframe = packet.pts, packet.is_keyframe
            copies.append(copy)
        return copies

    def frames(self, shown: list[int]) -> Iterator[Any]:
        """The decoded frames, whatever comes before them."""
        wanted = set(shown)
        self._container.seek(shown[0], stream=self.stream, backward=True)
        for frame in self._container.decode(self.stream):
            if frame.pts in wanted:
                yield frame
            if frame.pts is not None and frame.pts >= shown[-1]:
                return

    def close(self) -> None:
        self._container.close()


def _options(codec: str, encoding: Mapping[str, Any]) -> dict[str, str]:
    """Options by which a second encoding loses as little as can be: lossless stays lossless."""
    gop = {"g": str(encoding.get("video.g") or 2)}
    extra = {str(name): str(value) for name, value in dict(encoding.get("video.extra_options") or {}).items()}
    if codec == "ffv1":
        return {}
    if codec == "hevc":
        lossless = "lossless=1" in extra.get("x265-params", "")
        return {
            **gop,
            **({} if lossless else {"crf": "12"}),
            "x265-params": f"log-level=error:no-cutree=1:lossless={int(lossless)}",
        }
    if codec == "av1":
        return {**gop, "crf": "15", "preset": "8", "svtav1-params": "lp=2"}
    lossless = str(encoding.get("video.crf")) == "0"
    return {**gop, "crf": "0" if lossless else "12", "preset": "medium", "mbtree": "0"}


def _video_error(path: Path, error: Exception) -> StorageError:
    if isinstance(error, FileNotFoundError):
        return StorageError(f"{path} is missing. {MEND}")
    if isinstance(error, OSError) and error.errno:
        return storage_error(path, error)
    return StorageError(f"{path} is damaged: {str(error).rstrip('.')}. {MEND}")
