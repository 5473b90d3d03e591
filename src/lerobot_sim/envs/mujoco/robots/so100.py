"""SO-100 and SO-101, the five-jointed printed arms that LeRobot's users build (The Robot Studio).

Sources (github.com/TheRobotStudio/SO-ARM100, commit fda892c): `Simulation/SO100/so100.urdf` (origins, axes, limits,
masses, centres of mass, inertia); `Simulation/SO101/so101_new_calib.xml` (the same for SO-101, and for both the STS3215
servo's joint damping 0.60, friction 0.052, armature 0.028, kv 2.731 and torque limit 2.94 N m). kp = 50 is the default
of that file and of MuJoCo Menagerie's `trs_so_arm100`. LeRobot limits the gripper's servo to half of its torque
(`so_follower.py`), and so does this model. The arms have no gravity compensation, as the real ones have none: they
sag by about half a degree. Shapes are drawn after the printed parts' bounding boxes.

Joint angles are LeRobot's for both arms: 0 is the middle of each joint's range (upper arm up, forearm and hand
level), pan is positive to the right, the other arm joints are positive downwards. For SO-100 that moves the URDF's
zeros: q_urdf = SO100_SIGNS * q + SO100_ZEROS. The base's axis stands at x = y = 0.

At `home` the tip is 19 cm out and 8 cm (SO-101: 7.5 cm) above the table. At `reach` the hand points straight down
with its tip from 1.5 cm to 7 cm above the table; higher up wrist_flex is at its limit, and the hand has to tilt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from .parts import Link, Part, Servo, add_link, add_material, add_servo, exclude, set_inertia
from .robot import Arm, Robot
from .rotations import Vector, frame, multiply, turn
from .rotations import roll_pitch_yaw as rpy
from .so100_shape import draw_so100

SERVO = Servo(kp=50.0, kv=2.731, force=2.94, damping=0.60, friction=0.052, armature=0.028)
GRIPPER_SERVO = Servo(kp=50.0, kv=2.731, force=1.47, damping=0.60, friction=0.052, armature=0.028)

SO100_SIGNS = (-1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
SO100_ZEROS = (0.0, 1.8, -1.57079, -0.57079, 0.0, 0.0)

_SO100_HOME = (-0.0814, -0.02628, 0.06234, 1.53473, -1.65219)
_SO101_HOME = (-0.08225, -0.02208, 0.09439, 1.49848, -1.60436)
_OPEN = 0.9


@dataclass(frozen=True, kw_only=True)
class _Model:
    """One of the two arms.

    Attributes:
        base: Its mass, centre of mass and inertia.
        pos: Where the base's frame stands.
        quat: How it is turned.
        links: From base to jaw.
        drawing: Pose of the drawing frame (SO-100's link frame) in the base's and in each link's frame.
        colour: Of the printed parts.
        home: Arm joints' positions at the start.
    """

    base: tuple[float, Vector, Vector]
    pos: Vector
    quat: Vector
    links: tuple[Link, ...]
    drawing: tuple[tuple[Vector, Vector], ...]
    colour: Vector
    home: tuple[float, ...]


_HERE = ((0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0))


def _so100() -> _Model:
    upper = SO100_ZEROS
    links = (
        Link(
            name="shoulder", joint="shoulder_pan", axis=(0, -1, 0), limits=(-2.0, 2.0),
            pos=(0, -0.0452, 0.0165), quat=rpy(1.57079, 0, 0),
            mass=0.119226, com=(-9.07886e-05, 0.0590972, 0.031089),
            inertia=(5.94278e-05, 5.89975e-05, 3.13712e-05, 0, 0, 0),
        ),
        Link(
            name="upper_arm", joint="shoulder_lift", axis=(1, 0, 0), limits=(-1.8, 1.7),
            pos=(0, 0.1025, 0.0306), quat=multiply(rpy(-1.8, 0, 0), turn((1, 0, 0), upper[1])),
            mass=0.162409, com=(-1.72052e-05, 0.0701802, 0.00310545),
            inertia=(0.000213312, 0.000167164, 7.01522e-05, 0, 0, 0),
        ),
        Link(
            name="lower_arm", joint="elbow_flex", axis=(1, 0, 0), limits=(-1.57079, 1.57079),
            pos=(0, 0.11257, 0.028), quat=multiply(rpy(1.57079, 0, 0), turn((1, 0, 0), upper[2])),
            mass=0.147968, com=(-0.00339604, 0.00137796, 0.0768007),
            inertia=(0.000138803, 0.000107748, 4.84242e-05, 0, 0, 0),
        ),
        Link(
            name="wrist", joint="wrist_flex", axis=(1, 0, 0), limits=(-1.92921, 1.77079),
            pos=(0, 0.0052, 0.1349), quat=multiply(rpy(-1, 0, 0), turn((1, 0, 0), upper[3])),
            mass=0.0661321, com=(-0.00852653, -0.0352279, -2.34622e-05),
            inertia=(3.45403e-05, 2.39041e-05, 1.94704e-05, 0, 0, 0),
        ),
        Link(
            name="gripper", joint="wrist_roll", axis=(0, 1, 0), limits=(-3.14158, 3.14158),
            pos=(0, -0.0601, 0), quat=rpy(0, 1.57079, 0),
            mass=0.0929859, com=(0.00552377, -0.0280167, 0.000483583),
            inertia=(5.03136e-05, 4.64098e-05, 2.72961e-05, 0, 0, 0),
        ),
        Link(
            name="jaw", joint="gripper", axis=(0, 0, 1), limits=(-0.2, 2.0),
            pos=(-0.0202, -0.0244, 0), quat=rpy(0, 3.14158, 0),
            mass=0.0202444, com=(-0.00161745, -0.0303473, 0.000449646),
            inertia=(1.11265e-05, 8.99651e-06, 2.99548e-06, 0, 0, 0),
        ),
    )  # fmt: skip
    return _Model(
        base=(1.0, (0, 0, 0), (0.01, 0.01, 0.01, 0, 0, 0)),
        pos=(-0.0452, 0, 0),
        quat=turn((0, 0, 1), 1.5707963267948966),
        links=links,
        drawing=(_HERE,) * 7,
        colour=(0.98, 0.40, 0.06),
        home=_SO100_HOME,
    )


def _so101() -> _Model:
    links = (
        Link(
            name="shoulder", joint="shoulder_pan", limits=(-1.9198621771937616, 1.9198621771937634),
            pos=(0.0388353, -8.97657e-09, 0.0624), quat=(3.56167e-16, 1.22818e-15, -1, -4.14635e-16),
            mass=0.100006, com=(-0.0307604, -1.66727e-05, -0.0252713),
            inertia=(8.3759e-05, 8.10403e-05, 2.39783e-05, 7.55525e-08, -1.16342e-06, 1.54663e-07),
        ),
        Link(
            name="upper_arm", joint="shoulder_lift", limits=(-1.7453292519943224, 1.7453292519943366),
            pos=(-0.0303992, -0.0182778, -0.0542), quat=(0.5, -0.5, -0.5, -0.5),
            mass=0.103, com=(-0.0898471, -0.00838224, 0.0184089),
            inertia=(4.08002e-05, 0.000147318, 0.000142487, -1.97819e-05, -4.03016e-08, 8.97326e-09),
        ),
        Link(
            name="lower_arm", joint="elbow_flex", limits=(-1.69, 1.69),
            pos=(-0.11257, -0.028, 1.73763e-16), quat=(0.707107, -5.98613e-17, -2.58051e-17, 0.707107),
            mass=0.104, com=(-0.0980701, 0.00324376, 0.0182831),
            inertia=(2.87438e-05, 0.000159844, 0.00014529, 7.41152e-06, 1.26409e-06, -4.90188e-08),
        ),
        Link(
            name="wrist", joint="wrist_flex", limits=(-1.6580628494556928, 1.6580627293335335),
            pos=(-0.1349, 0.0052, 3.62355e-17), quat=(0.707107, 9.58722e-16, -7.51313e-16, -0.707107),
            mass=0.079, com=(-0.000103312, -0.0386143, 0.0281156),
            inertia=(3.68263e-05, 2.5391e-05, 2.1e-05, 1.7893e-08, -5.28128e-08, 3.6412e-06),
        ),
        Link(
            name="gripper", joint="wrist_roll", limits=(-2.7438472969992493, 2.841206309382605),
            pos=(5.55112e-17, -0.0611, 0.0181), quat=(0.0172091, -0.0172091, 0.706897, 0.706897),
            mass=0.087, com=(0.000213627, 0.000245138, -0.025187),
            inertia=(2.75087e-05, 4.33657e-05, 3.45059e-05, -3.35241e-07, -5.7352e-06, -5.17847e-08),
        ),
        Link(
            name="jaw", joint="gripper", limits=(-0.17453297762778586, 1.7453291995659765),
            pos=(0.0202, 0.0188, -0.0234), quat=(0.707107, 0.707107, -1.85362e-08, 1.85362e-08),
            mass=0.012, com=(-0.00157495, -0.0300244, 0.0192755),
            inertia=(6.61427e-06, 1.89032e-06, 5.28738e-06, -3.19807e-07, -5.90717e-09, -1.09945e-07),
        ),
    )  # fmt: skip
    drawing = (
        ((-0.00636471, 0, -0.0024), frame((0, 1, 0), (-1, 0, 0))),
        ((0, 0, 0.0483), frame((0, 1, 0), (0, 0, -1))),
        ((0, 0, 0.0183), frame((0, 0, 1), (-1, 0, 0))),
        ((0, 0, 0.0183), frame((0, 0, 1), (0, 1, 0))),
        ((0, 0, 0.0183), frame((0, 0, 1), (0, 1, 0))),
        ((0, -0.0002, 0.001), frame((-1, 0, 0), (0, 0, 1))),
        ((0, 0, 0.0189), (1.0, 0.0, 0.0, 0.0)),
    )
    inertia = (0.000114686, 0.000136117, 0.000130364, -4.59787e-07, 4.97151e-06, 9.75275e-08)
    return _Model(
        base=(0.147, (0.0137179, -5.19711e-05, 0.0334843), inertia),
        pos=(-0.0388353, 0, 0.0024),
        quat=(1, 0, 0, 0),
        links=links,
        drawing=drawing,
        colour=(1.0, 0.72, 0.05),
        home=_SO101_HOME,
    )


def _add(spec: Any, model: _Model, name: str) -> None:
    printed = add_material(spec, f"{name}_printed", model.colour, specular=0.15, shininess=0.15)
    base = spec.worldbody.add_body(name="base", pos=model.pos, quat=model.quat)
    set_inertia(base, *model.base)
    bodies = [base]
    for link, rest in zip(model.links, (*model.home, _OPEN), strict=True):
        servo = GRIPPER_SERVO if link.joint == "gripper" else SERVO
        bodies.append(add_link(bodies[-1], link, servo, rest))
        add_servo(spec, link.joint, servo, link.limits, joint=link.joint)
    parts = [Part(body, printed, *place) for body, place in zip(bodies, model.drawing, strict=True)]
    draw_so100(spec, parts)
    exclude(spec, "", (("base", "shoulder"), ("base", "upper_arm"), ("shoulder", "lower_arm"), ("wrist", "jaw")))


def _arm(home: tuple[float, ...], closed: float, reach: tuple[float, float]) -> Arm:
    joints = ("shoulder_pan", "shoulder_lift", "elbow_flex", "wrist_flex", "wrist_roll")
    return Arm(
        joints=joints,
        actuators=joints,
        gripper_actuator="gripper",
        gripper_joint="gripper",
        gripper_open=_OPEN,
        gripper_closed=closed,
        tip="tip",
        fingers=(("fixed_jaw_pad",), ("moving_jaw_pad",)),
        wrist_camera="wrist",
        home=home,
        reach=reach,
    )


SO100 = Robot(
    name="so100",
    arms=(_arm(_SO100_HOME, -0.2, (0.10, 0.24)),),
    add=partial(_add, model=_so100(), name="so100"),
    source="TheRobotStudio/SO-ARM100 Simulation/SO100/so100.urdf; servo from Simulation/SO101/so101_new_calib.xml",
)
SO101 = Robot(
    name="so101",
    arms=(_arm(_SO101_HOME, -0.1745, (0.10, 0.23)),),
    add=partial(_add, model=_so101(), name="so101"),
    source="TheRobotStudio/SO-ARM100 Simulation/SO101/so101_new_calib.xml",
)
