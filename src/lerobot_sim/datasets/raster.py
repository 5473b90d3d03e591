"""Lines and small letters drawn into a picture, with NumPy alone."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Picture: TypeAlias = NDArray[np.uint8]
"""uint8 (h, w, 3)."""

PAPER = (246, 246, 244)
INK = (40, 44, 52)
COLOURS = (
    (31, 119, 180),
    (214, 90, 20),
    (44, 140, 60),
    (190, 40, 60),
    (120, 90, 180),
    (120, 85, 70),
    (210, 110, 180),
    (90, 90, 90),
)

_ADVANCE = 6
# Five bytes a letter, a column each, the lowest bit on top; from the space to the tilde.
_GLYPHS = bytes.fromhex(
    "0000000000 00005f0000 0007000700 147f147f14 242a7f2a12 2313086462 3649552250 0005030000 001c224100 0041221c00 "
    "14083e0814 08083e0808 0050300000 0808080808 0060600000 2010080402 3e5149453e 00427f4000 4261514946 2141454b31 "
    "1814127f10 2745454539 3c4a494930 0171090503 3649494936 064949291e 0036360000 0056360000 0814224100 1414141414 "
    "0041221408 0201510906 324979413e 7e1111117e 7f49494936 3e41414122 7f4141221c 7f49494941 7f09090901 3e4149497a "
    "7f0808087f 00417f4100 2040413f01 7f08142241 7f40404040 7f020c027f 7f0408107f 3e4141413e 7f09090906 3e4151215e "
    "7f09192946 4649494931 01017f0101 3f4040403f 1f2040201f 3f4038403f 6314081463 0708700807 6151494543 007f414100 "
    "0204081020 0041417f00 0402010204 4040404040 0001020400 2054545478 7f48444438 3844444420 384444487f 3854545418 "
    "087e090102 0c5252523e 7f08040478 00447d4000 2040443d00 7f10284400 00417f4000 7c04180478 7c08040478 3844444438 "
    "7c14141408 081414187c 7c08040408 4854545420 043f444020 3c4040207c 1c2040201c 3c4030403c 4428102844 0c5050503c "
    "4464544c44 0008364100 00007f0000 0041360800 1008081008"
)
_COLUMNS = np.frombuffer(_GLYPHS, np.uint8).reshape(-1, 5)


def text_size(text: str) -> int:
    """How many pixels wide a line is; letters are 7 pixels high."""
    return len(text) * _ADVANCE


def draw_text(picture: Picture, text: str, x: int, y: int, colour: tuple[int, int, int] = INK) -> None:
    """Writes a line with its upper left corner at (x, y); what lies outside is left out, other letters become "?"."""
    for number, letter in enumerate(text):
        code = ord(letter) - 32
        columns = _COLUMNS[code if 0 <= code < len(_COLUMNS) else ord("?") - 32]
        down, across = np.nonzero((columns[None, :] >> np.arange(7)[:, None]) & 1)
        _put(picture, across + x + number * _ADVANCE, down + y, colour)


def draw_line(picture: Picture, x: NDArray[np.float64], y: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    """Joins points (n,), in pixels, by straight lines."""
    if len(x) == 1:
        _put(picture, _whole(x), _whole(y), colour)
    steps = np.maximum(np.abs(np.diff(x)), np.abs(np.diff(y)))
    for start, count in enumerate(np.ceil(steps).tolist()):
        along = np.linspace(0.0, 1.0, int(count) + 1)
        across = x[start] + along * (x[start + 1] - x[start])
        down = y[start] + along * (y[start + 1] - y[start])
        _put(picture, _whole(across), _whole(down), colour)


def _whole(values: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.rint(values).astype(np.int64)


def _put(picture: Picture, x: NDArray[np.int64], y: NDArray[np.int64], colour: tuple[int, int, int]) -> None:
    inside = (x >= 0) & (x < picture.shape[1]) & (y >= 0) & (y < picture.shape[0])
    picture[y[inside], x[inside]] = colour
