"""The expert of `mujoco/drawer`: to the knob, pull, let go, up; then the cube as into a bin."""

from __future__ import annotations

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from .hand import action, descent, distance, quarter_turn, vector

ABOVE = 0.07
"""Height in m over cube and knob at which the hand comes over them."""
CARRY = 0.085
"""Height in m above its place in the drawer at which the cube crosses the wall."""
LET_GO = 0.012
PULLED = 0.115
"""Opening in m at which the drawer is let go."""


def _decide(o: dict[str, Floats]) -> Floats:
    to_cube, to_knob, to_place = vector(o, "tip_to_cube"), vector(o, "tip_to_knob"), vector(o, "cube_to_drawer")
    out = o["drawer.pos"]
    ready, knob_held = out > PULLED - 0.004, o["knob_grasped"] > 0.5
    held, inside = o["grasped"] > 0.5, o["inside"] > 0.5

    # the drawer
    across = np.arctan2(o["hand_to_knob.sin"], o["hand_to_knob.cos"]) / 2
    down, at_knob = descent(to_knob, across, ABOVE, wait=1.0)
    zero = 0 * out
    way = np.clip(PULLED + 0.01 - out, 0.0, 0.04)
    pulling = np.stack([o["pull.x"] * way, o["pull.y"] * way, to_knob[:, 2]], axis=1)
    pulling[:, :2] += to_knob[:, :2] * 0.5
    reaching_knob = np.concatenate([to_knob[:, :2], down[:, None]], axis=1)
    opening = np.where(knob_held[:, None], pulling, reaching_knob)

    # the cube
    turn = quarter_turn(o, "hand_to_cube")
    down, at_cube = descent(to_cube, turn, ABOVE)
    away, height = distance(to_place), -to_place[:, 2]
    over = away < 0.02
    ahead = np.where(over, 1.0, np.clip((height - CARRY + 0.02) / 0.015, 0.0, 1.0))
    wanted = np.where(over, LET_GO - 0.004, CARRY)
    carried = np.concatenate([to_place[:, :2] * ahead[:, None], (wanted - height)[:, None]], axis=1)
    done = inside & (away < 0.03)
    let_go = done & (height < LET_GO)
    reaching = np.concatenate([to_cube[:, :2], down[:, None]], axis=1)
    leaving = np.stack([zero, zero, CARRY + vector(o, "tip_to_drawer")[:, 2]], axis=1)
    # from the knob straight up first
    rising = (distance(to_knob) < 0.05) & (to_knob[:, 2] > -0.05) & ~held
    reaching = np.where(rising[:, None], np.stack([zero, zero, zero + 0.06], axis=1), reaching)
    placing = np.where((held & ~let_go)[:, None], carried, np.where(done[:, None], leaving, reaching))
    placing = np.where((held & let_go)[:, None], 0.0, placing)

    move = np.where(ready[:, None], placing, opening)
    spin_cube = np.where(held | at_cube | done | rising, 0.0, turn)
    spin = np.where(ready, spin_cube, np.where(knob_held | at_knob, 0.0, across))
    free = let_go | (~held & ~at_cube) | (done & ~held)
    return action(
        move, spin, np.where(ready, free, ~knob_held & ~at_knob), np.where(held, 0.6, np.where(knob_held, 0.4, 0.8))
    )


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/drawer`."""
    return ScriptedExpert(spec, _decide, noise)
