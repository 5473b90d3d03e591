"""What students reach that learn from the experts' states: `numpy/push-t`, and the MuJoCo tasks.

PushT: ten training seeds, each scored on 1,000 held-out episodes, with the recipe of `lerobot-sim run push-t` (50
demonstrations, 5,000 updates) and with the tutorial's defaults (20 and 3,000). MuJoCo: `lift` and `pick-color` with the
recipe of `lerobot-sim run`, one training seed and 200 episodes; every task and three training seeds with --full. Every
training seed has demonstrations of its own; none shares a seed with the episodes that score it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from harness import Row, main
from numpy.typing import NDArray

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.cli.run import RECIPES
from lerobot_sim.episode import Episode
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE
from lerobot_sim.training.behavior_cloning import TrainingConfig, train

ENV = "numpy/push-t"
HELD_OUT = 1_000_000
"""First of the seeds that score."""
LANES = 500


@dataclass(frozen=True)
class Recipe:
    """Demonstrations and updates of a student of an environment."""

    env: str
    name: str
    demonstrations: int
    steps: int


OURS = Recipe(ENV, "recipe", 50, 5000)
TUTORIAL = Recipe(ENV, "tutorial's defaults", 20, 3000)


class Score(NamedTuple):
    """Shares of successes by the environment's rule and of episodes in success at their end, and the mean return."""

    by_rule: float
    final: float
    mean_return: float


def student(recipe: Recipe, seed: int, episodes: int = 1000) -> Score:
    """Collects, trains and scores with one training seed."""
    lanes = min(recipe.demonstrations, LANES)
    demonstrations = make(recipe.env, lanes)
    spec = demonstrations.spec
    first = 1000 * seed
    seeds = range(first, first + recipe.demonstrations)
    shown = list(rollout(demonstrations, make_policy("expert", spec), seeds))
    demonstrations.close()
    observations = np.concatenate([_observed(episode) for episode in shown])
    actions = np.concatenate([episode.action for episode in shown])
    policy = train(observations, actions, TrainingConfig(steps=recipe.steps, seed=seed), spec=spec).policy
    held_out = range(HELD_OUT, HELD_OUT + episodes)
    by_rule, final, returns = 0, 0, 0.0
    env = make(recipe.env, min(LANES, episodes))
    for episode in rollout(env, policy, held_out):
        by_rule += episode.succeeded(spec.success_rule)
        final += episode.succeeded("final")
        returns += episode.total_reward
    env.close()
    return Score(by_rule / episodes, final / episodes, returns / episodes)


def _observed(episode: Episode) -> NDArray[np.float32]:
    """What the student reads of each row: its own state, then that of its surroundings."""
    parts = [episode.observation[key] for key in (STATE, ENVIRONMENT_STATE) if key in episode.observation]
    return np.concatenate(parts, axis=1)


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


def mujoco(full: bool) -> list[Row]:
    """Success of students of the MuJoCo tasks, in percent of 200 episodes a training seed."""
    table: list[Row] = []
    for env_id, (demonstrations, steps) in RECIPES.items():
        if not env_id.startswith("mujoco/") or (not full and env_id not in ("mujoco/lift", "mujoco/pick-color")):
            continue
        recipe = Recipe(env_id, env_id, demonstrations, steps)
        percent = [100 * student(recipe, 42 + k, episodes=200).by_rule for k in range(3 if full else 1)]
        who = f"{env_id} ({demonstrations} demonstrations, {steps} updates), {len(percent)} students: success, worst"
        table.append(Row(what=who, unit="%", ours=min(percent), reach="aim >= 90 %" if env_id == "mujoco/lift" else ""))
    return table


def measure(full: bool) -> list[Row]:
    count = 20 if full else 10
    table = rows(OURS, students(OURS, count), (">= 99 %", ">= 95 %"))
    return [*table, *rows(TUTORIAL, students(TUTORIAL, count)), *mujoco(full)]


if __name__ == "__main__":
    main(measure, __doc__)
