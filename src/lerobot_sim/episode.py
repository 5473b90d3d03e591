"""An episode's low-dimensional columns, and how frames are folded into it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import Array, to_numpy
from .env import Batch, End, Env
from .lanes import Frames
from .spec import IMAGES, hold_length

_GOOD_ENDS = (End.TERMINATED, End.TIME_LIMIT)
_ROWS_AT_FIRST = 64


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One finished episode of T rows (o_t, a_t, r_{t+1}, success_{t+1}); all arrays are NumPy's.

    Attributes:
        env_id: The environment's id.
        env_version: Its version.
        index: Position of its seed among the seeds that were given.
        seed: What it began with.
        attempt: How often its seed was run before: after a FAULT, or to be recorded again.
        instruction: The task in words.
        params: Values of the Params that were given, the others were nominal.
        observation: LeRobot key -> (T, *shape); no images.
        action: (T, *shape).
        reward: float32 (T,).
        success: bool (T,): the predicate on the state that each row led to.
        metrics: The task's further numbers, (T,) each.
        columns: What the policy added, (T, …) each.
        end: Why it ended.
        final_observation: LeRobot key -> (*shape,): where the last row led.
        explanation: The end in words, where it was not the task's or the clock's.
    """

    env_id: str
    env_version: int
    index: int
    seed: int
    attempt: int
    instruction: str
    params: Mapping[str, NDArray[Any]]
    observation: Mapping[str, NDArray[Any]]
    action: NDArray[Any]
    reward: NDArray[np.float32]
    success: NDArray[np.bool_]
    metrics: Mapping[str, NDArray[Any]]
    columns: Mapping[str, NDArray[Any]]
    end: End
    final_observation: Mapping[str, NDArray[Any]]
    explanation: str = ""

    def __len__(self) -> int:
        return len(self.action)

    @property
    def total_reward(self) -> float:
        """The undiscounted return, summed in float64."""
        return float(np.sum(self.reward, dtype=np.float64))

    def succeeded(self, rule: str) -> bool:
        """Whether the episode is a success by a spec's `success_rule`; never with the rule "none"."""
        k = hold_length(rule)
        if rule == "any":
            return bool(self.success.any())
        if rule == "final":
            return bool(len(self.success) and self.success[-1])
        if k is None or len(self.success) < k:
            return False
        held = np.convolve(self.success.astype(np.int64), np.ones(k, np.int64), mode="valid")
        return bool((held == k).any())


class EpisodeFold:
    """Collects the frames of some environments' lanes until each lane's episode has ended."""

    def __init__(self, envs: Sequence[Env]) -> None:
        self._envs = envs
        self._columns: list[dict[tuple[str, str], NDArray[Any]]] = [{} for _ in envs]

    def add(self, frames: Frames) -> list[Episode]:
        """Takes one tick and returns the episodes that ended with it; retried ones are dropped."""
        columns = self._columns[frames.env]
        rows = frames.active.nonzero()[0]
        at = frames.t[rows]
        first, last = (int(at.min()), int(at.max())) if len(at) else (0, 0)
        every = len(rows) == len(frames.active)
        # while all lanes are in step, as they begin, a slice: it costs a third of the indices
        place = (slice(None), first) if every and first == last else (rows, at)
        single = {"action": frames.action, "reward": frames.reward, "success": frames.success}
        groups = {"observation": frames.observation, "": single, "metrics": frames.metrics, "columns": frames.columns}
        for group, batch in groups.items():
            self._write(columns, group, batch, None if every else rows, place, last + 1)
        if not frames.end.any():
            return []
        ended = frames.active & (frames.end != End.RUNNING) & ~frames.retry
        return [self._episode(frames, int(lane)) for lane in np.flatnonzero(ended)]

    @staticmethod
    def _write(
        columns: dict[tuple[str, str], NDArray[Any]],
        group: str,
        batch: Mapping[str, Array],
        rows: NDArray[np.int64] | None,
        place: tuple[Any, Any],
        needed: int,
    ) -> None:
        for name, value in batch.items():
            if name.startswith(IMAGES):
                continue
            host = to_numpy(value)
            column = columns.get((group, name))
            if column is None:
                column = np.empty((len(host), max(needed, _ROWS_AT_FIRST), *host.shape[1:]), host.dtype)
                columns[group, name] = column
            elif column.shape[1] < needed:
                column = np.concatenate([column, np.empty_like(column)], axis=1)
                columns[group, name] = column
            column[place] = host if rows is None else host[rows]

    def _episode(self, frames: Frames, lane: int) -> Episode:
        start = frames.starts[lane]
        assert start is not None  # an active lane has a start
        length = int(frames.t[lane]) + 1
        groups: dict[str, dict[str, NDArray[Any]]] = {"observation": {}, "": {}, "metrics": {}, "columns": {}}
        for (group, name), column in self._columns[frames.env].items():
            groups[group][name] = column[lane, :length].copy()
        env = self._envs[frames.env]
        end = End(int(frames.end[lane]))
        return Episode(
            env_id=env.spec.id,
            env_version=env.spec.version,
            index=start.index,
            seed=start.seed,
            attempt=start.attempt,
            instruction=start.instruction,
            params=start.params,
            observation=groups["observation"],
            action=groups[""]["action"],
            reward=groups[""]["reward"],
            success=groups[""]["success"],
            metrics=groups["metrics"],
            columns=groups["columns"],
            end=end,
            final_observation=_row(frames.next_observation, lane),
            explanation="" if end in _GOOD_ENDS else env.explain(lane),
        )


def _row(batch: Batch, lane: int) -> dict[str, NDArray[Any]]:
    return {name: to_numpy(value[lane]).copy() for name, value in batch.items() if not name.startswith(IMAGES)}
