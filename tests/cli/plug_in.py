"""A third party's environment and policy that raise, found by entry points in processes of their own."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from lerobot_sim.envs import reach
from lerobot_sim.policies.random import RandomPolicy


class BreakingEnv:
    """Raises in the seventh step of the first lane whose seed is 6."""

    def __init__(self, num_envs):
        self._env = reach.make(num_envs)
        self.spec = replace(self._env.spec, id="tests/breaks")
        self._seeds = np.zeros(num_envs, np.int64)
        self._t = np.zeros(num_envs, np.int64)

    def __getattr__(self, name):
        return getattr(self._env, name)

    def reset(self, lanes, seeds, params=None):
        self._seeds[lanes], self._t[lanes] = seeds, 0
        return self._env.reset(lanes, seeds, params)

    def step(self, action, active):
        self._t += active
        if (active & (self._seeds == 6) & (self._t == 7)).any():
            raise OSError(5, "the simulator's licence server is gone")
        return self._env.step(action, active)


class BreakingPolicy(RandomPolicy):
    """Raises, or kills its own process, when it is to act for seed 6 the third time; not where BREAK_ONCE is a file."""

    def act(self, observation, active):
        seeds, acts = self._clock.of(len(active))
        once = Path(os.environ.get("BREAK_ONCE", os.devnull))
        if (active & (seeds == 6) & (acts == 2)).any() and not once.is_file():
            if once != Path(os.devnull):
                once.touch()
            if os.environ.get("BREAK_BY") == "SIGKILL":
                os.kill(os.getpid(), 9)
            raise ZeroDivisionError("the network is out of its mind")
        return super().act(observation, active)


def env(num_envs=1):
    return BreakingEnv(num_envs)


def policy(spec):
    return BreakingPolicy(spec)
