"""MetaWorld's benchmarks as suites: which tasks, in which split, with which goals.

A benchmark's goals are 50 a task, drawn for one task after the other from one stream, as MetaWorld's own
`MT10(seed=…)` and so on draw them: the numbers are the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, unknown_name

from .catalogue import TASKS, Task

Goal: TypeAlias = "NDArray[np.float64]"

GOALS_A_TASK = 50
"""Goals of one task in a benchmark."""

_MT10 = (
    *("reach-v3", "push-v3", "pick-place-v3", "door-open-v3", "drawer-open-v3", "drawer-close-v3"),
    *("button-press-topdown-v3", "peg-insert-side-v3", "window-open-v3", "window-close-v3"),
)
_MT25 = (
    *_MT10,
    *("coffee-pull-v3", "pick-out-of-hole-v3", "disassemble-v3", "pick-place-wall-v3", "basketball-v3"),
    *("stick-pull-v3", "button-press-wall-v3", "faucet-open-v3", "door-lock-v3", "lever-pull-v3", "sweep-into-v3"),
    *("faucet-close-v3", "coffee-button-v3", "button-press-topdown-wall-v3", "dial-turn-v3"),
)
_ML10 = (
    *("reach-v3", "push-v3", "pick-place-v3", "door-open-v3", "drawer-close-v3", "button-press-topdown-v3"),
    *("peg-insert-side-v3", "window-open-v3", "sweep-v3", "basketball-v3"),
)
_ML10_TEST = ("drawer-open-v3", "door-close-v3", "shelf-place-v3", "sweep-into-v3", "lever-pull-v3")
_ML25_TEST = ("basketball-v3", "door-close-v3", "shelf-place-v3", "sweep-v3", "button-press-v3")
_ML45 = (
    *("assembly-v3", "basketball-v3", "button-press-topdown-v3", "button-press-topdown-wall-v3", "button-press-v3"),
    *("button-press-wall-v3", "coffee-button-v3", "coffee-pull-v3", "coffee-push-v3", "dial-turn-v3"),
    *("disassemble-v3", "door-close-v3", "door-open-v3", "drawer-close-v3", "drawer-open-v3", "faucet-open-v3"),
    *("faucet-close-v3", "hammer-v3", "handle-press-side-v3", "handle-press-v3", "handle-pull-side-v3"),
    *("handle-pull-v3", "lever-pull-v3", "pick-place-wall-v3", "pick-out-of-hole-v3", "push-back-v3"),
    *("pick-place-v3", "plate-slide-v3", "plate-slide-side-v3", "plate-slide-back-v3", "plate-slide-back-side-v3"),
    *("peg-insert-side-v3", "peg-unplug-side-v3", "soccer-v3", "stick-push-v3", "stick-pull-v3", "push-wall-v3"),
    *("push-v3", "reach-wall-v3", "reach-v3", "shelf-place-v3", "sweep-into-v3", "sweep-v3", "window-open-v3"),
    "window-close-v3",
)
_ML45_TEST = ("bin-picking-v3", "box-close-v3", "hand-insert-v3", "door-lock-v3", "door-unlock-v3")

SUITES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "MT1": {"train": tuple(TASKS)},
    "MT10": {"train": _MT10},
    "MT25": {"train": _MT25},
    "MT50": {"train": tuple(TASKS)},
    "ML1": {"train": tuple(TASKS), "test": tuple(TASKS)},
    "ML10": {"train": _ML10, "test": _ML10_TEST},
    "ML25": {"train": _MT25, "test": _ML25_TEST},
    "ML45": {"train": _ML45, "test": _ML45_TEST},
}
"""Benchmark -> split -> its tasks in its order. MT1 and ML1 are of one task each: whichever of theirs is asked."""


def suite(name: str, split: str = "train") -> list[str]:
    """Ids of a benchmark's tasks, in its order.

    An environment of it is made with `suite=` and `split=`: its goals are then the benchmark's own, and hidden in ML.

    Raises:
        UnknownNameError: No such benchmark.
        InputError: It has no such split.
    """
    return [f"metaworld/{task}" for task in tasks_of(name, split)]


def tasks_of(name: str, split: str) -> tuple[str, ...]:
    """Bare names of a benchmark's tasks."""
    if name not in SUITES:
        raise unknown_name("suite of MetaWorld", name, SUITES)
    if split not in SUITES[name]:
        raise InputError(f"split: '{name}' has {' and '.join(map(repr, SUITES[name]))}, '{split}' came.")
    return SUITES[name][split]


@lru_cache(maxsize=64)
def goals(name: str, split: str, task: str, seed: int) -> Goal:
    """The goals that MetaWorld's benchmark, made with `seed`, has for a task: (50, 3 or 6) in m.

    Raises:
        InputError: The benchmark's split has no such task.
    """
    members = tasks_of(name, split)
    if task not in members:
        raise InputError(f"'{task}' is not among the {split} tasks of '{name}': {', '.join(members)}.")
    if not 0 <= seed < 2**32 - 1:
        raise InputError(f"seed: the goals of a benchmark are drawn with a seed from 0 to {2**32 - 2}, {seed} came.")
    alone = name.endswith("1")
    stream = np.random.RandomState(seed + 1 if alone and split == "test" else seed)
    for member in (task,) if alone else members:
        found = np.array([_goal_of_reset(TASKS[member], stream) for _ in range(GOALS_A_TASK)])
        if member == task:
            found.setflags(write=False)
            return found
    raise AssertionError("unreachable")


def goal_of_seed(task: str, seed: int, salt: int = 0) -> Goal:
    """The goal of an episode outside the benchmarks, a pure function of its seed: (3 or 6,) in m.

    With `salt` 0 and a seed of 32 bits it is that of MetaWorld's `goal_observable` environment made with `seed=`.
    """
    if salt == 0 and 0 <= seed < 2**32:
        return _goal_of_reset(TASKS[task], np.random.RandomState(seed))
    words = [word & 0xFFFFFFFF for word in (seed, seed >> 32, salt, salt >> 32)]
    return _goal_of_reset(TASKS[task], np.random.RandomState(words))


def _goal_of_reset(task: Task, stream: np.random.RandomState) -> Goal:
    """What one reset of MetaWorld's leaves: it draws twice, and keeps the second."""
    _goal(task, stream)
    return _goal(task, stream)


def _goal(task: Task, stream: np.random.RandomState) -> Goal:
    low, high = np.array(task.low), np.array(task.high)
    while True:
        goal = stream.uniform(low, high, size=low.size)
        other = goal[3:5] if task.apart_from is None else np.array(task.apart_from)
        if not task.apart or np.linalg.norm(goal[:2] - other) >= task.apart:
            return goal
