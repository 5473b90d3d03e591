"""Controllers: what an action means, and the command that it gives; written once for CPU and GPU.

| name | a number of the action |
|---|---|
| `joint_position` | a joint's target in rad, within its range |
| `joint_velocity` | a joint's speed, 1 = `max_joint_speed` |
| `joint_delta` | a joint's step, 1 = `joint_step_size` |
| `lerobot_degrees` … | a joint's target as LeRobot's robots tell it; `observation.state` is the joints, alone, so too |
| `ee_delta_xyz` | the tip's step along the world's axes, 1 = `x_step_size` …; the hand points down |
| `ee_delta_xyz_yaw` | and its turn about the vertical, 1 = `turn_step_size` |
| `ee_delta_6d` | and its turn about the world's x, y and z axes instead |

The gripper's number comes after its arm's: see `gripper_control`. Two-armed robots have all numbers of the first arm,
then all of the second.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, device_of, namespace
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import Feature

from .drive import Drive
from .gripper_control import gripper_drive
from .joint_control import moving_drive, position_drive
from .physics import CONTROL_HZ
from .robot_units import CONTROLLER, UNITS, RobotUnits, in_robot_units
from .robots.robot import Arm, Robot
from .tip_control import TipOptions, tip_drive
from .world import World


@dataclass(frozen=True, kw_only=True)
class Controller:
    """A controller of a robot, by name "joint_position", "ee_delta_xyz", …

    Attributes:
        name: Its name.
        action: What the policy gives.
        start: World at the reset -> the controller's memory (name -> (n, …)); part of a lane's state.
        command: (world, memory, action within bounds (n, A)) -> (ctrl (n, nu), next memory); called once a control
            step, new arrays only.
        units: A robot's units, where action and observation are in them.
    """

    name: str
    action: Feature
    start: Callable[[World], Batch]
    command: Callable[[World, Batch, Array], tuple[Array, Batch]]
    units: RobotUnits | None = None


_STEPS = {"x_step_size": 0.025, "y_step_size": 0.025, "z_step_size": 0.025}
_TIP = {**_STEPS, "bounds": {"min": (-np.inf, -np.inf, 0.0), "max": (np.inf, np.inf, np.inf)}}
_DEFAULTS: dict[str, dict[str, Any]] = {
    "joint_position": {},
    "joint_velocity": {"max_joint_speed": 1.0},
    "joint_delta": {"joint_step_size": 0.05},
    **{f"{CONTROLLER}{unit}": {} for unit in UNITS},
    "ee_delta_xyz": _TIP,
    "ee_delta_xyz_yaw": {**_TIP, "turn_step_size": 0.1},
    "ee_delta_6d": {**_TIP, "turn_step_size": 0.1},
}
_GRIPPERS = ("absolute", "three_way", "none")

CONTROLLERS = tuple(_DEFAULTS)
"""Their names."""


def make_controller(name: str, robot: Robot, model: Any, **options: Any) -> Controller:
    """The controller called `name` of a robot in a compiled model.

    Args:
        name: One of `CONTROLLERS`.
        robot: Its arms' parts, by name.
        model: The compiled model.
        options: `gripper` ("absolute", "three_way" or "none"); `max_joint_speed` in rad/s (joint_velocity);
            `joint_step_size` in rad (joint_delta); of the end-effector's controllers `x_step_size`, `y_step_size` and
            `z_step_size` in m, `turn_step_size` in rad, and `bounds`, {"min": (x, y, z), "max": (x, y, z)} of the
            target in m, by default the half space above the table. LeRobot's
            `ee_action_space_params` is taken whole, too.

    Raises:
        UnknownNameError: There is no such controller, option or gripper mode.
        InputError: An option's value cannot be used.
    """
    if name not in _DEFAULTS:
        raise unknown_name("controller", name, CONTROLLERS)
    given = _checked(name, options)
    if name.startswith(CONTROLLER):
        if given["gripper"] != "absolute":
            raise InputError(f"'gripper' of {name} is 'absolute', {given['gripper']!r} came. Leave it out.")
        return in_robot_units(make_controller("joint_position", robot, model), name.removeprefix(CONTROLLER))
    drives: list[Drive] = []
    for arm, prefix in zip(robot.arms, _prefixes(robot), strict=True):
        drives.append(_arm_drive(name, arm, model, given, prefix))
        if given["gripper"] != "none":
            drives.append(gripper_drive(arm, model, given["gripper"], prefix))
    return _joined(name, drives, model)


def _arm_drive(name: str, arm: Arm, model: Any, given: Mapping[str, Any], prefix: str) -> Drive:
    if name == "joint_position":
        return position_drive(arm, model)
    if name == "joint_velocity":
        return moving_drive(arm, model, given["max_joint_speed"] / CONTROL_HZ, prefix)
    if name == "joint_delta":
        return moving_drive(arm, model, given["joint_step_size"], prefix)
    low, high = (cast("tuple[float, float, float]", given["bounds"][side]) for side in ("min", "max"))
    sizes = (given["x_step_size"], given["y_step_size"], given["z_step_size"])
    tip = TipOptions(step_sizes=sizes, turn_size=given.get("turn_step_size", 0.0), low=low, high=high)
    return tip_drive(name.removeprefix("ee_delta_"), arm, model, tip, prefix)


def _joined(name: str, drives: list[Drive], model: Any) -> Controller:
    """One controller of drives that share neither actuators nor memory."""
    ends = np.cumsum([0, *(len(drive.names) for drive in drives)]).tolist()
    order: NDArray[np.int64] = np.arange(int(model.nu))  # of the old ctrl and then the targets, what makes the new ctrl
    order[np.concatenate([drive.actuators for drive in drives])] = model.nu + np.arange(
        sum(len(drive.actuators) for drive in drives)
    )

    def start(world: World) -> Batch:
        return {key: value for drive in drives for key, value in drive.start(world).items()}

    def command(world: World, memory: Batch, action: Array) -> tuple[Array, Batch]:
        xp = namespace(action)
        parts: list[Array] = [world.ctrl]
        after: Batch = {}
        for drive, begin, end in zip(drives, ends, ends[1:], strict=False):
            target, changed = drive.command(world, memory, action[:, begin:end])
            parts.append(target)
            after.update(changed)
        return xp.take(xp.concat(parts, axis=1), xp.asarray(order, device=device_of(action)), axis=1), after

    units = dict.fromkeys(drive.unit for drive in drives if drive.unit)
    scaled = not any(drive.unit for drive in drives if not drive.names[0].endswith("gripper"))
    return Controller(
        name=name,
        action=Feature(
            shape=(ends[-1],),
            dtype="float32",
            unit="" if scaled else "; ".join(units),
            names=tuple(label for drive in drives for label in drive.names),
            low=tuple(value for drive in drives for value in drive.low),
            high=tuple(value for drive in drives for value in drive.high),
        ),
        start=start,
        command=command,
    )


def _checked(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """All options of a controller, checked, with defaults for what is not given."""
    given = dict(options)
    given.update(given.pop("ee_action_space_params", None) or {})
    if "control_mode" in given:
        raise InputError(
            f"'control_mode' ({given['control_mode']!r}) is no option of a controller here: who acts is the policy or "
            "teleoperator that drives it (`--policy expert`, LeRobot's by `--robot.type=sim`). Leave it out."
        )
    known = {"gripper": "absolute", **_DEFAULTS[name]}
    for option, value in given.items():
        if option not in known:
            raise unknown_name(f"option of the controller {name}", option, known)
        if option not in ("gripper", "bounds") and not (np.isfinite(value) and value > 0):
            raise InputError(f"'{option}' of {name} must be a number above 0, {value!r} came.")
    values = {**known, **given}
    if values["gripper"] not in _GRIPPERS:
        raise unknown_name("gripper mode", str(values["gripper"]), _GRIPPERS)
    if "bounds" in values:
        values["bounds"] = _checked_bounds(name, values["bounds"])
    return values


def _checked_bounds(name: str, bounds: Any) -> dict[str, tuple[float, ...]]:
    try:
        low, high = (tuple(float(value) for value in bounds[side]) for side in ("min", "max"))
        if len(low) == len(high) == 3 and all(a < b for a, b in zip(low, high, strict=True)):
            return {"min": low, "max": high}
    except (TypeError, ValueError, KeyError, IndexError):
        pass
    raise InputError(
        f"'bounds' of {name} are {{'min': (x, y, z), 'max': (x, y, z)}} in m with min below max, {bounds!r} came."
    )


def _prefixes(robot: Robot) -> list[str]:
    """What tells the arms' names apart: nothing for one arm, "left_" and "right_" for arms named so."""
    if len(robot.arms) == 1:
        return [""]
    firsts = [arm.tip.partition("_")[0] + "_" for arm in robot.arms]
    named = all(
        name.startswith(first) for first, arm in zip(firsts, robot.arms, strict=True) for name in arm.joint_labels
    )
    return firsts if named and len(set(firsts)) == len(firsts) else [f"arm{i}_" for i in range(len(firsts))]
