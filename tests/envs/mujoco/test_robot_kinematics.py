"""Forward kinematics against the publishers' own numbers, written down here once more."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.robots.catalogue import robot
from lerobot_sim.envs.mujoco.robots.so100 import SO100_SIGNS, SO100_ZEROS

Array = NDArray[np.float64]


def turn(axis: tuple[float, float, float], angle: float) -> Array:
    """Rodrigues' formula."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], dtype=np.float64)
    return np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * cross @ cross


def pose(rotation: Array, position: tuple[float, float, float]) -> Array:
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = rotation, position
    return matrix


def roll_pitch_yaw(roll: float, pitch: float, yaw: float) -> Array:
    return turn((0, 0, 1), yaw) @ turn((0, 1, 0), pitch) @ turn((1, 0, 0), roll)


def so100_chain(q: Array) -> Array:
    """so100.urdf: origins, rpy and axes as published; from the base link to the jaw."""
    joints = (
        ((0, -0.0452, 0.0165), (1.57079, 0, 0), (0, 1, 0)),
        ((0, 0.1025, 0.0306), (-1.8, 0, 0), (1, 0, 0)),
        ((0, 0.11257, 0.028), (1.57079, 0, 0), (1, 0, 0)),
        ((0, 0.0052, 0.1349), (-1, 0, 0), (1, 0, 0)),
        ((0, -0.0601, 0), (0, 1.57079, 0), (0, 1, 0)),
        ((-0.0202, -0.0244, 0), (0, 3.14158, 0), (0, 0, 1)),
    )
    result = np.eye(4)
    urdf = np.array(SO100_SIGNS) * q + np.array(SO100_ZEROS)
    for (origin, angles, axis), angle in zip(joints, urdf, strict=True):
        result = result @ pose(roll_pitch_yaw(*angles), origin) @ pose(turn(axis, angle), (0, 0, 0))
    return result


def so101_chain(q: Array) -> Array:
    """so101_new_calib.urdf: the same arm by its other published description, in angles instead of quaternions."""
    joints = (
        ((0.0388353, -8.97657e-09, 0.0624), (3.14159265, 4.18253e-17, -3.14159265)),
        ((-0.0303992, -0.0182778, -0.0542), (-1.57079633, -1.57079633, 0)),
        ((-0.11257, -0.028, 0), (0, 0, 1.57079633)),
        ((-0.1349, 0.0052, 0), (0, 0, -1.57079633)),
        ((0, -0.0611, 0.0181), (1.57079633, 0.0486795, 3.14159265)),
        ((0.0202, 0.0188, -0.0234), (1.57079633, 0, 0)),
    )
    result = np.eye(4)
    for (origin, angles), angle in zip(joints, q, strict=True):
        result = result @ pose(roll_pitch_yaw(*angles), origin) @ pose(turn((0, 0, 1), angle), (0, 0, 0))
    return result


def panda_chain(q: Array) -> Array:
    """Franka's Denavit-Hartenberg table in Craig's convention, flange, and the hand turned by -45 degrees on it."""
    table = (
        (0, 0.333, 0),
        (0, 0, -np.pi / 2),
        (0, 0.316, np.pi / 2),
        (0.0825, 0, np.pi / 2),
        (-0.0825, 0.384, -np.pi / 2),
        (0, 0, np.pi / 2),
        (0.088, 0, np.pi / 2),
        (0, 0.107, 0),
    )
    result = np.eye(4)
    for (a, d, alpha), theta in zip(table, (*q, -np.pi / 4), strict=True):
        ct, st, ca, sa = np.cos(theta), np.sin(theta), np.cos(alpha), np.sin(alpha)
        result = result @ np.array(
            [[ct, -st, 0, a], [st * ca, ct * ca, -sa, -sa * d], [st * sa, ct * sa, ca, ca * d], [0, 0, 0, 1]]
        )
    return result


def viperx_chain(q: Array) -> Array:
    """vx300s.urdf.xacro: from base_link to gripper_link."""
    joints = (
        ((0, 0, 0.079), (0, 0, 1)),
        ((0, 0, 0.04805), (0, 1, 0)),
        ((0.05955, 0, 0.3), (0, 1, 0)),
        ((0.2, 0, 0), (1, 0, 0)),
        ((0.1, 0, 0), (0, 1, 0)),
        ((0.069744, 0, 0), (1, 0, 0)),
    )
    result = np.eye(4)
    for (origin, axis), angle in zip(joints, q, strict=True):
        result = result @ pose(turn(axis, angle), origin)
    return result


CHAINS = [
    ("so100", "", "base", "jaw", so100_chain, True),
    ("so101", "", "base", "jaw", so101_chain, True),
    ("panda", "", "link0", "hand", panda_chain, False),
    ("aloha", "left_", "left_base_link", "left_gripper_link", viperx_chain, False),
    ("aloha", "right_", "right_base_link", "right_gripper_link", viperx_chain, False),
]


@pytest.mark.parametrize(("name", "prefix", "base", "last", "chain", "with_gripper"), CHAINS)
def test_forward_kinematics_is_the_published_one(name, prefix, base, last, chain, with_gripper):
    found, spec = robot(name), mujoco.MjSpec()
    found.add(spec)
    model = spec.compile()
    data = mujoco.MjData(model)
    arm = next(arm for arm in found.arms if arm.joints[0].startswith(prefix))
    joints = (*arm.joints, arm.gripper_joint) if with_gripper else arm.joints
    random = np.random.default_rng(7)
    for _ in range(50):
        limits = np.array([model.joint(joint).range for joint in joints])
        q = random.uniform(limits[:, 0], limits[:, 1])
        for joint, position in zip(joints, q, strict=True):
            data.joint(joint).qpos = position
        mujoco.mj_kinematics(model, data)
        start, end = data.body(base), data.body(last)
        expected = pose(start.xmat.reshape(3, 3), tuple(start.xpos)) @ chain(q)
        np.testing.assert_allclose(end.xpos, expected[:3, 3], atol=1e-6)
        np.testing.assert_allclose(end.xmat.reshape(3, 3), expected[:3, :3], atol=3e-6)
