"""`mujoco/insert`: put the peg into the hole.

A square peg (24 mm wide and 8 cm high for the Panda, 20 mm and 4.5 cm for SO-100) stands on one side. On the other is
a block with a square hole right through it, 3 mm wider than the peg and 35 mm deep (14 mm); both are turned. Success
is a peg that stands upright in the hole, its foot within 5 mm of the bottom, that no finger touches and that is slower
than 5 cm/s; the rule asks for it at ten control steps on end (0.4 s). A peg that is held in the hole, or that leans on
the
block, does not count.
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

PEG, BLOCK = "peg", "block"
VERSION = 2
CONTROLLER = "ee_delta_xyz_yaw"
GAP = 0.0015  # m, to each side of the peg
BOTTOM = 0.005  # m from the hole's bottom
UPRIGHT = 0.99  # vertical component of the peg's axis
SLOW = 0.05  # m/s
HELD = 10  # control steps
MASS = 0.08  # kg


@dataclass(frozen=True)
class Size:
    """What suits a robot, in m.

    Attributes:
        half_width: Half of the peg's width.
        half_length: Half of its height.
        grip: Height above the peg's middle at which it is to be gripped.
        half_block: Half of the block's width.
        height: Of the block: the hole's depth.
        aside: Angle from straight ahead to the peg on one side, and to the block on the other, in rad.
    """

    half_width: float
    half_length: float
    grip: float
    half_block: float
    height: float
    aside: float


SIZES = {
    "panda": Size(0.012, 0.04, 0.02, 0.04, 0.035, 0.32),
    "so100": Size(0.010, 0.0225, 0.0125, 0.032, 0.014, 0.55),
}


OUTLINE = Outline(
    id="mujoco/insert",
    version=VERSION,
    max_steps=150,
    held=HELD,
    about="Put the peg into the hole.",
    instruction="Put the peg into the hole.",
    names=(
        *(f"peg.{axis}" for axis in "xyz"),
        *(f"tip_to_grip.{axis}" for axis in "xyz"),
        "hand_to_peg.sin4",
        "hand_to_peg.cos4",
        *(f"peg_to_hole.{axis}" for axis in "xyz"),
        "peg_to_hole.sin4",
        "peg_to_hole.cos4",
        *(f"tip_to_hole.{axis}" for axis in "xyz"),
        "upright",
        "grasped",
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
    """`num_envs` lanes of `mujoco/insert`.

    Args:
        num_envs: Number of lanes.
        robot: "panda" or "so100".
        reward: "dense": nearness of hand to peg and of peg to hole, and success. "sparse": 1 at success.
        controller: What an action means; the expert needs the default.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    size = OUTLINE.layout(robot, SIZES)

    def build(spec: Any) -> Sequence[str]:
        add_box(spec, PEG, (size.half_width, size.half_width, size.half_length), MASS, (0.93, 0.72, 0.16, 1))
        _add_block(spec, size)
        return [PEG]

    bench = make_bench(find_robot(robot, model_path), build)
    params = {
        "peg_mass": body_mass(bench.model, PEG, 0.02, 0.2),
        "grip_friction": friction(bench.model, bench.pads, 0.5, 1.5),
        "arm_gain": actuator_gain(bench.model, list(bench.arm.actuators), 0.7, 1.5),
    }
    control = make_controller(controller, bench.robot, bench.model)
    block = Fixture(bench.index, BLOCK)
    peg, speed = bench.index.body(PEG), bench.index.free_dofs(PEG)

    def above(point: Array, height: float) -> Array:
        """The point that is higher by `height`, (n, 3)."""
        xp = namespace(point)
        return xp.concat([point[:, :2], point[:, 2:] + height], axis=1)

    def to_hole(world: World) -> Array:
        """From the peg's middle to where it is when the peg stands in the hole, (n, 3)."""
        return above(block.at(world), size.half_length) - world.xpos[:, peg]

    def upright(world: World) -> Array:
        xp = namespace(world.qpos)
        quat = world.xquat[:, peg]
        return xp.abs(1 - 2 * (quat[:, 1] * quat[:, 1] + quat[:, 2] * quat[:, 2]))

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at, tip = world.xpos[:, peg], bench.tip(world)
        yaw = yaw_of(world.xquat[:, peg])
        turn, wrong = 4 * (yaw - bench.hand_yaw(world))[:, None], 4 * (block.yaw(world) - yaw)[:, None]
        flags = xp.stack([upright(world), xp.astype(bench.grasped(world, PEG), xp.float64)], axis=1)
        parts = [
            at,
            above(at, size.grip) - tip,
            xp.sin(turn),
            xp.cos(turn),
            to_hole(world),
            xp.sin(wrong),
            xp.cos(wrong),
        ]
        parts = [*parts, block.at(world) - tip, flags]
        return xp.concat(parts, axis=1)

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        reaching, missing = above(world.xpos[:, peg], size.grip) - bench.tip(world), to_hole(world)
        away, left = (xp.sqrt(xp.sum(offset * offset, axis=1)) for offset in (reaching, missing))
        velocity = world.qvel[:, speed][:, :3]
        quiet = xp.sum(velocity * velocity, axis=1) < SLOW**2
        aside = xp.sqrt(missing[:, 0] ** 2 + missing[:, 1] ** 2)
        inside = (aside < 2 * GAP + 0.001) & (xp.abs(missing[:, 2]) < BOTTOM) & (upright(world) > UPRIGHT)
        success = inside & ~bench.touched(world, PEG) & quiet
        near = 0.2 * xp.exp(-10 * away) + 0.4 * xp.exp(-10 * left)
        value = xp.where(success, xp.ones_like(near), near)
        return value, success, {"hole_distance": left, "tip_distance": away}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        if success:
            return "The peg stands in the hole."
        left = float(np.linalg.norm(to_hole(world)[0]))
        held = ", between the fingers" if bench.grasped(world, PEG)[0] else ""
        return f"The peg is {left:.3f} m away from its place in the hole{held}."

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
    """Peg and block on different sides; neither is turned so far that a wrist would reach its limit."""
    place, block = bench.index.free(PEG), Fixture(bench.index, BLOCK)
    low, high = bench.arm.reach
    around = (0.7 * low + 0.3 * high, 0.3 * low + 0.7 * high)

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        side = np.where(rng.uniform(seeds, "insert/side", attempt) < 0.5, -1.0, 1.0)
        pegs = place_on_arc(seeds, "insert/peg", attempt, around, 0.12)
        blocks = place_on_arc(seeds, "insert/block", attempt, around, 0.1)
        yaw = rng.uniform(seeds, "insert/yaw", attempt, shape=(2,), low=-0.4, high=0.4)
        block.put(qpos, turned(blocks, -size.aside * side), yaw[:, 1])
        qpos[:, place][:, :2] = turned(pegs, size.aside * side)
        qpos[:, place.start + 2] = size.half_length
        qpos[:, place.start + 3 : place.stop] = yaw_quat(yaw[:, 0])
        return qpos, {}

    return draw


def _add_block(spec: Any, size: Size) -> None:
    body = add_fixture(spec, BLOCK)
    inner, outer, height = size.half_width + GAP, size.half_block, size.height
    grey = (0.36, 0.40, 0.46, 1.0)
    add_board(body, (-outer, inner, 0), (outer, outer, height), grey)
    add_board(body, (-outer, -outer, 0), (outer, -inner, height), grey)
    add_board(body, (inner, -inner, 0), (outer, inner, height), grey)
    add_board(body, (-outer, -inner, 0), (-inner, inner, height), grey)
