"""The expert of `mujoco/aloha-transfer`: the right hand fetches the bar, the left one takes it, the right one lets go.

Which of it follows from the observation alone: who holds the bar, and where it is.
"""

from __future__ import annotations

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from .hand import Bools, action, distance, vector

ABOVE = 0.09
"""Height in m over the bar at which a hand comes over it."""
MEETING = np.array([0.0, 0.0, 0.16])
"""Where the bar's middle is handed over, in m."""
WAITING = np.array([-0.02, 0.055, 0.26])
"""Where the left tip waits for it."""
ASIDE = np.array([0.14, -0.12, 0.24])
"""Where the right tip goes afterwards."""


def _turn(o: dict[str, Floats], name: str) -> Floats:
    return np.arctan2(o[f"{name}.sin"], o[f"{name}.cos"])


def _decide(o: dict[str, Floats]) -> Floats:
    left_held, right_held = o["left_grasped"] > 0.5, o["right_grasped"] > 0.5
    bar, yaw = vector(o, "bar"), np.arctan2(o["bar.sin"], o["bar.cos"])
    to_meeting = MEETING - bar
    met = right_held & (np.linalg.norm(to_meeting, axis=1) < 0.03) & (np.abs(yaw) < 0.1)
    return np.concatenate([_left(o, left_held, met, yaw), _right(o, left_held, right_held, to_meeting, yaw)], axis=1)


def _descent(offset: Floats, turn: Floats) -> tuple[Floats, Bools]:
    """How far to go up (n,) on the way to a grasp, the less the nearer and better turned, and whether it is reached.

    Nowhere does it jump, so that it can be imitated.
    """
    aside, askew = distance(offset), np.abs(turn)
    rise = ABOVE * np.clip(np.maximum((aside - 0.006) / 0.04, (askew - 0.08) / 0.4), 0.0, 1.0)
    there = (aside < 0.012) & (askew < 0.15) & (np.abs(offset[:, 2]) < 0.006)
    return offset[:, 2] + np.where(there, 0.0, rise), there


def _left(o: dict[str, Floats], held: Bools, met: Bools, yaw: Floats) -> Floats:
    """Waits, takes hold of the bar where it is offered, and keeps it there."""
    offset, turn = vector(o, "left_tip_to_end"), _turn(o, "left_hand_to_bar")
    down, there = _descent(offset, turn)
    reach = np.concatenate([offset[:, :2], down[:, None]], axis=1)
    wait = WAITING - vector(o, "left_tip")
    move = np.where(held[:, None], 0.0, np.where(met[:, None], reach, wait))
    spin = np.where(held | there, 0.0, np.where(met, turn, turn - yaw))
    return action(move, spin, ~(held | (met & there)))


def _right(o: dict[str, Floats], left_held: Bools, held: Bools, to_meeting: Floats, yaw: Floats) -> Floats:
    """Takes hold of the bar, offers it at the meeting point, lets go when the left hand has it, and goes."""
    offset, turn = vector(o, "right_tip_to_end"), _turn(o, "right_hand_to_bar")
    down, there = _descent(offset, turn)
    reach = np.concatenate([offset[:, :2], down[:, None]], axis=1)
    free = o["right_touching"] < 0.5
    up = np.stack([0 * yaw, 0 * yaw, 0.03 + 0 * yaw], axis=1)
    clear = offset[:, 2] < -0.05
    go = np.where(clear[:, None], ASIDE - vector(o, "right_tip"), np.where(free[:, None], up, 0.0))
    move = np.where(left_held[:, None], go, np.where(held[:, None], to_meeting, reach))
    spin = np.where(left_held | (there & ~held), 0.0, np.where(held, -yaw, turn))
    return action(move, spin, left_held | ~(held | there))


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `mujoco/aloha-transfer`."""
    return ScriptedExpert(spec, _decide, noise)
