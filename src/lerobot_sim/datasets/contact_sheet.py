"""A contact sheet: a row an episode, a column a moment in time; or, without cameras, its columns drawn over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError

from .frames import FrameReader
from .raster import COLOURS, PAPER, Picture, draw_line, draw_text, text_size
from .reader import EpisodeEntry, read_columns, read_episodes, read_info

_GAP = 6
_TEXT = 10
_FRAME = (205, 205, 205)


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A contact sheet.

    Attributes:
        picture: uint8 (h, w, 3).
        episodes: Which episodes are its rows.
        shown: Cameras, or columns where there are none.
    """

    picture: NDArray[np.uint8]
    episodes: Sequence[int]
    shown: Sequence[str]


def contact_sheet(
    root: Path | str,
    *,
    episodes: Sequence[int] | None = None,
    moments: int = 6,
    cameras: Sequence[str] | None = None,
    width: int = 160,
) -> Sheet:
    """Draws a dataset.

    Args:
        root: The dataset's folder.
        episodes: Which; by default up to 8, evenly apart.
        moments: Pictures of an episode and camera.
        cameras: Which, by key or name; by default all.
        width: Of one picture in pixels.

    Raises:
        InputError: An episode is not there.
        UnknownNameError: There is no such camera.
        StorageError: The dataset is damaged.
    """
    entries = read_episodes(root)
    chosen = _spread(len(entries), 8) if episodes is None else list(episodes)
    for number in chosen:
        if not 0 <= number < len(entries):
            raise InputError(f"There is no episode {number}. Give one of 0 to {len(entries) - 1}.")
    own = [entries[number] for number in chosen]
    fps = read_info(Path(root)).fps
    with FrameReader(root, cameras, threads=1) as reader:
        shown = reader.cameras
        if shown:
            rows = [_pictures(reader, entry, moments, width, fps) for entry in own]
            heads = [_heads(shown, moments, width)]
            return Sheet(picture=_stack([*heads, *rows]), episodes=chosen, shown=shown)
    columns = [
        name for name in ("observation.state", "observation.environment_state", "action") if name in _names(root)
    ]
    values = read_columns(root, columns)
    plots = [_plots(entry, {name: values[name] for name in columns}, width * 3, fps) for entry in own]
    return Sheet(picture=_stack(plots), episodes=chosen, shown=columns)


def _pictures(reader: FrameReader, entry: EpisodeEntry, moments: int, width: int, fps: float) -> Picture:
    rows = [entry.start + at for at in _spread(entry.length, moments)]
    bands: list[Picture] = []
    for camera in reader.cameras:
        tiles = [_scaled(_rgb(frame), width) for frame in reader.frames(camera, rows)]
        band = _paper(tiles[0].shape[0], moments * (width + _GAP) + _GAP)
        for number, tile in enumerate(tiles):
            left = _GAP + number * (width + _GAP)
            band[:, left : left + width] = tile
        for number, row in enumerate(rows[: len(tiles)]):
            label = f"{(row - entry.start) / fps:.1f} s"
            _label(band, label, _GAP + number * (width + _GAP) + 3, band.shape[0] - _TEXT - 3)
        bands.append(band)
    return _stack([_caption(entry, fps, bands[0].shape[1]), *bands])


def _plots(entry: EpisodeEntry, columns: dict[str, NDArray[np.float32]], width: int, fps: float) -> Picture:
    tiles: list[Picture] = []
    for name, values in columns.items():
        own = values[entry.start : entry.stop].reshape(entry.length, -1).astype(np.float64)
        whole = values.reshape(len(values), -1)
        tiles.append(_plot(name, own, float(whole.min()), float(whole.max()), width, fps))
    band = _paper(tiles[0].shape[0], len(tiles) * (width + _GAP) + _GAP)
    for number, tile in enumerate(tiles):
        left = _GAP + number * (width + _GAP)
        band[:, left : left + width] = tile
    return _stack([_caption(entry, fps, band.shape[1]), band])


def _plot(name: str, values: NDArray[np.float64], low: float, high: float, width: int, fps: float) -> Picture:
    """One column of an episode over time, a line an element; the scale is that of the whole dataset."""
    height, left, top = 130, 52, 16
    tile = _paper(height, width)
    bottom, right = height - 16, width - 6
    tile[top:bottom, left:right] = 255
    for y in (top, bottom):
        tile[y, left:right] = _FRAME
    span = high - low or 1.0
    across = left + np.arange(len(values)) * (right - 1 - left) / max(len(values) - 1, 1)
    for element in range(values.shape[1]):
        down = bottom - 1 - (values[:, element] - low) / span * (bottom - top - 2)
        draw_line(tile, across, down, COLOURS[element % len(COLOURS)])
    draw_text(tile, name, left, 3)
    for text, y in ((f"{high:.3g}", top), (f"{low:.3g}", bottom - _TEXT)):
        draw_text(tile, text, max(left - 4 - text_size(text), 0), y)
    draw_text(tile, "0 s", left, bottom + 4)
    last = f"{(len(values) - 1) / fps:.1f} s"
    draw_text(tile, last, right - text_size(last), bottom + 4)
    return tile


def _heads(cameras: Sequence[str], moments: int, width: int) -> Picture:
    names = ", ".join(name.removeprefix("observation.images.") for name in cameras)
    head = _paper(_TEXT + 2 * _GAP, moments * (width + _GAP) + _GAP)
    draw_text(head, f"rows, top to bottom: {names}" if len(cameras) > 1 else f"camera: {names}", _GAP, _GAP)
    return head


def _caption(entry: EpisodeEntry, fps: float, width: int) -> Picture:
    caption = _paper(_TEXT + _GAP + 2, width)
    text = (
        f"episode {entry.episode_index}   {entry.length} rows   {entry.length / fps:.1f} s   {'; '.join(entry.tasks)}"
    )
    while text_size(text) > width - 2 * _GAP:
        text = text[:-5] + "..."
    draw_text(caption, text, _GAP, _GAP)
    return caption


def _label(band: Picture, text: str, x: int, y: int) -> None:
    """Text on a dark ground, to be read over any picture."""
    band[y - 2 : y + _TEXT, x - 2 : x + text_size(text) + 2] //= 3
    draw_text(band, text, x, y, colour=(255, 255, 255))


def _rgb(frame: NDArray[np.generic]) -> Picture:
    """Depth becomes grey: near is bright."""
    if frame.dtype == np.uint8:
        return frame  # pyright: ignore[reportReturnType]
    depth = frame[..., 0].astype(np.float64)
    near, far = np.percentile(depth, (1, 99))
    grey = 255 - np.clip((depth - near) / max(far - near, 1e-9), 0, 1) * 225
    return np.repeat(grey[..., None], 3, axis=2).astype(np.uint8)


def _scaled(image: Picture, width: int) -> Picture:
    """As wide as asked: the mean of what falls into a pixel, or the nearest where it grows."""
    height = max(1, round(image.shape[0] * width / image.shape[1]))
    factor = image.shape[1] // width
    if factor > 1:
        rows, columns = image.shape[0] // factor * factor, image.shape[1] // factor * factor
        blocks = image[:rows, :columns].reshape(rows // factor, factor, columns // factor, factor, 3)
        image = blocks.mean(axis=(1, 3)).astype(np.uint8)
    down = (np.arange(height) * image.shape[0] / height).astype(int)
    across = (np.arange(width) * image.shape[1] / width).astype(int)
    return image[down[:, None], across]


def _paper(height: int, width: int) -> Picture:
    return np.full((height, width, 3), PAPER, np.uint8)


def _stack(bands: Sequence[Picture]) -> Picture:
    width = max(band.shape[1] for band in bands)
    rows: list[Picture] = []
    for band in bands:
        row = _paper(band.shape[0] + _GAP // 2, width)
        row[: band.shape[0], : band.shape[1]] = band
        rows.append(row)
    return np.concatenate(rows)


def _spread(count: int, wanted: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, count - 1, min(wanted, count)).tolist()}) if count else []


def _names(root: Path | str) -> set[str]:
    return {name for name, column in read_info(Path(root)).columns.items() if column.in_table}
