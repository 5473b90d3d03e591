"""A comparison as Markdown, as JSON, and as sentences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from .compare import SUCCESS, Comparison, Pair

SCHEMA = 1


def as_json(comparison: Comparison) -> dict[str, Any]:
    """JSON-ready."""
    return {"schema": SCHEMA, **asdict(comparison)}


def sentences(comparison: Comparison) -> list[str]:
    """What was found: of few policies a sentence a pair, of many how the best one stands."""
    pairs, standings = comparison.pairs, comparison.standings
    if len(pairs) <= 3:
        return [sentence(comparison, pair) for pair in pairs]
    best = standings[0].name
    like = [f"'{pair.second}'" for pair in pairs if pair.first == best and not pair.apart]
    what = "highest" if comparison.measure != SUCCESS else "best"
    words = f"'{best}' is {what}, told apart from each of the {len(standings) - 1} others."
    if like:
        words = f"'{best}' is {what}, but cannot be told apart from {', '.join(like)}."
    return [words, f"{sum(pair.apart for pair in pairs)} of {len(pairs)} pairs are told apart."]


def sentence(comparison: Comparison, pair: Pair) -> str:
    """One pair in words."""
    difference = amount(comparison, pair.difference, signed=True)
    p = p_value(pair.adjusted)
    p = f"p {p}" if p.startswith("<") else f"p = {p}"
    verdict = (
        f"'{pair.first}' is {'better' if comparison.measure == SUCCESS else 'higher'} than '{pair.second}'"
        if pair.apart
        else f"'{pair.first}' and '{pair.second}' cannot be told apart"
    )
    counts = ""
    if pair.first_only is not None:
        counts = (
            f"; of {pair.episodes} seeds {pair.first_only} were solved by the first alone, {pair.second_only} by the "
            "second alone"
        )
    return f"{verdict}: {difference} (95% interval {between(comparison, pair)}, {p}{counts})."


def markdown(comparison: Comparison) -> str:
    """The tables, with what has to be said below them."""
    what = "success" if comparison.measure == SUCCESS else comparison.measure
    arm = f", variation {_cell(comparison.arm)}" if comparison.arm else ""
    rows = [
        [
            _cell(one.name),
            f"{amount(comparison, one.value)}",
            f"{amount(comparison, one.low)} to {amount(comparison, one.high)}",
            str(one.episodes),
            one.letters,
        ]
        for one in comparison.standings
    ]
    pair_rows = [
        [
            f"{_cell(pair.first)} − {_cell(pair.second)}",
            amount(comparison, pair.difference, signed=True),
            between(comparison, pair),
            "" if pair.first_only is None else f"{pair.first_only} : {pair.second_only}",
            p_value(pair.p_value),
            p_value(pair.adjusted),
            "yes" if pair.apart else "no",
        ]
        for pair in comparison.pairs
    ]
    seeds = "the same seeds" if comparison.paired else "different seeds"
    lines = [
        f"# Comparison on {_cell(comparison.protocol)}{arm}",
        "",
        *_table(["policy", what, "95% interval", "episodes", "group"], rows),
        "",
        "Policies that share a letter cannot be told apart.",
        "",
        *_table(["pair", "difference", "95% interval", "solved alone", "p", "p (Holm)", "told apart"], pair_rows),
        "",
        f"On {seeds}: {comparison.test}. Holm's steps hold the probability of calling any two equal policies different "
        f"at {comparison.alpha:g}; the intervals are each pair's own.",
        "",
        *(f"- {_cell(remark)}" for remark in comparison.remarks),
    ]
    return "\n".join(lines).rstrip() + "\n"


def between(comparison: Comparison, pair: Pair) -> str:
    """The interval of a difference."""
    high = amount(comparison, pair.high, signed=True)
    return f"{amount(comparison, pair.low, signed=True).removesuffix(' points')} to {high}"


def amount(comparison: Comparison, value: float, *, signed: bool = False) -> str:
    """A rate in percent, a difference of rates in points, any other measure with four digits."""
    sign = "+" if signed and value else ""
    if comparison.measure != SUCCESS:
        return f"{value:{sign}.4g}"
    return f"{100 * value:{sign}.1f} points" if signed else f"{value:.1%}"


def p_value(p: float) -> str:
    """With the digits that mean something."""
    if p < 0.0001:
        return "< 0.0001"
    return f"{p:.4f}" if p < 0.01 else f"{p:.3f}"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [
        "| " + " | ".join(head) + " |",
        "|" + "|".join(" --- " for _ in head) + "|",
        *("| " + " | ".join(row) + " |" for row in rows),
    ]


def _cell(text: str) -> str:
    """Text that cannot break a table or become markup."""
    for sign in "\\`*_<>[]#":
        text = text.replace(sign, "\\" + sign)
    return " ".join(text.split()).replace("|", "\\|")
