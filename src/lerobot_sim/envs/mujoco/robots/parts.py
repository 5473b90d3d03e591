"""What all robots are built with: links with published inertia, geoms to look at, geoms to touch with, servos."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.library import mj

from .rotations import Vector, look_at, multiply, rotate, span, turn, unit

VISUAL_GROUP = 2
COLLISION_GROUP = 3


@dataclass(frozen=True, kw_only=True)
class Link:
    """A moving link as its publisher describes it.

    Attributes:
        name: The body's name.
        pos: Origin in the parent link's frame in m.
        quat: Orientation in the parent link's frame where the joint is at 0, (w, x, y, z), normalised or not.
        joint: The joint that moves it; the axis passes through the origin.
        axis: The joint's axis in the link's own frame.
        limits: Least and greatest joint position in rad or m.
        mass: In kg.
        com: Centre of mass in the link's frame in m.
        inertia: (xx, yy, zz, xy, xz, yz) about the centre of mass, in the link's axes, in kg m^2.
        slide: Whether the joint slides.
    """

    name: str
    pos: Vector
    quat: Vector = (1.0, 0.0, 0.0, 0.0)
    joint: str
    axis: Vector = (0.0, 0.0, 1.0)
    limits: tuple[float, float]
    mass: float
    com: Vector
    inertia: Vector
    slide: bool = False


@dataclass(frozen=True, kw_only=True)
class Servo:
    """A joint's drive: torque = clip(kp (target - q) - kv dq/dt, -force, force); on slides N, m for N m, rad.

    Attributes:
        kp: Stiffness of the position loop in N m/rad.
        kv: Its damping in N m s/rad.
        force: Greatest torque in N m.
        damping: Viscous friction of the joint in N m s/rad.
        friction: Coulomb friction of the joint in N m.
        armature: Inertia of motor and gears seen from the joint in kg m^2.
    """

    kp: float
    kv: float
    force: float
    damping: float = 0.0
    friction: float = 0.0
    armature: float = 0.0


def add_link(
    parent: Any, link: Link, servo: Servo, rest: float, *, prefix: str = "", gravity_compensation: float = 0.0
) -> Any:
    """Adds `link` with its joint to body `parent`; every name gets `prefix`. Returns the new body.

    `rest` in rad or m is the joint's position in `qpos0`, where a reset of MuJoCo puts it. The angles are given in the
    unit that the spec's compiler reads at this moment, so `compiler.degree` must not be changed afterwards.
    """
    unit_of_angle = np.rad2deg(1.0) if parent.compiler.degree and not link.slide else 1.0
    pos, quat = np.asarray(link.pos, dtype=np.float64), unit(link.quat)
    if link.slide:
        pos = pos + rotate(quat, rest * np.asarray(link.axis, dtype=np.float64))
    else:
        quat = multiply(quat, turn(link.axis, rest))
    body = parent.add_body(name=prefix + link.name, pos=pos, quat=quat, gravcomp=gravity_compensation)
    set_inertia(body, link.mass, link.com, link.inertia)
    body.add_joint(
        name=prefix + link.joint,
        type=mj.mjtJoint.mjJNT_SLIDE if link.slide else mj.mjtJoint.mjJNT_HINGE,
        axis=link.axis,
        ref=rest * unit_of_angle,
        springref=rest * unit_of_angle,
        range=(link.limits[0] * unit_of_angle, link.limits[1] * unit_of_angle),
        limited=mj.mjtLimited.mjLIMITED_TRUE,
        damping=[servo.damping, 0.0, 0.0],
        frictionloss=servo.friction,
        armature=servo.armature,
    )
    return body


def couple(spec: Any, name: str, joint: str, to: str) -> None:
    """Makes two fingers' joints move alike."""
    equality = spec.add_equality(name=name, name1=joint, name2=to)
    equality.type, equality.objtype = mj.mjtEq.mjEQ_JOINT, mj.mjtObj.mjOBJ_JOINT
    equality.data[:2] = (0.0, 1.0)
    equality.solref = (0.008, 1.0)
    equality.solimp = (0.95, 0.99, 0.001, 0.5, 2.0)


def set_inertia(body: Any, mass: float, com: Vector, inertia: Vector) -> None:
    """Gives `body` a published mass, centre of mass and inertia (xx, yy, zz, xy, xz, yz)."""
    body.explicitinertial = True
    body.mass = mass
    body.ipos = com
    body.fullinertia = inertia


def add_servo(
    spec: Any, name: str, servo: Servo, limits: tuple[float, float], joint: str = "", tendon: str = ""
) -> None:
    """Adds the position actuator `name` of a joint or a tendon; its ctrl is limited to `limits`."""
    kind = mj.mjtTrn.mjTRN_TENDON if tendon else mj.mjtTrn.mjTRN_JOINT
    actuator = spec.add_actuator(name=name, target=tendon or joint, trntype=kind)
    actuator.set_to_position(kp=servo.kp, kv=servo.kv)
    actuator.ctrlrange = limits
    actuator.ctrllimited = mj.mjtLimited.mjLIMITED_TRUE
    actuator.forcerange = (-servo.force, servo.force)
    actuator.forcelimited = mj.mjtLimited.mjLIMITED_TRUE


def add_material(spec: Any, name: str, rgb: Vector, *, specular: float = 0.3, shininess: float = 0.3) -> str:
    """Adds a material where there is none of this name yet, and returns the name."""
    if all(material.name != name for material in spec.materials):
        spec.add_material(name=name, rgba=(*rgb, 1.0), specular=specular, shininess=shininess)
    return name


@dataclass(frozen=True)
class Part:
    """A place on a body where geoms are put: a frame `pos`, `quat` in the body's own frame.

    Sizes are half sizes: box (x, y, z), ellipsoid (semi-axes). Cylinders and capsules go from one point to another;
    a capsule's caps reach beyond them. What `box`, `ellipsoid`, `sphere`, `cylinder` and `capsule` add is only looked
    at: no mass, no contact. What `touch_box` and `touch_capsule` add is only felt.
    """

    body: Any
    material: str
    pos: Vector = (0.0, 0.0, 0.0)
    quat: Vector = (1.0, 0.0, 0.0, 0.0)

    def box(self, pos: Vector, size: Vector, *, quat: Vector = (1, 0, 0, 0), material: str = "") -> None:
        self._look("BOX", pos, size, quat, material)

    def ellipsoid(self, pos: Vector, size: Vector, *, quat: Vector = (1, 0, 0, 0), material: str = "") -> None:
        self._look("ELLIPSOID", pos, size, quat, material)

    def sphere(self, pos: Vector, radius: float, *, material: str = "") -> None:
        self._look("SPHERE", pos, (radius, 0, 0), (1, 0, 0, 0), material)

    def cylinder(self, start: Vector, end: Vector, radius: float, *, material: str = "") -> None:
        pos, quat, half = span(start, end)
        self._look("CYLINDER", pos, (radius, half, 0), quat, material)

    def capsule(self, start: Vector, end: Vector, radius: float, *, material: str = "") -> None:
        pos, quat, half = span(start, end)
        self._look("CAPSULE", pos, (radius, half, 0), quat, material)

    def touch_box(self, name: str, pos: Vector, size: Vector, quat: Vector = (1, 0, 0, 0)) -> Any:
        return self._touch(name, "BOX", pos, size, quat)

    def touch_capsule(self, name: str, start: Vector, end: Vector, radius: float) -> Any:
        pos, quat, half = span(start, end)
        return self._touch(name, "CAPSULE", pos, (radius, half, 0), quat)

    def touch_cylinder(self, name: str, start: Vector, end: Vector, radius: float) -> Any:
        pos, quat, half = span(start, end)
        return self._touch(name, "CYLINDER", pos, (radius, half, 0), quat)

    def site(self, name: str, pos: Vector, quat: Vector) -> None:
        """Adds a site, hidden unless its group is asked for."""
        place, orientation = self.place(pos, quat)
        self.body.add_site(name=name, pos=place, quat=orientation, size=(0.004, 0.004, 0.004), group=4)

    def camera(self, name: str, pos: Vector, target: Vector, up: Vector, fovy: float) -> None:
        """Adds a camera at `pos` that sees `target` in the middle; `fovy` is its vertical angle in degrees."""
        place, orientation = self.place(pos, look_at(pos, target, up))
        self.body.add_camera(name=name, pos=place, quat=orientation, fovy=fovy)

    def place(self, pos: Vector, quat: Vector) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """A pose in this frame as one in the body's."""
        return np.asarray(self.pos, dtype=np.float64) + rotate(unit(self.quat), pos), multiply(
            unit(self.quat), unit(quat)
        )

    def _look(self, kind: str, pos: Vector, size: Vector, quat: Vector, material: str) -> None:
        geom = self._geom(kind, pos, size, quat)
        geom.material = material or self.material
        geom.contype = geom.conaffinity = 0
        geom.group = VISUAL_GROUP

    def _touch(self, name: str, kind: str, pos: Vector, size: Vector, quat: Vector) -> Any:
        geom = self._geom(kind, pos, size, quat)
        geom.name = name
        geom.group = COLLISION_GROUP
        geom.rgba = (0.4, 0.6, 0.9, 0.5)
        return geom

    def _geom(self, kind: str, pos: Vector, size: Vector, quat: Vector) -> Any:
        place, orientation = self.place(pos, quat)
        padded = tuple(size) + (0,) * (3 - len(size))
        kinds = mj.mjtGeom
        return self.body.add_geom(
            type=getattr(kinds, f"mjGEOM_{kind}"), pos=place, size=padded, quat=orientation, mass=0
        )


def make_pad(geom: Any, friction: float) -> None:
    """Makes a collision geom a rubber finger pad.

    Its parameters rule any contact (priority 1), so that a grasp does not depend on the object's own friction;
    to vary the grip, vary the pad's. Torsional friction (condim 4) stands for the patch that soft rubber makes.
    """
    geom.condim = 4
    geom.friction = (friction, 0.02, 0.0001)
    geom.solref = (0.01, 1.0)
    geom.solimp = (0.95, 0.99, 0.001, 0.5, 2.0)
    geom.priority = 1


def exclude(spec: Any, prefix: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Lets the two bodies of each pair pass through each other."""
    for first, second in pairs:
        spec.add_exclude(bodyname1=prefix + first, bodyname2=prefix + second)
