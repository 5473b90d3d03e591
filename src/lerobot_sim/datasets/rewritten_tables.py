"""The table of episodes and the statistics of a dataset that is written from others."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .picks import Pick, fitting, groups
from .remux import Placed
from .statistics import column_statistics, to_json
from .tables import Table


def entries_table(
    picks: Sequence[Pick],
    starts: Sequence[int],
    data: Sequence[tuple[int, int]],
    videos: Mapping[str, Sequence[Placed]],
    own_tasks: Sequence[NDArray[Any]],
    tasks: Sequence[str],
    notes: list[str],
) -> Table:
    """The table of episodes: the sources' columns with new numbers, places, tasks and statistics of indices."""
    columns = [set(source.entries.column_names) for source, _ in groups(picks)]
    shared = set.intersection(*columns)
    lost = sorted(set.union(*columns) - shared)
    if lost:
        notes.append(f"Columns of the table of episodes that not all sources have were left out: {', '.join(lost)}.")
    names = [name for name in picks[0].source.entries.column_names if name in shared]
    schema = picks[0].source.entries.select(names).schema.remove_metadata()
    taken = [
        fitting(source.entries.take([pick.episode for pick in group]), schema, source.root / "meta/episodes")
        for source, group in groups(picks)
    ]
    table = pa.concat_tables(taken).combine_chunks()
    values: dict[str, Sequence[Any]] = {
        "episode_index": range(len(picks)),
        "tasks": [[tasks[index] for index in dict.fromkeys(own.tolist())] for own in own_tasks],
        "data/chunk_index": [place[0] for place in data],
        "data/file_index": [place[1] for place in data],
        "dataset_from_index": starts[:-1],
        "dataset_to_index": starts[1:],
        "meta/episodes/chunk_index": [0] * len(picks),  # one file: a million episodes are about 1 GB
        "meta/episodes/file_index": [0] * len(picks),
    }
    for key, places in videos.items():
        for name in ("chunk_index", "file_index", "from_timestamp", "to_timestamp"):
            values[f"videos/{key}/{name}"] = [getattr(placed, name) for placed in places]
    indices = {
        "episode_index": [np.full(len(own), number) for number, own in enumerate(own_tasks)],
        "index": [np.arange(start, stop) for start, stop in itertools.pairwise(starts)],
        "task_index": own_tasks,
    }
    for column, arrays in indices.items():
        if any(name.startswith(f"stats/{column}/") for name in names):
            made = [column_statistics(array) for array in arrays]
            for key in made[0]:
                values[f"stats/{column}/{key}"] = [own[key].tolist() for own in made]
    for name in names:
        if name in values:
            kind = schema.field(name).type
            at = table.column_names.index(name)
            table = table.set_column(at, schema.field(at), pa.array(list(values[name])).cast(kind, safe=False))
    return table


def joined_statistics(picks: Sequence[Pick], entries: Table, notes: list[str]) -> bytes:
    """`stats.json` of all episodes, from their own statistics."""
    result: dict[str, dict[str, NDArray[Any]]] = {}
    counts: dict[str, NDArray[Any]] = {}
    for column in picks[0].source.features:
        prefix = f"stats/{column}/"
        found = {
            name.removeprefix(prefix): np.array(entries.column(name).to_pylist())
            for name in entries.column_names
            if name.startswith(prefix)
        }
        if {"min", "max", "mean", "std", "count"} <= set(found):
            counts[column] = found["count"]
            result[column] = _join(found)
        elif picks[0].source.features[column]["dtype"] not in ("string", "language"):
            notes.append(f"The episodes carry no statistics of '{column}': stats.json has none either.")
    return to_json(result)


def _join(found: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Statistics of many episodes as one's: name -> (episodes, *shape); quantiles as weighted means, as LeRobot's."""
    count = found["count"].astype(np.float64).reshape(-1, *[1] * (found["mean"].ndim - 1))
    share = count / count.sum()
    mean = (share * found["mean"]).sum(axis=0)
    variance = (share * (found["std"] ** 2 + (found["mean"] - mean) ** 2)).sum(axis=0)
    result: dict[str, NDArray[Any]] = {}
    for name, values in found.items():
        if name == "min":
            result[name] = values.min(axis=0)
        elif name == "max":
            result[name] = values.max(axis=0)
        elif name == "mean":
            result[name] = mean
        elif name == "std":
            result[name] = np.sqrt(variance)
        elif name == "count":
            result[name] = values.sum(axis=0)
        else:
            result[name] = (share * values).sum(axis=0)
    return result
