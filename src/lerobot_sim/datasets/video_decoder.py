"""Decodes chosen frames of video files: indices and decoders are kept, decoders go from one file to the next.

A decoder serves every file of the same encoder settings, so a dataset of a thousand files needs a few. It is fed the
packets themselves, read where the file's index says, from the last frame that stands alone; where it stands already
between there and the wanted frame, it goes on.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import threading
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from .video_index import CodecContext, VideoIndex, decoder_of, index_video, stamp_of

MAX_IDLE = 16
"""Decoders that are kept; each holds a few frames."""

_NOTHING_YET = -(1 << 62)
_MEND = "Run `lerobot-sim dataset check` on the dataset, or restore the file from a copy."


@dataclass
class _Decoder:
    """A decoder and where it stands."""

    codec: CodecContext
    signature: tuple[Any, ...]
    reformatter: Any
    path: Path | None = None
    next_packet: int = 0
    last_pts: int = _NOTHING_YET
    ready: dict[int, Any] = field(default_factory=dict[int, Any])
    """Frames that came out before they were asked for: pts -> frame."""


class VideoDecoder:
    """Decodes frames of any number of video files; may be used by several threads at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._indices: dict[Path, VideoIndex] = {}
        self._idle: list[_Decoder] = []

    def index(self, path: Path) -> VideoIndex:
        """A video's packets, read at the first call.

        Raises:
            StorageError: The file is missing or damaged.
        """
        with self._lock:
            found = self._indices.get(path)
        if found is None:
            found, codec = index_video(path)
            with self._lock:
                self._indices[path] = found
            self._give_back(self._new(codec, found))
        return found

    def decode(self, path: Path, packets: Sequence[int], kind: str = "rgb24") -> Iterator[tuple[int, NDArray[Any]]]:
        """The frames of some packets, each once, in the order in which they are decoded.

        Args:
            path: The file.
            packets: Numbers of packets, as `VideoIndex.packets_at` gives them.
            kind: FFmpeg's name of the pixels: "rgb24" gives uint8 (h, w, 3), "gray12le" uint16 (h, w, 1).

        Yields:
            The packet's number and its frame, a view that is valid until the next.

        Raises:
            StorageError: The file is damaged, or was changed since it was first read.
        """
        from av.error import FFmpegError

        index = self.index(path)
        wanted = sorted(set(packets), key=lambda packet: int(index.pts[packet]))
        try:
            with self._decoder(index, wanted[0]) as decoder, path.open("rb") as file:
                if stamp_of(file.fileno()) != index.stamp:
                    raise StorageError(f"{path} was changed while it was read. Open the dataset again.")
                for packet in wanted:
                    frame = _frame(decoder, index, packet, file)
                    yield packet, _pixels(decoder.reformatter, frame, kind)
        except (FFmpegError, FileNotFoundError) as error:
            raise StorageError(f"{path} cannot be decoded: {error}. {_MEND}") from error

    def close(self) -> None:
        """Frees all decoders."""
        with self._lock:
            self._idle.clear()
            self._indices.clear()

    @contextlib.contextmanager
    def _decoder(self, index: VideoIndex, packet: int) -> Generator[_Decoder]:
        decoder = self._take(index, packet) or self._new(decoder_of(index.path), index)
        yield decoder  # one that failed is dropped
        self._give_back(decoder)

    def _take(self, index: VideoIndex, packet: int) -> _Decoder | None:
        """An idle decoder: one that stands in this file before the wanted packet if there is one."""
        with self._lock:
            fitting = [decoder for decoder in self._idle if decoder.signature == index.signature]
            if not fitting:
                return None
            near = [decoder for decoder in fitting if _stands_before(decoder, index, packet)]
            best = max(near, key=lambda decoder: decoder.next_packet) if near else fitting[0]
            self._idle.remove(best)
            return best

    def _new(self, codec: CodecContext, index: VideoIndex) -> _Decoder:
        from av.video.reformatter import VideoReformatter

        return _Decoder(codec, index.signature, VideoReformatter())

    def _give_back(self, decoder: _Decoder) -> None:
        with self._lock:
            self._idle.append(decoder)
            del self._idle[:-MAX_IDLE]


def _frame(decoder: _Decoder, index: VideoIndex, packet: int, file: BinaryIO) -> Any:
    """Feeds packets until the wanted frame is out; later ones that come out with it are kept."""
    wanted = int(index.pts[packet])
    if not _stands_before(decoder, index, packet):
        decoder.codec.flush_buffers()
        decoder.path, decoder.next_packet, decoder.last_pts = index.path, index.start_for(packet), _NOTHING_YET
        decoder.ready.clear()
    if wanted in decoder.ready:
        return _taken(decoder, wanted)
    while decoder.next_packet <= len(index.pts):
        number = decoder.next_packet
        decoder.next_packet += 1
        for frame in decoder.codec.decode(_packet(index, number, file)):
            decoder.last_pts = max(decoder.last_pts, frame.pts)
            if frame.pts >= wanted:
                decoder.ready[frame.pts] = frame
        if wanted in decoder.ready:
            return _taken(decoder, wanted)
    raise StorageError(f"{index.path} gives no frame for its packet {packet}: it is damaged. {_MEND}")


def _taken(decoder: _Decoder, pts: int) -> Any:
    """A frame that is out; those before it are let go."""
    frame = decoder.ready[pts]
    decoder.ready = {later: kept for later, kept in decoder.ready.items() if later > pts}
    return frame


def _stands_before(decoder: _Decoder, index: VideoIndex, packet: int) -> bool:
    """Whether feeding on gives the frame sooner than beginning at its key frame; it may be in the decoder already."""
    if decoder.path != index.path or decoder.last_pts == _NOTHING_YET:
        return False
    pts = int(index.pts[packet])
    return pts in decoder.ready or (decoder.last_pts < pts and index.start_for(packet) <= decoder.next_packet)


def _packet(index: VideoIndex, number: int, file: BinaryIO) -> Any:
    """Packet `number`, or None after the last, which makes the decoder give what it holds back."""
    import av

    if number == len(index.pts):
        return None
    file.seek(int(index.offset[number]))
    packet = av.Packet(file.read(int(index.size[number])))
    packet.pts = packet.dts = int(index.pts[number])
    return packet


def _pixels(reformatter: Any, frame: Any, kind: str) -> NDArray[Any]:
    """The frame's pixels without the padding of their rows."""
    if frame.format.name != kind:
        frame = reformatter.reformat(frame, format=kind)
    plane = frame.planes[0]
    dtype, channels = (np.uint16, 1) if kind == "gray12le" else (np.uint8, 3)
    rows = np.frombuffer(plane, dtype).reshape(-1, plane.line_size // np.dtype(dtype).itemsize)
    return rows[: frame.height, : frame.width * channels].reshape(frame.height, frame.width, channels)
