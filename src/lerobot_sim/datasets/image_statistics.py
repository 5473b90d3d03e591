"""Statistics of an episode's pictures by LeRobot's rules, while they stream by.

LeRobot looks at some of an episode's pictures only (`sampled`), at every n-th pixel of large ones (`thinned`), and
divides uint8 values by 255. Which pictures count is known at the end, when the length is. So a small summary is kept
of every picture: for rgb a histogram of 256 values a channel, from which everything follows exactly; for depth the
histogram of its 4096 codes, and min, max and sums of the values themselves, in m. Quantiles are, as in `statistics`,
the ceil(q n)-th smallest value, where LeRobot interpolates in a bin of 1/5000 of the range.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Camera

from .codecs import DEPTH_CODES, VideoSettings, depth_codes, depth_of_codes
from .statistics import QUANTILES, ColumnStatistics


def sampled(length: int) -> NDArray[np.int64]:
    """Which of an episode's pictures LeRobot takes: at most 100, or length^0.75 (at most 10,000), evenly apart."""
    count = max(min(length, 100), min(int(length**0.75), 10_000))
    return np.round(np.linspace(0, length - 1, count)).astype(np.int64)


def thinned(image: NDArray[np.generic]) -> NDArray[np.generic]:
    """Every n-th row and column of a picture (h, w, c) of 300 or more; n so that about 150 are left."""
    height, width = image.shape[:2]
    if max(height, width) < 300:
        return image
    step = int((max(height, width)) / 150)
    return image[::step, ::step]


class RgbStatistics:
    """Of uint8 pictures (h, w, 3)."""

    def __init__(self) -> None:
        self._histograms: list[NDArray[np.uint32]] = []

    def add(self, image: NDArray[np.uint8]) -> None:
        """Takes the next picture."""
        pixels = thinned(image)
        counts = [np.bincount(pixels[..., channel].ravel(), minlength=256) for channel in range(3)]
        self._histograms.append(np.asarray(counts, np.uint32))

    def result(self) -> ColumnStatistics:
        """Of the pictures that LeRobot would take; arrays (3, 1, 1), values from 0 to 1."""
        chosen = sampled(len(self._histograms))
        counts: Any = np.sum(
            np.asarray([self._histograms[number] for number in chosen]), axis=0, dtype=np.int64
        )  # (3, 256)
        values = np.arange(256)
        total = counts.sum(axis=1)
        mean = counts @ values / total
        variance = (counts * (values - mean[:, None]) ** 2).sum(axis=1) / total
        result = {
            "min": (counts > 0).argmax(axis=1),
            "max": 255 - (counts[:, ::-1] > 0).argmax(axis=1),
            "mean": mean,
            "std": np.sqrt(variance),
        }
        below = counts.cumsum(axis=1)
        quantiles = {name: (below < _rank(q, int(total[0]))).sum(axis=1) for name, q in QUANTILES.items()}
        scaled = {name: np.reshape(value / 255.0, (3, 1, 1)) for name, value in {**result, **quantiles}.items()}
        return _with_count(scaled, len(chosen))


class DepthStatistics:
    """Of float32 pictures (h, w, 1) in m, clipped to what is stored."""

    def __init__(self, settings: VideoSettings, unit_m: float = 1.0) -> None:
        self._settings = settings
        self._per_metre = 1.0 / unit_m
        self._codes: list[NDArray[np.uint32]] = []
        self._sums: list[tuple[float, float, float, float, int]] = []

    def add(self, image: NDArray[np.float32]) -> None:
        """Takes the next picture."""
        settings = self._settings
        depth = np.clip(thinned(image[..., :1]), settings.depth_min, settings.depth_max).astype(np.float64)
        self._codes.append(
            np.bincount(depth_codes(depth, settings).ravel(), minlength=DEPTH_CODES + 1).astype(np.uint32)
        )
        self._sums.append((depth.min(), depth.max(), depth.sum(), (depth**2).sum(), depth.size))

    def result(self) -> ColumnStatistics:
        """Of the pictures that LeRobot would take; arrays (1, 1, 1) in the stored unit."""
        chosen = sampled(len(self._codes))
        low, high, total, squares, count = np.array([self._sums[number] for number in chosen]).T
        number = int(count.sum())
        mean = total.sum() / number
        result = {
            "min": low.min(),
            "max": high.max(),
            "mean": mean,
            "std": math.sqrt(max(0.0, squares.sum() / number - mean**2)),
        }
        below = np.sum([self._codes[index] for index in chosen], axis=0, dtype=np.int64).cumsum()
        codes = [int((below < _rank(q, number)).sum()) for q in QUANTILES.values()]
        result |= dict(zip(QUANTILES, depth_of_codes(np.array(codes), self._settings).tolist(), strict=True))
        scaled = {name: np.full((1, 1, 1), value * self._per_metre) for name, value in result.items()}
        return _with_count(scaled, len(chosen))


def statistics_for(camera: Camera, settings: VideoSettings) -> RgbStatistics | DepthStatistics:
    """A fresh summary for a camera's episode."""
    if camera.kind == "rgb":
        return RgbStatistics()
    return DepthStatistics(settings, unit_m=1e-3 if settings.as_images else 1.0)


def _rank(q: float, count: int) -> int:
    return max(math.ceil(q * count), 1)


def _with_count(values: dict[str, NDArray[np.float64]], count: int) -> ColumnStatistics:
    first = {name: values[name] for name in ("min", "max", "mean", "std")}
    rest = {name: values[name] for name in QUANTILES}
    return {**first, "count": np.array([count], np.int64), **rest}
