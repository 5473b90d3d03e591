"""What the tabletop's experts have in common: how a hand comes over a thing, down to it, and an action of it all."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.experts.scripted import Floats

Bools: TypeAlias = "NDArray[np.bool_]"

STEP = 0.025  # m of the tip's target for an action of 1
TURN = 0.1  # rad
GAIN = 0.3  # share of the way that is asked of one step


def vector(o: dict[str, Floats], name: str) -> Floats:
    """The numbers `name.x`, `name.y` and `name.z`, (n, 3)."""
    return np.stack([o[f"{name}.{axis}"] for axis in "xyz"], axis=1)


def quarter_turn(o: dict[str, Floats], name: str) -> Floats:
    """The least turn (n,) in rad, of those that differ by quarters, of `name.sin4` and `name.cos4`."""
    return np.arctan2(o[f"{name}.sin4"], o[f"{name}.cos4"]) / 4


def distance(offset: Floats) -> Floats:
    """In the table's plane, (n,)."""
    return np.hypot(offset[:, 0], offset[:, 1])


def descent(offset: Floats, turn: Floats, above: float, wait: float = 0.5) -> tuple[Floats, Bools]:
    """How far to go up (n,) on the way to a grasp, and whether it is reached.

    From afar the way leads `above` the place, near to it down to the share `wait` of that, and over it all down.
    """
    aside = distance(offset)
    over = (aside < 0.012) & (np.abs(turn) < 0.15)
    there = over & (np.abs(offset[:, 2]) < 0.006)
    rise = np.clip((aside - 0.006) / 0.03, 0.0, 1.0) * above
    rise = np.where(over, np.minimum(rise, 0.02), np.maximum(rise, wait * above))
    return offset[:, 2] + np.where(there, 0.0, rise), there


def action(move: Floats, spin: Floats, opened: Bools, fastest: float | Floats = 0.8) -> Floats:
    """Moves (n, 3) in m, turns (n,) in rad and whether the gripper opens (n,), as an action of `ee_delta_xyz_yaw`."""
    grip = np.where(opened, 1.0, -1.0)
    scaled = GAIN * np.concatenate([move / STEP, spin[:, None] / TURN], axis=1)
    limit = np.broadcast_to(np.asarray(fastest), len(scaled))[:, None]
    return np.concatenate([np.clip(scaled, -limit, limit), grip[:, None]], axis=1)
