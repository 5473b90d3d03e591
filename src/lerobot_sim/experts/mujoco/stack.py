"""The expert of `mujoco/stack`: grasp the red cube, carry it over the green one, set it down, open, away."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from .hand import action, descent, distance, quarter_turn, vector


@dataclass(frozen=True)
class Way:
    """Lengths in m that suit a robot.

    Attributes:
        above: How far above the red cube the hand comes over it.
        high: How far above the cube's middle its fingers close.
        over: How far above its place the cube is carried.
        away: How far the tip rises from the cube in the end.
    """

    above: float
    high: float
    over: float
    away: float


WAYS = {
    "panda": Way(0.06, 0.0, 0.05, 0.09),
    "so100": Way(0.06, 0.004, 0.018, 0.045),
    "so101": Way(0.06, 0.004, 0.018, 0.045),
}
OPEN = 0.55
"""Opening of the gripper from which on the hand leaves."""


def _decide(o: dict[str, Floats], way: Way) -> Floats:
    offset, left = vector(o, "tip_to_red"), vector(o, "red_to_green_top")
    offset[:, 2] += way.high
    turn = quarter_turn(o, "hand_to_red")
    held, aside = o["grasped"] > 0.5, distance(left)
    placed = (o["stacked"] > 0.5) & (aside < 0.012)
    down, there = descent(offset, turn, way.above)

    # carried: up first, then over, and down as it comes over the place
    rise = way.over * np.clip((aside - 0.004) / 0.02, 0.0, 1.0)
    up = left[:, 2] + rise
    share = np.where(aside < 0.01, 1.0, np.clip(1.0 - up / (0.6 * way.over), 0.0, 1.0))
    leave = np.where(o["gripper.pos"] > OPEN, np.clip(way.away + offset[:, 2], 0.0, 0.02), 0.0)

    z = np.where(placed, leave, np.where(held, up, down))
    sideways = np.where(held[:, None], share[:, None] * left[:, :2], offset[:, :2])
    sideways = np.where(placed[:, None], 0.0, sideways)
    spin = np.where(held | there | placed, 0.0, turn)
    opened = placed | ~(held | there)
    return action(np.concatenate([sideways, z[:, None]], axis=1), spin, opened)


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/stack` for any robot."""
    way = WAYS[spec.options["robot"]]
    return ScriptedExpert(spec, lambda o: _decide(o, way), noise)
