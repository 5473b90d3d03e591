"""A still of a video, for where it does not move: before it is played, and on paper."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

from lerobot_sim.errors import StorageError


def poster(path: Path) -> bytes:
    """The last frame of a video, which shows how it ended, as a JPEG.

    Raises:
        StorageError: The file is no video, or damaged.
    """
    import av

    last: Any = None
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                last = frame
    except (OSError, ValueError, IndexError) as error:  # PyAV's errors are both of the first
        raise StorageError(f"{path} is no video that can be read ({error}). Record it again.") from error
    if last is None:
        raise StorageError(f"{path} holds no frame. Record it again.")
    codec: Any = av.CodecContext.create("mjpeg", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = last.width, last.height, "yuvj420p", Fraction(1, 1)
    still = last.reformat(format="yuvj420p")
    still.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(still), *codec.encode(None)])
