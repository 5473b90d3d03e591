"""A picture as a PNG file."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import ArrayError, InputError

from .files import write_whole


def write_png(path: Path | str, image: NDArray[np.uint8]) -> None:
    """Writes an image, uint8 (h, w, 3), to a file ending in ".png", which appears when it is whole.

    Raises:
        InputError: The name has another ending.
        ArrayError: The image has another shape or dtype.
        StorageError: The file cannot be written.
    """
    import av

    target = Path(path)
    if target.suffix != ".png":
        raise InputError(f"A picture's name ends in '.png', '{target.name}' came.")
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ArrayError(f"A picture is uint8 (height, width, 3), {image.dtype} of shape {image.shape} came.")
    codec: Any = av.CodecContext.create("png", "w")
    codec.height, codec.width = image.shape[:2]
    codec.pix_fmt = "rgb24"
    codec.time_base = Fraction(1, 1)
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
    packets = [*codec.encode(frame), *codec.encode(None)]
    write_whole(target, b"".join(bytes(packet) for packet in packets), sync=False)
