"""Runs in MetaWorld's own environment: four lanes of gymnasium's AsyncVectorEnv, stepped whenever a line asks.

Each line "state STEPS" or "images STEPS" is answered by the seconds that so many steps of all lanes took, and by the
CPU seconds that they cost in all its processes.
"""

from __future__ import annotations

import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.vector import AsyncVectorEnv
from metaworld.env_dict import ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE

LANES, SIZE = 4, 128


class WithPicture(gymnasium.Wrapper[Any, Any, Any, Any]):
    """A picture beside the numbers."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        picture = spaces.Box(0, 255, (SIZE, SIZE, 3), np.uint8)
        self.observation_space = spaces.Dict({"state": env.observation_space, "image": picture})

    def reset(self, **keywords: Any) -> Any:
        observation, info = self.env.reset(**keywords)
        return {"state": observation, "image": self.env.render()}, info

    def step(self, action: Any) -> Any:
        observation, *rest = self.env.step(action)
        return {"state": observation, "image": self.env.render()}, *rest


def make(task: str, images: bool, seed: int) -> Any:
    """One of the lanes."""
    env = ALL_V3_ENVIRONMENTS_GOAL_OBSERVABLE[f"{task}-goal-observable"](seed=seed)
    if not images:
        return env
    from gymnasium.envs.mujoco.mujoco_rendering import MujocoRenderer

    env.render_mode = "rgb_array"
    env.mujoco_renderer = MujocoRenderer(env.model, env.data, None, SIZE, SIZE, 1000, None, "corner2")
    return WithPicture(env)


def cpu(workers: Any) -> float:
    """CPU seconds so far of this process and its workers."""
    spent = time.process_time()
    for worker in workers:
        fields = Path(f"/proc/{worker.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def main() -> None:
    task = sys.argv[1]
    vectors = {
        name: AsyncVectorEnv([partial(make, task, name == "images", seed) for seed in range(LANES)], shared_memory=True)
        for name in sys.argv[2:]
    }
    random = np.random.default_rng(0)
    for line in sys.stdin:
        name, steps = line.split()
        vector = vectors[name]
        vector.reset(seed=0)
        actions = random.uniform(-1, 1, (int(steps) + 1, LANES, 4)).astype(np.float32)
        vector.step(actions[-1])
        since, spent = time.perf_counter(), cpu(vector.processes)
        for action in actions[:-1]:
            vector.step(action)
        print(time.perf_counter() - since, cpu(vector.processes) - spent, flush=True)
    for vector in vectors.values():
        vector.close()


if __name__ == "__main__":
    main()
