"""gym-aloha's environments as Simulations; the only module that imports gym-aloha.

It draws three pictures of 480x640 at every step, whoever looks: here they are drawn when they are asked for. Its
declared action space, [-1, 1], is narrower than its own starting pose: the bounds here are the actuators'.
"""

# pyright: reportAttributeAccessIssue=false
# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false
# gym-aloha, dm_control and the mujoco that they need are not among our own packages

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from dm_control.rl.control import PhysicsError
from gym_aloha.env import AlohaEnv
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.simulators.mujoco_pictures import Pictures
from lerobot_sim.simulators.seeding import word
from lerobot_sim.simulators.simulation import Outcome, SimulationEnv
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec

from . import TASKS

_INTEGRATION = mujoco.mjtState.mjSTATE_INTEGRATION
_NO_PICTURES = {"top": np.zeros((0, 0, 3), np.uint8)}


class AlohaSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`."""

    def __init__(self, task: str) -> None:
        self.instruction = TASKS[task][1]
        self._env: Any = AlohaEnv(task.replace("-", "_"), obs_type="pixels_agent_pos")
        self._inner = self._env._env  # dm_control's
        self._physics = self._inner.physics
        self._inner.task.get_observation = self._numbers
        self._model, self._data = self._physics.model.ptr, self._physics.data.ptr
        self._model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_AUTORESET  # else divergence is hidden
        self._pictures = Pictures(self._model)
        self._begun = False

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        self._env.reset(seed=word(seed))
        self._begun = True
        return self._observation(), False

    def step(self, action: NDArray[Any]) -> Outcome:
        try:
            _, reward, terminated, _, info = self._env.step(action)
        except PhysicsError as error:
            return Outcome(self._observation(), np.nan, False, metrics={"stage": np.nan}, note=f"dm_control: {error}")
        end = End.TERMINATED if terminated else End.RUNNING
        return Outcome(self._observation(), float(reward), bool(info["is_success"]), end, {"stage": float(reward)})

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        return self._pictures.draw(self._data, name, camera)

    def get_state(self) -> dict[str, NDArray[Any]]:
        physics = np.zeros(mujoco.mj_stateSize(self._model, _INTEGRATION))
        mujoco.mj_getState(self._model, self._data, physics, _INTEGRATION)
        return {"physics": physics}

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        if not self._begun:
            self.reset(0, {})  # dm_control's first step would be a reset
        mujoco.mj_setState(self._model, self._data, state["physics"], _INTEGRATION)
        mujoco.mj_step1(self._model, self._data)  # as dm_control's steps end

    def close(self) -> None:
        self._pictures.close()

    def _numbers(self, physics: Any) -> dict[str, Any]:
        """What gym-aloha's task observes, without its pictures."""
        return {"qpos": self._inner.task.get_qpos(physics), "images": _NO_PICTURES}

    def _observation(self) -> dict[str, NDArray[Any]]:
        task = self._inner.task
        return {STATE: task.get_qpos(self._physics), ENVIRONMENT_STATE: task.get_env_state(self._physics)}


def make_env(spec: EnvSpec, task: str, num_envs: int) -> SimulationEnv:
    """`num_envs` lanes of a task."""
    return SimulationEnv(spec, lambda: AlohaSimulation(task), num_envs, metrics=("stage",))
