"""Runs in gym-hil's own environment: CPU seconds a simulated second of its PandaPickCube, as JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")

import gym_hil  # noqa: F401
import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

ENV = "gym_hil/PandaPickCubeBase-v0"
LANES = 2


def cpu(workers: Sequence[int] = ()) -> float:
    """CPU seconds of this process and of `workers`, by their process ids."""
    spent = time.process_time()
    for worker in workers:
        fields = Path(f"/proc/{worker}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        spent += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return spent


def single(steps: int) -> float:
    """CPU seconds a step of one environment."""
    env = gym.make(ENV, image_obs=False)
    env.reset(seed=0)
    for _ in range(3):
        env.step(env.action_space.sample())
    since = cpu()
    for _ in range(steps):
        _, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            env.reset()
    spent = cpu() - since
    env.close()
    return spent / steps


def make() -> gym.Env:
    """One of them."""
    return gym.make(ENV, image_obs=False)


def vector(kind: Callable[..., Any], steps: int) -> float:
    """CPU seconds a step of a lane, workers' included, start-up not."""
    envs = kind([make] * LANES)
    envs.reset(seed=0)
    for _ in range(3):
        envs.step(envs.action_space.sample())
    workers = [process.pid for process in getattr(envs, "processes", [])]
    since = cpu(workers)
    for _ in range(steps):
        envs.step(envs.action_space.sample())
    spent = cpu(workers) - since
    envs.close()
    return spent / (steps * LANES)


if __name__ == "__main__":
    env = gym.make(ENV, image_obs=False)
    model = env.unwrapped._model
    period = env.unwrapped.control_dt
    steps = int(sys.argv[1])
    print(
        json.dumps(
            {
                "single": single(steps) / period,
                "sync": vector(SyncVectorEnv, steps) / period,
                "async": vector(partial(AsyncVectorEnv, context="spawn"), steps) / period,
                "geoms": int(model.ngeom),
                "timestep": float(model.opt.timestep),
                "control_hz": 1 / period,
            }
        )
    )
