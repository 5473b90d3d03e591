"""The expert of `mujoco/pick-color`: above the cube that is meant, down, close, up."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.tasks.pick_color import COLORS, target_of
from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from . import lift

_OF_LIFT = ("{}.x", "{}.y", "{}.z", "tip_to_{}.x", "tip_to_{}.y", "tip_to_{}.z", "hand_to_{}.sin4", "hand_to_{}.cos4")


def _decide(o: dict[str, Floats], lift_to: float) -> Floats:
    """`mujoco/lift`'s decision on the cube that is meant."""

    def of_meant(name: str) -> Floats:
        return np.sum([o[f"target.{color}"] * o[name.format(color)] for color in COLORS], axis=0)

    cube = {name.format("cube"): of_meant(name) for name in _OF_LIFT}
    return lift.decide({**cube, "grasped": of_meant("grasped.{}")}, lift_to)


def _by_seed(seeds: NDArray[np.int64]) -> dict[str, Floats]:
    target = target_of(seeds)
    return {f"target.{color}": (target == number).astype(np.float64) for number, color in enumerate(COLORS)}


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/pick-color` for any robot.

    Where the observation does not show the target, it knows the one that the seed draws: leave the Param `target` at
    its default there.
    """
    lift_to = lift.LIFT_TO[spec.options["robot"]]
    known = None if spec.options["show_target"] else _by_seed
    return ScriptedExpert(spec, partial(_decide, lift_to=lift_to), noise, known)
