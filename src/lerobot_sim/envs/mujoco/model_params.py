"""Params that are fields of the model, one value a lane, always from nominal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Param

Fields: TypeAlias = "dict[str, NDArray[Any]]"
"""MjModel's field, or "opt.<name>" -> (n, *shape of the field), nominal until something writes to it."""

SEEN_ONLY = frozenset({"tex_data"})
"""Fields that pictures show and physics has no copies of."""


@dataclass(frozen=True, kw_only=True)
class ModelParam:
    """A Param that changes the model.

    Attributes:
        param: What the environment's spec says of it.
        fields: The model's fields that it writes.
        write: (fields of n lanes, values (n, *param.shape)): changes the fields in place.
        constants: Whether `mj_setConst` must follow, as after masses and inertias.
    """

    param: Param
    fields: tuple[str, ...]
    write: Callable[[Fields, NDArray[Any]], None]
    constants: bool = False


def nominal_field(model: Any, name: str) -> NDArray[Any]:
    """A field's nominal value, copied."""
    owner, _, attribute = name.rpartition(".")
    source = getattr(model, owner) if owner else model
    return np.array(getattr(source, attribute))


def fields_of(model: Any, params: Mapping[str, ModelParam], values: Mapping[str, NDArray[Any]]) -> Fields:
    """Every field that some Param writes, for as many lanes as `values` have rows."""
    if not params:
        return {}
    count = len(next(iter(values.values())))
    names = {name for param in params.values() for name in param.fields}
    fields = {name: np.repeat(nominal_field(model, name)[None], count, axis=0) for name in sorted(names)}
    for name, param in params.items():
        param.write(fields, values[name])
    return fields
