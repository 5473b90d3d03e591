"""Params that are fields of the model, one value a lane, always from nominal.

Ready-made ones: `contact_params` (mass, friction, restitution), `drive_params` (gain, delay, joints) and `scene_params`
(gravity, air, lights, colours, cameras). Params of one model may share a field, but not the same numbers of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import Param

from .library import mj

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


def ids(model: Any, kind: str, names: Sequence[str]) -> NDArray[np.int64]:
    """Indices of a model's bodies, geoms, joints, actuators, lights or cameras by their names.

    Raises:
        UnknownNameError: There is none of a name; the message lists the nearest.
        InputError: No name came.
    """
    if isinstance(names, str) or not names:
        raise InputError(f"Names of {kind}s are a list with at least one, {names!r} came.")
    object_type = getattr(mj.mjtObj, f"mjOBJ_{kind.upper()}")
    found = [mj.mj_name2id(model, object_type, name) for name in names]
    for name, index in zip(names, found, strict=True):
        if index < 0:
            count = getattr(model, {"joint": "njnt", "actuator": "nu", "camera": "ncam"}.get(kind, f"n{kind}"))
            every = (mj.mj_id2name(model, object_type, i) for i in range(count))
            raise unknown_name(f"{kind} in the model", name, filter(None, every))
    return np.array(found, np.int64)


def names_of(names: Sequence[str]) -> str:
    """Names for people: the first three."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
