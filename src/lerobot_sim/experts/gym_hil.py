"""The scripted expert of `gym-hil/panda-pick-cube`: over the cube, down, close, up.

Which of it is due follows from the observation alone. gym-hil does not tell how far the fingers are, only what they
were told; so they get their time by a lift that begins slowly and grows with the height that is reached.
"""

from __future__ import annotations

import numpy as np

from lerobot_sim.errors import InputError
from lerobot_sim.spec import EnvSpec

from .scripted import Floats, ScriptedExpert

GAIN = 0.6
"""Share of what is missing that a step of the tip's target makes up for."""
ABOVE_M = 0.06
"""Height over the cube at which the hand comes over it."""
NEAR_M = 0.012
"""Distance aside within which it goes down, and height over the cube's middle at which it closes."""
FIRST_LIFT_M = 0.002
"""The first step of the lift."""
SPEED = 0.8
"""Greatest step, of the 1 that is allowed."""


def decide(o: dict[str, Floats], step_m: Floats) -> Floats:
    """The action (n, 4) for named numbers and the lengths (3,) of a step in m."""
    tip = np.stack([o["tip.x"], o["tip.y"], o["tip.z"]], axis=1)
    cube = np.stack([o["cube.x"], o["cube.y"], o["cube.z"]], axis=1)
    offset = cube - tip
    aside = np.hypot(offset[:, 0], offset[:, 1])
    low = np.abs(offset[:, 2]) < NEAR_M
    told = o["gripper.command"] > 127
    closed = told & (aside < 3 * NEAR_M) & (np.abs(offset[:, 2]) < 3 * NEAR_M)
    close = closed | ((aside < NEAR_M) & low)
    rise = np.clip((aside - NEAR_M / 2) / (2 * NEAR_M), 0.0, 1.0) * ABOVE_M
    lift = FIRST_LIFT_M + 0.5 * np.maximum(cube[:, 2] - 0.02, 0.0)
    up = np.where(closed, lift, np.where(close, 0.0, GAIN * (offset[:, 2] + rise)))
    along = np.where(close[:, None], 0.0, GAIN * offset[:, :2])
    move = np.clip(np.concatenate([along, up[:, None]], axis=1) / step_m, -SPEED, SPEED)
    return np.concatenate([move, np.where(close, 2.0, 0.0)[:, None]], axis=1)


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `gym-hil/panda-pick-cube`; `noise` is the standard deviation of Gaussian noise on its actions.

    Raises:
        InputError: The options leave out what it needs: the gripper, or the cube's position.
    """
    if spec.options.get("image_obs") or not spec.options.get("use_gripper", True):
        raise InputError(
            "The expert reads the cube's position and closes the gripper: image_obs=False, use_gripper=True."
        )
    params = spec.options.get("ee_action_space_params", {})
    lengths = np.array([params.get(f"{axis}_step_size", 0.025) for axis in "xyz"])
    return ScriptedExpert(spec, lambda o: decide(o, lengths), noise)
