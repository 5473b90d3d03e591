"""gym-pusht's environment as a Simulation; the only module that imports gym-pusht.

pymunk keeps more than positions and velocities (contacts that it found before), and gives no way to set all of it.
But it repeats itself bit for bit, so a state here is the seed and the actions since; to restore is to run them again.
"""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUntypedBaseClass=false
# gym-pusht is not among our own packages

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gym_pusht.envs.pusht import PushTEnv, pymunk_to_shapely
from numpy.typing import NDArray

from lerobot_sim.env import End
from lerobot_sim.simulators.simulation import Outcome, SimulationEnv
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec

INSTRUCTION = "Push the T-shaped block onto the T-shaped target."


class _PushT(PushTEnv):
    """Takes the T's two halves in one order: theirs is a set's, with which the last bit of the coverage changes."""

    def _get_coverage(self) -> float:
        goal = pymunk_to_shapely(self.get_goal_pose_body(self.goal_pose), self._block_shapes)
        return goal.intersection(pymunk_to_shapely(self.block, self._block_shapes)).area / goal.area


class PushTSimulation:
    """One lane; see `lerobot_sim.simulators.simulation.Simulation`."""

    instruction = INSTRUCTION

    def __init__(self, spec: EnvSpec) -> None:
        seen = {STATE: "state", ENVIRONMENT_STATE: "environment_state_agent_pos"}
        inner = {name: spec.options[name] for name in ("block_cog", "damping") if name in spec.options}
        self._size = len(spec.observation[STATE].names) if STATE in spec.observation else 0
        kind = seen[ENVIRONMENT_STATE if ENVIRONMENT_STATE in spec.observation else STATE]
        self._env: Any = _PushT(obs_type=kind, **inner)
        self._seed, self._count, self._begun = 0, 0, False
        self._actions = np.zeros((spec.max_steps, *spec.action.shape), spec.action.dtype)

    def reset(self, seed: int, params: Mapping[str, NDArray[Any]]) -> tuple[Mapping[str, NDArray[Any]], bool]:
        observation, _ = self._env.reset(seed=seed % 2**64)  # gymnasium's seeds are not negative
        self._seed, self._count, self._begun = seed, 0, True
        self._actions[:] = 0
        return self._observation(observation), bool(self._env._get_coverage() > self._env.success_threshold)

    def step(self, action: NDArray[Any]) -> Outcome:
        self._actions[self._count] = action
        self._count += 1
        observation, reward, terminated, _, info = self._env.step(action)
        end = End.TERMINATED if terminated else End.RUNNING
        metrics = {"coverage": float(info["coverage"])}
        return Outcome(self._observation(observation), float(reward), bool(info["is_success"]), end, metrics)

    def render(self, name: str, camera: Camera) -> NDArray[Any]:
        # as gym-pusht's own observation: its `render()` also marks the last action, of the last episode at first
        self._env.observation_height, self._env.observation_width = camera.height, camera.width
        return self._env._render().copy()

    def get_state(self) -> dict[str, NDArray[Any]]:
        return {
            "seed": np.array(self._seed, np.int64),
            "count": np.array(self._count, np.int64),
            "actions": self._actions.copy(),
        }

    def set_state(self, state: Mapping[str, NDArray[Any]]) -> None:
        seed, count, actions = int(state["seed"]), int(state["count"]), state["actions"]
        done = self._count
        ahead = self._begun and seed == self._seed and done <= count
        if not (ahead and np.array_equal(actions[:done], self._actions[:done])):
            self.reset(seed, {})
        for action in actions[self._count : count]:
            self.step(action)

    def close(self) -> None:
        self._env.close()

    def _observation(self, observation: Any) -> dict[str, NDArray[Any]]:
        if isinstance(observation, Mapping):
            return {STATE: observation["agent_pos"], ENVIRONMENT_STATE: observation["environment_state"]}
        return {STATE: observation[: self._size]}


def make_env(spec: EnvSpec, num_envs: int) -> SimulationEnv:
    """`num_envs` lanes."""
    return SimulationEnv(spec, lambda: PushTSimulation(spec), num_envs, metrics=("coverage",))
