"""Joint controllers: targets given outright, or moved by the action."""

from __future__ import annotations

from typing import Any

import numpy as np

from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch

from .drive import Drive, Floats, control_range
from .kinematics import Chain, chain, constant
from .robots.robot import Arm
from .world import Index, World

LEAD = 0.3
"""A moved target stays so near to the joint, in rad: a joint that something stops does not wind up."""


def position_drive(arm: Arm, model: Any) -> Drive:
    """Joint targets in rad (m for slides), bounded by the joints' ranges."""
    links = chain(model, arm.joints, arm.tip)
    actuators = Index(model).actuators(arm.actuators)
    low, high = joint_targets_range(links, model, arm)

    def command(_world: World, _memory: Batch, action: Array) -> tuple[Array, Batch]:
        return clip(action, low, high), {}

    def start(_world: World) -> Batch:
        return {}

    return Drive(
        names=arm.joint_labels,
        low=tuple(low.tolist()),
        high=tuple(high.tolist()),
        unit="m" if links.slides.all() else "rad; m" if links.slides.any() else "rad",
        actuators=actuators,
        start=start,
        command=command,
    )


def moving_drive(arm: Arm, model: Any, step_size: float, prefix: str) -> Drive:
    """Joint targets that an action of 1 moves by `step_size` rad (m for slides) a control step."""
    links = chain(model, arm.joints, arm.tip)
    actuators = Index(model).actuators(arm.actuators)
    low, high = joint_targets_range(links, model, arm)
    key = f"{prefix}target"

    def command(world: World, memory: Batch, action: Array) -> tuple[Array, Batch]:
        xp = namespace(action)
        present = world.qpos[:, links.qpos]
        target = xp.clip(memory[key] + step_size * action, present - LEAD, present + LEAD)
        target = clip(target, low, high)
        return target, {key: target}

    def start(world: World) -> Batch:
        return {key: clip(world.qpos[:, links.qpos], low, high)}

    count = len(arm.joints)
    return Drive(
        names=arm.joint_labels,
        low=(-1.0,) * count,
        high=(1.0,) * count,
        unit="",
        actuators=actuators,
        start=start,
        command=command,
    )


def joint_targets_range(links: Chain, model: Any, arm: Arm) -> tuple[Floats, Floats]:
    """Least and greatest targets: within the joints' ranges and the actuators'."""
    least, greatest = control_range(model, Index(model).actuators(arm.actuators))
    return np.maximum(links.low, least), np.minimum(links.high, greatest)


def clip(values: Array, low: Floats, high: Floats) -> Array:
    """(n, m) values within bounds (m,)."""
    return namespace(values).clip(values, constant(low, values), constant(high, values))
