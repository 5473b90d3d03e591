"""The settings of `--robot.type=sim`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

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
