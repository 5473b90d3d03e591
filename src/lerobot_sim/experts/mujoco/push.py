"""The expert of `mujoco/push`: over the puck to behind it, down, push towards the mark, off the puck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lerobot_sim.experts.scripted import Floats, ScriptedExpert
from lerobot_sim.spec import EnvSpec

from .hand import STEP, distance, vector


@dataclass(frozen=True)
class Way:
    """Lengths in m that suit a robot.

    Attributes:
        behind: From the puck's middle to the place behind it where the fingers come down.
        contact: Less than the distance of the two when they touch.
        low: The tip's height at work.
        high: The tip's height on its way over the puck.
        off: How far from the puck's middle the fingers go in the end.
        straight: How far the fingers may be from the line through puck and mark.
        there: Distance from the mark that is good enough.
    """

    behind: float
    contact: float
    low: float
    high: float
    off: float
    straight: float
    there: float


WAYS = {
    "panda": Way(behind=0.075, contact=0.042, low=0.018, high=0.065, off=0.085, straight=0.02, there=0.01),
    "so100": Way(behind=0.055, contact=0.032, low=0.022, high=0.060, off=0.068, straight=0.015, there=0.008),
    "so101": Way(behind=0.055, contact=0.032, low=0.022, high=0.060, off=0.068, straight=0.015, there=0.008),
}
PUSHING = 0.3
"""Greatest action while pushing: 19 cm/s."""


def _decide(o: dict[str, Floats], way: Way) -> Floats:
    left = np.stack([o["puck_to_mark.x"], o["puck_to_mark.y"]], axis=1)
    offset = vector(o, "fingers_to_puck")[:, :2]
    remaining = distance(left)
    ahead = left / np.maximum(remaining, 1e-6)[:, None]
    aside = np.stack([-ahead[:, 1], ahead[:, 0]], axis=1)
    along, across, height = o["fingers_from_puck.along"], o["fingers_from_puck.across"], o["tip.z"]

    # to the place behind the puck: high until over it
    to_place = offset - way.behind * ahead
    far = distance(to_place)
    rise = way.low + (way.high - way.low) * np.clip((far - 0.008) / 0.02, 0.0, 1.0)
    free = np.clip(1.0 - (way.high - 0.012 - height) / 0.015, 0.0, 1.0)  # sideways only above the puck
    free = np.where((far < 0.02) | (distance(offset) > way.off + 0.03), 1.0, free)
    come = np.concatenate([0.5 * free[:, None] * to_place, 0.5 * (rise - height)[:, None]], axis=1)

    # push
    forward = np.clip(0.35 * remaining + 0.5 * np.maximum(-along - way.contact, 0.0), 0.08 * STEP, PUSHING * STEP)
    forward = forward * np.clip(1.3 - np.abs(across) / way.straight, 0.0, 1.0)
    push = forward[:, None] * ahead - 0.8 * across[:, None] * aside
    push = np.concatenate([push, 0.5 * (way.low - height)[:, None]], axis=1)

    # off it
    away = distance(offset)
    back = -np.clip(0.5 * (way.off - away), 0.0, 0.4 * STEP)[:, None] * offset / np.maximum(away, 1e-6)[:, None]
    leave = np.where(away > way.contact + 0.02, way.high, way.low)
    back = np.concatenate([back, 0.5 * np.clip(leave - height, -0.4 * STEP, 0.8 * STEP)[:, None]], axis=1)

    pushing = (height < way.low + 0.012) & (np.abs(across) < way.straight) & (along < 0) & (-along < way.behind + 0.02)
    move = np.where((remaining < way.there)[:, None], back, np.where(pushing[:, None], push, come)) / STEP
    return np.clip(move, -0.8, 0.8)


def make(spec: EnvSpec, noise: float = 0.06) -> ScriptedExpert:
    """The expert of `mujoco/push` for any robot."""
    way = WAYS[spec.options["robot"]]
    return ScriptedExpert(spec, lambda o: _decide(o, way), noise)
