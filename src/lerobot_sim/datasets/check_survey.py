"""What can still be read of a v3 dataset, however damaged: the ground of `check` and `repair`.

Nothing here raises because of the dataset's content: what cannot be read is kept as a reason, beside what can.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lerobot_sim.errors import StorageError

from . import layout
from .layout import Info, read_info
from .tables import Table

VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
"""Path of a video file, LeRobot's default."""

_ROW_COLUMNS = (
    *("episode_index", "tasks", "length", "data/chunk_index", "data/file_index"),
    *("dataset_from_index", "dataset_to_index"),
)
_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class TableFile:
    """A Parquet file.

    Attributes:
        path: Where it lies.
        groups: Row groups.
        rows: By its footer.
        error: Why it cannot be read, or empty.
    """

    path: Path
    groups: int = 0
    rows: int = 0
    error: str = ""


@dataclass(frozen=True)
class VideoPlace:
    """Where an episode's frames of one camera lie: the file, and seconds from its beginning."""

    path: Path
    start_s: float
    stop_s: float


@dataclass(frozen=True)
class EpisodePlace:
    """A row of the table of episodes.

    Attributes:
        index: The episode's number.
        length: Rows.
        start: Index of its first row.
        stop: One past its last.
        tasks: Its instructions.
        data: The file with its rows.
        videos: Camera -> where its frames lie.
    """

    index: int
    length: int
    start: int
    stop: int
    tasks: tuple[str, ...]
    data: Path
    videos: Mapping[str, VideoPlace]


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All that was found.

    Attributes:
        root: The dataset's folder.
        info: What `info.json` says, or None.
        raw: Its content as JSON, {} where it is none.
        info_error: Why it cannot be read.
        data: Files under `data/`, in the order in which LeRobot reads them.
        episode_files: Files under `meta/episodes/`.
        episodes: Their rows, in order.
        tasks: Texts by their index, or None.
        tasks_error: Why they cannot be read.
    """

    root: Path
    info: Info | None
    raw: Mapping[str, Any]
    info_error: str
    data: Sequence[TableFile]
    episode_files: Sequence[TableFile]
    episodes: Sequence[EpisodePlace]
    tasks: Sequence[str] | None
    tasks_error: str

    @property
    def videos(self) -> list[str]:
        """Names of the cameras that are stored as videos."""
        columns = {} if self.info is None else self.info.columns
        return [name for name, column in columns.items() if column.dtype == "video"]

    @property
    def images(self) -> list[str]:
        """Names of the cameras that are stored as images."""
        columns = {} if self.info is None else self.info.columns
        return [name for name, column in columns.items() if column.dtype == "image"]

    def name(self, path: Path) -> str:
        """A path for people: from the dataset's folder."""
        return path.relative_to(self.root).as_posix()


def survey(root: Path | str) -> Survey:
    """Reads all that can be read but rows and frames.

    Raises:
        StorageError: There is no such folder, or nothing of a dataset in it.
    """
    root = Path(root)
    if not root.is_dir():
        raise StorageError(f"{root} is no folder. Give the folder of a dataset: the one that holds meta/info.json.")
    if not any((root / name).exists() for name in ("meta", "data", "videos")):
        raise StorageError(f"{root} holds no dataset (no meta, data or videos). Give the folder with meta/info.json.")
    info, raw, info_error = _info(root)
    data = [_probe(path) for path in sorted((root / "data").glob("*/*.parquet"))]
    files = [_probe(path) for path in sorted((root / "meta/episodes").glob("*/*.parquet"))]
    episodes: list[EpisodePlace] = []
    for at, file in enumerate(files):
        try:
            episodes += [] if file.error else _places(root, info, file.path)
        except (StorageError, pa.ArrowException, OSError, KeyError, TypeError, ValueError, IndexError) as error:
            files[at] = TableFile(file.path, error=reason(error))
    tasks, tasks_error = _tasks(root)
    return Survey(
        root=root,
        info=info,
        raw=raw,
        info_error=info_error,
        data=data,
        episode_files=files,
        episodes=episodes,
        tasks=tasks,
        tasks_error=tasks_error,
    )


def read_groups(file: TableFile, columns: Sequence[str] | None = None) -> Iterator[Table | str]:
    """The row groups of a data file one by one, each a table or the reason why it cannot be read."""
    if file.error:
        yield file.error
        return
    with pq.ParquetFile(file.path) as parquet:
        for group in range(parquet.num_row_groups):
            try:
                there = [name for name in parquet.schema_arrow.names if columns is None or name in columns]
                yield parquet.read_row_group(group, columns=there)
            except (pa.ArrowException, OSError, ValueError) as error:
                yield reason(error)


def file_number(path: Path, chunks_size: int) -> int:
    """Which file of its series a path is, by the numbers of its folder and name."""
    chunk, number = (_NUMBER.search(part) for part in (path.parent.name, path.stem))
    if chunk is None or number is None:
        raise ValueError(f"{path} has no numbers")
    return int(chunk[1]) * chunks_size + int(number[1])


def reason(error: BaseException) -> str:
    """An error in one short line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 160 else f"{text[:157]}..."


def _info(root: Path) -> tuple[Info | None, dict[str, Any], str]:
    raw: Any = {}
    with contextlib.suppress(OSError, ValueError):  # read_info says it better
        raw = json.loads((root / layout.INFO).read_text(encoding="utf-8"))
    try:
        return read_info(root), raw if isinstance(raw, dict) else {}, ""
    except StorageError as error:
        return None, raw if isinstance(raw, dict) else {}, str(error)


def _probe(path: Path) -> TableFile:
    try:
        footer = pq.read_metadata(path)
        return TableFile(path, footer.num_row_groups, footer.num_rows)
    except (pa.ArrowException, OSError) as error:
        return TableFile(path, error=reason(error))


def _places(root: Path, info: Info | None, path: Path) -> list[EpisodePlace]:
    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        missing = set(_ROW_COLUMNS) - set(names)
        if missing:
            raise StorageError(f"columns {sorted(missing)} are missing")
        file.read()  # its statistics, too, can be read
        columns = [name for name in names if not name.startswith("stats/")]
        rows: list[dict[str, Any]] = file.read(columns).to_pylist()
    keys = [name.removeprefix("videos/").removesuffix("/chunk_index") for name in names if _is_video(name)]
    return [_place(root, info, keys, row) for row in rows]


def _is_video(name: str) -> bool:
    return name.startswith("videos/") and name.endswith("/chunk_index")


def _place(root: Path, info: Info | None, keys: Sequence[str], row: Mapping[str, Any]) -> EpisodePlace:
    data = (info.data_path if info else layout.DATA).format(
        chunk_index=row["data/chunk_index"], file_index=row["data/file_index"]
    )
    pattern = (info.video_path if info else None) or VIDEO
    videos = {
        key: VideoPlace(
            root
            / pattern.format(
                video_key=key, chunk_index=row[f"videos/{key}/chunk_index"], file_index=row[f"videos/{key}/file_index"]
            ),
            float(row[f"videos/{key}/from_timestamp"]),
            float(row[f"videos/{key}/to_timestamp"]),
        )
        for key in keys
        if row[f"videos/{key}/chunk_index"] is not None
    }
    return EpisodePlace(
        int(row["episode_index"]),
        int(row["length"]),
        int(row["dataset_from_index"]),
        int(row["dataset_to_index"]),
        tuple(str(task) for task in row["tasks"]),
        root / data,
        videos,
    )


def _tasks(root: Path) -> tuple[list[str] | None, str]:
    path = root / layout.TASKS
    try:
        table = pq.read_table(path)
        indices = [int(value) for value in table.column("task_index").to_pylist()]
        text = "task" if "task" in table.schema.names else "__index_level_0__"
        texts = [str(value) for value in table.column(text).to_pylist()]
    except FileNotFoundError:
        return None, "missing"
    except (pa.ArrowException, OSError, KeyError, TypeError, ValueError) as error:
        return None, reason(error)
    if sorted(indices) != list(range(len(indices))):
        return None, f"its task_index is {sorted(indices)[:5]}…, 0 to {len(indices) - 1} was expected"
    return [text for _, text in sorted(zip(indices, texts, strict=True))], ""
