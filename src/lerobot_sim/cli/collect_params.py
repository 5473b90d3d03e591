"""`collect --param NAME=VALUE`: the Params of every episode, fixed or drawn by the episode's seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.errors import InputError
from lerobot_sim.evaluation.param_values import arrays_of, named, value_of
from lerobot_sim.lanes import ParamSource
from lerobot_sim.spec import EnvSpec

Ranges = Mapping[str, "tuple[NDArray[Any], NDArray[Any]]"]
"""Name -> least and greatest value, each (1, *shape); the same array twice where it is fixed."""


def ranges_of(spec: EnvSpec, pairs: Sequence[str]) -> Ranges:
    """What the words say of an environment's Params.

    Args:
        spec: The environment's.
        pairs: NAME=VALUE or NAME=LOW:HIGH; a value is a number, a list of numbers, or the name of a choice.

    Raises:
        InputError: No such Param, a value that is none of its, a range that is none, or a name that comes twice.
    """
    found: dict[str, tuple[NDArray[Any], NDArray[Any]]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        name = name.strip()
        if not equals or not name or not text.strip():
            raise InputError(f"--param: expected NAME=VALUE or NAME=LOW:HIGH, '{pair}' came.")
        if name in found:
            raise InputError(f"--param: '{name}' comes twice. Give each Param once.")
        choices = spec.params[name].choices if name in spec.params else None
        if choices:  # their names may hold commas and colons
            chosen = arrays_of(spec, {name: text.strip()})[name]
            found[name] = chosen, chosen
            continue
        first, colon, second = text.partition(":")
        low = arrays_of(spec, {name: value_of(first)})[name]
        high = arrays_of(spec, {name: value_of(second)})[name] if colon else low
        if (low > high).any():
            raise InputError(f"--param: '{name}' expected LOW:HIGH with LOW at most HIGH, '{text}' came.")
        found[name] = low, high
    return found


def settings_of(spec: EnvSpec, ranges: Ranges) -> dict[str, Any]:
    """The same as plain values, sorted by name: a value, or {"low", "high"}."""
    settings: dict[str, Any] = {}
    for name, (low, high) in sorted(ranges.items()):
        least, most = (named(spec, {name: array[0]})[name] for array in (low, high))
        settings[name] = least if (low == high).all() else {"low": least, "high": most}
    return settings


def source_of(ranges: Ranges) -> ParamSource | None:
    """Params of episodes as a pure function of their seeds: uniform in [LOW, HIGH], each element of its own.

    None where nothing was given.
    """
    if not ranges:
        return None

    def draw(seeds: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        values: dict[str, NDArray[Any]] = {}
        for name, (low, high) in ranges.items():
            if (low == high).all():
                values[name] = np.repeat(low, len(seeds), axis=0)
                continue
            share = rng.uniform(seeds, f"collect/param/{name}", shape=low.shape[1:])
            values[name] = np.minimum(low + (high - low) * share, high)  # a sum may round up beyond it
        return values

    return draw
