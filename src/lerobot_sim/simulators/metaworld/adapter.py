"""One lane of MetaWorld: the only module that imports it, beside its experts'."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
# metaworld and the mujoco that it needs are not among our own packages

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from metaworld.env_dict import ALL_V3_ENVIRONMENTS
from numpy.typing import NDArray

from lerobot_sim.errors import InputError
from lerobot_sim.simulators.mujoco_pictures import Pictures
from lerobot_sim.simulators.simulation import Outcome
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera

from .catalogue import TASKS
from .memory import Memory, physics_of, plain_attributes, restore_attributes, set_physics
from .options import GOAL, METRICS, OBJECTS, ROBOT, Options
from .suites import GOALS_A_TASK, goal_of_seed, goals

UPSIDE_DOWN = ("corner", "corner2", "corner3", "corner4")
"""Cameras whose pictures are turned by 180 degrees."""

_FRAME = ROBOT + OBJECTS
_WARNINGS = mujoco.mjtWarning
_DIVERGED = [int(kind) for kind in (_WARNINGS.mjWARN_BADQPOS, _WARNINGS.mjWARN_BADQVEL, _WARNINGS.mjWARN_BADQACC)]


class MetaWorldSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`.

    Every reset begins from the environment as it was when it was made, so nothing of earlier episodes is left.
    """

    def __init__(self, task: str, options: Options) -> None:
        self._task, self._options = task, options
        env = self._env = ALL_V3_ENVIRONMENTS[task]()
        vars(env).pop("sawyer_observation_space", None)  # cached, and depends on whether the goal is shown
        env._set_task_called, env._freeze_rand_vec = True, True
        env._partially_observable = not options.shows_goal
        self._frames = np.zeros((options.frame_stack, _FRAME))
        self._pictures = Pictures(env.model)
        self._made = plain_attributes(env)
        self._model = {name: getattr(env.model, name).copy() for name in ("body_pos", "site_pos")}
        self._physics = physics_of(env)
        self._reset(goal_of_seed(task, 0))
        env.step(np.zeros(4, np.float32))  # the last attributes appear with the first step
        self._memory = Memory(env)

    @property
    def instruction(self) -> str:
        return TASKS[self._task].instruction

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[dict[str, NDArray[Any]], bool]:
        observed = self._reset(self._goal(seed))
        self._frames[:] = observed[:_FRAME]
        return self._observation(observed), self._succeeds()

    def step(self, action: NDArray[Any]) -> Outcome:
        reward, observed, info = 0.0, np.zeros(0), {}
        for _ in range(self._options.action_repeat):
            observed, value, _, _, info = self._env.step(action)
            reward += float(value)
        if self._env.data.warning.number[_DIVERGED].any():  # MuJoCo has begun anew and says so here only
            reward = float("nan")
        self._frames[1:] = self._frames[:-1]
        self._frames[0] = observed[:_FRAME]
        metrics = {name: float(info[name]) for name in METRICS}
        return Outcome(self._observation(observed), reward, bool(info["success"]), metrics=metrics)

    def render(self, name: str, camera: Camera) -> NDArray[np.uint8]:
        image = self._pictures.draw(self._env.data, name, camera)
        return np.ascontiguousarray(image[::-1, ::-1]) if name in UPSIDE_DOWN else image

    def get_state(self) -> dict[str, NDArray[Any]]:
        return {**self._memory.read(), "frames": self._frames.copy()}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        if "frames" not in state or state["frames"].shape != self._frames.shape:
            raise InputError(f"This is no state of '{self._task}' with frame_stack={self._options.frame_stack}.")
        self._memory.write(state)
        self._frames[:] = state["frames"]

    def close(self) -> None:
        self._pictures.close()
        self._env.close()

    def _goal(self, seed: int) -> NDArray[np.float64]:
        options = self._options
        if options.suite is None:
            return goal_of_seed(self._task, seed, options.seed)
        return goals(options.suite, options.split, self._task, options.seed)[seed % GOALS_A_TASK]

    def _reset(self, goal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Resets from the environment as it was made; returns MetaWorld's 39 numbers."""
        env = self._env
        restore_attributes(env, self._made)
        for name, value in self._model.items():
            getattr(env.model, name)[:] = value
        set_physics(env, self._physics)
        env._last_rand_vec = goal.copy()
        observed, _ = env.reset()
        set_physics(
            env, physics_of(env)
        )  # some tasks leave bodies where they were before; a picture must show where they are
        return observed

    def _succeeds(self) -> bool:
        """The predicate on the state of the reset, which MetaWorld itself does not ask."""
        env = self._env
        before = plain_attributes(env)
        _, info = env.evaluate_state(env._get_obs(), np.zeros(4, np.float32))
        restore_attributes(env, before)
        return bool(info["success"])

    def _observation(self, observed: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        if self._options.observation_type == "pixels":
            return {}
        robot = self._frames[:, :ROBOT].astype(np.float32).ravel()
        if self._options.observation_type == "pixels_agent_pos":
            return {STATE: robot}
        others = np.concatenate([self._frames[:, ROBOT:].ravel(), observed[-GOAL:]])
        return {STATE: robot, ENVIRONMENT_STATE: others.astype(np.float32)}
