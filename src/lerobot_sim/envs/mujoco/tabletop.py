"""What the tasks at a table share: scene with robot and objects, hand's state, grasps, draws of places."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, namespace
from lerobot_sim.spec import Camera, Feature

from .objects import add_touch
from .robots.robot import Arm, Robot
from .scene import scene_with
from .world import Index, World


@dataclass(frozen=True)
class Bench:
    """A compiled scene of one robot, and where its parts lie in a World.

    What is asked of an arm is asked of the robot's first, unless its number says another; `state`, `home` and `ctrl`
    are of all.

    Attributes:
        robot: Who works there.
        model: The compiled scene.
        scene: The mjSpec that it was compiled from.
    """

    robot: Robot
    model: Any
    scene: Any

    @cached_property
    def index(self) -> Index:
        """Names of the model."""
        return Index(self.model)

    @property
    def arm(self) -> Arm:
        """The robot's first arm."""
        return self.robot.arms[0]

    @property
    def pads(self) -> list[str]:
        """Geoms of the arm's finger pads."""
        return [pad for finger in self.arm.fingers for pad in finger]

    @cached_property
    def joints(self) -> tuple[NDArray[np.int64], ...]:
        """Each arm's joints, then its gripper's, in `qpos`."""
        return tuple(self.index.qpos([*arm.joints, arm.gripper_joint]) for arm in self.robot.arms)

    @cached_property
    def cameras(self) -> dict[str, Camera]:
        """The front camera and those on the hands."""
        return {"front": Camera(), **{arm.wrist_camera: Camera() for arm in self.robot.arms}}

    def opening(self, world: World, arm: int = 0) -> Array:
        """How far a gripper is open, (n, 1): 0 closed on nothing, 1 open."""
        closed, opened = self.robot.arms[arm].travel
        at = int(self.joints[arm][-1])
        return (world.qpos[:, at : at + 1] - closed) / (opened - closed)

    def tip(self, world: World, arm: int = 0) -> Array:
        """Point between the finger pads, (n, 3) in m."""
        return world.site_xpos[:, self.index.site(self.robot.arms[arm].tip)]

    def hand(self, world: World, arm: int = 0) -> Array:
        """The hand's rotation matrix, (n, 3, 3): columns x, y (finger to finger) and z (approach)."""
        xp = namespace(world.qpos)
        return xp.reshape(world.site_xmat[:, self.index.site(self.robot.arms[arm].tip)], (world.qpos.shape[0], 3, 3))

    def hand_yaw(self, world: World, arm: int = 0) -> Array:
        """Turn about +z in rad (n,) of the line from finger to finger."""
        xp = namespace(world.qpos)
        hand = self.hand(world, arm)
        return xp.atan2(hand[:, 1, 1], hand[:, 0, 1])

    def state(self, world: World) -> Array:
        """`observation.state`: each arm's joint positions in rad, gripper's opening, tip's position in m; float32."""
        xp = namespace(world.qpos)
        parts: list[Array] = []
        for arm, joints in enumerate(self.joints):
            parts += [world.qpos[:, joints[:-1]], self.opening(world, arm), self.tip(world, arm)]
        return xp.astype(xp.concat(parts, axis=1), xp.float32)

    @property
    def state_feature(self) -> Feature:
        """What `state` is."""
        names: list[str] = []
        for arm in self.robot.arms:
            names += [f"{joint}.pos" for joint in arm.joint_labels]
            names += [prefix_of(arm) + name for name in ("gripper.pos", "tip.x", "tip.y", "tip.z")]
        return Feature(shape=(len(names),), dtype="float32", unit="rad, share, m", names=tuple(names))

    def touches(self, world: World, sensor: str, count: int) -> Array:
        """Whether any of the contact sensors `sensor.0` … feels something, bool (n,)."""
        felt = world.sensordata[:, self.index.sensor(f"{sensor}.0")][:, 0] > 0
        for number in range(1, count):
            felt = felt | (world.sensordata[:, self.index.sensor(f"{sensor}.{number}")][:, 0] > 0)
        return felt

    def grasped(self, world: World, name: str, arm: int = 0) -> Array:
        """Whether both fingers touch an object, bool (n,)."""
        first, second = self._fingers(world, name, arm)
        return first & second

    def touched(self, world: World, name: str, arm: int = 0) -> Array:
        """Whether a finger touches an object, bool (n,)."""
        first, second = self._fingers(world, name, arm)
        return first | second

    def _fingers(self, world: World, name: str, arm: int) -> tuple[Array, Array]:
        """Whether the first, and the second, finger touches an object."""
        prefix, (first, second) = prefix_of(self.robot.arms[arm]), self.robot.arms[arm].fingers
        return (
            self.touches(world, f"{prefix}first_finger.{name}", len(first)),
            self.touches(world, f"{prefix}second_finger.{name}", len(second)),
        )

    def home(self, count: int) -> NDArray[np.float64]:
        """`qpos` (count, nq) with the arms at home, the grippers open and everything else at its default."""
        qpos = np.repeat(np.asarray(self.model.qpos0)[None], count, axis=0)
        for arm, joints in zip(self.robot.arms, self.joints, strict=True):
            qpos[:, joints[:-1]] = arm.home
            qpos[:, joints[-1]] = arm.travel[1]
            for name, position in arm.gripper_rest.items():
                qpos[:, self.index.qpos([name])] = position
        return qpos

    def ctrl(self, qpos: NDArray[np.float64]) -> NDArray[np.float64]:
        """The command that holds the arms where they are with the grippers open, (n, nu)."""
        ctrl = np.zeros((len(qpos), self.model.nu))
        for arm, joints in zip(self.robot.arms, self.joints, strict=True):
            ctrl[:, self.index.actuators(arm.actuators)] = qpos[:, joints[:-1]]
            ctrl[:, self.index.actuators([arm.gripper_actuator])] = arm.gripper_open
        return ctrl


def make_bench(robot: Robot, build: Callable[[Any], Sequence[str]]) -> Bench:
    """Compiles a scene: table, robot, and what `build` adds to the mjSpec.

    Args:
        robot: Who works at the table.
        build: Adds things to the mjSpec and names the geoms that fingers may grasp. Whether they do is told by the
            contact sensors "first_finger.<geom>.0" … and "second_finger.<geom>.0" …, led by "left_" and "right_" for
            two arms.
    """
    spec = scene_with(robot)
    for name in build(spec):
        for arm in robot.arms:
            for finger, pads in zip(("first_finger", "second_finger"), arm.fingers, strict=True):
                add_touch(spec, f"{prefix_of(arm)}{finger}.{name}", pads, name)
    return Bench(robot, spec.compile(), spec)


def prefix_of(arm: Arm) -> str:
    """What leads the names of an arm's parts: "left_" or "right_" of two, nothing of one."""
    return arm.tip.removesuffix("tip")


def place_on_arc(
    seeds: NDArray[np.int64], stream: str, attempt: int, radius: tuple[float, float], angle: float
) -> NDArray[np.float64]:
    """Points (n, 2) in m before the base: uniform in distance between `radius`, within +-`angle` rad of +x."""
    share = rng.uniform(seeds, stream, attempt, shape=(2,))
    distance = radius[0] + (radius[1] - radius[0]) * share[:, 0]
    turn = angle * (2 * share[:, 1] - 1)
    return np.stack([distance * np.cos(turn), distance * np.sin(turn)], axis=1)


def yaw_quat(yaw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quaternions (n, 4), (w, x, y, z), of turns about +z."""
    zero = np.zeros_like(yaw)
    return np.stack([np.cos(yaw / 2), zero, zero, np.sin(yaw / 2)], axis=1)


def yaw_of(quat: Array) -> Array:
    """Turn about +z of quaternions (n, 4), in rad (n,)."""
    xp = namespace(quat)
    w, x, y, z = (quat[:, i] for i in range(4))
    return xp.atan2(2 * (w * z + x * y), 1 - 2 * (y * y + z * z))
