"""`--env.type=sim`: any environment of lerobot-sim for LeRobot's evaluation and training."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lerobot.configs.types import FeatureType, PolicyFeature
from lerobot.envs.configs import EnvConfig
from lerobot.utils.constants import ACTION, OBS_ENV_STATE, OBS_IMAGES, OBS_STATE

_KEYS = {OBS_STATE: ("agent_pos", FeatureType.STATE), OBS_ENV_STATE: ("environment_state", FeatureType.ENV)}


@EnvConfig.register_subclass("sim")
@dataclass
class SimEnvConfig(EnvConfig):
    """An environment of lerobot-sim; `fps`, `features` and `features_map` are the environment's own.

    Attributes:
        task: Its name, such as "mujoco/lift" (`lerobot-sim list` shows all).
        robot: Who does it, where a task has several robots.
        units: Makes the arm a robot of LeRobot's, with its joints as state and action: "degrees", as its SO arms give
            them, "range_m100_100" or "radians".
        cameras: Names of the cameras that are observed; none for a policy of states.
        observation_height: Of the pictures.
        observation_width: Of the pictures.
        options: Further keywords of the task, such as {reward: sparse}.
    """

    task: str | None = "mujoco/lift"
    robot: str | None = None
    units: str | None = None
    cameras: list[str] = field(default_factory=list)
    observation_height: int = 128
    observation_width: int = 128
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from lerobot_sim import registry

        env = registry.make(self.task or "", 1, **self._task_options())
        spec = env.spec
        env.close()
        self.fps = round(spec.fps)
        self.features = {ACTION: PolicyFeature(type=FeatureType.ACTION, shape=spec.action.shape)}
        self.features_map = {ACTION: ACTION}
        for key, feature in spec.observation.items():
            if key in _KEYS:
                name, kind = _KEYS[key]
                self.features[name] = PolicyFeature(type=kind, shape=feature.shape)
                self.features_map[name] = key
        for camera in self.cameras:
            name = f"pixels/{camera}"
            shape = (self.observation_height, self.observation_width, 3)
            self.features[name] = PolicyFeature(type=FeatureType.VISUAL, shape=shape)
            self.features_map[name] = f"{OBS_IMAGES}.{camera}"

    @property
    def gym_kwargs(self) -> dict[str, Any]:
        """Not used: the lanes are made by `create_envs`."""
        return {}

    def create_envs(self, n_envs: int, use_async_envs: bool = False) -> dict[str, dict[int, Any]]:
        """One vector environment of `n_envs` lanes.

        They are lanes of one batch with threads of their own, so `use_async_envs` changes nothing: no process is
        started, and none imports LeRobot again.
        """
        from lerobot_sim.bridges.lerobot_env import LeRobotVectorEnv

        size = (self.observation_height, self.observation_width)
        envs = LeRobotVectorEnv(
            self.task or "", n_envs, task_options=self._task_options(), cameras=self.cameras, size=size
        )
        return {envs.env.spec.id: {0: envs}}

    def _task_options(self) -> dict[str, Any]:
        who = {"robot": self.robot} if self.robot else {}
        if self.units:
            from lerobot_sim.bridges.lerobot_arm import arm_options, task_of_arm

            task_of_arm(self.task or "")
            who |= arm_options(self.robot or "", self.units)
        return {**who, **self.options}
