"""`mujoco/stack`: put the red cube on the green one and leave it there.

Two cubes lie before the arm, one on each side and each turned by up to 45 degrees: 4 cm for the Panda, 3 cm for the SO
arms. Success is a red cube that rests on the green one, which rests on the table: its middle within half an edge
of the other's, touching it, both slower than 2 cm/s, no finger on either, and the hand away. The rule asks for it at
ten control steps on end (0.4 s). A cube that is held or pressed where it belongs does not count.
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
from lerobot_sim.envs.mujoco.objects import add_box, add_touch
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.tabletop import Bench, make_bench, yaw_of, yaw_quat
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

RED, GREEN = "red_cube", "green_cube"
VERSION = 2
TOUCH = "red_on_green"
CONTROLLER = "ee_delta_xyz_yaw"
MASS = 0.06  # kg
SLOW = 0.02  # m/s
LEVEL = 0.004  # m, of heights
HELD = 10  # control steps


@dataclass(frozen=True)
class Layout:
    """What suits a robot.

    Attributes:
        half_edge: Half of the cubes' edge in m.
        radius: Least and greatest distance of a cube from the base's axis in m.
        angle: Least and greatest turn of a cube's place from +x in rad, to its own side.
        away: How far in m the tip must be from the red cube's middle at the end.
    """

    half_edge: float
    radius: tuple[float, float]
    angle: tuple[float, float]
    away: float


LAYOUTS = {
    "panda": Layout(0.02, (0.40, 0.60), (0.15, 0.45), 0.06),
    "so100": Layout(0.015, (0.15, 0.20), (0.30, 0.55), 0.03),
    "so101": Layout(0.015, (0.15, 0.20), (0.30, 0.55), 0.03),
}


@dataclass(frozen=True)
class _Cubes:
    """How the cubes lie in a World."""

    bench: Bench
    edge: float

    def at(self, world: World, name: str) -> Array:
        """A cube's middle, (n, 3) in m."""
        return world.xpos[:, self.bench.index.body(name)]

    def to_top(self, world: World) -> Array:
        """From the red cube's middle to where it belongs, (n, 3) in m."""
        offset = self.at(world, GREEN) - self.at(world, RED)
        return namespace(offset).concat([offset[:, :2], offset[:, 2:] + 2 * self.edge], axis=1)

    def stacked(self, world: World) -> Array:
        """Whether the red cube touches the green one from above, bool (n,)."""
        offset = self.to_top(world)
        level = (offset[:, 2] > -LEVEL) & (offset[:, 2] < LEVEL)
        touching = world.sensordata[:, self.bench.index.sensor(TOUCH)][:, 0] > 0
        return level & (_length(offset[:, :2]) < self.edge) & touching

    def left_alone(self, world: World) -> Array:
        """Whether both are still, no finger touches them, and the green one lies on the table, bool (n,)."""
        alone = self.at(world, GREEN)[:, 2] < self.edge + LEVEL
        for name in (RED, GREEN):
            speed = _length(world.qvel[:, self.bench.index.free_dofs(name)][:, :3])
            alone = alone & (speed < SLOW) & ~self.bench.touched(world, name)
        return alone


_VECTORS = ("red_cube", "green_cube", "tip_to_red", "red_to_green_top")

OUTLINE = Outline(
    id="mujoco/stack",
    version=VERSION,
    max_steps=150,
    held=HELD,
    about="Put the red cube on the green cube and leave it there.",
    instruction="Put the red cube on the green cube.",
    names=(
        *(
            f"{vector}.{axis}"
            for vector in ("red_cube", "green_cube", "tip_to_red", "red_to_green_top")
            for axis in "xyz"
        ),
        "hand_to_red.sin4",
        "hand_to_red.cos4",
        "grasped",
        "stacked",
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
    """`num_envs` lanes of `mujoco/stack`.

    Args:
        num_envs: Number of lanes.
        robot: "panda", "so100" or "so101".
        reward: "dense": nearness to the red cube, its nearness to its place, and success. "sparse": 1 at success.
        controller: What an action means; the expert needs the default.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    layout = OUTLINE.layout(robot, LAYOUTS)
    edge = layout.half_edge

    def build(spec: Any) -> Sequence[str]:
        add_box(spec, RED, (edge, edge, edge), MASS, (0.85, 0.2, 0.18, 1))
        add_box(spec, GREEN, (edge, edge, edge), MASS, (0.2, 0.62, 0.3, 1))
        add_touch(spec, TOUCH, RED, GREEN)
        return [RED, GREEN]

    bench = make_bench(find_robot(robot, model_path), build)
    control = make_controller(controller, bench.robot, bench.model)
    pads = bench.pads
    params = {
        "red_mass": body_mass(bench.model, RED, 0.02, 0.15),
        "pad_friction": friction(bench.model, pads, 0.5, 2.0),
        "arm_gain": actuator_gain(bench.model, list(bench.arm.actuators), 0.5, 2.0),
    }
    cubes = _Cubes(bench, edge)

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        side = 2.0 * rng.integers(seeds, "stack/side", attempt, below=2) - 1.0
        for name, sign in ((RED, side), (GREEN, -side)):
            place = bench.index.free(name)
            qpos[:, place] = _pose(seeds, f"stack/{name}", attempt, layout, sign)
        return qpos, {}

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at, tip = cubes.at(world, RED), bench.tip(world)
        turn = 4 * (yaw_of(world.xquat[:, bench.index.body(RED)]) - bench.hand_yaw(world))[:, None]
        flags = [xp.astype(flag, xp.float64)[:, None] for flag in (bench.grasped(world, RED), cubes.stacked(world))]
        return xp.concat(
            [at, cubes.at(world, GREEN), at - tip, cubes.to_top(world), xp.sin(turn), xp.cos(turn), *flags], axis=1
        )

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        reach = _length(cubes.at(world, RED) - bench.tip(world))
        left = _length(cubes.to_top(world))
        success = cubes.stacked(world) & cubes.left_alone(world) & (reach > layout.away)
        near = xp.exp(-10 * reach) * (1.0 - xp.astype(cubes.stacked(world), xp.float64))
        placed = xp.exp(-10 * left)
        value = 0.2 * near + 0.5 * placed + 0.3 * xp.astype(success, xp.float64)
        return value, success, {"distance": left, "tip_distance": reach}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        if success:
            return "The red cube rests on the green one, and the hand is away."
        offset = np.asarray(cubes.to_top(world))[0]
        return f"The red cube is {np.linalg.norm(offset):.3f} m from its place on the green one."

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


def _pose(
    seeds: NDArray[np.int64], stream: str, attempt: int, layout: Layout, side: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A cube's pose (n, 7) on a side (n,) of +x: position, then quaternion."""
    share = rng.uniform(seeds, stream, attempt, shape=(3,))
    (near, far), (least, greatest) = layout.radius, layout.angle
    distance, angle = near + (far - near) * share[:, 0], side * (least + (greatest - least) * share[:, 1])
    height = np.full(len(seeds), layout.half_edge)
    place = np.stack([distance * np.cos(angle), distance * np.sin(angle), height], axis=1)
    return np.concatenate([place, yaw_quat(np.pi / 2 * (share[:, 2] - 0.5))], axis=1)


def _length(vector: Array) -> Array:
    xp = namespace(vector)
    return xp.sqrt(xp.sum(vector * vector, axis=1))
