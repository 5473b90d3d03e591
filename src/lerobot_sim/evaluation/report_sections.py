"""The sections of an evaluation's page that are looked at: figures, plots, videos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

from . import report_data as said
from .report_markup import Markup, cell, heading, join, table, tag
from .report_page import mark_of, section
from .report_plots import curves, heat_maps, strip, whiskers
from .report_videos import RULE, Clip
from .report_words import between, duration, number, outcome, percent
from .results import EpisodeRecord, EvaluationRun
from .summary import EXACT

_STRIP_MOST = 1500
_OUTCOMES = ("success", "failure", "policy error", "fault", "ended")


def header(run: EvaluationRun, summary: Mapping[str, Any]) -> Markup:
    """The title, the figure that counts, and what else is asked first."""
    suite = summary["suite"]
    words, passed = said.verdict(run, suite)
    chip = tag("p", words, class_="verdict" if passed is None else f"verdict {'passed' if passed else 'missed'}")
    if suite["success_rate"] is None:
        main = join(
            tag("p", number(suite["mean_return"]), class_="figure"), tag("p", "mean return; no success is defined")
        )
    else:
        kind = "exact" if len(run.run.tasks) == 1 else "each task weighing the same"
        interval, stopped = suite["interval"], said.stopped(run)
        if stopped:
            interval, kind = (stopped["low"], stopped["high"]), "valid at every look"
        main = join(
            tag("p", percent(suite["success_rate"]), class_="figure"),
            tag("p", tag("b", between(interval)), f" · 95% interval, {kind}"),
            chip if words else None,
            tag("p", f"{suite['successes']} of {suite['valid']} {said.episodes_on(run)} succeeded.", class_="soft"),
        )
    broken = "none" if not suite["faults"] else f"{suite['faults']}, in no rate"
    tiles = {
        "Episodes": f"{suite['episodes']}" + said.so_far(run, summary),
        "Mean return": number(suite["mean_return"]),
        "Mean length": f"{number(suite['mean_length'], 3)} steps",
        "Success at the last step": percent(suite["success_final_rate"]),
        "Policy errors": "none" if not suite["policy_errors"] else f"{suite['policy_errors']}, counted as failures",
        "Simulator faults": broken,
    }
    if len(run.run.tasks) > 1:
        tiles = {"Tasks": str(len(run.run.tasks)), "Time": duration(summary["seconds"]), **tiles}
    shown = [tag("div", tag("dt", name), tag("dd", value)) for name, value in tiles.items()]
    identity = str(run.run.policy.get("identity", ""))
    protocol = f"Protocol {run.run.protocol.get('id', '?')}, version {run.run.protocol.get('version', '?')}"
    return join(
        tag("p", f"Evaluation · {protocol} · {run.run.started[:10]}", class_="eyebrow"),
        tag("h1", said.title(run)),
        tag("p", identity, class_="soft") if identity != run.run.policy.get("argument") else None,
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
        by_task = {task.task: strip_of(run.of(task.task)) for task in run.run.tasks}
        squares = join(
            tag("h3", "Every episode, in the order of the seeds"),
            tag("div", *(join(tag("div", name), one) for name, one in by_task.items()), class_="strips")
            if len(by_task) > 1
            else strip_of(plain),
            tag("p", *marks, class_="key"),
        )
    return section("success", "Success", plot, squares)


def strip_of(records: Sequence[EpisodeRecord]) -> Markup:
    """A square an episode."""
    shown = [(outcome(one), f"{one.task}, seed {one.seed}: {outcome(one)} after {one.length} steps") for one in records]
    counts = Counter(name for name, _ in shown)
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    return strip(shown, label=f"{len(shown)} episodes: {told}; the table below holds them all")


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
            cell(between(task["interval"]), class_="interval"),
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


def videos(run: EvaluationRun, clips: Sequence[Clip], embed_mb: float) -> Markup | None:
    """Failures and successes to look at."""
    if not clips:
        return None
    linked = sum(clip.embedded is None for clip in clips)
    about = f"Chosen by a rule, not by hand. {RULE} Up to {embed_mb:g} MB are inside this page."
    if linked:
        about += f" {linked} files beyond that are linked, and play while they lie beside it."
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
        src=f"data:video/mp4;base64,{clip.embedded}" if clip.embedded else quote(clip.path),
        data_embedded=clip.embedded is not None,
        poster=f"data:image/jpeg;base64,{clip.poster}",
        controls=True,
        loop=True,
        muted=True,
        playsinline=True,
        preload="metadata",
        aria_label=label,
    )
    mark = mark_of(outcome(one), tag("b", clip.chosen.why))
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
    methods = {cell["interval_method"] for cell in summary["grid"]["cells"]}
    exact = "exact " if methods <= {EXACT, None} else ""
    about = f"Success with the same seeds at each place of the grid; the small figures are {exact}95% intervals."
    return section("grid", "Robustness", heat_maps(summary["grid"]), about=about)
