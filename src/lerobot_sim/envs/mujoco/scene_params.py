"""Params of the world around the robot: gravity, air, lights, colours, cameras."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError
from lerobot_sim.spec import Param

from .model_params import Fields, ModelParam, ids, names_of

_FIXED, _TARGET_BODY = 0, 3  # mjtCamLight
_NO_COLOR = np.array([0.5, 0.5, 0.5, 1.0], np.float32)


def gravity(model: Any, low: float, high: float) -> ModelParam:
    """Acceleration of free fall along x, y and z in m/s^2; each lies between the bounds."""
    nominal = tuple(model.opt.gravity.tolist())

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["opt.gravity"][:] = values

    param = Param(nominal=nominal, low=low, high=high, unit="m/s^2", shape=(3,), about="acceleration of free fall")
    return ModelParam(param=param, fields=("opt.gravity",), write=write)


def air_density(model: Any, high: float) -> ModelParam:
    """Density of the air in kg/m^3, from none; real air has 1.2."""
    return _option(model, "density", high, "kg/m^3")


def air_viscosity(model: Any, high: float) -> ModelParam:
    """Viscosity of the air in Pa s, from none; real air has 1.8e-5."""
    return _option(model, "viscosity", high, "Pa s")


def light_color(model: Any, light: str) -> ModelParam:
    """Red, green and blue of a light's diffuse part, each in [0, 1]."""
    (index,) = ids(model, "light", [light])
    nominal = tuple(float(value) for value in model.light_diffuse[index])

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["light_diffuse"][:, index] = values

    return ModelParam(
        param=Param(nominal=nominal, low=0.0, high=1.0, shape=(3,), about=f"colour of the light {light}", visual=True),
        fields=("light_diffuse",),
        write=write,
    )


def light_position(model: Any, light: str, most: float) -> ModelParam:
    """How far a light that does not follow anything is moved along x, y and z in m, each by at most `most`."""
    (index,) = ids(model, "light", [light])
    _require_mode("light", light, int(model.light_mode[index]), (_FIXED, _TARGET_BODY))
    return _offset("light_pos", index, most, "m", f"where the light {light} is, from nominal")


def geom_color(model: Any, geoms: list[str]) -> ModelParam:
    """Red, green and blue that some geoms share, each in [0, 1]; opacity stays."""
    indices = ids(model, "geom", geoms)
    first, material = indices[0], model.geom_matid[indices[0]]
    from_material = material >= 0 and (model.geom_rgba[first] == _NO_COLOR).all()
    nominal = model.mat_rgba[material] if from_material else model.geom_rgba[first]

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["geom_rgba"][:, indices, :3] = values[:, None]

    return ModelParam(
        param=Param(
            nominal=tuple(float(value) for value in nominal[:3]),
            low=0.0,
            high=1.0,
            shape=(3,),
            about=f"colour of {names_of(geoms)}",
            visual=True,
        ),
        fields=("geom_rgba",),
        write=write,
    )


def camera_position(model: Any, camera: str, most: float) -> ModelParam:
    """How far a camera is moved along its parent's x, y and z in m, each by at most `most`."""
    (index,) = ids(model, "camera", [camera])
    _require_mode("camera", camera, int(model.cam_mode[index]), (_FIXED, _TARGET_BODY))
    return _offset("cam_pos", index, most, "m", f"where the camera {camera} is, from nominal")


def camera_turn(model: Any, camera: str, most: float) -> ModelParam:
    """The rotation vector in rad, in its own frame, by which a camera is turned; each part is at most `most`."""
    (index,) = ids(model, "camera", [camera])
    _require_mode("camera", camera, int(model.cam_mode[index]), (_FIXED,))

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["cam_quat"][:, index] = _turned(fields["cam_quat"][:, index], values)

    about = f"how the camera {camera} is turned, from nominal"
    return ModelParam(
        param=Param(nominal=0.0, low=-most, high=most, unit="rad", shape=(3,), about=about, visual=True),
        fields=("cam_quat",),
        write=write,
    )


def camera_field_of_view(model: Any, camera: str, low: float, high: float) -> ModelParam:
    """A camera's vertical field of view in rad."""
    (index,) = ids(model, "camera", [camera])

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields["cam_fovy"][:, index] = np.rad2deg(values)

    nominal = float(np.deg2rad(model.cam_fovy[index]))
    about = f"vertical field of view of the camera {camera}"
    return ModelParam(
        param=Param(nominal=nominal, low=low, high=high, unit="rad", about=about, visual=True),
        fields=("cam_fovy",),
        write=write,
    )


def _option(model: Any, name: str, high: float, unit: str) -> ModelParam:
    field = f"opt.{name}"

    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields[field][:] = values.reshape(fields[field].shape)

    nominal = float(getattr(model.opt, name))
    param = Param(nominal=nominal, low=0.0, high=high, unit=unit, about=f"{name} of the air")
    return ModelParam(param=param, fields=(field,), write=write)


def _offset(field: str, index: int, most: float, unit: str, about: str) -> ModelParam:
    def write(fields: Fields, values: NDArray[Any]) -> None:
        fields[field][:, index] += values

    param = Param(nominal=0.0, low=-most, high=most, unit=unit, shape=(3,), about=about, visual=True)
    return ModelParam(param=param, fields=(field,), write=write)


def _turned(quat: NDArray[Any], turn: NDArray[Any]) -> NDArray[np.float64]:
    """Quaternions (n, 4) turned by rotation vectors (n, 3) in their own frames."""
    angle = np.sqrt((turn * turn).sum(axis=1))
    sine = np.where(angle > 1e-12, np.sin(angle / 2) / np.where(angle > 1e-12, angle, 1.0), 0.5)
    w, v, c, u = quat[:, :1], quat[:, 1:], np.cos(angle / 2)[:, None], sine[:, None] * turn
    dot = (v * u).sum(axis=1, keepdims=True)
    return np.concatenate([w * c - dot, w * u + c * v + np.cross(v, u)], axis=1)


def _require_mode(kind: str, name: str, mode: int, valid: tuple[int, ...]) -> None:
    if mode not in valid:
        raise InputError(
            f"The {kind} '{name}' follows a body (mode {mode}), which decides where it is. Only a fixed one can be "
            f"moved: build it with `{kind}.mode = mujoco.mjtCamLight.mjCAMLIGHT_FIXED`."
        )
