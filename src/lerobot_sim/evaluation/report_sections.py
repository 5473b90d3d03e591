"""The sections of an evaluation's page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from . import report_data as said
from .report_markup import Markup, cell, heading, join, table, tag
from .report_page import data, facts_list, section
from .report_plots import curves, heat_maps, strip, whiskers
from .report_videos import RULE, Clip
from .report_words import between, duration, number, numbers_between, outcome, percent
from .results import EvaluationRun

_STRIP_MOST = 1500
_OUTCOMES = ("success", "failure", "policy error", "fault", "ended")


def header(run: EvaluationRun, summary: Mapping[str, Any]) -> Markup:
    """The title, the figure that counts, and what else is asked first."""
    suite = summary["suite"]
    words, passed = said.verdict(suite)
    chip = tag("p", words, class_="verdict passed" if passed else "verdict missed") if words else None
    if suite["success_rate"] is None:
        main = join(
            tag("p", number(suite["mean_return"]), class_="figure"), tag("p", "mean return; no success is defined")
        )
    else:
        kind = "exact" if len(run.run.tasks) == 1 else "each task weighing the same"
        main = join(
            tag("p", percent(suite["success_rate"]), class_="figure"),
            tag("p", tag("b", f"{between(suite['interval'])}"), f" · 95% interval, {kind}"),
            chip,
            tag("p", f"{suite['successes']} of {suite['valid']} episodes on held-out seeds succeeded.", class_="soft"),
        )
    broken = "none" if not suite["faults"] else f"{suite['faults']}, in no rate"
    tiles = {
        "Episodes": f"{suite['episodes']}" + ("" if summary["complete"] else f" so far, of {summary['wanted']}"),
        "Mean return": number(suite["mean_return"]),
        "Mean length": f"{number(suite['mean_length'], 3)} steps",
        "Success at the last step": percent(suite["success_final_rate"]),
        "Policy errors": "none" if not suite["policy_errors"] else f"{suite['policy_errors']}, counted as failures",
        "Simulator faults": broken,
    }
    if len(run.run.tasks) > 1:
        tiles = {"Tasks": str(len(run.run.tasks)), "Time": duration(summary["seconds"]), **tiles}
    shown = [tag("div", tag("dt", name), tag("dd", value)) for name, value in tiles.items()]
    protocol = f"Protocol {run.run.protocol.get('id', '?')}, version {run.run.protocol.get('version', '?')}"
    return join(
        tag("p", f"Evaluation · {protocol} · {run.run.started[:10]}", class_="eyebrow"),
        tag("h1", said.title(run)),
        tag(
            "div",
            tag("div", main, class_="card"),
            tag("div", tag("dl", *shown, class_="tiles"), class_="card"),
            class_="hero",
        ),
    )


def success(run: EvaluationRun, summary: Mapping[str, Any]) -> Markup | None:
    """Rates with intervals, and every episode as a square."""
    rows = said.whisker_rows(run, summary)
    if not rows:
        return None
    plot = whiskers(rows, mark=summary["suite"]["success_threshold"], caption="Success rate and 95% interval")
    plain = run.of()
    squares = None
    if len(plain) <= _STRIP_MOST:
        names = {outcome(one) for one in plain}
        marks = [
            tag("span", tag("i", class_=f"square {name.replace(' ', '-')}"), name)
            for name in _OUTCOMES
            if name in names
        ]
        shown = [
            (outcome(one), f"{one.task}, seed {one.seed}: {outcome(one)} after {one.length} steps") for one in plain
        ]
        squares = join(
            tag("h3", "Every episode, in the order of the seeds"),
            strip(shown, label=f"{len(plain)} episodes; the table below holds them all"),
            tag("p", *marks, class_="key"),
        )
    return section("success", "Success", plot, squares)


def tasks(summary: Mapping[str, Any]) -> Markup | None:
    """A sortable table of the tasks."""
    entries = [task for task in summary["tasks"] if task["arm"] == ""]
    if len(entries) < 2:
        return None
    head = [
        heading("Task"),
        *(heading(name, number=True) for name in ("Success", "Episodes", "At the end", "Return", "Steps")),
    ]
    head.insert(2, heading("95% interval", sort=False))
    rows = [
        tag(
            "tr",
            tag("th", task["task"], scope="row", data_value=task["task"]),
            cell(percent(task["success_rate"]), value=task["success_rate"], number=True),
            cell(between(task["interval"])),
            cell(str(task["valid"]), value=task["valid"], number=True),
            cell(percent(task["success_final_rate"]), value=task["success_final_rate"], number=True),
            cell(number(task["mean_return"]), value=task["mean_return"], number=True),
            cell(number(task["mean_length"], 3), value=task["mean_length"], number=True),
        )
        for task in entries
    ]
    return section("tasks", "Tasks", table(head, rows, caption="Tasks", class_="sortable"))


def time_to_success(run: EvaluationRun) -> Markup | None:
    """How soon."""
    rows = said.curve_rows(run)
    if not rows:
        return None
    about = "The share of all episodes in which the success was seen by then, in simulated time. A curve that is still "
    about += "rising at the end says that the time limit decides."
    return section(
        "time", "Time to success", curves(rows, caption="Share of episodes solved by this time"), about=about
    )


def videos(run: EvaluationRun, clips: Sequence[Clip]) -> Markup | None:
    """Failures and successes to look at."""
    if not clips:
        return None
    linked = sum(clip.embedded is None for clip in clips)
    about = "Chosen by a rule, not by hand. " + RULE
    if linked:
        about += f" {linked} files that would make this page too large are linked, and play while they lie beside it."
    cards = [_card(run, i, clip) for i, clip in enumerate(clips)]
    button = tag("button", "Play all", type="button", id="play")
    return section(
        "videos", "Failures and successes to look at", button, tag("div", *cards, class_="clips"), about=about
    )


def _card(run: EvaluationRun, place: int, clip: Clip) -> Markup:
    one = clip.chosen.episode
    label = f"{one.task}, seed {one.seed}: {clip.chosen.why}"
    video = tag(
        "video",
        src=f"data:video/mp4;base64,{clip.embedded}" if clip.embedded else clip.path,
        data_embedded=clip.embedded is not None,
        controls=True,
        loop=True,
        muted=True,
        playsinline=True,
        preload="metadata",
        aria_label=label,
    )
    mark = tag(
        "span", tag("i", class_=f"square {outcome(one).replace(' ', '-')}"), tag("b", clip.chosen.why), class_="outcome"
    )
    what = [one.task] if len(run.run.tasks) > 1 else []
    if one.arm:
        what.append(one.arm)
    solved = f"solved at step {one.first_success_step}" if one.first_success_step is not None else "never solved"
    what += [f"seed {one.seed}", f"{one.length} steps, {solved}"]
    words = tag("p", *(join(line, tag("br")) for line in what), class_="soft")
    said_why = tag("p", one.explanation) if one.explanation else None
    return tag("figure", video, tag("figcaption", mark, words, said_why), class_="clip", id=f"clip-{place}")


def grid(summary: Mapping[str, Any]) -> Markup | None:
    """Success over Params."""
    if not summary["grid"]:
        return None
    about = "Success with the same seeds at each place of the grid; the small figures are exact 95% intervals."
    return section("grid", "Robustness", heat_maps(summary["grid"]), about=about)


def metrics(summary: Mapping[str, Any]) -> Markup | None:
    """Means of everything else that was measured."""
    suite = summary["suite"]
    rows = [_metric_row("return", "", suite["mean_return"], suite["return_interval"], suite["valid"], "more")]
    rows += [
        _metric_row(name, value.get("unit", ""), value["mean"], value["interval"], value["n"], value.get("better", ""))
        for name, value in suite["metrics"].items()
    ]
    for name, entry in summary["compared"].items():
        for part, value in entry.items():
            if isinstance(value, dict) and "mean" in value:
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
        _language(language) if language else None,
        about="Means over the episodes, each task weighing the same, with bootstrap intervals.",
    )


def _metric_row(name: str, unit: str, mean: float | None, interval: Any, count: int, better: str) -> Markup:
    return tag(
        "tr",
        tag("th", f"{name} / {unit}" if unit else name, scope="row", data_value=name),
        cell(number(mean), value=mean, number=True),
        cell(numbers_between(interval)),
        cell(better or "–", value=better),
        cell(str(count), value=count, number=True),
    )


def _language(entry: Mapping[str, Any]) -> Markup:
    rows: list[Markup] = []
    for variant, value in entry.items():
        loss = value.get("conditioning")
        rows.append(
            tag(
                "tr",
                tag("th", variant, scope="row"),
                cell(percent(value["success_rate"]), number=True),
                cell(between(value["interval"])),
                cell("–" if loss is None else f"{100 * loss:+.1f} points", number=True),
                cell("–" if loss is None else f"{value['p_value']:.3g}", number=True),
            )
        )
    head = [
        heading(name, sort=False, number=name in ("Success", "Lost", "p"))
        for name in ("Instruction", "Success", "95% interval", "Lost", "p")
    ]
    words = (
        "A policy that reads its instruction loses success where it is shuffled or empty, none where it is paraphrased."
    )
    return join(
        tag("h3", "Language"), tag("p", words, class_="soft"), table(head, rows, caption="Success by instruction")
    )


def broken(run: EvaluationRun) -> Markup | None:
    """Episodes that were broken off, by whom and why."""
    found = said.broken_episodes(run)
    if not found:
        return None
    rows = [
        tag(
            "tr",
            cell(_mark(outcome(one))),
            cell(one.task),
            cell(str(one.seed), value=str(one.seed)),
            cell(one.explanation or "–"),
        )
        for one in found[:200]
    ]
    head = [heading(name) for name in ("Whose", "Task", "Seed", "Why")]
    about = "A fault is the simulator's: such an episode was run once more, and is in no rate. A policy error (it raised, or "
    about += "its action was not finite) is a failure of the policy."
    return section(
        "broken",
        "Broken off",
        table(head, rows, caption="Episodes that were broken off", class_="sortable"),
        about=about,
    )


def _mark(name: str) -> Markup:
    return tag("span", tag("i", class_=f"square {name.replace(' ', '-')}"), name, class_="outcome")


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
            tag("button", columns[i].capitalize(), type="button"),
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


def _filter(name: str, values: Sequence[str]) -> Markup:
    choices = [tag("option", value or "plain", value=f"={value}") for value in values]
    return tag("label", name.capitalize(), tag("select", tag("option", "any", value="any"), *choices, data_filter=name))


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


def reading() -> Markup:
    """What the figures mean."""
    parts = {
        "Interval": "Another set of seeds gives another rate. In 95 of 100 evaluations the interval holds the policy's true "
        "success rate: exactly computed (Clopper and Pearson) for one task; for several the mean of the tasks' Wilson intervals "
        "at the width of independent tasks, so that differences between tasks are not taken for chance.",
        "Pass mark": "Passed means that the interval's lower bound reaches the mark, not that the rate does.",
        "Two reports": "Overlapping intervals do not say that two policies are equal. `lerobot-sim compare` tests them on the same "
        "seeds.",
        "Faults": "Episodes that the simulator broke off are in no rate; episodes that the policy broke off are failures.",
    }
    return section("reading", "How to read this", facts_list(parts))
