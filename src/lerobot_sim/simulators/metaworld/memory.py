"""All that one MetaWorld environment remembers, taken and put back bit for bit.

Beside the physics, a task keeps numbers of its episode in attributes (what the reward measures from, the observation
before this one) and moves bodies and sites of its model. Attributes that are views into MuJoCo's own arrays follow
the physics by themselves.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
# metaworld and the mujoco that it needs are not among our own packages

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError

_ABSENT, _NONE, _BOOL, _INT, _FLOAT, _FLOAT64, _ARRAY = range(7)
_SCALARS = {_BOOL: bool, _INT: int, _FLOAT: float, _FLOAT64: np.float64}
_MODEL = ("body_pos", "site_pos")
_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION


class Memory:
    """Reads and writes what an environment remembers; its layout is that of the environment when this is made.

    Args:
        env: A SawyerXYZEnv that has been reset and stepped, so that all its attributes are there.
    """

    def __init__(self, env: Any) -> None:
        self._env = env
        self._kept = {name: _shape(value) for name, value in sorted(vars(env).items()) if _is_plain(value)}
        self._dtypes = {name: value.dtype for name, value in vars(env).items() if isinstance(value, np.ndarray)}

    def read(self) -> dict[str, NDArray[Any]]:
        """Copies of all of it, of the same shapes at any time."""
        present = vars(self._env)
        kinds = np.zeros(len(self._kept), np.uint8)
        parts: list[NDArray[np.float64]] = []
        for index, (name, shape) in enumerate(self._kept.items()):
            kinds[index] = _kind(present[name]) if name in present else _ABSENT
            parts.append(_numbers(present.get(name), shape, name))
        model = {name: getattr(self._env.model, name).copy() for name in _MODEL}
        return {"physics": physics_of(self._env), **model, "kinds": kinds, "values": np.concatenate(parts)}

    def write(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Puts back what `read` gave, of this environment or of another of its task.

        Raises:
            InputError: It is something else; nothing has changed then.
        """
        for name, value in self.read().items():
            if name not in state or np.shape(state[name]) != value.shape:
                came = f"shape {np.shape(state[name])}" if name in state else "nothing"
                raise InputError(f"This is no state of this task: '{name}' must have shape {value.shape}, {came} came.")
        at = 0
        for name, shape, kind in zip(self._kept, self._kept.values(), state["kinds"].tolist()):  # noqa: B905  3.10
            size = int(np.prod(shape, dtype=int))
            self._set(name, kind, state["values"][at : at + size].reshape(shape))
            at += size
        for name in _MODEL:
            getattr(self._env.model, name)[:] = state[name]
        set_physics(self._env, state["physics"])

    def _set(self, name: str, kind: int, numbers: NDArray[np.float64]) -> None:
        if kind == _ABSENT:
            vars(self._env).pop(name, None)
        elif kind == _NONE:
            setattr(self._env, name, None)
        elif kind == _ARRAY:
            setattr(self._env, name, numbers.astype(self._dtypes[name]))
        else:
            setattr(self._env, name, _SCALARS[kind](numbers.item()))


def physics_of(env: Any) -> NDArray[np.float64]:
    """Positions, velocities and all else that MuJoCo goes on from."""
    physics = np.zeros(mujoco.mj_stateSize(env.model, _INTEGRATION))
    mujoco.mj_getState(env.model, env.data, physics, _INTEGRATION)
    return physics


def set_physics(env: Any, physics: NDArray[np.float64]) -> None:
    """Sets what `physics_of` gave, and what follows from it."""
    mujoco.mj_setState(env.model, env.data, physics, _INTEGRATION)
    mujoco.mj_forward(env.model, env.data)
    mujoco.mj_setState(env.model, env.data, physics, _INTEGRATION)  # the solver's warm start was overwritten


def plain_attributes(env: Any) -> dict[str, Any]:
    """Copies of an environment's numbers, to be put back by `restore_attributes`."""
    return {name: np.copy(v) if isinstance(v, np.ndarray) else v for name, v in vars(env).items() if _is_plain(v)}


def restore_attributes(env: Any, attributes: Mapping[str, Any]) -> None:
    """Puts numbers back, and removes those that were not there then."""
    for name in [name for name, value in vars(env).items() if _is_plain(value) and name not in attributes]:
        delattr(env, name)
    for name, value in attributes.items():
        setattr(env, name, np.copy(value) if isinstance(value, np.ndarray) else value)


def _is_plain(value: Any) -> bool:
    """Whether a value is a number, nothing, or an array that is no view into MuJoCo's."""
    if isinstance(value, np.ndarray):
        root = value
        while isinstance(root.base, np.ndarray):
            root = root.base
        return bool(root.flags.owndata) and value.dtype.kind == "f"
    return value is None or isinstance(value, (bool, int, float, np.float64))


def _shape(value: Any) -> tuple[int, ...]:
    return value.shape if isinstance(value, np.ndarray) else ()


def _kind(value: Any) -> int:
    if isinstance(value, np.ndarray):
        return _ARRAY
    kinds = ((type(None), _NONE), (bool, _BOOL), (int, _INT), (np.float64, _FLOAT64), (float, _FLOAT))
    return next(kind for known, kind in kinds if isinstance(value, known))


def _numbers(value: Any, shape: tuple[int, ...], name: str) -> NDArray[np.float64]:
    if value is None:
        return np.zeros(int(np.prod(shape, dtype=int)))
    if _shape(value) != shape:
        raise ValueError(f"MetaWorld's attribute '{name}' had the shape {shape} and has {_shape(value)} now")
    return np.ravel(np.asarray(value, np.float64))
