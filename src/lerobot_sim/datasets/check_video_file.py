"""One video file: its packets, and pictures of moments in it."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# PyAV's types are partial

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .check_survey import reason

_TOLERANCE_S = 1e-4
"""How far LeRobot lets a frame's time be from its row's."""


@dataclass(frozen=True, kw_only=True)
class VideoFile:
    """What a video's container says.

    Attributes:
        codec: Its name, such as "h264" or "av1".
        height: Pixels.
        width: Pixels.
        rate: Frames a second, as declared.
        times_s: Seconds of every frame that is there, sorted.
        keyframes_s: Of those that can be decoded alone.
        declared: Frames by the container's index, 0 where it does not say.
        error: Why it cannot be read to its end, or empty.
    """

    codec: str = ""
    height: int = 0
    width: int = 0
    rate: float = 0.0
    times_s: NDArray[np.float64]
    keyframes_s: NDArray[np.float64]
    declared: int = 0
    error: str = ""

    def frames_between(self, start_s: float, stop_s: float) -> int:
        """Frames from a moment up to another one, which does not count."""
        low, high = np.searchsorted(self.times_s, [start_s - _TOLERANCE_S, stop_s - _TOLERANCE_S])
        return int(high - low)


def probe(path: Path) -> VideoFile:
    """Reads every packet, decodes none."""
    import av

    nothing = np.zeros(0)
    try:
        size = path.stat().st_size
        container: Any = av.open(str(path))
    except (OSError, ValueError) as error:
        return VideoFile(times_s=nothing, keyframes_s=nothing, error=reason(error))
    with container:
        if not container.streams.video:
            return VideoFile(times_s=nothing, keyframes_s=nothing, error="it holds no video stream")
        stream = container.streams.video[0]
        times: list[float] = []
        keyframes: list[float] = []
        error_text = ""
        try:
            for packet in container.demux(stream):
                if packet.pts is None:  # the empty one at the end
                    continue
                if packet.is_corrupt or (packet.pos is not None and packet.pos + packet.size > size):
                    error_text = f"it is torn at frame {len(times)}"
                    break
                times.append(float(packet.pts * stream.time_base))
                keyframes += [times[-1]] if packet.is_keyframe else []
        except (OSError, ValueError) as error:
            error_text = reason(error)
        declared = int(stream.frames)
        if not error_text and declared > len(times):
            error_text = f"it is torn: {len(times)} of {declared} frames are there"
        return VideoFile(
            codec=str(stream.codec_context.codec.canonical_name),
            height=int(stream.codec_context.height),
            width=int(stream.codec_context.width),
            rate=float(stream.average_rate or 0),
            times_s=np.sort(np.asarray(times)),
            keyframes_s=np.sort(np.asarray(keyframes)),
            declared=declared,
            error=error_text,
        )


def pictures_at(path: Path, times_s: Sequence[float]) -> Iterator[NDArray[np.uint8]]:
    """Frames at sorted moments, each uint8 (h, w, 3); the one nearest to each moment.

    Raises:
        OSError: The file cannot be opened, or a frame cannot be decoded (PyAV's errors are OSErrors or ValueErrors).
        ValueError: It ends before a moment, or a frame is damaged.
    """
    import av

    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "NONE"
        half = 0.5 / float(stream.average_rate or 30)
        for moment in times_s:
            container.seek(int(moment / stream.time_base), stream=stream)
            for frame in container.decode(stream):
                if frame.time is not None and frame.time >= moment - half:
                    yield _picture(path, frame)
                    break
            else:
                raise ValueError(f"{path} ends before {moment:.3f} s")


def all_pictures(path: Path) -> Iterator[tuple[float, NDArray[np.uint8]]]:
    """Every frame with its time in seconds; raises as `pictures_at`."""
    import av

    with av.open(str(path)) as container:
        stream: Any = container.streams.video[0]
        stream.thread_type = "NONE"
        for frame in container.decode(stream):
            yield float(frame.time or 0.0), _picture(path, frame)


def _picture(path: Path, frame: Any) -> NDArray[np.uint8]:
    if frame.is_corrupt:
        raise ValueError(f"the frame at {frame.time:.3f} s of {path.name} is damaged")
    return frame.to_ndarray(format="rgb24")


def picture_of(content: bytes) -> NDArray[np.uint8]:
    """An image file's content, such as a PNG's, as uint8 (h, w, 3); raises OSError or ValueError."""
    import io

    import av

    container: Any = av.open(io.BytesIO(content))
    with container:
        for frame in container.decode(video=0):
            return _picture(Path("an image"), frame)
    raise ValueError("it holds no picture")
