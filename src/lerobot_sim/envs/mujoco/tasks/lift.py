"""`mujoco/lift`: pick the cube up and hold it.

A cube of 60 g lies before the arm, turned by up to 45 degrees: 4 cm for the Panda, 3 cm for the SO arms. Success is a
cube at least 8 cm (SO-100 5, SO-101 4.5) above where it lay, touched by both fingers, and slower than 0.2 m/s; the
rule asks for it at ten control steps on end (0.4 s). A cube that was flung, or that lies on the hand, does not count.
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
from lerobot_sim.envs.mujoco.contact_params import body_mass, friction
from lerobot_sim.envs.mujoco.controllers import make_controller
from lerobot_sim.envs.mujoco.drive_params import actuator_gain
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_box
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.scene_params import light_color
from lerobot_sim.envs.mujoco.tabletop import make_bench, place_on_arc, yaw_of, yaw_quat
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

VERSION = 2
CUBE = "cube"
CONTROLLER = "ee_delta_xyz_yaw"
SLOW = 0.2  # m/s
HELD = 10  # control steps
TURN = ("hand_to_cube.sin4", "hand_to_cube.cos4")
"""Of four times the turn from hand to cube about the vertical, so that all of a cube's sides are alike."""
MASS = 0.06  # kg


@dataclass(frozen=True)
class Size:
    """What suits a robot: half of the cube's edge, and the height to which it is to be lifted, in m."""

    half_edge: float
    lifted: float


SIZES = {"panda": Size(0.02, 0.08), "so100": Size(0.015, 0.05), "so101": Size(0.015, 0.045)}
"""The SO arms can point straight down only up to 9 and 7.5 cm above the table."""


OUTLINE = Outline(
    id="mujoco/lift",
    version=VERSION,
    max_steps=100,
    held=HELD,
    about="Pick the cube up and hold it.",
    instruction="Pick up the cube.",
    names=(*(f"cube.{axis}" for axis in "xyz"), *(f"tip_to_cube.{axis}" for axis in "xyz"), *TURN, "grasped"),
)


def make(
    num_envs: int = 1,
    robot: str = "panda",
    reward: str = "dense",
    controller: str = CONTROLLER,
    threads: int = 0,
    model_path: str = "",
) -> TaskEnv:
    """`num_envs` lanes of `mujoco/lift`.

    Args:
        num_envs: Number of lanes.
        robot: "panda", "so100" or "so101".
        reward: "dense": nearness and height. "sparse": 1 at success.
        controller: What an action means; the expert needs the default.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    size = OUTLINE.layout(robot, SIZES)
    edge, lifted = size.half_edge, size.lifted

    def build(spec: Any) -> Sequence[str]:
        add_box(spec, CUBE, (edge, edge, edge), MASS, (0.85, 0.2, 0.18, 1))
        return [CUBE]

    bench = make_bench(find_robot(robot, model_path), build)
    control = make_controller(controller, bench.robot, bench.model)
    cube = bench.index.body(CUBE)
    place, speed = bench.index.free(CUBE), bench.index.free_dofs(CUBE)
    low, high = bench.arm.reach
    arm = bench.arm
    params = {
        "cube_mass": body_mass(bench.model, CUBE, 0.02, 0.2),
        "pad_friction": friction(bench.model, bench.pads, 0.3, 1.5),
        "arm_gain": actuator_gain(bench.model, list(arm.actuators), 0.7, 1.3),
        "key_light": light_color(bench.model, "key"),
    }

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        middle, spread = (low + high) / 2, 0.3 * (high - low)
        qpos[:, place][:, :2] = place_on_arc(seeds, "lift/place", attempt, (middle - spread, middle + spread), 0.5)
        qpos[:, place.start + 2] = edge
        turn = rng.uniform(seeds, "lift/yaw", attempt, low=-np.pi / 4, high=np.pi / 4)
        qpos[:, place.start + 3 : place.stop] = yaw_quat(turn)
        return qpos, {}

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at = world.xpos[:, cube]
        turn = 4 * (yaw_of(world.xquat[:, cube]) - bench.hand_yaw(world))[:, None]
        held = xp.astype(bench.grasped(world, CUBE), xp.float64)[:, None]
        return xp.concat([at, at - bench.tip(world), xp.sin(turn), xp.cos(turn), held], axis=1)

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        offset = world.xpos[:, cube] - bench.tip(world)
        away = xp.sqrt(xp.sum(offset * offset, axis=1))
        height = world.xpos[:, cube, 2] - edge
        velocity = world.qvel[:, speed][:, :3]
        quiet = xp.sum(velocity * velocity, axis=1) < SLOW**2
        success = (height > lifted) & bench.grasped(world, CUBE) & quiet
        value = 0.5 * xp.exp(-10 * away) + 0.5 * xp.clip(height / lifted, 0.0, 1.0)
        to_go = xp.clip(lifted - height, 0.0, None)
        return value, success, {"height": height, "tip_distance": away, "goal_distance": to_go}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        height = float(world.xpos[0, cube, 2]) - edge
        return f"The cube is {height:.3f} m above where it lay{', held' if success else ''}."

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
