"""Robots on a bare table, for tests of kinematics and controllers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import mujoco
import numpy as np
import torch

from lerobot_sim.envs.mujoco.physics import SUBSTEPS, Physics, prepared
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.robots.robot import Arm, Robot
from lerobot_sim.envs.mujoco.world import FIELDS, Index, World, from_state


@dataclass(frozen=True)
class Bench:
    robot: Robot
    model: Any
    index: Index

    @property
    def arm(self) -> Arm:
        return self.robot.arms[0]

    def home(self, lanes: int) -> tuple[Any, Any]:
        """qpos and ctrl of arms at home with open grippers."""
        qpos, ctrl = np.tile(self.model.qpos0, (lanes, 1)), np.zeros((lanes, self.model.nu))
        for arm in self.robot.arms:
            qpos[:, self.index.qpos(arm.joints)] = arm.home
            qpos[:, self.index.qpos([arm.gripper_joint])] = arm.gripper_open
            ctrl[:, self.index.actuators(arm.actuators)] = arm.home
            ctrl[:, self.index.actuators([arm.gripper_actuator])] = arm.gripper_open
        return qpos, ctrl

    def world(self, qpos: Any) -> World:
        lanes = np.arange(len(qpos))
        return from_state(Physics(self.model, len(qpos), threads=1).settle(lanes, qpos, self.home(len(qpos))[1]))

    def drive(self, controller: Any, actions: Any, lanes: int) -> tuple[World, Any, Any]:
        """World, memory and ctrl after actions (t, lanes, A)."""
        physics = Physics(self.model, lanes, threads=1)
        state = physics.settle(np.arange(lanes), *self.home(lanes))
        memory, ctrl = controller.start(from_state(state)), None
        for action in actions:
            ctrl, memory = controller.command(from_state(state), memory, action)
            state, diverged = physics.advance(state, ctrl, np.ones(lanes, bool), SUBSTEPS)
            assert not diverged.any()
        return from_state(state), memory, ctrl


@cache
def bench(name: str) -> Bench:
    spec = prepared(mujoco.MjSpec())
    spec.worldbody.add_geom(name="table", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[2, 2, 0.1])
    robot = find_robot(name)
    robot.add(spec)
    model = spec.compile()
    return Bench(robot, model, Index(model))


def to_torch(value: Any) -> Any:
    """A World or a dict of arrays on torch."""
    if isinstance(value, World):
        return World(**{name: torch.from_numpy(getattr(value, name)) for name in FIELDS})
    if isinstance(value, dict):
        return {name: torch.from_numpy(array) for name, array in value.items()}
    return torch.from_numpy(value)


def lane(value: Any, rows: Any) -> Any:
    """Some lanes of a World, a dict of arrays, or an array."""
    if isinstance(value, World):
        return World(**{name: getattr(value, name)[rows].copy() for name in FIELDS})
    if isinstance(value, dict):
        return {name: array[rows].copy() for name, array in value.items()}
    return value[rows].copy()
