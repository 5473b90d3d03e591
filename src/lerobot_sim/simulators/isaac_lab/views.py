"""Cameras' poses: position and target as a rotation, and a link's frame taken into the world."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def facing(position: Floats, target: Floats) -> Floats:
    """The quaternion (x, y, z, w) of a camera at `position` that looks at `target`.

    A camera of OpenGL and USD looks along its -z with +y up; its x axis is kept level, which for one that looks
    straight up or down is the world's y axis, so that x points away at the top of the picture.
    """
    back = position - target
    back = back / np.linalg.norm(back)
    right = np.cross([0.0, 0.0, 1.0], back)
    if np.linalg.norm(right) < 1e-6:
        right = np.array([0.0, -1.0, 0.0])
    right = right / np.linalg.norm(right)
    return quaternion(np.stack([right, np.cross(back, right), back], axis=1).astype(np.float64))


def quaternion(matrix: Floats) -> Floats:
    """(x, y, z, w) of a rotation matrix (3, 3), by its greatest component."""
    trace = np.array([*np.diag(matrix), np.trace(matrix)])
    greatest = int(np.argmax(trace))
    out = np.zeros(4)
    if greatest == 3:
        out[:] = [
            matrix[2, 1] - matrix[1, 2],
            matrix[0, 2] - matrix[2, 0],
            matrix[1, 0] - matrix[0, 1],
            1 + trace[3],
        ]
    else:
        i, j, k = greatest, (greatest + 1) % 3, (greatest + 2) % 3
        out[i] = 1 + matrix[i, i] - matrix[j, j] - matrix[k, k]
        out[j], out[k] = matrix[j, i] + matrix[i, j], matrix[k, i] + matrix[i, k]
        out[3] = matrix[k, j] - matrix[j, k]
    return out / np.linalg.norm(out)


def turned(quaternions: Floats, vectors: Floats) -> Floats:
    """Vectors (n, 3) turned by quaternions (n, 4) (x, y, z, w): v + 2 u x (u x v + w v), with u = (x, y, z)."""
    u, w = quaternions[:, :3], quaternions[:, 3:]
    return vectors + 2 * np.cross(u, np.cross(u, vectors) + w * vectors)


def after(first: Floats, second: Floats) -> Floats:
    """The product (n, 4) of quaternions (x, y, z, w): `second` in the frame of `first`."""
    a, b = first[:, :3], second[:, :3]
    wa, wb = first[:, 3:], second[:, 3:]
    return np.concatenate([wa * b + wb * a + np.cross(a, b), wa * wb - (a * b).sum(axis=1, keepdims=True)], axis=1)


def carried(link: Floats, position: Floats, rotation: Floats) -> Floats:
    """Poses (n, 7) (x, y, z, qx, qy, qz, qw) in the world of what has one pose in links' frames (n, 7)."""
    count = len(link)
    at = link[:, :3] + turned(link[:, 3:], np.repeat(position[None], count, axis=0))
    return np.concatenate([at, after(link[:, 3:], np.repeat(rotation[None], count, axis=0))], axis=1)
