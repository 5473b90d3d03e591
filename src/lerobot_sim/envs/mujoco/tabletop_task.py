"""What all tasks at a table say alike: their spec, what is observed of the robot, and the two rewards."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, namespace
from lerobot_sim.env import Batch
from lerobot_sim.envs.task_env import Arrays
from lerobot_sim.errors import unknown_name
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, EnvSpec, Feature, Param

from .controllers import Controller
from .model_params import ModelParam
from .mujoco_task import MujocoTask
from .physics import CONTROL_HZ
from .robot_units import joints_of
from .safety import measurable
from .tabletop import Bench
from .world import World

REWARDS = ("dense", "sparse")

_Layout = TypeVar("_Layout")


@dataclass(frozen=True, kw_only=True)
class Outline:
    """What is known of a task without a robot.

    Attributes:
        id: "mujoco/<task>".
        version: Rises with every change of its dynamics.
        max_steps: Control steps of an episode.
        held: Control steps on end that success has to last.
        about: The task in a line.
        instruction: The task in words, or a function of one lane's memory and Params: see `MujocoTask`.
        names: Of the numbers in `observation.environment_state`.
        params: The Params that are no fields of the model.
    """

    id: str
    version: int
    max_steps: int
    held: int
    about: str
    instruction: str | Callable[[Batch, Batch], str]
    names: tuple[str, ...]
    params: Mapping[str, Param] | None = None

    def layout(self, robot: str, layouts: Mapping[str, _Layout]) -> _Layout:
        """What suits a robot.

        Raises:
            UnknownNameError: The task is not for that robot.
        """
        if robot not in layouts:
            raise unknown_name(f"robot for '{self.id}'", robot, layouts)
        return layouts[robot]


def tabletop_task(
    outline: Outline,
    bench: Bench,
    control: Controller,
    params: Mapping[str, ModelParam],
    reward: str,
    *,
    draw: Callable[[NDArray[np.int64], int, Arrays], tuple[NDArray[np.float64], Arrays]],
    observe: Callable[[World, Batch], Array],
    judge: Callable[[World, Batch], tuple[Array, Array, Batch]],
    describe: Callable[[World, Batch, bool], str],
    remember: Callable[[World, Batch, Batch], Batch] | None = None,
    initial_ctrl: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
    options: Mapping[str, Any] | None = None,
) -> MujocoTask:
    """A task at a bench.

    Args:
        outline: What is known of it.
        bench: Robot and scene.
        control: What an action means.
        params: The Params that are fields of the model.
        reward: "dense" or "sparse": 1 at success.
        draw: As a `MujocoTask`'s.
        observe: (world, memory) -> `observation.environment_state` (n, number of names).
        judge: (world, memory) -> (dense reward (n,), success bool (n,), metrics); those of `safety` are added where
            they are asked for.
        describe: As a `MujocoTask`'s.
        remember: As a `MujocoTask`'s.
        initial_ctrl: As a `MujocoTask`'s; holds the arms where they are with the grippers open by default.
        options: The task's own keywords, after robot, reward and controller.

    Raises:
        UnknownNameError: There is no such reward.
    """
    if reward not in REWARDS:
        raise unknown_name(f"reward of '{outline.id}'", reward, REWARDS)

    def observed(world: World, memory: Batch, _params: Batch) -> Batch:
        xp = namespace(world.qpos)
        if control.units:  # a robot of LeRobot's sees no more
            return {STATE: xp.astype(control.units.outside(joints_of(bench, world)), xp.float32)}
        around = observe(world, memory)
        return {STATE: bench.state(world), ENVIRONMENT_STATE: xp.astype(around, xp.float32)}

    def judged(world: World, memory: Batch, _params: Batch) -> tuple[Array, Array, Batch]:
        (dense, success, metrics), xp = judge(world, memory), namespace(world.qpos)
        return xp.astype(success if reward == "sparse" else dense, xp.float32), success, metrics

    made = MujocoTask(
        spec=_spec(outline, bench, control, params, {"reward": reward, "controller": control.name, **(options or {})}),
        model=bench.model,
        instruction=outline.instruction,
        controller=control,
        draw=draw,
        observe=observed,
        judge=judged,
        describe=describe,
        remember=remember,
        model_params=params,
        initial_ctrl=initial_ctrl or bench.ctrl,
    )
    return measurable(bench, made)


def _spec(
    outline: Outline, bench: Bench, control: Controller, params: Mapping[str, ModelParam], options: Mapping[str, Any]
) -> EnvSpec:
    names = outline.names
    return EnvSpec(
        id=outline.id,
        version=outline.version,
        fps=CONTROL_HZ,
        max_steps=outline.max_steps,
        observation={STATE: control.units.feature}
        if control.units
        else {
            STATE: bench.state_feature,
            ENVIRONMENT_STATE: Feature(shape=(len(names),), dtype="float32", unit="m", names=names),
        },
        action=control.action,
        params={**(outline.params or {}), **{name: param.param for name, param in params.items()}},
        cameras=bench.cameras,
        success_rule=f"hold({outline.held})",
        options={**bench.robot.options, **options},
        about=outline.about,
    )
