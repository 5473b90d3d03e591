"""The expert of `mujoco/insert`: grip the peg high up, over the hole, turn, down, open, up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from .hand import action, descent, distance, quarter_turn, vector


@dataclass(frozen=True)
class Heights:
    """Of the peg's foot over the hole's bottom, and of the hand over the peg, in m.

    Attributes:
        carry: At which the peg crosses the block.
        top: Of the block.
        above: At which the hand comes over the place to grip.
        leave: To which the hand rises over the hole's bottom when it has let go.
    """

    carry: float
    top: float
    above: float
    leave: float


HEIGHTS = {"panda": Heights(0.05, 0.035, 0.06, 0.13), "so100": Heights(0.022, 0.014, 0.035, 0.07)}
LET_GO = 0.004


def _decide(o: dict[str, Floats], heights: Heights) -> Floats:
    to_grip, to_hole = vector(o, "tip_to_grip"), vector(o, "peg_to_hole")
    turn, wrong = quarter_turn(o, "hand_to_peg"), quarter_turn(o, "peg_to_hole")
    down, there = descent(to_grip, turn, heights.above, wait=1.0)
    held = o["grasped"] > 0.5
    away, height = distance(to_hole), -to_hole[:, 2]
    inside = (away < 0.006) & (height < heights.top - 0.003) & (o["upright"] > 0.95)
    over = inside | ((away < 0.0015) & (np.abs(wrong) < 0.06))
    # carried: up, then across as far as the height allows, then down
    across = np.where(inside, 1.0, np.clip((height - heights.carry + 0.02) / 0.012, 0.0, 1.0))
    wait = heights.top + 0.003 + np.clip((away - 0.004) / 0.03, 0.0, 1.0) * (heights.carry - heights.top - 0.003)
    wanted = np.where(over, -0.002, wait)
    carried = np.concatenate([to_hole[:, :2] * across[:, None], (wanted - height)[:, None]], axis=1)
    reaching = np.concatenate([to_grip[:, :2], down[:, None]], axis=1)
    leaving = np.stack([0 * away, 0 * away, heights.leave + o["tip_to_hole.z"]], axis=1)
    let_go = inside & (height < LET_GO)
    move = np.where(held[:, None], carried, np.where(inside[:, None], leaving, reaching))
    move = np.where((held & let_go)[:, None], 0.0, move)
    spin = np.where(inside, 0.0, np.where(held, wrong, np.where(there, 0.0, turn)))
    return action(move, spin, let_go | inside & ~held | ~held & ~there, np.where(held, 0.5, 0.8))


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/insert` for any robot."""
    heights = HEIGHTS[spec.options["robot"]]
    return ScriptedExpert(spec, lambda o: _decide(o, heights), noise)
