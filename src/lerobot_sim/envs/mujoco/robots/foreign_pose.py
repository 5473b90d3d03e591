"""Where a user's model stands, its home and its gripper's travel: what names alone do not say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.library import mj
from lerobot_sim.errors import InputError

from .foreign_parts import Hand, Parts, Tip, below, names_of
from .robot import Robot
from .rotations import rotate, turn

Floats = NDArray[np.float64]

POSITION_SLACK, TURN_SLACK = 0.003, 0.05
"""How near in m and rad a model's tip has to come to our robot's home."""
_STEPS, _DAMPING, _LEVER = 300, 0.01, 0.1  # of the search; m that a rad counts
_SETTLING = 2.0  # seconds that a gripper has to open or close


@dataclass(frozen=True)
class Reference:
    """What our robot is like: its hands, and the height of the first arm's second joint in m."""

    hands: tuple[Hand, ...]
    shoulder: float


def make_reference(ours: Robot) -> Reference:
    """Our robot, compiled, at home."""
    spec = mj.MjSpec()
    ours.add(spec)
    model = spec.compile()
    data = mj.MjData(model)
    for arm in ours.arms:
        for name, value in zip(arm.joints, arm.home, strict=True):
            data.joint(name).qpos[0] = value
    mj.mj_kinematics(model, data)
    mj.mj_camlight(model, data)
    hands: list[Hand] = []
    for arm in ours.arms:
        site, camera = model.site(arm.tip).id, model.camera(arm.wrist_camera).id
        rotation = data.site_xmat[site].reshape(3, 3)
        home = np.eye(4)
        home[:3, :3], home[:3, 3] = rotation, data.site_xpos[site]
        hands.append(
            Hand(
                pos=np.array(model.site_pos[site]),
                quat=np.array(model.site_quat[site]),
                camera_pos=rotation.T @ (data.cam_xpos[camera] - data.site_xpos[site]),
                camera_quat=_quat(rotation.T @ data.cam_xmat[camera].reshape(3, 3)),
                fovy=float(model.cam_fovy[camera]),
                home=home,
            )
        )
    return Reference(tuple(hands), float(data.xanchor[model.joint(ours.arms[0].joints[1]).id, 2]))


def find_base(model: Any, parts: Sequence[Parts], reference: Reference) -> tuple[tuple[float, ...], float]:
    """Where the model's origin stands, and its turn about +z: its axis and shoulder come to where ours are.

    The turn is by quarters, such that with all joints in the middle the tip is before the base. Two arms stay where
    their model has them.

    Raises:
        InputError: The first joint is not upright.
    """
    if len(parts) > 1:
        return (0.0, 0.0, 0.0), 0.0
    joints = _joints(model, parts[0].joints)
    data = mj.MjData(model)
    data.qpos[model.jnt_qposadr[joints]] = np.where(
        model.jnt_limited[joints] != 0, model.jnt_range[joints].mean(axis=1), 0.0
    )
    mj.mj_kinematics(model, data)
    if abs(data.xaxis[joints[0], 2]) < 0.999:
        raise InputError(
            f"The axis of '{parts[0].joints[0]}' is not upright, so it cannot be told where the robot stands. "
            "Say 'base_position' and 'base_yaw' in a TOML file beside the model."
        )
    anchor = data.xanchor[joints[0]]
    out = _tip(model, data, parts[0].tip)[0] - anchor
    quarters = -round(float(np.arctan2(out[1], out[0])) / (np.pi / 2))
    yaw = quarters * np.pi / 2
    moved = rotate(turn((0, 0, 1), yaw), (anchor[0], anchor[1], data.xanchor[joints[1], 2]))
    return (-float(moved[0]), -float(moved[1]), reference.shoulder - float(moved[2])), yaw


def find_home(
    model: Any, parts: Parts, target: Floats, base: tuple[tuple[float, ...], float], ours: Sequence[float]
) -> Floats:
    """Joint positions that bring the tip to a pose (4, 4) in the world, by damped least squares from several starts.

    An arm of fewer than six joints has to meet the position and the direction of approach alone.

    Raises:
        InputError: None of the starts leads there.
    """
    quat = turn((0, 0, 1), base[1])
    inverse = quat * np.array([1, -1, -1, -1])
    wanted = rotate(inverse, target[:3, 3] - np.array(base[0]))
    axes = np.stack([rotate(inverse, target[:3, k]) for k in range(3)], axis=1)
    joints = _joints(model, parts.joints)
    low, high = model.jnt_range[joints].T
    limited = model.jnt_limited[joints] != 0
    low, high = np.where(limited, low, -np.pi), np.where(limited, high, np.pi)
    shares = (0.5, 0.35, 0.65, 0.2, 0.8)
    starts = [low + share * (high - low) for share in shares]
    if len(ours) == len(joints):
        starts.insert(0, np.clip(ours, low, high))
    missed: list[tuple[float, float]] = []
    for start in starts:
        found, distance, angle = _solved(model, parts, joints, start, low, high, wanted, axes)
        if distance < POSITION_SLACK and angle < TURN_SLACK:
            return found
        missed.append((distance, angle))
    distance, angle = min(missed)
    raise InputError(
        f"The model's tip does not reach our robot's home at {np.round(wanted, 3).tolist()} m in its own frame: it "
        f"comes to {distance:.3f} m and {angle:.2f} rad of it. Check the base's and the tip's frames of the layout."
    )


def find_travel(model: Any, parts: Parts, home: Floats) -> tuple[tuple[float, float], dict[str, float]]:
    """(closed, open) positions of the gripper's joint, and those of its other joints when open, by driving it.

    Raises:
        InputError: The joint does not move.
    """
    data = mj.MjData(model)
    arm = _joints(model, parts.joints)
    at = model.jnt_qposadr[arm]
    names = names_of(model, "actuator")
    drives = [names.index(name) for name in parts.actuators]
    gripper, joint = names.index(parts.gripper_actuator), int(_joints(model, (parts.gripper_joint,))[0])
    gravity = np.array(model.opt.gravity)
    model.opt.gravity[:] = 0.0
    data.qpos[at], data.ctrl[drives] = home, home
    positions: list[Floats] = []
    for ctrl in (parts.gripper_closed, parts.gripper_open):
        data.ctrl[gripper] = ctrl
        mj.mj_step(model, data, int(np.ceil(_SETTLING / model.opt.timestep)))
        positions.append(np.array(data.qpos))
    model.opt.gravity[:] = gravity
    closed, opened = (float(qpos[model.jnt_qposadr[joint]]) for qpos in positions)
    if abs(opened - closed) < 1e-3 or not np.isfinite(positions[-1]).all():
        raise InputError(
            f"'{parts.gripper_actuator}' does not move '{parts.gripper_joint}' between ctrl {parts.gripper_closed:g} "
            f"and {parts.gripper_open:g}: it goes from {closed:g} to {opened:g}."
        )
    own = {*parts.joints, parts.gripper_joint}
    hand = below(model, parts.tip.body)
    rest = {
        name: float(positions[-1][model.jnt_qposadr[index]])
        for index, name in enumerate(names_of(model, "joint"))
        if name and name not in own and model.jnt_bodyid[index] in hand and model.jnt_type[index] >= 2
    }
    return (closed, opened), rest


def _solved(
    model: Any,
    parts: Parts,
    joints: NDArray[np.int64],
    q: Floats,
    low: Floats,
    high: Floats,
    wanted: Floats,
    axes: Floats,
) -> tuple[Floats, float, float]:
    """Joint positions, and how far in m and rad the tip and its approach are from what is wanted."""
    data = mj.MjData(model)
    at, dofs = model.jnt_qposadr[joints], model.jnt_dofadr[joints]
    body = names_of(model, "body").index(parts.tip.body)
    sideways = _LEVER if len(joints) >= 6 else 0.1 * _LEVER  # of five joints the turn about the approach comes last
    linear, angular = np.zeros((3, model.nv)), np.zeros((3, model.nv))
    distance = angle = np.inf
    for _ in range(_STEPS):
        data.qpos[at] = q
        mj.mj_kinematics(model, data)
        mj.mj_comPos(model, data)
        tip, rotation = _tip(model, data, parts.tip)
        mj.mj_jac(model, data, linear, angular, tip, body)
        ahead, tilt = wanted - tip, np.cross(rotation[:, 2], axes[:, 2])
        spin = np.cross(rotation[:, 1], axes[:, 1])
        spin = axes[:, 2] * (spin @ axes[:, 2])
        distance = float(np.linalg.norm(ahead))
        angle = float(np.arctan2(np.linalg.norm(tilt), rotation[:, 2] @ axes[:, 2]))
        turning = angular[:, dofs]
        rows = np.concatenate([linear[:, dofs], _LEVER * turning, sideways * axes[:, 2:].T @ turning])
        error = np.concatenate([ahead, _LEVER * tilt, [sideways * float(spin @ axes[:, 2])]])
        step = rows.T @ np.linalg.solve(rows @ rows.T + _DAMPING**2 * np.eye(len(rows)), error)
        q = np.clip(q + np.clip(step, -0.2, 0.2), low, high)
        if float(np.abs(step).max()) < 1e-9:
            break
    return q, distance, angle


def _tip(model: Any, data: Any, tip: Tip) -> tuple[Floats, Floats]:
    """The tip's position and rotation matrix."""
    body = names_of(model, "body").index(tip.body)
    rotation = data.xmat[body].reshape(3, 3)
    return data.xpos[body] + rotation @ tip.pos, rotation @ _matrix(tip.quat)


def _matrix(quat: Floats) -> Floats:
    matrix = np.zeros(9)
    mj.mju_quat2Mat(matrix, quat)
    return matrix.reshape(3, 3)


def _quat(matrix: Floats) -> Floats:
    quat = np.zeros(4)
    mj.mju_mat2Quat(quat, np.ascontiguousarray(matrix).ravel())
    return quat


def _joints(model: Any, names: Sequence[str]) -> NDArray[np.int64]:
    known = names_of(model, "joint")
    return np.array([known.index(name) for name in names], np.int64)
