"""Intervals beside the exact one: Wilson's, a suite's rate, and bootstrap means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lerobot_sim.errors import InputError

from .statistics import check_confidence, check_counts


def wilson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""Wilson's score interval of a success rate.

    The rates p that a score test does not reject, |k/n - p| <= z sqrt(p (1 - p) / n), are

        (k + z^2/2) / (n + z^2)  +-  z / (n + z^2) sqrt(k (n - k) / n + z^2/4)

    (Wilson, JASA 22, 1927). Its coverage is `confidence` in the mean over rates; at single rates it can be lower,
    where Clopper's and Pearson's never is.

    Args:
        successes: k, from 0 to n.
        trials: n; without trials nothing is known, and the interval is (0, 1).
        confidence: Between 0 and 1.
    """
    check_counts(successes, trials)
    z = normal_quantile(confidence)
    if trials == 0:
        return 0.0, 1.0
    centre, spread = _wilson_parts(successes, trials, z)
    low = 0.0 if successes == 0 else centre - z * spread
    high = 1.0 if successes == trials else centre + z * spread
    return low, high


def suite_interval(
    successes: Sequence[int], trials: Sequence[int], confidence: float = 0.95
) -> tuple[float, float, float]:
    r"""The mean of several tasks' success rates, each task weighing the same, with its interval.

    The tasks are those of the suite, not a sample of tasks: only the episodes are random. The bounds are means of
    the tasks' own Wilson bounds at the smaller quantile

        z' = z sqrt(sum v_t) / sum sqrt(v_t),    v_t: variance of task t's Wilson interval

    at which the mean has the width of independent tasks (Yan and Su, Stat. Biopharm. Res. 2, 2010). Adding up all
    episodes instead lets tasks with many episodes speak for all, and takes differences between tasks for chance.

    Args:
        successes: One count a task.
        trials: One count a task, each at least 1.
        confidence: Between 0 and 1.

    Returns:
        (rate, low, high).
    """
    if not successes or len(successes) != len(trials):
        raise InputError(
            f"Expected as many counts of trials as of successes, and at least one; {len(successes)} successes and "
            f"{len(trials)} trials came."
        )
    for k, n in zip(successes, trials, strict=True):
        check_counts(k, n)
        if n == 0:
            raise InputError("Every task of a suite needs at least one episode; one with none came.")
    z = normal_quantile(confidence)
    spreads = [_wilson_parts(k, n, z)[1] for k, n in zip(successes, trials, strict=True)]
    own = z * math.sqrt(math.fsum(s * s for s in spreads)) / math.fsum(spreads)
    parts = [_wilson_parts(k, n, own) for k, n in zip(successes, trials, strict=True)]
    tasks = len(parts)
    rate = math.fsum(k / n for k, n in zip(successes, trials, strict=True)) / tasks
    low = math.fsum(centre - own * spread for centre, spread in parts) / tasks
    high = math.fsum(centre + own * spread for centre, spread in parts) / tasks
    return rate, max(0.0, min(low, rate)), min(1.0, max(high, rate))


def bootstrap_mean(
    values: ArrayLike,
    groups: ArrayLike | None = None,
    *,
    confidence: float = 0.95,
    samples: int = 10_000,
    seed: int = 0,
) -> tuple[float, float]:
    """The percentile bootstrap interval of a mean; with `groups`, of the mean of the groups' means.

    Groups (tasks) stay as they are and values are drawn anew within each, as in `suite_interval`
    (Efron and Tibshirani, An Introduction to the Bootstrap, 1993, chapters 8 and 13).

    Args:
        values: (n,), finite.
        groups: (n,) of anything that can be compared; None: one group.
        confidence: Between 0 and 1.
        samples: How often is drawn.
        seed: Which draws.

    Returns:
        (low, high); both NaN without values.
    """
    check_confidence(confidence)
    numbers: NDArray[np.float64] = np.asarray(values, np.float64)
    labels = np.zeros(len(numbers), np.int64) if groups is None else np.asarray(groups)
    if numbers.ndim != 1 or labels.shape != numbers.shape or not np.isfinite(numbers).all():
        raise InputError(
            f"Expected finite values (n,) and as many groups; values {numbers.shape} and groups {labels.shape} came."
        )
    if samples < 1:
        raise InputError(f"samples: expected at least 1, {samples} came.")
    if not len(numbers):
        return math.nan, math.nan
    generator = np.random.Generator(np.random.Philox(seed))
    means: NDArray[np.float64] = np.zeros(samples)
    names = np.unique(labels)
    for name in names:
        own = numbers[labels == name]
        for start in range(0, samples, _AT_ONCE):  # bounded memory
            part = means[start : start + _AT_ONCE]
            part += own[generator.integers(len(own), size=(len(part), len(own)))].mean(axis=1)
    tail = (1 - confidence) / 2
    low, high = np.quantile(means / len(names), [tail, 1 - tail])
    return float(low), float(high)


def normal_quantile(confidence: float) -> float:
    """The z of a two-sided normal interval: 1.96 at 0.95."""
    check_confidence(confidence)
    return NormalDist().inv_cdf((1 + confidence) / 2)


_AT_ONCE = 1000


def _wilson_parts(successes: int, trials: int, z: float) -> tuple[float, float]:
    """(centre, spread) of Wilson's interval centre +- z spread."""
    total = trials + z * z
    centre = (successes + z * z / 2) / total
    return centre, math.sqrt(successes * (trials - successes) / trials + z * z / 4) / total
