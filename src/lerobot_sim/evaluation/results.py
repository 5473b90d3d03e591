"""The files of an evaluation, and what is in them; reports and comparisons read nothing else.

    run.json         what was run: protocol, tasks with versions and seeds, arms, policy, settings, versions, command
    episodes.jsonl   the journal: a header line, then a line an episode, in the order in which they became known
    summary.json     rates, intervals and means of tasks, arms and the suite; made of the two files above
    eval_info.json   the same in the words of LeRobot and of the guides

An *arm* is a variation under which the same seeds are run: "" is the plain one; a cell of a robustness grid is
"friction=0.5,light=2", an instruction's variant "language:shuffled".
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from lerobot_sim.datasets.files import write_whole
from lerobot_sim.env import End
from lerobot_sim.errors import StorageError

SCHEMA = 1
"""Raised when a field changes its meaning or is gone; a new field with a default does not raise it."""

RUN, JOURNAL, SUMMARY, EVAL_INFO = "run.json", "episodes.jsonl", "summary.json", "eval_info.json"

_LONG = 40
"""Characters of a policy's path, of which a title shows the last parts."""


@dataclass(frozen=True, kw_only=True)
class EpisodeRecord:
    """What one episode came to; a line of the journal.

    Attributes:
        task: The task's name in the protocol; unique in a run.
        arm: The variation, "" for the plain one.
        env_id: Where it ran.
        env_version: Its version.
        index: Position of the seed among the task's.
        seed: What it began with; the same in all arms.
        attempt: How often the seed was run before, after a FAULT.
        params: Params that were given; a choice by its name.
        instruction: The task in words, as the policy read it.
        success: By the success rule; None where the environment defines none.
        success_ever: At some step.
        success_final: At the last step.
        first_success_step: Steps until the predicate first held, None if never.
        total_reward: The undiscounted return.
        max_reward: The greatest reward of a step.
        length: Steps.
        end: Name of its `End`.
        explanation: The end in words, where it was not the task's or the clock's.
        metrics: Further metrics by name; None where one is undefined for this episode.
        video: Path relative to the run's folder, None where there is none.
    """

    task: str
    env_id: str
    env_version: int
    index: int
    seed: int
    success: bool | None
    success_ever: bool
    success_final: bool
    first_success_step: int | None
    total_reward: float
    max_reward: float
    length: int
    end: str
    arm: str = ""
    attempt: int = 0
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    instruction: str = ""
    explanation: str = ""
    metrics: Mapping[str, float | None] = field(default_factory=dict[str, "float | None"])
    video: str | None = None

    @property
    def fault(self) -> bool:
        """The simulator's doing: in no rate."""
        return self.end == End.FAULT.name

    @property
    def policy_error(self) -> bool:
        """The policy raised, or its action was not finite: a failure."""
        return self.end == End.POLICY.name

    @property
    def key(self) -> tuple[str, str, int]:
        """(task, arm, index): unique in a run."""
        return self.task, self.arm, self.index


@dataclass(frozen=True, kw_only=True)
class TaskRecord:
    """One task of a run.

    Attributes:
        task: Its name in the protocol.
        env_id: The environment.
        env_version: Its version.
        env_options: Keywords that made it.
        fps: Steps a second.
        max_steps: Steps of an episode at most.
        success_rule: "any", "final", "hold(k)", "none".
        seeds: One an episode, in order.
        suite: The group in the protocol that it belongs to, such as "libero_spatial".
    """

    task: str
    env_id: str
    env_version: int
    fps: float
    max_steps: int
    success_rule: str
    seeds: Sequence[int]
    env_options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    suite: str = ""


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """What was run: `run.json`.

    Attributes:
        protocol: The protocol as resolved: id, version, metrics, success_threshold, episodes, ….
        tasks: What it came to.
        arms: Name -> {"kind": "plain" | "grid" | "expert" | "language", "params": {…}}; "" is always there.
        grid: Axes of the robustness grid: [{"name", "unit", "values"}].
        policy: {"argument": as given, "identity": name or digest, "batch_size": lanes that it serves at once}.
        settings: What the results depend on; a folder of other settings is refused.
        execution: What they do not depend on: workers, shard, device, ….
        versions: Package -> version, with "python".
        code_version: Commit of the source tree, "" where it is no checkout.
        command: The command line's arguments, so that it can be repeated.
        seed: The `--seed` that the seeds were made of.
        started: UTC, ISO 8601.
        seconds: Wall clock spent on episodes by all runs into this folder, None while running.
    """

    protocol: Mapping[str, Any]
    tasks: Sequence[TaskRecord]
    policy: Mapping[str, Any]
    settings: Mapping[str, Any]
    arms: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"": {"kind": "plain"}})
    grid: Sequence[Mapping[str, Any]] = ()
    execution: Mapping[str, Any] = field(default_factory=dict[str, Any])
    versions: Mapping[str, str] = field(default_factory=dict[str, str])
    code_version: str = ""
    command: Sequence[str] = ()
    seed: int = 0
    started: str = ""
    seconds: float | None = None

    def params_of(self, task: str) -> Mapping[str, Any]:
        """What a task fixes of its environment's Params."""
        return self.settings.get("tasks", {}).get(task, {}).get("params", {})


@dataclass(frozen=True)
class EvaluationRun:
    """A run with its episodes, as it lies in a folder.

    Attributes:
        folder: Where; videos' paths are relative to it.
        run: What was run.
        episodes: Sorted by task (in the run's order), arm and index.
        summary: `summary.json`'s contents, {} where the run has not ended.
    """

    folder: Path
    run: RunRecord
    episodes: Sequence[EpisodeRecord]
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def name(self) -> str:
        """The policy, by the words that were given for it, and the protocol, for titles."""
        words = str(self.run.policy.get("argument") or self.run.policy.get("identity", "?"))
        if len(words) > _LONG and "://" not in words:
            words = "/".join(Path(words).parts[-3:])
        return f"{words} on {self.run.protocol.get('id', '?')}"

    @cached_property
    def wanted(self) -> int:
        """How many episodes a whole run has."""
        return sum(len(task.seeds) for task in self.run.tasks) * len(self.run.arms)

    @property
    def complete(self) -> bool:
        """Whether every episode is there."""
        return len(self.episodes) >= self.wanted

    def of(self, task: str | None = None, arm: str = "") -> list[EpisodeRecord]:
        """Episodes of a task (of all with None) in an arm, FAULTs among them."""
        return [one for one in self.episodes if one.arm == arm and task in (None, one.task)]

    def save(self) -> None:
        """Writes the files, each whole or not at all; the journal anew."""
        self.folder.mkdir(parents=True, exist_ok=True)
        write_run(self.folder, self.run)
        lines = [journal_header(self.run), *(asdict(one) for one in self.episodes)]
        write_text(self.folder / JOURNAL, "".join(json.dumps(line) + "\n" for line in lines))
        if self.summary:
            write_json(self.folder / SUMMARY, {"schema": SCHEMA, **self.summary})


def load(folder: Path) -> EvaluationRun:
    """Reads a folder, also that of a run that has not ended.

    Raises:
        StorageError: It holds no evaluation, one of another schema, or damaged files.
    """
    run = read_run(folder)
    order = {task.task: number for number, task in enumerate(run.tasks)}
    arms = {arm: number for number, arm in enumerate(run.arms)}
    lengths = {task.task: len(task.seeds) for task in run.tasks}
    _, found = read_journal(folder / JOURNAL)
    episodes = [one for one in found if one.index < lengths.get(one.task, one.index + 1)]
    strangers = {one.task for one in episodes if one.task not in order} | {
        one.arm for one in episodes if one.arm not in arms
    }
    if strangers:
        raise StorageError(f"{folder / JOURNAL} holds tasks or arms that {RUN} does not name: {sorted(strangers)}.")
    episodes.sort(key=lambda one: (order[one.task], arms[one.arm], one.index))
    path = folder / SUMMARY
    summary = read_json(path) if path.exists() else {}
    return EvaluationRun(folder, run, episodes, {name: value for name, value in summary.items() if name != "schema"})


def write_run(folder: Path, run: RunRecord) -> None:
    """Writes `run.json`."""
    write_json(folder / RUN, {"schema": SCHEMA, **asdict(run)})


def read_run(folder: Path) -> RunRecord:
    """Reads `run.json`."""
    path = folder / RUN
    if not path.exists():
        raise StorageError(f"{folder} holds no evaluation: there is no {RUN}. Make one: lerobot-sim eval TASK.")
    values = read_json(path)
    if "protocol" not in values:
        raise StorageError(f"{path} is of another command, not of an evaluation. Choose another folder.")
    tasks = [_made(TaskRecord, task, path) for task in values.get("tasks", ())]
    return _made(RunRecord, {**values, "tasks": tasks}, path)


def journal_header(run: RunRecord) -> dict[str, Any]:
    """The journal's first line: what its lines depend on."""
    return {"schema": SCHEMA, "settings": dict(run.settings)}


def read_journal(path: Path) -> tuple[dict[str, Any], list[EpisodeRecord]]:
    """The header ({} where the file is not there or empty) and the episodes; a torn last line is left out.

    Raises:
        StorageError: Damaged, or an episode is there twice.
    """
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    whole = text[: text.rfind("\n") + 1].splitlines()  # a kill may have torn the last line
    if not whole:
        return {}, []
    try:
        header, *lines = [json.loads(line) for line in whole]
    except ValueError as error:
        raise StorageError(f"The evaluation's journal {path} is damaged ({error}). Remove it to begin anew.") from error
    _check_schema(header, path)
    episodes = [_made(EpisodeRecord, line, path) for line in lines]
    if len({one.key for one in episodes}) != len(episodes):
        raise StorageError(f"The evaluation's journal {path} holds an episode twice. Remove it to begin anew.")
    return header, episodes


def lines_of(episodes: Iterable[EpisodeRecord]) -> str:
    """The journal's lines for some episodes."""
    return "".join(json.dumps(asdict(one)) + "\n" for one in episodes)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    """Writes an object, whole or not at all."""
    write_text(path, json.dumps(values, indent=2, allow_nan=False) + "\n")


def write_text(path: Path, text: str) -> None:
    """Writes a file, whole or not at all."""
    write_whole(path, text.encode(), sync=False)


def read_json(path: Path) -> dict[str, Any]:
    """Reads one of the files and checks its schema."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise StorageError(f"{path} is damaged ({error}). Run the evaluation again into another folder.") from error
    _check_schema(values, path)
    return values


def _check_schema(values: Any, path: Path) -> None:
    there = values.get("schema") if isinstance(values, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if there != SCHEMA:
        raise StorageError(f"{path} has schema {there}, this version reads {SCHEMA}. Run the evaluation again.")


RecordT = TypeVar("RecordT")


def _made(kind: type[RecordT], values: Mapping[str, Any], path: Path) -> RecordT:
    """A record of what a file holds; fields of a later version are left out."""
    known = {one.name for one in fields(kind)}  # pyright: ignore[reportArgumentType]
    try:
        return kind(**{name: value for name, value in values.items() if name in known})
    except (TypeError, AttributeError) as error:
        raise StorageError(f"{path} is damaged: {error}.") from error
