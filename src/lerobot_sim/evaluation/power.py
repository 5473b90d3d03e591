"""How many episodes do I need?"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError

from .intervals import wilson
from .statistics import check_confidence

_MOST = 1 << 20


def episodes_for_width(rate: float, half_width: float, confidence: float = 0.95) -> int:
    """Episodes after which Wilson's interval of a policy with this rate is about +- `half_width`.

    Args:
        rate: The success rate that is expected.
        half_width: Half of the interval's width that is wanted, such as 0.05.
        confidence: Between 0 and 1.
    """
    _check_rate("rate", rate)
    if not 0 < half_width < 0.5:
        raise InputError(f"half_width: expected between 0 and 0.5, {half_width} came.")

    def enough(episodes: int) -> bool:
        low, high = wilson(round(rate * episodes), episodes, confidence)
        return (high - low) / 2 <= half_width

    return _first(enough, "Ask for a wider interval.")


def episodes_to_tell_apart(
    first_rate: float, second_rate: float, power: float = 0.8, alpha: float = 0.05, agreement: float = 0.0
) -> int:
    r"""Seeds on which both policies must run, so that McNemar's exact test tells them apart with this power.

    Of n seeds, those that only one policy solves are binomial (n, b + c), where b - c is the difference of the rates.
    The power is the sum over their number m of P(m) times the probability that the test of m coins rejects.

    Args:
        first_rate: Of one policy.
        second_rate: Of the other.
        power: The probability of telling them apart that is wanted.
        alpha: Of the test.
        agreement: 0: the policies succeed independently of each other; 1: they fail on the same seeds as far as their
            rates allow, which needs the fewest seeds.

    Returns:
        The smallest number of seeds from which on (looked at in steps of a twentieth) the power is reached.
    """
    _check_rate("first_rate", first_rate)
    _check_rate("second_rate", second_rate)
    check_confidence(1 - alpha)
    check_confidence(power)
    if not 0 <= agreement <= 1:
        raise InputError(f"agreement: expected from 0 to 1, {agreement} came.")
    difference = abs(first_rate - second_rate)
    if difference == 0:
        raise InputError("Two policies of the same rate are never told apart. Give rates that differ.")
    more, less = max(first_rate, second_rate), min(first_rate, second_rate)
    first_only = (1 - agreement) * more * (1 - less) + agreement * difference
    second_only = first_only - difference

    def enough(seeds: int) -> bool:
        steps = [seeds + math.ceil(seeds * i / 20) for i in range(3)]  # the power of an exact test rises in a saw
        return all(paired_power(first_only, second_only, n, alpha) >= power for n in steps)

    return _first(enough, "Compare policies that differ by more, or give a smaller power.")


def paired_power(first_only: float, second_only: float, seeds: int, alpha: float = 0.05) -> float:
    """Probability that McNemar's exact test tells two policies apart on so many seeds.

    Args:
        first_only: Probability that only the first solves a seed.
        second_only: Probability that only the second does.
        seeds: How many both run.
        alpha: Of the test.
    """
    told = first_only + second_only
    if min(first_only, second_only) < 0 or not 0 < told <= 1:
        raise InputError(f"Expected probabilities that add up to at most 1; {first_only} and {second_only} came.")
    spread = 8 * math.sqrt(seeds * told * (1 - told)) + 8  # beyond it lies less than 1e-14
    numbers = range(max(0, math.floor(seeds * told - spread)), min(seeds, math.ceil(seeds * told + spread)) + 1)
    weights = _binomial(np.arange(numbers.start, numbers.stop), seeds, told)
    return float(
        math.fsum(
            weight * _rejects(m, first_only / told, alpha) for m, weight in zip(numbers, weights.tolist(), strict=True)
        )
    )


def _rejects(coins: int, share: float, alpha: float) -> float:
    """Probability that the exact test of `coins` coins rejects, each being the first's with probability `share`."""
    counts = np.arange(coins + 1)
    fair = np.cumsum(_binomial(counts, coins, 0.5))
    critical = int(np.searchsorted(fair, alpha / 2, side="right"))  # counts below it reject
    if critical == 0 or 2 * critical > coins + 1:
        return 0.0
    law = _binomial(counts, coins, share)
    return float(law[:critical].sum() + law[coins + 1 - critical :].sum())


def _binomial(counts: NDArray[np.int64], n: int, p: float) -> NDArray[np.float64]:
    if p in (0.0, 1.0):
        return (counts == round(n * p)).astype(np.float64)
    factorials = _log_factorials(n)
    logs = factorials[n] - factorials[counts] - factorials[n - counts] + counts * math.log(p)
    return np.exp(logs + (n - counts) * math.log1p(-p))


def _log_factorials(n: int) -> NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, n + 1)))])


def _first(enough: Callable[[int], bool], mend: str) -> int:
    """The smallest number that is enough, by doubling and bisection."""
    high = 1
    while not enough(high):
        high *= 2
        if high > _MOST:
            raise InputError(f"More than {_MOST} episodes would be needed. {mend}")
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def _check_rate(name: str, rate: float) -> None:
    if not 0 <= rate <= 1:
        raise InputError(f"{name}: expected from 0 to 1, {rate} came.")
