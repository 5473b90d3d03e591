r"""What the arm's experts share: differential inverse kinematics.

A wanted velocity v of the tip becomes joint velocities by damped least squares, and what is left of the joints'
freedom follows a second wish z (Nakamura and Hanafusa 1986; Liegeois 1977):

    dq = J^+ v + (I - J^+ J) z,    J^+ = J^T (J J^T + lambda^2 I)^{-1}

J J^T is 3 x 3, so its inverse is written out. Everything is elementwise over the lanes: a lane's action does not
depend on the batch around it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lerobot_sim.envs.arm import Pose, cross, jacobian

from .scripted import Floats

DAMPING = 0.02
"""lambda, in m: below it singular values of J give way."""
_DOWN = np.array([0.0, 0.0, -1.0])


def joint_velocity(pose: Pose, velocity: Floats, wish: Floats) -> Floats:
    """Joint velocities that move the tip as wanted and otherwise follow a wish.

    Args:
        pose: Of n arms.
        velocity: (n, 3), of the tip, in m/s.
        wish: (n, 6), in rad/s; what moves the tip is taken out of it.

    Returns:
        (n, 6) in rad/s.
    """
    columns = jacobian(pose)
    inverse = _inverse(_gram(columns))
    carried = _times(columns, wish)
    return wish + _transposed_times(columns, _times(inverse, velocity - carried))


def point_down(pose: Pose) -> Floats:
    """(n, 6): the joint velocities that turn the hand's fingers most steeply towards the table.

    The gradient of cos(angle between fingers and down): g_i = a_i . (f x down), f the fingers' direction.
    """
    fingers = pose.hand[:, 0]
    turn = cross(fingers, np.broadcast_to(_DOWN, fingers.shape))
    return _times(pose.axes, turn)


def slowed(joints: Floats, greatest: float) -> Floats:
    """The velocities scaled down together so that none is faster than `greatest`: the direction is kept."""
    fastest = np.max(np.abs(joints), axis=1, keepdims=True)
    return joints * (greatest / np.maximum(fastest, greatest))


def towards(offset: Floats, gain: float, greatest: float) -> Floats:
    """(n, 3) velocity in m/s along an offset in m: gain times its length, `greatest` at most."""
    distance = np.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2 + offset[:, 2] ** 2)[:, None]
    return offset * (gain * greatest / np.maximum(gain * distance, greatest))


def _times(matrix: Floats, vector: Floats) -> Floats:
    """(n, a, b) times (n, b), summed in a fixed order."""
    total = matrix[:, :, 0] * vector[:, 0, None]
    for i in range(1, matrix.shape[2]):
        total = total + matrix[:, :, i] * vector[:, i, None]
    return total


def _transposed_times(matrix: Floats, vector: Floats) -> Floats:
    return _times(np.swapaxes(matrix, 1, 2), vector)


def _gram(columns: Floats) -> Floats:
    """J J^T + lambda^2 I, (n, 3, 3)."""
    total: Any = DAMPING**2 * np.eye(3)[None]
    for i in range(columns.shape[2]):
        total = total + columns[:, :, i, None] * columns[:, None, :, i]
    return total


def _inverse(matrix: Floats) -> Floats:
    """Inverse of 3 x 3 matrices with rows a, b, c: columns (b x c, c x a, a x b) / det."""
    a, b, c = matrix[:, 0], matrix[:, 1], matrix[:, 2]
    first, second, third = cross(b, c), cross(c, a), cross(a, b)
    determinant = a[:, 0] * first[:, 0] + a[:, 1] * first[:, 1] + a[:, 2] * first[:, 2]
    return np.stack([first, second, third], axis=2) / determinant[:, None, None]
