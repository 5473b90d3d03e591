"""Reads a MuJoCo model from its file, with the cameras and motors that a configuration adds to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim.errors import InputError, UnknownNameError, unknown_name
from lerobot_sim.spec import Camera

from .any_model_config import MODEL_SUFFIXES, ModelConfig
from .library import mj
from .robots.rotations import look_at

HEIGHT, WIDTH = 480, 640
DEFAULT_KP = 10.0


def load_model(config: ModelConfig) -> Any:
    """The compiled model with the file's own physics options; only MuJoCo's reset of what diverged is switched off.

    Raises:
        InputError: There is no such file, or MuJoCo cannot read it: its own message, in one line.
        UnknownNameError: A camera, actuator, joint or body that the model does not have.
    """
    path = config.model_path
    if path.suffix not in MODEL_SUFFIXES:
        raise InputError(f"'model_path': expected {', '.join(MODEL_SUFFIXES)}, {path} came.")
    if not path.is_file():
        raise InputError(f"'model_path': there is no file {path}. It is taken from the configuration's own folder.")
    try:
        model = _compiled(path, config)
    except UnknownNameError:
        raise
    except ValueError as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"MuJoCo cannot read {path}: {' '.join(str(error).split())}") from error
    model.opt.disableflags |= mj.mjtDisableBit.mjDSBL_AUTORESET
    return model


def names_of(model: Any, kind: str) -> list[str]:
    """Names of a model's "joint", "actuator", "site", "camera", "sensor", "body" or "key", "" where there is none."""
    object_type = getattr(mj.mjtObj, f"mjOBJ_{kind.upper()}")
    count = {"joint": "njnt", "actuator": "nu", "camera": "ncam"}.get(kind, f"n{kind}")
    return [mj.mj_id2name(model, object_type, index) or "" for index in range(getattr(model, count))]


def find(model: Any, kind: str, name: str) -> int:
    """Index of a part of the model by its name.

    Raises:
        UnknownNameError: It is not there; what there is is listed.
    """
    names = names_of(model, kind)
    if name not in names:
        known = [other for other in names if other]
        raise unknown_name(f"{'keyframe' if kind == 'key' else kind} in the model", name, known, _all(known))
    return names.index(name)


def cameras_of(config: ModelConfig, model: Any) -> dict[str, Camera]:
    """The environment's cameras: those that are configured, or all that the model has."""
    if config.cameras is None:
        return {name: Camera(height=HEIGHT, width=WIDTH) for name in names_of(model, "camera") if name}
    cameras: dict[str, Camera] = {}
    for entry in config.cameras:
        table: Mapping[str, Any] = {"name": entry} if isinstance(entry, str) else entry
        find(model, "camera", table["name"])
        width, height = _resolution(table)
        cameras[table["name"]] = Camera(height=height, width=width, look=table.get("look", "standard"))
    return cameras


def actuators_of(config: ModelConfig, model: Any) -> list[int]:
    """The actuators that the action commands, by their index in ctrl."""
    if config.actuators is None:
        chosen = list(range(model.nu))
    else:
        chosen = [find(model, "actuator", _motor_name(entry)) for entry in config.actuators]
    if not chosen:
        joints = ", ".join(filter(None, names_of(model, "joint"))) or "none"
        raise InputError(
            f"{config.model_path.name} has no actuator to command. Add motors to it in the configuration, such as "
            f'actuators = [{{joint = "…", kind = "position", kp = {DEFAULT_KP:g}}}]; its joints: {joints}.'
        )
    if len(set(chosen)) < len(chosen):
        raise InputError("'actuators': each can be named once.")
    return chosen


def _compiled(path: Path, config: ModelConfig) -> Any:
    added_cameras = [entry for entry in config.cameras or () if isinstance(entry, Mapping) and "position" in entry]
    motors = [entry for entry in config.actuators or () if isinstance(entry, Mapping)]
    if path.suffix == ".mjb":
        if added_cameras or motors:
            raise InputError(f"{path.name} is compiled: no camera or actuator can be added. Give its .xml or .urdf.")
        return mj.MjModel.from_binary_path(str(path))
    spec = mj.MjSpec.from_file(str(path))
    for camera in added_cameras:
        _add_camera(spec, camera)
    for motor in motors:
        _add_motor(spec, motor)
    return spec.compile()


def _add_camera(spec: Any, table: Mapping[str, Any]) -> None:
    name, position = table["name"], table["position"]
    if "target" not in table:
        raise InputError(f"Camera '{name}' has a position: it needs a target to look at, too.")
    if any(camera.name == name for camera in spec.cameras):
        raise InputError(f"The model has a camera '{name}' already: leave out its position and target.")
    body = spec.worldbody
    if "body" in table:
        body = spec.body(table["body"])
        if body is None:
            raise _unknown("body", table["body"], [other.name for other in spec.bodies])
    along = np.subtract(table["target"], position)
    if not along.any():
        raise InputError(f"Camera '{name}': position and target are the same point.")
    upright = abs(along[2]) < 0.999 * np.linalg.norm(along)
    quat = look_at(position, table["target"], up=(0.0, 0.0, 1.0) if upright else (1.0, 0.0, 0.0))
    body.add_camera(name=name, pos=position, quat=quat, fovy=table.get("fovy", 45.0))


def _add_motor(spec: Any, table: Mapping[str, Any]) -> None:
    joint = spec.joint(table["joint"])
    if joint is None:
        raise _unknown("joint", table["joint"], [other.name for other in spec.joints])
    name, kind = _motor_name(table), table.get("kind", "position")
    if any(actuator.name == name for actuator in spec.actuators):
        raise InputError(f"The model has an actuator '{name}' already: name it alone, or give yours another name.")
    motor = spec.add_actuator(name=name, target=table["joint"], trntype=mj.mjtTrn.mjTRN_JOINT)
    span = table.get("range")
    if span is not None and (len(span) != 2 or span[0] >= span[1]):
        raise InputError(f"Actuator '{name}': 'range' is its least and greatest ctrl, {list(span)} came.")
    if kind == "position":
        motor.set_to_position(kp=table.get("kp", DEFAULT_KP), kv=table.get("kv", 1.0), inheritrange=span is None)
    elif kind == "velocity":
        motor.set_to_velocity(kv=table.get("kv", 1.0))
    else:
        motor.set_to_motor()
    if "gear" in table:
        motor.gear[0] = table["gear"]
    if span is not None:
        motor.ctrllimited, motor.ctrlrange = True, span


def _motor_name(entry: Mapping[str, Any] | str) -> str:
    return entry if isinstance(entry, str) else str(entry.get("name", entry["joint"]))


def _resolution(table: Mapping[str, Any]) -> tuple[int, int]:
    """Width and height."""
    size = table.get("resolution", (table.get("width", WIDTH), table.get("height", HEIGHT)))
    if len(size) != 2 or ("resolution" in table and {"width", "height"} & set(table)):
        raise InputError(f"Camera '{table['name']}': give resolution = [width, height], or height and width.")
    return size[0], size[1]


def _unknown(kind: str, name: str, names: Sequence[str]) -> UnknownNameError:
    known = [other for other in names if other]
    return unknown_name(f"{kind} in the model", name, known, _all(known))


def _all(names: Sequence[str]) -> str:
    """What there is, where an error would not list it by itself."""
    return f"There are: {', '.join(names)}." if len(names) > 12 else ""
