"""Demonstrations as the student's network sees them: checked, normalised, float32."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import ArrayError, InputError
from lerobot_sim.policies.mlp import observation_size, vector_size
from lerobot_sim.spec import EnvSpec

_SMALLEST_STD = 1e-3
"""A coordinate that hardly varied in the demonstrations is not blown up beyond this, in its own unit."""


@dataclass(frozen=True, eq=False)
class Demonstrations:
    """Rows to learn from, and what takes an observation in and brings an action out.

    Attributes:
        inputs: (N, S): (observation - mean) / std.
        wanted: (N, A): actions, mapped from [low, high] to [-1, 1].
        mean: (S,)
        std: (S,)
        low: (A,)
        high: (A,)
    """

    inputs: NDArray[np.float32]
    wanted: NDArray[np.float32]
    mean: NDArray[np.float32]
    std: NDArray[np.float32]
    low: NDArray[np.float32]
    high: NDArray[np.float32]


def normalise(observations: NDArray[Any], actions: NDArray[Any], spec: EnvSpec) -> Demonstrations:
    """Checks and normalises rows of demonstrations; actions beyond their bounds are clipped, as the Env does.

    Args:
        observations: (N, S).
        actions: (N, A).
        spec: The environment's, for the sizes and the action's bounds.

    Raises:
        ArrayError, InputError: Rows that do not fit the spec, are none or not finite.
    """
    sizes = {"observations": observation_size(spec), "actions": vector_size("action", spec.action)}
    for name, array in (("observations", observations), ("actions", actions)):
        if array.ndim != 2 or array.shape[1] != sizes[name]:
            raise ArrayError(f"{name}: expected shape (rows, {sizes[name]}) for '{spec.id}', {array.shape} came.")
        finite = np.isfinite(array).all(axis=1)
        if not finite.all():
            raise InputError(f"{name}: expected finite numbers only, row {int(np.argmin(finite))} holds others.")
    if len(observations) != len(actions):
        raise ArrayError(f"Expected an action for each of {len(observations)} observations, {len(actions)} came.")
    if not len(observations):
        raise InputError("There are no demonstrations to learn from, 0 rows came. Collect some first.")
    low, high = (np.full(sizes["actions"], bound, np.float32) for bound in (spec.action.low, spec.action.high))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise InputError(f"The student's actions need finite bounds, those of '{spec.id}' are {low} and {high}.")
    mean = observations.mean(axis=0, dtype=np.float64).astype(np.float32)
    std = np.maximum(observations.std(axis=0, dtype=np.float64), _SMALLEST_STD).astype(np.float32)
    inputs = (observations.astype(np.float32) - mean) / std  # the very operations of MLPPolicy.actions
    wanted = np.clip((actions - low) / (high - low) * 2 - 1, -1, 1).astype(np.float32)
    return Demonstrations(inputs, wanted, mean, std, low, high)
