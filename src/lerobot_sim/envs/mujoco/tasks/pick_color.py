"""`mujoco/pick-color`: pick up the cube that the instruction names.

A red, a green and a blue cube as in `mujoco/lift` lie before the arm, in any order, turned by up to 23 degrees. Seed
and Params say which one is meant and in what words. Success is that cube held as high as in `mujoco/lift`, touched by
both fingers and slower than 0.2 m/s, with the other two still on the table; the rule asks for it at ten control steps
on end (0.4 s).

The phrases are in two splits: `PHRASES["train"]` come first among the choices of the Param `phrase`, then
`PHRASES["held_out"]`, then one choice a split, by which the seed draws from it. By default the seed draws a colour and
a phrase of "train".

Without `show_target` the observation holds the cubes by their colours and nothing of which one is meant: the
instruction alone tells.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, device_of, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.mujoco.contact_params import friction
from lerobot_sim.envs.mujoco.controllers import make_controller
from lerobot_sim.envs.mujoco.drive_params import actuator_gain
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask, make_env
from lerobot_sim.envs.mujoco.objects import add_box
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.tabletop import Bench, make_bench, yaw_of, yaw_quat
from lerobot_sim.envs.mujoco.tabletop_task import Outline, tabletop_task
from lerobot_sim.envs.mujoco.tasks.lift import SIZES
from lerobot_sim.envs.mujoco.world import World
from lerobot_sim.envs.task_env import Arrays, TaskEnv
from lerobot_sim.spec import Param

VERSION = 2
COLORS = {"red": (0.85, 0.2, 0.18, 1), "green": (0.2, 0.62, 0.28, 1), "blue": (0.16, 0.36, 0.8, 1)}
PHRASES = {
    "train": (
        "Pick up the {color} cube.",
        "Lift the {color} cube.",
        "Grasp the {color} cube and raise it.",
        "Take the {color} block off the table.",
        "Pick the {color} block up and hold it.",
        "The {color} cube: lift it up.",
    ),
    "held_out": (
        "Grab the {color} one.",
        "Please get me the cube that is {color}.",
        "Hold up the {color} object.",
    ),
}
CONTROLLER = "ee_delta_xyz_yaw"
SLOW = 0.2  # m/s
HELD = 10  # control steps
LEFT = 0.01
"""m above the table: higher than this, another cube is not left on it."""
MASS = 0.06  # kg
APART = 0.65
"""rad between the directions in which neighbours lie, give or take `SPREAD` each."""
SPREAD = 0.08  # rad
TURN = 0.4
"""rad: cubes are turned by no more, for the wrists of the SO arms end soon beyond it at the sides."""

_EVERY = (*PHRASES["train"], *PHRASES["held_out"])
_BY_SEED = "by seed"
_PARAMS = {
    "target": Param(
        nominal=len(COLORS),
        choices=(*COLORS, _BY_SEED),
        about="colour of the cube that is meant, by default the seed's",
    ),
    "phrase": Param(
        nominal=len(_EVERY),
        choices=(*_EVERY, "train, by seed", "held_out, by seed"),
        about=f"words: {len(PHRASES['train'])} of the split train, {len(PHRASES['held_out'])} held out",
    ),
}


def target_of(seeds: NDArray[np.int64]) -> NDArray[np.int64]:
    """The colour's index (n,) that seeds draw."""
    return rng.words(seeds, "pick-color/target")[:, 0] % len(COLORS)


def meaning(words: str) -> str:
    """What an instruction asks for: a colour; the words themselves where they name none."""
    return next((color for color in COLORS if color in words.split() or color in words.rstrip(".").split()), words)


def paraphrases(words: str) -> list[str]:
    """Held-out phrases that ask for the same cube."""
    color = meaning(words)
    phrases = [phrase.format(color=color) for phrase in PHRASES["held_out"]] if color in COLORS else []
    return [phrase for phrase in phrases if phrase != words]


def _drawn(seeds: NDArray[np.int64], params: Arrays) -> Arrays:
    """Which cube, and which phrase."""
    train = len(PHRASES["train"])
    share = rng.uniform(seeds, "pick-color/phrase")
    by_split = (np.floor(share * train), train + np.floor(share * (len(_EVERY) - train)))
    wanted = np.select([params["phrase"] == len(_EVERY), params["phrase"] > len(_EVERY)], by_split, params["phrase"])
    target = np.where(params["target"] == len(COLORS), target_of(seeds), params["target"])
    return {"target": target, "phrase": wanted.astype(np.int64)}


def _words(memory: Batch, _params: Batch) -> str:
    if not memory:
        return "Pick up the cube that is named."
    return _EVERY[int(memory["phrase"][0])].format(color=tuple(COLORS)[int(memory["target"][0])])


def _names(thing: str) -> tuple[str, ...]:
    axes = (*(f"{thing}.{axis}" for axis in "xyz"), *(f"tip_to_{thing}.{axis}" for axis in "xyz"))
    return (*axes, f"hand_to_{thing}.sin4", f"hand_to_{thing}.cos4", f"grasped.{thing}")


OUTLINE = Outline(
    id="mujoco/pick-color",
    version=VERSION,
    max_steps=100,
    held=HELD,
    about="Pick up the cube that the instruction names.",
    instruction=_words,
    names=tuple(name for color in COLORS for name in _names(color)),
    params=_PARAMS,
)


def make(
    num_envs: int = 1,
    robot: str = "panda",
    reward: str = "dense",
    controller: str = CONTROLLER,
    show_target: bool = True,
    threads: int = 0,
    model_path: str = "",
) -> TaskEnv:
    """`num_envs` lanes of `mujoco/pick-color`.

    Args:
        num_envs: Number of lanes.
        robot: "panda", "so100" or "so101".
        reward: "dense": nearness and height of the cube that is meant. "sparse": 1 at success.
        controller: What an action means; the expert needs the default.
        show_target: Whether the environment's state says which cube is meant. Without it the instruction alone does.
        threads: Physics threads, all processors by default.
        model_path: The user's own MJCF of the robot, or a TOML file that describes one; ours by default.
    """
    return make_env(task(robot, reward, controller, show_target, model_path=model_path), num_envs, threads)


def task(
    robot: str = "panda",
    reward: str = "dense",
    controller: str = CONTROLLER,
    show_target: bool = True,
    model_path: str = "",
) -> MujocoTask:
    """The task for a robot."""
    size = OUTLINE.layout(robot, SIZES)
    edge, lifted = size.half_edge, size.lifted

    def build(spec: Any) -> Sequence[str]:
        for color, rgba in COLORS.items():
            add_box(spec, color, (edge, edge, edge), MASS, rgba)
        return list(COLORS)

    bench = make_bench(find_robot(robot, model_path), build)
    control = make_controller(controller, bench.robot, bench.model)
    params = {
        "pad_friction": friction(bench.model, bench.pads, 0.5, 2.0),
        "arm_gain": actuator_gain(bench.model, list(bench.arm.actuators), 0.5, 2.0),
    }

    def observe(world: World, memory: Batch) -> Array:
        xp = namespace(world.qpos)
        cubes = _cubes(bench, world)
        parts = [xp.reshape(cubes, (cubes.shape[0], -1))]
        if show_target:
            meant = _meant(cubes, memory)
            parts += [meant, _of_meant(cubes, meant)]
        return xp.concat(parts, axis=1)

    def judge(world: World, memory: Batch) -> tuple[Array, Array, Batch]:
        xp = namespace(world.qpos)
        cubes = _cubes(bench, world)
        meant = _meant(cubes, memory)
        cube = _of_meant(cubes, meant)
        away = xp.sqrt(xp.sum(cube[:, 3:6] * cube[:, 3:6], axis=1))
        height = cube[:, 2] - edge
        left = xp.all((cubes[:, :, 2] - edge < LEFT) | (meant > 0.5), axis=1)
        success = (height > lifted) & (cube[:, -1] > 0.5) & left & (_speed(bench, world, meant) < SLOW)
        value = 0.5 * xp.exp(-10 * away) + 0.5 * xp.clip(height / lifted, 0.0, 1.0)
        to_go = xp.clip(lifted - height, 0.0, None)
        return value, success, {"height": height, "tip_distance": away, "goal_distance": to_go}

    def describe(world: World, memory: Batch, success: bool) -> str:
        color = tuple(COLORS)[int(memory["target"][0])]
        heights = {name: float(world.xpos[0, bench.index.body(name), 2]) - edge for name in COLORS}
        high = [f"The {name} one is, too." for name in COLORS if name != color and heights[name] > LEFT]
        held = ", held" if success else ""
        return " ".join([f"The {color} cube is {heights[color]:.3f} m above where it lay{held}.", *high])

    shown = (*(f"target.{color}" for color in COLORS), *_names("target")) if show_target else ()
    return tabletop_task(
        replace(OUTLINE, names=(*OUTLINE.names, *shown)),
        bench,
        control,
        params,
        reward,
        draw=partial(_draw, bench, edge),
        observe=observe,
        judge=judge,
        describe=describe,
        options={"show_target": show_target},
    )


def _draw(
    bench: Bench, edge: float, seeds: NDArray[np.int64], attempt: int, params: Arrays
) -> tuple[NDArray[np.float64], Arrays]:
    """Cubes in three directions, in any order, and what is meant."""
    qpos = bench.home(len(seeds))
    low, high = bench.arm.reach
    share = rng.uniform(seeds, "pick-color/place", attempt, shape=(len(COLORS), 4))
    distance = low + (high - low) * (0.45 + 0.35 * share[:, :, 0])
    slot = np.argsort(share[:, :, 1], axis=1)
    angle = APART * (slot - (len(COLORS) - 1) / 2) + SPREAD * (2 * share[:, :, 2] - 1)
    turn = TURN * (2 * share[:, :, 3] - 1)
    for number, color in enumerate(COLORS):
        place = bench.index.free(color)
        qpos[:, place.start] = distance[:, number] * np.cos(angle[:, number])
        qpos[:, place.start + 1] = distance[:, number] * np.sin(angle[:, number])
        qpos[:, place.start + 2] = edge
        qpos[:, place.start + 3 : place.stop] = yaw_quat(turn[:, number])
    return qpos, _drawn(seeds, params)


def _cubes(bench: Bench, world: World) -> Array:
    """What there is to know of every cube, (n, colour, the numbers of `_names`)."""
    xp = namespace(world.qpos)
    tip, hand_yaw = bench.tip(world), bench.hand_yaw(world)
    rows: list[Array] = []
    for color in COLORS:
        body = bench.index.body(color)
        at = world.xpos[:, body]
        turn = 4 * (yaw_of(world.xquat[:, body]) - hand_yaw)[:, None]
        held = xp.astype(bench.grasped(world, color), xp.float64)[:, None]
        rows.append(xp.concat([at, at - tip, xp.sin(turn), xp.cos(turn), held], axis=1))
    return xp.stack(rows, axis=1)


def _meant(cubes: Array, memory: Batch) -> Array:
    """1 for the cube that is meant and 0 for the others, (n, colour)."""
    xp = namespace(cubes)
    target = memory["target"]
    return xp.astype(target[:, None] == xp.arange(len(COLORS), device=device_of(target))[None], xp.float64)


def _of_meant(cubes: Array, meant: Array) -> Array:
    """The numbers of the cube that is meant, (n, …)."""
    return namespace(cubes).sum(cubes * meant[:, :, None], axis=1)


def _speed(bench: Bench, world: World, meant: Array) -> Array:
    """Of the cube that is meant, (n,) in m/s."""
    xp = namespace(world.qpos)
    starts = [bench.index.free_dofs(color).start for color in COLORS]
    velocity = _of_meant(xp.stack([world.qvel[:, start : start + 3] for start in starts], axis=1), meant)
    return xp.sqrt(xp.sum(velocity * velocity, axis=1))
