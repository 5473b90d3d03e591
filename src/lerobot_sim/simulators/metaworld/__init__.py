"""MetaWorld's 50 tasks and its benchmarks: the catalogue, which needs nothing of the simulator.

`make` runs MetaWorld in this process; `lerobot_sim.make("metaworld/…")` in one of its own where it is not here.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import EnvSpec

from .catalogue import TASKS
from .names import read_config, resolve
from .options import METRICS, parse, spec_of
from .suites import SUITES, goals, suite

__all__ = ["FAMILY", "SUITES", "goals", "make", "read_config", "resolve", "spec", "suite", "tasks"]

FAMILY = Family(
    name="metaworld",
    packages=("metaworld",),
    lock="metaworld",
    about="MetaWorld 3: 50 manipulation tasks of a Sawyer arm; MT10, MT25, MT50, ML1, ML10, ML25, ML45",
    cameras=("corner2",),
    environment={"MUJOCO_GL": "egl"} if sys.platform.startswith("linux") else {},
)


def tasks() -> Sequence[str]:
    """The tasks' names, in MetaWorld's order."""
    return list(TASKS)


def spec(task: str, **options: Any) -> EnvSpec:
    """A task's spec; `options` are those of `metaworld.options.Options`."""
    return spec_of(task, parse(task, options))


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """Makes a task's environment in this process; `options` as in `spec`."""
    from lerobot_sim.simulators.simulation import SimulationEnv

    from .adapter import MetaWorldSimulation

    chosen = parse(task, options)
    return SimulationEnv(spec_of(task, chosen), lambda: MetaWorldSimulation(task, chosen), num_envs, metrics=METRICS)
