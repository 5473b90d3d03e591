"""Reads a LeRobotDataset v3, ours or another's, with pyarrow and NumPy alone."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError, unknown_name

from . import sidecar
from .layout import Info, read_info
from .sidecar import EpisodeRecord
from .tables import Table, read_table, to_numpy

__all__ = ["EpisodeEntry", "Info", "read_columns", "read_episode_columns", "read_episodes", "read_info", "read_records"]

_MEND = "Restore it from a copy, or collect again into another folder."
_ENTRY = ("episode_index", "tasks", "length", "dataset_from_index", "dataset_to_index")


@dataclass(frozen=True)
class EpisodeEntry:
    """Where an episode lies.

    Attributes:
        episode_index: Its number.
        tasks: Its instructions.
        length: Rows.
        start: Index of its first row in the whole dataset.
        stop: One past its last row.
    """

    episode_index: int
    tasks: tuple[str, ...]
    length: int
    start: int
    stop: int


def read_episodes(root: Path | str) -> list[EpisodeEntry]:
    """Every committed episode, in order.

    Raises:
        StorageError: A file is missing or damaged.
    """
    root = Path(root)
    info = read_info(root)
    table = _read_all(root, "meta/episodes", _ENTRY, info.total_episodes)
    rows = zip(*(table.column(name).to_pylist() for name in _ENTRY), strict=True)
    return [EpisodeEntry(index, tuple(tasks), length, start, stop) for index, tasks, length, start, stop in rows]


def read_episode_columns(root: Path | str, info: Info, names: Iterable[str]) -> dict[str, list[Any]]:
    """Columns of the table of episodes, a value an episode.

    Raises:
        StorageError: A file is missing or damaged, or lacks a column.
    """
    wanted = tuple(names)
    table = _read_all(Path(root), "meta/episodes", wanted, info.total_episodes)
    return {name: table.column(name).to_pylist() for name in wanted}


def read_columns(root: Path | str, names: Iterable[str] | None = None) -> dict[str, NDArray[Any]]:
    """Columns of all committed rows: name -> (rows, *shape).

    The action and observations keep a shape of (1,); other scalars, such as "next.reward", are (rows,).

    Args:
        root: The dataset's folder.
        names: Which columns; by default all that hold numbers.

    Raises:
        UnknownNameError: There is no such column, or it holds no numbers.
        StorageError: A file is missing or damaged.
    """
    root = Path(root)
    info = read_info(root)
    columns = {name: column for name, column in info.columns.items() if column.in_table}
    wanted = list(columns if names is None else names)
    for name in wanted:
        if name not in columns:
            raise unknown_name("column with numbers in this dataset", name, columns)
    table = _read_all(root, "data", tuple(dict.fromkeys([*wanted, "index"])), info.total_frames)
    if not np.array_equal(table.column("index").to_numpy(), np.arange(info.total_frames)):
        raise StorageError(f"The rows under {root / 'data'} are not in order. {_MEND}")
    try:
        return {name: to_numpy(name, columns[name], table) for name in wanted}
    except StorageError as error:
        raise StorageError(f"{root / 'data'} is damaged: {error} {_MEND}") from error


def read_records(root: Path | str) -> list[EpisodeRecord]:
    """What we know of every committed episode beyond its rows: seed, Params, end, success …

    Raises:
        StorageError: The dataset is not one of ours, or the file is damaged.
    """
    root = Path(root)
    return sidecar.read_lines(root, read_info(root).total_episodes)[0]


def _read_all(root: Path, folder: str, names: tuple[str, ...], count: int) -> Table:
    """The first `count` rows of all files under a folder, in the order of their names."""
    paths = sorted((root / folder).glob("*/*.parquet"))
    if not paths:
        if count == 0:
            return pa.table({name: pa.array([], pa.int64()) for name in names})
        raise StorageError(f"{root / folder} holds no table; info.json counts {count} rows. {_MEND}")
    table = pa.concat_tables([read_table(path, names, mend=_MEND) for path in paths]).slice(0, count)
    if table.num_rows < count:
        raise StorageError(f"{root / folder} holds {table.num_rows} rows; info.json counts {count}. {_MEND}")
    return table
