"""The room that all our tasks share: a table in soft light, and a camera in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng

from .library import mj
from .physics import prepared
from .robots.robot import Robot
from .robots.rotations import look_at

TABLE = "table"
"""The geom that things lie on: the plane z = 0."""

FRONT = "front"
"""The camera."""

_HEIGHT = 0.74  # m, of the table top above the floor
_HORIZON = (0.86, 0.88, 0.905)
_FOVY = 40.0  # degrees


def scene_with(robot: Robot) -> Any:
    """The scene of `new_scene` with a robot in it, framed to its reach."""
    reach = robot.arms[0].reach[1]
    if len(robot.arms) == 1:
        spec = new_scene(focus=(0.46 * reach, 0.0, 0.25 * reach), span=1.05 * reach + 0.2)
    else:  # they face each other
        spec = new_scene(focus=(0.0, 0.0, 0.12), span=1.2, azimuth=-62.0, elevation=36.0)
    robot.add(spec)
    return spec


def new_scene(
    *,
    focus: Sequence[float] = (0.2, 0.0, 0.08),
    span: float = 0.75,
    azimuth: float = 25.0,
    elevation: float = 32.0,
) -> Any:
    """An mjSpec with a table top at z = 0, lights, background and the camera "front"; `prepared` for our physics.

    What is felt of the table is an infinite plane; what is seen ends somewhat beyond what the camera sees.

    Args:
        focus: Point in m that the camera looks at, and the key light shines on.
        span: Width in m that the camera sees at the focus, in a square picture.
        azimuth: Where the camera stands, in degrees from +x towards +y: at 0 it faces the robot.
        elevation: Its height over the table, in degrees.
    """
    spec = prepared(mj.MjSpec())
    spec.modelname = "scene"
    middle = np.asarray(focus, np.float64)
    _visual(spec, middle, span)
    _materials(spec)
    _table(spec, middle[:2], span)
    _lights(spec, middle, span, azimuth)
    distance = span / (2 * np.tan(np.radians(_FOVY) / 2))
    add_camera(spec, FRONT, (middle + distance * _direction(azimuth, elevation)).tolist(), focus)
    return spec


def add_camera(
    spec: Any, name: str, pos: Sequence[float] | NDArray[Any], target: Sequence[float] | NDArray[Any]
) -> Any:
    """Adds a camera at `pos` that looks at `target` in m, upright."""
    quat = look_at(pos, target, up=(0.0, 0.0, 1.0))
    return spec.worldbody.add_camera(name=name, pos=pos, quat=quat, fovy=_FOVY)


def _direction(azimuth: float, elevation: float) -> NDArray[np.float64]:
    a, e = np.radians([azimuth, elevation])
    return np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])


def _visual(spec: Any, focus: NDArray[np.float64], span: float) -> None:
    visual = spec.visual
    spec.stat.center = focus
    spec.stat.extent = 1.2 * span  # the shadow map covers this much around the focus
    visual.map.znear, visual.map.zfar = 0.01 / spec.stat.extent, 30.0 / spec.stat.extent  # 1 cm to 30 m
    visual.map.haze = 0.4
    visual.rgba.haze = (*_HORIZON, 1.0)
    visual.headlight.ambient = (0.43, 0.435, 0.445)
    visual.headlight.diffuse = (0.06, 0.06, 0.06)
    visual.headlight.specular = (0.0, 0.0, 0.0)


def _lights(spec: Any, focus: NDArray[np.float64], span: float, azimuth: float) -> None:
    """A key light that casts shadows, and a fill light from the other side that does not.

    On the table they add up to less than 1, so that OpenGL clips none of it and all looks are equally bright.
    """
    for name, degrees, elevation, strength, tint in (
        ("key", azimuth - 75.0, 55.0, 0.44, (1.0, 0.975, 0.94)),
        ("fill", azimuth + 65.0, 35.0, 0.16, (0.93, 0.96, 1.0)),
    ):
        towards = _direction(degrees, elevation)
        spec.worldbody.add_light(
            name=name,
            pos=focus + 2 * span * towards,
            dir=-towards,
            type=mj.mjtLightType.mjLIGHT_DIRECTIONAL,
            castshadow=name == "key",
            diffuse=strength * np.array(tint),
            specular=0.5 * strength * np.array(tint),
            ambient=(0, 0, 0),
        )


def _table(spec: Any, focus: NDArray[np.float64], span: float) -> None:
    plane, box, cylinder = mj.mjtGeom.mjGEOM_PLANE, mj.mjtGeom.mjGEOM_BOX, mj.mjtGeom.mjGEOM_CYLINDER
    world, half = spec.worldbody, np.array([0.62, 0.7]) * (span + 0.25)
    felt = world.add_geom(name=TABLE, type=plane, size=(0, 0, 1), friction=(1.0, 0.005, 0.0001))
    felt.group = 3  # not drawn
    seen = [
        (world.add_geom(name="floor", type=plane, size=(0, 0, 1), pos=(0, 0, -_HEIGHT)), "floor"),
        (world.add_geom(name="table_top", type=box, size=(*half, 0.0125), pos=(*focus, -0.0125)), "wood"),
        (world.add_geom(type=box, size=(*(half - 0.04), 0.02), pos=(*focus, -0.045)), "metal"),
    ]
    for corner in ((-1, -1), (-1, 1), (1, -1), (1, 1)):
        leg = (_HEIGHT - 0.03) / 2
        pos = (*(focus + (half - 0.07) * corner), -_HEIGHT + leg)
        seen.append((world.add_geom(type=cylinder, size=(0.022, leg, 0), pos=pos), "metal"))
    for geom, material in seen:
        geom.material = material
        geom.contype = geom.conaffinity = 0
        geom.mass = 0


def _materials(spec: Any) -> None:
    gradient = mj.mjtBuiltin.mjBUILTIN_GRADIENT
    spec.add_texture(
        name="sky",
        type=mj.mjtTexture.mjTEXTURE_SKYBOX,
        builtin=gradient,
        rgb1=_HORIZON,
        rgb2=(0.50, 0.58, 0.67),
        width=128,
        height=128,
    )
    texture = spec.add_texture(name="wood", type=mj.mjtTexture.mjTEXTURE_2D, width=256, height=256, nchannel=3)
    texture.data = _wood(256).tobytes()
    material = spec.add_material(name="wood", specular=0.12, shininess=0.25, texrepeat=(2, 2), texuniform=False)
    material.textures[mj.mjtTextureRole.mjTEXROLE_RGB] = "wood"
    spec.add_material(name="metal", rgba=(0.32, 0.335, 0.355, 1), specular=0.4, shininess=0.5)
    spec.add_material(name="floor", rgba=(0.78, 0.80, 0.825, 1), specular=0.0, shininess=0.0)


def _wood(size: int) -> NDArray[np.uint8]:
    """A light wood with a fine grain along y, (size, size, 3), the same on every machine; its edges meet."""
    noise = rng.uniform(np.zeros(1, np.int64), "scene.wood", shape=(size, size))[0] - 0.5
    waves = np.fft.fft2(noise)
    across, along = np.abs(np.fft.fftfreq(size))[None, :] * size, np.abs(np.fft.fftfreq(size))[:, None] * size
    fine = np.fft.ifft2(waves * (1.0 + across) ** -0.35 * np.exp(-((along / 3.0) ** 2))).real
    broad = np.fft.ifft2(waves * np.exp(-((across / 5.0) ** 2 + (along / 2.0) ** 2))).real
    grain = 0.018 * fine / fine.std() + 0.022 * broad / broad.std()
    colour = np.array([0.87, 0.80, 0.705]) * (1.0 + grain[..., None] * np.array([0.8, 1.0, 1.25]))
    return np.clip(np.rint(255 * colour), 0, 255).astype(np.uint8)
