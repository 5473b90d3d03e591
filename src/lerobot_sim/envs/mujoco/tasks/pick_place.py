"""`mujoco/pick-place`: put the cube into the bin.

A cube of 60 g (4 cm for the Panda, 3 cm for the SO arms) lies on one side, a bin with walls (14 cm wide and 5 cm high;
9 cm and 3 cm) stands on the other. Success is a cube that lies on the bin's floor, between its walls, that no finger
touches and that is slower than 5 cm/s; the rule asks for it at ten control steps on end (0.4 s). A cube that is held in
the bin, or that only flies through it, does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
from lerobot_sim.envs.mujoco.furniture import Fixture, add_board, add_fixture, turned
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_box
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.tabletop import Bench, make_bench, place_on_arc, yaw_of, yaw_quat
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

CUBE, BIN = "cube", "bin"
VERSION = 2
CONTROLLER = "ee_delta_xyz_yaw"
FLOOR, WALL = 0.004, 0.005  # m, thickness
SLOW = 0.05  # m/s
HELD = 10  # control steps
MASS = 0.06  # kg


@dataclass(frozen=True)
class Size:
    """What suits a robot, in m.

    Attributes:
        half_edge: Half of the cube's edge.
        half_bin: Half of the bin's inner width.
        height: Of its walls above the table.
        aside: Angle from straight ahead to the cube on one side, and to the bin on the other, in rad.
    """

    half_edge: float
    half_bin: float
    height: float
    aside: float


SIZES = {
    "panda": Size(0.02, 0.07, 0.05, 0.38),
    "so100": Size(0.015, 0.045, 0.03, 0.55),
    "so101": Size(0.015, 0.045, 0.03, 0.55),
}


OUTLINE = Outline(
    id="mujoco/pick-place",
    version=VERSION,
    max_steps=150,
    held=HELD,
    about="Put the cube into the bin.",
    instruction="Put the cube into the bin.",
    names=(
        *(f"cube.{axis}" for axis in "xyz"),
        *(f"tip_to_cube.{axis}" for axis in "xyz"),
        "hand_to_cube.sin4",
        "hand_to_cube.cos4",
        *(f"cube_to_bin.{axis}" for axis in "xyz"),
        *(f"tip_to_bin.{axis}" for axis in "xyz"),
        "grasped",
        "inside",
    ),
)


def make(
    num_envs: int = 1,
    robot: str = "panda",
    reward: str = "dense",
    controller: str = CONTROLLER,
    threads: int = 0,
    model_path: str = "",
) -> TaskEnv:
    """`num_envs` lanes of `mujoco/pick-place`.

    Args:
        num_envs: Number of lanes.
        robot: "panda", "so100" or "so101".
        reward: "dense": nearness of hand to cube and of cube to bin, and success. "sparse": 1 at success.
        controller: What an action means; the expert needs the default.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    size = OUTLINE.layout(robot, SIZES)
    edge = size.half_edge

    def build(spec: Any) -> Sequence[str]:
        add_box(spec, CUBE, (edge, edge, edge), MASS, (0.85, 0.2, 0.18, 1))
        _add_bin(spec, size)
        return [CUBE]

    bench = make_bench(find_robot(robot, model_path), build)
    params = {
        "cube_mass": body_mass(bench.model, CUBE, 0.02, 0.2),
        "grip_friction": friction(bench.model, bench.pads, 0.5, 1.5),
        "arm_gain": actuator_gain(bench.model, list(bench.arm.actuators), 0.7, 1.5),
    }
    control = make_controller(controller, bench.robot, bench.model)
    container = Fixture(bench.index, BIN)
    cube = bench.index.body(CUBE)
    speed = bench.index.free_dofs(CUBE)

    def to_bin(world: World, point: Array) -> Array:
        """From a point to where a cube's middle is when it lies in the bin's middle, (n, 3)."""
        xp = namespace(world.qpos)
        target = container.at(world) + xp.asarray([0.0, 0.0, FLOOR + edge], dtype=point.dtype, device=point.device)
        return target - point

    def inside(world: World) -> Array:
        xp = namespace(world.qpos)
        at = container.seen(world, world.xpos[:, cube])
        between = (xp.abs(at[:, 0]) < size.half_bin) & (xp.abs(at[:, 1]) < size.half_bin)
        return between & (at[:, 2] < FLOOR + 1.5 * edge)

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at, tip = world.xpos[:, cube], bench.tip(world)
        turn = 4 * (yaw_of(world.xquat[:, cube]) - bench.hand_yaw(world))[:, None]
        flags = xp.astype(xp.stack([bench.grasped(world, CUBE), inside(world)], axis=1), xp.float64)
        parts = [at, at - tip, xp.sin(turn), xp.cos(turn), to_bin(world, at), to_bin(world, tip), flags]
        return xp.concat(parts, axis=1)

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        reaching, missing = world.xpos[:, cube] - bench.tip(world), to_bin(world, world.xpos[:, cube])
        away, left = (xp.sqrt(xp.sum(offset * offset, axis=1)) for offset in (reaching, missing))
        velocity = world.qvel[:, speed][:, :3]
        quiet = xp.sum(velocity * velocity, axis=1) < SLOW**2
        success = inside(world) & ~bench.touched(world, CUBE) & quiet
        done = xp.astype(success, xp.float64)
        near = 0.2 * xp.exp(-10 * away) + 0.4 * xp.exp(-5 * left)
        value = xp.where(done > 0, done, near)
        return value, success, {"bin_distance": left, "tip_distance": away}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        if success:
            return "The cube lies in the bin."
        left = np.linalg.norm(to_bin(world, world.xpos[:, cube])[0])
        held = ", between the fingers" if bench.grasped(world, CUBE)[0] else ""
        return f"The cube is {left:.3f} m away from its place in the bin{held}."

    return tabletop_task(
        OUTLINE,
        bench,
        control,
        params,
        reward,
        draw=_draw(bench, size),
        observe=observe,
        judge=judge,
        describe=describe,
    )


def _draw(bench: Bench, size: Size) -> Callable[[NDArray[np.int64], int, Arrays], tuple[NDArray[np.float64], Arrays]]:
    """Cube and bin on different sides; the cube is not turned so far that a wrist would reach its limit."""
    place, container = bench.index.free(CUBE), Fixture(bench.index, BIN)
    low, high = bench.arm.reach
    around = (0.7 * low + 0.3 * high, 0.3 * low + 0.7 * high)

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        side = np.where(rng.uniform(seeds, "pick-place/side", attempt) < 0.5, -1.0, 1.0)
        cubes = place_on_arc(seeds, "pick-place/cube", attempt, around, 0.12)
        bins = place_on_arc(seeds, "pick-place/bin", attempt, around, 0.1)
        bin_yaw = rng.uniform(seeds, "pick-place/bin-yaw", attempt, low=-0.4, high=0.4)
        container.put(qpos, turned(bins, -size.aside * side), bin_yaw)
        qpos[:, place][:, :2] = turned(cubes, size.aside * side)
        qpos[:, place.start + 2] = size.half_edge
        turn = side * rng.uniform(seeds, "pick-place/yaw", attempt, low=-0.3, high=np.pi / 4)
        qpos[:, place.start + 3 : place.stop] = yaw_quat(turn)
        return qpos, {}

    return draw


def _add_bin(spec: Any, size: Size) -> None:
    body = add_fixture(spec, BIN)
    inner, outer, height = size.half_bin, size.half_bin + WALL, size.height
    wall, floor = (0.20, 0.38, 0.58, 1.0), (0.26, 0.46, 0.66, 1.0)
    add_board(body, (-inner, -inner, 0), (inner, inner, FLOOR), floor)
    add_board(body, (-outer, inner, 0), (outer, outer, height), wall)
    add_board(body, (-outer, -outer, 0), (outer, -inner, height), wall)
    add_board(body, (inner, -inner, 0), (outer, inner, height), wall)
    add_board(body, (-outer, -inner, 0), (-inner, inner, height), wall)
