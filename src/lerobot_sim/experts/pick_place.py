"""The scripted expert of `numpy/pick-place`: over the ball, down, close, over the target, down, open, away.

There is no hidden phase: what to do follows from the observation. The jaws stopped at the ball's width with the
ball between the fingers mean that it is held; a ball that lies at the target and is not held is done with.
Otherwise the way down is a funnel: the tips aim at a height above the ball (or the ball at a height above its
target) that shrinks to zero as the horizontal distance does, so that every wish is continuous in the observation.
The fingers are drawn to point down by the freedom that the position leaves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs import arm
from lerobot_sim.envs.pick_place import RELEASE, opening_at
from lerobot_sim.spec import EnvSpec

from .arm_control import joint_velocity, point_down, slowed, towards
from .scripted import ScriptedExpert, of_state

GAIN = 4.0
"""Velocity of the tip for a distance, in 1/s."""
TIP_SPEED = 0.15
"""Greatest velocity of the tip, in m/s."""
DOWN_GAIN = 4.0
"""Velocity with which the fingers are drawn to point down, in rad/s."""
POSTURE_GAIN = 0.5
"""Velocity of the joints towards their favourite pose, in 1/s."""
HOVER = 0.07
"""Height above ball and target on the way, in m."""
FUNNEL = (0.008, 0.05)
"""Horizontal distances at which the funnel's height is zero and `HOVER`, in m."""
CLOSE_DISTANCE = 0.012
"""The jaws close on a ball that is nearer to the tips, in m."""
PLACED_DISTANCE = 0.018
"""A ball that lies nearer to its target stays there, in m."""
LET_GO_DISTANCE = 0.01
"""A held ball that is nearer to its target is let go, in m."""
GRASP_TOLERANCE = 0.03
"""A ball in closed jaws is not farther from the tips, in m."""


def decide(state: NDArray[np.float64]) -> NDArray[np.float64]:
    """observation.state (n, 13) -> action (n, 7)."""
    joints, opening, ball, target = state[:, :6], state[:, 6], state[:, 7:10], state[:, 10:]
    pose = arm.forward(joints)
    to_ball, to_target = ball - pose.tip, target - ball
    width = opening_at(target[:, 2])  # the target is where the centre of a lying ball is: at its radius
    held = (opening <= width + RELEASE + 0.01) & (arm.length(to_ball) < GRASP_TOLERANCE)
    placed = ~held & (arm.length(to_target) < PLACED_DISTANCE)

    approach = _funnel(to_ball)
    carry = _funnel(to_target)
    away = to_ball.copy()
    away[:, 2] += HOVER
    offset = np.where(held[:, None], carry, np.where(placed[:, None], away, approach))

    wish = DOWN_GAIN * point_down(pose) + POSTURE_GAIN * (arm.HOME - joints)
    velocity = joint_velocity(pose, towards(offset, GAIN, TIP_SPEED), wish)
    opens = np.where(
        held,
        arm.length(to_target) < LET_GO_DISTANCE,
        placed | (arm.length(to_ball) > CLOSE_DISTANCE),
    )
    gripper = np.where(opens, 1.0, -1.0)
    return np.concatenate([slowed(velocity, arm.JOINT_SPEED) / arm.JOINT_SPEED, gripper[:, None]], axis=1)


def _funnel(offset: NDArray[np.float64]) -> NDArray[np.float64]:
    """The offset to a point above where it led: higher, the farther it is horizontally."""
    near, far = FUNNEL
    share = np.clip((arm.length(offset[:, :2]) - near) / (far - near), 0.0, 1.0)
    raised = offset.copy()
    raised[:, 2] += HOVER * share
    return raised


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `numpy/pick-place`; `noise` is the standard deviation of Gaussian noise on its actions."""
    return ScriptedExpert(spec, of_state(decide), noise)
