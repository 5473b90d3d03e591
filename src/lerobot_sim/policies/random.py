"""The random policy: uniform actions, a pure function of each episode's seed and step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lerobot_sim import rng
from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, LaneClock
from lerobot_sim.spec import Camera, EnvSpec


class RandomPolicy:
    """Uniform actions between the action's bounds."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, spec: EnvSpec) -> None:
        self._action = spec.action
        self._low = np.broadcast_to(np.asarray(spec.action.low, np.float64), spec.action.shape)
        self._high = np.broadcast_to(np.asarray(spec.action.high, np.float64), spec.action.shape)
        if not (np.isfinite(self._low).all() and np.isfinite(self._high).all()):
            raise InputError(f"Random actions need bounds; those of '{spec.id}' are infinite.")
        self._clock = LaneClock()

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._clock.reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        seeds, acts = self._clock.of(len(active))
        fraction = rng.uniform(seeds, "policy/random", acts, shape=self._action.shape)
        self._clock.tick(to_numpy(active))
        action = (self._low + (self._high - self._low) * fraction).astype(self._action.dtype)
        return Decision(like(action, next(iter(observation.values()), action)))


def make(spec: EnvSpec) -> RandomPolicy:
    """A random policy for an environment."""
    return RandomPolicy(spec)
