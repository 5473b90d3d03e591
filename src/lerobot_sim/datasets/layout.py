"""The shape of a LeRobotDataset v3 on disk: paths, columns and `meta/info.json`.

meta/info.json                            what there is; the last file of every commit
meta/stats.json                           statistics over all episodes
meta/tasks.parquet                        task_index, task
meta/episodes/chunk-000/file-000.parquet  a row an episode: where its rows lie, its statistics
data/chunk-000/file-000.parquet           a row a frame; images, where they are no videos
videos/<camera>/chunk-000/file-000.mp4    a video an episode while recording; `compact` joins them
sim/                                      ours, which LeRobot ignores: see `sidecar`
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.spec import ACTION, EnvSpec, Feature

from .files import read_json
from .swap import recover

CODEBASE_VERSION = "v3.0"
INFO = "meta/info.json"
STATISTICS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
DATA = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
VIDEOS = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
EPISODES = "meta/episodes/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
CHUNK_SIZE = 1000
"""Files a folder, LeRobot's default."""

NEXT_REWARD, NEXT_DONE, NEXT_SUCCESS = "next.reward", "next.done", "next.success"


@dataclass(frozen=True)
class Column:
    """One column of the data table, as `info.json` declares it.

    Attributes:
        dtype: NumPy's name of the type; "video", "image" or "string" in datasets of others.
        shape: Shape of one row's value; (1,) is stored as a scalar.
        names: One name an element, or None.
        info: What else `info.json` says of it, such as a video's codec; not compared.
    """

    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...] | None = None
    info: Mapping[str, Any] | None = field(default=None, compare=False)

    @property
    def in_table(self) -> bool:
        """Whether its values lie in the data table as numbers."""
        return self.dtype not in ("video", "image", "string", "language")

    @property
    def is_picture(self) -> bool:
        """Whether its values are a camera's pictures."""
        return self.dtype in ("video", "image")

    @property
    def in_data(self) -> bool:
        """Whether it is a column of the data table, as numbers or as image files."""
        return self.in_table or self.dtype == "image"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row's value, roughly for images."""
        if self.dtype == "image":
            return int(np.prod(self.shape)) // 2
        return int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


INDEX_COLUMNS: Mapping[str, Column] = {
    "timestamp": Column("float32", (1,)),
    "frame_index": Column("int64", (1,)),
    "episode_index": Column("int64", (1,)),
    "index": Column("int64", (1,)),
    "task_index": Column("int64", (1,)),
}
"""The columns that LeRobot adds to every dataset."""


@dataclass(frozen=True, kw_only=True)
class Info:
    """What `meta/info.json` says.

    Attributes:
        fps: Rows a second.
        columns: Name -> Column, in the order of the data table.
        total_episodes: Episodes that count; tables may hold one more after a kill.
        total_frames: Rows that count.
        total_tasks: Different instructions.
        robot_type: What was recorded.
        codebase_version: Version of the format.
        chunks_size: Files a folder.
        data_path: Pattern of the data files.
        video_path: Pattern of the video files, None where there are none.
    """

    fps: float
    columns: Mapping[str, Column]
    total_episodes: int = 0
    total_frames: int = 0
    total_tasks: int = 0
    robot_type: str | None = None
    codebase_version: str = CODEBASE_VERSION
    chunks_size: int = CHUNK_SIZE
    data_path: str = DATA
    video_path: str | None = None

    def grown(self, frames: int, total_tasks: int) -> Info:
        """The same with one more episode of `frames` rows."""
        return replace(
            self,
            total_episodes=self.total_episodes + 1,
            total_frames=self.total_frames + frames,
            total_tasks=total_tasks,
        )

    def to_json(self) -> bytes:
        """The file's content, in LeRobot's order and indentation."""
        features = {
            name: {
                "dtype": column.dtype,
                "shape": list(column.shape),
                "names": None if column.names is None else list(column.names),
                **({} if column.info is None else {"info": dict(column.info)}),
            }
            for name, column in self.columns.items()
        }
        content = {
            "codebase_version": self.codebase_version,
            "fps": int(self.fps) if float(self.fps).is_integer() else self.fps,
            "features": features,
            "total_episodes": self.total_episodes,
            "total_frames": self.total_frames,
            "total_tasks": self.total_tasks,
            "chunks_size": self.chunks_size,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "data_path": self.data_path,
            "video_path": self.video_path,
            "robot_type": self.robot_type,
            "splits": {"train": f"0:{self.total_episodes}"},
        }
        return json.dumps(content, indent=4, ensure_ascii=False).encode()


def read_info(root: Path) -> Info:
    """What `meta/info.json` of a v3 dataset says, ours or another's.

    Raises:
        StorageError: It is missing, damaged, or of another version of the format.
    """
    path = Path(root) / INFO
    if not path.parent.exists():
        recover(root)
    mend = "Restore it from a copy, or collect again into another folder; without it the dataset cannot be read."
    raw = read_json(path, mend)
    try:
        version = str(raw["codebase_version"])
        if not version.startswith("v3."):
            raise StorageError(
                f"{path} is of format {version}; {CODEBASE_VERSION} is read. Convert it with LeRobot's converter."
            )
        return Info(
            fps=_number(raw["fps"]),
            columns={str(name): _column(feature) for name, feature in raw["features"].items()},
            total_episodes=_count(raw["total_episodes"]),
            total_frames=_count(raw["total_frames"]),
            total_tasks=_count(raw["total_tasks"]),
            robot_type=raw.get("robot_type"),
            codebase_version=version,
            chunks_size=_count(raw.get("chunks_size", CHUNK_SIZE)),
            data_path=str(raw.get("data_path", DATA)),
            video_path=raw.get("video_path"),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__} {error}. {mend}") from error


def columns_of(
    spec: EnvSpec, added: Mapping[str, Column], pictures: Mapping[str, Column] | None = None
) -> dict[str, Column]:
    """The data table's columns for an environment: its features, `action`, next.*, the policy's, LeRobot's own.

    Args:
        spec: The environment's.
        added: What the policy's `columns` add.
        pictures: The cameras' columns.

    Raises:
        InputError: A name is taken twice or holds a "/", which LeRobot forbids.
    """
    columns = {
        name: Column(feature.dtype, feature.shape or (1,), feature.names or None, _unit(feature))
        for name, feature in {**spec.observation, ACTION: spec.action}.items()
    }
    columns |= pictures or {}
    columns[NEXT_REWARD] = Column("float32", (1,))
    columns[NEXT_DONE] = Column("bool", (1,))
    columns[NEXT_SUCCESS] = Column("bool", (1,))
    for name, column in added.items():
        if name in columns or name in INDEX_COLUMNS or name == "task":
            raise InputError(f"The policy's column '{name}' has the name of another one. Rename it.")
        columns[name] = column
    for name in columns:
        if "/" in name:
            raise InputError(f"LeRobot allows no '/' in a column's name, '{name}' came. Use '.' instead.")
    return {**columns, **INDEX_COLUMNS}


def _unit(feature: Feature) -> Mapping[str, str] | None:
    """What `info.json` says of a robot's joints: the unit, which LeRobot's own datasets leave open."""
    joints = feature.names and all(name.endswith(".pos") for name in feature.names)
    return {"unit": feature.unit} if joints and feature.unit else None


def _column(feature: Mapping[str, Any]) -> Column:
    names = feature.get("names")
    if not isinstance(names, list):  # other datasets hold mappings, too
        names = None
    info = feature.get("info")
    return Column(
        str(feature["dtype"]),
        tuple(int(size) for size in feature["shape"]),
        None if names is None else tuple(str(name) for name in names),  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        dict(info) if isinstance(info, Mapping) else None,  # pyright: ignore[reportUnknownArgumentType]
    )


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
        raise ValueError(f"expected a positive number, {value!r} came")
    return value


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ValueError(f"expected a count, {value!r} came")
    return value
