"""What a worker's steps came to: two sets of arrays in shared memory, written in turn, and what stands for lost lanes.

The worker writes the set that is not `front`, so the last good outcome is whole even if it dies while it writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import Batch, End, Step
from lerobot_sim.spec import EnvSpec

from .channel import Block, Part
from .worker import outcome_fields

Arrays = dict[str, NDArray[Any]]


class Outcomes:
    """The outcomes of one worker.

    Args:
        block: Where they lie.
        spec: The environment's.
        num_envs: Number of lanes.
    """

    def __init__(self, block: Block, spec: EnvSpec, num_envs: int) -> None:
        self._block, self._spec, self._num_envs = block, spec, num_envs
        action = (spec.action.dtype, (num_envs, *spec.action.shape))
        inputs = self._place({"action": action, "active": ("bool", (num_envs,))})
        sets = [self._place(outcome_fields(spec, num_envs)) for _ in range(2)]
        self.layout = {"inputs": inputs[0].to_json(), "outcomes": [part.to_json() for part, _ in sets]}
        self.action, self.active = inputs[1]["action"], inputs[1]["active"]
        self._sets = [arrays for _, arrays in sets]
        self._metrics: list[Arrays] = [{}, {}]
        self._kinds: dict[str, tuple[str, tuple[int, ...]]] = {}
        self.front = 0
        self._keys = [(key, "o." + key) for key in spec.observation]
        self._standing: Arrays = {name: value.copy() for name, value in self._sets[0].items()}
        self._standing["end"][:] = End.OPERATOR
        self._standing_metrics: Arrays = {}

    def _place(self, fields: Mapping[str, tuple[str, tuple[int, ...]]]) -> tuple[Part, Arrays]:
        part = Part(fields)
        part.offset = self._block.add(part.length)
        return part, part.arrays(self._block.map(part.offset, part.length))

    def present(self, name: str) -> NDArray[Any]:
        """One array of the last good outcome, in shared memory."""
        return self._sets[self.front][name]

    def add_metrics(self, kinds: Mapping[str, Any]) -> dict[str, Any] | None:
        """Room for metrics of these names; the layout where it is new."""
        wanted = {name: (dtype, tuple(shape)) for name, (dtype, shape) in kinds.items()}
        if wanted == self._kinds:
            return None
        self._kinds = wanted
        sets = [self._place(wanted) for _ in range(2)]
        self._metrics = [arrays for _, arrays in sets]
        return {"parts": [part.to_json() for part, _ in sets]}

    def write_metrics(self, metrics: Mapping[str, NDArray[Any]]) -> None:
        """Sets the metrics of the last good outcome."""
        for name, value in metrics.items():
            self._metrics[self.front][name][...] = value

    def observation(self, here: NDArray[np.bool_] | None = None) -> Batch:
        """Copies of the observation; where `here` is False, what stands for lost lanes."""
        now = self._sets[self.front]
        if here is None:
            return {key: now[name].copy() for key, name in self._keys}
        return {key: _chosen(here, now[name], self._standing[name]) for key, name in self._keys}

    def step(self, here: NDArray[np.bool_] | None = None) -> Step:
        """Copies of the last outcome; where `here` is False, what stands for lost lanes."""
        now, metrics = self._sets[self.front], self._metrics[self.front]
        if here is None:
            return Step(
                {key: now[name].copy() for key, name in self._keys},
                now["reward"].copy(),
                now["success"].copy(),
                now["end"].copy(),
                {name: value.copy() for name, value in metrics.items()},
            )
        old = self._standing
        return Step(
            self.observation(here),
            np.where(here, now["reward"], np.float32(0)),
            _chosen(here, now["success"], old["success"]),
            _chosen(here, now["end"], old["end"]),
            {name: _chosen(here, value, self._standing_metric(name, value)) for name, value in metrics.items()},
        )

    def standing_step(self) -> Step:
        """What stands for all lanes, with no reward."""
        old = self._standing
        return Step(
            {key: old[name].copy() for key, name in self._keys},
            np.zeros(self._num_envs, np.float32),
            old["success"].copy(),
            old["end"].copy(),
            {name: value.copy() for name, value in self._standing_metrics.items()},
        )

    @property
    def standing_end(self) -> NDArray[np.int64]:
        """int64 (num_envs,): how lost lanes ended."""
        return self._standing["end"]

    def stand(self, here: NDArray[np.bool_], fault: NDArray[np.bool_]) -> None:
        """Keeps the last good outcome of lost lanes; those that ran `here`, and those of `fault`, end as FAULT."""
        step = self.step(here)
        self._standing = {name: step.observation[key] for key, name in self._keys}
        end = np.where(fault | (here & (step.end == End.RUNNING)), int(End.FAULT), step.end)
        self._standing |= {"reward": np.zeros_like(step.reward), "success": step.success & ~fault, "end": end}
        self._standing_metrics = step.metrics

    def take_over(self, other: Outcomes) -> None:
        """What stood for lost lanes in the outcomes of the worker before."""
        self._standing, self._standing_metrics = other._standing, other._standing_metrics

    def _standing_metric(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        return self._standing_metrics.get(name, np.zeros_like(like))


def _chosen(mask: NDArray[np.bool_], new: NDArray[Any], old: NDArray[Any]) -> NDArray[Any]:
    return np.where(mask.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
