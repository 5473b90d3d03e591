"""Rates, intervals and means of a run: what `summary.json` holds.

    suite      one figure for the plain arm of all tasks, each task weighing the same
    groups     likewise for each suite that the protocol names
    tasks      one entry a task and arm
    arms       one entry an arm, over all tasks
    grid       {"axes": [{"name", "unit", "values"}], "cells": [{"arm", "params", "success_rate", "interval", …}]}
    compared   what two arms give together: efficiency against the expert, language conditioning

Every entry has episodes, valid (without FAULTs), successes, success_rate, interval, interval_method, success_ever_rate,
success_final_rate, mean_return, return_interval, mean_length, ends, faults, policy_errors and metrics: name -> {"mean",
"interval", "n", "unit", "better"}. Where there is nothing to say, a value is None.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lerobot_sim.errors import InputError

from .intervals import bootstrap_mean, suite_interval
from .metrics import TIMED, describe
from .pairing import compared
from .results import EpisodeRecord, EvaluationRun
from .statistics import clopper_pearson

CONFIDENCE = 0.95
EXACT = "Clopper-Pearson"
SEQUENTIAL = "confidence sequence: it holds at every look"


def summarize(run: EvaluationRun) -> dict[str, Any]:
    """The summary of the episodes that are there; JSON-ready."""
    arms = list(run.run.arms)
    plain = run.of()
    mark = run.run.protocol.get("success_threshold")
    suite = _at_every_look(run, "", statistics_of(plain))
    low = suite["interval"][0] if suite["interval"] else None
    suite["success_threshold"] = mark
    suite["passed"] = None if mark is None or low is None else bool(low >= mark)
    groups = sorted({task.suite for task in run.run.tasks if task.suite})
    names = {group: {task.task for task in run.run.tasks if task.suite == group} for group in groups}
    return {
        "protocol": {"id": run.run.protocol.get("id"), "version": run.run.protocol.get("version")},
        "policy": run.run.policy.get("identity"),
        "complete": run.complete,
        "wanted": run.wanted,
        "seconds": run.run.seconds,
        "suite": suite,
        "groups": [
            {"suite": group, **statistics_of([one for one in plain if one.task in names[group]])} for group in groups
        ],
        "tasks": [
            {
                "task": task.task,
                "arm": arm,
                "env_id": task.env_id,
                "env_version": task.env_version,
                "suite": task.suite,
                "success_rule": task.success_rule,
                **_at_every_look(run, arm, statistics_of(run.of(task.task, arm))),
            }
            for task in run.run.tasks
            for arm in arms
        ],
        "arms": [
            {"arm": arm, **run.run.arms[arm], **_at_every_look(run, arm, statistics_of(run.of(None, arm)))}
            for arm in arms
        ],
        "grid": _grid(run),
        "compared": compared(run),
    }


def statistics_of(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """One entry of the summary; several tasks weigh the same."""
    valid = [one for one in records if not one.fault]
    ends: dict[str, int] = {}
    for one in records:
        ends[one.end] = ends.get(one.end, 0) + 1
    judged = [one for one in valid if one.success is not None]
    returns = mean_of([(one.task, one.total_reward) for one in valid])
    return {
        "episodes": len(records),
        "valid": len(valid),
        "successes": sum(bool(one.success) for one in judged) if judged else None,
        **_success(judged),
        "success_ever_rate": _share(judged, "success_ever"),
        "success_final_rate": _share(judged, "success_final"),
        "mean_return": returns["mean"],
        "return_interval": returns["interval"],
        "mean_length": _task_mean([(one.task, float(one.length)) for one in valid]),
        "ends": ends,
        "faults": ends.get("FAULT", 0),
        "policy_errors": ends.get("POLICY", 0),
        "metrics": _metrics(valid),
    }


def mean_of(values: Sequence[tuple[str, float]]) -> dict[str, Any]:
    """Mean of (task, value), tasks weighing the same, with its bootstrap interval; values not finite are out."""
    finite = [(task, value) for task, value in values if math.isfinite(value)]
    if not finite:
        return {"mean": None, "interval": None, "n": 0}
    interval = None
    if len(finite) > 1:
        interval = list(bootstrap_mean([value for _, value in finite], [task for task, _ in finite]))
    return {"mean": _task_mean(finite), "interval": interval, "n": len(finite)}


def _at_every_look(run: EvaluationRun, arm: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Of a run that could stop early: the interval that may be looked at after every episode, as the others may not."""
    told = run.run.execution.get("sequential")
    if told and not arm and told["trials"] and entry["interval"]:
        entry |= {"interval": [told["low"], told["high"]], "interval_method": SEQUENTIAL}
    return entry


def _success(judged: Sequence[EpisodeRecord]) -> dict[str, Any]:
    """Success rate: of one task with the exact interval, of several with that of independent tasks."""
    counts: dict[str, list[int]] = {}
    for one in judged:
        count = counts.setdefault(one.task, [0, 0])
        count[0] += bool(one.success)
        count[1] += 1
    if not counts:
        return {"success_rate": None, "interval": None, "interval_method": None}
    if len(counts) == 1:
        ((successes, trials),) = counts.values()
        low, high = clopper_pearson(successes, trials, CONFIDENCE)
        return {"success_rate": successes / trials, "interval": [low, high], "interval_method": EXACT}
    rate, low, high = suite_interval(
        [count[0] for count in counts.values()], [count[1] for count in counts.values()], CONFIDENCE
    )
    return {"success_rate": rate, "interval": [low, high], "interval_method": "mean of tasks' Wilson intervals"}


def _share(judged: Sequence[EpisodeRecord], name: str) -> float | None:
    return _task_mean([(one.task, float(getattr(one, name))) for one in judged])


def _task_mean(values: Sequence[tuple[str, float]]) -> float | None:
    """Mean over the tasks of the tasks' means."""
    by_task: dict[str, list[float]] = {}
    for task, value in values:
        by_task.setdefault(task, []).append(value)
    means = [math.fsum(own) / len(own) for own in by_task.values()]
    return math.fsum(means) / len(means) if means else None


def _metrics(valid: Sequence[EpisodeRecord]) -> dict[str, Any]:
    names: dict[str, None] = {}
    for one in valid:
        names.update(dict.fromkeys(one.metrics))
    result: dict[str, Any] = {}
    for name in names:
        values = [(one.task, value) for one in valid if (value := one.metrics.get(name)) is not None]
        result[name] = {**mean_of(values), **describe(name)} | ({"interval": None} if name in TIMED else {})
    return result


def _grid(run: EvaluationRun) -> dict[str, Any] | None:
    """Success over the grid's cells, in the order of the axes' values."""
    if not run.run.grid:
        return None
    cells = [
        {"arm": arm, "params": values["params"], **_only_success(statistics_of(run.of(None, arm)))}
        for arm, values in run.run.arms.items()
        if values.get("kind") == "grid"
    ]
    return {"axes": list(run.run.grid), "cells": cells}


def _only_success(entry: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("episodes", "valid", "successes", "success_rate", "interval", "interval_method", "mean_return")
    return {name: entry[name] for name in kept}


def check_threshold(value: float | None) -> None:
    """Refuses a pass mark that is no rate."""
    if value is not None and not 0 < value <= 1:
        raise InputError(f"success_threshold: expected a rate above 0 and up to 1, such as 0.8; {value} came.")
