"""A MuJoCo task as plain data and functions, and the Env made of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array
from lerobot_sim.env import Batch
from lerobot_sim.envs.task_env import Arrays, Task, TaskEnv
from lerobot_sim.spec import EnvSpec

from .controllers import Controller
from .model_params import ModelParam
from .physics import SUBSTEPS, Physics
from .rendering import KINDS, Renderer
from .world import World, from_state

_CONTROL, _MEMORY = "control.", "task."


@dataclass(frozen=True, kw_only=True)
class MujocoTask:
    """A task: what physics, robot and controller leave open. None of its functions changes its arguments.

    Attributes:
        spec: The environment's; its Params are `model_params`' and the task's own.
        model: The compiled model, nominal.
        instruction: The task in words, or a function of one lane's memory (empty before the first reset) and Params.
        controller: What an action means.
        draw: (seeds, attempt, params) -> (qpos (n, nq), the task's own memory (n, …), such as a target). On the host.
        observe: (world, memory, params) -> observation, in arrays of their own.
        judge: (world, memory, params) -> (reward float32 (n,), success bool (n,), metrics).
        describe: (world of one lane, memory, success) -> how it stands, in words.
        remember: (world, memory, params) -> memory after a step, where judging needs the past; None: it stays.
        model_params: The Params that are fields of the model.
        initial_ctrl: (qpos (n, nq)) -> ctrl (n, nu) that holds the start.
        ends_on_success: Whether the first success ends the episode.
        substeps: Physics steps of a control step.
        keyframe: The model's keyframe that gives what `draw` leaves open, such as velocities; -1: all is at rest.
        forces: Where in `sensordata` forces begin whose longest of all physics steps of a control step counts.
        measurable: Names of the metrics that it does not measure unasked.
        measuring: (some of these names) -> the task with these metrics; physics and spec are the same.
    """

    spec: EnvSpec
    model: Any
    instruction: str | Callable[[Batch, Batch], str]
    controller: Controller
    draw: Callable[[NDArray[np.int64], int, Arrays], tuple[NDArray[np.float64], Arrays]]
    observe: Callable[[World, Batch, Batch], Batch]
    judge: Callable[[World, Batch, Batch], tuple[Array, Array, Batch]]
    describe: Callable[[World, Batch, bool], str]
    initial_ctrl: Callable[[NDArray[np.float64]], NDArray[np.float64]]
    remember: Callable[[World, Batch, Batch], Batch] | None = None
    model_params: Mapping[str, ModelParam] = field(default_factory=dict[str, ModelParam])
    ends_on_success: bool = False
    substeps: int = SUBSTEPS
    keyframe: int = -1
    forces: Sequence[int] = ()
    measurable: Sequence[str] = ()
    measuring: Callable[[Sequence[str]], MujocoTask] | None = None


def make_env(task: MujocoTask, num_envs: int, threads: int = 0, render_workers: int = 1) -> TaskEnv:
    """The environment of a task.

    Args:
        task: What is to be done.
        num_envs: Number of lanes.
        threads: Physics threads; 0 takes as many as there are processors. Results do not depend on it.
        render_workers: Processes that share the lanes' pictures; they start with the first picture.
    """
    return TaskEnv(_made(task, num_envs, threads, render_workers), num_envs)


def _made(task: MujocoTask, num_envs: int, threads: int, render_workers: int) -> Task:
    physics = Physics(task.model, num_envs, task.model_params, threads, task.forces)
    renderer = Renderer(task.model, task.model_params, render_workers)

    def settle(lanes: NDArray[np.int64], drawn: Arrays, _params: Arrays) -> Arrays:
        qpos = drawn.pop("qpos")
        state = physics.settle(lanes, qpos, task.initial_ctrl(qpos), task.keyframe)
        return {**state, **_prefixed(_CONTROL, task.controller.start(from_state(state))), **_prefixed(_MEMORY, drawn)}

    def draw(seeds: NDArray[np.int64], attempt: int, params: Arrays) -> Arrays:
        qpos, memory = task.draw(seeds, attempt, params)
        return {"qpos": qpos, **memory}

    def advance(
        state: Arrays, action: NDArray[np.float64], params: Arrays, live: NDArray[np.bool_]
    ) -> tuple[Arrays, NDArray[np.bool_]]:
        ctrl, control = task.controller.command(from_state(state), _part(_CONTROL, state), action)
        moved, diverged = physics.advance(state, ctrl, live, task.substeps)
        memory = _part(_MEMORY, state)
        if task.remember:
            memory = task.remember(from_state(moved), memory, params)
        return {**moved, **_prefixed(_CONTROL, control), **_prefixed(_MEMORY, memory)}, diverged

    def measuring(names: Sequence[str]) -> Task:
        assert task.measuring is not None  # else nothing is measurable
        return _made(task.measuring(names), num_envs, threads, render_workers)

    return Task(
        spec=task.spec,
        instruction=_instruction(task.instruction),
        draw=draw,
        settle=settle,
        apply=physics.apply,
        advance=advance,
        observe=lambda state, params: task.observe(from_state(state), _part(_MEMORY, state), params),
        judge=lambda state, params: task.judge(from_state(state), _part(_MEMORY, state), params),
        draw_image=renderer.render,
        close=renderer.close,
        kinds=tuple(KINDS),
        describe=lambda state, success: task.describe(from_state(state), _part(_MEMORY, state), success),
        ends_on_success=task.ends_on_success,
        measurable=tuple(task.measurable),
        measuring=measuring,
    )


def _instruction(words: str | Callable[[Batch, Batch], str]) -> str | Callable[[Arrays, Arrays], str]:
    if isinstance(words, str):
        return words
    return lambda state, params: words(_part(_MEMORY, state), params)


def _part(prefix: str, state: Arrays) -> Arrays:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}


def _prefixed(prefix: str, part: Mapping[str, Any]) -> Arrays:
    return {prefix + name: value for name, value in part.items()}
