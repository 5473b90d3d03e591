"""Checks of statistics: computed anew from the rows, against those that are stored."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from . import layout
from .check_findings import Finding, Part
from .check_survey import Survey
from .check_tables import Rows
from .statistics import NAMES, QUANTILES, ColumnStatistics, Statistics, column_statistics, join_all, read_statistics

_BIN = 1 / 5000
"""LeRobot reads quantiles off a histogram with this width, as a share of the range."""

_ROUNDING = 3e-3
"""LeRobot's std is the root of a difference in float32: off by up to this share of the greatest value."""


def check_statistics(survey: Survey, rows: Rows, repair: str) -> list[Finding]:
    """`stats.json` and the statistics in the table of episodes, of every column in the data table."""
    part = Part("statistics", repair)
    info = survey.info
    if info is None:
        part.warn("not looked at: info.json cannot be read")
        return part.done("")
    exact = True
    stored = stored_statistics(survey)
    own = {number: with_exact_times(values, info.fps) for number, values in rows.statistics.items()}
    for number, values in own.items():
        if number in rows.whole and number in stored:
            where = f"{layout.EPISODES.split('/chunk')[0]}, episode {number}"
            exact &= _compare_all(part, where, stored[number], values)
    counted = [own[n] for n in range(info.total_episodes) if n in rows.whole]
    try:
        total = read_statistics(survey.root / layout.STATISTICS)
    except StorageError as error:
        part.broken(str(error).split(". ")[0], layout.STATISTICS)
        return part.done("")
    if len(counted) < info.total_episodes:
        part.warn("those over all episodes were not looked at: some episodes are not whole", layout.STATISTICS)
        return part.done("")
    joined: Statistics | None = None
    for values in counted:
        joined = join_all(joined, values)
    for name in info.columns:
        if name not in total and info.columns[name].dtype not in ("string", "language"):
            part.broken(f"'{name}' has none", layout.STATISTICS)
    if joined is not None:
        exact &= _compare_all(part, layout.STATISTICS, total, joined)
    return part.done(f"of {len(joined or {})} columns: {'equal' if exact else 'equal within the rounding of LeRobot'}")


def stored_statistics(survey: Survey) -> dict[int, Statistics]:
    """Episode -> its statistics by the table of episodes, cameras' too, each value flat."""
    found: dict[int, Statistics] = {}
    for file in survey.episode_files:
        if not file.error:
            found |= _stored(file.path)
    return found


def with_exact_times(values: Statistics, fps: float) -> Statistics:
    """With the statistics of times that were not rounded to float32, as they are stored."""
    if "timestamp" not in values:
        return values
    count = int(values["timestamp"]["count"][0])
    return {**values, "timestamp": column_statistics(np.arange(count) / fps)}


def agree(stored: ColumnStatistics, own: ColumnStatistics) -> tuple[list[str], bool]:
    """Names of the statistics that differ by more than LeRobot's rounding, and whether all are equal."""
    low, high = own["min"], own["max"]
    size, span = np.maximum(np.abs(low), np.abs(high)), high - low
    differing: list[str] = []
    exact = True
    for name in NAMES:
        if name not in stored:
            continue
        there, wanted = stored[name].reshape(-1).astype(np.float64), own[name].astype(np.float64)
        if there.shape != wanted.shape:
            differing.append(name)
            continue
        exact &= bool(np.allclose(there, wanted, rtol=1e-9, atol=1e-12))
        slack = {"min": 1e-6 * size, "max": 1e-6 * size, "count": 0.0, "mean": 1e-4 * size, "std": _ROUNDING * size}
        allowed = slack.get(name, 2 * _BIN * span + 1e-6 * size) + 1e-9
        if not (np.abs(there - wanted) <= allowed).all():  # NaN differs
            differing.append(name)
    return differing, exact


def _compare_all(part: Part, where: str, stored: Statistics, own: Statistics) -> bool:
    exact = True
    for name, values in own.items():
        if name not in stored:
            continue
        differing, same = agree(stored[name], values)
        exact &= same
        if not differing:
            continue
        first = differing[0]
        there = np.array2string(stored[name][first].reshape(-1)[:4], precision=4)
        wanted = np.array2string(values[first][:4], precision=4)
        text = f"'{name}': {', '.join(differing)} differ from the rows'; {first} is {there}, {wanted} was expected"
        if set(differing) <= set(QUANTILES):
            part.warn(text, where)
        else:
            part.broken(text, where)
    return exact


def _stored(path: Path) -> dict[int, Statistics]:
    table = pq.read_table(path)
    names = [name for name in table.schema.names if name.startswith("stats/") and name.count("/") == 2]
    columns: Mapping[str, Sequence[Any]] = {name: table.column(name).to_pylist() for name in names}
    found: dict[int, Statistics] = {}
    for row, number in enumerate(table.column("episode_index").to_pylist()):
        own: Statistics = {}
        for name in names:
            _, column, key = name.split("/")
            if columns[name][row] is not None:
                own.setdefault(column, {})[key] = _flat(columns[name][row], key)
        found[int(number)] = own
    return found


def _flat(value: Any, key: str) -> NDArray[Any]:
    return np.asarray(value, np.int64 if key == "count" else np.float64).reshape(-1)
