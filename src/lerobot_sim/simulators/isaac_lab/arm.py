"""The arm of our own scene: its numbers, and its kinematics in closed form.

Five rotary joints named as an SO-101's and a two-finger gripper. Every joint is at 0 where the arm stands straight up;
a positive shoulder, elbow and wrist angle q2, q3, q4 leans it forward. In the vertical plane through the arm, with
r the distance from the base's axis and the pitch p = q2 + q3 + q4,

    r = L1 sin q2 + L2 sin(q2 + q3) + L3 sin p,    z = H + L1 cos q2 + L2 cos(q2 + q3) + L3 cos p.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi, radians

import numpy as np
from numpy.typing import NDArray

SHOULDER_HEIGHT = 0.12
"""H: of the shoulder's axis above the table, in m."""
UPPER_ARM = 0.22
"""L1, in m."""
FOREARM = 0.20
"""L2, in m."""
WRIST = 0.04
"""From the wrist's axis to the hand, in m."""
TIP = 0.065
"""From the hand's frame to the point between the fingertips, in m."""
REACH = WRIST + TIP
"""L3: from the wrist's axis to the tip, in m."""
HALF_EDGE = 0.02
"""Half of the cube's edge, in m."""
OPEN = 0.04
"""Greatest opening: of each finger from the middle, in m."""


@dataclass(frozen=True)
class Joint:
    """One joint of the arm.

    Attributes:
        name: Its name.
        axis: "Y" or "Z", in the frame of both its links.
        parent: The link that it hangs on.
        child: The link that it moves.
        at: Where it is in the parent's frame, in m; the child's frame begins there.
        low: Lower limit, in rad or m.
        high: Upper limit, in rad or m.
        force: Greatest effort, in N m or N.
        stiffness: In N m/rad or N/m.
        damping: In N m s/rad or N s/m.
        slides: Whether it is prismatic.
        armature: Inertia of its drive, in kg m^2 or kg: without it the light fingers sink into what they hold.
    """

    name: str
    axis: str
    parent: str
    child: str
    at: tuple[float, float, float]
    low: float
    high: float
    force: float
    stiffness: float = 100.0
    damping: float = 10.0
    slides: bool = False
    armature: float = 0.002


JOINTS = (
    Joint("shoulder_pan", "Z", "base", "shoulder", (0, 0, 0.06), -radians(110), radians(110), 20),
    Joint("shoulder_lift", "Y", "shoulder", "upper_arm", (0, 0, 0.06), -radians(30), radians(110), 20),
    Joint("elbow_flex", "Y", "upper_arm", "forearm", (0, 0, UPPER_ARM), 0.0, radians(150), 20),
    Joint("wrist_flex", "Y", "forearm", "wrist", (0, 0, FOREARM), -radians(30), radians(150), 10),
    Joint("wrist_roll", "Z", "wrist", "hand", (0, 0, WRIST), -pi, pi, 10),
    Joint("left_finger", "Y", "hand", "left_finger", (0, 0, 0.02), 0.0, OPEN, 20, 300, 20, True, 0.1),
    Joint("right_finger", "Y", "hand", "right_finger", (0, 0, 0.02), -OPEN, 0.0, 20, 300, 20, True, 0.1),
)

HOME = {"shoulder_lift": 0.2, "elbow_flex": 1.4, "wrist_flex": 1.4, "left_finger": 0.03, "right_finger": -0.03}
"""Where episodes begin; joints that are not named are at 0."""


def forward(joints: NDArray[np.float64]) -> NDArray[np.float64]:
    """The tip (n, 3) in m for the five rotary joints (n, 5) in rad."""
    lift, elbow = joints[:, 1], joints[:, 1] + joints[:, 2]
    pitch = elbow + joints[:, 3]
    r = UPPER_ARM * np.sin(lift) + FOREARM * np.sin(elbow) + REACH * np.sin(pitch)
    z = SHOULDER_HEIGHT + UPPER_ARM * np.cos(lift) + FOREARM * np.cos(elbow) + REACH * np.cos(pitch)
    return np.stack([r * np.cos(joints[:, 0]), r * np.sin(joints[:, 0]), z], axis=1)


def inverse(tip: NDArray[np.float64], turn: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotary joints (n, 5) that put the tip at `tip` (n, 3), the hand pointing straight down.

    Args:
        tip: In m; what is out of reach is answered with the arm stretched towards it.
        turn: Of the fingers' closing direction about the vertical, in rad (n,); fingers are alike, so it is taken
            modulo 90 degrees, as a cube's sides are.
    """
    pan = np.arctan2(tip[:, 1], tip[:, 0])
    r, z = np.hypot(tip[:, 0], tip[:, 1]), tip[:, 2] + REACH - SHOULDER_HEIGHT
    far = np.clip(np.hypot(r, z), 1e-6, UPPER_ARM + FOREARM)
    bend = (far**2 - UPPER_ARM**2 - FOREARM**2) / (2 * UPPER_ARM * FOREARM)
    elbow = np.arccos(np.clip(bend, -1.0, 1.0))
    lift = np.arctan2(r, z) - np.arctan2(FOREARM * np.sin(elbow), UPPER_ARM + FOREARM * np.cos(elbow))
    roll = (pan - turn + pi / 4) % (pi / 2) - pi / 4
    return np.stack([pan, lift, elbow, pi - lift - elbow, roll], axis=1)
