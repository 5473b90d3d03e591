"""`mujoco/drawer`: open the drawer and put the cube into it.

A small cabinet stands before the arm, a little turned; its drawer is shut, with a knob on a stalk, and friction holds
it where it is left. A cube of 60 g and 4 cm lies on one side. Success is a cube that lies in the drawer, that no finger
touches and that is slower than 5 cm/s; the rule asks for it at ten control steps on end (0.4 s). The drawer need not be
shut again. A cube on the cabinet, or one that is held in the drawer, does not count.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.mujoco.contact_params import body_mass, friction
from lerobot_sim.envs.mujoco.controllers import make_controller
from lerobot_sim.envs.mujoco.drive_params import joint_frictionloss
from lerobot_sim.envs.mujoco.furniture import Fixture, add_board, add_fixture, turned
from lerobot_sim.envs.mujoco.library import mj
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_box
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.tabletop import Bench, make_bench, yaw_of, yaw_quat
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

CUBE, CABINET, DRAWER, KNOB = "cube", "cabinet", "drawer", "knob"
VERSION = 2
CONTROLLER = "ee_delta_xyz_yaw"
EDGE = 0.02  # m, half of the cube's
SLOW = 0.05  # m/s
HELD = 10  # control steps
MASS = 0.06  # kg

WIDTH, DEPTH, HEIGHT = 0.075, 0.16, 0.055  # m: half of the drawer's inner width, its inner depth, its walls' top
BOARD = 0.006  # m, thickness
FLOOR = 0.012  # m, the drawer's bottom above the table
STALK = 0.03  # m from the drawer's front to the knob's middle
GRIP = 0.045  # m, height at which the knob is to be gripped
OPEN = 0.12  # m, as far as the drawer goes
ROBOTS = ("panda",)


OUTLINE = Outline(
    id="mujoco/drawer",
    version=VERSION,
    max_steps=250,
    held=HELD,
    about="Open the drawer and put the cube into it.",
    instruction="Open the drawer and put the cube into it.",
    names=(
        "drawer.pos",
        *(f"cube.{axis}" for axis in "xyz"),
        *(f"tip_to_cube.{axis}" for axis in "xyz"),
        "hand_to_cube.sin4",
        "hand_to_cube.cos4",
        *(f"tip_to_knob.{axis}" for axis in "xyz"),
        "hand_to_knob.sin",
        "hand_to_knob.cos",
        *(f"cube_to_drawer.{axis}" for axis in "xyz"),
        *(f"tip_to_drawer.{axis}" for axis in "xyz"),
        "pull.x",
        "pull.y",
        "knob_grasped",
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
    """`num_envs` lanes of `mujoco/drawer`.

    Args:
        num_envs: Number of lanes.
        robot: "panda".
        reward: "dense": how far the drawer is open, nearness of hand to cube and of cube to drawer, and success.
            "sparse": 1 at success.
        controller: What an action means; the expert needs the default.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    OUTLINE.layout(robot, dict.fromkeys(ROBOTS))

    def build(spec: Any) -> Sequence[str]:
        add_box(spec, CUBE, (EDGE, EDGE, EDGE), MASS, (0.85, 0.2, 0.18, 1))
        _add_cabinet(spec)
        return [CUBE, KNOB]

    bench = make_bench(find_robot(robot, model_path), build)
    params = {
        "cube_mass": body_mass(bench.model, CUBE, 0.02, 0.2),
        "grip_friction": friction(bench.model, bench.pads, 0.7, 1.5),
        "drawer_friction": joint_frictionloss(bench.model, [DRAWER], 0.2, 3.0),
    }
    control = make_controller(controller, bench.robot, bench.model)
    cabinet = Fixture(bench.index, CABINET)
    cube, speed = bench.index.body(CUBE), bench.index.free_dofs(CUBE)
    slide, knob, drawer = int(bench.index.qpos([DRAWER])[0]), bench.index.site(KNOB), bench.index.body(DRAWER)

    def opened(world: World) -> Array:
        return world.qpos[:, slide]

    def pull(world: World) -> Array:
        """The direction in which the drawer opens, (n, 3)."""
        xp = namespace(world.qpos)
        yaw = cabinet.yaw(world)
        return xp.stack([-xp.cos(yaw), -xp.sin(yaw), 0.0 * yaw], axis=1)

    def target(world: World) -> Array:
        """Where a cube lies in the middle of what an open drawer shows, (n, 3)."""
        xp = namespace(world.qpos)
        inwards = (BOARD - DEPTH + OPEN / 2) * xp.ones_like(opened(world))
        offset = xp.stack([inwards, 0.0 * inwards, 0.0 * inwards + FLOOR + BOARD + EDGE], axis=1)
        return world.xpos[:, drawer] + turned(offset, cabinet.yaw(world))

    def inside(world: World) -> Array:
        xp = namespace(world.qpos)
        at = turned(world.xpos[:, cube] - world.xpos[:, drawer], -cabinet.yaw(world))
        between = (at[:, 0] > -DEPTH) & (at[:, 0] < 0.0) & (xp.abs(at[:, 1]) < WIDTH)
        return between & (at[:, 2] < FLOOR + BOARD + 1.5 * EDGE) & (at[:, 2] > FLOOR)

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at, tip, yaw = world.xpos[:, cube], bench.tip(world), bench.hand_yaw(world)
        turn = 4 * (yaw_of(world.xquat[:, cube]) - yaw)[:, None]
        across = 2 * (cabinet.yaw(world) + np.pi / 2 - yaw)[:, None]
        flags = [bench.grasped(world, KNOB), bench.grasped(world, CUBE), inside(world)]
        parts = [
            opened(world)[:, None],
            at,
            at - tip,
            xp.sin(turn),
            xp.cos(turn),
            world.site_xpos[:, knob] - tip,
            xp.sin(across),
            xp.cos(across),
            target(world) - at,
            target(world) - tip,
            pull(world)[:, :2],
            xp.astype(xp.stack(flags, axis=1), xp.float64),
        ]
        return xp.concat(parts, axis=1)

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        reaching, missing = world.xpos[:, cube] - bench.tip(world), target(world) - world.xpos[:, cube]
        away, left = (xp.sqrt(xp.sum(offset * offset, axis=1)) for offset in (reaching, missing))
        velocity = world.qvel[:, speed][:, :3]
        quiet = xp.sum(velocity * velocity, axis=1) < SLOW**2
        success = inside(world) & ~bench.touched(world, CUBE) & quiet
        out = xp.clip(opened(world) / OPEN, 0.0, 1.0)
        near = 0.3 * out + out * (0.1 * xp.exp(-10 * away) + 0.4 * xp.exp(-5 * left))
        value = xp.where(success, xp.ones_like(near), near)
        return value, success, {"opened": opened(world), "drawer_distance": left}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        where = "lies in the drawer" if success else "is not yet put into the drawer"
        return f"The drawer is {float(opened(world)[0]):.3f} m open, and the cube {where}."

    return tabletop_task(
        OUTLINE,
        bench,
        control,
        params,
        reward,
        draw=_draw(bench),
        observe=observe,
        judge=judge,
        describe=describe,
    )


def _draw(bench: Bench) -> Callable[[NDArray[np.int64], int, Arrays], tuple[NDArray[np.float64], Arrays]]:
    """The cabinet ahead, the cube to one side of the way that the drawer takes."""
    place, cabinet = bench.index.free(CUBE), Fixture(bench.index, CABINET)

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        share = rng.uniform(seeds, "drawer/cabinet", attempt, shape=(3,), low=-1.0, high=1.0)
        cabinet.put(qpos, np.array([0.57, 0.0]) + share[:, :2] * (0.015, 0.04), 0.15 * share[:, 2])
        side = np.where(rng.uniform(seeds, "drawer/side", attempt) < 0.5, -1.0, 1.0)
        spot = rng.uniform(seeds, "drawer/cube", attempt, shape=(2,))
        qpos[:, place.start] = 0.36 + 0.12 * spot[:, 0]
        qpos[:, place.start + 1] = side * (0.22 + 0.08 * spot[:, 1])
        qpos[:, place.start + 2] = EDGE
        turn = side * rng.uniform(seeds, "drawer/yaw", attempt, low=-0.3, high=np.pi / 4)
        qpos[:, place.start + 3 : place.stop] = yaw_quat(turn)
        return qpos, {}

    return draw


def _add_cabinet(spec: Any) -> None:
    """The cabinet's origin lies under the middle of the drawer's front; x points into it."""
    body = add_fixture(spec, CABINET)
    wood, front = (0.70, 0.52, 0.36, 1.0), (0.90, 0.88, 0.84, 1.0)
    side, back, top = WIDTH + 2 * BOARD + 0.002, DEPTH + 3 * BOARD, HEIGHT + 0.006
    add_board(body, (0, -side - BOARD, 0), (back, side + BOARD, BOARD), wood)
    add_board(body, (0, -side - BOARD, top), (back, side + BOARD, top + BOARD), wood)
    add_board(body, (back, -side - BOARD, 0), (back + BOARD, side + BOARD, top + BOARD), wood)
    for low, high in ((-side - BOARD, -side), (side, side + BOARD)):
        add_board(body, (0, low, BOARD), (back, high, top), wood)
    drawer = body.add_body(name=DRAWER, pos=(DEPTH + BOARD, 0, 0))
    drawer.add_joint(
        name=DRAWER,
        type=mj.mjtJoint.mjJNT_SLIDE,
        axis=(-1, 0, 0),
        range=(0, OPEN + 0.01),
        limited=mj.mjtLimited.mjLIMITED_TRUE,
        damping=[5.0, 0.0, 0.0],
        frictionloss=1.0,
        armature=0.2,
    )
    shut = -DEPTH - BOARD  # the front's outside in the drawer's frame
    add_board(drawer, (-DEPTH, -WIDTH, FLOOR), (0, WIDTH, FLOOR + BOARD), wood)
    add_board(drawer, (shut, -side - BOARD, FLOOR), (-DEPTH, side + BOARD, top), front)
    add_board(drawer, (0, -WIDTH, FLOOR), (BOARD, WIDTH, HEIGHT), wood)
    for low, high in ((-WIDTH - BOARD, -WIDTH), (WIDTH, WIDTH + BOARD)):
        add_board(drawer, (-DEPTH, low, FLOOR), (0, high, HEIGHT), wood)
    metal = (0.30, 0.32, 0.35, 1.0)
    add_board(drawer, (shut - STALK, -0.005, GRIP - 0.016), (shut, 0.005, GRIP - 0.010), metal)
    knob = add_board(
        drawer, (shut - STALK - 0.008, -0.008, GRIP - 0.02), (shut - STALK + 0.008, 0.008, GRIP + 0.012), metal
    )
    knob.name = KNOB
    drawer.add_site(name=KNOB, pos=(shut - STALK, 0, GRIP), group=4)
    spec.add_exclude(bodyname1=CABINET, bodyname2=DRAWER)
    spec.add_exclude(bodyname1="world", bodyname2=DRAWER)
