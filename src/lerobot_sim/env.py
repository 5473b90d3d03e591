"""The environment contract: a batch of lanes in lockstep, and the argument checks that all share.

A lane that has ended stays as it is until `reset` names it; nothing resets by itself. Arrays are NumPy on a
CPU environment and torch tensors on a GPU one; `lanes` and `seeds` are always NumPy integers on the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, dtype_name, to_numpy
from .errors import ArrayError, InputError, unknown_name
from .spec import Camera, EnvSpec, Feature, Param

Batch: TypeAlias = "dict[str, Array]"
"""LeRobot key -> array of shape (num_envs, *feature shape)."""

State: TypeAlias = "dict[str, Array]"
"""All that some lanes need to go on exactly; every array leads with len(lanes). Opaque to others."""


class End(IntEnum):
    """Why a lane has ended, or that it has not."""

    RUNNING = 0
    TERMINATED = 1
    """The task's own end, such as a success that ends the episode."""
    TIME_LIMIT = 2
    """The spec's `max_steps` were reached."""
    DIVERGED = 3
    """The physics left the finite numbers; the last good observation stands in."""
    FAULT = 4
    """The simulator died or hung: no word on the policy."""
    OPERATOR = 5
    """A person ended it."""
    POLICY = 6
    """The policy gave an action that is not finite, or raised."""


class Step(NamedTuple):
    """What a step led to; every array leads with num_envs.

    Attributes:
        observation: The state just reached, or the last good one where a lane could not go on.
        reward: float32 (num_envs,); 0 for lanes that were idle.
        success: bool (num_envs,): the task's predicate on the state just reached, never latched.
        end: int64 (num_envs,) of `End`.
        metrics: Further numbers of the task, such as a distance in m.
    """

    observation: Batch
    reward: Array
    success: Array
    end: Array
    metrics: Batch

    @property
    def terminated(self) -> Array:
        """bool (num_envs,): the task ended the episode (gymnasium's word)."""
        return self.end == End.TERMINATED

    @property
    def truncated(self) -> Array:
        """bool (num_envs,): something other than the task ended the episode."""
        return (self.end != End.RUNNING) & (self.end != End.TERMINATED)


class Env(Protocol):
    """A batch of `num_envs` lanes of one task.

    One that can measure more than it does unasked has `measurable`, the names, and a method `measure(names)` as well:
    called before the first reset, it adds them to every `Step.metrics` and changes nothing else.

    Attributes:
        spec: What the environment is.
        num_envs: Number of lanes.
        instructions: The task in words, one a lane.
    """

    @property
    def spec(self) -> EnvSpec: ...
    @property
    def num_envs(self) -> int: ...
    @property
    def instructions(self) -> Sequence[str]: ...

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        """Begins a new episode in `lanes`; the others stay as they are.

        Args:
            lanes: Sorted int indices, without repeats.
            seeds: int64 (len(lanes),).
            params: Values with a leading len(lanes); what is not given is nominal again.

        Returns:
            The observation of all lanes.
        """
        ...

    def step(self, action: Array, active: Array) -> Step:
        """Advances the lanes that are `active` and have not ended by 1/fps s; all others stay put.

        Args:
            action: (num_envs, *spec.action.shape) of the spec's dtype; clipped to the spec's bounds. One that
                is not finite ends its lane as POLICY.
            active: bool (num_envs,).
        """
        ...

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        """Changes Params with when="step" during an episode."""
        ...

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        """Images of `lanes` (all by default): camera's name -> (len(lanes), h, w, channels)."""
        ...

    def get_state(self, lanes: Array) -> State:
        """All that is needed to go on exactly, copied."""
        ...

    def set_state(self, lanes: Array, state: State) -> None:
        """Puts `lanes` where `get_state` was; `lanes` need not be the same ones."""
        ...

    def explain(self, lane: int) -> str:
        """Why the lane ended, or how it stands, in words."""
        ...

    def close(self) -> None:
        """Frees what the environment holds; a second call does nothing."""
        ...


def check_feature(what: str, feature: Feature, array: Array, count: int) -> None:
    """Refuses an array that is not (count, *feature.shape) of the feature's dtype.

    Raises:
        ArrayError: With the shape and dtype that were expected and that came.
    """
    expected = (count, *feature.shape)
    shape = getattr(array, "shape", None)
    if shape is None or not hasattr(array, "dtype"):
        raise ArrayError(f"{what}: expected an array of shape {expected}, a {type(array).__name__} came.")
    if tuple(shape) != expected:
        hint = ""
        if tuple(shape) == feature.shape:
            hint = " One lane too needs its leading axis: action[None]."
        raise ArrayError(f"{what}: expected shape {expected}, (lanes, *feature), {tuple(shape)} came.{hint}")
    if dtype_name(array) != feature.dtype:
        raise ArrayError(
            f"{what}: expected {feature.dtype}, {dtype_name(array)} came. Convert it: astype('{feature.dtype}')."
        )


def check_lanes(num_envs: int, lanes: Array) -> NDArray[np.int64]:
    """`lanes` as int64, or an error unless they are sorted indices below `num_envs` without repeats."""
    given = np.asarray(lanes)
    if given.ndim != 1 or (given.size and not np.issubdtype(given.dtype, np.integer)):
        raise InputError(f"lanes: expected a vector of int indices, {given.dtype} of shape {given.shape} came.")
    result = given.astype(np.int64)
    if result.size and (result[0] < 0 or result[-1] >= num_envs or (np.diff(result) <= 0).any()):
        raise InputError(
            f"lanes: expected sorted indices from 0 to {num_envs - 1} without repeats, {result.tolist()[:20]} came."
        )
    return result


def check_seeds(count: int, seeds: Array) -> NDArray[np.int64]:
    """`seeds` as int64 (count,), or an error."""
    given = np.asarray(seeds)
    if given.shape != (count,) or (count and not np.issubdtype(given.dtype, np.integer)):
        raise InputError(f"seeds: expected {count} integers, one a lane, {given.dtype} of shape {given.shape} came.")
    return given.astype(np.int64)


def check_active(num_envs: int, active: Array) -> None:
    """Refuses a mask that is not bool (num_envs,)."""
    if tuple(getattr(active, "shape", ())) != (num_envs,) or dtype_name(active) != "bool":
        came = f"{getattr(active, 'dtype', type(active).__name__)} of shape {getattr(active, 'shape', '?')}"
        raise ArrayError(f"active: expected a bool mask of shape ({num_envs},), {came} came.")


def check_params(
    spec: EnvSpec, count: int, given: Mapping[str, Array] | None, *, when: str | None = None
) -> dict[str, NDArray[Any]]:
    """The given Params as host arrays, or an error that names the Param.

    Args:
        spec: The environment's.
        count: Number of lanes that they are for.
        given: Name -> array of shape (count, *param.shape).
        when: Refuse Params that may not be changed at this time.

    Returns:
        float64 arrays (int64 for Params with choices), only of the names that were given.
    """
    checked: dict[str, NDArray[Any]] = {}
    for name, value in (given or {}).items():
        if name not in spec.params:
            raise unknown_name(f"Param of '{spec.id}'", name, spec.params)
        param = spec.params[name]
        if when == "step" and param.when != "step":
            free = [key for key, other in spec.params.items() if other.when == "step"]
            raise InputError(f"Param '{name}' is fixed for an episode: give it to reset. Free at a step: {free}.")
        checked[name] = _check_param(name, param, to_numpy(value) if hasattr(value, "dtype") else value, count)
    return checked


def _check_param(name: str, param: Param, value: Any, count: int) -> NDArray[Any]:
    given = np.asarray(value)
    low, high = (0, len(param.choices) - 1) if param.choices else (param.low, param.high)
    if given.shape != (count, *param.shape):
        raise InputError(f"Param '{name}': expected shape {(count, *param.shape)}, {given.shape} came.")
    if given.size and given.dtype.kind not in ("iu" if param.choices else "iuf"):
        what = f"int indices into {list(param.choices)}" if param.choices else "numbers"
        raise InputError(f"Param '{name}': expected {what}, {given.dtype} came.")
    array = given.astype(np.int64 if param.choices else np.float64)
    bad = ~((array >= low) & (array <= high))  # NaN is bad, too
    if bad.any():
        worst = array[bad].ravel()[0]
        most = f"{high} {param.unit}".strip()
        raise InputError(f"Param '{name}': expected values from {low} to {most}, {worst} came.")
    return array


def nominal_params(spec: EnvSpec, count: int) -> dict[str, NDArray[Any]]:
    """Every Param at its nominal value: arrays (count, *param.shape)."""
    result: dict[str, NDArray[Any]] = {}
    for name, param in spec.params.items():
        dtype = np.int64 if param.choices else np.float64
        result[name] = np.broadcast_to(np.asarray(param.nominal, dtype=dtype), (count, *param.shape)).copy()
    return result


def check_cameras(spec: EnvSpec, cameras: Mapping[str, Camera]) -> None:
    """Refuses a camera that the environment does not have."""
    for name in cameras:
        if name not in spec.cameras:
            raise unknown_name(f"camera of '{spec.id}'", name, spec.cameras)
