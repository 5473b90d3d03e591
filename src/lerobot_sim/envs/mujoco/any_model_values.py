"""Readers of the values in a configuration: each says by its key what was expected and what came."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from lerobot_sim.errors import InputError, unknown_name

Reader: TypeAlias = Callable[[str, Any], Any]
"""(key, value as it came) -> value; raises InputError."""


class _WrongKindError(InputError):
    """Another kind of value was expected: the next reader of `either` may take it."""

    def __init__(self, key: str, expected: str, came: Any) -> None:
        super().__init__(f"'{key}': expected {expected}, {came!r} came.")
        self.key = key
        self.expected = expected


def _wrong(key: str, expected: str, came: Any) -> _WrongKindError:
    return _WrongKindError(key, expected, came)


def text(key: str, value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str) or not value:
        raise _wrong(key, "a text", value)
    return value


def boolean(key: str, value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(key, "true or false", value)
    return value


def number(key: str, value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _wrong(key, "a number", value)
    return float(value)


def positive(key: str, value: Any) -> float:
    """A number above 0."""
    if number(key, value) <= 0:
        raise InputError(f"'{key}': expected a number above 0, {value!r} came.")
    return float(value)


def integer(key: str, value: Any) -> int:
    """A whole number above 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise _wrong(key, "a whole number above 0", value)
    return value


def point(key: str, value: Any) -> tuple[float, ...]:
    """Three numbers."""
    if not isinstance(value, (list, tuple)) or len(value) != 3:  # pyright: ignore[reportUnknownArgumentType]
        raise _wrong(key, "three numbers in m", value)
    return tuple(number(key, part) for part in value)  # pyright: ignore[reportUnknownVariableType]


def choice(*names: str) -> Reader:
    """One of some words."""

    def read(key: str, value: Any) -> str:
        if not isinstance(value, str):
            raise _wrong(key, " or ".join(f"'{name}'" for name in names), value)
        if value not in names:
            raise unknown_name(f"value of '{key}'", value, names)
        return value

    return read


def list_of(reader: Reader) -> Reader:
    """A list whose members are each read by `reader`."""

    def read(key: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(value, (list, tuple)):
            raise _wrong(key, "a list", value)
        return tuple(reader(f"{key}[{index}]", part) for index, part in enumerate(value))  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    return read


def table_of(reader: Reader) -> Reader:
    """A table of any keys whose values are each read by `reader`."""

    def read(key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(key, "a table", value)
        return {str(name): reader(f"{key}.{name}", part) for name, part in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    return read


def one_of_tables(readers: Mapping[str, Reader], needed: str | None = None) -> Reader:
    """A table of known keys, each with its reader; `needed` must be among them."""

    def read(key: str, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise _wrong(key, "a table", value)
        for name in value:  # pyright: ignore[reportUnknownVariableType]
            if name not in readers:
                raise unknown_name(f"key of '{key}'", str(name), readers)  # pyright: ignore[reportUnknownArgumentType]
        if needed and needed not in value:
            raise InputError(f"'{key}' needs the key '{needed}'; it has: {', '.join(value) or 'none'}.")  # pyright: ignore[reportUnknownArgumentType]
        return {name: readers[name](f"{key}.{name}", part) for name, part in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]

    return read


def either(*readers: Reader) -> Reader:
    """What the first reader that takes such a kind of value makes of it."""

    def read(key: str, value: Any) -> Any:
        expected: list[str] = []
        for reader in readers:
            try:
                return reader(key, value)
            except _WrongKindError as error:
                if error.key != key:
                    raise  # a part of the value is wrong
                expected.append(error.expected)
        raise _wrong(key, " or ".join(expected), value)

    return read
