"""A scripted expert: a function of the observation, plus noise that is one of seed and act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.policy import Decision, LaneClock
from lerobot_sim.spec import Camera, EnvSpec

Floats: TypeAlias = "NDArray[np.float64]"


class ScriptedExpert:
    """Acts by `decide`, a function of the named numbers of the low-dimensional observation.

    Args:
        spec: The environment's; its features name every number.
        decide: (name -> (n,) float64, all of the observation) -> action (n, A) float64; clipped to its bounds.
        noise: Standard deviation of the Gaussian noise on the action.
        known: (the episodes' seeds (n,)) -> further named numbers, of what the seed draws and nobody can see.
    """

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(
        self,
        spec: EnvSpec,
        decide: Callable[[dict[str, Floats]], Floats],
        noise: float,
        known: Callable[[NDArray[np.int64]], dict[str, Floats]] | None = None,
    ) -> None:
        self._spec = spec
        self._decide = decide
        self._noise = noise
        self._known = known
        self._clock = LaneClock()

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._clock.reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        named: dict[str, Floats] = {}
        for key, feature in self._spec.observation.items():
            rows = to_numpy(observation[key]).astype(np.float64)
            named.update((name, rows[:, i]) for i, name in enumerate(feature.names))
        seeds, acts = self._clock.of(len(active))
        if self._known:
            named.update(self._known(seeds))
        action: NDArray[Any] = self._decide(named)
        if self._noise > 0:
            action = action + self._noise * rng.normal(
                seeds, f"expert/{self._spec.id}", acts, shape=self._spec.action.shape
            )
        self._clock.tick(to_numpy(active))
        action = np.clip(action, self._spec.action.low, self._spec.action.high).astype(self._spec.action.dtype)
        return Decision(like(action, next(iter(observation.values()))))
