"""How many episodes do I need?"""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError

from .intervals import normal_quantile, wilson
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
    _check_two_rates(first_rate, second_rate, power, alpha)
    first_only, second_only = _shares(first_rate, second_rate, agreement)

    def enough(seeds: int) -> bool:
        steps = [seeds + math.ceil(seeds * i / 20) for i in range(3)]  # the power of an exact test rises in a saw
        return all(paired_power(first_only, second_only, n, alpha) >= power for n in steps)

    return _first(enough, "Compare policies that differ by more, or give a smaller power.")


def episodes_unpaired(first_rate: float, second_rate: float, power: float = 0.8, alpha: float = 0.05) -> int:
    r"""Episodes of each policy if they run on different seeds, by the normal approximation of the pooled test.

        n = (z_(1 - alpha/2) sqrt(2 m (1 - m)) + z_power sqrt(p (1 - p) + q (1 - q)))^2 / (p - q)^2,  m = (p + q) / 2

    (Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 2003, section 4.2.)

    Args:
        first_rate: p.
        second_rate: q.
        power: The probability of telling them apart that is wanted.
        alpha: Of the test.
    """
    _check_two_rates(first_rate, second_rate, power, alpha)
    mean = (first_rate + second_rate) / 2
    same = normal_quantile(1 - alpha) * math.sqrt(2 * mean * (1 - mean))
    spread = math.sqrt(first_rate * (1 - first_rate) + second_rate * (1 - second_rate))
    wanted = NormalDist().inv_cdf(power) * spread
    return math.ceil(((same + wanted) / (first_rate - second_rate)) ** 2)


def smallest_improvement(
    baseline: float, seeds: int, power: float = 0.8, alpha: float = 0.05, agreement: float = 0.0
) -> float | None:
    """The improvement that so many paired seeds tell apart with this power; None if not even a perfect policy's.

    Args:
        baseline: Success rate of the policy that is to be beaten.
        seeds: How many both run.
        power: The probability of telling them apart that is wanted.
        alpha: Of the test.
        agreement: As for `episodes_to_tell_apart`.
    """
    _check_rate("baseline", baseline)
    low, high = 0.0, 1 - baseline
    if high <= 0 or paired_power(*_shares(1.0, baseline, agreement), seeds, alpha) < power:
        return None
    while high - low > 1e-4:
        middle = (low + high) / 2
        if paired_power(*_shares(baseline + middle, baseline, agreement), seeds, alpha) >= power:
            high = middle
        else:
            low = middle
    return high


def episodes_to_pass(rate: float, mark: float, power: float = 0.8, confidence: float = 0.95) -> int:
    """Episodes after which the exact interval's lower bound reaches the pass mark with this probability.

    Args:
        rate: The policy's success rate.
        mark: What the lower bound has to reach; below the rate.
        power: The probability of passing that is wanted.
        confidence: Of the two-sided interval.
    """
    _check_rate("rate", rate)
    check_confidence(confidence)
    check_confidence(power)
    if not 0 < mark < rate:
        raise InputError(f"mark: expected above 0 and below the rate {rate}, {mark} came. Nobody passes by luck alone.")

    def passes(episodes: int) -> bool:
        counts = np.arange(episodes + 1)
        tail = _binomial(counts, episodes, mark)[::-1].cumsum()[::-1]  # P(X >= k) at the mark
        enough = int((tail > (1 - confidence) / 2).sum())
        return float(_binomial(counts, episodes, rate)[enough:].sum()) >= power

    def stays(episodes: int) -> bool:
        return all(passes(episodes + math.ceil(episodes * i / 20)) for i in range(3))

    return _first(stays, "Choose a lower mark.")


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


def _shares(first_rate: float, second_rate: float, agreement: float) -> tuple[float, float]:
    """(only the better, only the worse): probabilities of a seed."""
    if not 0 <= agreement <= 1:
        raise InputError(f"agreement: expected from 0 to 1, {agreement} came.")
    more, less = max(first_rate, second_rate), min(first_rate, second_rate)
    first_only = (1 - agreement) * more * (1 - less) + agreement * (more - less)
    return first_only, max(0.0, first_only - (more - less))


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


def _check_two_rates(first_rate: float, second_rate: float, power: float, alpha: float) -> None:
    _check_rate("first_rate", first_rate)
    _check_rate("second_rate", second_rate)
    check_confidence(1 - alpha)
    check_confidence(power)
    if first_rate == second_rate:
        raise InputError("Two policies of the same rate are never told apart. Give rates that differ.")
