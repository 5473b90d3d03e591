"""Evaluating a suite with one slow policy: tasks at once that share its batch, against one task after the other.

The policy stands for a large network: an act takes as long for one lane as for all. Environments take a while to
open and, a lane, to step, as other people's simulators do. Times are wall clock: what is saved is waiting.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from harness import Row, less_is_better, main

from lerobot_sim import registry
from lerobot_sim.envs.push_t import TASK
from lerobot_sim.envs.task_env import TaskEnv
from lerobot_sim.evaluation.evaluating import run
from lerobot_sim.evaluation.plan import make_plan
from lerobot_sim.evaluation.protocol import Entry, Protocol
from lerobot_sim.evaluation.running import Acting
from lerobot_sim.policy import Decision
from lerobot_sim.spec import Camera

ACT_S, STEP_S, OPEN_S = 0.02, 0.002, 0.5
TASKS, EPISODES, STEPS, LANES, AT_ONCE = 8, 10, 40, 4, 4


class Slow(TaskEnv):
    """push-t of a simulator that needs time."""

    def __init__(self, num_envs: int = 1) -> None:
        time.sleep(OPEN_S)
        super().__init__(TASK, num_envs)

    def step(self, action: Any, active: Any) -> Any:
        time.sleep(STEP_S * self.num_envs)
        return super().step(action, active)


class Large:
    """A policy whose act takes as long for one lane as for all."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = False

    def reset(self, lanes: Any, seeds: Any) -> None:
        """Has no memory."""

    def act(self, observation: Any, active: Any) -> Decision:
        time.sleep(ACT_S)
        return Decision(np.zeros((len(active), 2), np.float32))


def seconds(envs: int) -> float:
    """Wall time of the suite with so many environments at once."""
    entries = tuple(Entry(task="numpy/push-t", name=f"task-{k}", max_steps=STEPS) for k in range(TASKS))
    plan = make_plan(Protocol(id="slow", version=1, environments=entries, episodes=EPISODES), num_envs=LANES, envs=envs)
    with tempfile.TemporaryDirectory() as folder:
        since = time.perf_counter()
        run(plan, Acting(make=lambda _spec: Large(), identity="large", shared=True), Path(folder))
        return time.perf_counter() - since


def measure(full: bool) -> list[Row]:
    sys.modules["evaluation_together"] = sys.modules[__name__]
    registry.ENVIRONMENTS["numpy/push-t"] = "evaluation_together:Slow"  # pyright: ignore[reportIndexIssue]
    apart: list[float] = []
    together: list[float] = []
    for _ in range(5 if full else 2):
        apart.append(seconds(1))
        together.append(seconds(AT_ONCE))
    what = f"{TASKS} tasks x {EPISODES} episodes, an act of {1000 * ACT_S:.0f} ms, {AT_ONCE} tasks at once"
    ours, peer = statistics.median(together), statistics.median(apart)
    return [less_is_better(what, "s", ours, peer, "one task after the other", ">= 2x")]


if __name__ == "__main__":
    main(measure, __doc__)
