"""What a replay is compared with: stored columns and simulation states, to the last bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.loop import Frames
from lerobot_sim.spec import Camera

from .reader import EpisodeEntry
from .states import path_of, read_states

STATES = "simulation states"
FINAL = "final "


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Where two columns part.

    Attributes:
        what: The column, or `STATES` and the name within.
        step: Index of the first row that differs; T stands for what the last action led to.
        at_first: Greatest absolute difference in that row; infinite where one is not finite or is missing.
        at_worst: Greatest absolute difference in any row.
    """

    what: str
    step: int
    at_first: float
    at_worst: float


class StateSink:
    """Compares the simulation's states with the stored ones, as they come."""

    cameras: Mapping[str, Camera] = {}

    def __init__(self, root: Path, entries: Sequence[EpisodeEntry]) -> None:
        self._root, self._entries = root, entries
        self.stored = [path_of(root, entry.episode_index).exists() for entry in entries]
        self.wants_states = any(self.stored)
        self._states: dict[int, dict[str, NDArray[Any]]] = {}
        self._first: dict[int, dict[str, tuple[int, float]]] = {}
        self._worst: dict[int, dict[str, float]] = {}

    def write(self, frames: Frames) -> None:
        if frames.states is None:
            return
        for row, lane in enumerate(np.flatnonzero(frames.active)):
            self._compare(frames, int(lane), row, frames.states, 0)
        if frames.final_states is not None:
            for row, lane in enumerate(frames.lanes_with_final_state):
                self._compare(frames, int(lane), row, frames.final_states, 1)

    def differences(self, index: int) -> list[Difference]:
        """What differed in an episode; forgets it."""
        first, worst = self._first.pop(index, {}), self._worst.pop(index, {})
        self._states.pop(index, None)
        return [
            Difference(what=f"{STATES}: {name}", step=step, at_first=by, at_worst=worst[name])
            for name, (step, by) in first.items()
        ]

    def _compare(self, frames: Frames, lane: int, row: int, states: Mapping[str, Array], later: int) -> None:
        start = frames.starts[lane]
        assert start is not None  # an active lane has a start
        index, step = start.index, int(frames.t[lane]) + later
        if not self.stored[index]:
            return
        if index not in self._states:
            self._states[index] = read_states(self._root, self._entries[index].episode_index)
        stored = self._states[index]
        for name in {**stored, **states}:
            there = stored[name][step] if name in stored and step < len(stored[name]) else None
            came = to_numpy(states[name][row]) if name in states else None
            by = distance(there, came)
            if by:
                self._first.setdefault(index, {}).setdefault(name, (step, by))
                worst = self._worst.setdefault(index, {})
                worst[name] = max(worst.get(name, 0.0), by)


def distance(there: NDArray[Any] | None, came: NDArray[Any] | None) -> float:
    """Greatest absolute difference of two arrays; 0 where they are equal to the last bit, NaN too."""
    if there is None or came is None or there.shape != came.shape:
        return float("inf")
    if there.dtype == came.dtype and there.tobytes() == came.tobytes():
        return 0.0
    apart = np.abs(there.astype(np.float64) - came.astype(np.float64))
    worst = float(np.max(apart, initial=0.0))
    # 0.0 and -0.0, or integers beyond 2^53, differ in their bits alone
    return worst if np.isfinite(worst) and worst > 0 else (5e-324 if worst == 0 else float("inf"))


def column_difference(name: str, there: NDArray[Any], came: NDArray[Any]) -> list[Difference]:
    """Where a stored column and the replay's part: one Difference or none."""
    if there.shape == came.shape and distance(there, came) == 0:
        return []
    shared = min(len(there), len(came))
    apart = [distance(there[row], came[row].reshape(there[row].shape)) for row in range(shared)]
    apart += [float("inf")] * (max(len(there), len(came)) - shared)
    step = next((row for row, by in enumerate(apart) if by), None)
    return [] if step is None else [Difference(what=name, step=step, at_first=apart[step], at_worst=max(apart))]
