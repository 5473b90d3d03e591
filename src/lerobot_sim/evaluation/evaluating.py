"""`run`: a protocol and a policy become a folder of results, which a run that was cut off goes on with."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

from lerobot_sim import registry
from lerobot_sim.datasets.files import FolderLock
from lerobot_sim.errors import InputError, StorageError
from lerobot_sim.loop import Profile, Sink

from .chosen_videos import VideoChoice, add_videos
from .early_stop import NAME, EarlyStop
from .eval_info import eval_info
from .fitting import fitted
from .guards import reads_instructions
from .pairing import LANGUAGE
from .plan import Plan, differences, settings_of
from .provenance import code_version, simulator_versions, versions
from .results import (
    EVAL_INFO,
    JOURNAL,
    RUN,
    SCHEMA,
    SUMMARY,
    EpisodeRecord,
    EvaluationRun,
    RunRecord,
    lines_of,
    load,
    read_journal,
    read_run,
    write_json,
    write_run,
)
from .running import Acting, Todo, Worlds, check_offer, language_of, probes, produce, remembered
from .summary import summarize
from .together import can_share, produce_together

PRODUCTS = (RUN, JOURNAL, SUMMARY, EVAL_INFO, "videos", "report.html", "report.md", "report.json")
"""What a run leaves in its folder."""

Producer: TypeAlias = "Callable[[Plan, Sequence[Todo]], Iterable[EpisodeRecord]]"
"""(plan, episodes that are to be run) -> what each came to; in other processes, for example."""


@dataclass(frozen=True, kw_only=True)
class Watching:
    """What happens beside a run.

    Attributes:
        sinks: Who watches the frames.
        profile: Filled while running.
        on_known: Told once how many episodes there are and how many the journal holds already.
        on_share: Told of progress in episodes, parts of them counted.
        say: Told, in words, what a reader of the results should know.
    """

    sinks: Sequence[Sink] = ()
    profile: Profile | None = None
    on_known: Callable[[int, int], None] = lambda _wanted, _known: None
    on_share: Callable[[float], None] = lambda _share: None
    say: Callable[[str], None] = lambda _words: None


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How a plan is carried out; results do not depend on it.

    Attributes:
        shard: (k, n): only every n-th episode, from the k-th on, k from 1 to n.
        overwrite: Remove what a run with other settings left.
        videos: How many a task, and of what.
        command: The command line, so that it can be repeated.
        execution: What else is to be told: workers, device, ….
        producer: Runs the episodes elsewhere; in this process where it is None.
        stop: Says when enough is known; every episode is run where it is None.
    """

    shard: tuple[int, int] = (1, 1)
    overwrite: bool = False
    videos: VideoChoice | None = None
    command: Sequence[str] = ()
    execution: Mapping[str, Any] = field(default_factory=dict[str, Any])
    producer: Producer | None = None
    stop: EarlyStop | None = None


def run(
    plan: Plan, acting: Acting, out: Path, *, manner: Manner | None = None, watching: Watching | None = None
) -> EvaluationRun:
    """Runs what is missing of a plan and writes the folder; see `results` for its files.

    Args:
        plan: What is run; see `plan.make_plan`.
        acting: Who acts.
        out: The folder.
        manner: How.
        watching: What happens beside it.

    Raises:
        InputError: The policy does not fit an environment, or a metric cannot be measured; before the first episode.
        StorageError: The folder is in use, or holds a run of other settings or versions.
    """
    manner, watching = manner or Manner(), watching or Watching()
    if not 1 <= manner.shard[0] <= manner.shard[1]:
        raise InputError(f"--shard: expected k/n with 1 <= k <= n, {manner.shard[0]}/{manner.shard[1]} came.")
    acting = remembered(acting)
    policies = [fitted(acting.make(task.spec), task.spec, task.keys) for task in plan.tasks]
    invariant = all(policy.batch_invariant for policy in policies)
    record = _record(plan, acting, invariant, manner)
    if invariant:
        most = max(len(task.record.seeds) for task in plan.tasks)
        plan = replace(plan, most_lanes=-(-most // (manner.shard[1] * plan.envs)))
    worlds = Worlds(plan)
    with closing(worlds):
        check_folder(out, record.settings, overwrite=manner.overwrite)
        plan = _prepared(plan, worlds, all(map(reads_instructions, policies)), watching.say)
        out.mkdir(parents=True, exist_ok=True)
        lock = FolderLock(out / ".eval.lock", out)
        try:
            known = _open(out, record, manner.overwrite)
            record = replace(record, started=known.started, seconds=known.seconds)
            _fill(plan, acting, out, record, known.episodes, worlds, manner, watching)
            if manner.videos:
                add_videos(plan, acting, out, worlds, manner.videos, watching.profile)
            return finish(out)
        finally:
            lock.release()


def finish(out: Path) -> EvaluationRun:
    """Writes `summary.json` and `eval_info.json` of what lies in a folder."""
    done = load(out)
    done = replace(done, summary=summarize(done))
    write_json(out / SUMMARY, {"schema": SCHEMA, **done.summary})
    write_json(out / EVAL_INFO, eval_info(done))
    return done


def check_folder(out: Path, settings: Mapping[str, Any], *, overwrite: bool = False) -> None:
    """Refuses a folder that holds a run of other settings, or none of ours.

    Raises:
        StorageError: With what differs.
    """
    if out.exists() and not out.is_dir():
        raise StorageError(f"--output-dir: {out} is a file, a folder was expected.")
    if overwrite or not (out / RUN).exists():
        if not overwrite and (out / JOURNAL).exists():
            read_journal(out / JOURNAL)  # one of an earlier version says so
            raise StorageError(f"{out} holds a journal without its {RUN}. Choose another --output-dir, or --overwrite.")
        return
    differing = differences(read_run(out).settings, settings)
    if differing:
        more = f" and {len(differing) - 4} more" if len(differing) > 4 else ""
        raise StorageError(
            f"{out} holds a run with other settings ({'; '.join(differing[:4])}{more}). "
            "Choose another --output-dir, or replace it with --overwrite."
        )


def wanted(plan: Plan, shard: tuple[int, int] = (1, 1)) -> list[Todo]:
    """A shard's episodes, task by task and arm by arm: every n-th seed of each, so that shards are alike."""
    first, step = shard[0] - 1, shard[1]
    return [
        Todo(number, arm, index)
        for number, task in enumerate(plan.tasks)
        for arm in plan.arms
        for index in range(len(task.record.seeds))[first::step]
    ]


@dataclass(frozen=True)
class _Known:
    """What an earlier run left."""

    episodes: Sequence[EpisodeRecord]
    started: str
    seconds: float


def _prepared(plan: Plan, worlds: Worlds, instructed: bool, say: Callable[[str], None]) -> Plan:
    """Asks of the environments what must be known before the first episode: one task of each family, where it costs."""
    for task in plan.tasks:
        check_offer(plan, task, None, instructed)
    if any(arm.startswith(LANGUAGE) for arm in plan.arms):
        plan = replace(plan, language=language_of(plan, worlds))
        for task in plan.tasks:
            check_offer(plan, task, None)
    seen: set[str] = set()
    for task in plan.tasks if probes(plan) else ():
        family = task.spec.id.partition("/")[0]
        if family in registry.FAMILIES and family in seen:
            continue
        seen.add(family)
        words = check_offer(plan, task, worlds.of(task)[0])
        if words:
            say(words + ".")
    return plan


def _record(plan: Plan, acting: Acting, invariant: bool, manner: Manner) -> RunRecord:
    found = {**versions(), **simulator_versions(task.spec.id for task in plan.tasks)}
    shard = {"shard": f"{manner.shard[0]}/{manner.shard[1]}"}
    return RunRecord(
        protocol=plan.protocol.to_dict(),
        tasks=[task.record for task in plan.tasks],
        policy={
            "identity": acting.identity,
            "argument": acting.argument,
            "batch_size": plan.lanes(plan.tasks[0]) * plan.envs,
            "batch_invariant": invariant,
        },
        settings=settings_of(plan, acting.identity, invariant, found),
        arms=plan.arms,
        grid=plan.grid,
        execution={**shard, **manner.execution},
        versions=found,
        code_version=code_version(),
        command=list(manner.command),
        seed=plan.seed,
    )


def _open(out: Path, record: RunRecord, overwrite: bool) -> _Known:
    """What the folder holds of this run; begins the journal where there is none."""
    fresh = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    if (out / RUN).exists() or (out / JOURNAL).exists():
        if not overwrite or _same(out, record):
            before = load(out)
            header, episodes = read_journal(out / JOURNAL)
            if header and differences(header.get("settings"), record.settings):
                raise StorageError(f"{out / JOURNAL} holds episodes of other settings. Choose another --output-dir.")
            _begin(out, record, episodes)
            return _Known(episodes, before.run.started or fresh, before.run.seconds or 0.0)
        _remove(out)
    _begin(out, record, ())
    return _Known((), fresh, 0.0)


def _same(out: Path, record: RunRecord) -> bool:
    try:
        return not differences(read_run(out).settings, record.settings)
    except StorageError:
        return False


def _begin(out: Path, record: RunRecord, episodes: Sequence[EpisodeRecord]) -> None:
    """A journal without the line that a kill may have torn."""
    EvaluationRun(out, record, episodes).save()


def _remove(out: Path) -> None:
    import shutil

    for name in PRODUCTS:
        path = out / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _fill(
    plan: Plan,
    acting: Acting,
    out: Path,
    record: RunRecord,
    known: Sequence[EpisodeRecord],
    worlds: Worlds,
    manner: Manner,
    watching: Watching,
) -> None:
    """Runs what is missing."""
    every = wanted(plan, manner.shard)
    there = {one.key for one in known}
    todo = [one for one in every if (plan.tasks[one.task].record.task, one.arm, one.position) not in there]
    watching.on_known(len(every), len(every) - len(todo))
    began = time.perf_counter()
    stop = manner.stop
    decided = stop is not None and any(stop.update(one) for one in sorted(known, key=lambda one: one.index))
    with closing(_episodes(plan, acting, [] if decided else todo, worlds, manner, watching)) as episodes:
        for episode in episodes:
            with (out / JOURNAL).open("a", encoding="utf-8") as file:
                file.write(lines_of([episode]))
            if stop is not None and stop.update(episode):
                break
    if stop is not None:
        record = replace(record, execution={**record.execution, NAME: stop.told()})
    spent = (record.seconds or 0.0) + (time.perf_counter() - began if todo else 0.0)
    write_run(out, replace(record, seconds=round(spent, 3)))


def _episodes(
    plan: Plan, acting: Acting, todo: Sequence[Todo], worlds: Worlds, manner: Manner, watching: Watching
) -> Generator[EpisodeRecord]:
    if manner.producer:
        worlds.close()
        for episode in manner.producer(plan, todo):
            watching.on_share(1.0)
            yield episode
        return
    if todo and not watching.sinks and can_share(plan, acting, todo):
        worlds.close()
        made = produce_together(plan, acting, todo, on_share=watching.on_share)
    else:
        made = produce(
            plan,
            acting,
            todo,
            worlds,
            sinks=watching.sinks,
            profile=watching.profile,
            on_share=watching.on_share,
        )
    with closing(made):
        yield from made
