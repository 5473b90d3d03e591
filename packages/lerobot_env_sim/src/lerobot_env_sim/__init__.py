"""What LeRobot's discovery finds: the environment kind `sim` and the robot kind `sim`.

    lerobot-eval --env.type=sim --env.task=mujoco/lift ...
    lerobot-record --robot.type=sim --robot.task=mujoco/lift --robot.model=so100 ...

Importing this registers the kinds and makes nothing: the simulation is imported when one is used.
"""

from .environment import SimEnvConfig
from .robot import SimRobot
from .robot_config import SimRobotConfig

__all__ = ["SimEnvConfig", "SimRobot", "SimRobotConfig"]
