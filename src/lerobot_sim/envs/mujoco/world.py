"""What tasks and controllers see of a MuJoCo simulation: arrays with a leading lane axis, and where names lie in them.

They are written once for CPU and GPU: they read a `World`, never change its arrays, and use the array namespace
with masks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array
from lerobot_sim.errors import unknown_name

from .library import mj

_PREFIX = "world."


@dataclass(frozen=True)
class World:
    """The state of all lanes, and what follows from it; MuJoCo's own names and units (m, rad, s, N).

    Attributes:
        qpos: (n, nq).
        qvel: (n, nv).
        ctrl: (n, nu): the command of the last step.
        xpos: (n, nbody, 3).
        xquat: (n, nbody, 4), (w, x, y, z).
        xanchor: (n, njnt, 3): joints' anchors.
        xaxis: (n, njnt, 3): joints' axes.
        site_xpos: (n, nsite, 3).
        site_xmat: (n, nsite, 9), row-major.
        sensordata: (n, nsensordata).
    """

    qpos: Array
    qvel: Array
    ctrl: Array
    xpos: Array
    xquat: Array
    xanchor: Array
    xaxis: Array
    site_xpos: Array
    site_xmat: Array
    sensordata: Array


FIELDS = tuple(field.name for field in fields(World))


def to_state(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """A world's arrays under the names that they have in a lane's state."""
    return {_PREFIX + name: arrays[name] for name in FIELDS}


def from_state(state: Mapping[str, Array]) -> World:
    """The world in a lane's state."""
    return World(**{name: state[_PREFIX + name] for name in FIELDS})


@dataclass(frozen=True)
class Index:
    """Where the parts of a model lie in a World, by name."""

    model: Any

    def joint(self, name: str) -> int:
        """Index of a joint in `xanchor` and `xaxis`."""
        return self._id("joint", mj.mjtObj.mjOBJ_JOINT, name)

    def qpos(self, joints: Sequence[str]) -> NDArray[np.int64]:
        """Where the positions of hinges and slides lie in `qpos`."""
        return np.array([self.model.jnt_qposadr[self.joint(name)] for name in joints], np.int64)

    def dofs(self, joints: Sequence[str]) -> NDArray[np.int64]:
        """Where the velocities of hinges and slides lie in `qvel`."""
        return np.array([self.model.jnt_dofadr[self.joint(name)] for name in joints], np.int64)

    def free(self, joint: str) -> slice:
        """The seven numbers of a free joint in `qpos`: position, then quaternion."""
        start = int(self.model.jnt_qposadr[self.joint(joint)])
        return slice(start, start + 7)

    def free_dofs(self, joint: str) -> slice:
        """The six numbers of a free joint in `qvel`: linear (world), then angular (body)."""
        start = int(self.model.jnt_dofadr[self.joint(joint)])
        return slice(start, start + 6)

    def actuators(self, names: Sequence[str]) -> NDArray[np.int64]:
        """Where actuators lie in `ctrl`."""
        return np.array([self._id("actuator", mj.mjtObj.mjOBJ_ACTUATOR, name) for name in names], np.int64)

    def body(self, name: str) -> int:
        """Index of a body in `xpos` and `xquat`."""
        return self._id("body", mj.mjtObj.mjOBJ_BODY, name)

    def site(self, name: str) -> int:
        """Index of a site in `site_xpos` and `site_xmat`."""
        return self._id("site", mj.mjtObj.mjOBJ_SITE, name)

    def sensor(self, name: str) -> slice:
        """A sensor's numbers in `sensordata`."""
        sensor = self._id("sensor", mj.mjtObj.mjOBJ_SENSOR, name)
        start = int(self.model.sensor_adr[sensor])
        return slice(start, start + int(self.model.sensor_dim[sensor]))

    def _id(self, kind: str, object_type: Any, name: str) -> int:
        found = mj.mj_name2id(self.model, object_type, name)
        if found < 0:
            count = getattr(self.model, {"joint": "njnt", "actuator": "nu"}.get(kind, f"n{kind}"))
            names = [mj.mj_id2name(self.model, object_type, i) or "" for i in range(count)]
            raise unknown_name(f"{kind} in the model", name, filter(None, names))
        return found
