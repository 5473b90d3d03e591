"""`mujoco/push`: push the puck onto the mark with the closed gripper, and let go of it.

A puck of 150 g lies before the arm, and a mark on the table shows where it belongs: 10 to 20 cm away before the Panda,
6 to 11 cm before the SO arms. The gripper is closed and stays so. Success is a puck that lies flat and still (slower
than 1 cm/s) with its middle within 2 cm (SO arms: 1.5) of the mark's, and the hand off it; the rule asks for it at ten
control steps on end (0.4 s). A puck that slides over the mark, or that is held down on it, does not count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.mujoco.contact_params import body_mass, friction
from lerobot_sim.envs.mujoco.controllers import make_controller
from lerobot_sim.envs.mujoco.drive_params import actuator_gain
from lerobot_sim.envs.mujoco.library import mj
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_marker, add_puck
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.tabletop import Bench, make_bench, place_on_arc
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

PUCK, MARK = "puck", "mark"
VERSION = 2
CONTROLLER = "ee_delta_xyz"
MASS = 0.15  # kg
FRICTION = 0.5
SLOW = 0.01  # m/s
FLAT = 0.003  # m, how much higher than flat on the table its middle may be
OFF = 0.045  # m, from the puck's rim to the middle of the fingers
HELD = 10  # control steps


@dataclass(frozen=True)
class Layout:
    """What suits a robot.

    Attributes:
        radius: The puck's in m.
        half_height: Half of the puck's thickness in m.
        distance: Least and greatest distance of puck and mark from the base's axis in m.
        angle: How far in rad they are to either side of +x.
        way: Least and greatest distance in m from puck to mark.
        near: How near in m the puck's middle must come to the mark's.
    """

    radius: float
    half_height: float
    distance: tuple[float, float]
    angle: float
    way: tuple[float, float]
    near: float


LAYOUTS = {
    "panda": Layout(0.035, 0.015, (0.42, 0.60), 0.5, (0.10, 0.20), 0.02),
    "so100": Layout(0.025, 0.012, (0.16, 0.20), 0.5, (0.06, 0.11), 0.015),
    "so101": Layout(0.025, 0.012, (0.16, 0.20), 0.5, (0.06, 0.11), 0.015),
}
_CANDIDATES = 16


@dataclass(frozen=True)
class Closed:
    """The closed gripper.

    Attributes:
        joints: Where the fingers' joints lie in `qpos`.
        positions: Theirs.
        middle: Of the closed fingers in the hand's frame, from the tip, in m (3,).
    """

    joints: NDArray[np.int64]
    positions: NDArray[np.float64]
    middle: NDArray[np.float64]


def _closed(bench: Bench) -> Closed:
    """Closes the gripper of a resting arm, and looks."""
    model, arm = bench.model, bench.arm
    data = mj.MjData(model)
    data.qpos[:] = bench.home(1)[0]
    data.ctrl[:] = _closed_ctrl(bench, data.qpos[None])[0]
    mj.mj_step(model, data, 500)
    mj.mj_forward(model, data)
    pads = [model.geom(name).id for finger in arm.fingers for name in finger]
    own = {int(model.body_jntadr[model.geom_bodyid[pad]]) for pad in pads} - {bench.index.joint(n) for n in arm.joints}
    joints = model.jnt_qposadr[sorted(own)].astype(np.int64)
    site = bench.index.site(arm.tip)
    offset = np.mean(data.geom_xpos[pads], axis=0) - data.site_xpos[site]
    middle = data.site_xmat[site].reshape(3, 3).T @ offset
    return Closed(joints, np.array(data.qpos[joints]), np.array([middle[0], middle[1], 0.0]))


def _closed_ctrl(bench: Bench, qpos: NDArray[np.float64]) -> NDArray[np.float64]:
    """The command that holds the arm at home with the gripper closed, (n, nu)."""
    ctrl = bench.ctrl(qpos)
    ctrl[:, bench.index.actuators([bench.arm.gripper_actuator])] = bench.arm.gripper_closed
    return ctrl


OUTLINE = Outline(
    id="mujoco/push",
    version=VERSION,
    max_steps=200,
    held=HELD,
    about="Push the puck onto the mark.",
    instruction="Push the puck onto the green mark.",
    names=(
        *(f"puck.{axis}" for axis in "xyz"),
        *(f"fingers_to_puck.{axis}" for axis in "xyz"),
        *(f"puck_to_mark.{axis}" for axis in "xy"),
        *(f"fingers_from_puck.{part}" for part in ("along", "across")),
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
    """`num_envs` lanes of `mujoco/push`.

    Args:
        num_envs: Number of lanes.
        robot: "panda", "so100" or "so101".
        reward: "dense": the hand's nearness to the puck, and the puck's to the mark. "sparse": 1 at success.
        controller: What an action means; the expert needs the default. The gripper is no part of it.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "panda", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    layout = OUTLINE.layout(robot, LAYOUTS)

    def build(spec: Any) -> Sequence[str]:
        add_marker(spec, MARK, layout.radius + 0.006, (0.13, 0.5, 0.3, 1), flat=True)
        add_puck(spec, PUCK, layout.radius, layout.half_height, MASS, (0.85, 0.2, 0.18, 1), FRICTION)
        return []

    bench = make_bench(find_robot(robot, model_path), build)
    control = make_controller(controller, bench.robot, bench.model, gripper="none")
    params = {
        "puck_mass": body_mass(bench.model, PUCK, 0.05, 0.4),
        "puck_friction": friction(bench.model, [PUCK], 0.2, 1.0),
        "arm_gain": actuator_gain(bench.model, list(bench.arm.actuators), 0.5, 2.0),
    }
    closed = _closed(bench)
    puck, mark = bench.index.body(PUCK), bench.index.body(MARK)
    place, speed = bench.index.free(PUCK), bench.index.free_dofs(PUCK)
    target = bench.index.qpos([f"{MARK}.x", f"{MARK}.y"])

    def draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
        qpos = bench.home(len(seeds))
        qpos[:, closed.joints] = closed.positions
        start = place_on_arc(seeds, "push/puck", attempt, layout.distance, layout.angle)
        qpos[:, place][:, :2] = start
        qpos[:, place.start + 2] = layout.half_height
        qpos[:, target] = _mark_for(start, seeds, attempt, layout)
        return qpos, {}

    def fingers(world: World) -> Array:
        """Middle of the closed fingers, (n, 3) in m."""
        hand = bench.hand(world)
        x, y, _ = closed.middle.tolist()
        return bench.tip(world) + x * hand[:, :, 0] + y * hand[:, :, 1]

    def observe(world: World, _memory: Batch) -> Array:
        xp = namespace(world.qpos)
        at = world.xpos[:, puck]
        offset, left = at - fingers(world), world.xpos[:, mark, :2] - at[:, :2]
        ahead = left / (_length(left)[:, None] + 1e-6)
        along = xp.sum(-offset[:, :2] * ahead, axis=1)
        across = offset[:, 0] * ahead[:, 1] - offset[:, 1] * ahead[:, 0]
        return xp.concat([at, offset, left, along[:, None], across[:, None]], axis=1)

    def judge(world: World, _memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        at = world.xpos[:, puck]
        left, away = _length(world.xpos[:, mark, :2] - at[:, :2]), _length(at - fingers(world))
        still = _length(world.qvel[:, speed][:, :3]) < SLOW
        flat = at[:, 2] < layout.half_height + FLAT
        success = (left < layout.near) & still & flat & (away > layout.radius + OFF)
        near = xp.exp(-10 * away) * (1.0 - xp.astype(left < layout.near, xp.float64))
        pushed = 0.5 * xp.exp(-10 * left) + 0.3 * xp.astype(success, xp.float64)
        value = 0.2 * near + pushed
        return value, success, {"distance": left, "fingers_distance": away}

    def describe(world: World, _memory: Batch, success: bool) -> str:
        left = np.linalg.norm(np.asarray(world.xpos)[0, mark, :2] - np.asarray(world.xpos)[0, puck, :2])
        return f"The puck is {left:.3f} m from the mark{', at rest, and the hand is off it' if success else ''}."

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
        initial_ctrl=lambda qpos: _closed_ctrl(bench, qpos),
    )


def _mark_for(
    start: NDArray[np.float64], seeds: NDArray[np.int64], attempt: int, layout: Layout
) -> NDArray[np.float64]:
    """The mark (n, 2) for a puck (n, 2): the first of several draws that is neither too near nor too far."""
    counter = attempt * _CANDIDATES
    draws = np.stack(
        [place_on_arc(seeds, "push/mark", counter + i, layout.distance, layout.angle) for i in range(_CANDIDATES)],
        axis=1,
    )
    distance = np.linalg.norm(draws - start[:, None], axis=2)
    wrong = np.abs(distance - np.clip(distance, *layout.way))
    return draws[np.arange(len(seeds)), np.argmin(wrong, axis=1)]


def _length(vector: Array) -> Array:
    xp = namespace(vector)
    return xp.sqrt(xp.sum(vector * vector, axis=1))
