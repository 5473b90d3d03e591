"""Who is better? Evaluations of several policies side by side, on the same seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path

from lerobot_sim.errors import InputError

from .compare_checks import Contender, check_same_question, remarks_on, shared_keys
from .intervals import bootstrap_mean, suite_interval
from .metrics import TIMED
from .paired import compare_pair, holm, letters
from .paired_means import compare_means
from .results import SUMMARY, load
from .statistics import check_confidence, clopper_pearson
from .unpaired import barnard, newcombe

SUCCESS = "success"
"""The measure that is compared unless another is asked for."""


@dataclass(frozen=True, kw_only=True)
class Standing:
    """One policy in the table.

    Attributes:
        name: Given, or the folder's.
        folder: Where its results lie.
        policy: Who acted: a name, or a checkpoint's digest.
        episodes: That are compared.
        faults: Left out: the simulator's doing.
        policy_errors: Counted as failures: the policy raised, or its action was not finite.
        value: Success rate, each task weighing the same; or the mean of the measure.
        low: Of its interval.
        high: Of its interval.
        letters: Policies that share one cannot be told apart.
    """

    name: str
    folder: str
    policy: str
    episodes: int
    faults: int
    policy_errors: int
    value: float
    low: float
    high: float
    letters: str


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two policies against each other; differences are the first's minus the second's.

    Attributes:
        first: Name of the one with the higher value.
        second: Name of the other.
        episodes: Pairs of episodes; of policies on different seeds: all episodes.
        difference: Of success rates, or of means.
        low: Of its interval.
        high: Of its interval.
        p_value: Of the test that neither is better, by itself.
        adjusted: Holm's p-value among all comparisons.
        apart: Whether it is at most alpha.
        first_only: Seeds that only the first solved; None unless paired successes are compared.
        second_only: Seeds that only the second solved.
        share: The first's share of those, with its bounds.
    """

    first: str
    second: str
    episodes: int
    difference: float
    low: float
    high: float
    p_value: float
    adjusted: float = math.nan
    apart: bool = False
    first_only: int | None = None
    second_only: int | None = None
    share: tuple[float, float, float] | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The whole: a table, every pair, and what has to be said with them.

    Attributes:
        measure: "success" or a metric's name.
        paired: Whether on the same seeds.
        alpha: Probability of calling any two equal policies different.
        test: Its name.
        protocol: Id and version, in words.
        tasks: Names.
        arm: The variation, "" for the plain one.
        standings: Best first.
        pairs: In the order of the standings.
        remarks: What a reader has to know.
    """

    measure: str
    paired: bool
    alpha: float
    test: str
    protocol: str
    tasks: Sequence[str]
    arm: str
    standings: Sequence[Standing]
    pairs: Sequence[Pair]
    remarks: Sequence[str]


def compare(
    folders: Mapping[str, Path],
    *,
    measure: str = SUCCESS,
    arm: str = "",
    unpaired: bool = False,
    alpha: float = 0.05,
) -> Comparison:
    """Compares evaluations.

    On the same seeds successes go into McNemar's exact test with Tango's interval, other measures into a sign-flip
    test with a bootstrap interval; on different seeds successes into Barnard's exact test with Newcombe's interval.
    Holm's steps keep the probability of any false difference at alpha.

    Args:
        folders: Name -> folder of results, at least two.
        measure: "success", "total_reward", "length", or a metric of the episodes.
        arm: The variation that is compared, such as "friction=0.5".
        unpaired: Compare policies that ran on different seeds; successes only.
        alpha: Error rate of all comparisons together.

    Raises:
        InputError: Fewer than two, seeds that differ, a measure or an arm that is not there, or results that do not
            answer the same question (another protocol, environment, version, rule of success).
        StorageError: A folder holds no results.
    """
    check_confidence(1 - alpha)
    if len(folders) < 2:
        raise InputError(f"A comparison needs at least two folders of results, {len(folders)} came.")
    if unpaired and measure != SUCCESS:
        raise InputError(f"--unpaired compares successes only, not '{measure}'. Evaluate all policies on one --seed.")
    if measure in TIMED:
        raise InputError(
            f"'{measure}' is the machine's, not the seeds': lanes that share a batch share it, and no test of episodes "
            f"holds for it. Run all policies with --num-envs 1 on one machine, and read it in their {SUMMARY}."
        )
    contenders = [Contender.of(name, load(folder), arm, measure) for name, folder in folders.items()]
    check_same_question(contenders)
    keys = None if unpaired else shared_keys(contenders)
    if keys is not None:
        contenders = [contender.only(keys) for contender in contenders]
    for contender in contenders:
        if not contender.values:
            raise InputError(f"'{contender.name}' has no episode to compare: all ended as FAULT, or none was run.")
    order = sorted(contenders, key=lambda one: -one.value)  # equal ones stay in the order of the arguments
    pairs = _pairs(order, measure, unpaired, alpha)
    apart = {frozenset((pair.first, pair.second)) for pair in pairs if pair.apart}
    shown = letters([one.name for one in order], lambda one, other: frozenset((one, other)) in apart)
    return Comparison(
        measure=measure,
        paired=not unpaired,
        alpha=alpha,
        test=_test(measure, unpaired),
        protocol=contenders[0].protocol,
        tasks=contenders[0].tasks,
        arm=arm,
        standings=[_standing(one, measure, shown[one.name]) for one in order],
        pairs=pairs,
        remarks=remarks_on(contenders, keys),
    )


def _pairs(order: Sequence[Contender], measure: str, unpaired: bool, alpha: float) -> list[Pair]:
    found = [_pair(one, other, measure, unpaired) for one, other in combinations(order, 2)]
    adjusted = holm([pair.p_value for pair in found])
    return [replace(pair, adjusted=p, apart=p <= alpha) for pair, p in zip(found, adjusted, strict=True)]


def _pair(one: Contender, other: Contender, measure: str, unpaired: bool) -> Pair:
    if unpaired:
        counts = (one.successes, len(one.values), other.successes, len(other.values))
        low, high = newcombe(*counts)
        return Pair(
            first=one.name,
            second=other.name,
            episodes=counts[1] + counts[3],
            difference=counts[0] / counts[1] - counts[2] / counts[3],
            low=low,
            high=high,
            p_value=barnard(*counts),
        )
    if measure == SUCCESS:
        found = compare_pair(one.outcomes, other.outcomes)
        return Pair(
            first=one.name,
            second=other.name,
            episodes=found.pairs,
            difference=found.difference,
            low=found.low,
            high=found.high,
            p_value=found.p_value,
            first_only=found.first_only,
            second_only=found.second_only,
            share=found.share,
        )
    keys = list(one.values)
    means = compare_means([one.values[key] for key in keys], [other.values[key] for key in keys])
    return Pair(
        first=one.name,
        second=other.name,
        episodes=means.pairs,
        difference=means.difference,
        low=means.low,
        high=means.high,
        p_value=means.p_value,
    )


def _standing(one: Contender, measure: str, shown: str) -> Standing:
    low, high = _interval(one, measure)
    return Standing(
        name=one.name,
        folder=str(one.run.folder),
        policy=str(one.run.run.policy.get("identity", "")),
        episodes=len(one.values),
        faults=one.faults,
        policy_errors=one.policy_errors,
        value=one.value,
        low=low,
        high=high,
        letters=shown,
    )


def _interval(one: Contender, measure: str) -> tuple[float, float]:
    if measure != SUCCESS:
        return bootstrap_mean(list(one.values.values()), [key[0] for key in one.values])
    counts = one.counts_by_task()
    if len(counts) == 1:
        ((successes, trials),) = counts.values()
        return clopper_pearson(successes, trials)
    return suite_interval([k for k, _ in counts.values()], [n for _, n in counts.values()])[1:]


def _test(measure: str, unpaired: bool) -> str:
    if unpaired:
        return "Barnard's exact test, Newcombe's interval"
    if measure == SUCCESS:
        return "McNemar's exact test, Tango's interval"
    return "sign-flip test, bootstrap interval"
