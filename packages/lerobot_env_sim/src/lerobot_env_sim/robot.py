"""`--robot.type=sim`: a simulated arm where LeRobot's commands expect a real one."""

from __future__ import annotations

import sys
from typing import Any

from lerobot.robots.robot import Robot
from lerobot.utils.errors import DeviceAlreadyConnectedError, DeviceNotConnectedError

from .robot_config import SimRobotConfig

_RESETS = ("episode", "never")
_FRAMES_UP = 6
_LOOPS = {"record_loop": "start_episode_t", "_policy_loop": "start_t"}
"""LeRobot's loops of one episode -> the variable that holds when it began: `lerobot-record`'s, and that of
`lerobot-rollout --strategy.type=episodic`."""


class SimRobot(Robot):
    """An arm of lerobot-sim with LeRobot's joint names, cameras and units.

    The scene begins anew at `connect` and, with `reset="episode"`, whenever `lerobot-record` or `lerobot-rollout
    --strategy.type=episodic` begins to record an episode, also one that is recorded again. What happens in their
    reset phase goes on in the old scene.
    """

    config_class = SimRobotConfig
    name = "sim"

    def __init__(self, config: SimRobotConfig) -> None:
        super().__init__(config)
        if config.reset not in _RESETS:
            raise ValueError(f"--robot.reset: expected one of {', '.join(_RESETS)}, '{config.reset}' came.")
        if config.cameras and config.camera_names:
            raise ValueError("--robot.cameras and --robot.camera_names: expected one of them, both came.")
        from lerobot_sim.bridges.lerobot_arm import SimArm

        self.config = config
        self.arm = SimArm(
            config.task,
            config.model,
            unit=config.unit,
            cameras={name: (one.height, one.width) for name, one in config.cameras.items()} or config.camera_names,
            size=(config.camera_height, config.camera_width),
            seed=config.seed,
            clock=config.clock,
            options=config.options,
        )
        self.cameras = self.arm.cameras
        self._connected = False
        self._recorded: tuple[int, float] | None = None

    @property
    def observation_features(self) -> dict[str, Any]:
        pictures = {name: (camera.height, camera.width, 3) for name, camera in self.cameras.items()}
        return {**self.action_features, **pictures}

    @property
    def action_features(self) -> dict[str, type]:
        return dict.fromkeys(self.arm.names, float)

    @property
    def is_connected(self) -> bool:
        return self._connected

    @property
    def is_calibrated(self) -> bool:
        return True

    def calibrate(self) -> None:
        """A simulated arm needs none."""

    def configure(self) -> None:
        """Nothing to set: the gains are the model's."""

    def connect(self, calibrate: bool = True) -> None:
        if self._connected:
            raise DeviceAlreadyConnectedError(f"{self} is connected already.")
        self.arm.begin()
        self._connected, self._recorded = True, None

    def get_observation(self) -> dict[str, Any]:
        self._require_connected()
        if self.config.reset == "episode":
            self._notice_episode()
        return self.arm.observe()

    def send_action(self, action: dict[str, Any]) -> dict[str, Any]:
        self._require_connected()
        targets = {name: float(value) for name, value in action.items()}
        if self.config.max_relative_target is not None:
            targets = self._near(targets, self.config.max_relative_target)
        return self.arm.act(targets)

    def disconnect(self) -> None:
        self._require_connected()
        self._connected = False
        self.arm.close()

    def _require_connected(self) -> None:
        if not self._connected:
            raise DeviceNotConnectedError(f"{self} is not connected: call connect() first.")

    def _near(self, targets: dict[str, float], most: float | dict[str, float]) -> dict[str, float]:
        """The targets as LeRobot's arms take them with `max_relative_target`."""
        from lerobot.robots.utils import ensure_safe_goal_position

        present = self.arm.joints()
        pairs = {name.removesuffix(".pos"): (value, present[name]) for name, value in targets.items()}
        near = ensure_safe_goal_position(pairs, most if isinstance(most, dict) else float(most))
        return {f"{name}.pos": value for name, value in near.items()}

    def _notice_episode(self) -> None:
        """Begins the next scene where the loop that called is another than the last one that recorded.

        LeRobot tells a robot nothing of episodes, so its loop is looked for among the callers.
        """
        frame = sys._getframe(2)
        for _ in range(_FRAMES_UP):
            began = _LOOPS.get(frame.f_code.co_name)
            if began and began in frame.f_locals:
                loop = id(frame), float(frame.f_locals[began])
                if frame.f_locals.get("dataset") is not None and loop != self._recorded:
                    if self._recorded is not None:
                        self.arm.begin()
                    self._recorded = loop
                return
            if frame.f_back is None:
                return
            frame = frame.f_back
