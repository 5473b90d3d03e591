"""A task's expert on an arm that is driven by its joints, in the units of LeRobot's robots.

The expert decides for the hand, from all that it sees in the task's usual environment; that environment's controller
makes joint targets of it, and they are the actions. So a dataset of them says what the joints of a real arm are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry
from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.env import Batch, Env
from lerobot_sim.envs.mujoco.controllers import Controller, make_controller
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask
from lerobot_sim.envs.mujoco.robot_units import CONTROLLER, targets_of
from lerobot_sim.envs.mujoco.robots.catalogue import robot as find_robot
from lerobot_sim.envs.mujoco.world import Index, from_state
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, Policy
from lerobot_sim.spec import Camera, EnvSpec

_STATE, _TASK, _PARAM = "state.", "state.task.", "params."


def is_for(spec: EnvSpec) -> bool:
    """Whether an environment's actions are joint targets in a robot's units."""
    return str(spec.options.get("controller", "")).startswith(CONTROLLER)


class JointTargets:
    """Acts in one environment, all of whose lanes it is given; it reads the simulation's state.

    Args:
        env: The environment, whose controller is one of `robot_units`.

    Raises:
        InputError: Its controller is another, or it is no task of ours.
        UnknownNameError: The task has no expert.
    """

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, env: Env) -> None:
        if not is_for(env.spec):
            raise InputError(f"'{env.spec.id}' is not driven by joints in a robot's units: {dict(env.spec.options)}.")
        self._env = env
        self._usual = usual_task(env.spec)
        self._expert: Policy = registry.make_policy("expert", self._usual.spec)
        self._robot = find_robot(env.spec.options["robot"], env.spec.options.get("model_path", ""))
        self._index = Index(self._usual.model)
        own: Controller = make_controller(env.spec.options["controller"], self._robot, self._usual.model)
        assert own.units is not None  # by its name
        self._units = own.units
        self._memory: dict[str, Array] = {}
        self._fresh: NDArray[np.bool_] = np.zeros(env.num_envs, np.bool_)

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._expert.reset(lanes, seeds)
        self._fresh[to_numpy(lanes)] = True

    def act(self, observation: Batch, active: Array) -> Decision:
        mask = to_numpy(active)
        if len(mask) != self._env.num_envs:
            raise InputError(f"JointTargets acts in one environment of {self._env.num_envs} lanes, {len(mask)} came.")
        state = self._env.get_state(np.arange(len(mask)))
        world = from_state(_part(_STATE, state))
        seen = self._usual.observe(world, _part(_TASK, state), _part(_PARAM, state))
        decision = self._expert.act(seen, active)
        action = self._usual.spec.action
        wanted = np.clip(to_numpy(decision.action), action.low, action.high, dtype=np.float64)
        memory = self._mixed(self._fresh, self._usual.controller.start(world), self._memory)
        self._fresh[:] = False
        ctrl, after = self._usual.controller.command(world, memory, wanted)
        self._memory = self._mixed(mask, after, memory)
        shown = self._units.outside(targets_of(self._robot, self._index, ctrl))
        return replace(decision, action=np.where(mask[:, None], shown, 0.0).astype(np.float32))

    @staticmethod
    def _mixed(mask: NDArray[np.bool_], new: Mapping[str, Array], old: Mapping[str, Array]) -> dict[str, Array]:
        """The new rows of some lanes, the old ones of the others."""
        if not old:
            return dict(new)
        rows = {name: mask.reshape(-1, *(1,) * (value.ndim - 1)) for name, value in new.items()}
        return {name: np.where(rows[name], value, old[name]) for name, value in new.items()}


def usual_task(spec: EnvSpec) -> MujocoTask:
    """The same task with its usual controller.

    Raises:
        InputError: It is no task of ours.
    """
    if spec.id not in registry.ENVIRONMENTS:
        raise InputError(f"'{spec.id}' has no expert that could drive a robot's joints; the tasks mujoco/… have.")
    module = import_module(registry.ENVIRONMENTS[spec.id].partition(":")[0])
    own = {name: value for name, value in spec.options.items() if name not in ("controller", registry.CONTENTS)}
    return module.task(**own)


def _part(prefix: str, state: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
