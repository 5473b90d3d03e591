"""Finds in a user's model the parts that a layout names, and says what there is where it lacks one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.library import mj
from lerobot_sim.errors import InputError, unknown_name

from .layouts import ArmLayout, Layout, layouts_of
from .robot import Robot
from .rotations import frame, multiply, rotate

Floats = NDArray[np.float64]

_KINDS = {"joint": "JOINT", "actuator": "ACTUATOR", "site": "SITE", "body": "BODY", "geom": "GEOM", "camera": "CAMERA"}
_COUNTS = {"joint": "njnt", "actuator": "nu", "site": "nsite", "body": "nbody", "geom": "ngeom", "camera": "ncam"}


@dataclass(frozen=True)
class Tip:
    """The tip's frame in a body's: position in m, quaternion (w, x, y, z)."""

    body: str
    pos: Floats
    quat: Floats


@dataclass(frozen=True)
class Camera:
    """A camera in a body's frame; `fovy` in degrees."""

    body: str
    pos: Floats
    quat: Floats
    fovy: float


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Our robot's hand, which stands in for what a layout leaves out.

    Attributes:
        pos: Of the tip in the hand's frame in m.
        quat: Of the tip.
        camera_pos: Of the wrist camera in the tip's frame in m.
        camera_quat: Of the camera.
        fovy: Of the camera in degrees.
        home: (4, 4) pose of the tip at home in the world.
    """

    pos: Floats
    quat: Floats
    camera_pos: Floats
    camera_quat: Floats
    fovy: float
    home: Floats


@dataclass(frozen=True, kw_only=True)
class Parts:
    """An arm's parts by their names in the model."""

    joints: tuple[str, ...]
    actuators: tuple[str, ...]
    gripper_joint: str
    gripper_actuator: str
    gripper_closed: float
    gripper_open: float
    fingers: tuple[tuple[str, ...], tuple[str, ...]]
    hand_geoms: tuple[str, ...]
    tip: Tip
    camera: Camera


def names_of(model: Any, kind: str) -> list[str]:
    """Names of all parts of a kind, "" where one has none."""
    object_type = getattr(mj.mjtObj, f"mjOBJ_{_KINDS[kind]}")
    return [mj.mj_id2name(model, object_type, index) or "" for index in range(getattr(model, _COUNTS[kind]))]


def choose_layout(ours: Robot, model: Any, path: Path) -> Layout:
    """The first known layout whose names the model all has.

    Raises:
        InputError: There is none; what each of them misses and what there is are listed.
    """
    lacks: list[str] = []
    for layout in layouts_of(ours):
        missing = [f"{kind} {name}" for arm in layout.arms for kind, name in _missing(arm, model)]
        if not missing:
            return layout
        lacks.append(f"For {layout.about} it lacks: {', '.join(missing)}.")
    there = "; ".join(f"{kind}: {', '.join(filter(None, names_of(model, kind))) or 'none'}" for kind in _KINDS)
    raise InputError(
        f"{path} has no known layout of '{ours.name}'. {' '.join(lacks)} Name its parts in a TOML file beside it, and "
        f"give that as robot.model_path (keys: lerobot_sim.envs.mujoco.robots.layouts). It has {there}."
    )


def find_parts(layout: ArmLayout, model: Any, hand: Hand) -> Parts:
    """An arm's parts.

    Raises:
        UnknownNameError: The model lacks one; those of its kind are listed.
        InputError: A joint has no servo, a finger touches nothing.
    """
    for kind, name in _missing(layout, model):
        known = [other for single in kind.split(" or ") for other in names_of(model, single) if other]
        raise unknown_name(f"{kind} in the model", name, known, f"There are: {', '.join(known) or 'none'}.")
    actuators = layout.actuators or tuple(_driver(model, joint) for joint in layout.joints)
    if len(actuators) != len(layout.joints):
        raise InputError(f"{len(layout.joints)} joints have {len(actuators)} actuators; one each was expected.")
    for name in actuators:
        _check_servo(model, name)
    gripper = layout.gripper_actuator or _driver(model, layout.gripper_joint)
    index = names_of(model, "actuator").index(gripper)
    least, most = model.actuator_ctrlrange[index].tolist()
    closed = least if layout.gripper_closed is None else layout.gripper_closed
    opened = most if layout.gripper_open is None else layout.gripper_open
    if closed == opened:
        raise InputError(f"Actuator '{gripper}' has no ctrlrange: say 'gripper_closed' and 'gripper_open'.")
    tip = _tip(layout, model, hand)
    return Parts(
        joints=layout.joints,
        actuators=actuators,
        gripper_joint=layout.gripper_joint,
        gripper_actuator=gripper,
        gripper_closed=closed,
        gripper_open=opened,
        fingers=(_touching(model, layout.fingers[0]), _touching(model, layout.fingers[1])),
        hand_geoms=_geoms_of_hand(model, tip.body),
        tip=tip,
        camera=_camera(layout, model, hand, tip),
    )


def _missing(layout: ArmLayout, model: Any) -> list[tuple[str, str]]:
    """(kind, name) of what the model lacks."""
    return [
        (kind, name)
        for kind, names in layout.names.items()
        for name in names
        if all(name not in names_of(model, single) for single in kind.split(" or "))
    ]


def _driver(model: Any, joint: str) -> str:
    """The actuator that drives a joint, itself or by a tendon."""
    at = names_of(model, "joint").index(joint)
    tendons = {
        tendon
        for tendon in range(model.ntendon)
        for wrap in range(model.tendon_adr[tendon], model.tendon_adr[tendon] + model.tendon_num[tendon])
        if model.wrap_type[wrap] == mj.mjtWrap.mjWRAP_JOINT and model.wrap_objid[wrap] == at
    }
    names = names_of(model, "actuator")
    found = [
        names[index]
        for index in range(model.nu)
        if (model.actuator_trntype[index] == mj.mjtTrn.mjTRN_JOINT and model.actuator_trnid[index, 0] == at)
        or (model.actuator_trntype[index] == mj.mjtTrn.mjTRN_TENDON and model.actuator_trnid[index, 0] in tendons)
    ]
    if len(found) != 1 or not found[0]:
        raise InputError(
            f"Joint '{joint}' needs one named actuator that drives it; it has {len(found)}. "
            f"The model's actuators: {', '.join(filter(None, names)) or 'none'}."
        )
    return found[0]


def _check_servo(model: Any, name: str) -> None:
    index = names_of(model, "actuator").index(name)
    kp, bias = float(model.actuator_gainprm[index, 0]), model.actuator_biasprm[index]
    if kp <= 0 or bias[0] != 0 or bias[1] != -kp:
        raise InputError(
            f"Actuator '{name}' is no position servo whose ctrl is the joint's target (gain {kp:g}, bias "
            f"{bias[:3].tolist()}). Make it one in the MJCF: <position joint=… kp=…/>."
        )


def _tip(layout: ArmLayout, model: Any, hand: Hand) -> Tip:
    if layout.tip_site:
        index = names_of(model, "site").index(layout.tip_site)
        body = names_of(model, "body")[int(model.site_bodyid[index])]
        return Tip(body, np.array(model.site_pos[index]), np.array(model.site_quat[index]))
    assert layout.tip_body
    pos = hand.pos if layout.tip_position is None else np.array(layout.tip_position, np.float64)
    if layout.tip_approach is None and layout.tip_sideways is None:
        return Tip(layout.tip_body, pos, hand.quat)
    approach = rotate(hand.quat, (0, 0, 1)) if layout.tip_approach is None else np.array(layout.tip_approach)
    sideways = rotate(hand.quat, (0, 1, 0)) if layout.tip_sideways is None else np.array(layout.tip_sideways)
    across = np.cross(sideways, approach)
    if np.linalg.norm(across) < 1e-6:
        raise InputError("'tip_approach' and 'tip_sideways' are the same direction: one points out of the hand.")
    return Tip(layout.tip_body, pos, frame(across, np.cross(approach, across)))


def _camera(layout: ArmLayout, model: Any, hand: Hand, tip: Tip) -> Camera:
    if not layout.wrist_camera:
        pos = tip.pos + rotate(tip.quat, hand.camera_pos)
        return Camera(tip.body, pos, multiply(tip.quat, hand.camera_quat), hand.fovy)
    index = names_of(model, "camera").index(layout.wrist_camera)
    body = names_of(model, "body")[int(model.cam_bodyid[index])]
    return Camera(body, np.array(model.cam_pos[index]), np.array(model.cam_quat[index]), float(model.cam_fovy[index]))


def below(model: Any, body: str) -> set[int]:
    """Indices of a body and of all that hang on it."""
    found = {names_of(model, "body").index(body)}
    for index in range(min(found) + 1, model.nbody):  # children come after their parents
        if int(model.body_parentid[index]) in found:
            found.add(index)
    return found


def _geoms_of_hand(model: Any, body: str) -> tuple[str, ...]:
    feels = (model.geom_contype | model.geom_conaffinity) != 0
    hand = below(model, body)
    geoms = enumerate(names_of(model, "geom"))
    return tuple(name for index, name in geoms if feels[index] and int(model.geom_bodyid[index]) in hand)


def _touching(model: Any, names: Sequence[str]) -> tuple[str, ...]:
    """Geoms of a finger: those that are named, and the colliding ones of the bodies that are named."""
    geoms, bodies = names_of(model, "geom"), names_of(model, "body")
    feels = (model.geom_contype | model.geom_conaffinity) != 0
    found: list[str] = []
    for name in names:
        own = [name] if name in geoms else [
            geom
            for index, geom in enumerate(geoms)
            if feels[index] and model.geom_bodyid[index] == bodies.index(name)
        ]  # fmt: skip
        if not own or (name in geoms and not feels[geoms.index(name)]):
            raise InputError(f"Finger '{name}' has no geom that touches anything (contype and conaffinity are 0).")
        found += own
    return tuple(found)
