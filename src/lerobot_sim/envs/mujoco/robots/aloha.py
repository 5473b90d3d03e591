"""ALOHA: two six-jointed ViperX 300 arms (Trossen, Interbotix) that face each other across the table.

Sources: `vx300s.urdf.xacro` of github.com/Interbotix/interbotix_ros_manipulators (origins, axes, limits, masses and
inertia of the arm); MuJoCo Menagerie's `aloha` (ALOHA's hand and fingers, how far the arms stand apart, position gains,
damping, armature and friction identified from the real robot, torque limits, finger stroke in metres).

The left arm's base stands at x = -0.469 and works towards +x, the right one's at +0.469 and works towards -x: both
reach the middle. Names carry the prefix left_ or right_. Arms and hands have gravity compensation: with the identified
gains shoulder and elbow would sag by a degree at home.

At `home` both tips are 15 cm from the middle and 20 cm above the table. At `reach` the tip goes from 2 cm to 20 cm
above the table with the hand pointing straight down.
"""

from __future__ import annotations

from math import pi
from typing import Any

from .aloha_shape import TIP, draw_vx300s
from .parts import Link, Part, Servo, add_link, add_servo, couple, exclude, set_inertia
from .robot import Arm, Robot
from .rotations import Vector, frame, multiply, turn

BASE_DISTANCE = 0.469
"""From the middle of the table to each base in m."""

_WAIST = Servo(kp=43.0, kv=0.0, force=35.0, damping=5.76)
_SHOULDER = Servo(kp=265.0, kv=0.0, force=144.0, damping=20.0, friction=2.0, armature=0.395)
_ELBOW = Servo(kp=227.0, kv=0.0, force=59.0, damping=18.49, friction=1.15, armature=0.383)
_FOREARM_ROLL = Servo(kp=78.0, kv=0.0, force=22.0, damping=6.78, armature=0.14)
_WRIST_ANGLE = Servo(kp=37.0, kv=0.0, force=35.0, damping=6.28, armature=0.008)
_WRIST_ROTATE = Servo(kp=10.4, kv=0.0, force=35.0, damping=1.2)
_FINGER = Servo(kp=2000.0, kv=124.0, force=35.0, damping=40.0, armature=0.243)
_FINGER_STROKE = (0.0, 0.041)
_FINGER_CTRL = (0.002, 0.037)
_HOME = (0.0, -0.12995, 0.21838, 0.0, 1.48237, 0.0)

_TURN = (-pi + 1e-5, pi - 1e-5)


def _degrees(low: float, high: float) -> tuple[float, float]:
    return low * pi / 180, high * pi / 180


ARM = (
    (
        Link(
            name="shoulder_link", joint="waist", limits=_TURN, pos=(0, 0, 0.079),
            mass=0.798614, com=(0.000259233, -3.3552e-06, 0.0116129),
            inertia=(0.001138, 0.0009388, 0.001201, 1e-09, -5.9568e-06, -1.91e-08),
        ),
        _WAIST,
    ),
    (
        Link(
            name="upper_arm_link", joint="shoulder", axis=(0, 1, 0), limits=_degrees(-106, 72), pos=(0, 0, 0.04805),
            mass=0.792592, com=(0.0206949, 4e-10, 0.226459),
            inertia=(0.008937, 0.008925, 0.0009357, 0, -0.001201, 0),
        ),
        _SHOULDER,
    ),
    (
        Link(
            name="upper_forearm_link", joint="elbow", axis=(0, 1, 0), limits=_degrees(-101, 92), pos=(0.05955, 0, 0.3),
            mass=0.322228, com=(0.105723, 0, 0),
            inertia=(0.0001524, 0.001342, 0.001441, -1.883e-05, -8.4064e-06, 1.2564e-06),
        ),
        _ELBOW,
    ),
    (
        Link(
            name="lower_forearm_link", joint="forearm_roll", axis=(1, 0, 0), limits=_TURN, pos=(0.2, 0, 0),
            mass=0.414823, com=(0.0513477, 0.00680462, 0),
            inertia=(0.0001753, 0.0005269, 0.0005911, 8.528e-05, 0, 0),
        ),
        _FOREARM_ROLL,
    ),
    (
        Link(
            name="wrist_link", joint="wrist_angle", axis=(0, 1, 0), limits=_degrees(-107, 128), pos=(0.1, 0, 0),
            mass=0.115395, com=(0.046743, -7.6652e-06, 0.010565),
            inertia=(4.514e-05, 4.631e-05, 5.27e-05, -1.95e-08, -4.2002e-06, 2.3e-09),
        ),
        _WRIST_ANGLE,
    ),
    (
        Link(
            name="gripper_link", joint="wrist_rotate", axis=(1, 0, 0), limits=_TURN, pos=(0.069744, 0, 0),
            mass=0.251652, com=(0.0395662, -2.56311e-07, 0.00400649),
            inertia=(0.00066168, 0.000468142, 0.000678182, 1.8361e-09, 1.77951e-05, 1.33659e-07),
        ),
        _WRIST_ROTATE,
    ),
)  # fmt: skip
"""Links and drives from waist to hand. The xacro's inertia tensors are turned by its `rpy` into the links' axes,
Menagerie's principal moments likewise."""

_BASE_INERTIA = (0.0017, 0.006024, 0.007162, -4.713e-05, 8.415e-05, 3.851e-06)
_HAND_INERTIA = (0.000790482, 0.000503083, 0.00107108, 4.11816e-06, 8.43662e-07, -0.000141505)
_FINGER_INERTIA = {
    "left": (4.46785e-05, 1.96177e-05, 5.74743e-05, 5.07196e-07, -1.68534e-07, 6.87553e-06),
    "right": (4.46765e-05, 1.96158e-05, 5.74741e-05, -5.7044e-07, -4.79116e-08, -6.87111e-06),
}


def _finger(side: str) -> Link:
    sign = -1.0 if side == "left" else 1.0
    return Link(
        name=f"{side}_finger_link",
        joint=f"{side}_finger",
        axis=(0, 0, -1),
        limits=_FINGER_STROKE,
        slide=True,
        pos=(-0.0191 * sign, -0.0141637, 0.0211727),
        quat=(0.5, 0.5 * sign, 0.5 * sign, 0.5),
        mass=0.0862937 if side == "left" else 0.0862932,
        com=(0.0143478, 0.0284791 * sign, 0.0122897),
        inertia=_FINGER_INERTIA[side],
    )


_HAND_GEOMS = (
    *("hand_touch", "rail_touch", "wrist_touch"),
    *("left_finger_touch", "left_pad", "right_finger_touch", "right_pad"),
)


def _add_arm(spec: Any, prefix: str, pos: Vector, quat: Vector) -> None:
    body = spec.worldbody.add_body(name=f"{prefix}base_link", pos=pos, quat=quat)
    set_inertia(body, 0.969034, (-0.0534774, -0.000562575, 0.0205961), _BASE_INERTIA)
    bodies = [body]
    for (link, servo), rest in zip(ARM, _HOME, strict=True):
        bodies.append(add_link(bodies[-1], link, servo, rest, prefix=prefix, gravity_compensation=1.0))
        add_servo(spec, prefix + link.joint, servo, link.limits, joint=prefix + link.joint)
    hand_quat = multiply(turn((0, 1, 0), pi / 2), turn((0, 0, 1), -pi / 2))
    hand = bodies[-1].add_body(name=f"{prefix}gripper_base", pos=(0.035, 0, 0), quat=hand_quat, gravcomp=1.0)
    set_inertia(hand, 0.42158, (0.000182154, -0.0341589, -0.0106026), _HAND_INERTIA)
    fingers = [
        add_link(hand, _finger(side), _FINGER, _FINGER_CTRL[1], prefix=prefix, gravity_compensation=1.0)
        for side in ("left", "right")
    ]
    add_servo(spec, f"{prefix}gripper", _FINGER, _FINGER_CTRL, joint=f"{prefix}left_finger")
    couple(spec, f"{prefix}fingers_together", f"{prefix}left_finger", f"{prefix}right_finger")
    draw_vx300s(spec, prefix, [Part(one, "aloha_black") for one in (*bodies, *fingers)])
    Part(bodies[-1], "").site(f"{prefix}tip", TIP, frame((0, 0, 1), (0, -1, 0)))
    _exclude(spec, prefix)


def _exclude(spec: Any, prefix: str) -> None:
    names = ["base_link", *(link.name for link, _ in ARM)]
    pairs = [(names[i], names[i + n]) for n in (1, 2) for i in range(len(names) - n)]
    fingers = ("left_finger_link", "right_finger_link")
    exclude(spec, prefix, pairs)
    exclude(spec, prefix, [(body, finger) for body in ("wrist_link", "gripper_link") for finger in fingers])


def _add(spec: Any) -> None:
    _add_arm(spec, "left_", (-BASE_DISTANCE, 0, 0), (1, 0, 0, 0))
    _add_arm(spec, "right_", (BASE_DISTANCE, 0, 0), (0, 0, 0, 1))


def _arm(prefix: str) -> Arm:
    joints = tuple(prefix + link.joint for link, _ in ARM)
    return Arm(
        joints=joints,
        actuators=joints,
        gripper_actuator=f"{prefix}gripper",
        gripper_joint=f"{prefix}left_finger",
        gripper_open=_FINGER_CTRL[1],
        gripper_closed=_FINGER_CTRL[0],
        tip=f"{prefix}tip",
        fingers=((f"{prefix}right_pad",), (f"{prefix}left_pad",)),
        hand_geoms=tuple(prefix + name for name in _HAND_GEOMS),
        wrist_camera=f"{prefix}wrist",
        home=_HOME,
        reach=(0.2, 0.5),
    )


ALOHA = Robot(
    name="aloha",
    arms=(_arm("left_"), _arm("right_")),
    add=_add,
    source="Interbotix/interbotix_ros_manipulators vx300s.urdf.xacro; MuJoCo Menagerie aloha",
)
