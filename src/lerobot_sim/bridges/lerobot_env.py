"""An Env of many lanes as the vector environment that LeRobot's evaluation and training drive."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError, UnknownNameError, unknown_name
from lerobot_sim.spec import hold_length

from .gymnasium_layout import Nested, sized_cameras, to_action
from .to_gymnasium import Face, check_seed

_NEW_ROLLOUT = "lerobot_new_rollout"  # what LeRobot's rollout passes to reset; every reset of ours begins all lanes


class LeRobotVectorEnv(VectorEnv[Nested, NDArray[Any]]):
    """An Env as LeRobot's `rollout` expects one: `agent_pos`, `environment_state`, `pixels`, and `final_info`.

    A lane that has ended stays put with reward 0 until the next reset, for LeRobot runs a batch until its last lane has
    ended: the others cost nothing meanwhile, and nothing after an episode is counted. `is_success` of a lane's
    `final_info` is the episode's success by the environment's `success_rule`, not the last state's alone.

    Args:
        env: An Env, or the name of a registered one.
        num_envs: Number of lanes.
        task_options: The task's own keywords, where `env` is a name.
        cameras: Cameras whose images are observed.
        size: (height, width) of those and of the videos.
    """

    def __init__(
        self,
        env: Env | str,
        num_envs: int | None = None,
        *,
        task_options: Mapping[str, Any] | None = None,
        cameras: Sequence[str] = (),
        size: Sequence[int] | None = None,
    ) -> None:
        self._face = Face(
            env,
            num_envs,
            task_options=task_options,
            keys="lerobot",
            pixels=cameras,
            pixels_size=size,
            render_mode=None,
            render_camera=None,
            render_size=None,
        )
        self.env = self._face.env
        self.num_envs = self.env.num_envs
        self.render_mode = "rgb_array" if self.env.spec.cameras else None
        shown = [next(iter(cameras or self.env.spec.cameras))] if self.env.spec.cameras else []
        self._pictures = sized_cameras(self.env.spec, shown, size)
        self.metadata = {**self._face.metadata, "autoreset_mode": AutoresetMode.DISABLED}
        self.single_observation_space = self._face.layout.space
        self.single_action_space = self._face.action_box
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self._ended: NDArray[np.bool_] = np.ones(self.num_envs, np.bool_)
        self._held: NDArray[np.int64] = np.zeros(self.num_envs, np.int64)
        self._solved: NDArray[np.bool_] = np.zeros(self.num_envs, np.bool_)
        self._next_seed = 0

    def reset(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, *, seed: int | Sequence[int] | None = None, options: Mapping[str, Any] | None = None
    ) -> tuple[Nested, dict[str, Any]]:
        """Begins an episode in every lane; without seeds, with those after the last ones."""
        for name in options or {}:
            if name != _NEW_ROLLOUT:
                raise unknown_name("option of reset", name, [_NEW_ROLLOUT])
        seeds = self._seeds(seed)
        self._next_seed = seeds[-1] + 1
        batch = self._face.reset(np.arange(self.num_envs), seeds, {})
        self._ended, self._solved = np.zeros(self.num_envs, np.bool_), np.zeros(self.num_envs, np.bool_)
        self._held = np.zeros(self.num_envs, np.int64)
        return self._nest(batch), {"seed": np.array(seeds)}

    def step(
        self, actions: NDArray[Any]
    ) -> tuple[Nested, NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, Any]]:
        """Steps the lanes that have not ended; `final_info` is there when one of them ends now."""
        before = self._ended
        step = self._face.step(to_action(self.env.spec.action, (self.num_envs,), actions), ~before)
        self._judge(step.success, ~before)
        terminated, truncated = step.terminated, step.truncated
        self._ended = np.asarray(terminated | truncated)
        infos: dict[str, Any] = {"is_success": self._solved.copy()}
        now = self._ended & ~before
        if now.any():
            infos["final_info"] = {"is_success": self._solved & now, "_is_success": now}
        return self._nest(step.observation), step.reward.astype(np.float64), terminated, truncated, infos

    def render(self) -> tuple[NDArray[np.uint8], ...] | None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Every lane's picture, uint8 (h, w, 3)."""
        if not self._pictures:
            raise InputError(
                f"'{self.env.spec.id}' has no camera, and lerobot-eval films every evaluation. Score it by "
                f"lerobot-sim eval {self.env.spec.id}."
            )
        return tuple(self.env.render(self._pictures).popitem()[1])

    def call(self, name: str, *args: Any, **kwargs: Any) -> tuple[Any, ...]:
        """What LeRobot asks of every lane by name: its task in words, its time limit, its picture.

        Raises:
            AttributeError: Another name, as gymnasium's vector environments raise it.
        """
        if args or kwargs:
            raise UnknownNameError(f"'{name}' is called without arguments here.")
        return self.get_attr(name)

    def get_attr(self, name: str) -> tuple[Any, ...]:
        """`call`, as gymnasium has it under two names."""
        if name in ("task_description", "task"):
            return tuple(self.env.instructions)
        if name == "_max_episode_steps":
            return (self.env.spec.max_steps,) * self.num_envs
        if name == "render":
            return self.render() or ()
        raise AttributeError(name)

    def close_extras(self, **_: Any) -> None:
        """Closes the Env."""
        self._face.close()

    def _judge(self, success: NDArray[np.bool_], live: NDArray[np.bool_]) -> None:
        """Follows each lane's success by the rule: at some step, at the last one, or held."""
        rule = self.env.spec.success_rule
        self._held = np.where(live, np.where(success, self._held + 1, 0), self._held)
        if rule == "final":
            self._solved = np.where(live, success, self._solved)
        elif rule != "none":
            self._solved = self._solved | (live & (self._held >= (hold_length(rule) or 1)))

    def _nest(self, batch: Mapping[str, Any]) -> Nested:
        return self._face.layout.nest({**batch, **self._face.images()})

    def _seeds(self, seed: int | Sequence[int] | None) -> list[int]:
        if seed is None:
            seed = self._next_seed
        if isinstance(seed, (int, np.integer)):
            return [check_seed(int(seed) + lane) for lane in range(self.num_envs)]
        if len(seed) != self.num_envs:
            raise InputError(f"seed: expected one for each of {self.num_envs} lanes, {len(seed)} came.")
        return [check_seed(value) for value in seed]
