"""push-t that kills its own process: what a worker of the process strain runs."""

import os
import time

import numpy as np

from lerobot_sim.envs.push_t import TASK
from lerobot_sim.envs.task_env import TaskEnv

DIES_AT_STEP_5, HANGS_AT_STEP_5, DIES_IN_RESET = 13, 14, 15
"""Seeds with an end of their own."""


class FragileEnv(TaskEnv):
    """Dies, for good or by hanging, where its seed says so."""

    def reset(self, lanes, seeds, params=None):
        if DIES_IN_RESET in seeds:
            os._exit(3)
        if not hasattr(self, "_seeds"):
            self._seeds = np.zeros(self.num_envs, np.int64)
        self._seeds[lanes] = seeds
        return super().reset(lanes, seeds, params)

    def step(self, action, active):
        here = self._seeds[active & (self._t == 5)]
        if DIES_AT_STEP_5 in here:
            os._exit(4)
        if HANGS_AT_STEP_5 in here:
            time.sleep(600)
        return super().step(action, active)


def make(num_envs):
    """A fragile push-t."""
    return FragileEnv(TASK, num_envs)
