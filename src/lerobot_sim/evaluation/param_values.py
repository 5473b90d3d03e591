"""Params as people write them, and as an environment takes them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import check_params
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import EnvSpec, Param


def value_of(text: str) -> Any:
    """A number, a list of numbers ("0,0,-9.81" or JSON's "[0, 0, -9.81]"), else the text: the name of a choice."""
    stripped = text.strip()
    try:
        if stripped.startswith("["):
            return json.loads(stripped)
        numbers = [float(part) for part in stripped.split(",")]
    except ValueError:
        return stripped
    return numbers if len(numbers) > 1 else numbers[0]


def arrays_of(spec: EnvSpec, values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Params of one lane as the environment takes them, (1, *shape), from numbers, lists and names of choices.

    Raises:
        InputError: No such Param, or a value that is none of its.
    """
    found: dict[str, NDArray[Any]] = {}
    for name, value in values.items():
        if name not in spec.params:
            if not spec.params:
                raise InputError(f"'{spec.id}' has no Params; '{name}' came.")
            raise unknown_name(f"Param of '{spec.id}'", name, spec.params)
        found[name] = _array(spec, name, spec.params[name], value)
    return dict(check_params(spec, 1, found))


def named(spec: EnvSpec, values: Mapping[str, NDArray[Any]]) -> dict[str, Any]:
    """One lane's Params as JSON-ready numbers and names of choices."""
    result: dict[str, Any] = {}
    for name, value in values.items():
        choices = spec.params[name].choices
        result[name] = choices[int(value)] if choices and value.ndim == 0 else value.tolist()
    return result


def _array(spec: EnvSpec, name: str, param: Param, value: Any) -> NDArray[Any]:
    if param.choices:
        if not isinstance(value, str) or value not in param.choices:
            raise unknown_name(f"choice of '{spec.id}' for '{name}'", str(value), param.choices)
        return np.full((1, *param.shape), param.choices.index(value), np.int64)
    if isinstance(value, str):
        raise InputError(f"Param '{name}' of '{spec.id}': expected a number, '{value}' came.")
    try:
        array = np.broadcast_to(np.asarray(value, np.float64), (1, *param.shape)).copy()
    except (ValueError, TypeError):
        what = f"a number or {list(param.shape)} of them" if param.shape else "a number"
        raise InputError(f"Param '{name}' of '{spec.id}': expected {what}, {value} came.") from None
    if not np.isfinite(array).all():
        raise InputError(f"Param '{name}' of '{spec.id}': expected finite numbers, {value} came.")
    return array
