"""A LeRobotDataset v3 as it lies on disk, with all that other writers put there: what datasets are rewritten from."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerobot_sim.errors import StorageError

from . import layout, sidecar
from .files import read_json
from .tables import Table

MEND = "Look with lerobot-sim dataset check, or restore it from a copy."


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A dataset that episodes are taken from.

    Attributes:
        root: Its folder.
        raw: The whole of `info.json`.
        entries: The table of committed episodes, all its columns.
        tasks: Instruction by task_index.
        run: The content of `sim/run.json`, None where it is not ours.
        records: A line of `sim/episodes.jsonl` an episode, None where there are none.
    """

    root: Path
    raw: Mapping[str, Any]
    entries: Table
    tasks: Mapping[int, str]
    run: Mapping[str, Any] | None
    records: Sequence[Mapping[str, Any]] | None

    @property
    def num_episodes(self) -> int:
        """Committed episodes."""
        return self.entries.num_rows

    @property
    def num_frames(self) -> int:
        """Committed rows."""
        return sum(self.values("length"))

    @property
    def fps(self) -> float:
        """Rows a second."""
        return self.raw["fps"]

    @property
    def features(self) -> Mapping[str, Mapping[str, Any]]:
        """Column -> dtype, shape, names, and maybe info."""
        return self.raw["features"]

    @property
    def video_keys(self) -> list[str]:
        """Columns whose frames lie in video files."""
        return [name for name, feature in self.features.items() if feature["dtype"] == "video"]

    def values(self, column: str) -> list[Any]:
        """A column of the table of episodes."""
        if column not in self.entries.column_names:
            raise StorageError(f"{self.root / 'meta/episodes'} lacks the column '{column}'. {MEND}")
        return self.entries.column(column).to_pylist()

    def data_path(self, episode: int) -> Path:
        """The file that an episode's rows lie in."""
        return self._path("data_path", layout.DATA, "data", episode)

    def video_path(self, key: str, episode: int) -> Path:
        """The file that an episode's frames lie in."""
        return self._path("video_path", layout.VIDEOS, f"videos/{key}", episode, video_key=key)

    def tasks_of(self, episode: int) -> list[str]:
        """An episode's instructions."""
        return list(self.entries.column("tasks")[episode].as_py())

    def _path(self, pattern: str, default: str, prefix: str, episode: int, **names: str) -> Path:
        place = {
            name: self.entries.column(f"{prefix}/{name}")[episode].as_py() for name in ("chunk_index", "file_index")
        }
        return self.root / str(self.raw.get(pattern) or default).format(**place, **names)


def open_source(root: Path | str) -> Source:
    """Reads a dataset's metadata.

    Raises:
        StorageError: There is no dataset of format v3, or it is damaged.
    """
    root = Path(root)
    if not root.exists():
        raise StorageError(f"There is no dataset at {root}. Give the folder that holds meta/info.json.")
    info = layout.read_info(root)
    if info.total_episodes == 0:
        raise StorageError(f"{root} holds no episode yet. Collect one first.")
    raw = read_json(root / layout.INFO, MEND)
    run = read_json(root / sidecar.RUN, MEND) if (root / sidecar.RUN).exists() else None
    return Source(
        root=root,
        raw=raw,
        entries=_entries(root, info.total_episodes, info.total_frames),
        tasks=_tasks(root),
        run=run,
        records=_records(root, info.total_episodes),
    )


def rows_of(source: Source, episodes: Sequence[int]) -> Iterator[Table]:
    """The rows of episodes, one table each, in the order that was asked; every file is read once where it can be.

    Raises:
        StorageError: Rows are missing or a file is damaged.
    """
    lengths = source.values("length")
    held, table, index = None, None, np.empty(0, np.int64)
    for episode in episodes:
        path = source.data_path(episode)
        if path != held:
            held, table = path, _read(path)
            index = table.column("episode_index").to_numpy()
        assert table is not None
        where = np.flatnonzero(index == episode)
        if len(where) != lengths[episode] or where[-1] - where[0] + 1 != len(where):
            raise StorageError(
                f"{path} is damaged: it holds {len(where)} rows of episode {episode}, the table of episodes says "
                f"{lengths[episode]}. {MEND}"
            )
        yield table.slice(int(where[0]), len(where))


def _entries(root: Path, episodes: int, frames: int) -> Table:
    paths = sorted((root / "meta/episodes").glob("*/*.parquet"))
    tables = [_read(path) for path in paths]
    try:
        table = pa.concat_tables(tables, promote_options="permissive").slice(0, episodes) if tables else None
    except pa.ArrowException as error:
        raise StorageError(f"The tables under {root / 'meta/episodes'} do not fit together: {error}. {MEND}") from error
    if table is None or table.column("episode_index").to_pylist() != list(range(episodes)):
        raise StorageError(f"{root / 'meta/episodes'} does not hold the episodes 0 to {episodes - 1}. {MEND}")
    if sum(table.column("length").to_pylist()) != frames:
        raise StorageError(f"{root / 'meta/episodes'} does not count the {frames} rows of info.json. {MEND}")
    return table.combine_chunks()


def _tasks(root: Path) -> dict[int, str]:
    table = _read(root / layout.TASKS)
    texts = [name for name in table.column_names if name != "task_index" and pa.types.is_string(table[name].type)]
    texts = texts or [name for name in table.column_names if pa.types.is_large_string(table[name].type)]
    if not texts or "task_index" not in table.column_names:
        raise StorageError(f"{root / layout.TASKS} lacks the tasks. {MEND}")
    return dict(zip(table["task_index"].to_pylist(), table[texts[0]].to_pylist(), strict=True))


def _records(root: Path, count: int) -> list[Mapping[str, Any]] | None:
    if not (root / sidecar.EPISODES).exists():
        return None
    sidecar.read_lines(root, count)  # refuses damaged ones
    lines = (root / sidecar.EPISODES).read_bytes().splitlines()[:count]
    return [json.loads(line) for line in lines]


def _read(path: Path) -> Table:
    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {MEND}") from error
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StorageError(f"{path} is damaged: {str(error).rstrip('.')}. {MEND}") from error
