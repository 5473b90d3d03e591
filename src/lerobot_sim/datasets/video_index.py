"""Where every packet of a video file lies, so that frames can be decoded without asking its container again."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

CodecContext: TypeAlias = Any
"""An av.VideoCodecContext that decodes."""

_MEND = "Run `lerobot-sim dataset check` on the dataset, or restore the file from a copy."
_HEADER = 64
"""Bytes that a container may put between where it says a packet begins and the packet (NUT does)."""


@dataclass(frozen=True)
class VideoIndex:
    """The packets of one video, in the order in which they are decoded.

    Attributes:
        path: The file.
        signature: What a decoder must have been made for: codec, its configuration, size, pixel format, colours.
        stamp: The file's size and time of change when it was read.
        offset: Where each packet begins in the file.
        size: Its bytes.
        pts: When its frame is shown, in units of `time_base`.
        key: Whether decoding can begin there.
        shown: Packets in the order of their frames, without those that are never shown.
        seconds: When each of these is shown, float64 s, ascending.
    """

    path: Path
    signature: tuple[Any, ...]
    stamp: tuple[int, int]
    offset: NDArray[np.int64]
    size: NDArray[np.int64]
    pts: NDArray[np.int64]
    key: NDArray[np.bool_]
    shown: NDArray[np.int64]
    seconds: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.shown)

    def packets_at(self, seconds: NDArray[np.float64], tolerance_s: float) -> NDArray[np.int64]:
        """The packets whose frames are shown nearest to some times.

        Raises:
            StorageError: The nearest is `tolerance_s` away or more, as LeRobot refuses, too.
        """
        after = np.searchsorted(self.seconds, seconds).clip(1, max(len(self) - 1, 1))
        before = after - 1
        after = after.clip(max=len(self) - 1)
        nearer = np.abs(self.seconds[before] - seconds) <= np.abs(self.seconds[after] - seconds)
        nearest = np.where(nearer, before, after)
        away = np.abs(self.seconds[nearest] - seconds)
        if (away >= tolerance_s).any():
            worst = int(away.argmax())
            raise StorageError(
                f"{self.path} shows no frame at {seconds[worst]:.6f} s: the nearest of its {len(self)} is at "
                f"{self.seconds[nearest[worst]]:.6f} s, {tolerance_s:g} s are allowed. {_MEND}"
            )
        return self.shown[nearest]

    def start_for(self, packet: int) -> int:
        """The last packet from which decoding gives the frame of `packet`."""
        keys = np.flatnonzero(self.key[: packet + 1] & (self.pts[: packet + 1] <= self.pts[packet]))
        return int(keys[-1]) if len(keys) else 0


def stamp_of(descriptor: int) -> tuple[int, int]:
    """An open file's size and time of change."""
    status = os.fstat(descriptor)
    return status.st_size, status.st_mtime_ns


def index_video(path: Path) -> tuple[VideoIndex, CodecContext]:
    """Reads a video's packets once; also returns a decoder for it.

    Raises:
        StorageError: The file is missing, damaged, or holds no video.
    """
    import av
    from av.error import FFmpegError

    try:
        with path.open("rb") as file:
            stamp = stamp_of(file.fileno())
            with contextlib.closing(av.open(str(path))) as container:
                if not container.streams.video:
                    raise StorageError(f"{path} holds no video. {_MEND}")
                stream = container.streams.video[0]
                packets = [
                    (
                        _offset(file, path, packet),
                        packet.size,
                        packet.pts,
                        packet.is_keyframe,
                        packet.is_discard,
                    )
                    for packet in container.demux(stream)
                    if packet.size
                ]
                return _index(path, stamp, stream, packets), decoder_of(path)
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {_MEND}") from error
    except StorageError:
        raise
    except (FFmpegError, OSError, ValueError) as error:
        raise StorageError(f"{path} cannot be read as a video: {error}. {_MEND}") from error


def decoder_of(path: Path) -> CodecContext:
    """A decoder for a video, with all that its container says of it.

    One thread: several would hold frames back, which every seek pays; whoever has many frames to decode uses
    several decoders.
    """
    import av

    container = av.open(str(path))  # the decoder keeps it alive
    codec: Any = container.streams.video[0].codec_context
    codec.thread_count = 1
    return codec


def _index(path: Path, stamp: tuple[int, int], stream: Any, packets: list[tuple[Any, ...]]) -> VideoIndex:
    if not packets or any(packet[2] is None for packet in packets):
        raise StorageError(f"{path} holds no frames, or frames without a time. {_MEND}")
    offset, size, pts, key, discard = (np.array(values) for values in zip(*packets, strict=True))
    order = np.argsort(pts, kind="stable")
    shown = order[~discard[order]]
    codec = stream.codec_context
    colours = (codec.color_range, codec.colorspace, codec.color_primaries, codec.color_trc)
    return VideoIndex(
        path=path,
        signature=(codec.name, codec.extradata, codec.width, codec.height, str(codec.pix_fmt), *map(int, colours)),
        stamp=stamp,
        offset=offset.astype(np.int64),
        size=size.astype(np.int64),
        pts=pts.astype(np.int64),
        key=key.astype(np.bool_),
        shown=shown.astype(np.int64),
        seconds=pts[shown] * float(stream.time_base),
    )


def _offset(file: BinaryIO, path: Path, packet: Any) -> int:
    """Where the packet's bytes lie in the file; looked up, for not every container says exactly."""
    data = bytes(packet)
    if packet.pos is not None and packet.pos >= 0:
        file.seek(packet.pos)
        found = file.read(len(data) + _HEADER).find(data)
        if found >= 0:
            return packet.pos + found
    raise StorageError(f"{path} is of a container whose packets cannot be found in it; MP4, MKV and NUT can be read.")
