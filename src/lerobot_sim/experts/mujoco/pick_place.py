"""The expert of `mujoco/pick-place`: grasp, over the wall, down, open, up; which of it follows from the observation."""

from __future__ import annotations

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from .hand import action, descent, distance, quarter_turn, vector

ABOVE = 0.06
"""Height in m over the cube at which the hand comes over it."""
CARRY = {"panda": 0.055, "so100": 0.036, "so101": 0.034}
"""Height in m above its place in the bin at which the cube crosses the wall, by robot."""
LET_GO = 0.012
"""Height in m above its place at which the cube is let go."""


def _decide(o: dict[str, Floats], carry: float) -> Floats:
    to_cube, to_bin = vector(o, "tip_to_cube"), vector(o, "cube_to_bin")
    turn = quarter_turn(o, "hand_to_cube")
    down, there = descent(to_cube, turn, ABOVE)
    held, inside = o["grasped"] > 0.5, o["inside"] > 0.5
    away, height = distance(to_bin), -to_bin[:, 2]
    over = away < 0.02
    # carried: up, then across as far as the height allows, then down
    across = np.where(over, 1.0, np.clip((height - carry + 0.02) / 0.015, 0.0, 1.0))
    wanted = np.where(over, LET_GO - 0.004, carry)
    carried = np.concatenate([to_bin[:, :2] * across[:, None], (wanted - height)[:, None]], axis=1)
    reaching = np.concatenate([to_cube[:, :2], down[:, None]], axis=1)
    leaving = np.stack([0 * away, 0 * away, carry + vector(o, "tip_to_bin")[:, 2]], axis=1)
    done = inside & over
    let_go = done & (height < LET_GO)
    move = np.where(held[:, None] & ~let_go[:, None], carried, np.where(done[:, None], leaving, reaching))
    move = np.where((held & let_go)[:, None], 0.0, move)
    spin = np.where(held | there | done, 0.0, turn)
    return action(move, spin, let_go | (~held & ~there) | (done & ~held), np.where(held, 0.6, 0.8))


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/pick-place` for any robot."""
    carry = CARRY[spec.options["robot"]]
    return ScriptedExpert(spec, lambda o: _decide(o, carry), noise)
