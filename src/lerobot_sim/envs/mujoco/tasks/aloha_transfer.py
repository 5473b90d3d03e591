"""`mujoco/aloha-transfer`: the right arm picks the bar up and hands it to the left one, in the air.

A bar of 80 g, 16 cm long, lies on the right arm's side, across the line between the arms, turned by up to 23 degrees:
each hand has an end of it. Success is a bar 10 cm above where it lay that both of the left fingers touch and nothing of
the right hand does, slower than 0.2 m/s, and that came from hand to hand: since it last was on the table the left
hand touched it while the right one held it. The rule asks for it at ten control steps on end (0.4 s). Lifted so high no
end of it can stand on the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.mujoco.contact_params import body_mass, friction
from lerobot_sim.envs.mujoco.controllers import make_controller
from lerobot_sim.envs.mujoco.drive_params import actuator_gain
from lerobot_sim.envs.mujoco.model_params import ModelParam
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_box, add_touch
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.tabletop import Bench, make_bench, yaw_quat
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv

VERSION = 1
BAR = "bar"
CONTROLLER = "ee_delta_xyz_yaw"
LEFT, RIGHT = 0, 1
HALF = (0.016, 0.08, 0.02)  # m, along the bar's x, y and z
MASS = 0.08  # kg
END = 0.055
"""From the bar's middle to where a hand takes it, in m."""
GRIP = 0.004
"""So much higher than the bar's middle, in m."""
SPACE = ((0.08, 0.17), (-0.05, 0.05))
"""Where the bar's middle may lie: x and y in m."""
TURN = 0.4  # rad
LIFTED = 0.1  # m above where it lay
ON_TABLE = 0.01
"""m: lower than this above where it lay, it is on the table."""
SLOW = 0.2  # m/s
HELD = 10  # control steps
_YAW = (0.0, np.pi)
"""Of each hand, less the bar's, with the fingers across the bar and the backs of the hands to each other."""
_RIGHT_HAND = "right_hand.bar"

_OF_A_SIDE = (*(f"tip_to_end.{axis}" for axis in "xyz"), "hand_to_bar.sin", "hand_to_bar.cos", "grasped")

OUTLINE = Outline(
    id="mujoco/aloha-transfer",
    version=VERSION,
    max_steps=200,
    held=HELD,
    about="Pick the bar up with the right arm and hand it to the left one.",
    instruction="Pick up the bar with the right arm and hand it to the left arm.",
    names=(
        *(f"bar.{axis}" for axis in "xyz"),
        "bar.sin",
        "bar.cos",
        *(f"{side}_{name}" for side in ("left", "right") for name in _OF_A_SIDE),
        "right_touching",
    ),
)


def make(
    num_envs: int = 1,
    robot: str = "aloha",
    reward: str = "dense",
    controller: str = CONTROLLER,
    threads: int = 0,
    model_path: str = "",
) -> TaskEnv:
    """`num_envs` lanes of `mujoco/aloha-transfer`.

    Args:
        num_envs: Number of lanes.
        robot: "aloha".
        reward: "dense": nearness of the right hand, height, nearness of the left hand, and success. "sparse": 1 at
            success.
        controller: What an action means; the expert needs the default.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, model_path=model_path), num_envs, threads)


def task(robot: str = "aloha", reward: str = "dense", controller: str = CONTROLLER, model_path: str = "") -> MujocoTask:
    """The task for a robot."""
    OUTLINE.layout(robot, {"aloha": None})

    def build(spec: Any) -> Sequence[str]:
        add_box(spec, BAR, HALF, MASS, (0.85, 0.2, 0.18, 1))
        add_touch(spec, _RIGHT_HAND, who.arms[1].hand_geoms, BAR)
        return [BAR]

    who = find_robot(robot, model_path)
    bench = make_bench(who, build)
    control = make_controller(controller, bench.robot, bench.model)
    params = _params(bench)
    return tabletop_task(
        OUTLINE,
        bench,
        control,
        params,
        reward,
        draw=partial(_draw, bench),
        observe=partial(_observe, bench),
        judge=partial(_judge, bench),
        describe=partial(_describe, bench),
        remember=partial(_remember, bench),
    )


def _params(bench: Bench) -> dict[str, ModelParam]:
    pads = [pad for arm in bench.robot.arms for finger in arm.fingers for pad in finger]
    joints = [name for arm in bench.robot.arms for name in arm.actuators]
    return {
        "bar_mass": body_mass(bench.model, BAR, 0.03, 0.2),
        "pad_friction": friction(bench.model, pads, 0.5, 2.0),
        "arm_gain": actuator_gain(bench.model, joints, 0.5, 2.0),
    }


def _draw(bench: Bench, seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> tuple[NDArray[np.float64], Arrays]:
    qpos, place = bench.home(len(seeds)), bench.index.free(BAR)
    share = rng.uniform(seeds, "aloha-transfer/bar", attempt, shape=(3,))
    for axis, (low, high) in enumerate(SPACE):
        qpos[:, place.start + axis] = low + (high - low) * share[:, axis]
    qpos[:, place.start + 2] = HALF[2]
    qpos[:, place.start + 3 : place.stop] = yaw_quat(TURN * (2 * share[:, 2] - 1))
    return qpos, {"handed": np.zeros(len(seeds), np.bool_)}


def _remember(bench: Bench, world: World, memory: Batch, _params: Batch) -> Batch:
    """Whether the left hand has touched the bar while the right one held it, since it was on the table."""
    both = bench.touched(world, BAR, LEFT) & bench.grasped(world, BAR, RIGHT)
    return {"handed": (memory["handed"] | both) & (_height(bench, world) > ON_TABLE)}


def _observe(bench: Bench, world: World, _memory: Batch) -> Array:
    xp = namespace(world.qpos)
    along = _along(bench, world)
    yaw = xp.atan2(-along[:, 0], along[:, 1])
    parts = [world.xpos[:, bench.index.body(BAR)], _wave(yaw)]
    for arm in (LEFT, RIGHT):
        parts += [_end(bench, world, arm) - bench.tip(world, arm), _wave(yaw + _YAW[arm] - bench.hand_yaw(world, arm))]
        parts.append(xp.astype(bench.grasped(world, BAR, arm), xp.float64)[:, None])
    parts.append(xp.astype(_right_touches(bench, world), xp.float64)[:, None])
    return xp.concat(parts, axis=1)


def _judge(bench: Bench, world: World, memory: Batch) -> tuple[Array, Array, Batch]:
    xp = namespace(world.qpos)
    height = _height(bench, world)
    left = bench.grasped(world, BAR, LEFT)
    start = bench.index.free_dofs(BAR).start
    velocity = world.qvel[:, start : start + 3]
    quiet = xp.sum(velocity * velocity, axis=1) < SLOW**2
    success = memory["handed"] & left & ~_right_touches(bench, world) & (height > LIFTED) & quiet
    away = [_length(_end(bench, world, arm) - bench.tip(world, arm)) for arm in (LEFT, RIGHT)]
    taken = xp.where(left, 1.0, xp.exp(-10 * away[RIGHT]))  # the right hand may go when the left one has it
    raised = xp.clip(height / LIFTED, 0.0, 1.0)
    parts = 0.2 * taken + 0.3 * raised + 0.3 * raised * xp.exp(-10 * away[LEFT])
    value = parts + 0.2 * xp.astype(success, xp.float64)
    to_go = xp.clip(LIFTED - height, 0.0, None) + away[LEFT]  # up, and to the left hand
    metrics = {"height": height, "left_distance": away[LEFT], "right_distance": away[RIGHT], "goal_distance": to_go}
    return value, success, metrics


def _describe(bench: Bench, world: World, memory: Batch, success: bool) -> str:
    hands = [side for arm, side in enumerate(("left", "right")) if bool(bench.grasped(world, BAR, arm)[0])]
    held = f"held by the {' and the '.join(hands)} hand" if hands else "held by no hand"
    way = "handed over in the air" if bool(memory["handed"][0]) else "not handed over in the air"
    still = "" if success or not hands else ", not yet at rest in the left hand alone"
    return f"The bar is {float(_height(bench, world)[0]):.3f} m above where it lay, {held}, {way}{still}."


def _height(bench: Bench, world: World) -> Array:
    """Of the bar above where it lay, (n,) in m."""
    return world.xpos[:, bench.index.body(BAR), 2] - HALF[2]


def _end(bench: Bench, world: World, arm: int) -> Array:
    """Where an arm takes the bar, (n, 3) in m: left beyond its middle along its y axis, right before it."""
    xp = namespace(world.qpos)
    at = world.xpos[:, bench.index.body(BAR)] + (END if arm == LEFT else -END) * _along(bench, world)
    return xp.concat([at[:, :2], at[:, 2:] + GRIP], axis=1)


def _along(bench: Bench, world: World) -> Array:
    """The bar's y axis, (n, 3)."""
    w, x, y, z = (world.xquat[:, bench.index.body(BAR), i] for i in range(4))
    return namespace(w).stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1)


def _right_touches(bench: Bench, world: World) -> Array:
    """Whether anything of the right hand touches the bar, bool (n,)."""
    return bench.touches(world, _RIGHT_HAND, len(bench.robot.arms[1].hand_geoms))


def _wave(angle: Array) -> Array:
    """Sine and cosine of angles (n,), (n, 2)."""
    xp = namespace(angle)
    return xp.stack([xp.sin(angle), xp.cos(angle)], axis=1)


def _length(vector: Array) -> Array:
    xp = namespace(vector)
    return xp.sqrt(xp.sum(vector * vector, axis=1))
