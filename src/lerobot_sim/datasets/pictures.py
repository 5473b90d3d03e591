"""Which pictures a dataset holds, and where they lie: features, depth codes, video files."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from .files import read_json
from .layout import INFO, Info
from .reader import read_episode_columns

_MEND = "Restore it from a copy, or collect again into another folder."
_DEPTH_DEFAULTS: Mapping[str, Any] = {"depth_min": 0.01, "depth_max": 10.0, "shift": 3.5, "use_log": True}


@dataclass(frozen=True)
class PictureFeature:
    """One camera of a dataset.

    Attributes:
        key: Such as "observation.images.front".
        is_video: Whether it lies in videos, not in the data table.
        is_depth: Whether it is depth in m.
        height: Rows of a picture.
        width: Columns of a picture.
        info: What `info.json` says of its encoding.
    """

    key: str
    is_video: bool
    is_depth: bool
    height: int
    width: int
    info: Mapping[str, Any]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Shape of a picture as it is given."""
        return self.height, self.width, 1 if self.is_depth else 3

    @property
    def dtype(self) -> str:
        """Its type as it is given."""
        return "float32" if self.is_depth else "uint8"

    @property
    def pixels(self) -> str:
        """FFmpeg's name of the pixels as they are stored."""
        if not self.is_depth:
            return "rgb24"
        return "gray12le" if self.is_video else "gray16le"

    def values(self, pixels: NDArray[Any]) -> NDArray[Any]:
        """Stored pixels as they are given: depth in m.

        Raises:
            StorageError: They are of another size than `info.json` says.
        """
        if pixels.shape != self.shape:
            raise StorageError(
                f"'{self.key}' holds a picture of shape {pixels.shape}; {INFO} says {self.shape}. "
                "Run `lerobot-sim dataset check` on the dataset."
            )
        if not self.is_depth:
            return pixels
        if self.is_video:
            settings = {name: self.info.get(f"video.{name}") for name in _DEPTH_DEFAULTS}
            known = {name: _DEPTH_DEFAULTS[name] if value is None else value for name, value in settings.items()}
            return _depths(**known)[pixels]
        return pixels.astype(np.float32) if self.info.get("depth_unit") == "m" else pixels * np.float32(1e-3)


@dataclass(frozen=True)
class VideoPlaces:
    """Where a camera's videos lie, by episode.

    Attributes:
        paths: The file of each episode.
        start_s: When its first frame is shown in it, float64 (episodes,).
    """

    paths: tuple[Path, ...]
    start_s: NDArray[np.float64]


def picture_features(root: Path, info: Info) -> dict[str, PictureFeature]:
    """The cameras of a dataset by key.

    Raises:
        StorageError: `info.json` is missing or damaged.
    """
    raw = read_json(Path(root) / INFO, _MEND)["features"]
    found: dict[str, PictureFeature] = {}
    for key, column in info.columns.items():
        if column.dtype in ("video", "image"):
            details = {**(raw[key].get("video_info") or {}), **(raw[key].get("info") or {})}
            depth = bool(details.get("is_depth_map") or details.get("video.is_depth_map"))
            if len(column.shape) != 3:
                raise StorageError(f"'{key}' in {root}/{INFO} has the shape {column.shape}; (h, w, channels) is read.")
            height, width = column.shape[:2]
            if column.shape[0] in (1, 3) and column.shape[2] not in (1, 3):  # channels first, of older writers
                height, width = column.shape[1:]
            found[key] = PictureFeature(key, column.dtype == "video", depth, height, width, details)
    return found


def video_places(root: Path, info: Info, features: Mapping[str, PictureFeature]) -> dict[str, VideoPlaces]:
    """Where the videos of every camera lie.

    Raises:
        StorageError: The table of episodes is damaged.
    """
    keys = [key for key, feature in features.items() if feature.is_video]
    if not keys:
        return {}
    if info.video_path is None:
        raise StorageError(f"{root}/{INFO} has cameras as video and no 'video_path'. {_MEND}")
    table = read_episode_columns(root, info, [f"videos/{key}/{name}" for key in keys for name in _PLACE])
    places: dict[str, VideoPlaces] = {}
    for key in keys:
        chunk, file, start = (table[f"videos/{key}/{name}"] for name in _PLACE)
        numbers = zip(_integers(chunk), _integers(file), strict=True)
        pattern = str(info.video_path)
        paths = [root / pattern.format(video_key=key, chunk_index=c, file_index=f) for c, f in numbers]
        places[key] = VideoPlaces(tuple(paths), np.asarray(start, np.float64))
    return places


_PLACE = ("chunk_index", "file_index", "from_timestamp")


def _integers(values: Iterable[Any]) -> list[int]:
    return [int(value) for value in values]  # LeRobot's are floats once episodes without the column were merged


@functools.lru_cache(maxsize=16)
def _depths(depth_min: float, depth_max: float, shift: float, use_log: bool) -> NDArray[np.float32]:
    """Depth in m of each of the 4096 codes, as LeRobot gives them."""
    codes = np.arange(4096, dtype=np.float32)
    if use_log:
        low, high = math.log(depth_min + shift), math.log(depth_max + shift)
        depth = np.exp(codes * np.float32((high - low) / 4095) + np.float32(low)) - np.float32(shift)
    else:
        depth = codes * np.float32((depth_max - depth_min) / 4095) + np.float32(depth_min)
    return depth.clip(depth_min, depth_max).astype(np.float32)
