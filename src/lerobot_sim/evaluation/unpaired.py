"""Comparing policies that ran on different seeds: an exact test and an interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from .intervals import wilson
from .statistics import check_counts

_AT_ONCE = 256


def barnard(first_successes: int, first_trials: int, second_successes: int, second_trials: int) -> float:
    r"""Barnard's exact p-value that two policies on different seeds are equally good.

    Every pair of counts that is at least as far apart as the one seen by the pooled score

        T = (x/n - y/m) / sqrt(q (1 - q) (1/n + 1/m)),    q = (x + y) / (n + m)

    is in the tail; p is the largest probability of the tail over all rates that the two might have in common
    (Barnard, Biometrika 34, 1947). It tells apart more often than Fisher's test, which fixes x + y.

    Args:
        first_successes: x, of the first policy.
        first_trials: n.
        second_successes: y, of the second.
        second_trials: m.
    """
    check_counts(first_successes, first_trials)
    check_counts(second_successes, second_trials)
    if first_trials == 0 or second_trials == 0:
        return 1.0
    seen = abs(float(_score(np.array([first_successes]), first_trials, np.array([second_successes]), second_trials)[0]))
    if seen == 0:
        return 1.0

    below, above = _edges(seen, first_trials, second_trials)

    def tail(angles: NDArray[np.float64]) -> NDArray[np.float64]:
        parts = [np.sin(angles[i : i + _AT_ONCE]) ** 2 for i in range(0, len(angles), _AT_ONCE)]
        return np.concatenate([_tail(below, above, first_trials, second_trials, rates) for rates in parts])

    angles = _between(0.0, math.pi / 2, max(65, math.ceil(16 * math.sqrt(first_trials + second_trials))))
    values = tail(angles)
    for _ in range(3):  # each round looks between the neighbours of the best so far
        best = int(values.argmax())
        angles = _between(float(angles[max(best - 1, 0)]), float(angles[min(best + 1, len(angles) - 1)]), 17)
        values = tail(angles)
    return min(1.0, float(values.max()))


def newcombe(
    first_successes: int, first_trials: int, second_successes: int, second_trials: int, confidence: float = 0.95
) -> tuple[float, float]:
    r"""The interval of the difference of two success rates on different seeds, from Wilson's of each.

        d - sqrt((p - l)^2 + (u' - p')^2),    d + sqrt((u - p)^2 + (p' - l')^2),    d = p - p'

    (Newcombe, Statistics in Medicine 17, 1998, method 10).

    Args:
        first_successes: Of the first policy.
        first_trials: At least 1.
        second_successes: Of the second.
        second_trials: At least 1.
        confidence: Between 0 and 1.
    """
    low, high = wilson(first_successes, first_trials, confidence)
    other_low, other_high = wilson(second_successes, second_trials, confidence)
    if first_trials == 0 or second_trials == 0:
        return -1.0, 1.0
    rate, other = first_successes / first_trials, second_successes / second_trials
    difference = rate - other
    return (
        difference - math.hypot(rate - low, other_high - other),
        difference + math.hypot(high - rate, other - other_low),
    )


def _between(low: float, high: float, count: int) -> NDArray[np.float64]:
    return low + (high - low) * np.arange(count, dtype=np.float64) / (count - 1)


def _edges(seen: float, n: int, m: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Of each count x: how many y from 0 on, and how many from m down, have a score as far out as `seen`."""
    below, above = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.int64)
    y = np.arange(m + 1)
    for start in range(0, n + 1, _AT_ONCE):
        x = np.arange(start, min(start + _AT_ONCE, n + 1))
        near = np.abs(_score(x[:, None], n, y, m)) < seen * (1 - 1e-12)  # ties are far out, whatever the rounding
        some = near.any(axis=1)
        below[x] = np.where(some, near.argmax(axis=1), m + 1)
        above[x] = np.where(some, near[:, ::-1].argmax(axis=1), 0)
        assert (near.sum(axis=1) == m + 1 - below[x] - above[x]).all()  # the score falls with y (Barnard's convexity)
    return below, above


def _tail(
    below: NDArray[np.int64], above: NDArray[np.int64], n: int, m: int, rates: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Probability of the tail at each common rate."""
    first, second = _binomial(n, rates), _binomial(m, rates)
    sums = np.concatenate([np.zeros((1, len(rates))), second.cumsum(axis=0)])
    from_above = np.concatenate([np.zeros((1, len(rates))), second[::-1].cumsum(axis=0)])
    return (first * (sums[below] + from_above[above])).sum(axis=0)


def _score(x: NDArray[np.int64], n: int, y: NDArray[np.int64], m: int) -> NDArray[np.float64]:
    pooled = (x + y) / (n + m)
    spread = np.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
    return (x / n - y / m) / np.where(spread > 0, spread, 1.0)


def _binomial(n: int, rates: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n + 1, rates): probability of each count."""
    counts = np.arange(n + 1)[:, None]
    factorials = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])[:, None]
    inside = np.clip(rates, 1e-300, 1 - 1e-16)
    logs = factorials[n] - factorials - factorials[::-1] + counts * np.log(inside) + (n - counts) * np.log1p(-inside)
    return np.exp(logs)
