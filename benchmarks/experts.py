"""The scripted experts of our MuJoCo tasks with every robot: success, time to it, and smoothness of the tip's path.

Seeds are held out: no recipe collects demonstrations from them. Length is how long it took until success had held as
long as the rule asks for; episodes that failed do not count. Jerk is the third difference of the tip's position
in `observation.state` over the control step, up to success: its mean length over all rows, and the greatest of an
episode, median over the episodes. The noise that the experts add for their students is part of it; "without noise" is
what is left of it then. With two arms it is the arm that moves most roughly.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import fmean, median

import numpy as np
from harness import Row, main
from numpy.typing import NDArray

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.envs.mujoco.robots.catalogue import ROBOTS
from lerobot_sim.episode import Episode
from lerobot_sim.errors import UnknownNameError
from lerobot_sim.registry import ENVIRONMENTS
from lerobot_sim.spec import STATE, EnvSpec, hold_length

FIRST_SEED = 100_000
LANES = 50


def pairs() -> Iterator[tuple[str, str]]:
    """Every task of ours with each robot that suits it."""
    for env_id in sorted(name for name in ENVIRONMENTS if name.startswith("mujoco/")):
        for robot in ROBOTS:
            try:
                make(env_id, robot=robot, threads=1).close()
            except UnknownNameError:
                continue  # this task is not for that robot
            yield env_id, robot


def episodes_of(env_id: str, robot: str, count: int, **options: float) -> tuple[EnvSpec, list[Episode]]:
    """Episodes of the expert on held-out seeds."""
    env = make(env_id, min(count, LANES), robot=robot, threads=1)
    policy = make_policy("expert", env.spec, **options)
    episodes = list(rollout(env, policy, range(FIRST_SEED, FIRST_SEED + count)))
    env.close()
    return env.spec, episodes


def length_of(episode: Episode, rule: str) -> int:
    """Rows until success had held as long as the rule asks for, or all of them."""
    hold = hold_length(rule)
    if hold is None or not episode.succeeded(rule):
        return len(episode)
    held = np.convolve(episode.success.astype(np.int64), np.ones(hold, np.int64), mode="valid")
    return int(np.argmax(held == hold)) + hold


def jerk_of(episode: Episode, spec: EnvSpec, rows: int) -> NDArray[np.float64]:
    """Length of the jerk of the tip's path in m/s^3, (rows - 3,)."""
    names = spec.observation[STATE].names
    jerks: list[NDArray[np.float64]] = []
    for prefix in sorted({name.removesuffix("tip.x") for name in names if name.endswith("tip.x")}):
        columns = [names.index(f"{prefix}tip.{axis}") for axis in "xyz"]
        path = episode.observation[STATE][:rows, columns].astype(np.float64)
        jerks.append(np.linalg.norm(np.diff(path, 3, axis=0), axis=1) * spec.fps**3)
    return np.max(jerks, axis=0)


def measure(full: bool) -> list[Row]:
    """Five rows a task and robot."""
    count = 200 if full else 20
    rows: list[Row] = []
    for env_id, robot in pairs():
        spec, episodes = episodes_of(env_id, robot, count)
        rule, what = spec.success_rule, f"{env_id}, {robot}"
        solved = [episode for episode in episodes if episode.succeeded(rule)]
        lengths = [length_of(episode, rule) / spec.fps for episode in solved]
        rows.append(
            Row(
                what=f"{what}: success of {count} seeds",
                unit="%",
                ours=100 * len(solved) / len(episodes),
                reach=">= 95 %",
            )
        )
        rows.append(Row(what=f"{what}: time to success", unit="s", ours=fmean(lengths)))
        rows += _smoothness(what, spec, episodes)
        spec, quiet = episodes_of(env_id, robot, min(count, LANES), noise=0.0)
        rows += _smoothness(f"{what}: without noise", spec, quiet)
    return rows


def _smoothness(what: str, spec: EnvSpec, episodes: list[Episode]) -> list[Row]:
    jerks = [jerk_of(episode, spec, length_of(episode, spec.success_rule)) for episode in episodes]
    mean, peak = float(np.mean(np.concatenate(jerks))), median(float(jerk.max()) for jerk in jerks)
    return [
        Row(what=f"{what}: mean jerk", unit="m/s^3", ours=mean),
        Row(what=f"{what}: peak jerk", unit="m/s^3", ours=peak),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
