"""The student: a small network from the low-dimensional observation to the action, in NumPy alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import ArrayError, InputError, StorageError
from lerobot_sim.policy import Decision
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec, Feature

from .network import WEIGHTS, Weights, forward
from .npz import read_npz, write_npz
from .threads import one_blas_thread

SCHEMA = 1
"""Of the checkpoint file; raised when a reader of this version could not read it."""

_ROWS_WORTH_A_THREAD = 16  # below, BLAS takes no second thread anyway
_DIMENSIONS = ("state_dim", "action_dim")
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False, kw_only=True)
class MLPPolicy:
    """action = middle + half_range * tanh(...), of the normalised observation; see `policies.network`.

    The network reads (observation - mean) / std, where the observation is `observation.state`, followed by
    `observation.environment_state` where there is one.

    Attributes:
        weights: float32.
        mean: float32 (S,): of the demonstrations' observations.
        std: float32 (S,), positive.
        action_low: float32 (A,): the action at an output of -1.
        action_high: float32 (A,): the action at an output of 1.
        env_id: What it was trained on; "" where that is not known.
        env_version: Likewise; 0 where that is not known.
        summary: How it was trained, JSON-ready.
    """

    weights: Weights
    mean: NDArray[Any]
    std: NDArray[Any]
    action_low: NDArray[Any]
    action_high: NDArray[Any]
    env_id: str = ""
    env_version: int = 0
    summary: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.weights.check()
        own = {name: getattr(self, name) for name in ("mean", "std", "action_low", "action_high")}
        for name, array in own.items():
            size = self.state_dim if name in ("mean", "std") else self.action_dim
            if array.shape != (size,):
                raise ArrayError(
                    f"{name}: expected {size} numbers beside w1 {self.weights.w1.shape}, {array.shape} came."
                )
        for name, array in {**self.weights._asdict(), **own}.items():
            if not np.isfinite(array).all():
                raise InputError(f"{name}: expected finite numbers only.")
        if not (self.std > 0).all():
            raise InputError(f"std: expected positive numbers, {self.std.min()} came.")

    @property
    def state_dim(self) -> int:
        return self.weights.sizes[0]

    @property
    def action_dim(self) -> int:
        return self.weights.sizes[2]

    @property
    def cameras(self) -> Mapping[str, Camera]:
        return {}

    @property
    def batch_invariant(self) -> bool:
        return False  # a matrix product may sum in another order for another number of rows

    def reset(self, lanes: Array = None, seeds: Array = None) -> None:
        """Nothing is remembered between steps."""

    def act(self, observation: Batch, active: Array) -> Decision:
        state = observation[STATE]
        rows = to_numpy(state)
        if ENVIRONMENT_STATE in observation:
            rows = np.concatenate([rows, to_numpy(observation[ENVIRONMENT_STATE])], axis=1)
        return Decision(like(self.actions(rows), state))

    def actions(self, rows: NDArray[Any]) -> NDArray[np.float32]:
        """Actions (n, A) for observations (n, S); always of all rows, so that idle lanes change no sum."""
        if rows.ndim != 2 or rows.shape[1] != self.state_dim:
            raise ArrayError(f"observation: expected shape (lanes, {self.state_dim}), {rows.shape} came.")
        inputs = (rows.astype(np.float32) - self.mean) / self.std
        with one_blas_thread() if len(rows) >= _ROWS_WORTH_A_THREAD else nullcontext():
            output = forward(self.weights, inputs)
        fraction = 0.5 * (output + np.float32(1))
        return self.action_low + fraction * (self.action_high - self.action_low)

    def select_action(self, observation: Any) -> NDArray[np.float32]:
        """The action (A,) for one lane's observation: a vector, or a mapping with LeRobot's or the tutorial's key."""
        if isinstance(observation, Mapping):
            named = cast("Mapping[str, Any]", observation)
            parts = [np.ravel(to_numpy(named[key])) for key in (STATE, "agent_pos", ENVIRONMENT_STATE) if key in named]
            if not parts:
                raise InputError(f"observation: expected '{STATE}' or 'agent_pos', {sorted(named)} came.")
            observation = np.concatenate(parts)
        return self.actions(np.asarray(observation)[None])[0]

    def require(self, spec: EnvSpec) -> None:
        """Refuses an environment that this policy was not trained for.

        Raises:
            InputError: Another id, or other sizes of observation or action.
        """
        if self.env_id and self.env_id != spec.id:
            raise InputError(
                f"This checkpoint was trained on '{self.env_id}', the environment is '{spec.id}'. "
                f"Evaluate it on '{self.env_id}' or train one on '{spec.id}'."
            )
        sizes = observation_size(spec), vector_size("action", spec.action)
        if sizes != (self.state_dim, self.action_dim):
            raise InputError(
                f"This checkpoint belongs to another task: it maps {self.state_dim} numbers to {self.action_dim}, "
                f"'{spec.id}' has an observation of {sizes[0]} and an action of {sizes[1]}."
            )
        if self.env_id and self.env_version != spec.version:
            _logger.warning(
                "The checkpoint was trained on version %d of '%s', this is version %d.",
                self.env_version,
                spec.id,
                spec.version,
            )

    def save(self, path: str | Path) -> None:
        """Writes the policy as .npz, under a temporary name that is renamed when all is on the disk."""
        arrays: dict[str, Any] = dict(zip(WEIGHTS, self.weights, strict=True))
        arrays |= {"state_dim": self.state_dim, "action_dim": self.action_dim, "schema": SCHEMA}
        arrays |= {"observation_mean": self.mean, "observation_std": self.std}
        arrays |= {"action_low": self.action_low, "action_high": self.action_high}
        arrays |= {"env_id": self.env_id, "env_version": self.env_version, "summary": json.dumps(self.summary)}
        write_npz(Path(path), arrays)

    @staticmethod
    def load(path: str | Path) -> MLPPolicy:
        """Reads what `save` wrote, or the tutorial's eight arrays alone: then the observation is not
        normalised and the action lies in [-1, 1].

        Raises:
            StorageError: The file is missing, damaged, or not of a policy.
        """
        stored = read_npz(Path(path), "checkpoint")
        missing = [name for name in (*WEIGHTS, *_DIMENSIONS) if name not in stored]
        if missing:
            raise StorageError(
                f"'{path}' is no checkpoint of an MLP: it lacks {', '.join(missing)}. Train one: lerobot-sim train."
            )
        try:
            return _from_arrays(stored)
        except (ValueError, TypeError) as error:
            raise StorageError(f"'{path}' is a damaged checkpoint. {error}") from error


def make(spec: EnvSpec, checkpoint: str | Path = "") -> MLPPolicy:
    """The policy of a checkpoint, for an environment.

    Raises:
        InputError: No checkpoint is given, or it is for another task.
        StorageError: The file cannot be read.
    """
    if not str(checkpoint):
        raise InputError("The policy 'mlp' needs a checkpoint: checkpoint='…/best_policy.npz', made by training.")
    policy = MLPPolicy.load(checkpoint)
    policy.require(spec)
    return policy


def observation_size(spec: EnvSpec) -> int:
    """How many numbers the policy reads of an environment."""
    if STATE not in spec.observation:
        raise InputError(f"The policy 'mlp' reads '{STATE}'; '{spec.id}' has {', '.join(spec.observation)}.")
    keys = [key for key in (STATE, ENVIRONMENT_STATE) if key in spec.observation]
    return sum(vector_size(key, spec.observation[key]) for key in keys)


def vector_size(name: str, feature: Feature) -> int:
    """Length of a feature that has to be a vector."""
    if len(feature.shape) != 1:
        raise InputError(f"The policy 'mlp' is for vectors; '{name}' has shape {feature.shape}.")
    return feature.shape[0]


def _from_arrays(stored: Mapping[str, NDArray[Any]]) -> MLPPolicy:
    schema = int(stored["schema"]) if "schema" in stored else SCHEMA
    if schema > SCHEMA:
        raise InputError(f"Its schema is {schema}, this version reads up to {SCHEMA}: update lerobot-sim.")
    state_dim, action_dim = (int(stored[name]) for name in _DIMENSIONS)
    weights = Weights(*(_float32(stored[name]) for name in WEIGHTS))
    weights.check()
    if weights.sizes[::2] != (state_dim, action_dim):
        raise InputError(f"It says {(state_dim, action_dim)} inputs and outputs, its weights {weights.sizes[::2]}.")

    def optional(name: str, size: int, default: float) -> NDArray[np.float32]:
        return _float32(stored[name]) if name in stored else np.full(size, default, np.float32)

    return MLPPolicy(
        weights=weights,
        mean=optional("observation_mean", state_dim, 0),
        std=optional("observation_std", state_dim, 1),
        action_low=optional("action_low", action_dim, -1),
        action_high=optional("action_high", action_dim, 1),
        env_id=str(stored["env_id"]) if "env_id" in stored else "",
        env_version=int(stored["env_version"]) if "env_version" in stored else 0,
        summary=json.loads(str(stored["summary"])) if "summary" in stored else {},
    )


def _float32(array: NDArray[Any]) -> NDArray[np.float32]:
    return np.ascontiguousarray(array, np.float32)
