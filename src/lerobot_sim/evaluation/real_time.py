"""The world goes on while the policy thinks, as a robot's does."""

from __future__ import annotations

import math
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, like, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, Policy

from .guards import Around

MEASURED = "measured"


class RealTime(Around):
    r"""A policy whose decisions come late: meanwhile its last action is held.

    A decision on o_t that takes tau seconds is carried out from step t + d on, the first step that begins when it is
    there, and the next one is begun then:

        d = ceil(tau fps)

    While it thinks the policy sees nothing. An episode begins when its first decision is there, as with a robot that
    is switched on when the policy is ready. An act that only takes the next action of a chunk, which a policy with
    `thinks(active) -> bool mask` tells, costs no time.

    Args:
        inner: The policy.
        latency_s: tau; None: the wall time of each act, of the whole batch.
        fps: Steps a second.
        clock: Tells the time in s.
    """

    def __init__(
        self, inner: Policy, latency_s: float | None, fps: float, clock: Callable[[], float] = perf_counter
    ) -> None:
        super().__init__(inner)
        self._latency_s = latency_s
        self._fps = fps
        self._time = clock
        self._held: NDArray[Any] | None = None
        self._coming: NDArray[Any] | None = None
        self._step = np.zeros(0, np.int64)
        self._due = np.zeros(0, np.int64)

    def reset(self, lanes: Array, seeds: Array) -> None:
        missing = int(np.max(np.asarray(lanes), initial=-1)) + 1 - len(self._step)
        if missing > 0:
            self._step = np.concatenate([self._step, np.zeros(missing, np.int64)])
            self._due = np.concatenate([self._due, np.full(missing, -1)])
        self._step[lanes] = 0
        self._due[lanes] = -1
        super().reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        live = to_numpy(active)
        count = len(live)
        step, due = _sized(self._step, count, 0), _sized(self._due, count, -1)
        there = live & (due == step)
        if self._held is not None and self._coming is not None:
            self._held[there] = self._coming[there]
            due[there] = -1
        begins = live & (due < 0)
        begins &= ~there | self.thinks(begins)  # the first action of a chunk is not passed over for the second
        events: Batch = {}
        if begins.any():
            events = self._think(observation, active, begins, step, due)
        step[live] += 1
        known = len(self._step)
        self._step, self._due = step[:known], due[:known]
        assert self._held is not None  # the first act of a lane decides
        return Decision(like(self._held.copy(), next(iter(observation.values()), active)), events=events)

    def _think(
        self,
        observation: Batch,
        active: Array,
        begins: NDArray[np.bool_],
        step: NDArray[np.int64],
        due: NDArray[np.int64],
    ) -> Batch:
        costs = begins & self.thinks(begins)
        since = self._time()
        decision = self.inner.act(observation, like(begins, active))
        action = to_numpy(decision.action)
        taken = self._time() - since if self._latency_s is None else self._latency_s
        late = math.ceil(round(taken * self._fps, 9))  # 0.1 s at 10 Hz is one step, whatever the last bit says
        if self._held is None or self._coming is None:
            self._held, self._coming = np.zeros_like(action), np.zeros_like(action)
        waits = costs & (step > 0) & (late > 0)
        self._held[begins & ~waits] = action[begins & ~waits]
        self._coming[waits] = action[waits]
        due[waits] = step[waits] + late
        return {name: value & like(begins, active) for name, value in decision.events.items()}


def parse_real_time(text: str) -> float | str:
    """`--real-time`: "" for off, "measured", or a latency in ms as a number of seconds.

    Raises:
        InputError: None of these.
    """
    if text in ("", MEASURED):
        return text
    try:
        milliseconds = float(text)
    except ValueError:
        milliseconds = math.nan
    if not 0 <= milliseconds < math.inf:
        raise InputError(f"--real-time: expected a latency in ms such as 150, or 'measured'; '{text}' came.")
    return milliseconds / 1000


def _sized(array: NDArray[np.int64], count: int, fill: int) -> NDArray[np.int64]:
    if len(array) >= count:
        return array[:count].copy() if len(array) == count else array.copy()
    return np.concatenate([array, np.full(count - len(array), fill)])
