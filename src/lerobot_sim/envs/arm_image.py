"""Pictures of the arm's two tasks: what to draw for a state, and where the cameras are."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Camera

from . import arm
from .raycast import Disc, Scene, View, render
from .raycast_shapes import Box, Capsule, Shape
from .task_env import Arrays

_PRINT = (0.98, 0.63, 0.16)
_MOTOR = (0.20, 0.21, 0.24)
_METAL = (0.55, 0.57, 0.61)
_PAD = (0.28, 0.29, 0.33)
_BALL = (0.90, 0.27, 0.25)
_GOAL = (0.20, 0.68, 0.42)
_JAW_TRAVEL = 0.03  # m that each jaw moves from closed to open
_JAW_THICKNESS = 0.005  # m

_FRONT = View(np.array([0.66, -0.46, 0.50]), np.array([0.14, 0.005, 0.125]), np.array([0.0, 0.0, 1.0]), 0.31)


def draw_reach(state: Arrays, params: Arrays, _name: str, camera: Camera) -> NDArray[np.uint8]:
    """Pictures of `numpy/reach`, uint8 (n, h, w, 3): the target is a translucent ball of the success's size."""
    pose = arm.forward(state["joints"], params["tool_length"])
    images = np.empty((len(pose.tip), camera.height, camera.width, 3), np.uint8)
    for lane, target in enumerate(state["target"]):
        shapes = [*_arm_shapes(pose, lane, opening=0.25), Capsule(target, target, 0.02, _GOAL, alpha=0.45)]
        foot = target * np.array([1.0, 1.0, 0.0])
        discs = [Disc(foot, 0.02, _GOAL, 0.35), Disc(foot, 0.02, _GOAL, 0.8, hole=0.0175)]
        images[lane] = render(Scene(shapes, discs), _FRONT, camera)
    return images


def draw_pick_place(state: Arrays, params: Arrays, name: str, camera: Camera) -> NDArray[np.uint8]:
    """Pictures of `numpy/pick-place`, uint8 (n, h, w, 3): the target is a ring on the table."""
    pose = arm.forward(state["joints"], params["tool_length"])
    images = np.empty((len(pose.tip), camera.height, camera.width, 3), np.uint8)
    for lane, (ball, target) in enumerate(zip(state["ball"], state["target"], strict=True)):
        radius = float(params["ball_radius"][lane])
        shapes = [*_arm_shapes(pose, lane, float(state["opening"][lane])), Capsule(ball, ball, radius, _BALL)]
        discs = [Disc(target, 0.03, _GOAL, 0.45), Disc(target, 0.03, _GOAL, 0.95, hole=0.0265)]
        view = _wrist_view(pose, lane) if name == "wrist" else _FRONT
        images[lane] = render(Scene(shapes, discs), view, camera)
    return images


def _wrist_view(pose: arm.Pose, lane: int) -> View:
    """From above the hand over the fingertips, as a camera mounted on the hand sees."""
    fingers, _, above = pose.hand[lane]
    position = pose.origins[lane, 5] - 0.01 * fingers + 0.065 * above
    return View(position, pose.tip[lane] + 0.01 * fingers, above, 0.62)


def _arm_shapes(pose: arm.Pose, lane: int, opening: float) -> list[Shape]:
    """The arm of one lane."""
    origins, axes = pose.origins[lane], pose.axes[lane]
    shoulder, elbow, wrist, roll = origins[1], origins[2], origins[3], origins[5]
    pan_frame = _frame(axes[0], axes[1])
    shapes: list[Shape] = [
        Box(np.array([-0.022, 0.0, 0.012]), np.eye(3), np.array([0.058, 0.042, 0.012]), _PRINT),
        Box(np.array([-0.030, 0.0, 0.040]), np.eye(3), np.array([0.024, 0.022, 0.020]), _MOTOR, casts=False),
        Capsule(np.array([0.0, 0.0, 0.03]), np.array([0.0, 0.0, 0.062]), 0.026, _PRINT),
        Box(_at(shoulder, pan_frame, (-0.018, 0.0, -0.022)), pan_frame, np.array([0.022, 0.020, 0.030]), _PRINT),
    ]
    shapes += _joint(shoulder, axes[1], 0.019, 0.030)
    shapes += _link(shoulder, elbow, axes[1], 0.013)
    shapes += _joint(elbow, axes[2], 0.017, 0.026)
    shapes += _link(elbow, wrist, axes[2], 0.012)
    shapes += _joint(wrist, axes[3], 0.016, 0.023)
    shapes.append(Capsule(wrist, roll - 0.012 * pose.hand[lane, 0], 0.0155, _MOTOR))
    return shapes + _hand_shapes(pose, lane, opening)


def _joint(centre: Any, axis: Any, radius: float, reach: float) -> list[Shape]:
    """A servo across the arm, with its horns at both ends."""
    side = (reach - 0.4 * radius) * axis
    cap = reach * axis
    return [
        Capsule(centre - side, centre + side, radius, _MOTOR),
        Capsule(centre - cap, centre + cap, 0.5 * radius, _METAL, gloss=0.5, casts=False),
    ]


def _link(start: Any, end: Any, axis: Any, radius: float) -> list[Shape]:
    """Two printed rails beside each other."""
    side = 0.014 * axis
    return [Capsule(start + s * side, end + s * side, radius, _PRINT) for s in (-1.0, 1.0)]


def _hand_shapes(pose: arm.Pose, lane: int, opening: float) -> list[Shape]:
    """Palm and jaws; the jaws slide sideways, and leave a ball's width between them where it stops them."""
    hand = pose.hand[lane]
    fingers = hand[0]
    roll, tip = pose.origins[lane, 5], pose.tip[lane]
    length = float(np.sqrt(np.sum((tip - roll) ** 2)))
    shapes: list[Shape] = [
        Capsule(roll - 0.012 * fingers, roll + 0.004 * fingers, 0.019, _PRINT),
        Box(_at(roll, hand, (0.026, 0.0, 0.0)), hand, np.array([0.010, 0.040, 0.014]), _PRINT),
        Box(_at(roll, hand, (0.020, 0.0, 0.020)), hand, np.array([0.014, 0.016, 0.008]), _MOTOR),
    ]
    inner = _JAW_TRAVEL * opening
    middle, half = 0.5 * (0.036 + length + 0.008), 0.5 * (length + 0.008 - 0.036)
    for side in (-1.0, 1.0):
        centre = _at(roll, hand, (middle, side * (inner + _JAW_THICKNESS), 0.0))
        shapes.append(Box(centre, hand, np.array([half, _JAW_THICKNESS, 0.010]), _PRINT))
        pad = _at(roll, hand, (length - 0.006, side * (inner + 0.001), 0.0))
        shapes.append(Box(pad, hand, np.array([0.0145, 0.0011, 0.0102]), _PAD, casts=False))
    return shapes


def _frame(up: Any, left: Any) -> NDArray[np.float64]:
    """Rows forward, left, up."""
    forward = np.array(
        [left[1] * up[2] - left[2] * up[1], left[2] * up[0] - left[0] * up[2], left[0] * up[1] - left[1] * up[0]]
    )
    return np.stack([forward, left, up])


def _at(origin: Any, frame: Any, offset: tuple[float, float, float]) -> NDArray[np.float64]:
    """A point given in a frame (rows are its axes)."""
    return origin + offset[0] * frame[0] + offset[1] * frame[1] + offset[2] * frame[2]
