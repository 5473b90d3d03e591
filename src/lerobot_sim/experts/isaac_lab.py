"""The scripted expert of `isaac-lab/lift-cube`, `pick-place` and `reach`: inverse kinematics, and a few conditions.

Over the cube, down, close; up, over the goal, down, open. Which of it is due follows from the observation alone. An
action is where the joints shall be; it never asks for more than a few degrees beyond where they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.simulators.isaac_lab import arm
from lerobot_sim.spec import EnvSpec

from .scripted import Floats, ScriptedExpert

AHEAD = 0.12
"""Greatest distance of a joint's target from where the joint is, in rad: 1.2 rad/s by the arm's gains."""
ABOVE = 0.08
"""Height over the cube at which the hand comes over it, in m."""
CARRY = 0.14
"""Height at which the cube is held, in m."""
NEAR = 0.012
"""In m: aside, within which the hand goes down; and above the cube's middle, at which it closes."""
WIDE, SHUT = 0.036, 0.005
"""What the fingers are told, in m; the cube holds them at 0.02."""
CLOSE = 0.01
"""How far beyond where they are the fingers are told to close, in m: slowly enough not to knock the cube over."""
GENTLY = 0.06
"""Greatest distance of a joint's target while something is held, in rad."""
GRIPPED = 0.0235
"""Opening below which the fingers are on the cube, in m."""

BEGUN = 0.033
"""Opening below which the fingers have begun to close, or have not let go yet, in m."""

Flags: TypeAlias = "NDArray[np.bool_]"

TASKS = ("lift-cube", "pick-place", "reach")


@dataclass(frozen=True)
class _Hold:
    """How the hand stands to the cube; arrays (n, 3) and (n,)."""

    tip: Floats
    cube: Floats
    opening: Floats
    closing: Flags
    gripped: Flags


def decide(o: dict[str, Floats], task: str) -> Floats:
    """The action (n, 6) for named numbers."""
    joints = np.stack([o[joint.name] for joint in arm.JOINTS[:5]], axis=1)
    if task == "reach":
        free = np.full(len(joints), AHEAD)
        return _towards(joints, _point(o, "goal"), 0 * free, np.full(len(joints), WIDE), free)
    hold = _hold(o)
    cube = hold.cube
    aside = np.hypot(*(cube - hold.tip)[:, :2].T)
    rise = np.clip((aside - NEAR / 2) / NEAR, 0, 1) * ABOVE
    rise = np.where(hold.gripped, CARRY - cube[:, 2], rise)
    place = np.stack([cube[:, 0], cube[:, 1], cube[:, 2] + rise], axis=1)
    closing = hold.closing
    if task == "pick-place":
        place, closing = _carry(hold, place, _point(o, "goal"))
    turn = 2 * np.arctan2(o["cube.qz"], o["cube.qw"])
    fingers = np.where(closing, np.maximum(hold.opening - CLOSE, SHUT), WIDE)
    return _towards(joints, place, turn, fingers, np.where(closing, GENTLY, AHEAD))


def _hold(o: dict[str, Floats]) -> _Hold:
    tip, cube, opening = _point(o, "tip"), _point(o, "cube"), o["gripper"]
    aside, level = np.hypot(*(cube - tip)[:, :2].T), np.abs(cube[:, 2] - tip[:, 2])
    at_cube = (aside < 2 * NEAR) & (level < 2 * NEAR)
    closing = at_cube & ((opening < BEGUN) | ((aside < NEAR) & (level < NEAR)))
    gripped = closing & (opening < GRIPPED) & (np.abs(o["gripper.velocity"]) < 0.02)
    return _Hold(tip, cube, opening, closing, gripped)


def _carry(hold: _Hold, place: Floats, goal: Floats) -> tuple[Floats, Flags]:
    """What pick-and-place adds to where the tip goes and the fingers: over the goal, down, open, up."""
    cube = hold.cube
    far = np.hypot(*(cube - goal)[:, :2].T)
    along = (cube[:, 2] > 0.5 * CARRY) | (far < 3 * NEAR)
    over = np.where(along[:, None], goal[:, :2] + (hold.tip - cube)[:, :2], cube[:, :2])
    height = arm.HALF_EDGE + np.clip((far - NEAR) / (3 * NEAR), 0, 1) * (CARRY - arm.HALF_EDGE)
    place = np.where(hold.gripped[:, None], np.concatenate([over, height[:, None]], axis=1), place)
    there = (far < NEAR) & (cube[:, 2] < arm.HALF_EDGE + 0.006)
    away = np.stack([cube[:, 0], cube[:, 1], np.full(len(cube), ABOVE)], axis=1)
    open_first = there & (hold.opening < BEGUN)
    place = np.where(there[:, None], np.where(open_first[:, None], hold.tip, away), place)
    return place, hold.closing & ~there


def _point(o: dict[str, Floats], name: str) -> Floats:
    return np.stack([o[f"{name}.{axis}"] for axis in "xyz"], axis=1)


def _towards(joints: Floats, place: Floats, turn: Floats, gripper: Floats, ahead: Floats) -> Floats:
    """Targets `ahead` (n,) of the joints at most, on the way to where the tip is at `place`."""
    most = ahead[:, None]
    step = np.clip(arm.inverse(place, turn) - joints, -most, most)
    return np.concatenate([joints + step, gripper[:, None]], axis=1)


def make(spec: EnvSpec, noise: float = 0.002) -> ScriptedExpert:
    """The expert of the family's tasks in our own scene; `noise` is the standard deviation on its actions.

    Raises:
        UnknownNameError: The task has no expert.
        InputError: The scene is not ours: the expert knows our arm alone.
    """
    task = spec.id.partition("/")[2]
    if task not in TASKS:
        raise unknown_name("task with an expert in isaac-lab", task, TASKS)
    if spec.options.get("scene_path"):
        raise InputError("The scripted expert of isaac-lab knows our own arm: leave scene_path out.")
    return ScriptedExpert(spec, lambda o: decide(o, task), noise)
