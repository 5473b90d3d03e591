"""Franka Emika Panda with the Franka Hand.

Sources: Franka's control parameters (frankaemika.github.io/docs/control_parameters.html: Craig's Denavit-Hartenberg
parameters, joint limits, torque limits); `franka_description` of github.com/frankaemika/franka_ros (how the hand is
mounted, finger stroke, and masses, centres of mass and inertia as identified by Gaz et al., "Dynamic Identification of
the Franka Emika Panda Robot With Retrieval of Feasible Parameters Using Penalty-Based Optimization", RA-L 2019); MuJoCo
Menagerie's `franka_emika_panda` (armature, joint damping). The Hand's 70 N of continuous grasping force is from its
data sheet.

The gains are ours. The arm's stiffness lies between libfranka's `examples/joint_impedance_control.cpp` (600 to 50 N
m/rad), with which a hand that is sent from step to step overshoots, and Menagerie's (4500 to 2000), which swings for
ever at our timestep once a joint has met its force limit: damping that is clipped is no longer implicit, and then
kv dt / inertia must stay below 2. All joints follow with the same lag, kv / kp = 0.1 s, so that the tip's path is
straight where its target's is. The fingers press 4 cm with 40 N.

The arm has gravity compensation, as Franka's controller has: it holds any posture without sagging. The base's axis
stands at x = y = 0. The hand's frame is the tip's: z along the approach, y from the right finger to the left one.

At `home` the tip is 50 cm out and 20 cm above the table. At `reach` the tip goes from 2 cm to 30 cm above the table
with the hand pointing straight down.
"""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from .panda_shape import draw_panda
from .parts import Link, Part, Servo, add_link, add_servo, couple, exclude, set_inertia
from .robot import Arm, Robot
from .rotations import Vector, rotate, turn

DENAVIT_HARTENBERG = (
    (0.0, 0.333, 0.0),
    (0.0, 0.0, -pi / 2),
    (0.0, 0.316, pi / 2),
    (0.0825, 0.0, pi / 2),
    (-0.0825, 0.384, -pi / 2),
    (0.0, 0.0, pi / 2),
    (0.088, 0.0, pi / 2),
)
"""(a in m, d in m, alpha in rad) of joints 1 to 7, Craig's convention: Rx(alpha) Tx(a) Rz(q) Tz(d)."""
FLANGE = 0.107
HAND_TURN = -pi / 4
FINGER_HEIGHT = 0.0584
TIP_HEIGHT = 0.1034
"""From joint 7 to the flange, the hand's turn on it, from the hand to the fingers and to the tip, in m and rad."""

_SHOULDER = Servo(kp=1500.0, kv=150.0, force=87.0, damping=1.0, armature=0.1)
_ELBOW = Servo(kp=1000.0, kv=100.0, force=87.0, damping=1.0, armature=0.1)
_WRIST = Servo(kp=250.0, kv=25.0, force=12.0, damping=1.0, armature=0.1)
_SERVOS = (_SHOULDER, _SHOULDER, _ELBOW, _ELBOW, _WRIST, _WRIST, _WRIST)
_GRIPPER = Servo(kp=2000.0, kv=60.0, force=70.0, damping=1.0, armature=0.1)
_FINGER_STROKE = (0.0, 0.04)
_HOME = (0.0, 0.0459, 0.0, -2.37629, 0.0, 2.42219, 0.7854)

_LIMITS = (
    (-2.8973, 2.8973),
    (-1.7628, 1.7628),
    (-2.8973, 2.8973),
    (-3.0718, -0.0698),
    (-2.8973, 2.8973),
    (-0.0175, 3.7525),
    (-2.8973, 2.8973),
)

_Inertial = tuple[float, Vector, Vector]
_BASE: _Inertial = (
    0.629769,
    (-0.041018, -0.00014, 0.049974),
    (0.00315, 0.00388, 0.004285, 8.2904e-07, 0.00015, 8.2299e-06),
)
_LINKS: tuple[_Inertial, ...] = (
    (4.970684, (0.003875, 0.002081, -0.04762), (0.70337, 0.70661, 0.009117, -0.000139, 0.006772, 0.019169)),
    (0.646926, (-0.003141, -0.02872, 0.003495), (0.007962, 0.02811, 0.025995, -0.003925, 0.010254, 0.000704)),
    (3.228604, (0.027518, 0.039252, -0.066502), (0.037242, 0.036155, 0.01083, -0.004761, -0.011396, -0.012805)),
    (3.587895, (-0.05317, 0.104419, 0.027454), (0.025853, 0.019552, 0.028323, 0.007796, -0.001332, 0.008641)),
    (1.225946, (-0.011953, 0.041065, -0.038437), (0.035549, 0.029474, 0.008627, -0.002117, -0.004037, 0.000229)),
    (1.666555, (0.060149, -0.014117, -0.010517), (0.001964, 0.004354, 0.005433, 0.000109, -0.001158, 0.000341)),
    (0.735522, (0.010517, -0.004252, 0.061597), (0.012516, 0.010027, 0.004815, -0.000428, -0.001196, -0.000741)),
)
_HAND: _Inertial = (0.73, (-0.01, 0.0, 0.03), (0.001, 0.0025, 0.0017, 0, 0, 0))
_FINGER: _Inertial = (0.015, (0.0, 0.0, 0.0), (2.375e-06, 2.375e-06, 7.5e-07, 0, 0, 0))


def _arm_links() -> list[Link]:
    links: list[Link] = []
    for index, (a, d, alpha) in enumerate(DENAVIT_HARTENBERG):
        quat = turn((1, 0, 0), alpha)
        mass, com, inertia = _LINKS[index]
        links.append(
            Link(
                name=f"link{index + 1}",
                joint=f"joint{index + 1}",
                limits=_LIMITS[index],
                pos=np.array([a, 0, 0]) + rotate(quat, (0, 0, d)),
                quat=quat,
                mass=mass,
                com=com,
                inertia=inertia,
            )
        )
    return links


def _finger_link(name: str, joint: str, quat: Vector) -> Link:
    mass, com, inertia = _FINGER
    return Link(
        name=name,
        joint=joint,
        axis=(0, 1, 0),
        limits=_FINGER_STROKE,
        slide=True,
        pos=(0, 0, FINGER_HEIGHT),
        quat=quat,
        mass=mass,
        com=com,
        inertia=inertia,
    )


def _couple_fingers(spec: Any) -> None:
    tendon = spec.add_tendon(name="finger_opening")
    tendon.wrap_joint("finger_joint1", 0.5)
    tendon.wrap_joint("finger_joint2", 0.5)
    couple(spec, "fingers_together", "finger_joint1", "finger_joint2")
    add_servo(spec, "gripper", _GRIPPER, _FINGER_STROKE, tendon="finger_opening")


def _add(spec: Any) -> None:
    base = spec.worldbody.add_body(name="link0")
    set_inertia(base, *_BASE)
    bodies = [base]
    for link, servo, rest in zip(_arm_links(), _SERVOS, _HOME, strict=True):
        bodies.append(add_link(bodies[-1], link, servo, rest, gravity_compensation=1.0))
        add_servo(spec, link.joint, servo, link.limits, joint=link.joint)
    hand = bodies[-1].add_body(name="hand", pos=(0, 0, FLANGE), quat=turn((0, 0, 1), HAND_TURN), gravcomp=1.0)
    set_inertia(hand, *_HAND)
    sliding = Servo(kp=0, kv=0, force=0, damping=_GRIPPER.damping, armature=_GRIPPER.armature)
    fingers = (
        _finger_link("left_finger", "finger_joint1", (1, 0, 0, 0)),
        _finger_link("right_finger", "finger_joint2", (0, 0, 0, 1)),
    )
    left, right = (add_link(hand, finger, sliding, _FINGER_STROKE[1], gravity_compensation=1.0) for finger in fingers)
    _couple_fingers(spec)
    draw_panda(spec, [Part(body, "panda_white") for body in (*bodies, hand, left, right)])
    Part(hand, "").site("tip", (0, 0, TIP_HEIGHT), (1, 0, 0, 0))
    pairs = (("link0", "link1"), ("link0", "link2"), ("link1", "link3"), ("link2", "link4"), ("link3", "link5"))
    exclude(spec, "", (*pairs, ("link4", "link6"), ("link5", "link7"), ("link6", "hand"), ("link7", "hand")))
    exclude(spec, "", (("hand", "left_finger"), ("hand", "right_finger")))


_JOINTS = tuple(f"joint{index}" for index in range(1, 8))

PANDA = Robot(
    name="panda",
    arms=(
        Arm(
            joints=_JOINTS,
            actuators=_JOINTS,
            gripper_actuator="gripper",
            gripper_joint="finger_joint1",
            gripper_open=_FINGER_STROKE[1],
            gripper_closed=_FINGER_STROKE[0],
            tip="tip",
            fingers=(("right_pad",), ("left_pad",)),
            wrist_camera="wrist",
            home=_HOME,
            reach=(0.3, 0.7),
        ),
    ),
    add=_add,
    source="Franka's control parameters; frankaemika/franka_ros franka_description; MuJoCo Menagerie's panda",
)
