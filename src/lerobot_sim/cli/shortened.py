"""An Env whose episodes end earlier than the task's own: after fewer steps, or at the first success."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.env import Batch, End, Env, State, Step
from lerobot_sim.errors import InputError
from lerobot_sim.spec import Camera, EnvSpec, hold_length


class Shortened:
    """An environment of which everything but the end of its episodes stays as it is.

    Args:
        env: The environment; it is closed with this one.
        max_steps: Steps of an episode at most; the task's own number where it is less, or None.
        stop_at_success: End an episode as TERMINATED as soon as its success rule is fulfilled: at the first success,
            or after k of them on end where the rule is "hold(k)".

    Raises:
        InputError: Fewer than one step, or the environment defines no success to stop at.
    """

    def __init__(self, env: Env, *, max_steps: int | None = None, stop_at_success: bool = False) -> None:
        spec = env.spec
        if max_steps is not None and max_steps < 1:
            raise InputError(f"--episode-length: expected at least 1, {max_steps} came.")
        if stop_at_success and spec.success_rule == "none":
            raise InputError(f"'{spec.id}' defines no success to stop at.")
        self._env = env
        self._stop_at_success = stop_at_success
        self._needed = hold_length(spec.success_rule) or 1
        self._spec = replace(spec, max_steps=min(spec.max_steps, max_steps or spec.max_steps))
        self._t = np.zeros(env.num_envs, np.int64)
        self._held = np.zeros(env.num_envs, np.int64)
        self._over = np.zeros(env.num_envs, np.int64)

    @property
    def spec(self) -> EnvSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._env.num_envs

    @property
    def instructions(self) -> Sequence[str]:
        return self._env.instructions

    def reset(self, lanes: Array, seeds: Array, params: Mapping[str, Array] | None = None) -> Batch:
        observation = self._env.reset(lanes, seeds, params)
        for counter in (self._t, self._held, self._over):
            counter[lanes] = 0
        return observation

    def step(self, action: Array, active: Array) -> Step:
        running = to_numpy(active) & (self._over == End.RUNNING)
        step = self._env.step(action, active & (self._over == End.RUNNING) if self._over.any() else active)
        end, success = to_numpy(step.end).astype(np.int64), to_numpy(step.success)
        self._t += running
        self._held = np.where(running, np.where(success, self._held + 1, 0), self._held)
        going = running & (end == End.RUNNING)
        if self._stop_at_success:
            self._over[going & (self._held >= self._needed)] = End.TERMINATED
        late = going & (self._t >= self._spec.max_steps) & (self._over == End.RUNNING)
        self._over[late] = End.TIME_LIMIT
        return step._replace(end=np.where(end == End.RUNNING, self._over, end))

    def set_params(self, lanes: Array, values: Mapping[str, Array]) -> None:
        self._env.set_params(lanes, values)

    def render(self, cameras: Mapping[str, Camera], lanes: Array | None = None) -> Batch:
        return self._env.render(cameras, lanes)

    def get_state(self, lanes: Array) -> State:
        """The environment's own state, which one that is not shortened takes."""
        return self._env.get_state(lanes)

    def set_state(self, lanes: Array, state: State) -> None:
        raise InputError("A shortened environment takes no state: set it in the environment itself.")

    def explain(self, lane: int) -> str:
        return self._env.explain(lane)

    def close(self) -> None:
        self._env.close()
