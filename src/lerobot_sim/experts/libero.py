"""The scripted expert of `libero/libero_object-…` and `libero/libero_spatial-…`: grasp from above, carry over, let go.

There is no hidden phase: what to do follows from the observation (the object's, the target's and the hand's place
and the fingers' opening). A thing between fingers that stopped at its width is held. The way to the grasp and to the
target is a funnel: the farther away horizontally, the higher. Fingers move along y; over a drawer, along its front.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from lerobot_sim.errors import InputError
from lerobot_sim.simulators.libero.catalogue import Task, task_of
from lerobot_sim.spec import EnvSpec

from .scripted import Floats, ScriptedExpert

GAIN = 16.0
"""Action for a distance, in 1/m; an action of 1 is a wish to be 5 cm farther, and moves about 1.5 cm a step."""
STRETCHED = (1.0, 48.0)
"""Height of a thing on a table above which the arm is stretched, in m, and the gain there and over the plate, in 1/m:
the controller's wish for its first posture holds smaller ones back."""
FUNNEL = (0.01, 0.06)
"""Horizontal distances at which the funnel's height is zero and all of it, in m."""


@dataclass(frozen=True, kw_only=True)
class Grasp:
    """How a kind of thing is taken, relative to its body's origin.

    Attributes:
        height: Of the fingertips, in m.
        width: Between the fingers that hold it, in m.
        below: The thing's lowest point, in m.
        places: Where it can be taken, (x, y) from its middle in m, best first.
    """

    height: float
    width: float
    below: float
    places: tuple[tuple[float, float], ...] = ((0.0, 0.0),)


_RIM = ((0.0, 0.048), (0.0, -0.048))
_LONG = ((0.0, 0.0), (-0.022, 0.0), (0.022, 0.0))

GRASPS: Mapping[str, Grasp] = {
    "akita_black_bowl": Grasp(height=0.042, width=0.006, below=0.0, places=_RIM),
    "alphabet_soup": Grasp(height=0.01, width=0.063, below=-0.038),
    "bbq_sauce": Grasp(height=0.015, width=0.037, below=-0.055),
    "butter": Grasp(height=0.002, width=0.042, below=-0.009, places=_LONG),
    "chocolate_pudding": Grasp(height=0.003, width=0.047, below=-0.013, places=_LONG),
    "cream_cheese": Grasp(height=0.002, width=0.043, below=-0.009, places=_LONG),
    "ketchup": Grasp(height=0.03, width=0.036, below=-0.072),
    "milk": Grasp(height=0.025, width=0.053, below=-0.07),
    "orange_juice": Grasp(height=0.025, width=0.053, below=-0.07),
    "salad_dressing": Grasp(height=0.03, width=0.037, below=-0.073),
    "tomato_sauce": Grasp(height=0.01, width=0.063, below=-0.038),
}
"""Kind of thing -> its grasp."""

DRAWERS: Mapping[str, str] = {"libero_spatial-4": "wooden_cabinet_1"}
"""Task -> the cabinet in whose open drawer the thing lies: there a finger has room at the thing's sides alone, so the
hand turns until its fingers move along the drawer's front."""
IN_DRAWER = 0.034
"""How far from its middle the bowl is taken there, in m: less than the rim's radius, or the outer finger would meet the
drawer's side. Closing pulls the bowl to the hand's middle, which stands still meanwhile."""
DEPTH = 0.034
"""Height of the fingertips there over the bowl's body, in m: deep, for the bowl is pulled out from between walls."""
TURN_GAIN = 4.0
"""Action for a turn that is missing, in 1/rad."""
TURNED = 0.1
"""Missing turn from which on the hand stays above the thing, in rad."""

HAND = (0.032, 0.105)
"""Half of the hand's extent along x and y, in m."""
PALM = 0.045
"""Height of the hand's palm over the fingertips, in m: what is lower does not hinder it."""
AROUND: Mapping[str, tuple[float, float]] = {
    "akita_black_bowl": (0.054, 0.052),
    "cookies": (0.041, 0.009),
    "flat_stove": (0.1, 0.05),
    "glazed_rim_porcelain_ramekin": (0.045, 0.043),
    "wooden_cabinet": (0.15, 0.223),
}
"""Kind of thing -> its radius and its top over its body's origin, in m."""
_SMALL = (0.035, 0.07)
CABINET = 0.2
"""Horizontal distance from a cabinet's middle within which things are carried higher, and how much, in m."""


@dataclass(frozen=True, kw_only=True)
class Put:
    """Where a thing goes, relative to the target's body.

    Attributes:
        clearance: Height of its lowest point on the way, in m.
        release: Height of its lowest point at which it is let go, in m.
        near: Horizontal distance from the target at which it may be let go, in m.
    """

    clearance: float
    release: float
    near: float


PUTS: Mapping[str, Put] = {
    "basket": Put(clearance=0.19, release=0.15, near=0.03),
    "plate": Put(clearance=0.12, release=0.025, near=0.018),
}
"""Kind of target -> how a thing is put there."""


def _decide(task: Task) -> Callable[[dict[str, Floats]], Floats]:
    """named numbers (n,) of the observation -> action (n, 7)."""
    thing, target = task.goal[0][1], task.goal[0][2].removesuffix("_contain_region")
    grasp, put = GRASPS[thing.rpartition("_")[0]], PUTS[target.rpartition("_")[0]]
    others = [name for name in (*task.objects, *task.fixtures) if name not in (thing, target)]
    drawer = DRAWERS.get(task.id)
    cabinets = [name for name in task.fixtures if "cabinet" in name]

    def decide(named: dict[str, Floats]) -> Floats:
        hand, body, goal = (_place(named, name) for name in ("hand", thing, target))
        opening = named["finger_1"] - named["finger_2"]
        if drawer:
            to_grasp, turn = _into_drawer(named, hand, body, drawer)
        else:
            to_grasp = _to_grasp(grasp, hand, body, {name: _place(named, name) for name in others})
            turn = np.zeros(len(hand))
        near = (_length(to_grasp[:, :2]) < 0.012) & (np.abs(to_grasp[:, 2]) < 0.012)
        slack = opening > grasp.width + 0.004
        held = (_length(to_grasp) < 0.04) & ~slack & (opening > 0.25 * grasp.width)
        to_goal = goal - body
        bottom = -to_goal[:, 2] + grasp.below
        done = (_length(to_goal[:, :2]) < put.near) & (bottom < put.release)

        distance = _length(to_goal[:, :2])
        clearance = np.full_like(distance, put.clearance)
        for name in cabinets:
            clearance += CABINET * (_length((body - _place(named, name))[:, :2]) < CABINET)
        share = _share(distance)
        carry = to_goal.copy()
        carry[:, 2] = put.release - 0.02 + (clearance + 0.02 - put.release) * share - bottom
        far = share >= 1.0
        carry[far, 2] = np.maximum(carry[far, 2], 0.0)  # nothing sinks on its way
        carry[far & (carry[:, 2] > 0.03), :2] = 0.0  # up first, then across
        distance = _length(to_grasp[:, :2])
        reach = to_grasp.copy()
        up = np.maximum(_share(distance), np.clip(np.abs(turn) / TURNED - 1.0, 0.0, 1.0))
        reach[:, 2] += 0.09 * up + (0.1 * _share(distance - 0.06) if cabinets else 0.0)
        move = np.where(held[:, None], carry, reach)
        move = np.where((done & slack)[:, None], np.array([0.0, 0.0, 0.1]), move)
        firm = (body[:, 2] > STRETCHED[0]) | (held & (share < 1.0) & bool(cabinets))
        gain = np.where(firm, STRETCHED[1], GAIN)
        shut = np.where(~done & (held | near), 1.0, -1.0)
        turns = np.stack([np.zeros_like(turn), np.zeros_like(turn), np.clip(TURN_GAIN * turn, -1.0, 1.0)], axis=1)
        return np.concatenate([np.clip(gain[:, None] * move, -1.0, 1.0), turns, shut[:, None]], axis=1)

    return decide


def _to_grasp(grasp: Grasp, hand: Floats, body: Floats, others: Mapping[str, Floats]) -> Floats:
    """(n, 3) from the hand to the place where the thing is taken: where the hand is already, else the clearest."""
    ways = [body + np.array([x, y, grasp.height]) - hand for x, y in grasp.places]
    distances = np.stack([_length(way) for way in ways])
    free = np.stack([_free(way + hand, others) for way in ways])
    best = np.where(free[0] > 0.0, 0, free.argmax(axis=0))
    chosen = np.where(distances.min(axis=0) < 0.03, distances.argmin(axis=0), best)
    return np.stack(ways)[chosen, np.arange(len(hand))]


def _into_drawer(named: dict[str, Floats], hand: Floats, body: Floats, cabinet: str) -> tuple[Floats, Floats]:
    """(n, 3) from the hand to the bowl's rim at the drawer's roomier side, and the turn (n,) that the hand lacks."""
    yaw = 2.0 * np.arctan2(named[f"{cabinet}.qz"], named[f"{cabinet}.qw"]) - 0.5 * np.pi
    aside = np.stack([-np.sin(yaw), np.cos(yaw), np.zeros(len(hand))], axis=1)  # along the drawer's front
    middle = _place(named, cabinet)
    out = np.where(_sum(aside * (middle - body)) < 0.0, -1.0, 1.0)  # to the side that is nearer to the middle
    at = body - hand
    out = np.where(np.abs(_sum(at * aside)) < 0.06, -np.sign(_sum(at * aside)), out)  # the hand is at one already
    way = at + out[:, None] * IN_DRAWER * aside + np.array([0.0, 0.0, DEPTH])
    radius = -out * _sum(at * aside)
    around = (np.abs(way[:, 2]) < 0.03) & (radius > 0.02) & (radius < 0.06)
    way = way - np.where(around, _sum(way * aside), 0.0)[:, None] * aside
    present = 2.0 * np.arctan2(named["hand.turn_y"], named["hand.turn_x"])  # half a turn about an axis that lies flat
    return way, (yaw - present + 0.5 * np.pi) % np.pi - 0.5 * np.pi  # two fingers: half a turn changes nothing


def _free(place: Floats, others: Mapping[str, Floats]) -> Floats:
    """Horizontal distance (n,) between the hand at a place and what could hinder it, negative where they meet."""
    free = np.full(len(place), np.inf)
    for name, other in others.items():
        radius, top = AROUND.get(name.rpartition("_")[0], _SMALL)
        apart = np.abs(other - place)
        gap = np.maximum(apart[:, 0] - HAND[0], apart[:, 1] - HAND[1]) - radius
        free = np.minimum(free, np.where(other[:, 2] + top > place[:, 2] + PALM, gap, np.inf))
    return free


def _place(named: dict[str, Floats], name: str) -> Floats:
    return np.stack([named[f"{name}.{axis}"] for axis in "xyz"], axis=1)


def _sum(vectors: Floats) -> Floats:
    return vectors.sum(axis=1)


def _length(vectors: Floats) -> Floats:
    return np.sqrt(_sum(vectors * vectors))


def _share(distance: Floats) -> Floats:
    near, far = FUNNEL
    return np.clip((distance - near) / (far - near), 0.0, 1.0)


def make(spec: EnvSpec, noise: float = 0.0) -> ScriptedExpert:
    """The expert of a task of libero_object or libero_spatial.

    Args:
        spec: The environment's.
        noise: Standard deviation of Gaussian noise on the actions.

    Raises:
        InputError: The task is of another suite.
    """
    task = task_of(spec.id.partition("/")[2])
    if task.suite not in ("libero_object", "libero_spatial"):
        raise InputError(f"'{spec.id}' has no scripted expert: libero_object and libero_spatial have one.")
    return ScriptedExpert(spec, _decide(task), noise)
