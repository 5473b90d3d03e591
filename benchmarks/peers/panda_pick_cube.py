"""Runs in gym-hil's own environment: CPU seconds a simulated second of its PandaPickCube, as JSON."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

os.environ.setdefault("MUJOCO_GL", "egl")

import gym_hil  # noqa: F401
import gymnasium as gym
from gymnasium.vector import AsyncVectorEnv, SyncVectorEnv

ENV = "gym_hil/PandaPickCubeBase-v0"
LANES = 2


def cpu() -> float:
    """CPU seconds of this process and of the children that it waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


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
    spent = []
    for count in (3, 3 + steps):
        since = cpu()
        envs = kind([make] * LANES)
        envs.reset(seed=0)
        for _ in range(count):
            envs.step(envs.action_space.sample())
        envs.close()
        spent.append(cpu() - since)
    return (spent[1] - spent[0]) / (steps * LANES)


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
