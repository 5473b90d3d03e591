"""What a user's model of a robot calls its parts: ours, a known package's, or what a TOML file says.

A TOML file beside the model has these keys; with two arms, those of an arm stand in two tables `[[arms]]`, left first.

| key | what it is | where it is missing |
|---|---|---|
| `model` | the MJCF, from the file's own folder | needed |
| `base_position`, `base_yaw` | where the model's origin stands on the table in m, and its turn in rad | such that the \
first joint's axis and the second one's height are those of our robot, working towards +x |
| `joints` | the arm's joints from base to tip | needed |
| `actuators` | position servos of these joints, their ctrl in rad | those that drive the joints |
| `gripper_joint` | the joint whose position says how far the gripper is open | needed |
| `gripper_actuator` | the gripper's position servo, of a joint or a tendon | the one that drives `gripper_joint` |
| `gripper_closed`, `gripper_open` | its ctrl when closed on nothing, and when open | the ends of its ctrlrange |
| `tip_site` | a site: z out of the hand, y from the first finger to the second | `tip_body` and what follows |
| `tip_body` | the hand's body | needed without `tip_site` |
| `tip_position` | the point between the fingers, in its frame in m | as our hand has it |
| `tip_approach`, `tip_sideways` | in its frame: out of the hand, and from the first finger to the second | as ours |
| `fingers` | geoms, or bodies whose colliding geoms are meant, of the first and of the second finger | needed |
| `wrist_camera` | a camera of the model | ours, at its place from the tip |
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from lerobot_sim.envs.mujoco.any_model_values import Reader, list_of, number, point, text
from lerobot_sim.errors import InputError, unknown_name

from .robot import Arm, Robot
from .rotations import Vector


@dataclass(frozen=True, kw_only=True)
class ArmLayout:
    """Names of an arm's parts in a model, and what the model does not say; see the module. None: as it is there."""

    joints: tuple[str, ...]
    gripper_joint: str
    fingers: tuple[tuple[str, ...], tuple[str, ...]]
    actuators: tuple[str, ...] | None = None
    gripper_actuator: str | None = None
    gripper_closed: float | None = None
    gripper_open: float | None = None
    tip_site: str | None = None
    tip_body: str | None = None
    tip_position: Vector | None = None
    tip_approach: Vector | None = None
    tip_sideways: Vector | None = None
    wrist_camera: str | None = None

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """Every name by the kind of thing that has it."""
        actuators = (*(self.actuators or ()), *((self.gripper_actuator,) if self.gripper_actuator else ()))
        return {
            "joint": (*self.joints, self.gripper_joint),
            "actuator": actuators,
            "site": (self.tip_site,) if self.tip_site else (),
            "body": (self.tip_body,) if self.tip_body else (),
            "geom or body": (*self.fingers[0], *self.fingers[1]),
            "camera": (self.wrist_camera,) if self.wrist_camera else (),
        }


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A model's parts.

    Attributes:
        about: Whose layout it is.
        arms: As many as the robot has.
        base: (position in m, turn about +z in rad) of the model's origin; None: found from the model.
        home: Whether the arms' home, the gripper's travel and the model's place are our robot's own.
    """

    about: str
    arms: tuple[ArmLayout, ...]
    base: tuple[tuple[float, ...], float] | None = None
    home: bool = False


_PANDA = ArmLayout(
    joints=tuple(f"joint{index}" for index in range(1, 8)),
    gripper_joint="finger_joint1",
    gripper_actuator="actuator8",
    fingers=(("right_finger",), ("left_finger",)),
    tip_body="hand",
)
_SO_ARM100 = ArmLayout(
    joints=("Rotation", "Pitch", "Elbow", "Wrist_Pitch", "Wrist_Roll"),
    gripper_joint="Jaw",
    gripper_closed=-0.2,
    gripper_open=0.9,
    fingers=(("Fixed_Jaw",), ("Moving_Jaw",)),
    tip_body="Fixed_Jaw",
)
_SO101 = ArmLayout(
    joints=("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll"),
    gripper_joint="gripper",
    gripper_closed=-0.1745,
    gripper_open=0.9,
    fingers=(("gripper",), ("moving_jaw_so101_v1",)),
    tip_body="gripper",
)
KNOWN: Mapping[str, tuple[Layout, ...]] = {
    "panda": (Layout(about="MuJoCo Menagerie's franka_emika_panda", arms=(_PANDA,)),),
    "so100": (Layout(about="MuJoCo Menagerie's trs_so_arm100", arms=(_SO_ARM100,)),),
    "so101": (Layout(about="The Robot Studio's so101_new_calib", arms=(_SO101,)),),
}
"""Robot's name -> layouts of other packages. Their hands' frames are those that our own robots have."""


def layouts_of(robot: Robot) -> tuple[Layout, ...]:
    """The layouts that a model of a robot is known to have: our own, and other packages'."""
    ours = Layout(about="our own", arms=tuple(_own(arm) for arm in robot.arms), base=((0.0, 0.0, 0.0), 0.0), home=True)
    return ours, *KNOWN.get(robot.name, ())


def _own(arm: Arm) -> ArmLayout:
    return ArmLayout(
        joints=arm.joints,
        actuators=arm.actuators,
        gripper_joint=arm.gripper_joint,
        gripper_actuator=arm.gripper_actuator,
        gripper_closed=arm.gripper_closed,
        gripper_open=arm.gripper_open,
        tip_site=arm.tip,
        fingers=arm.fingers,
        wrist_camera=arm.wrist_camera,
    )


_ARM: Mapping[str, Reader] = {
    "joints": list_of(text),
    "actuators": list_of(text),
    "gripper_joint": text,
    "gripper_actuator": text,
    "gripper_closed": number,
    "gripper_open": number,
    "tip_site": text,
    "tip_body": text,
    "tip_position": point,
    "tip_approach": point,
    "tip_sideways": point,
    "fingers": list_of(list_of(text)),
    "wrist_camera": text,
}
_TOP: Mapping[str, Reader] = {"model": text, "base_position": point, "base_yaw": number}


def read_layout(path: Path) -> tuple[Path, Layout]:
    """The model's path and its layout, from a TOML file.

    Raises:
        InputError: It is no TOML, a key is missing, or a value is not what its key takes.
        UnknownNameError: A key that there is not.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"robot.model_path: {path} cannot be read as TOML: {error}") from error
    arms = table.pop("arms", None)
    top = {name: _TOP[name](name, table.pop(name)) for name in list(table) if name in _TOP}
    if "model" not in top:
        raise InputError(f"{path} needs the key 'model', the MJCF's path. It may have: {', '.join((*_TOP, *_ARM))}.")
    tables: list[Any] = [table] if arms is None else list(arms)
    if arms is not None and table:
        raise unknown_name("key beside [[arms]]", next(iter(table)), _TOP)
    moved = "base_position" in top or "base_yaw" in top
    base = (top.get("base_position", (0.0, 0.0, 0.0)), top.get("base_yaw", 0.0)) if moved else None
    layout = Layout(about=str(path), arms=tuple(_read_arm(path, arm) for arm in tables), base=base)
    return path.parent / top["model"], layout


def _read_arm(path: Path, table: Mapping[str, Any]) -> ArmLayout:
    for name in table:
        if name not in _ARM:
            raise unknown_name(f"key of {path.name}", name, (*_TOP, *_ARM))
    values = {name: _ARM[name](name, value) for name, value in table.items()}
    tip = () if {"tip_site", "tip_body"} & set(values) else ("tip_site or tip_body",)
    missing = [*(name for name in ("joints", "gripper_joint", "fingers") if name not in values), *tip]
    if missing:
        raise InputError(f"{path} lacks: {', '.join(missing)}.")
    fingers: tuple[tuple[str, ...], ...] = values.pop("fingers")
    if len(fingers) != 2 or not all(fingers):
        raise InputError(
            f"{path}: 'fingers' are two lists of geoms or bodies, {[list(part) for part in fingers]} came."
        )
    return ArmLayout(**values, fingers=(fingers[0], fingers[1]))
