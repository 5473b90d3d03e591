"""How numbers, seeds and endings are written in reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from .results import EpisodeRecord


def percent(value: float | None, digits: int = 1) -> str:
    """A rate; 0% and 100% are only said of what is exactly so."""
    if value is None:
        return "–"
    shown = f"{100 * value:.{digits}f}"
    if float(shown) >= 100 and value < 1:
        shown = f"{100 - 10**-digits:.{digits}f}"
    if float(shown) <= 0 < value:
        shown = f"{10**-digits:.{digits}f}"
    return f"{shown}%"


def between(interval: Sequence[float] | None, digits: int = 1) -> str:
    """An interval of a rate."""
    return "–" if interval is None else f"{percent(interval[0], digits)} to {percent(interval[1], digits)}"


def number(value: float | None, digits: int = 4) -> str:
    """Any measure, with so many digits that count."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}".replace(",", " ")
    return f"{value:.{digits}g}"


def numbers_between(interval: Sequence[float] | None) -> str:
    """An interval of a mean."""
    return "–" if interval is None else f"{number(interval[0])} to {number(interval[1])}"


def duration(seconds: float | None) -> str:
    """Wall clock."""
    if seconds is None:
        return "–"
    if seconds < 100:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def seed_ranges(seeds: Sequence[int]) -> str:
    """Seeds in a row as ranges: 3–5, 9."""
    parts: list[list[int]] = []
    for seed in seeds:
        if parts and seed == parts[-1][1] + 1:
            parts[-1][1] = seed
        else:
            parts.append([seed, seed])
    shown = [str(first) if first == last else f"{first}–{last}" for first, last in parts[:12]]
    return ", ".join(shown) + (f" and {len(parts) - 12} more ranges" if len(parts) > 12 else "")


def outcome(one: EpisodeRecord) -> str:
    """success, failure, policy error (a failure), fault (in no rate), or ended where no success is defined."""
    if one.fault:
        return "fault"
    if one.policy_error:
        return "policy error"
    if one.success is None:
        return "ended"
    return "success" if one.success else "failure"


def flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested settings as rows: "policy.identity" -> its value in words."""
    rows: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            rows |= flat(value, f"{prefix}{name}.")  # pyright: ignore[reportUnknownArgumentType]
        else:
            rows[prefix + name] = _word(value)
    return rows


def _word(value: Any) -> str:
    if value is None or value in ("", {}, []):
        return "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return str(value)
