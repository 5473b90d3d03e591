"""The expert of `mujoco/reach`: straight to the target, slower as it comes near."""

from __future__ import annotations

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

GAIN = 0.3
"""Share of the way that a step goes."""
FASTEST = 0.7
"""Of the greatest step, along the way."""
STEP = 0.025
"""Metres that an action of 1 moves the tip."""


def _decide(o: dict[str, Floats]) -> Floats:
    move = GAIN * np.stack([o[f"tip_to_target.{axis}"] for axis in "xyz"], axis=1) / STEP
    length = np.sqrt((move * move).sum(axis=1, keepdims=True))
    return move * (FASTEST / np.maximum(length, FASTEST))


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/reach` for any robot."""
    return ScriptedExpert(spec, _decide, noise)
