"""What gym-hil's robot feels during a step: contact forces, joints at their limits, a tip out of its bounds."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false, reportCallIssue=false
# the mujoco that gym-hil needs is not among our own packages

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np

AT_LIMIT = 1e-3
"""rad from a joint's limit: nearer, it is at it."""

OUTSIDE_M = 1e-3
"""m: the tip's target is held within its bounds, and the tip passes them by less than 0.1 mm while it is held there."""


def outside(tip: Any, low: Any, high: Any) -> float:
    """How far a tip is outside of its bounds in m; 0 inside, and where it is nearer than `OUTSIDE_M`."""
    away = float(np.linalg.norm(np.maximum(np.maximum(low - tip, tip - high), 0.0)))
    return away if away > OUTSIDE_M else 0.0


class Touch:
    """Listens between the physics steps of one control step; the physics does not notice.

    Args:
        model: gym-hil's; its robot is what hangs on the first of its seven arm joints.
        data: Likewise.
    """

    def __init__(self, model: Any, data: Any) -> None:
        self._model, self._data = model, data
        joints = [model.joint(f"joint{i}") for i in range(1, 8)]
        self._places = np.array([joint.qposadr[0] for joint in joints])
        self._ranges = np.array([joint.range for joint in joints])
        root = model.body_parentid[joints[0].bodyid[0]]
        mine = np.zeros(model.nbody, bool)
        for body in range(model.nbody):  # parents come before their children
            mine[body] = body == root if body <= root else mine[model.body_parentid[body]]
        self._mine = mine[model.geom_bodyid]
        self._force, self._longest, self._begun = np.zeros(6), 0.0, False

    def begin(self) -> Callable[[], None]:
        """Begins a control step; gives what is to be called before each of its physics steps."""
        self._longest, self._begun = 0.0, False
        return self._before_substep

    def found(self) -> dict[str, float]:
        """After a control step: `contact_force` in N, `joint_limit` as a share of the arm's joints."""
        self._listen()
        place, (low, high) = self._data.qpos[self._places], self._ranges.T
        at = (place <= low + AT_LIMIT) | (place >= high - AT_LIMIT)
        return {"contact_force": self._longest, "joint_limit": float(at.mean())}

    def _before_substep(self) -> None:
        if self._begun:  # what stands there before the first substep was felt in the step before
            self._listen()
        self._begun = True

    def _listen(self) -> None:
        contacts = self._data.contact
        felt = self._mine[contacts.geom[:, 0]] | self._mine[contacts.geom[:, 1]] if self._data.ncon else ()
        for contact in np.flatnonzero(felt):
            mujoco.mj_contactForce(self._model, self._data, contact, self._force)
            self._longest = max(self._longest, float(np.linalg.norm(self._force[:3])))
