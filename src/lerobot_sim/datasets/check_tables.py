"""Checks of the tables: episodes, rows, indices, timestamps, tasks, values, ranges."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from . import layout
from .check_findings import Finding, Part
from .check_survey import EpisodePlace, Survey, TableFile, read_groups
from .layout import INDEX_COLUMNS, Column
from .statistics import Statistics, column_statistics
from .tables import Table, to_numpy

TOLERANCE_S = 1e-4
"""How far LeRobot lets a timestamp be from its place."""

Bounds = Mapping[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
"""Column -> its least and greatest values, by element."""


@dataclass
class Rows:
    """What one pass over the rows gathers.

    Attributes:
        whole: Numbers of the episodes whose rows are all there, readable and numbered as they must be.
        statistics: Episode -> its statistics, of whole ones.
        images: Camera -> values that were looked at.
    """

    whole: set[int] = field(default_factory=set[int])
    statistics: dict[int, Statistics] = field(default_factory=dict[int, Statistics])


def check_info(survey: Survey, repair: str) -> list[Finding]:
    """`info.json` alone and against the table of episodes."""
    part = Part("info.json", repair)
    if survey.info is None:
        part.broken(survey.info_error.split(". ")[0], layout.INFO)
        return part.done("")
    info, episodes = survey.info, survey.episodes
    missing = [name for name in INDEX_COLUMNS if name not in info.columns]
    if missing:
        part.broken(f"features {missing} are not declared", layout.INFO, "Restore it from a copy.")
    counted = [episode for episode in episodes if episode.index < info.total_episodes]
    if len(counted) < info.total_episodes:
        part.broken(f"it counts {info.total_episodes} episodes, the table has {len(counted)}", layout.INFO)
    elif sum(episode.length for episode in counted) != info.total_frames:
        have = sum(episode.length for episode in counted)
        part.broken(f"it counts {info.total_frames} rows, the table of episodes {have}", layout.INFO)
    if survey.tasks is not None and len(survey.tasks) < info.total_tasks:
        part.broken(f"it counts {info.total_tasks} tasks, {len(survey.tasks)} are there", layout.INFO)
    if info.total_episodes == 0:
        part.warn("there are no episodes; LeRobot loads none of such", layout.INFO, "Record an episode.")
    more = len(episodes) - len(counted)
    if more > 1:
        part.broken(f"it counts {info.total_episodes} episodes, the table has {len(episodes)}", layout.INFO)
    fine = (
        f"{info.total_episodes} episodes, {info.total_frames} rows at {info.fps:g} a second, {info.total_tasks} tasks"
    )
    return part.done(fine + (" (one more begun, which does not count)" if more == 1 else ""))


def check_episodes(survey: Survey, repair: str) -> list[Finding]:
    """The table of episodes: its files, numbers, and where each begins and ends."""
    part = Part("episodes", repair)
    for file in survey.episode_files:
        if file.error:
            part.broken(f"it cannot be read: {file.error}", survey.name(file.path))
    if not survey.episode_files:
        part.broken("no file is there", "meta/episodes")
    expected_start = 0
    for number, episode in enumerate(survey.episodes):
        where = f"row {number}"
        if episode.index != number:
            part.broken(f"it is of episode {episode.index}, {number} was expected", where)
            break
        if episode.start != expected_start or episode.stop - episode.start != episode.length:
            part.broken(
                f"it says rows {episode.start} to {episode.stop}, length {episode.length}; it should begin at "
                f"{expected_start}",
                f"episode {number}",
            )
        expected_start = episode.stop
        if survey.tasks is not None:
            for task in episode.tasks:
                if task not in survey.tasks:
                    part.broken(f"its task {task!r} is not in {layout.TASKS}", f"episode {number}")
    return part.done(f"{len(survey.episodes)} rows in {len(survey.episode_files)} files")


def check_tasks(survey: Survey, repair: str) -> list[Finding]:
    """`tasks.parquet`."""
    part = Part("tasks", repair)
    if survey.tasks is None:
        part.broken(f"it cannot be read: {survey.tasks_error}", layout.TASKS)
        return part.done("")
    if len(set(survey.tasks)) < len(survey.tasks):
        part.broken("the same text is there twice", layout.TASKS)
    if any(not task.strip() for task in survey.tasks):
        part.warn("a task has no text", layout.TASKS, f"lerobot-sim dataset edit-task {survey.root}")
    return part.done(f"{len(survey.tasks)} texts")


def check_data(survey: Survey, bounds: Bounds, repair: str, show: Callable[[int], None]) -> tuple[Rows, list[Finding]]:
    """Every row: what can be read, its indices and times, gaps, NaN and ranges."""
    found = Rows()
    parts = {name: Part(name, repair) for name in ("data", "indices", "timestamps", "values", "ranges")}
    parts["values"].mend = parts["ranges"].mend = f"lerobot-sim dataset delete {survey.root} EPISODE …"
    if not survey.data:
        parts["data"].broken("no file is there", "data")
    by_number = {episode.index: episode for episode in survey.episodes}
    seen: set[int] = set()
    position = done = 0
    for file in survey.data:
        for number, rows in _episodes_of(survey, file, parts["data"]):
            done += 1
            show(done)
            _check_episode(survey, file, number, rows, position, by_number.get(number), seen, bounds, parts, found)
            seen.add(number)
            position += rows.num_rows
    for episode in survey.episodes:
        if episode.index not in seen and not any(file.error for file in survey.data):
            parts["data"].broken("its rows are missing", f"episode {episode.index}")
    fine = {
        "data": f"{sum(file.rows for file in survey.data)} rows in {len(survey.data)} files, all readable",
        "indices": "index, episode_index, frame_index and task_index count as they must",
        "timestamps": "frame_index / fps in every row",
        "values": "no NaN, no infinity, no gap",
        "ranges": f"within the bounds of {len(bounds)} features" if bounds else "no bounds are recorded",
    }
    return found, [finding for name, part in parts.items() for finding in part.done(fine[name])]


def _episodes_of(survey: Survey, file: TableFile, part: Part) -> Iterator[tuple[int, Table]]:
    """Rows of a file, episode by episode: (number, table)."""
    import pyarrow as pa

    where = survey.name(file.path)
    columns = survey.info.columns if survey.info else None
    names = None if columns is None else [n for n, c in columns.items() if c.in_table or c.dtype == "image"]
    held: Any = None
    for group, table in enumerate(read_groups(file, names)):
        if isinstance(table, str):
            part.broken(f"it cannot be read: {table}", where if file.error else f"{where}, row group {group}")
            continue
        missing = [name for name in names or INDEX_COLUMNS if name not in table.schema.names]
        if missing:
            part.broken(f"columns {missing} are missing", where, "Restore it from a copy.")
            return
        held = table if held is None else pa.concat_tables([held, table])
        owners = held.column("episode_index").to_numpy()
        cuts = [0, *(np.flatnonzero(np.diff(owners)) + 1).tolist()]
        for start, stop in pairwise(cuts):  # the last may go on in the next group
            yield int(owners[start]), held.slice(start, stop - start)
        held = held.slice(cuts[-1])
    if held is not None and held.num_rows:
        yield int(held.column("episode_index")[0].as_py()), held


def _check_episode(
    survey: Survey,
    file: TableFile,
    number: int,
    rows: Table,
    position: int,
    place: EpisodePlace | None,
    seen: set[int],
    bounds: Bounds,
    parts: Mapping[str, Part],
    found: Rows,
) -> None:
    where = f"episode {number} in {survey.name(file.path)}"
    count = rows.num_rows
    if number in seen:
        parts["indices"].broken("its rows are there twice", where)
        found.whole.discard(number)
        return
    if place is not None and place.length != count:
        parts["data"].broken(f"{count} rows are there, {place.length} were saved", where)
    if place is not None and place.data != file.path:
        parts["data"].broken(f"the table of episodes says it is in {survey.name(place.data)}", where)
    info = survey.info
    columns = info.columns if info else INDEX_COLUMNS
    arrays: dict[str, NDArray[Any]] = {}
    for name, column in columns.items():
        if column.in_table and name in rows.schema.names:
            try:
                arrays[name] = to_numpy(name, column, rows)
            except (StorageError, ValueError, TypeError, NotImplementedError) as error:
                parts["values"].broken(str(error).split(". ")[0], where, "Restore it from a copy.")
    good = _check_indices(survey, where, arrays, position, place, parts["indices"])
    if info is not None:
        _check_times(where, arrays, info.fps, parts["timestamps"])
    good &= _check_values(where, arrays, parts["values"])
    _check_ranges(where, arrays, bounds, parts["ranges"])
    if good and (place is None or place.length == count) and len(arrays) == _numeric(columns):
        found.whole.add(number)
    found.statistics[number] = {
        name: column_statistics(values.reshape(-1, *columns[name].shape))
        for name, values in arrays.items()
        if values.dtype.kind in "biuf"
    }


def _numeric(columns: Mapping[str, Column]) -> int:
    return sum(column.in_table for column in columns.values())


def _check_indices(
    survey: Survey,
    where: str,
    arrays: Mapping[str, NDArray[Any]],
    position: int,
    place: EpisodePlace | None,
    part: Part,
) -> bool:
    count = len(arrays["index"]) if "index" in arrays else 0
    expected = {"frame_index": np.arange(count), "index": (place.start if place else position) + np.arange(count)}
    good = True
    for name, wanted in expected.items():
        wrong = np.flatnonzero(arrays[name] != wanted) if name in arrays else np.arange(0)
        if len(wrong):
            row = int(wrong[0])
            part.broken(f"{name} is {arrays[name][row]} in row {row}, {wanted[row]} was expected", where)
            good = False
    if place is not None and good and place.start != position:
        part.broken(f"its rows lie at {position}, LeRobot looks for them at {place.start}", where)
    tasks = arrays.get("task_index")
    if tasks is not None and survey.tasks is not None and count:
        wrong = np.unique(tasks[(tasks < 0) | (tasks >= len(survey.tasks))])
        if len(wrong):
            part.broken(f"task_index {wrong[:3].tolist()} names no task; there are {len(survey.tasks)}", where)
            good = False
        elif place is not None and {survey.tasks[int(task)] for task in np.unique(tasks)} != set(place.tasks):
            part.broken("its rows' task_index says another task than the table of episodes", where)
    return good


def _check_times(where: str, arrays: Mapping[str, NDArray[Any]], fps: float, part: Part) -> None:
    times = arrays.get("timestamp")
    if times is None:
        return
    times = times.astype(np.float64)
    expected = np.arange(len(times)) / fps
    back = np.flatnonzero(np.diff(times) <= 0)
    if len(back):
        row = int(back[0]) + 1
        part.broken(f"time goes back: {times[row - 1]:.4f} s, then {times[row]:.4f} s in row {row}", where)
        return
    off = np.abs(times - expected)
    if len(off) and off.max() > TOLERANCE_S + 1e-6 * expected[-1]:
        row = int(off.argmax())
        part.broken(f"{times[row]:.4f} s in row {row}, {expected[row]:.4f} s was expected", where)


def _check_values(where: str, arrays: Mapping[str, NDArray[Any]], part: Part) -> bool:
    good = True
    for name, values in arrays.items():
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            row = int(np.argwhere(~np.isfinite(values))[0][0])
            part.broken(f"{name} is not finite in row {row}", where)
            good = False
    return good


def _check_ranges(where: str, arrays: Mapping[str, NDArray[Any]], bounds: Bounds, part: Part) -> None:
    for name, (low, high) in bounds.items():
        values = arrays.get(name)
        if values is None:
            continue
        slack = 1e-5 * np.maximum(
            np.where(np.isfinite(low), np.abs(low), 0), np.where(np.isfinite(high), np.abs(high), 0)
        )
        outside = (values < low - slack) | (values > high + slack)
        if outside.any():
            row, *element = np.argwhere(outside)[0].tolist()
            value = values[(row, *element)]
            part.warn(f"{name} is {value:g} in row {row}, outside its bounds ({int(outside.sum())} values are)", where)
