"""Comparing policies on the same seeds: who is better, by how much, and who cannot be told apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeVar

from lerobot_sim.errors import InputError

from .intervals import normal_quantile
from .statistics import clopper_pearson


@dataclass(frozen=True, kw_only=True)
class PairedResult:
    """Two policies on the same seeds.

    Attributes:
        first_only: Seeds that only the first solved.
        second_only: Seeds that only the second solved.
        pairs: Seeds that both ran.
        difference: Success rate of the first minus that of the second.
        low: Lower bound of the difference.
        high: Upper bound of the difference.
        share: Of the seeds that only one solved, the first's share, with its exact bounds; 1/2 if neither is better.
        p_value: Of McNemar's exact test that neither is better.
    """

    first_only: int
    second_only: int
    pairs: int
    difference: float
    low: float
    high: float
    share: tuple[float, float, float]
    p_value: float


KeyT = TypeVar("KeyT", bound=Hashable)


def compare_pair(first: Mapping[KeyT, bool], second: Mapping[KeyT, bool], confidence: float = 0.95) -> PairedResult:
    """Two policies' successes by seed (or by task and seed); only seeds that both ran count.

    Raises:
        InputError: They share no seed.
    """
    seeds = first.keys() & second.keys()
    if not seeds:
        raise InputError("Policies are compared on the same seeds; these share none. Evaluate both with one --seed.")
    first_only = sum(first[seed] and not second[seed] for seed in seeds)
    second_only = sum(second[seed] and not first[seed] for seed in seeds)
    low, high = difference_interval(first_only, second_only, len(seeds), confidence)
    told = first_only + second_only
    return PairedResult(
        first_only=first_only,
        second_only=second_only,
        pairs=len(seeds),
        difference=(first_only - second_only) / len(seeds),
        low=low,
        high=high,
        share=(first_only / told if told else 0.5, *clopper_pearson(first_only, told, confidence)),
        p_value=mcnemar_exact(first_only, second_only),
    )


def mcnemar_exact(first_only: int, second_only: int) -> float:
    r"""The exact p-value that neither of two policies is better.

    If neither is, each seed that only one of them solved is a fair coin: of m = b + c such seeds, b is binomial
    (m, 1/2), and

        p = min(1, 2 P(X <= min(b, c)))

    (McNemar, Psychometrika 12, 1947; the exact form of it). Seeds that both or neither solved say nothing.

    Args:
        first_only: b, seeds that only the first solved.
        second_only: c, seeds that only the second solved.
    """
    if first_only < 0 or second_only < 0:
        raise InputError(f"Expected counts, {first_only} and {second_only} came.")
    total, fewer = first_only + second_only, min(first_only, second_only)
    below = sum(math.comb(total, i) for i in range(fewer + 1))
    return min(1.0, 2 * below / 2**total)


def difference_interval(first_only: int, second_only: int, pairs: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Interval of the difference d of two success rates on the same seeds, by Tango's score.

    The differences d that the score test does not reject, |b - c - n d| <= z sqrt(n (2 q + d (1 - d))), where q
    is the most likely P(only the second) if the difference is d: the larger root of

        2 n q^2 + ((2 n - b + c) d - b - c) q - c d (1 - d) = 0

    (Tango, Statistics in Medicine 17, 1998). It holds for few seeds and for rates near 0 and 1.

    Args:
        first_only: b, seeds that only the first solved.
        second_only: c, seeds that only the second solved.
        pairs: n, all seeds.
        confidence: Between 0 and 1.
    """
    if min(first_only, second_only) < 0 or pairs < 1 or first_only + second_only > pairs:
        raise InputError(f"Expected b + c <= n and n >= 1; {first_only} + {second_only} of {pairs} came.")
    z = normal_quantile(confidence)
    estimate = (first_only - second_only) / pairs

    def score(difference: float) -> float:
        return _tango_score(first_only, second_only, pairs, difference)

    low = -1.0 if estimate <= -1 else _crossing(score, z, -1.0, estimate)
    high = 1.0 if estimate >= 1 else _crossing(score, -z, estimate, 1.0)
    return low, high


def holm(p_values: Sequence[float]) -> list[float]:
    """P-values that hold for all comparisons together, by Holm's steps (Scand. J. Statist. 6, 1979).

    Whatever the dependence between them, rejecting those below alpha is wrong anywhere with probability alpha at most.
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = highest
    return adjusted


def letters(names: Sequence[str], differ: Callable[[str, str], bool]) -> dict[str, str]:
    """A letter display: two policies share a letter exactly where they cannot be told apart.

    Piepho's insert and absorb (J. Comput. Graph. Stat. 13, 2004).

    Args:
        names: The policies, best first.
        differ: Whether two of them differ.

    Returns:
        Name -> its letters, such as "ab".
    """
    columns = [set(names)]
    for one, other in combinations(names, 2):
        if not differ(one, other):
            continue
        split: list[set[str]] = []
        for column in columns:
            split += [column - {one}, column - {other}] if {one, other} <= column else [column]
        columns = [
            column
            for i, column in enumerate(split)
            if column and not any(column < other_column for other_column in split) and column not in split[:i]
        ]
    position = {name: i for i, name in enumerate(names)}
    columns.sort(key=lambda column: sorted(position[name] for name in column))
    return {name: "".join(_letter(i) for i, column in enumerate(columns) if name in column) for name in names}


def _letter(number: int) -> str:
    return chr(ord("a") + number % 26) * (1 + number // 26)


def _tango_score(first_only: int, second_only: int, pairs: int, difference: float) -> float:
    a = 2 * pairs
    b = (2 * pairs - first_only + second_only) * difference - first_only - second_only
    c = -second_only * difference * (1 - difference)
    q = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)
    variance = pairs * (2 * q + difference * (1 - difference))
    distance = first_only - second_only - pairs * difference
    if variance <= 0:
        return math.copysign(math.inf, distance) if distance else 0.0
    return distance / math.sqrt(variance)


def _crossing(falling: Callable[[float], float], target: float, low: float, high: float) -> float:
    """Where a function that falls from `low` to `high` crosses `target`, by bisection to the last bit."""
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if falling(middle) > target:
            low = middle
        else:
            high = middle
