"""The scripted expert of `numpy/reach`: straight to the target by differential inverse kinematics.

The tip's velocity is a gain times what is missing, and the freedom that is left draws the joints to the pose that
episodes begin at. All of it is a smooth function of the observation, so a network can learn it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs import arm
from lerobot_sim.spec import EnvSpec

from .arm_control import joint_velocity, slowed, towards
from .scripted import ScriptedExpert, of_state

GAIN = 2.5
"""Velocity of the tip for a distance, in 1/s."""
TIP_SPEED = 0.2
"""Greatest velocity of the tip, in m/s."""
POSTURE_GAIN = 0.5
"""Velocity of the joints towards their favourite pose, in 1/s."""


def decide(state: NDArray[np.float64]) -> NDArray[np.float64]:
    """observation.state (n, 9) -> action (n, 6)."""
    joints, target = state[:, :6], state[:, 6:]
    pose = arm.forward(joints)
    wish = POSTURE_GAIN * (arm.HOME - joints)
    velocity = joint_velocity(pose, towards(target - pose.tip, GAIN, TIP_SPEED), wish)
    return slowed(velocity, arm.JOINT_SPEED) / arm.JOINT_SPEED


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `numpy/reach`; `noise` is the standard deviation of Gaussian noise on its actions."""
    return ScriptedExpert(spec, of_state(decide), noise)
