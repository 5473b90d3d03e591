"""Joints as LeRobot's robots tell them: degrees or +-100 for an arm's joints, 0 (closed) to 100 (open) for grippers.

LeRobot's motors give a calibrated joint in degrees from the middle of its range, or as -100 to 100 over that range
(`MotorNormMode` of lerobot 0.6.1). Every number outside is factor * x + offset of x in rad, or of a gripper's share.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.errors import unknown_name
from lerobot_sim.spec import Feature

from .kinematics import constant
from .world import Index, World

if TYPE_CHECKING:
    from .controllers import Controller
    from .robots.robot import Robot
    from .tabletop import Bench

Floats = NDArray[np.float64]

UNITS: Mapping[str, str] = {
    "degrees": "deg; gripper 0 to 100",
    "range_m100_100": "-100 to 100 over the joint's range; gripper 0 to 100",
    "radians": "rad; gripper 0 to 100",
}
"""Name -> what a number means, as a Feature's unit says it."""

USUAL = "degrees"
"""What LeRobot's SO arms use unless they are told otherwise."""

CONTROLLER = "lerobot_"
"""Leads the names of the controllers that speak these units."""


@dataclass(frozen=True, kw_only=True)
class RobotUnits:
    """How an arm's joints are told outside; grippers lie among the joints, in the order of `names`.

    Attributes:
        unit: One of `UNITS`.
        names: LeRobot's names of the joints, with ".pos".
        factor: (n,), of rad, and of a gripper's share of its opening.
        offset: (n,)
        low: Least targets, outside.
        high: Greatest.
    """

    unit: str
    names: tuple[str, ...]
    factor: Floats
    offset: Floats
    low: Floats
    high: Floats

    def outside(self, own: Array) -> Array:
        """(k, n) joints in rad and grippers' shares -> the numbers outside."""
        return own * constant(self.factor, own) + constant(self.offset, own)

    def inside(self, shown: Array) -> Array:
        """The reverse of `outside`."""
        return (shown - constant(self.offset, shown)) / constant(self.factor, shown)

    @property
    def feature(self) -> Feature:
        """Of a vector of all joints."""
        return Feature(shape=(len(self.names),), dtype="float32", unit=UNITS[self.unit], names=self.names)


def controller_name(unit: str) -> str:
    """The controller whose actions and observations are in a unit.

    Raises:
        UnknownNameError: There is no such unit.
    """
    if unit not in UNITS:
        raise unknown_name("unit of joints", unit, UNITS)
    return CONTROLLER + unit


def in_robot_units(base: Controller, unit: str) -> Controller:
    """The joint position controller with its action in a robot's units.

    Args:
        base: The controller "joint_position", whose grippers go from -1 to 1.
        unit: One of `UNITS`.
    """
    gripper = np.array([name.endswith("gripper") for name in base.action.names])
    low, high = (np.asarray(bound, np.float64) for bound in (base.action.low, base.action.high))
    factor, offset = _scales(unit, low, high)
    factor, offset = np.where(gripper, 100.0, factor), np.where(gripper, 0.0, offset)
    ends = [np.where(gripper, end, bound * factor + offset) for end, bound in ((0.0, low), (100.0, high))]
    names = tuple(f"{name}.pos" for name in base.action.names)
    units = RobotUnits(unit=unit, names=names, factor=factor, offset=offset, low=ends[0], high=ends[1])
    twice = np.where(gripper, 2.0, 1.0)  # a gripper's share becomes -1 to 1

    def command(world: World, memory: Batch, action: Array) -> tuple[Array, Batch]:
        own = units.inside(action)
        return base.command(world, memory, own * constant(twice, own) - constant(twice - 1.0, own))

    bounds = {"low": tuple(units.low.tolist()), "high": tuple(units.high.tolist())}
    return replace(
        base,
        name=controller_name(unit),
        action=replace(units.feature, **bounds),
        command=command,
        units=units,
    )


def joints_of(bench: Bench, world: World) -> Array:
    """Each arm's joints in rad, then its gripper's share of its opening, (k, n)."""
    xp = namespace(world.qpos)
    parts: list[Array] = []
    for arm, joints in enumerate(bench.joints):
        parts += [world.qpos[:, joints[:-1]], bench.opening(world, arm)]
    return xp.concat(parts, axis=1)


def targets_of(robot: Robot, index: Index, ctrl: Array) -> Array:
    """The joints' targets in rad and the grippers' shares, (k, n), that a command (k, nu) gives."""
    xp = namespace(ctrl)
    parts: list[Array] = []
    for arm in robot.arms:
        gripper = int(index.actuators([arm.gripper_actuator])[0])
        share = (ctrl[:, gripper : gripper + 1] - arm.gripper_closed) / (arm.gripper_open - arm.gripper_closed)
        parts += [ctrl[:, index.actuators(arm.actuators)], share]
    return xp.concat(parts, axis=1)


def _scales(unit: str, low: Floats, high: Floats) -> tuple[Floats, Floats]:
    """Factor and offset of joints with these ranges in rad."""
    if unit == "radians":
        return np.ones(len(low)), np.zeros(len(low))
    if unit == "degrees":
        return np.full(len(low), 180 / np.pi), np.zeros(len(low))
    return 200 / (high - low), -200 * low / (high - low) - 100
