"""Checks of options that come out of files and command lines, where anything may stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, cast

from lerobot_sim.errors import InputError

LARGEST = 2**31 - 1


def whole(key: str, value: Any, least: int = 1) -> int:
    """A whole number of at least `least`.

    Raises:
        InputError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST:
        raise InputError(f"{key}: expected a whole number of at least {least}, {value!r} came.")
    return value


def number(key: str, value: Any, expected: str = "a number", low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`.

    Raises:
        InputError: It is none; `expected` says what would do.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{key}: expected {expected}, {value!r} came.")
    if not low <= value <= high:
        raise InputError(f"{key}: expected {expected}, {value} came.")
    return float(value)


def numbers(key: str, value: Any, expected: str, count: int) -> list[float]:
    """`count` finite numbers.

    Raises:
        InputError: They are none; `expected` says what would do.
    """
    items = list(cast("Sequence[Any]", value)) if isinstance(value, (list, tuple)) else []
    if len(items) != count:
        raise InputError(f"{key}: expected {expected}, {value!r} came.")
    return [number(key, item, expected) for item in items]
