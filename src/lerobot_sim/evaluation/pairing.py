"""What two arms of a run give together, episode by episode: efficiency and language conditioning."""

from __future__ import annotations

from typing import Any

import numpy as np

from .intervals import bootstrap_mean
from .paired import compare_pair
from .results import EpisodeRecord, EvaluationRun
from .statistics import clopper_pearson

EXPERT = "expert"
"""The arm in which the environment's expert acts."""

LANGUAGE = "language:"
"""What leads the arms of other instructions."""

VARIANTS = ("shuffled", "empty", "paraphrased")
"""Instructions of another meaning, none, and the same meaning in other words."""


def compared(run: EvaluationRun) -> dict[str, Any]:
    """Entries by metric: what the arms that are there allow."""
    result: dict[str, Any] = {}
    if EXPERT in run.run.arms:
        result["efficiency"] = efficiency(run)
    if any(arm.startswith(LANGUAGE) for arm in run.run.arms):
        result["language_conditioning"] = language_conditioning(run)
    return result


def efficiency(run: EvaluationRun) -> dict[str, Any]:
    r"""Path and time against the expert's on the same seeds, 1 at best, mean over the pairs and its interval.

    With success S, the steps t and the path p to the first success, and the expert's t*, p*:

        time = mean S t* / max(t, t*),    path = mean S p* / max(p, p*)

    Unit: none. Pairs in which the expert failed or one of the two ended as FAULT are left out. The path is SPL's
    (Anderson et al., On Evaluation of Embodied Navigation Agents, 2018, section 3.1), of `path_length`.
    """
    theirs = {(one.task, one.index): one for one in run.of(None, EXPERT) if not one.fault and one.success}
    pairs = [
        (one, theirs[one.task, one.index]) for one in run.of() if not one.fault and (one.task, one.index) in theirs
    ]
    tasks = [mine.task for mine, _ in pairs]
    return {
        "pairs": len(pairs),
        "time": _mean([_share(mine, their, "time_to_success") for mine, their in pairs], tasks),
        "path": _mean([_share(mine, their, "path_length") for mine, their in pairs], tasks),
    }


def language_conditioning(run: EvaluationRun) -> dict[str, Any]:
    r"""Success with the right instruction against other ones on the same seeds.

        conditioning(v) = success(right) - success(v),    v in {shuffled, empty, paraphrased}

    Unit: share of episodes. A policy that reads its instruction loses success where it is shuffled or empty, and none
    where it is paraphrased. Interval and exact p-value are those of paired episodes (Tango 1998; McNemar 1947).
    """
    right = run.of()
    result: dict[str, Any] = {"right": _rate(right)}
    for variant in VARIANTS:
        arm = LANGUAGE + variant
        if arm not in run.run.arms:
            continue
        mine, theirs = _outcomes(right), _outcomes(run.of(None, arm))
        entry = _rate(run.of(None, arm))
        if set(mine) & set(theirs):
            pair = compare_pair(mine, theirs)
            entry |= {"conditioning": pair.difference, "conditioning_interval": [pair.low, pair.high]}
            entry |= {"p_value": pair.p_value, "pairs": pair.pairs}
        result[variant] = entry
    return result


def _outcomes(records: list[EpisodeRecord]) -> dict[tuple[str, int], bool]:
    return {(one.task, one.index): one.success for one in records if not one.fault and one.success is not None}


def _rate(records: list[EpisodeRecord]) -> dict[str, Any]:
    """All episodes together, for the pairs are episodes."""
    outcomes = list(_outcomes(records).values())
    rate = sum(outcomes) / len(outcomes) if outcomes else None
    interval = list(clopper_pearson(sum(outcomes), len(outcomes))) if outcomes else None
    return {"trials": len(outcomes), "successes": sum(outcomes), "success_rate": rate, "interval": interval}


def _share(mine: EpisodeRecord, theirs: EpisodeRecord, name: str) -> float:
    if not mine.success:
        return 0.0
    own, best = mine.metrics.get(name), theirs.metrics.get(name)
    if own is None or best is None:
        return 0.0
    return best / max(own, best) if max(own, best) > 0 else 1.0


def _mean(values: list[float], tasks: list[str]) -> dict[str, Any]:
    if not values:
        return {"mean": None, "interval": None}
    by_task = [np.mean([value for value, of in zip(values, tasks, strict=True) if of == task]) for task in set(tasks)]
    return {"mean": float(np.mean(by_task)), "interval": list(bootstrap_mean(values, tasks))}
