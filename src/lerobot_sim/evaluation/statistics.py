"""Intervals for rates and means, in plain Python."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from lerobot_sim.errors import InputError


def clopper_pearson(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""The exact interval of a success rate.

    With X binomial (n, p) and k successes seen, the bounds solve

        P(X >= k | low) = alpha / 2,    P(X <= k | high) = alpha / 2,    alpha = 1 - confidence

    (Clopper and Pearson, Biometrika 26, 1934). It covers the true rate at least as often as `confidence`
    says, for every rate.

    Args:
        successes: k, from 0 to n.
        trials: n; without trials nothing is known, and the interval is (0, 1).
        confidence: Between 0 and 1.
    """
    check_counts(successes, trials)
    check_confidence(confidence)
    tail = (1 - confidence) / 2
    n, k = trials, successes
    choices = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]  # ln (n over i)
    low = 0.0 if k == 0 else _solve(lambda p: 1 - _at_most(choices[:k], n, p), tail)
    high = 1.0 if k == n else _solve(lambda p: -_at_most(choices, n, p), -tail)
    return low, high


def standard_error(values: Sequence[float]) -> float:
    """Standard error of the mean, s / sqrt(n) with Bessel's correction; NaN below two values."""
    n = len(values)
    if n < 2:
        return math.nan
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n - 1) / n)


def check_counts(successes: int, trials: int) -> None:
    """Refuses counts that cannot be."""
    if not 0 <= successes <= trials:
        raise InputError(f"Expected 0 <= successes <= trials, {successes} of {trials} came.")


def check_confidence(confidence: float) -> None:
    """Refuses what is no confidence, such as 95 for 0.95."""
    if not 0 < confidence < 1:
        raise InputError(f"Expected a confidence between 0 and 1, {confidence} came.")


def _at_most(log_choices: Sequence[float], n: int, p: float) -> float:
    """P(X < len(log_choices)) of a binomial (n, p) with 0 < p < 1, summed from logarithms."""
    log_p, log_q = math.log(p), math.log1p(-p)
    return math.fsum(math.exp(choice + i * log_p + (n - i) * log_q) for i, choice in enumerate(log_choices))


def _solve(rising: Callable[[float], float], target: float) -> float:
    """Where a function that rises over [0, 1] crosses `target`, by bisection to the last bit."""
    low, high = 0.0, 1.0
    while True:
        middle = (low + high) / 2
        if middle in (low, high):
            return middle
        if rising(middle) < target:
            low = middle
        else:
            high = middle
