"""Plots as HTML and inline SVG: text stays text, sizes follow the page, colours are the style sheet's."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .intervals import wilson
from .report_markup import Markup, join, tag
from .report_words import between, number, percent

_COLOURS = 7
_TICKS = (0, 25, 50, 75, 100)


@dataclass(frozen=True, kw_only=True)
class Whisker:
    """A row of the dot-and-whisker plot; everything is a share, 0 to 1.

    Attributes:
        label: At the left.
        value: The dot.
        low: Where the whisker begins.
        high: Where it ends.
        note: At the right, below the value.
        total: Whether it sums up the others: drawn as a diamond.
    """

    label: str
    value: float
    low: float
    high: float
    note: str = ""
    total: bool = False


def whiskers(rows: Sequence[Whisker], *, mark: float | None, caption: str) -> Markup:
    """Rates with their intervals, one a row, and the pass mark as a dashed line."""
    shown = [
        tag(
            "div",
            tag("div", row.label, class_="whisker-label", title=row.label),
            _track(row, mark),
            tag("div", tag("b", percent(row.value)), tag("span", row.note), class_="whisker-value"),
            class_="whisker total" if row.total else "whisker",
        )
        for row in rows
    ]
    ticks = [tag("span", f"{tick}%", style=f"left:{tick}%") for tick in _TICKS]
    axis = tag("div", tag("div"), tag("div", *ticks, class_="ticks"), tag("div"), class_="whisker axis")
    key = [tag("span", tag("i", class_="key-dot"), "rate and 95% interval")]
    if any(row.total for row in rows):
        key.append(tag("span", tag("i", class_="key-diamond"), "all tasks, each weighing the same"))
    if mark is not None:
        key.append(tag("span", tag("i", class_="key-mark"), f"pass mark {percent(mark, 0)}"))
    return tag("figure", tag("figcaption", caption), *shown, axis, tag("p", *key, class_="key"), class_="plot whiskers")


def _track(row: Whisker, mark: float | None) -> Markup:
    low, high, value = (f"{100 * share:.2f}%" for share in (row.low, row.high, row.value))
    grid = [tag("line", x1=f"{t}%", x2=f"{t}%", y1="0", y2="28", class_="grid") for t in _TICKS]
    at_mark = None
    if mark is not None:
        at_mark = tag("line", x1=f"{100 * mark:.2f}%", x2=f"{100 * mark:.2f}%", y1="0", y2="28", class_="mark")
    caps = [tag("line", x1=x, x2=x, y1="9", y2="19", class_="interval") for x in (low, high)]
    dot = tag("circle", cx=value, cy="14", r="5", class_="dot")
    if row.total:
        diamond = tag("path", d="M0 7 L7 0 L14 7 L7 14 Z", class_="dot")
        dot = tag("svg", diamond, x=value, y="7", width="14", height="14", overflow="visible", class_="diamond")
    words = f"{row.label}: {percent(row.value)}, interval {between((row.low, row.high))}"
    return tag(
        "svg",
        tag("title", words),
        *grid,
        at_mark,
        tag("line", x1=low, x2=high, y1="14", y2="14", class_="interval"),
        *caps,
        dot,
        class_="track",
        height="28",
        role="img",
        aria_label=words,
    )


@dataclass(frozen=True, kw_only=True)
class Curve:
    """Share of episodes that have succeeded by a time.

    Attributes:
        label: Whose.
        times: s of first successes, in order.
        episodes: All that count, solved or not.
        until: s at which the longest episode ends.
        shares: Of all episodes that have succeeded after each of the times.
        total: Whether it sums up the others.
    """

    label: str
    times: Sequence[float]
    episodes: int
    until: float
    shares: Sequence[float]
    total: bool = False

    @property
    def reached(self) -> float:
        """The share in the end."""
        return self.shares[-1] if self.shares else 0.0


def curve_of(label: str, times: Sequence[float], episodes: int, until: float) -> Curve:
    """The curve of one task."""
    shares = [(i + 1) / episodes for i in range(len(times))]
    return Curve(label=label, times=times, episodes=episodes, until=until, shares=shares)


def mean_curve(label: str, rows: Sequence[Curve]) -> Curve:
    """The mean of several tasks' curves, each weighing the same."""
    steps = sorted((time, 1 / row.episodes / len(rows)) for row in rows for time in row.times)
    shares = list(itertools.accumulate(weight for _, weight in steps))
    return Curve(
        label=label,
        times=[time for time, _ in steps],
        episodes=sum(row.episodes for row in rows),
        until=max(row.until for row in rows),
        shares=shares,
        total=True,
    )


def curves(rows: Sequence[Curve], *, caption: str) -> Markup:
    """Step lines from 0 up to the share of episodes in which the success was ever reached."""
    end = max(row.until for row in rows) or 1.0
    many = sum(not row.total for row in rows) > _COLOURS
    lines: list[Markup] = []
    if len(rows) == 1:
        lines.append(tag("path", d=_band(rows[0], end), class_="band"))
    for i, row in enumerate(rows):
        name = "total" if row.total else "faint" if many else f"colour-{i + 1}"
        words = f"{row.label}: {percent(row.reached)}"
        lines.append(tag("path", tag("title", words), d=_steps(row, end), class_=f"line {name}"))
    grid = [tag("line", x1="0", x2="100", y1=str(y), y2=str(y), class_="grid") for y in _TICKS]
    words = "; ".join(f"{row.label}: {percent(row.reached)} in the end" for row in rows[:12])
    svg = tag("svg", *grid, *lines, viewBox="0 0 100 100", preserveAspectRatio="none", role="img", aria_label=words)
    ups = [tag("span", f"{t}%", style=f"bottom:{t}%") for t in _TICKS]
    times = [tag("span", f"{number(end * t / 100, 3)} s", style=f"left:{t}%") for t in _TICKS]
    single = [(f"colour-{i + 1}", row.label) for i, row in enumerate(rows) if not row.total]
    named = [("faint", "a task; point at it to see which")] if many else single
    named += [("total", row.label) for row in rows if row.total]
    key = [tag("span", tag("i", class_=f"key-line {name}"), words) for name, words in named]
    if len(rows) == 1:
        key.append(tag("span", tag("i", class_="key-band"), "95% interval at each time (Wilson)"))
    return tag(
        "figure",
        tag("figcaption", caption),
        tag("div", tag("div", *ups, class_="ups"), svg, tag("div", *times, class_="ticks"), class_="frame"),
        tag("p", *key, class_="key"),
        class_="plot curves",
    )


def _steps(row: Curve, end: float) -> str:
    points, before = ["M0 100"], 0.0
    for time, share in zip(row.times, row.shares, strict=True):
        x = 100 * time / end
        points.append(f"L{x:.3f} {100 - 100 * before:.3f} L{x:.3f} {100 - 100 * share:.3f}")
        before = share
    return " ".join([*points, f"L{100 * row.until / end:.3f} {100 - 100 * before:.3f}"])


def _band(row: Curve, end: float) -> str:
    times = [0.0, *row.times, row.until]
    low: list[str] = []
    high: list[str] = []
    for i in range(len(times) - 1):
        bounds = wilson(min(i, len(row.times)), row.episodes)
        for x in (times[i], times[i + 1]):
            low.append(f"{100 * x / end:.3f} {100 - 100 * bounds[0]:.3f}")
            high.append(f"{100 * x / end:.3f} {100 - 100 * bounds[1]:.3f}")
    return "M" + " L".join([*low, *reversed(high)]) + " Z"


def strip(outcomes: Sequence[tuple[str, str]], *, label: str) -> Markup:
    """A little square an episode, in the order of the seeds.

    Args:
        outcomes: (outcome, words) of each.
        label: What they are, for those who hear the page.
    """
    squares = [tag("i", class_=f"square {name.replace(' ', '-')}", title=words) for name, words in outcomes]
    return tag("div", *squares, class_="strip", role="img", aria_label=label)


def heat_maps(grid: Mapping[str, Any]) -> Markup:
    """Success over a grid of Params: a table of coloured cells, one for each combination of further axes."""
    axes: Sequence[Mapping[str, Any]] = grid["axes"]
    cells = {_place(cell["params"], axes): cell for cell in grid["cells"]}
    further = [()]
    for axis in axes[2:]:
        further = [(*place, value) for place in further for value in axis["values"]]
    maps: list[Markup] = []
    for place in further:
        words = ", ".join(f"{axis['name']} {_value(v)}" for axis, v in zip(axes[2:], place, strict=True))
        maps.append(_heat_map(axes, cells, place, words))
    scale = [tag("i", style=f"background:{shade(i / 10)}") for i in range(11)]
    return join(*maps, tag("p", "0% ", tag("span", *scale, class_="scale"), " 100%", class_="key"))


def _heat_map(
    axes: Sequence[Mapping[str, Any]], cells: Mapping[Any, Any], place: tuple[Any, ...], words: str
) -> Markup:
    across = axes[1] if len(axes) > 1 else None
    columns = across["values"] if across else [None]
    head = [tag("th", _named(axes[0]), scope="col")]
    head += [tag("th", _value(v) if across else "success", scope="col") for v in columns]
    rows: list[Markup] = []
    for v in axes[0]["values"]:
        own = [_heat_cell(cells.get((str(v), *([str(w)] if across else []), *map(str, place)))) for w in columns]
        rows.append(tag("tr", tag("th", _value(v), scope="row"), *own))
    above = [tag("tr", tag("td"), tag("th", _named(across), colspan=len(columns), scope="colgroup"))] if across else []
    caption = tag("caption", words or "Success rate over the grid")
    body = tag("table", caption, tag("thead", *above, tag("tr", *head)), tag("tbody", *rows), class_="heat")
    return tag("div", body, class_="scroll", tabindex="0", role="region", aria_label=words or "Robustness grid")


def _heat_cell(cell: Mapping[str, Any] | None) -> Markup:
    if cell is None or cell["success_rate"] is None:
        return tag("td", "–")
    rate = cell["success_rate"]
    style = f"background:{shade(rate)};color:{'#fff' if rate < 0.55 else '#111'}"
    words = f"{cell['successes']} of {cell['valid']} episodes, 95% interval {between(cell['interval'])}"
    return tag("td", percent(rate, 0), tag("small", between(cell["interval"], 0)), style=style, title=words)


def shade(rate: float) -> str:
    """From dark blue (0) over grey to yellow (1): ordered by lightness, and so without any colour vision too."""
    stops = ((0, 34, 78), (53, 69, 108), (102, 105, 112), (148, 142, 119), (200, 184, 102), (254, 232, 56))
    place = min(max(rate, 0.0), 1.0) * (len(stops) - 1)
    i = min(int(place), len(stops) - 2)
    mixed = (round(a + (b - a) * (place - i)) for a, b in zip(stops[i], stops[i + 1], strict=True))
    return "#" + "".join(f"{part:02x}" for part in mixed)


def _place(params: Mapping[str, Any], axes: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    return tuple(str(params[axis["name"]]) for axis in axes)


def _value(value: Any) -> str:
    return number(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else str(value)


def _named(axis: Mapping[str, Any]) -> str:
    return f"{axis['name']} / {axis['unit']}" if axis.get("unit") else str(axis["name"])
