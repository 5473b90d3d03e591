"""Whether evaluations may be compared: the same question, asked on the same seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lerobot_sim.errors import InputError, unknown_name

from .results import EpisodeRecord, EvaluationRun

Key = tuple[str, int]
"""(task, seed)."""

_RECORD_MEASURES = ("total_reward", "max_reward", "length", "first_success_step")
_QUESTION = ("env_id", "env_version", "env_options", "fps", "max_steps", "success_rule")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """One evaluation, ready to be compared.

    Attributes:
        name: For tables.
        run: What was read.
        arm: The variation.
        values: (task, seed) -> success as 0 or 1, or the measure; FAULTs and undefined values are left out.
        faults: Episodes that the simulator broke off.
        policy_errors: Episodes that the policy broke off.
    """

    name: str
    run: EvaluationRun
    arm: str
    values: Mapping[Key, float]
    faults: int
    policy_errors: int

    @staticmethod
    def of(name: str, run: EvaluationRun, arm: str, measure: str) -> Contender:
        """Reads a run's episodes of one arm.

        Raises:
            InputError: It has no such arm or measure, or its environment defines no success.
        """
        if arm not in run.run.arms:
            raise unknown_name(f"variation in '{name}'", arm, [known for known in run.run.arms if known])
        records = run.of(arm=arm)
        judged = [one for one in records if not one.fault]
        values = {(one.task, one.seed): value for one in judged if (value := _value(one, measure)) is not None}
        if judged and not values:
            raise _no_values(name, judged, measure)
        return Contender(
            name=name,
            run=run,
            arm=arm,
            values=values,
            faults=len(records) - len(judged),
            policy_errors=sum(one.policy_error for one in judged),
        )

    def only(self, keys: Sequence[Key]) -> Contender:
        """With these seeds alone, in this order."""
        return replace(self, values={key: self.values[key] for key in keys})

    @property
    def outcomes(self) -> dict[Key, bool]:
        """Successes by task and seed."""
        return {key: bool(value) for key, value in self.values.items()}

    @property
    def successes(self) -> int:
        """How many."""
        return sum(self.outcomes.values())

    @property
    def value(self) -> float:
        """The mean over tasks of the tasks' means."""
        by_task: dict[str, list[float]] = {}
        for (task, _), value in self.values.items():
            by_task.setdefault(task, []).append(value)
        return math.fsum(math.fsum(own) / len(own) for own in by_task.values()) / len(by_task)

    @property
    def protocol(self) -> str:
        """Its id and version."""
        return f"{self.run.run.protocol.get('id', '?')} version {self.run.run.protocol.get('version', '?')}"

    @property
    def tasks(self) -> list[str]:
        """Names, in the protocol's order."""
        return [task.task for task in self.run.run.tasks]

    @property
    def planned(self) -> set[Key]:
        """Tasks and seeds that a whole run has."""
        return {(task.task, seed) for task in self.run.run.tasks for seed in task.seeds}

    def params_of(self, task: str) -> Mapping[str, Any]:
        """What a task fixes of its environment's Params."""
        return self.run.run.params_of(task)

    def counts_by_task(self) -> dict[str, tuple[int, int]]:
        """Task -> (successes, episodes)."""
        counts: dict[str, tuple[int, int]] = {}
        for (task, _), success in self.outcomes.items():
            successes, trials = counts.get(task, (0, 0))
            counts[task] = (successes + success, trials + 1)
        return counts


def check_same_question(contenders: Sequence[Contender]) -> None:
    """Refuses evaluations of other protocols, tasks, environments, versions or rules of success."""
    first = contenders[0]
    for other in contenders[1:]:
        if first.protocol != other.protocol:
            raise InputError(
                f"'{first.name}' was scored by protocol {first.protocol}, '{other.name}' by {other.protocol}: "
                "their rates answer different questions. Evaluate one of them again with the other's protocol."
            )
        if set(first.tasks) != set(other.tasks):
            raise InputError(
                f"'{first.name}' and '{other.name}' ran different tasks: only the first has "
                f"{_list(set(first.tasks) - set(other.tasks))}, only the second "
                f"{_list(set(other.tasks) - set(first.tasks))}. "
                "Evaluate both on the same tasks."
            )
        for task in first.tasks:
            one, two = first.params_of(task), other.params_of(task)
            if one != two:
                raise InputError(
                    f"Task '{task}': its params are {one or 'the usual ones'} in '{first.name}' and "
                    f"{two or 'the usual ones'} in '{other.name}'. Evaluate both with the same ones."
                )
        theirs = {task.task: task for task in other.run.run.tasks}
        for task in first.run.run.tasks:
            for name in _QUESTION:
                one, two = getattr(task, name), getattr(theirs[task.task], name)
                if one != two:
                    raise InputError(
                        f"Task '{task.task}': {name} is {one} in '{first.name}' and {two} in '{other.name}'. Scores of "
                        "different environments are not compared. Evaluate both with one version of the environment."
                    )


def shared_keys(contenders: Sequence[Contender]) -> list[Key]:
    """Tasks and seeds that all have, in the first's order.

    Raises:
        InputError: Neither the same seeds nor the one's among the other's.
    """
    plans = sorted((contender.planned for contender in contenders), key=len)
    fewest = plans[0]
    if not all(fewest <= plan for plan in plans):
        one, other = next(
            (a, b) for a in contenders for b in contenders if not (a.planned <= b.planned or b.planned <= a.planned)
        )
        common = len(one.planned & other.planned)
        raise InputError(
            f"'{one.name}' ({_seeds(one)}) and '{other.name}' ({_seeds(other)}) ran on different seeds; {common} are "
            "common to both. Episodes on the same seeds are compared in pairs: evaluate both "
            "with one --seed. Or add --unpaired, for a test of independent episodes."
        )
    return [key for key in contenders[0].values if all(key in other.values for other in contenders)]


def remarks_on(contenders: Sequence[Contender], keys: Sequence[Key] | None) -> list[str]:
    """What a reader has to know besides the numbers."""
    remarks: list[str] = []
    first = contenders[0]
    for one in contenders:
        expected = len(one.planned)
        there = len(one.run.of(arm=one.arm))
        if there < expected:
            remarks.append(
                f"'{one.name}' is unfinished: {there} of {expected} episodes. A run that was stopped because "
                "of how it went is not scored by tests of a fixed number of episodes."
            )
        if one.faults:
            remarks.append(f"'{one.name}': {one.faults} episodes ended in a fault of the simulator; they are left out.")
        if one.policy_errors:
            remarks.append(f"'{one.name}': {one.policy_errors} episodes were broken off by the policy: failures.")
    if keys is not None and any(len(one.planned) > len(keys) for one in contenders):
        remarks.append(f"{len(keys)} seeds are compared: those on which every policy has a result.")
    for what, values in _differing(contenders).items():
        told = ", ".join(f"'{one.name}' {value}" for one, value in zip(contenders, values, strict=True))
        remarks.append(f"{what} differs: {told}.")
    if keys is None and all(one.planned == first.planned for one in contenders):
        remarks.append("All ran on the same seeds: without --unpaired the comparison would be sharper.")
    return remarks


def _differing(contenders: Sequence[Contender]) -> dict[str, list[Any]]:
    """Settings and versions that are not the same everywhere, but do not forbid to compare."""
    found: dict[str, list[Any]] = {}
    for kind in ("settings", "versions"):
        tables = [_flat(getattr(one.run.run, kind)) for one in contenders]
        for name in sorted({name for table in tables for name in table}):
            values = [table.get(name, "none") for table in tables]
            told = [value for value in values if value is not None]  # None: it does not matter for that policy
            if any(value != told[0] for value in told) and not name.startswith(_EXPECTED):
                found[f"Setting {name}" if kind == "settings" else f"Version of {name}"] = values
    return found


_EXPECTED = ("policy", "seed", "episodes", "tasks", "protocol", "arms", "grid")
"""Settings that differ by the nature of a comparison, or are checked by themselves."""


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            flat[prefix + name] = value
    return flat


def _value(one: EpisodeRecord, measure: str) -> float | None:
    if measure == "success":
        return None if one.success is None else float(one.success)
    value = getattr(one, measure) if measure in _RECORD_MEASURES else one.metrics.get(measure)
    return float(value) if value is not None and math.isfinite(value) else None


def _no_values(name: str, records: Sequence[EpisodeRecord], measure: str) -> InputError:
    measures = sorted({*_RECORD_MEASURES, *(key for one in records for key in one.metrics)})
    if measure == "success":
        return InputError(
            f"The environment of '{name}' defines no success. Compare a measure: --metric {', '.join(measures)}."
        )
    if measure in measures:
        return InputError(f"'{measure}' is undefined in every episode of '{name}'. Valid measures: {measures}.")
    return unknown_name(f"measure in '{name}'", measure, measures)


def _seeds(one: Contender) -> str:
    seeds = [seed for task in one.run.run.tasks for seed in task.seeds]
    return f"{len(one.planned)} episodes, --seed {one.run.run.seed}" + (f", first {seeds[0]}" if seeds else "")


def _list(names: set[str]) -> str:
    shown = sorted(names)[:4]
    return (", ".join(shown) + (" …" if len(names) > 4 else "")) if shown else "none"
