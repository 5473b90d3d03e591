"""Joint angles in the units of LeRobot's robots: degrees or +-100 for joints, 0 to 100 for grippers.

LeRobot's motors give a calibrated joint in degrees from the middle of its range, or as -100 to 100 over that range
(`MotorNormMode` of lerobot 0.6.1), and a gripper as 0 (closed) to 100 (open). Ours are rad, and a gripper's share
of its opening.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import ACTION, STATE, EnvSpec

UNITS: Mapping[str, str] = {
    "degrees": "deg",
    "range_m100_100": "-100 to 100 over the joint's range",
    "radians": "rad",
}
"""Name -> what a joint's number means; LeRobot's SO arms use "degrees" unless they are told otherwise."""

GRIPPER = "gripper"
_SUFFIX = ".pos"


@dataclass(frozen=True, kw_only=True)
class JointUnits:
    """How one arm's joints are told outside; arrays are in the order of `names`.

    Attributes:
        names: The joints, LeRobot's names with ".pos".
        state_rows: Where each lies in `observation.state`.
        gripper: bool (n,): those that are grippers.
        low: Lower ends of the joints' ranges in rad.
        high: Upper ends.
        unit: One of `UNITS`.
    """

    names: tuple[str, ...]
    state_rows: tuple[int, ...]
    gripper: NDArray[np.bool_]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    unit: str

    def outside(self, state: NDArray[Any]) -> dict[str, float]:
        """`observation.state` (n,) of one lane -> joint's name -> number in `unit`, grippers 0 to 100."""
        own = np.asarray(state, np.float64)[list(self.state_rows)]
        shown = np.where(self.gripper, 100 * own, self._shown(own))
        return dict(zip(self.names, shown.tolist(), strict=True))

    def inside(self, wanted: Mapping[str, float]) -> NDArray[np.float32]:
        """The action (n,) of the joint position controller for numbers in `unit`.

        Raises:
            InputError: A joint is missing, there is one more, or a number is not finite.
        """
        if set(wanted) != set(self.names):
            raise InputError(f"action: expected {list(self.names)}, {sorted(wanted)} came.")
        given = np.array([float(wanted[name]) for name in self.names])
        if not np.isfinite(given).all():
            raise InputError(f"action: expected finite numbers, {dict(wanted)} came.")
        return np.where(self.gripper, given / 50 - 1, self._held(given)).astype(np.float32)

    def _shown(self, angles: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.unit == "radians":
            return angles
        if self.unit == "degrees":
            return np.rad2deg(angles)
        return 200 * (angles - self.low) / (self.high - self.low) - 100

    def _held(self, shown: NDArray[np.float64]) -> NDArray[np.float64]:
        if self.unit == "radians":
            return shown
        if self.unit == "degrees":
            return np.deg2rad(shown)
        return self.low + (shown + 100) / 200 * (self.high - self.low)


def joint_units(spec: EnvSpec, unit: str) -> JointUnits:
    """The units of an environment whose action is every joint's position.

    Raises:
        InputError: Its action is something else; the message says how to make one.
        UnknownNameError: There is no such unit.
    """
    if unit not in UNITS:
        raise unknown_name("unit of joints", unit, UNITS)
    state = spec.observation.get(STATE)
    joints = tuple(f"{name}{_SUFFIX}" for name in spec.action.names)
    if state is None or not joints or not set(joints) <= set(state.names):
        raise InputError(
            f"'{spec.id}' is not driven by its joints: its {ACTION} is {list(spec.action.names)}. Make it with "
            "controller='joint_position'."
        )
    size = len(joints)
    low, high = (np.full(size, bound, np.float64) for bound in (spec.action.low, spec.action.high))
    gripper = np.array([_is_gripper(name) for name in spec.action.names])
    rows = tuple(state.names.index(name) for name in joints)
    return JointUnits(names=joints, state_rows=rows, gripper=gripper, low=low, high=high, unit=unit)


def _is_gripper(name: str) -> bool:
    return name == GRIPPER or name.endswith(f"_{GRIPPER}")
