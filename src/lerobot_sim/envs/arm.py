r"""The arm of `numpy/reach` and `numpy/pick-place`: six joints, after the SO-100, batched over lanes.

Lengths and limits are those of the SO-100's published description, `Simulation/SO100/so100.urdf` of
https://github.com/TheRobotStudio/SO-ARM100 (commit 0c8e289); the fingertip is where MuJoCo Menagerie's
`trs_so_arm100` puts the pad of the fixed jaw. Joints keep LeRobot's names. Two things are ours:

- **Zero** is the L pose: upper arm upright, forearm and hand level and forward. The URDF's zeros lie at the ends
  of its ranges; its limits are carried over to the L pose, so they are the same poses.
- The SO-100 has five joints and a gripper. A sixth, `wrist_yaw`, crosses the axis of `wrist_flex` (no length is
  added), so that the hand can point anywhere; its range is ours.

Frames: x forward, y left, z up; the origin is where the pan axis meets the table. Every joint turns about an
axis of its parent's frame, lift, elbow and wrist downwards when positive. With R_i the frame after joint i and
o_i the link's offset in its parent's frame,

    p_i = p_{i-1} + R_{i-1} o_i,    R_i = R_{i-1} Rot(axis_i, q_i),    tip = p_6 + l R_6 e_x

and the column of the Jacobian of the tip is J_i = a_i x (tip - p_i), a_i the joint's axis in the world.

All products are written out elementwise: a lane's numbers do not depend on how many lanes there are.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import Param

Floats = NDArray[np.float64]

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_yaw", "wrist_roll")
LOW = np.array([-2.0, -1.8, -1.5708, -1.93, -1.2, -3.1416])
"""Lower limits in rad."""
HIGH = np.array([2.0, 1.7, 1.5708, 1.77, 1.2, 3.1416])
"""Upper limits in rad."""
HOME = np.array([0.0, -0.6, 0.3, 1.3, 0.0, 0.0])
"""Where episodes begin, up to `START_SPREAD`: folded, the hand above the table and looking down, in rad."""
START_SPREAD = 0.25
"""How far from `HOME` each joint may start, in rad; all such poses are above the table."""

_OFFSETS = (
    (0.0, 0.0, 0.0165),
    (0.0306, 0.0, 0.1025),
    (0.028, 0.0, 0.11257),
    (0.1349, 0.0, 0.0052),
    (0.0, 0.0, 0.0),
    (0.0601, 0.0, 0.0),
)
"""Each joint's origin in its parent's frame, in m."""
_AXES = (2, 1, 1, 1, 2, 0)
"""The axis of its frame that each joint turns about: x, y or z."""
WRIST = 3
"""Index of the joint whose origin is the wrist."""
TOOL_LENGTH = 0.1014
"""From the roll joint to the fingertips, in m."""
JOINT_SPEED = 1.0
"""The URDF's greatest joint velocity, in rad/s."""
TIP_CLEARANCE = 0.004
"""The fingertips stay this far above the table, in m."""
WRIST_CLEARANCE = 0.03
"""The wrist stays this far above the table, in m."""
ENCODER_OFFSET = 0.05
"""The largest offset of a joint's encoder, in rad."""

PARAMS: dict[str, Param] = {
    "joint_speed": Param(
        nominal=JOINT_SPEED, low=0.25, high=2.0, unit="rad/s", when="step", about="joint velocity of an action of 1"
    ),
    "actuator_lag": Param(
        nominal=0.0, low=0.0, high=0.9, about="share of a joint's velocity that is left over from the step before"
    ),
    "encoder_offset": Param(
        nominal=0.0,
        low=-ENCODER_OFFSET,
        high=ENCODER_OFFSET,
        unit="rad",
        shape=(6,),
        about="what each joint's encoder reads too much",
    ),
    "tool_length": Param(
        nominal=TOOL_LENGTH, low=0.08, high=0.12, unit="m", about="from the last joint to the fingertips"
    ),
}
"""What both tasks of the arm may vary."""


class Pose(NamedTuple):
    """Where n arms are.

    Attributes:
        origins: (n, 6, 3) of the joints, in m.
        axes: (n, 6, 3) that they turn about, unit vectors.
        tip: (n, 3), in m.
        hand: (n, 3, 3): the hand's frame; [:, 0] points out of the fingers, [:, 1] from jaw to jaw.
    """

    origins: Floats
    axes: Floats
    tip: Floats
    hand: Floats


def forward(joints: NDArray[Any], tool_length: NDArray[Any] | None = None) -> Pose:
    """Forward kinematics.

    Args:
        joints: (n, 6) in rad.
        tool_length: (n,) in m; the published one by default.
    """
    joints = np.ascontiguousarray(joints, np.float64)  # sines of a strided array may differ in the last bit
    count = len(joints)
    sine, cosine = np.sin(joints), np.cos(joints)
    frame = [np.repeat(row[None, :], count, axis=0) for row in np.eye(3)]
    origin = np.zeros((count, 3))
    origins, axes = np.empty((count, 6, 3)), np.empty((count, 6, 3))
    for i, (offset, axis) in enumerate(zip(_OFFSETS, _AXES, strict=True)):
        for part, length in zip(frame, offset, strict=True):
            if length:
                origin = origin + length * part
        origins[:, i], axes[:, i] = origin, frame[axis]
        first, second = (axis + 1) % 3, (axis + 2) % 3
        u, v, c, s = frame[first], frame[second], cosine[:, i, None], sine[:, i, None]
        frame[first], frame[second] = c * u + s * v, c * v - s * u
    length = np.full(count, TOOL_LENGTH) if tool_length is None else tool_length
    return Pose(origins, axes, origin + length[:, None] * frame[0], np.stack(frame, axis=1))


def jacobian(pose: Pose) -> Floats:
    """(n, 3, 6): the tip's velocity in m/s for each joint's velocity in rad/s."""
    return np.swapaxes(cross(pose.axes, pose.tip[:, None, :] - pose.origins), 1, 2)


def cross(a: Floats, b: Floats) -> Floats:
    """The cross product over the last axis."""
    x = a[..., 1] * b[..., 2] - a[..., 2] * b[..., 1]
    y = a[..., 2] * b[..., 0] - a[..., 0] * b[..., 2]
    z = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return np.stack([x, y, z], axis=-1)


def length(vectors: Floats) -> Floats:
    """Euclidean length of (n, 3) or (n, 2) vectors; summed in a fixed order."""
    total = vectors[:, 0] * vectors[:, 0]
    for i in range(1, vectors.shape[1]):
        total = total + vectors[:, i] * vectors[:, i]
    return np.sqrt(total)


def above_table(pose: Pose) -> NDArray[np.bool_]:
    """(n,): fingertips and wrist are above the table; the elbow cannot get there."""
    return (pose.tip[:, 2] >= TIP_CLEARANCE) & (pose.origins[:, WRIST, 2] >= WRIST_CLEARANCE)


def drive(
    joints: Floats, velocity: Floats, command: Floats, params: dict[str, NDArray[Any]], duration_s: float
) -> tuple[Floats, Floats, Pose]:
    """Turns the joints for one step.

    With speed s and lag k, v <- k v + (1 - k) s u and q <- clip(q + v t, low, high). A motion that would take the
    fingertips or the wrist into the table is not made: the drives stall, and the arm waits where it is.

    Args:
        joints: (n, 6) in rad.
        velocity: (n, 6) in rad/s, of the last step.
        command: (n, 6) in [-1, 1].
        params: With those of `PARAMS`.
        duration_s: How long the step is.

    Returns:
        Joints, velocity and pose.
    """
    lag = params["actuator_lag"][:, None]
    velocity = lag * velocity + (1.0 - lag) * (params["joint_speed"][:, None] * command)
    moved = np.clip(joints + duration_s * velocity, LOW, HIGH)
    pose = forward(moved, params["tool_length"])
    free = above_table(pose)
    if not free.all():
        moved = np.where(free[:, None], moved, joints)
        velocity = np.where(free[:, None], velocity, 0.0)
        pose = forward(moved, params["tool_length"])
    return moved, velocity, pose


def float32_bounds(low: NDArray[Any], high: NDArray[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bounds as float32 rounds them: whatever lies within stays within when it is rounded, too."""
    return tuple(np.float32(low).astype(float).tolist()), tuple(np.float32(high).astype(float).tolist())
