"""gym-hil 0.1.14: a Franka Panda picks a cube, or arranges five boxes. The catalogue, without the simulator."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.errors import unknown_name
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, Capabilities, EnvSpec, Feature

from .options import FPS, Options, read, said

_logger = logging.getLogger(__name__)

FAMILY = Family(
    name="gym-hil",
    packages=("gym_hil", "gymnasium", "mujoco"),
    lock="gym-hil",
    about="gym-hil 0.1.14: a Franka Panda picks a cube or arranges boxes (MuJoCo)",
    cameras=("front", "wrist"),
    environment={"MUJOCO_GL": "egl"},
    step_s=60.0,
)

INSTRUCTIONS: Mapping[str, str] = {
    "panda-pick-cube": "Pick up the cube.",
    "panda-arrange-boxes": "Put each box on the target of its colour.",
}
"""Task -> the task in words."""

_JOINTS = tuple(f"joint{index}" for index in range(1, 8))
_PLACE = {"panda-pick-cube": "cube", "panda-arrange-boxes": "red_box"}
_ABOUT = {
    "panda-pick-cube": "lift the cube by 10 cm; leaving the area of its starts ends the episode",
    "panda-arrange-boxes": "five boxes onto five targets, within 3 cm each; only the red one is observed",
}
_OLD = re.compile(r"(?:gym_hil/)?Panda(PickCube|ArrangeBoxes)(Base|Viewer|Gamepad|Keyboard|Spacemouse)?-v0")
_TASKS = {"PickCube": "panda-pick-cube", "ArrangeBoxes": "panda-arrange-boxes"}


def tasks() -> Sequence[str]:
    """The tasks' names."""
    return list(INSTRUCTIONS)


def resolve(name: str) -> str | None:
    """The task of one of gym-hil's or the guides' ids; the device that the id names is told in a note."""
    old = _OLD.fullmatch(name)
    if old is None:
        return None
    task, device = _TASKS[old[1]], device_of(name)
    if device:
        _logger.warning("'%s' is 'gym-hil/%s' here; its %s acts as a policy does.", name, task, device)
    return task


def device_of(name: str) -> str:
    """The input device that an old id names, "" where there is none."""
    old = _OLD.fullmatch(name)
    return old[2].lower() if old and old[2] in ("Gamepad", "Keyboard", "Spacemouse") else ""


def spec(task: str, **options: Any) -> EnvSpec:
    """A task's spec.

    Args:
        task: One of `tasks()`.
        options: See `lerobot_sim.simulators.gym_hil.options`.
    """
    return spec_of(task, _options(task, options))


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process."""
    chosen = _options(task, options)
    from .adapter import make_env

    return make_env(spec_of(task, chosen), task, chosen, num_envs)


def metrics(task: str, options: Options) -> tuple[str, ...]:
    """Names of the metrics: how far the task is, what the robot felt, the penalty for using the gripper."""
    progress = "lift" if task == "panda-pick-cube" else "boxes_placed"
    names = (progress, "contact_force", "joint_limit", "workspace_violation")
    return (*names, "gripper_penalty") if options.use_gripper else names


def spec_of(task: str, options: Options) -> EnvSpec:
    """The spec for options that were read."""
    velocities = tuple(f"{name}.velocity" for name in _JOINTS) if options.add_joint_velocity_to_observation else ()
    names = (*_JOINTS, *velocities, "gripper.command", "tip.x", "tip.y", "tip.z")
    observation = {STATE: Feature(shape=(len(names),), dtype="float32", names=names)}
    if not options.image_obs:
        place = tuple(f"{_PLACE[task]}.{axis}" for axis in "xyz")
        observation[ENVIRONMENT_STATE] = Feature(shape=(3,), dtype="float32", unit="m", names=place)
    moves, grip = ("tip.x", "tip.y", "tip.z"), options.use_gripper
    action = Feature(
        shape=(4,) if grip else (3,),
        dtype="float32",
        names=(*moves, "gripper") if grip else moves,
        low=(-1.0, -1.0, -1.0, 0.0) if grip else -1.0,
        high=(1.0, 1.0, 1.0, 2.0) if grip else 1.0,
    )
    height, width = options.resize_size
    return EnvSpec(
        id=f"gym-hil/{task}",
        version=1,
        fps=FPS,
        max_steps=round(options.control_time_s * FPS),
        observation=observation,
        action=action,
        cameras={name: Camera(height=height, width=width) for name in ("front", "wrist")},
        capabilities=Capabilities(restore="exact", fixed_start=not options.random_block_position),
        about=_ABOUT[task],
        options=said(task, options),
    )


def _options(task: str, options: Mapping[str, Any]) -> Options:
    if task not in INSTRUCTIONS:
        raise unknown_name("task of gym-hil", task, INSTRUCTIONS)
    return read(task, options)
