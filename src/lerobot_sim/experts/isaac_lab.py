"""The scripted expert of `isaac-lab/lift-cube`, `pick-place` and `reach`: inverse kinematics, and a few conditions.

Over the cube, down, close; up, over the goal, down, open. Which of it is due follows from the observation alone. An
action is where the joints shall be; it never asks for more than a few degrees beyond where they are.
"""

from __future__ import annotations

import numpy as np

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
WIDE, SHUT = 0.036, 0.010
"""What the fingers are told, in m; the cube holds them at 0.02."""
GRIPPED = 0.0235
"""Opening below which the fingers are on the cube, in m."""

TASKS = ("lift-cube", "pick-place", "reach")


def decide(o: dict[str, Floats], task: str) -> Floats:
    """The action (n, 6) for named numbers."""
    joints = np.stack([o[joint.name] for joint in arm.JOINTS[:5]], axis=1)
    goal = np.stack([o[f"goal.{axis}"] for axis in "xyz"], axis=1) if task != "lift-cube" else np.zeros((1, 3))
    if task == "reach":
        return _towards(joints, goal, np.zeros(len(joints)), np.full(len(joints), WIDE))
    tip = np.stack([o["tip.x"], o["tip.y"], o["tip.z"]], axis=1)
    cube = np.stack([o["cube.x"], o["cube.y"], o["cube.z"]], axis=1)
    turn = 2 * np.arctan2(o["cube.qz"], o["cube.qw"])
    aside = np.hypot(*(cube - tip)[:, :2].T)
    level = np.abs(cube[:, 2] - tip[:, 2])
    there = np.hypot(*(cube - goal)[:, :2].T) < NEAR if task == "pick-place" else np.zeros(len(joints), np.bool_)
    low = cube[:, 2] < arm.HALF_EDGE + 0.006
    at_cube = (aside < 2 * NEAR) & (level < 2 * NEAR)
    closing = at_cube & ((o["gripper"] < 0.033) | ((aside < NEAR) & (level < NEAR)))
    gripped = closing & (o["gripper"] < GRIPPED) & (np.abs(o["gripper.velocity"]) < 0.02)
    place = cube.copy()
    place[:, 2] += np.clip((aside - NEAR / 2) / NEAR, 0, 1) * ABOVE
    if task == "lift-cube":
        place[gripped, 2] = CARRY
    else:
        place, closing = _carry(place, closing, gripped, cube, goal, there, low, tip, o["gripper"])
    return _towards(joints, place, turn, np.where(closing, SHUT, WIDE))


def _carry(
    place: Floats,
    closing: Floats,
    gripped: Floats,
    cube: Floats,
    goal: Floats,
    there: Floats,
    low: Floats,
    tip: Floats,
    opening: Floats,
) -> tuple[Floats, Floats]:
    """What pick-and-place adds: up, over the goal, down, open, away."""
    far = np.hypot(*(cube - goal)[:, :2].T)
    high = cube[:, 2] > 0.5 * CARRY
    over = np.where((high | (far < 3 * NEAR))[:, None], goal[:, :2], cube[:, :2])
    down = np.where(far < 2 * NEAR, arm.HALF_EDGE, CARRY)
    place = np.where(gripped[:, None], np.concatenate([over, down[:, None]], axis=1), place)
    done = there & low
    place[done] = np.concatenate([cube[done, :2], np.full((int(done.sum()), 1), ABOVE)], axis=1)
    held = done & (opening < arm.OPEN - 0.006) & (np.abs(tip[:, 2] - cube[:, 2]) < NEAR)
    place[held] = tip[held]
    return place, closing & ~done


def _towards(joints: Floats, place: Floats, turn: Floats, gripper: Floats) -> Floats:
    """Targets a little beyond the joints, on the way to where the tip is at `place`."""
    wish = arm.inverse(place, turn)
    return np.concatenate([joints + np.clip(wish - joints, -AHEAD, AHEAD), gripper[:, None]], axis=1)


def make(spec: EnvSpec, noise: float = 0.005) -> ScriptedExpert:
    """The expert of the family's tasks in our own scene; `noise` is the standard deviation on its actions, in rad and m.

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
