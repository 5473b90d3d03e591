"""The report as Markdown: for issues, model cards and terminals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from . import report_data as said
from .report_videos import RULE, Clip
from .report_words import between, number, numbers_between, outcome, percent, seed_ranges
from .results import EvaluationRun

_TASKS = 100


def markdown(run: EvaluationRun, summary: Mapping[str, Any], clips: Sequence[Clip]) -> str:
    """The whole text."""
    suite = summary["suite"]
    words, _ = said.verdict(run, suite)
    early = said.stopped(run)
    looks = ", valid at every look" if early else ""
    interval = (early["low"], early["high"]) if early else suite["interval"]
    lines = [f"# {escaped(said.title(run))}", ""]
    if suite["success_rate"] is not None:
        lines += [
            f"**{percent(suite['success_rate'])}** success (95% interval {between(interval)}{looks}), "
            f"{suite['successes']} of {suite['valid']} {said.episodes_on(run)}.",
            "",
        ]
    lines += [f"{words}.", ""] if words else []
    if not summary["complete"] and not early:
        lines += [f"Unfinished: {len(run.episodes)} of {summary['wanted']} episodes.", ""]
    rows = [
        [
            escaped(task["task"]), percent(task["success_rate"]), between(task["interval"]), str(task["valid"]),
            number(task["mean_return"]), number(task["mean_length"], 3),
        ]
        for task in summary["tasks"] if task["arm"] == ""
    ]  # fmt: skip
    lines += _table(["task", "success", "95% interval", "episodes", "mean return", "mean steps"], rows[:_TASKS])
    if len(rows) > _TASKS:
        lines += ["", f"{len(rows) - _TASKS} more tasks are in report.json."]
    if suite["metrics"]:
        shown = [
            [
                escaped(f"{name} / {one['unit']}" if one.get("unit") else name),
                number(one["mean"]),
                numbers_between(one["interval"]),
            ]
            for name, one in suite["metrics"].items()
        ]
        lines += ["", *_table(["metric", "mean", "95% interval"], shown)]
    lines += _grid(summary["grid"]) if summary["grid"] else []
    lines += [
        "",
        f"Faults of the simulator, in no rate: {suite['faults']}. Policy errors, counted as failures: "
        f"{suite['policy_errors']}.",
    ]
    if clips:
        lines += ["", "## Videos", "", RULE, ""]
        lines += [
            f"- [{escaped(clip.chosen.episode.task)}, seed {clip.chosen.episode.seed}]({quote(clip.path)}): "
            f"{_why(clip)}"
            for clip in clips
        ]
    lines += ["", "## Run it again", "", "```sh", said.command_of(run).replace("`", "'"), "```", ""]
    lines += [
        f"- {escaped(task.task)}: {escaped(task.env_id)} version {task.env_version}, success rule {task.success_rule}, "
        f"seeds {seed_ranges(task.seeds)}"
        for task in run.run.tasks[:_TASKS]
    ]
    lines += [f"- {escaped(name)} {escaped(value)}" for name, value in run.run.versions.items()]
    return "\n".join(lines) + "\n"


def escaped(text: str) -> str:
    """Text that cannot break a table or become markup."""
    for sign in "\\`*_<>[]#":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split()).replace("|", "\\|")


def _why(clip: Clip) -> str:
    why, name = clip.chosen.why, outcome(clip.chosen.episode)
    return why if name in why else f"{why}, {name}"


def _grid(grid: Mapping[str, Any]) -> list[str]:
    names = [axis["name"] for axis in grid["axes"]]
    rows = [
        [
            *(escaped(str(cell["params"][name])) for name in names),
            percent(cell["success_rate"]),
            between(cell["interval"]),
            str(cell["valid"]),
        ]
        for cell in grid["cells"]
    ]
    return ["", "## Robustness", "", *_table([*map(escaped, names), "success", "95% interval", "episodes"], rows)]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(head) + " |", "|" + "|".join(" --- " for _ in head) + "|"]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
