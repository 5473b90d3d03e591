"""`mujoco/reach`: bring the tip to a point and hold it there.

A ball in the air marks the point: before the Panda 8 to 40 cm above the table, before the SO arms 3 to 12 cm. Success
is a tip within 1.5 cm of it; the rule asks for it at ten control steps on end (0.4 s), for swinging past a point is
not reaching it. The gripper stays open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.mujoco.controllers import make_controller
from lerobot_sim.envs.mujoco.drive_params import actuator_gain
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_marker
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.scene_params import gravity
from lerobot_sim.envs.mujoco.tabletop import make_bench, place_on_arc
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

VERSION = 2
TARGET = "target"
CONTROLLER = "ee_delta_xyz"
NEAR = 0.015  # m
HELD = 10  # control steps
ANGLE = 0.6  # rad to either side of +x


@dataclass(frozen=True)
class Room:
    """A robot's targets: least and greatest distance from the base's axis, and height; the ball's radius; in m."""

    radius: tuple[float, float]
    height: tuple[float, float]
    ball: float


ROOMS = {
    "panda": Room((0.35, 0.65), (0.08, 0.40), 0.012),
    "so100": Room((0.13, 0.23), (0.03, 0.12), 0.007),
    "so101": Room((0.13, 0.22), (0.03, 0.12), 0.007),
}


OUTLINE = Outline(
    id="mujoco/reach",
    version=VERSION,
    max_steps=75,
    held=HELD,
    about="Bring the tip of the hand to a point and hold it there.",
    instruction="Move the hand to the red ball.",
    names=(*(f"target.{axis}" for axis in "xyz"), *(f"tip_to_target.{axis}" for axis in "xyz")),
)


def make(
    num_envs: int = 1,
    robot: str = "panda",
    reward: str = "dense",
    controller: str = CONTROLLER,
    threads: int = 0,
    model_path: str = "",
) -> TaskEnv:
    """`num_envs` lanes of `mujoco/reach`.

    Args:
        num_envs: Number of lanes.
        robot: "panda", "so100" or "so101".
        reward: "dense": nearness. "sparse": 1 at success.
        controller: What an action means; the expert needs the default. The gripper is no part of it.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    room = OUTLINE.layout(robot, ROOMS)

    def build(spec: Any) -> Sequence[str]:
        add_marker(spec, TARGET, room.ball, (0.85, 0.15, 0.15, 0.8))
        return []

    bench = make_bench(find_robot(robot, model_path), build)
    control = make_controller(controller, bench.robot, bench.model, gripper="none")
    params = {
        "arm_gain": actuator_gain(bench.model, list(bench.arm.actuators), 0.5, 2.0),
        "gravity": gravity(bench.model, -15.0, 5.0),
    }
    target = bench.index.body(TARGET)
    place = bench.index.qpos([f"{TARGET}.{axis}" for axis in "xyz"])

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        qpos[:, place[:2]] = place_on_arc(seeds, "reach/place", attempt, room.radius, ANGLE)
        low, high = room.height
        qpos[:, place[2]] = rng.uniform(seeds, "reach/height", attempt, low=low, high=high)
        return qpos, {}

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at = world.xpos[:, target]
        return xp.concat([at, at - bench.tip(world)], axis=1)

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        offset = world.xpos[:, target] - bench.tip(world)
        away = xp.sqrt(xp.sum(offset * offset, axis=1))
        success = away < NEAR
        return xp.exp(-10 * away), success, {"distance": away}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        offset = np.asarray(world.xpos)[0, target] - np.asarray(bench.tip(world))[0]
        return f"The tip is {np.linalg.norm(offset):.3f} m from the target{', near enough' if success else ''}."

    return tabletop_task(
        OUTLINE,
        bench,
        control,
        params,
        reward,
        draw=draw,
        observe=observe,
        judge=judge,
        describe=describe,
    )
