"""A run that stops as soon as its success rate is shown to be above or below a mark."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, StorageError

from .plan import Plan
from .results import RUN, EpisodeRecord, read_run
from .stopping import Decision, Sequential

NAME = "sequential"
"""Where `run.json` holds it, among `execution`."""


class EarlyStop:
    """Counts a task's episodes, in the order of their seeds, until enough is known.

    Args:
        mark: The success rate that is to be beaten or missed.
        most: Episodes after which it ends in any case; fixed before the first one.
    """

    def __init__(self, mark: float, most: int) -> None:
        self._mark, self._most = mark, most
        self._sequential = Sequential(mark=mark, most=most)

    @property
    def decision(self) -> Decision:
        """What is known so far."""
        return self._sequential.decision

    def update(self, record: EpisodeRecord) -> bool:
        """Counts an episode, FAULTs not; whether the run may stop."""
        if record.fault:
            return self.decision.stop
        return self._sequential.update(bool(record.success)).stop

    def told(self) -> dict[str, Any]:
        """JSON-ready: the design, and what came of it; the summary's interval is the one from here."""
        return {"mark": self._mark, "most": self._most, **asdict(self.decision)}


def early_stop(plan: Plan, mark: float, out: Path, *, workers: int = 1, shards: int = 1) -> EarlyStop:
    """The rule for a plan.

    Raises:
        InputError: The plan has several tasks, variations, processes or shards, so that its episodes have no order, or
            the task defines no success.
        StorageError: The folder holds a run that was to stop by another rule.
    """
    if len(plan.tasks) > 1 or len(plan.arms) > 1:
        raise InputError(
            f"--sequential decides about one task without variations; {_counted(plan)} came. A suite's rate is the "
            "mean of its tasks, and tasks that stop at different times would bias it. Evaluate the tasks one by one, "
            "or leave out --grid and the metrics that run variations."
        )
    if workers > 1 or shards > 1:
        raise InputError("--sequential takes episodes in the order of their seeds: leave --workers and --shard out.")
    task = plan.tasks[0].record
    if task.success_rule == "none":
        raise InputError(f"--sequential: '{task.task}' defines no success.")
    most = len(task.seeds)
    before = read_run(out).execution.get(NAME) if (out / RUN).exists() else None
    if before and (before["mark"], before["most"]) != (mark, most):
        raise StorageError(
            f"{out} holds a run that was to stop at the mark {before['mark']:g} or after {before['most']} episodes, "
            f"not at {mark:g} or after {most}. A rule that changes while episodes come in keeps no error rate. "
            "Choose another --output-dir."
        )
    return EarlyStop(mark, most)


def _counted(plan: Plan) -> str:
    tasks, variations = len(plan.tasks), len(plan.arms) - 1
    parts = [f"{tasks} tasks"] * (tasks > 1) + [f"variations ({', '.join(list(plan.arms)[1:4])} …)"] * (variations > 0)
    return " and ".join(parts)
