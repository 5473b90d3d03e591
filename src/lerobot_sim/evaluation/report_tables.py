"""The sections of an evaluation's page that are tables and words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import report_data as said
from .compare_text import p_value
from .metrics import meaning
from .report_markup import Markup, breakable, cell, heading, join, table, tag
from .report_page import data, facts_list, mark_of, section
from .report_videos import Clip
from .report_words import between, number, numbers_between, outcome, percent
from .results import EvaluationRun


def metrics(summary: Mapping[str, Any]) -> Markup | None:
    """Means of everything else that was measured."""
    suite = summary["suite"]
    rows = [_metric_row("return", "", suite["mean_return"], suite["return_interval"], suite["valid"], "more")]
    rows += [
        _metric_row(name, value.get("unit", ""), value["mean"], value["interval"], value["n"], value.get("better", ""))
        for name, value in suite["metrics"].items()
    ]
    for name, entry in summary["compared"].items():
        for part in ("time", "path"):
            value = entry.get(part)
            if value is not None:
                rows.append(
                    _metric_row(f"{name}: {part}", "", value["mean"], value["interval"], entry["pairs"], "more")
                )
    head = [
        heading("Metric"),
        heading("Mean", number=True),
        heading("95% interval", sort=False),
        heading("Better"),
        heading("Episodes", number=True),
    ]
    language = summary["compared"].get("language_conditioning")
    return section(
        "metrics",
        "Metrics",
        table(head, rows, caption="Metrics", class_="sortable"),
        _meanings(list(suite["metrics"])),
        _language(language) if language else None,
        about="Means over the episodes that have the metric, each task weighing the same, with bootstrap intervals.",
    )


def _metric_row(name: str, unit: str, mean: float | None, interval: Any, count: int, better: str) -> Markup:
    return tag(
        "tr",
        tag("th", breakable(f"{name} / {unit}" if unit else name), scope="row", data_value=name),
        cell(number(mean), value=mean, number=True),
        cell(numbers_between(interval), class_="interval"),
        cell(better or "–", value=better),
        cell(str(count), value=count, number=True),
    )


def _meanings(names: Sequence[str]) -> Markup | None:
    """What was measured, in a line each."""
    known = {name: words for name in names if (words := meaning(name))}
    return tag("details", tag("summary", "What these are"), facts_list(known)) if known else None


def _language(entry: Mapping[str, Any]) -> Markup:
    rows: list[Markup] = []
    for variant, value in entry.items():
        loss = value.get("conditioning")
        rows.append(
            tag(
                "tr",
                tag("th", variant, scope="row"),
                cell(percent(value["success_rate"]), number=True),
                cell(between(value["interval"]), class_="interval"),
                cell("–" if loss is None else f"{100 * loss:+.1f} points", number=True),
                cell("–" if loss is None else _points(value["conditioning_interval"]), class_="interval"),
                cell("–" if loss is None else p_value(value["p_value"]), number=True),
            )
        )
    head = [
        heading(name, sort=False, number=name in ("Success", "Lost", "p"))
        for name in ("Instruction", "Success", "95% interval", "Lost", "95% interval of it", "p")
    ]
    words = "A policy that reads its instruction loses success where it is shuffled or empty only."
    return join(
        tag("h3", "Language"), tag("p", words, class_="soft"), table(head, rows, caption="Success by instruction")
    )


def _points(interval: Sequence[float]) -> str:
    return f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}"


def broken(run: EvaluationRun) -> Markup | None:
    """Episodes that were broken off, by whom and why."""
    found = said.broken_episodes(run)
    if not found:
        return None
    rows = [
        tag(
            "tr",
            cell(mark_of(outcome(one))),
            cell(one.task),
            cell(str(one.seed), value=str(one.seed)),
            cell(one.explanation or "–"),
        )
        for one in found[:200]
    ]
    head = [heading(name) for name in ("Whose", "Task", "Seed", "Why")]
    about = "A fault is the simulator's: such an episode was run once more, and is in no rate. A policy error (it "
    about += "raised, or its action was not finite) is a failure of the policy."
    return section(
        "broken",
        "Broken off",
        table(head, rows, caption="Episodes that were broken off", class_="sortable"),
        about=about,
    )


def episodes(run: EvaluationRun, clips: Sequence[Clip]) -> Markup:
    """Every episode, to filter and sort."""
    rows = said.episode_rows(run, clips)
    columns = said.EPISODE_COLUMNS
    used = [
        i
        for i, name in enumerate(columns)
        if name in ("seed", "outcome") or len({row[i] for row in rows} - {"", None}) > 0
    ]
    hidden = {"instruction"} if len({row[columns.index("instruction")] for row in rows}) < 2 else set[str]()
    if len(run.run.tasks) < 2:
        hidden.add("task")
    numbers = ("seed", "solved at", "steps", "return")
    head = [
        tag(
            "th",
            tag("button", _shown(columns[i]), type="button"),
            scope="col",
            data_column=columns[i],
            class_="number" if columns[i] in numbers else None,
        )
        for i in used
        if columns[i] not in hidden
    ]
    choices = {
        name: list(dict.fromkeys(str(row[columns.index(name)]) for row in rows)) for name in ("task", "arm", "outcome")
    }
    filters = [_filter(name, values) for name, values in choices.items() if len(values) > 1]
    search = tag("label", "Search", tag("input", type="search", id="search", placeholder="seed, words …"))
    pages = tag(
        "div",
        tag("button", "Back", type="button", id="back"),
        tag("button", "Next", type="button", id="next"),
        tag("span", id="count", aria_live="polite"),
        class_="pages",
    )
    body = tag(
        "table",
        tag("caption", "Episodes", class_="unseen"),
        tag("thead", tag("tr", *head)),
        tag("tbody"),
        id="episode-table",
    )
    return section(
        "episodes",
        "Episodes",
        tag("div", *filters, search, class_="filters"),
        tag("div", body, class_="scroll", tabindex="0", role="region", aria_label="Episodes"),
        pages,
        tag("noscript", "This table needs JavaScript; report.json and episodes.jsonl hold the same."),
        data("episode-data", {"columns": columns, "rows": rows}),
    )


def _shown(column: str) -> str:
    """A column's name for people: `compare` speaks of variations, too."""
    return "Variation" if column == "arm" else column.capitalize()


def _filter(name: str, values: Sequence[str]) -> Markup:
    choices = [tag("option", value or "plain", value=f"={value}") for value in values]
    return tag("label", _shown(name), tag("select", tag("option", "any", value="any"), *choices, data_filter=name))


def repeat(run: EvaluationRun) -> Markup:
    """The command, and what ran."""
    command = said.command_of(run)
    shown = tag(
        "div", tag("pre", command, id="command"), tag("button", "Copy", type="button", id="copy"), class_="command"
    )
    tables = [
        tag(
            "details",
            tag("summary", name),
            facts_list(values),
            open=name in ("Policy", "Tasks and seeds") and len(values) < 12,
        )
        for name, values in said.facts(run).items()
        if values
    ]
    return section("repeat", "Run it again", shown if command else None, *tables)


def reading(run: EvaluationRun) -> Markup:
    """What the figures mean."""
    parts = {
        "Interval": _EARLY if said.stopped(run) else _ONE if len(run.run.tasks) == 1 else _SUITE,
        "Pass mark": "Passed means that the interval's lower bound reaches the mark, not that the rate does.",
        "Two reports": "Overlapping intervals do not say that two policies are equal: `lerobot-sim compare` tests "
        "them, seed by seed.",
        "Faults": "Episodes that the simulator broke off are in no rate; those that the policy broke off are failures.",
    }
    return section("reading", "How to read this", facts_list(parts))


_SEEDS = "Another set of seeds gives another rate. In 95 of 100 evaluations the interval holds the policy's true "
_ONE = f"{_SEEDS}success rate: it is the exact one (Clopper and Pearson)."
_SUITE = (
    f"{_SEEDS}success rate: the exact one (Clopper and Pearson) for one task; for several the mean of the tasks' "
    "Wilson intervals at the width of independent tasks: differences between tasks are not taken for chance."
)
_EARLY = (
    f"{_SEEDS}success rate after every episode at once: who may stop at any episode needs one that holds at all of "
    "them, and it is wider. The test of the mark asks less, whether the rate is above or below it, and so may decide "
    "while the interval still holds the mark; in 95 of 100 evaluations it does not decide wrongly, however often it "
    "looks."
)
