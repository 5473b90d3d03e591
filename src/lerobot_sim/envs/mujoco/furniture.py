"""Things that stand fast on the table, each episode at another place: a bin, a block with a hole, a cabinet.

Where they stand is part of `qpos`, as all that an episode draws: two slides and a hinge whose damping holds them. A
push of 100 N moves them by a micrometre a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, namespace

from .library import mj
from .tabletop import yaw_of
from .world import Index, World

_INERTIA = 50.0  # kg or kg m^2; much more would loosen the solver's tolerance, which is relative to the mean inertia
_DAMPING = 1e8  # N s/m or N m s


def add_fixture(spec: Any, name: str) -> Any:
    """A body that stands fast where its joints `name.x`, `name.y` (m) and `name.yaw` (rad) are at a reset."""
    body = spec.worldbody.add_body(name=name)
    for axis, kind, along in (("x", "SLIDE", (1, 0, 0)), ("y", "SLIDE", (0, 1, 0)), ("yaw", "HINGE", (0, 0, 1))):
        body.add_joint(
            name=f"{name}.{axis}",
            type=getattr(mj.mjtJoint, f"mjJNT_{kind}"),
            axis=along,
            armature=_INERTIA,
            damping=[_DAMPING, 0.0, 0.0],
        )
    spec.add_exclude(bodyname1="world", bodyname2=name)
    return body


def add_board(body: Any, low: Sequence[float], high: Sequence[float], rgba: Sequence[float]) -> Any:
    """A box of a body from one corner to the opposite one, in m, of 500 kg/m^3."""
    corners = np.array([low, high], np.float64)
    return body.add_geom(
        type=mj.mjtGeom.mjGEOM_BOX,
        pos=corners.mean(axis=0),
        size=(corners[1] - corners[0]) / 2,
        rgba=rgba,
        density=500.0,
        friction=(0.6, 0.01, 0.0003),
    )


@dataclass(frozen=True)
class Fixture:
    """Where something that stands fast is."""

    index: Index
    name: str

    def put(self, qpos: NDArray[np.float64], place: NDArray[np.float64], yaw: NDArray[np.float64]) -> None:
        """Writes its place (n, 2) in m and its turn (n,) in rad into `qpos` (n, nq)."""
        qpos[:, self.index.qpos([f"{self.name}.x", f"{self.name}.y"])] = place
        qpos[:, self.index.qpos([f"{self.name}.yaw"])[0]] = yaw

    def at(self, world: World) -> Array:
        """Its origin, (n, 3) in m."""
        return world.xpos[:, self.index.body(self.name)]

    def yaw(self, world: World) -> Array:
        """Its turn about the vertical, (n,) in rad."""
        return yaw_of(world.xquat[:, self.index.body(self.name)])

    def seen(self, world: World, point: Array) -> Array:
        """A point (n, 3) in m in its own frame."""
        return turned(point - self.at(world), -self.yaw(world))


def turned(vector: Array, yaw: Array) -> Array:
    """Vectors (n, 2 or 3), turned about the vertical by `yaw` (n,) in rad."""
    xp = namespace(vector)
    cosine, sine = xp.cos(yaw), xp.sin(yaw)
    x, y = vector[:, 0], vector[:, 1]
    rest = [vector[:, i] for i in range(2, vector.shape[1])]
    return xp.stack([cosine * x - sine * y, sine * x + cosine * y, *rest], axis=1)
