"""A scripted expert: a function of the observation, plus noise that is one of seed and act."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, LaneClock
from lerobot_sim.spec import STATE, Camera, EnvSpec

Floats: TypeAlias = "NDArray[np.float64]"


class ScriptedExpert:
    """Acts by `decide`, a function of the named numbers of the low-dimensional observation.

    Args:
        spec: The environment's; its features name every number.
        decide: (name -> (n,) float64, all of the observation) -> action (n, A) float64; clipped to its bounds. See
            `of_state` for a function of one array.
        noise: Standard deviation of the Gaussian noise on the action.
        known: (the episodes' seeds (n,)) -> further named numbers, of what the seed draws and nobody can see.
        stream: Name of the noise's random numbers; by the environment's id by default.
        drawn_at_once: Acts whose noise is drawn in one call, for it costs per call more than per number. What is
            drawn depends on it.

    Raises:
        InputError: The noise is negative or not finite.
    """

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(
        self,
        spec: EnvSpec,
        decide: Callable[[dict[str, Floats]], Floats],
        noise: float,
        known: Callable[[NDArray[np.int64]], dict[str, Floats]] | None = None,
        stream: str = "",
        drawn_at_once: int = 1,
    ) -> None:
        if not 0 <= noise < np.inf:
            raise InputError(f"noise: expected a standard deviation of at least 0, {noise} came.")
        self._spec = spec
        self._decide = decide
        self._noise = noise
        self._known = known
        self._stream = stream or f"expert/{spec.id}"
        self._clock = LaneClock()
        self._drawn: Floats = np.zeros((0, drawn_at_once, *spec.action.shape))

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._clock.reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        named: dict[str, Floats] = {}
        for key, feature in self._spec.observation.items():
            rows = named[key] = to_numpy(observation[key]).astype(np.float64)
            named.update((name, rows[:, i]) for i, name in enumerate(feature.names))
        if self._known:
            named.update(self._known(self._clock.of(len(active))[0]))
        action = self._decide(named)
        live = to_numpy(active)
        if self._noise > 0:
            action = action + self._noise * self._normal(live)
        self._clock.tick(live)
        action = np.clip(action, self._spec.action.low, self._spec.action.high).astype(self._spec.action.dtype)
        return Decision(like(action, next(iter(observation.values()))))

    def _normal(self, active: NDArray[np.bool_]) -> Floats:
        """Standard normal numbers (n, A) of each active lane's present act."""
        count, at_once = len(active), self._drawn.shape[1]
        if len(self._drawn) < count:
            more = np.zeros((count - len(self._drawn), *self._drawn.shape[1:]))
            self._drawn = np.concatenate([self._drawn, more])
        seeds, acts = self._clock.of(count)
        column = acts % at_once
        due = np.flatnonzero(active & (column == 0))
        if len(due):
            shape = self._drawn.shape[1:]
            self._drawn[due] = rng.normal(seeds[due], self._stream, acts[due] // at_once, shape=shape)
        return self._drawn[np.arange(count), column]


def of_state(decide: Callable[[Floats], Floats]) -> Callable[[dict[str, Floats]], Floats]:
    """A function of `observation.state` (n, k) as one of the named numbers, among which it is, too."""
    return lambda named: decide(named[STATE])
