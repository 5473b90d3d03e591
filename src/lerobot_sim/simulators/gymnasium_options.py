"""Options that say of a gymnasium environment what it does not say itself: what they may be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

from lerobot_sim.errors import InputError
from lerobot_sim.spec import hold_length

from .checks import number, whole


def check_options(given: Mapping[str, Any]) -> None:
    """Refuses values that are of another kind; options that are none of these are left to others.

    Raises:
        InputError: The first of them, with what was expected.
    """
    for key, check in _CHECKS.items():
        if given.get(key) is not None:
            check(key, given[key])


def _text(key: str, value: Any) -> None:
    if not isinstance(value, str) or not value:
        raise InputError(f"{key}: expected a name or words, {value!r} came.")


def _rule(key: str, value: Any) -> None:
    _text(key, value)
    hold_length(value)


def _texts(key: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)):
        raise InputError(f"{key}: expected a list of names, {value!r} came.")
    for name in cast("list[Any]", value):
        _text(key, name)


def _mapping(key: str, value: Any) -> Mapping[Any, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{key}: expected names with a value each, {value!r} came.")
    for name in cast("Mapping[Any, Any]", value):
        _text(key, name)
    return cast("Mapping[Any, Any]", value)


def _names(key: str, value: Any) -> None:
    for path, name in _mapping(key, value).items():
        if name is not None:
            _text(f"{key}.{path}", name)


def _rate(key: str, value: Any) -> None:
    if number(key, value, "steps a second, above 0") <= 0:
        raise InputError(f"{key}: expected steps a second, above 0, {value} came.")


_CHECKS: Mapping[str, Callable[[str, Any], object]] = {
    "module": _text,
    "make_options": _mapping,
    "success_key": _text,
    "success_rule": _rule,
    "metrics": _texts,
    "observation_keys": _names,
    "fps": _rate,
    "max_steps": whole,
    "instruction": _text,
}
