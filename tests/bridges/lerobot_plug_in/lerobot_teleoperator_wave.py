"""A teleoperator for LeRobot's commands that waves: joint targets as a function of the number of calls."""

import math
from dataclasses import dataclass

from lerobot.teleoperators.config import TeleoperatorConfig
from lerobot.teleoperators.teleoperator import Teleoperator

JOINTS = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll", "gripper")


@TeleoperatorConfig.register_subclass("wave")
@dataclass(kw_only=True)
class WaveConfig(TeleoperatorConfig):
    """It has no settings."""


class Wave(Teleoperator):
    config_class = WaveConfig
    name = "wave"

    def __init__(self, config):
        super().__init__(config)
        self._calls, self._connected = 0, False

    @property
    def action_features(self):
        return {f"{joint}.pos": float for joint in JOINTS}

    @property
    def feedback_features(self):
        return {}

    @property
    def is_connected(self):
        return self._connected

    @property
    def is_calibrated(self):
        return True

    def connect(self, calibrate=True):
        self._connected = True

    def calibrate(self):
        pass

    def configure(self):
        pass

    def get_action(self):
        self._calls += 1
        wave = math.sin(self._calls / 10)
        return {f"{joint}.pos": 50 + 40 * wave if joint == "gripper" else 20 * wave for joint in JOINTS}

    def send_feedback(self, feedback):
        pass

    def disconnect(self):
        self._connected = False
