"""End-effector controllers: the action moves a target of the tip, and inverse kinematics moves the joints after it.

The target is memory: it stays where it was put while nothing is asked, however the arm sags. Each control step the
joints' present positions q give the step dq that leads to the target (`kinematics`), and the command is

    ctrl = q + dq + b,    b <- b + INTEGRAL dq

where b makes up for what servos give way under weight. b grows only while a joint is nearly still, by small steps,
and is bounded, so that neither the way nor what holds the arm up winds it up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch

from .drive import Drive, Floats
from .joint_control import clip, joint_targets_range
from .kinematics import Chain, chain, columns, constant, jacobian, lanes_last, reaching_step, rotation_error, shortened
from .robots.robot import Arm
from .world import Index, World

LEAD = 0.1
"""The target stays so near to the tip, in m."""
TURN_LEAD = 0.2
"""No greater turn is asked of a step, in rad: it bounds what a turn that cannot be had takes from the position."""
MAX_STEP = 0.2
"""No joint is asked to go further in a step, in rad, before b; all slow down together, so the way stays the same."""
POSTURE = 0.05
"""Share of the way to the home posture that joints go a step where the tip leaves them free."""
INTEGRAL, INTEGRAL_STEP, INTEGRAL_BOUND, INTEGRAL_SPEED = 0.2, 0.02, 0.1, 0.1
"""Gain of b; the largest step, and b, in rad, that count; the speed in rad/s from which on a joint's b stays."""


@dataclass(frozen=True, kw_only=True)
class TipOptions:
    """What an action of 1 moves the target by in a control step, and the workspace in the world's frame.

    Attributes:
        step_sizes: Along x, y and z in m.
        turn_size: In rad.
        low: Least x, y and z of the target in m.
        high: Greatest.
    """

    step_sizes: tuple[float, float, float]
    turn_size: float
    low: tuple[float, float, float]
    high: tuple[float, float, float]


@dataclass(frozen=True)
class _Arm:
    """An arm's part of the problem.

    Attributes:
        links: The chain to the tip.
        free_yaw: Whether orientation only means pointing down.
        weight: Of a rad of orientation against a m of position, in m.
        home: (m,) in rad.
        low: (m,) least targets in rad.
        high: (m,) greatest.
    """

    links: Chain
    free_yaw: bool
    weight: float
    home: Floats
    low: Floats
    high: Floats

    @property
    def damping(self) -> float:
        """In m: half of the weight, so that orientation, too, is followed, and singular postures are passed gently."""
        return self.weight / 2


def tip_drive(kind: str, arm: Arm, model: Any, options: TipOptions, prefix: str) -> Drive:
    """The drive of an arm by its tip.

    Args:
        kind: "xyz" keeps the hand pointing down, with the yaw it starts with; an arm of fewer than six joints leaves
            the yaw to its last joint. "xyz_yaw" turns it about the vertical, too. "6d" starts from the hand's
            orientation as it is and turns it about the world's axes. Where an arm of fewer than six joints cannot
            have both, the position comes first.
        arm: The arm.
        model: The compiled model.
        options: Step sizes and workspace.
        prefix: Of the names of the action and the memory.
    """
    links = chain(model, arm.joints, arm.tip)
    low, high = joint_targets_range(links, model, arm)
    short = len(arm.joints) < 6
    problem = _Arm(links, short and kind == "xyz", 0.02 if short else 0.05, np.array(arm.home), low, high)
    dofs = columns(Index(model).dofs(arm.joints))
    keys = f"{prefix}position", f"{prefix}rotation", f"{prefix}bias"

    def start(world: World) -> Batch:
        rotation = world.site_xmat[:, links.site]
        values = (
            world.site_xpos[:, links.site] * 1.0,
            rotation * 1.0 if kind == "6d" else _downwards(rotation),
            0.0 * world.qpos[:, links.qpos],
        )
        return dict(zip(keys, values, strict=True))

    def command(world: World, memory: Batch, action: Array) -> tuple[Array, Batch]:
        position, rotation, bias = (memory[key] for key in keys)
        tip = world.site_xpos[:, links.site]
        position = _moved(position, action[:, :3], tip, options)
        rotation = _TURNS[kind](rotation, action[:, 3:] * options.turn_size)
        step = _step(world, problem, position, rotation)
        xp = namespace(step)
        still = xp.clip(1.0 - xp.abs(world.qvel[:, dofs]) / INTEGRAL_SPEED, 0.0, 1.0)
        bias = bias + INTEGRAL * still * xp.clip(step, -INTEGRAL_STEP, INTEGRAL_STEP)
        bias = xp.clip(bias, -INTEGRAL_BOUND, INTEGRAL_BOUND)
        target = clip(world.qpos[:, links.qpos] + step + bias, low, high)
        return target, dict(zip(keys, (position, rotation, bias), strict=True))

    names = tuple(f"{prefix}delta_{name}" for name in _NAMES[kind])
    return Drive(
        names=names,
        low=(-1.0,) * len(names),
        high=(1.0,) * len(names),
        unit="",
        actuators=Index(model).actuators(arm.actuators),
        start=start,
        command=command,
    )


def _moved(position: Array, action: Array, tip: Array, options: TipOptions) -> Array:
    """The target (n, 3) after an action: near to the tip, and in the workspace."""
    position = position + action * constant(options.step_sizes, position)
    position = tip + _at_most(position - tip, LEAD)
    return clip(position, np.array(options.low), np.array(options.high))


def _step(world: World, arm: _Arm, position: Array, rotation: Array) -> Array:
    """Joint steps (n, m) towards a target."""
    xp = namespace(position)
    rows = jacobian(world, arm.links)
    ahead = lanes_last(_at_most(position - world.site_xpos[:, arm.links.site], LEAD))
    present = lanes_last(world.site_xmat[:, arm.links.site])
    if arm.free_yaw:  # turning by w moves the approach axis by w x down
        turning = xp.stack([-rows[4], rows[3]])
        turn = -xp.stack([present[2], present[5]])
    else:
        turning = rows[3:]
        turn = rotation_error(present, lanes_last(rotation))
    turn = turn * _scale(turn, TURN_LEAD)
    q = lanes_last(world.qpos[:, arm.links.qpos])
    low, high, home = (constant(value, q)[:, None] for value in (arm.low, arm.high, arm.home))
    step = reaching_step(
        xp.concat([rows[:3], arm.weight * turning]),
        xp.concat([ahead, arm.weight * turn]),
        arm.damping,
        POSTURE * (home - q),
        low - q,
        high - q,
    )
    return xp.permute_dims(shortened(step, MAX_STEP), (1, 0))


def _at_most(vector: Array, length: float) -> Array:
    """Vectors (n, k), shortened to a length."""
    moved = namespace(vector).permute_dims(vector, (1, 0))
    return vector * _scale(moved, length)[:, None]


def _scale(vector: Array, length: float) -> Array:
    """(n,): what shortens vectors (k, n) to a length."""
    xp = namespace(vector)
    square = vector[0] * vector[0]
    for part in range(1, vector.shape[0]):
        square = square + vector[part] * vector[part]
    return xp.clip(length / xp.sqrt(square + 1e-18), 0.0, 1.0)


def _downwards(rotation: Array) -> Array:
    """(n, 9): the orientation with the approach axis straight down that keeps the direction between the fingers."""
    xp = namespace(rotation)
    x, y = rotation[:, 1], rotation[:, 4]  # of the hand's y axis
    norm = xp.sqrt(x * x + y * y)
    level = norm > 1e-6
    norm = xp.where(level, norm, 1.0)
    x, y = xp.where(level, x / norm, 0.0), xp.where(level, y / norm, 1.0)
    zero = xp.zeros_like(x)
    # columns: y cross down, y, down
    return xp.stack([-y, x, zero, x, y, zero, zero, zero, zero - 1.0], axis=1)


def _not_turned(rotation: Array, _turn: Array) -> Array:
    return rotation


def _turned_about_vertical(rotation: Array, turn: Array) -> Array:
    zero = 0.0 * turn
    return _turned(rotation, namespace(turn).concat([zero, zero, turn], axis=1))


def _turned(rotation: Array, turn: Array) -> Array:
    """Rotations (n, 9) turned about the world's axes by rotation vectors (n, 3): the quaternion's formula."""
    xp = namespace(turn)
    x, y, z = (turn[:, k] for k in range(3))
    angle = xp.sqrt(x * x + y * y + z * z)
    half = xp.where(angle < 1e-9, 0.5, xp.sin(0.5 * angle) / xp.where(angle < 1e-9, 1.0, angle))
    w, x, y, z = xp.cos(0.5 * angle), half * x, half * y, half * z
    by = (
        (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
    )
    rows = [rotation[:, 3 * k : 3 * k + 3] for k in range(3)]
    return xp.concat([a[:, None] * rows[0] + b[:, None] * rows[1] + c[:, None] * rows[2] for a, b, c in by], axis=1)


_TURNS: dict[str, Callable[[Array, Array], Array]] = {
    "xyz": _not_turned,
    "xyz_yaw": _turned_about_vertical,
    "6d": _turned,
}
_NAMES = {"xyz": ("x", "y", "z"), "xyz_yaw": ("x", "y", "z", "yaw"), "6d": ("x", "y", "z", "wx", "wy", "wz")}
