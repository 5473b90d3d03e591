"""A comparison as files: one page of HTML, Markdown and JSON."""

from __future__ import annotations

from pathlib import Path

from .compare import SUCCESS, Comparison
from .compare_text import amount, as_json, between, markdown, p_value, sentences
from .report_markup import Markup, cell, heading, join, table, tag
from .report_page import facts_list, page, section
from .report_plots import Whisker, whiskers
from .results import write_json, write_text


def write_comparison(folder: Path, comparison: Comparison) -> list[Path]:
    """Writes `comparison.html`, `comparison.md` and `comparison.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"comparison.{ending}" for ending in ("html", "md", "json")]
    nav = {"policies": "Policies", "pairs": "Pairs", "reading": "How to read this"}
    names = [one.name for one in comparison.standings]
    who = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) < 4 else f"{len(names)} policies"
    title = f"{who} on {comparison.protocol}"
    header = join(
        tag("p", "Comparison", class_="eyebrow"),
        tag("h1", title),
        *(tag("p", words) for words in sentences(comparison)),
    )
    text = page(title, nav, header, _policies(comparison), _pairs(comparison), _reading(comparison))
    write_text(paths[0], text)
    write_text(paths[1], markdown(comparison))
    write_json(paths[2], as_json(comparison))
    return paths


def _policies(comparison: Comparison) -> Markup:
    plot = None
    if comparison.measure == SUCCESS:
        rows = [
            Whisker(
                label=one.name, value=one.value, low=one.low, high=one.high, note=f"{one.episodes} ep. · {one.letters}"
            )
            for one in comparison.standings
        ]
        plot = whiskers(rows, mark=None, caption="Success rate and 95% interval")
    head = [
        heading("Policy"),
        heading(comparison.measure.capitalize(), number=True),
        heading("95% interval", sort=False),
        heading("Group"),
        heading("Episodes", number=True),
        heading("Policy errors", number=True),
        heading("Faults", number=True),
    ]
    lines = [
        tag(
            "tr",
            tag("th", one.name, scope="row", data_value=one.name),
            cell(amount(comparison, one.value), value=one.value, number=True),
            cell(f"{amount(comparison, one.low)} to {amount(comparison, one.high)}", class_="interval"),
            cell(tag("span", one.letters, class_="letters"), value=one.letters),
            cell(str(one.episodes), value=one.episodes, number=True),
            cell(str(one.policy_errors), value=one.policy_errors, number=True),
            cell(str(one.faults), value=one.faults, number=True),
        )
        for one in comparison.standings
    ]
    about = "Policies that share a letter cannot be told apart."
    return section("policies", "Policies", plot, table(head, lines, caption="Policies", class_="sortable"), about=about)


def _pairs(comparison: Comparison) -> Markup:
    head = [
        heading("Pair"),
        heading("Difference", number=True),
        heading("95% interval", sort=False),
        heading("Solved alone", sort=False),
        heading("p", number=True),
        heading("p (Holm)", number=True),
        heading("Told apart"),
    ]
    lines = [
        tag(
            "tr",
            tag("th", f"{pair.first} − {pair.second}", scope="row", data_value=f"{pair.first} {pair.second}"),
            cell(amount(comparison, pair.difference, signed=True), value=pair.difference, number=True),
            cell(between(comparison, pair), class_="interval"),
            cell("–" if pair.first_only is None else f"{pair.first_only} : {pair.second_only}"),
            cell(p_value(pair.p_value), value=pair.p_value, number=True),
            cell(p_value(pair.adjusted), value=pair.adjusted, number=True),
            cell("yes" if pair.apart else "no"),
        )
        for pair in comparison.pairs
    ]
    return section("pairs", "Pairs", table(head, lines, caption="Pairs", class_="sortable"))


def _reading(comparison: Comparison) -> Markup:
    seeds = "the same seeds, episode by episode" if comparison.paired else "different seeds"
    facts = {
        "Test": f"{comparison.test}, on {seeds}.",
        "p (Holm)": f"Corrected for {len(comparison.pairs)} comparisons: the probability of calling any two equal "
        f"policies different is at most {comparison.alpha:g}. Intervals are each pair's own.",
        "Solved alone": "Seeds that only the first, and that only the second solved. Seeds that both or neither solved "
        "say nothing about who is better.",
        "Folders": "; ".join(f"{one.name}: {one.folder} ({one.policy})" for one in comparison.standings),
    }
    remarks = [tag("li", remark) for remark in comparison.remarks]
    notes = join(tag("h3", "Remarks"), tag("ul", *remarks)) if remarks else None
    return section("reading", "How to read this", facts_list(facts), notes)
