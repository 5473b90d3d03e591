"""What `boundary` runs in other processes: lanes that cost nothing, so that what is left is the boundary."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from lerobot_sim.env import Batch, End, Step, check_lanes
from lerobot_sim.spec import STATE, Camera, EnvSpec, Feature

PICTURE = Camera(height=224, width=224)
SPEC = EnvSpec(
    id="boundary/still",
    version=1,
    fps=10,
    max_steps=10**9,
    observation={STATE: Feature(shape=(39,), dtype="float32")},
    action=Feature(shape=(4,), dtype="float32"),
    cameras={"left": PICTURE, "right": PICTURE},
)


class Still:
    """Lanes that cost nothing: the same pictures and state for ever; a reset may sleep, an episode may end.

    Args:
        num_envs: Number of lanes.
        reset_s: How long a lane's reset sleeps.
        length: About how many steps an episode has; it differs by seed.
    """

    def __init__(self, num_envs: int = 1, reset_s: float = 0.0, length: int = 0) -> None:
        self.spec, self.num_envs, self.instructions = SPEC, num_envs, [""] * num_envs
        self._reset_s, self._length = reset_s, length
        self._images: Batch = {
            name: np.full((num_envs, 224, 224, 3), shade, np.uint8) for name, shade in (("left", 50), ("right", 150))
        }
        self._end = np.full(num_envs, int(End.OPERATOR))
        self._left = np.zeros(num_envs, np.int64)
        observation = {STATE: np.zeros((num_envs, 39), np.float32)}
        self._step = Step(observation, np.zeros(num_envs, np.float32), np.zeros(num_envs, bool), self._end, {})

    def reset(self, lanes: Any, seeds: Any, params: Any = None) -> Batch:
        """Sleeps once a lane."""
        rows = check_lanes(self.num_envs, lanes)
        time.sleep(self._reset_s * len(rows))
        self._end[rows] = End.RUNNING
        self._left[rows] = self._length + np.asarray(seeds) % max(1, self._length)
        return self._step.observation

    def step(self, action: Any, active: Any) -> Step:
        """Counts."""
        if self._length:
            self._left -= active
            self._end[active & (self._left <= 0)] = End.TERMINATED
        return self._step

    def render(self, cameras: Mapping[str, Camera], lanes: Any = None) -> Batch:
        """The same pictures."""
        if lanes is None or len(lanes) == self.num_envs:
            return {name: self._images[name] for name in cameras}
        return {name: self._images[name][lanes] for name in cameras}

    def close(self) -> None:
        """Holds nothing."""


class InPlace(Still):
    """Draws where it is told to; its pictures are there already, so that nothing is left but the boundary."""

    def render_into(self, cameras: Any, lanes: Any, out: Any) -> None:
        """Touches every picture."""
        for place in out.values():
            place[:, 0, 0] = 50
