"""What LeRobot's discovery finds: the environment kind `sim` and the robot kind `sim`.

    lerobot-eval --env.type=sim --env.task=mujoco/lift ...
    lerobot-record --robot.type=sim --robot.task=mujoco/lift --robot.model=so100 ...

Importing this registers the kinds and makes nothing: the simulation is imported when one is used. LeRobot's commands
import it before they read their arguments: where those hold a form of old guides that LeRobot would refuse, the
command ends with what to write instead.
"""

import sys

from .environment import SimEnvConfig
from .guides import answer
from .robot import SimRobot
from .robot_config import SimRobotConfig

__all__ = ["SimEnvConfig", "SimRobot", "SimRobotConfig"]

if _said := answer(sys.argv):
    sys.stderr.write(f"{_said}\n")
    sys.exit(2)
