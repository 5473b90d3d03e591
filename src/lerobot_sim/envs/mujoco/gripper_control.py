"""Grippers: opened and closed by degrees, or by LeRobot's three words."""

from __future__ import annotations

from typing import Any, Literal

from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch

from .drive import Drive
from .robots.robot import Arm
from .world import Index, World

GripperMode = Literal["absolute", "three_way", "none"]

CLOSE, STAY, OPEN = 0.0, 1.0, 2.0
"""What `three_way` understands: LeRobot's `GripperAction` and gym-hil's values. In between the nearest counts."""


def gripper_drive(arm: Arm, model: Any, mode: GripperMode, prefix: str) -> Drive:
    """The drive of an arm's gripper.

    "absolute" takes -1 (closed) to 1 (open) and goes there. "three_way" takes 0 to 2: below 0.5 it closes, from 1.5 on
    it opens, in between it stays at its last command.
    """
    actuators = Index(model).actuators([arm.gripper_actuator])
    closed, opened = arm.gripper_closed, arm.gripper_open

    def absolute(_world: World, _memory: Batch, action: Array) -> tuple[Array, Batch]:
        return closed + (opened - closed) * (0.5 * (action + 1.0)), {}

    def three_way(world: World, _memory: Batch, action: Array) -> tuple[Array, Batch]:
        xp = namespace(action)
        last = world.ctrl[:, int(actuators[0])][:, None]
        return xp.where(action < 0.5, closed, xp.where(action < 1.5, last, opened)), {}

    def start(_world: World) -> Batch:
        return {}

    low, high = (-1.0, 1.0) if mode == "absolute" else (CLOSE, OPEN)
    return Drive(
        names=(f"{prefix}gripper",),
        low=(low,),
        high=(high,),
        unit="gripper 1",
        actuators=actuators,
        start=start,
        command=absolute if mode == "absolute" else three_way,
    )
