"""Looking after every episode, and stopping early, with the error rate kept.

An ordinary interval or p-value is right if the number of episodes was fixed before. Whoever looks after each
episode and stops when it suits finds something too often. What is here may be looked at as often as one likes:
it leans on Ville's inequality, that a fair game's capital rises above 1/alpha with probability alpha at most
(Ville 1939; Robbins, Ann. Math. Statist. 41, 1970). The price is a longer run than a fixed one's at its own number of
episodes; where the number of episodes is bounded beforehand, `stopping` has sharper tests.
What decides after every episode, by either, is `stopping.Sequential`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from lerobot_sim.errors import InputError

from .statistics import check_confidence, check_counts


def confidence_sequence(successes: int, trials: int, confidence: float = 0.95) -> tuple[float, float]:
    r"""An interval of a success rate that holds after every episode at once.

    The rates p at which the mixture over Jeffreys' prior has not multiplied its stake by 1/alpha,

        B(k + 1/2, n - k + 1/2) / B(1/2, 1/2) / (p^k (1 - p)^(n - k)) < 1 / alpha

    The true rate is in all intervals of a run with probability `confidence` at least.

    Args:
        successes: k, so far.
        trials: n, so far; without trials the interval is (0, 1).
        confidence: Between 0 and 1.
    """
    check_counts(successes, trials)
    check_confidence(confidence)
    k, n = successes, trials
    if n == 0:
        return 0.0, 1.0
    stake = _log_beta(k + 0.5, n - k + 0.5) - math.log(math.pi) + math.log(1 - confidence)

    def excluded(p: float) -> bool:
        return stake > _times_log(k, p) + _times_log(n - k, 1 - p)

    return _edge(excluded, 0.0, k / n), _edge(excluded, 1.0, k / n)


def evidence_above(mark: float, successes: int, trials: int) -> float:
    r"""How strongly the episodes so far speak for a rate above `mark`: from 1/alpha on it is proven at alpha.

    The capital of a bet on rates spread evenly over (mark, 1),

        1 / (1 - m)  int_m^1  (p / m)^k ((1 - p) / (1 - m))^(n - k) dp

    with the integral as a binomial sum. If the rate is not above the mark, it ever reaches 1/alpha with
    probability alpha at most, however often one looks.

    Args:
        mark: m, the rate to be beaten, between 0 and 1.
        successes: k, so far.
        trials: n, so far.
    """
    check_counts(successes, trials)
    if not 0 < mark < 1:
        raise InputError(f"Expected a mark between 0 and 1, {mark} came.")
    k, n = successes, trials
    tail = math.fsum(math.exp(_log_binomial(i, n + 1, mark)) for i in range(k + 1))
    log_integral = _log_beta(k + 1, n - k + 1) + math.log(tail)
    log_stake = math.log(1 - mark) + k * math.log(mark) + (n - k) * math.log(1 - mark)
    return _bounded_exp(log_integral - log_stake)


def evidence_of_difference(first_only: int, second_only: int) -> float:
    r"""How strongly paired episodes so far speak against two policies being equally good; 20 proves it at 0.05.

    Seeds that only one of them solved are fair coins if neither is better. The capital of a bet on coins spread
    evenly over (0, 1) is

        2^(b + c) B(b + 1, c + 1)

    Args:
        first_only: b, seeds that only the first solved.
        second_only: c, seeds that only the second solved.
    """
    if first_only < 0 or second_only < 0:
        raise InputError(f"Expected counts, {first_only} and {second_only} came.")
    return _bounded_exp((first_only + second_only) * math.log(2) + _log_beta(first_only + 1, second_only + 1))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _log_binomial(k: int, n: int, p: float) -> float:
    choices = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
    return choices + k * math.log(p) + (n - k) * math.log1p(-p)


def _times_log(count: int, p: float) -> float:
    if count == 0:
        return 0.0
    return -math.inf if p <= 0 else count * math.log(p)


def _bounded_exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def _edge(excluded: Callable[[float], bool], outer: float, inner: float) -> float:
    """Where the rates stop being excluded on the way from `outer` to `inner`, by bisection to the last bit."""
    if not excluded(outer):
        return outer
    while True:
        middle = (outer + inner) / 2
        if middle in (outer, inner):
            return outer
        if excluded(middle):
            outer = middle
        else:
            inner = middle
