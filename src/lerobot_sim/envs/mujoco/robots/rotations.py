"""Rotations as quaternions (w, x, y, z), for building models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.library import mj

Vector = Sequence[float] | NDArray[np.floating[Any]]


def unit(quat: Vector) -> NDArray[np.float64]:
    """The quaternion scaled to length 1."""
    value = np.asarray(quat, dtype=np.float64)
    return value / np.linalg.norm(value)


def multiply(*quats: Vector) -> NDArray[np.float64]:
    """The product of quaternions: the last one turns first."""
    result = np.array([1.0, 0.0, 0.0, 0.0])
    for quat in quats:
        w, v = result[0], result[1:]
        s, u = float(quat[0]), np.asarray(quat[1:], dtype=np.float64)
        result = np.concatenate([[w * s - v @ u], w * u + s * v + np.cross(v, u)])
    return result


def rotate(quat: Vector, vector: Vector) -> NDArray[np.float64]:
    """The vector turned by a unit quaternion."""
    w, u, v = float(quat[0]), np.asarray(quat[1:], dtype=np.float64), np.asarray(vector, dtype=np.float64)
    return v + 2 * np.cross(u, np.cross(u, v) + w * v)


def turn(axis: Vector, angle: float) -> NDArray[np.float64]:
    """The quaternion of a rotation by `angle` in rad about `axis`."""
    direction = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    return np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * direction])


def roll_pitch_yaw(roll: float, pitch: float, yaw: float) -> NDArray[np.float64]:
    """URDF's angles as a quaternion: Rz(yaw) Ry(pitch) Rx(roll)."""
    return multiply(turn((0, 0, 1), yaw), turn((0, 1, 0), pitch), turn((1, 0, 0), roll))


def frame(x: Vector, y: Vector) -> NDArray[np.float64]:
    """The quaternion of the frame with axes `x`, `y` (made orthogonal to it) and their cross product."""
    first = np.asarray(x, dtype=np.float64) / np.linalg.norm(x)
    second = np.asarray(y, dtype=np.float64)
    second = second - (second @ first) * first
    second = second / np.linalg.norm(second)
    matrix = np.stack([first, second, np.cross(first, second)], axis=1)
    quat = np.zeros(4)
    mj.mju_mat2Quat(quat, matrix.ravel())
    return quat


def look_at(pos: Vector, target: Vector, up: Vector) -> NDArray[np.float64]:
    """Orientation of a camera at `pos` that sees `target` in the middle with `up` upwards in the picture."""
    forward = np.asarray(target, dtype=np.float64) - np.asarray(pos, dtype=np.float64)
    right = np.cross(forward, np.asarray(up, dtype=np.float64))
    return frame(right, np.cross(right, forward))


def span(start: Vector, end: Vector) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Centre, orientation (z along) and half length of what goes from `start` to `end`."""
    first, last = np.asarray(start, dtype=np.float64), np.asarray(end, dtype=np.float64)
    along = last - first
    helper = (1.0, 0.0, 0.0) if abs(along[0]) < 0.9 * np.linalg.norm(along) else (0.0, 1.0, 0.0)
    side = np.cross(along, helper)
    return (first + last) / 2, frame(side, np.cross(along, side)), float(np.linalg.norm(along)) / 2
