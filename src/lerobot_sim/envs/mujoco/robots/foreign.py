"""A user's own model of a robot, in the place of ours.

The MJCF is attached to the scene under the prefix `robot/`: its joint limits, gains, masses and shapes stay, while time
step, integrator and solver are the scene's. `layouts` says which of its parts is which. A tip site and a wrist camera
are added to its hand, and its fingers' own friction rules a grasp (priority 1, condim 4), as that of our pads does.
What belongs to a scene and not to a robot is left out: lights, cameras and planes of the world, skies, keyframes, and
bodies that move freely.

Where the model is not our own, exported, three things are found from it (`foreign_pose`): where it stands, the arm's
joint positions that bring the tip to our robot's home, and how far the gripper's joints go. Observations and actions
call the joints by our names; what their angles mean is the model's.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.envs.mujoco.library import mj
from lerobot_sim.errors import InputError

from .foreign_parts import Camera, Parts, Tip, choose_layout, find_parts
from .foreign_pose import find_base, find_home, find_travel, make_reference
from .layouts import read_layout
from .robot import Arm, Robot
from .rotations import turn

PREFIX = "robot/"
"""What leads the names of the user's model."""


@dataclass(frozen=True)
class _Fitting:
    """What is added to the hand: names ours, places the model's."""

    tip_name: str
    tip: Tip
    camera_name: str
    camera: Camera
    pads: tuple[str, ...]


def foreign_robot(ours: Robot, path: Path) -> Robot:
    """The robot `ours`, with the user's model in the place of our own.

    Args:
        ours: Who it is.
        path: Its MJCF, or a TOML file that describes it: see `layouts`.

    Raises:
        InputError: It cannot be read, is no model of this robot, or its hand cannot be brought to our robot's home.
        UnknownNameError: A TOML file names what the model does not have.
    """
    path = path.expanduser().resolve()
    if not path.is_file() or path.suffix not in (".xml", ".toml"):
        raise InputError(f"robot.model_path: expected an MJCF file (.xml) or a .toml that names one, {path} came.")
    model_path, given = read_layout(path) if path.suffix == ".toml" else (path, None)
    model = _compiled(load(model_path), model_path)
    layout = given or choose_layout(ours, model, model_path)
    if len(layout.arms) != len(ours.arms):
        raise InputError(f"{path} describes {len(layout.arms)} arms; '{ours.name}' has {len(ours.arms)}.")
    reference = make_reference(ours)
    parts = [find_parts(arm, model, hand) for arm, hand in zip(layout.arms, reference.hands, strict=True)]
    base = layout.base or find_base(model, parts, reference)
    arms = [
        _arm(own, part) if layout.home else _fitted(own, part, model, reference.hands[number].home, base)
        for number, (own, part) in enumerate(zip(ours.arms, parts, strict=True))
    ]
    fittings = [
        _Fitting(own.tip, part.tip, own.wrist_camera, part.camera, (*part.fingers[0], *part.fingers[1]))
        for own, part in zip(ours.arms, parts, strict=True)
    ]
    return replace(
        ours,
        arms=tuple(arms),
        add=partial(_add, path=model_path, base=base, fittings=fittings),
        source=f"{path} ({layout.about})",
        model_path=str(path),
        model_sha256=contents_sha256(path, model_path),
    )


def contents_sha256(path: Path, model_path: Path) -> str:
    """SHA-256 over the contents of a model's files: itself, what it includes, meshes, textures, and its TOML file.

    It does not depend on where the files lie.
    """
    files = {Path(name).resolve() for name in mj.mju_getXMLDependencies(str(model_path))} | {path}
    total = hashlib.sha256()
    for name, file in sorted((Path(os.path.relpath(file, path.parent)).as_posix(), file) for file in files):
        total.update(f"{name}\0{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def load(path: Path) -> Any:
    """The mjSpec of a model without what belongs to a scene; every geom has a name."""
    try:
        spec = mj.MjSpec.from_file(str(path))
    except ValueError as error:
        raise InputError(f"MuJoCo cannot read {path}: {' '.join(str(error).split())}") from error
    world = spec.worldbody
    free = [body for body in world.bodies if any(joint.type == mj.mjtJoint.mjJNT_FREE for joint in body.joints)]
    skies = [texture for texture in spec.textures if texture.type == mj.mjtTexture.mjTEXTURE_SKYBOX]
    planes = [geom for geom in world.geoms if geom.type == mj.mjtGeom.mjGEOM_PLANE]
    for part in (*spec.keys, *skies, *planes, *world.lights, *world.cameras, *free):
        spec.delete(part)
    taken = {geom.name for geom in spec.geoms}
    for number, geom in enumerate(spec.geoms):
        if not geom.name:
            geom.name = f"geom{number}" if f"geom{number}" not in taken else f"geom{number}_{len(taken)}"
    return spec


def _compiled(spec: Any, path: Path) -> Any:
    try:
        return spec.compile()
    except ValueError as error:
        raise InputError(f"MuJoCo cannot compile {path}: {' '.join(str(error).split())}") from error


def _arm(ours: Arm, parts: Parts) -> Arm:
    """Our arm by the names that its parts have in the scene."""
    return replace(
        ours,
        joints=_led(parts.joints),
        actuators=_led(parts.actuators),
        gripper_joint=PREFIX + parts.gripper_joint,
        gripper_actuator=PREFIX + parts.gripper_actuator,
        gripper_closed=parts.gripper_closed,
        gripper_open=parts.gripper_open,
        fingers=(_led(parts.fingers[0]), _led(parts.fingers[1])),
        hand_geoms=_led(parts.hand_geoms),
        labels=ours.joint_labels if len(ours.joints) == len(parts.joints) else parts.joints,
    )


def _fitted(ours: Arm, parts: Parts, model: Any, target: NDArray[np.float64], base: Any) -> Arm:
    """`_arm` of a model that is not our own."""
    home = find_home(model, parts, target, base, ours.home)
    travel, rest = find_travel(model, parts, home)
    return replace(
        _arm(ours, parts),
        home=tuple(home.tolist()),
        gripper_travel=travel,
        gripper_rest={PREFIX + name: value for name, value in rest.items()},
    )


def _led(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(PREFIX + name for name in names)


def _add(spec: Any, path: Path, base: tuple[tuple[float, ...], float], fittings: Sequence[_Fitting]) -> None:
    position, yaw = base
    frame = spec.worldbody.add_frame(pos=position, quat=turn((0, 0, 1), yaw))
    robot = load(path)
    robot.option, robot.visual, robot.stat = spec.option, spec.visual, spec.stat  # the scene's, whatever it says
    spec.attach(robot, prefix=PREFIX, frame=frame)
    for fitting in fittings:
        tip, camera = fitting.tip, fitting.camera
        spec.body(PREFIX + tip.body).add_site(
            name=fitting.tip_name, pos=tip.pos, quat=tip.quat, size=(0.004, 0.004, 0.004), group=4
        )
        spec.body(PREFIX + camera.body).add_camera(
            name=fitting.camera_name, pos=camera.pos, quat=camera.quat, fovy=camera.fovy
        )
        for name in fitting.pads:  # like our pads: their friction rules the grasp, and they resist turning
            pad = spec.geom(PREFIX + name)
            pad.priority, pad.condim = max(1, pad.priority), max(4, pad.condim)
