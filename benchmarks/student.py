"""What students of `numpy/push-t` reach: ten training seeds, each scored on 1,000 held-out episodes.

The recipe of `lerobot-sim run push-t` (50 demonstrations, 5,000 updates) and the tutorial's defaults (20 and 3,000).
Every training seed has demonstrations of its own; none shares a seed with the episodes that score it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from harness import Row, main
from numpy.typing import NDArray

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.spec import STATE
from lerobot_sim.training.behavior_cloning import TrainingConfig, train

ENV = "numpy/push-t"
HELD_OUT = 1_000_000
"""First of the seeds that score."""
LANES = 500


@dataclass(frozen=True)
class Recipe:
    """Demonstrations and updates of a student."""

    name: str
    demonstrations: int
    steps: int


OURS = Recipe("recipe", 50, 5000)
TUTORIAL = Recipe("tutorial's defaults", 20, 3000)


class Score(NamedTuple):
    """Shares of episodes ever in success and in success at their end, and the mean return."""

    ever: float
    final: float
    mean_return: float


def student(recipe: Recipe, seed: int, episodes: int = 1000) -> Score:
    """Collects, trains and scores with one training seed."""
    demonstrations = make(ENV, recipe.demonstrations)
    spec = demonstrations.spec
    first = 1000 * seed
    seeds = range(first, first + recipe.demonstrations)
    shown = list(rollout(demonstrations, make_policy("expert", spec), seeds))
    observations = np.concatenate([episode.observation[STATE] for episode in shown])
    actions = np.concatenate([episode.action for episode in shown])
    policy = train(observations, actions, TrainingConfig(steps=recipe.steps, seed=seed), spec=spec).policy
    held_out = range(HELD_OUT, HELD_OUT + episodes)
    ever, final, returns = 0, 0, 0.0
    for episode in rollout(make(ENV, LANES), policy, held_out):
        ever += episode.succeeded("any")
        final += episode.succeeded("final")
        returns += episode.total_reward
    return Score(ever / episodes, final / episodes, returns / episodes)


def students(recipe: Recipe, count: int = 10) -> list[Score]:
    """One score a training seed: 42, 43, …"""
    return [student(recipe, 42 + k) for k in range(count)]


def rows(recipe: Recipe, scores: list[Score], reach: tuple[str, str] = ("", "")) -> list[Row]:
    """Median and worst of the students, in percent."""
    percent: NDArray[np.float64] = 100 * np.array([score[:2] for score in scores])
    who = f"{recipe.name} ({recipe.demonstrations} demonstrations, {recipe.steps} updates), {len(scores)} students"
    figures = [
        ("ever in success, median", float(np.median(percent[:, 0])), reach[0]),
        ("ever in success, worst", float(percent[:, 0].min()), reach[1]),
        ("success at the end, median", float(np.median(percent[:, 1])), ""),
        ("success at the end, worst", float(percent[:, 1].min()), ""),
    ]
    table = [Row(what=f"{who}: {what}", unit="%", ours=value, reach=wanted) for what, value, wanted in figures]
    mean_return = float(np.mean([score.mean_return for score in scores]))
    return [*table, Row(what=f"{who}: mean return", unit="of 300", ours=mean_return)]


def measure(full: bool) -> list[Row]:
    count = 20 if full else 10
    table = rows(OURS, students(OURS, count), (">= 99 %", ">= 95 %"))
    return [*table, *rows(TUTORIAL, students(TUTORIAL, count))]


if __name__ == "__main__":
    main(measure, __doc__)
