"""What tasks, controllers and experts know of a robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One arm with its gripper, by the names of its parts in the model.

    Attributes:
        joints: The arm's joints from base to tip, LeRobot's names, without the gripper's.
        actuators: Position actuators of those joints, in the same order; their ctrl is the joint's target in rad.
        gripper_actuator: Position actuator of the gripper.
        gripper_joint: The joint whose position stands for the gripper's opening in observations.
        gripper_open: The actuator's ctrl when open.
        gripper_closed: The actuator's ctrl when closed on nothing.
        tip: Site between the finger pads: its z axis points out of the hand along the approach direction, its
            y axis from one finger to the other.
        fingers: The pads' geoms, one tuple a finger, for contact sensors.
        wrist_camera: Camera on the hand.
        home: Arm joints' positions in rad at the start, hand above the table, pointing down at it.
        reach: (least, greatest) distance in m from the base's axis at which the hand can point straight down at the
            table.
        hand_geoms: What is felt of the whole hand, where a task asks for it.
        labels: What observations and actions call the joints; their own names where it is empty.
        gripper_travel: The gripper joint's position (closed on nothing, open), where it is not the actuator's ctrl.
        gripper_rest: Positions of the gripper's other joints when open, by joint, where they are not `qpos0`'s.
    """

    joints: tuple[str, ...]
    actuators: tuple[str, ...]
    gripper_actuator: str
    gripper_joint: str
    gripper_open: float
    gripper_closed: float
    tip: str
    fingers: tuple[tuple[str, ...], tuple[str, ...]]
    wrist_camera: str
    home: tuple[float, ...]
    reach: tuple[float, float]
    hand_geoms: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    gripper_travel: tuple[float, float] | None = None
    gripper_rest: Mapping[str, float] = field(default_factory=dict[str, float])

    @property
    def joint_labels(self) -> tuple[str, ...]:
        """What observations and actions call the joints."""
        return self.labels or self.joints

    @property
    def travel(self) -> tuple[float, float]:
        """The gripper joint's position closed on nothing, and open."""
        return self.gripper_travel or (self.gripper_closed, self.gripper_open)


@dataclass(frozen=True, kw_only=True)
class Robot:
    """A robot.

    The arms' `home` with open grippers is `qpos0`, where a reset of MuJoCo's data puts the robot.

    Attributes:
        name: LeRobot's short name, such as "so100".
        arms: One, or two for a two-armed one.
        add: Adds the robot to an `mjSpec` whose table top is the plane z = 0; the arm's base stands on it near the
            origin and works towards +x. Two arms face each other along x or stand side by side: the module says.
        source: Where kinematics, limits, masses and gains are from.
        model_path: The user's own model that stands for it; empty for ours.
        model_sha256: Of that model's contents.
    """

    name: str
    arms: tuple[Arm, ...]
    add: Callable[[Any], None]
    source: str
    model_path: str = ""
    model_sha256: str = ""

    @property
    def options(self) -> dict[str, str]:
        """What an environment's options say of it."""
        model = {"model_path": self.model_path, "model_sha256": self.model_sha256} if self.model_path else {}
        return {"robot": self.name, **model}
