"""What a report says, as plain values: `report.json`, and what the page and the Markdown are made of."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from .early_stop import NAME
from .report_plots import Curve, Whisker, curve_of, mean_curve
from .report_videos import RULE, Clip
from .report_words import flat, outcome, percent, seed_ranges
from .results import EpisodeRecord, EvaluationRun

SCHEMA = 1

EPISODE_COLUMNS = (
    "task", "outcome", "seed", "solved at", "steps", "return", "end", "arm", "explanation", "instruction", "params",
    "video",
)  # fmt: skip


def title(run: EvaluationRun) -> str:
    """The policy on the protocol."""
    return run.name


def stopped(run: EvaluationRun) -> Mapping[str, Any] | None:
    """What a run that might stop early came to; None for others."""
    return run.run.execution.get(NAME)


def so_far(run: EvaluationRun, summary: Mapping[str, Any]) -> str:
    """What stands behind the number of episodes."""
    if stopped(run):
        return f" of at most {summary['wanted']}"
    return "" if summary["complete"] else f" so far, of {summary['wanted']}"


def held_out(run: EvaluationRun) -> bool:
    """Whether no seeds are named by the protocol: then no demonstration and no choice of a checkpoint has them."""
    protocol = run.run.protocol
    sources = [protocol, *protocol.get("environments", ())]
    return all(one.get("seeds") is None and one.get("first_seed") is None for one in sources)


def episodes_on(run: EvaluationRun) -> str:
    """The episodes, with whose seeds they are."""
    return "episodes on held-out seeds" if held_out(run) else "episodes on the protocol's own seeds"


def verdict(run: EvaluationRun, suite: Mapping[str, Any]) -> tuple[str, bool | None]:
    """Whether the pass mark was reached, in words; ("", None) where there is none."""
    early = stopped(run)
    if early:
        mark = percent(early["mark"], 0)
        told = {
            "above": (f"Stopped early: the rate is above {mark}", True),
            "below": (f"Stopped early: the rate is below {mark}", False),
        }
        return told.get(early["verdict"], (f"Neither above nor below {mark} was shown", None))
    mark, passed = suite.get("success_threshold"), suite.get("passed")
    if mark is None or passed is None or suite["interval"] is None:
        return "", None
    low = percent(suite["interval"][0])
    if passed:
        return f"Passed: the lower bound {low} reaches the mark of {percent(mark, 0)}", True
    return f"Not passed: the lower bound {low} is below the mark of {percent(mark, 0)}", False


def whisker_rows(run: EvaluationRun, summary: Mapping[str, Any]) -> list[Whisker]:
    """A row a task of the plain arm, and the suite where there are several."""
    early = stopped(run)
    rows = [
        Whisker(
            label=task["task"],
            value=task["success_rate"],
            low=early["low"] if early else task["interval"][0],
            high=early["high"] if early else task["interval"][1],
            note=f"{task['successes']} of {task['valid']}",
        )
        for task in summary["tasks"]
        if task["arm"] == "" and task["success_rate"] is not None
    ]
    suite = summary["suite"]
    if len(rows) > 1 and suite["success_rate"] is not None:
        low, high = suite["interval"]
        note = f"{suite['successes']} of {suite['valid']}"
        rows.append(Whisker(label="All tasks", value=suite["success_rate"], low=low, high=high, note=note, total=True))
    return rows


def curve_rows(run: EvaluationRun) -> list[Curve]:
    """When the success was first seen, a curve a task of the plain arm."""
    rows: list[Curve] = []
    for task in run.run.tasks:
        valid = [one for one in run.of(task.task) if not one.fault]
        if valid and task.success_rule != "none":
            solved = sorted(one.first_success_step / task.fps for one in valid if one.first_success_step is not None)
            until = max(one.length for one in valid) / task.fps
            rows.append(curve_of(task.task, solved, len(valid), until))
    return [*rows, mean_curve("All tasks, each weighing the same", rows)] if len(rows) > 1 else rows


def command_of(run: EvaluationRun) -> str:
    """The command that repeats the evaluation."""
    words = list(run.run.command)
    if words and words[0].rpartition("/")[2] != "lerobot-sim":
        words = ["lerobot-sim", *words]
    return shlex.join(words)


def broken_episodes(run: EvaluationRun) -> list[EpisodeRecord]:
    """FAULTs and POLICY errors of all arms."""
    return [one for one in run.episodes if one.fault or one.policy_error]


def facts(run: EvaluationRun) -> dict[str, Mapping[str, str]]:
    """Tables of what was run: heading -> name -> value."""
    record = run.run
    tasks: dict[str, str] = {}
    for task in record.tasks:
        options = ", ".join(f"{name}={value}" for name, value in flat(task.env_options).items())
        params = ", ".join(f"{name} {value}" for name, value in flat(record.params_of(task.task)).items())
        with_params = f" with {params}" if params else ""
        tasks[task.task] = (
            f"{task.env_id} version {task.env_version}{f' ({options})' if options else ''}{with_params}, "
            f"{task.fps:g} steps/s, at "
            f"most {task.max_steps} steps, success rule {task.success_rule}, seeds {seed_ranges(task.seeds)}"
        )
    evaluation = {"started": record.started or "–", "seed": str(record.seed), "folder": run.folder.name}
    if record.code_version:
        evaluation["code"] = record.code_version
    return {
        "Policy": flat(record.policy),
        "Evaluation": evaluation,
        "Protocol": flat(record.protocol),
        "Tasks and seeds": tasks,
        "Settings": flat(record.settings),
        "Execution": flat(record.execution),
        "Versions": flat(record.versions),
    }


def episode_rows(run: EvaluationRun, clips: Sequence[Clip]) -> list[list[Any]]:
    """A row an episode, in the order of `EPISODE_COLUMNS`; a video is a place in the page, or a file beside it."""
    places = {clip.chosen.episode.key: f"#clip-{i}" for i, clip in enumerate(clips)}
    return [
        [
            one.task,
            outcome(one),
            str(one.seed),  # as text: JavaScript's numbers end at 2^53
            one.first_success_step,
            one.length,
            one.total_reward if abs(one.total_reward) < float("inf") else None,
            one.end,
            one.arm,
            one.explanation,
            one.instruction,
            ", ".join(f"{name} {value}" for name, value in one.params.items()),
            places.get(one.key),
        ]
        for one in run.episodes
    ]


def as_json(run: EvaluationRun, summary: Mapping[str, Any], clips: Sequence[Clip], embed_mb: float) -> dict[str, Any]:
    """`report.json`."""
    words, passed = verdict(run, summary["suite"])
    return {
        "schema": SCHEMA,
        "title": title(run),
        "verdict": words,
        "passed": passed,
        "summary": summary,
        "success_over_time": [
            {"task": row.label, "episodes": row.episodes, "until_s": row.until, "first_success_s": list(row.times)}
            for row in curve_rows(run)
            if not row.total
        ],
        "videos": {
            "rule": RULE,
            "shown": [
                {
                    "task": clip.chosen.episode.task,
                    "seed": clip.chosen.episode.seed,
                    "why": clip.chosen.why,
                    "outcome": outcome(clip.chosen.episode),
                    "path": clip.path,
                    "embedded": clip.embedded is not None,
                }
                for clip in clips
            ],
            "embed_mb": embed_mb,
        },
        "broken": [
            {"task": one.task, "arm": one.arm, "seed": one.seed, "end": one.end, "explanation": one.explanation}
            for one in broken_episodes(run)
        ],
        "command": command_of(run),
        "run": facts(run),
    }
