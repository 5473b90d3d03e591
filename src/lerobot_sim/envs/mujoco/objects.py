"""Things on the table, and the sensors that feel who touches them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .library import mj

_FOUND = 1  # mjCONDATA_FOUND: the first bit of a contact sensor's data
_NET_FORCE = 3  # one number for all contacts that match


def add_box(
    spec: Any,
    name: str,
    half_size: Sequence[float],
    mass: float,
    rgba: Sequence[float],
    friction: float = 1.0,
) -> None:
    """A free box; its body, free joint and geom have its name. Sizes in m, mass in kg."""
    body = spec.worldbody.add_body(name=name, pos=(0.3, 0.0, half_size[2]))
    body.add_freejoint(name=name)
    body.add_geom(
        name=name,
        type=mj.mjtGeom.mjGEOM_BOX,
        size=half_size,
        mass=mass,
        rgba=rgba,
        friction=(friction, 0.02, 0.0005),
        condim=4,
    )


def add_touch(spec: Any, name: str, first: Sequence[str] | str, second: str) -> None:
    """Contact sensors `name` (`name.0`, `name.1`, … for several geoms): contacts with geom `second`, 0 for none."""
    geoms = [first] if isinstance(first, str) else list(first)
    for number, geom in enumerate(geoms):
        sensor = spec.add_sensor(
            name=name if isinstance(first, str) else f"{name}.{number}",
            type=mj.mjtSensor.mjSENS_CONTACT,
            objtype=mj.mjtObj.mjOBJ_GEOM,
            objname=geom,
            reftype=mj.mjtObj.mjOBJ_GEOM,
            refname=second,
        )
        sensor.intprm[0] = _FOUND
        sensor.intprm[1] = _NET_FORCE
        sensor.intprm[2] = 1


def add_marker(spec: Any, name: str, radius: float, rgba: Sequence[float], flat: bool = False) -> None:
    """What is seen and not felt: a ball in the air, or a disc on the table where `flat`; sizes in m.

    Its place is a part of `qpos`: slides `name.x`, `name.y` and, of a ball, `name.z`, which nothing moves.
    """
    body = spec.worldbody.add_body(name=name, gravcomp=1.0)
    for axis, direction in zip("xy" if flat else "xyz", np.eye(3), strict=False):
        body.add_joint(name=f"{name}.{axis}", type=mj.mjtJoint.mjJNT_SLIDE, axis=direction, damping=1.0)
    shape = mj.mjtGeom.mjGEOM_CYLINDER if flat else mj.mjtGeom.mjGEOM_SPHERE
    geom = body.add_geom(name=name, type=shape, size=(radius, 0.0005, 0.0), mass=0.01, rgba=rgba)
    geom.contype = geom.conaffinity = 0


def add_puck(
    spec: Any, name: str, radius: float, half_height: float, mass: float, rgba: Sequence[float], friction: float
) -> None:
    """A free disc that lies flat, with body, free joint and geom of its name; its friction holds against all else."""
    body = spec.worldbody.add_body(name=name, pos=(0.3, 0.0, half_height))
    body.add_freejoint(name=name)
    body.add_geom(
        name=name,
        type=mj.mjtGeom.mjGEOM_CYLINDER,
        size=(radius, half_height, 0.0),
        mass=mass,
        rgba=rgba,
        friction=(friction, 0.005, 0.0001),
        condim=4,
        priority=1,
    )
