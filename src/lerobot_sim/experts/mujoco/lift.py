"""The expert of `mujoco/lift`: above the cube, down, close, up; which of it follows from the observation alone."""

from __future__ import annotations

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

ABOVE = 0.06
"""Height in m over the cube at which the hand comes over it."""
LIFT_TO = {"panda": 0.14, "so100": 0.08, "so101": 0.072}
"""Height in m to which the cube is carried, by robot."""


def decide(o: dict[str, Floats], lift_to: float) -> Floats:
    """The action (n, A) for named numbers, with the cube to be carried to a height in m."""
    offset = np.stack([o[f"tip_to_cube.{axis}"] for axis in "xyz"], axis=1)
    turn = np.arctan2(o["hand_to_cube.sin4"], o["hand_to_cube.cos4"]) / 4
    aside = np.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2)
    over = (aside < 0.012) & (np.abs(turn) < 0.15)
    there = over & (np.abs(offset[:, 2]) < 0.01)
    held = o["grasped"] > 0.5
    rise = np.clip((aside - 0.006) / 0.03, 0.0, 1.0) * ABOVE
    down = offset[:, 2] + np.where(
        there | held, 0.0, np.where(over, np.minimum(rise, 0.02), np.maximum(rise, ABOVE / 2))
    )
    up = lift_to - o["cube.z"]
    z = np.where(held, up, down)
    sideways = np.where(held[:, None], 0.0, offset[:, :2])
    move = 0.5 * np.concatenate([sideways, z[:, None]], axis=1) / 0.025
    spin = np.where(held | there, 0.0, 0.5 * turn / 0.1)
    grip = np.where(there | held, -1.0, 1.0)
    return np.concatenate([np.clip(move, -0.8, 0.8), np.clip(spin, -0.8, 0.8)[:, None], grip[:, None]], axis=1)


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/lift` for any robot."""
    lift_to = LIFT_TO[spec.options["robot"]]
    return ScriptedExpert(spec, lambda o: decide(o, lift_to), noise)
