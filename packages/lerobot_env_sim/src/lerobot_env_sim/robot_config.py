"""The settings of `--robot.type=sim`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from lerobot.cameras import CameraConfig
from lerobot.robots.config import RobotConfig


@RobotConfig.register_subclass("sim")
@dataclass(kw_only=True)
class SimRobotConfig(RobotConfig):
    """A simulated arm in a scene of lerobot-sim.

    Attributes:
        task: The scene, an environment whose arm is driven by joints, such as "mujoco/lift".
        model: Which arm: "so100", "so101", "panda", "aloha"; the task's usual one by default.
        units: Of the joints: "degrees" (as LeRobot's SO arms give them), "range_m100_100" or "radians". Grippers are
            0 (closed) to 100 (open).
        camera_names: Its cameras; None takes all of the scene's, [] none.
        camera_height: Of the pictures.
        camera_width: Of the pictures.
        seed: Of the first scene; each next scene has the next.
        clock: "action": time passes with each action. "wall": it passes as outside, and the last target is held.
        reset: When the scene begins anew after `connect`. "episode": whenever `lerobot-record`, or `lerobot-rollout`
            with its strategy "episodic", begins to record an episode. "never": not at all.
        options: Further keywords of the scene, such as {reward: sparse}.
        port: Taken, for a real arm's command has it, and not used.
        cameras: As a real arm has them: name -> kind, width, height and fps. Names and sizes are taken, in the place
            of `camera_names` and the size above; a picture is of the moment that it is asked for.
        use_degrees: As LeRobot's SO arms have it: true is the unit "degrees", false "range_m100_100".
        max_relative_target: How far from where a joint is its target may be, in its unit: one number, or one a joint.
        disable_torque_on_disconnect: Taken, and not used.
    """

    task: str = "mujoco/lift"
    model: str = "so100"
    units: str = "degrees"
    camera_names: list[str] | None = None
    camera_height: int = 128
    camera_width: int = 128
    seed: int = 0
    clock: str = "action"
    reset: str = "episode"
    options: dict[str, Any] = field(default_factory=dict)
    port: str | None = None
    cameras: dict[str, CameraConfig] = field(default_factory=dict)
    use_degrees: bool | None = None
    max_relative_target: float | dict[str, float] | None = None
    disable_torque_on_disconnect: bool = True

    @property
    def unit(self) -> str:
        """Of the joints, whichever way it was said."""
        if self.use_degrees is None:
            return self.units
        return "degrees" if self.use_degrees else "range_m100_100"
