"""Any gymnasium environment as an Env: its lanes are single gymnasium environments, stepped in turn."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lerobot_sim.errors import InputError
from lerobot_sim.spec import Capabilities, EnvSpec, Restore

from .gymnasium_calls import (
    AnyEnv,
    check_lanes_alike,
    check_restore,
    find_fps,
    find_max_steps,
    picture_camera,
)
from .gymnasium_simulation import GymnasiumSimulation, Mapped
from .gymnasium_spaces import map_action, map_observation
from .simulation import SimulationEnv


class GymnasiumEnv(SimulationEnv):
    """An Env of `num_envs` gymnasium environments; see `lerobot_sim.env.Env` for its methods.

    An exception of a lane ends that lane as FAULT, and its next reset makes it anew. Numbers that are not finite end
    it as DIVERGED.

    Args:
        make: Makes one environment, a new one with every call.
        num_envs: Number of lanes.
        env_id: "family/task".
        version: Raised whenever the environment's dynamics, reset or success change.
        success_key: The key of `info` that says whether the state just reached is a success. It may be absent
            while an episode runs, which counts as no, and must be there at its end. None: no success is defined.
        success_rule: As in EnvSpec; "none" where `success_key` is None.
        fps: Steps a second of simulated time; `metadata["render_fps"]` by default.
        max_steps: Time limit; that which `gymnasium.make` has put on it by default.
        observation_keys: Their path -> our key; see `map_observation`.
        instruction: The task in words; by default the environment's `task_description`, or its id.
        metrics: Keys of `info` that are numbers to keep; each must be there at every step.
        restore: "exact" or "approximate" where `env.unwrapped` has `get_state() -> {name: array}` and
            `set_state(state)` that keep that promise.
        seeding: Whether the same seed gives the same reset.
        options: What makes this environment again, for its spec.
        about: One line for people; by default the environment's class.
    """

    def __init__(
        self,
        make: Callable[[], AnyEnv],
        num_envs: int = 1,
        *,
        env_id: str,
        version: int = 1,
        success_key: str | None = "is_success",
        success_rule: str = "any",
        fps: float | None = None,
        max_steps: int | None = None,
        observation_keys: Mapping[str, str | None] | None = None,
        instruction: str | None = None,
        metrics: Sequence[str] = (),
        restore: Restore = "none",
        seeding: bool = True,
        options: Mapping[str, Any] | None = None,
        about: str = "",
    ) -> None:
        if num_envs < 1:
            raise InputError(f"num_envs: expected at least 1, {num_envs} came.")
        envs = [make() for _ in range(num_envs)]
        first = envs[0]
        check_lanes_alike(env_id, envs)
        if restore != "none":
            check_restore(env_id, first)
        mapped = Mapped(
            env_id=env_id,
            observation=map_observation(env_id, first.observation_space, observation_keys),
            action=map_action(env_id, first.action_space),
            success_key=success_key,
            metrics=tuple(metrics),
            instruction=instruction,
            max_steps=find_max_steps(env_id, first, max_steps),
        )
        cameras = mapped.observation.cameras
        spec = EnvSpec(
            id=env_id,
            version=version,
            fps=find_fps(env_id, first, fps),
            max_steps=mapped.max_steps,
            observation=mapped.observation.features,
            action=mapped.action.feature,
            cameras={**cameras, **picture_camera(env_id, first, cameras)},
            success_rule="none" if success_key is None else success_rule,
            capabilities=Capabilities(seeding=seeding, restore=restore, resets_in_success=True),
            about=about or f"{type(first.unwrapped).__name__} of gymnasium",
            options=options or {},
        )
        ready = iter(envs)  # a lane that is made later is a fault's
        super().__init__(
            spec, lambda: GymnasiumSimulation(next(ready, None) or make(), mapped), num_envs, metrics=metrics
        )
