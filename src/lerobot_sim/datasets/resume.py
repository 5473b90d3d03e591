"""What a writer knows of the dataset that it goes on with."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerobot_sim.errors import StorageError

from . import layout, sidecar
from .layout import Info, read_info
from .sidecar import EpisodeRecord
from .statistics import NAMES, Statistics, join_all, read_statistics
from .tables import GrowingTable, Table, count_rows, data_schema, episodes_schema, read_table, row_statistics

_MIB = 1 << 20
_DATA_BYTES = 2 * _MIB
_DATA_EPISODES = 32  # each is a row group, which costs 0.17 ms whenever the file is written anew
_EPISODES_BYTES = _MIB
_MEND = "Restore it from a copy, or collect again into another folder."


@dataclass
class Progress:
    """The committed state of a dataset.

    Attributes:
        info: As on disk.
        tasks: Instructions in the order of their first episode.
        tasks_on_disk: What `tasks.parquet` holds: after an interruption maybe one more.
        statistics: Over all episodes, None where there is none.
        data: The data table's files.
        episodes: The files of the table of episodes.
        records: One an episode.
        record_bytes: How long the records' file is.
        videos: Camera's column -> number of the next video file, counted through all folders.
    """

    info: Info
    tasks: list[str]
    tasks_on_disk: list[str]
    statistics: Statistics | None
    data: GrowingTable
    episodes: GrowingTable
    records: list[EpisodeRecord]
    record_bytes: int
    videos: dict[str, int]


def new_progress(root: Path, info: Info) -> Progress:
    """Of a dataset without episodes."""
    table_columns = [column for column in info.columns.values() if column.in_data]
    counted = [column for column in info.columns.values() if column.in_table]
    pictures = {name: column for name, column in info.columns.items() if column.is_picture}
    data = GrowingTable(
        root=root,
        pattern=layout.DATA,
        schema=data_schema(info.columns),
        row_bytes=sum(column.row_bytes for column in table_columns),
        max_bytes=_DATA_BYTES,
        max_groups=_DATA_EPISODES,
        chunks_size=info.chunks_size,
    )
    episodes = GrowingTable(
        root=root,
        pattern=layout.EPISODES,
        schema=episodes_schema(info.columns),
        row_bytes=sum(8 * len(NAMES) * column.shape[-1] for column in (*counted, *pictures.values())),
        max_bytes=_EPISODES_BYTES,
        chunks_size=info.chunks_size,
        only_statistics_of="episode_index",
    )
    videos = {name: 0 for name, column in pictures.items() if column.dtype == "video"}
    return Progress(info, [], [], None, data, episodes, [], 0, videos)


def load_progress(root: Path) -> Progress:
    """Of the dataset in a folder; reads, checks, changes nothing.

    Raises:
        StorageError: A file is missing or damaged, with its path.
    """
    info = read_info(root)
    progress = new_progress(root, info)
    if info.total_episodes == 0:
        return progress
    rows = _load_episodes(progress)
    _load_data(progress, rows)
    _find_videos(progress, rows)
    progress.tasks_on_disk = list(_read_tasks(root))
    progress.tasks = progress.tasks_on_disk[: info.total_tasks]
    if len(progress.tasks) < info.total_tasks:
        raise StorageError(
            f"{root / layout.TASKS} is damaged: it holds {len(progress.tasks)} of {info.total_tasks} tasks. {_MEND}"
        )
    progress.records, progress.record_bytes = sidecar.read_lines(root, info.total_episodes)
    progress.statistics = _load_statistics(root, info, rows)
    return progress


def _load_episodes(progress: Progress) -> Table:
    """The committed rows of all files; the series is left holding those of the last one."""
    series, wanted = progress.episodes, progress.info.total_episodes
    tables: list[Table] = []
    held = 0
    while held < wanted:
        path = series.path(divmod(len(tables), series.chunks_size))
        table = read_table(path, series.schema.names, mend=_MEND, schema=series.schema)
        if table.num_rows == 0 or table.column("episode_index")[0].as_py() != held:
            raise StorageError(f"{path} is damaged: it does not begin with episode {held}. {_MEND}")
        tables.append(table.slice(0, wanted - held))
        held += tables[-1].num_rows
    series.number, series.tables = len(tables) - 1, [tables[-1].combine_chunks()]
    return pa.concat_tables(tables)


def _load_data(progress: Progress, rows: Table) -> None:
    """Checks that every file is there with its rows, and leaves the series holding those of the last."""
    series, info = progress.data, progress.info
    places = list(zip(_integers(rows, "data/chunk_index"), _integers(rows, "data/file_index"), strict=True))
    lengths = _integers(rows, "length")
    if sum(lengths) != info.total_frames:
        raise StorageError(
            f"{series.root / 'meta'} is damaged: the table of episodes counts {sum(lengths)} rows, info.json "
            f"{info.total_frames}. {_MEND}"
        )
    expected: dict[tuple[int, int], list[int]] = {}
    for place, length in zip(places, lengths, strict=True):
        expected.setdefault(place, []).append(length)
    for place, own in expected.items():
        path = series.path(place)
        count = count_rows(path, mend=_MEND)
        if count < sum(own):
            raise StorageError(f"{path} is damaged: it holds {count} rows, {sum(own)} were saved. {_MEND}")
    last = places[-1]
    path = series.path(last)
    table = read_table(path, series.schema.names, mend=_MEND, schema=series.schema)
    first = info.total_frames - sum(expected[last])
    if table.column("index")[0].as_py() != first:
        raise StorageError(f"{path} is damaged: it does not begin with row {first}. {_MEND}")
    series.number = last[0] * series.chunks_size + last[1]
    series.tables = list(_cut(table, expected[last]))


def _find_videos(progress: Progress, rows: Table) -> None:
    """Checks that every video file is there, and notes which numbers are free."""
    info, root = progress.info, progress.data.root
    for name in progress.videos:
        chunks, files = (_integers(rows, f"videos/{name}/{key}_index") for key in ("chunk", "file"))
        for place in dict.fromkeys(zip(chunks, files, strict=True)):
            pattern = info.video_path or layout.VIDEOS
            path = root / pattern.format(video_key=name, chunk_index=place[0], file_index=place[1])
            if not path.is_file():
                raise StorageError(f"{path} is missing. {_MEND}")
            progress.videos[name] = max(progress.videos[name], place[0] * info.chunks_size + place[1] + 1)


def _cut(table: Table, lengths: Sequence[int]) -> Iterator[Table]:
    start = 0
    for length in lengths:
        yield table.slice(start, length)
        start += length


def _read_tasks(root: Path) -> Sequence[str]:
    table = read_table(root / layout.TASKS, ["task_index", "task"], mend=_MEND)
    order = table.sort_by("task_index")
    return [str(task) for task in order.column("task").to_pylist()]


def _load_statistics(root: Path, info: Info, rows: Table) -> Statistics:
    """Those on disk, or, where they count an interrupted episode or are gone, joined again from the episodes'."""
    path = root / layout.STATISTICS
    if path.exists():
        found = read_statistics(path)
        if set(found) == set(info.columns) and all(
            found[name].get("count", [-1])[0] == _counted(info, rows, name) for name in found
        ):
            return found
    joined: Statistics | None = None
    for row in range(rows.num_rows):
        joined = join_all(joined, row_statistics(rows, info.columns, row))
    assert joined is not None  # there is at least one episode
    return joined


def _counted(info: Info, rows: Table, name: str) -> int:
    """How many rows, or sampled pictures, the statistics of a column are of."""
    if not info.columns[name].is_picture:
        return info.total_frames
    return sum(count[0] for count in rows.column(f"stats/{name}/count").to_pylist())


def _integers(table: Table, name: str) -> list[Any]:
    return table.column(name).to_pylist()
