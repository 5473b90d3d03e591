"""Statistics of columns: min, max, mean, std, count and quantiles, an episode's and those of all.

LeRobot's definitions: over all rows, an element each (for values of several axes: over all but the last);
several episodes are joined by their counts, the quantiles as a weighted mean of the episodes' quantiles.
Two things are done better than LeRobot does: sums are float64 and taken about the minimum, so that a
constant column has a std of exactly 0 (in float32, LeRobot gives 2e-3 for some); and a quantile q of n
values is the ceil(q n)-th smallest, where LeRobot reads it off a histogram of 5,000 bins between min and
max and is therefore off by up to a bin.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from .files import read_json

QUANTILES: Mapping[str, float] = {"q01": 0.01, "q10": 0.10, "q50": 0.50, "q90": 0.90, "q99": 0.99}
NAMES = ("min", "max", "mean", "std", "count", *QUANTILES)

ColumnStatistics: TypeAlias = "dict[str, NDArray[Any]]"
"""Name of `NAMES` -> float64 (elements,); "count" int64 (1,), the number of rows."""

Statistics: TypeAlias = "dict[str, ColumnStatistics]"
"""Column -> its statistics."""


def column_statistics(values: NDArray[Any]) -> ColumnStatistics:
    """Statistics of one column of an episode: (T,) or (T, …, elements), T >= 1."""
    rows = values.reshape(-1, values.shape[-1] if values.ndim > 1 else 1)
    ordered = np.sort(rows, axis=0).astype(np.float64)
    low = ordered[0]
    above = ordered - low
    result: ColumnStatistics = {
        "min": low,
        "max": ordered[-1],
        "mean": low + above.mean(axis=0),
        "std": above.std(axis=0),
        "count": np.array([len(values)], np.int64),
    }
    for name, q in QUANTILES.items():
        result[name] = ordered[max(math.ceil(q * len(rows)) - 1, 0)]
    return result


def join(first: ColumnStatistics, second: ColumnStatistics) -> ColumnStatistics:
    """Statistics of two sets of rows together."""
    count = first["count"] + second["count"]
    share = second["count"] / count
    apart = second["mean"] - first["mean"]
    variance = (1 - share) * first["std"] ** 2 + share * second["std"] ** 2 + share * (1 - share) * apart**2
    result: ColumnStatistics = {
        "min": np.minimum(first["min"], second["min"]),
        "max": np.maximum(first["max"], second["max"]),
        "mean": first["mean"] + share * apart,
        "std": np.sqrt(variance),
        "count": count,
    }
    for name in QUANTILES:
        result[name] = first[name] + share * (second[name] - first[name])
    return result


def join_all(first: Statistics | None, second: Statistics) -> Statistics:
    """`join` for every column; `second` alone where there is no `first`."""
    return second if first is None else {name: join(first[name], second[name]) for name in second}


def to_json(statistics: Statistics) -> bytes:
    """The content of `stats.json`: a line a statistic."""
    columns: list[str] = []
    for name, values in statistics.items():
        lines = ",\n".join(f'        "{key}": {json.dumps(value.tolist())}' for key, value in values.items())
        columns.append(f"    {json.dumps(name)}: {{\n{lines}\n    }}")
    return ("{\n" + ",\n".join(columns) + "\n}\n").encode()


def read_statistics(path: Path) -> Statistics:
    """What a `stats.json` says; count int64, all others float64.

    Raises:
        StorageError: It is missing or damaged.
    """
    mend = "Delete it and collect one episode more: it is made anew from the episodes' own statistics."
    raw = read_json(path, mend)
    try:
        return {
            str(name): {
                str(key): np.atleast_1d(np.asarray(value, np.int64 if key == "count" else np.float64))
                for key, value in values.items()
            }
            for name, values in raw.items()
        }
    except (AttributeError, TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged: {error}. {mend}") from error
