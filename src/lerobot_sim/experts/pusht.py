r"""The scripted expert of `pusht/push-t`: pushes on the T's faces, each the one that mends most.

The T has no friction and keeps no velocity, so what a push does is known. The disc that goes d along the unit vector u,
at right angles to a face, with the lever c = r x u about the centre of mass, moves centre and angle by

    d k u    and    d k c / I,    k = 1 / (1 + c^2 / I)

with I the moment of inertia over the mass. For every place on every face the depth d is found that leaves least of

    |centre's error|^2 + (RADIUS * angle's error)^2

and the best of all is taken. That depends on the T alone, so the choice stands while the disc goes around; and while
the disc pushes, it stays with the face that it is at as long as this mends enough.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from lerobot_sim.errors import InputError
from lerobot_sim.spec import STATE, EnvSpec

from .scripted import Floats, ScriptedExpert, of_state

GOAL = (256.0, 256.0, np.pi / 4)
"""Where the T belongs: position of its origin, and angle."""
CENTRE = np.array([0.0, 45.0])
"""The T's centre of mass in its own frame."""
INERTIA = 3000.0
RADIUS = 45.0
"""How far an error of 1 rad counts as much as one of so many pixels."""
DISC = 15.0
GAP = 12.0
"""Room between the disc and the face that it is about to push."""
RING = 104.0
"""Distance from the centre of mass at which the disc goes around the T."""
RECTANGLES = np.array([[-60.0, 0.0, 60.0, 30.0], [-15.0, 30.0, 15.0, 120.0]])
"""The T: bar and stem, (x, y, x, y) in its own frame."""

_FACES = (  # from, to, direction of a push
    ((-56, 0), (56, 0), (0, 1)),
    ((-56, 30), (-32, 30), (0, -1)),
    ((32, 30), (56, 30), (0, -1)),
    ((-60, 3), (-60, 27), (1, 0)),
    ((60, 3), (60, 27), (-1, 0)),
    ((-15, 48), (-15, 117), (1, 0)),
    ((15, 48), (15, 117), (-1, 0)),
    ((-12, 120), (12, 120), (0, -1)),
)


class _Pushes(NamedTuple):
    """Places (p, 2) where to push, relative to the centre of mass, directions (p, 2), levers (p,)."""

    place: Floats
    direction: Floats
    lever: Floats


def _pushes() -> _Pushes:
    places: list[Floats] = []
    directions: list[Floats] = []
    for start, end, direction in _FACES:
        a, b = np.array(start, np.float64), np.array(end, np.float64)
        count = max(2, round(float(np.linalg.norm(b - a)) / 4) + 1)
        share: Floats = np.arange(count)[:, None] / (count - 1)
        places.append(a + share * (b - a) - CENTRE)
        directions.append(np.tile(np.array(direction, np.float64), (count, 1)))
    place, direction = np.concatenate(places), np.concatenate(directions)
    return _Pushes(place, direction, place[:, 0] * direction[:, 1] - place[:, 1] * direction[:, 0])


PUSHES = _pushes()


def decide(state: Floats) -> Floats:
    """`observation.state` (n, 5) -> where the disc is to go (n, 2)."""
    return np.stack([_decide(row) for row in state])


def _decide(row: Floats) -> Floats:
    disc, angle = row[:2], row[4]
    turn = _rotation(angle)
    centre = row[2:4] + turn @ CENTRE
    wanted = np.array(GOAL[:2]) + _rotation(GOAL[2]) @ CENTRE
    error = turn.T @ (wanted - centre)
    askew = (GOAL[2] - angle + np.pi) % (2 * np.pi) - np.pi
    local = turn.T @ (disc - centre)
    push = _at_face(local, error, askew)
    if push is None:
        start, goal = _best(error, askew, centre, turn)
        if _in_front(local, start, goal):
            push = goal
        else:
            return _limited(disc, centre + turn @ _way(local, start, centre, turn), 90.0)
    return _limited(disc, centre + turn @ push, 30.0)


def _gains(error: Floats, askew: float, direction: Floats, lever: Floats) -> tuple[Floats, Floats]:
    """Depth (p,) of each push that leaves least, and how much of the squared error it mends."""
    share = 1.0 / (1.0 + lever**2 / INERTIA)
    x, y, spin = direction[:, 0] * share, direction[:, 1] * share, RADIUS * lever / INERTIA * share
    along = x * error[0] + y * error[1] + spin * RADIUS * askew
    norm = x**2 + y**2 + spin**2
    depth = np.maximum(along / norm, 0.0)
    return depth, depth**2 * norm


def _best(error: Floats, askew: float, centre: Floats, turn: Floats) -> tuple[Floats, Floats]:
    """Where the disc begins the best push, and where it ends, in the T's frame about its centre of mass."""
    depth, gain = _gains(error, askew, PUSHES.direction, PUSHES.lever)
    start = PUSHES.place - (DISC + GAP) * PUSHES.direction
    world = centre + start @ turn.T
    inside = ((world > 2) & (world < 510)).all(axis=1)
    index = int(np.argmax(np.where(inside, gain, gain * 1e-3)))
    ahead = PUSHES.place[index] - (DISC - min(depth[index], 60.0)) * PUSHES.direction[index]
    return start[index], ahead


def _in_front(local: Floats, start: Floats, goal: Floats) -> bool:
    """Whether the disc is between a push's start and its end, near the line."""
    line = goal - start
    length = float(np.linalg.norm(line))
    along = float((local - start) @ line) / max(length, 1e-9)
    aside = abs(float((local - start)[0] * line[1] - (local - start)[1] * line[0])) / max(length, 1e-9)
    return -6.0 < along < length + 4.0 and aside < 4.0


def _at_face(local: Floats, error: Floats, askew: float) -> Floats | None:
    """Where to push on, where the disc is at a face and that mends at least a third of what the best push would."""
    away = PUSHES.place - DISC * PUSHES.direction - local
    near = int(np.argmin((away**2).sum(axis=1)))
    if np.linalg.norm(away[near]) > 5.0:
        return None
    direction, place = PUSHES.direction[near], local + DISC * PUSHES.direction[near]
    lever = place[0] * direction[1] - place[1] * direction[0]
    depth, gain = _gains(error, askew, direction[None], np.array([lever]))
    _, others = _gains(error, askew, PUSHES.direction, PUSHES.lever)
    if depth[0] < 0.4 or gain[0] < others.max() / 3:
        return None
    return local + depth[0] * direction


def _way(local: Floats, start: Floats, centre: Floats, turn: Floats) -> Floats:
    """The next point on the way to a push's start: straight where nothing is between, else around the T."""
    if _free(local, start):
        return start
    here, there = np.arctan2(local[1], local[0]), np.arctan2(start[1], start[0])
    short = (there - here + np.pi) % (2 * np.pi) - np.pi
    arcs = [_arc(here, by, centre, turn) for by in (short, short - np.sign(short) * 2 * np.pi)]
    open_arcs = [arc for arc in arcs if (_gap(arc) >= DISC + 1.0).all()]
    arc = open_arcs[0] if open_arcs else arcs[0]
    ahead = [point for point in arc[:10] if _free(local, point)]
    if ahead:
        return ahead[-1]
    return local * (1 + 20.0 / max(float(np.linalg.norm(local)), 1e-9))


def _arc(here: float, by: float, centre: Floats, turn: Floats) -> Floats:
    """Points (k, 2) of the ring around the T from one angle on, every 0.1 rad; where it leaves the table, its edge."""
    angles = here + np.linspace(0, 1, max(2, round(abs(by) / 0.1)) + 1)[1:] * by
    points = RING * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return (np.clip(centre + points @ turn.T, 3, 509) - centre) @ turn


def _gap(points: Floats) -> Floats:
    """Distance (k,) from the T's edge of points (k, 2) in its frame about its centre of mass, 0 within it."""
    x, y = (points + CENTRE).T
    gaps = [
        np.hypot(np.maximum(np.maximum(a - x, x - c), 0), np.maximum(np.maximum(b - y, y - d), 0))
        for a, b, c, d in RECTANGLES
    ]
    return np.minimum(*gaps)


def _free(a: Floats, b: Floats) -> bool:
    """Whether the disc can go straight from a to b without touching the T, or comes off it on the way."""
    gap = _gap(a + np.linspace(0, 1, 25)[:, None] * (b - a))
    return bool((gap[1:] >= np.minimum(DISC + 2.0, gap[0] + 0.5)).all())


def _limited(disc: Floats, target: Floats, most: float) -> Floats:
    """A target that is no further from the disc than `most`."""
    move = target - disc
    length = float(np.linalg.norm(move))
    return disc + move * min(1.0, most / max(length, 1e-9))


def _rotation(angle: float) -> Floats:
    cos, sin = np.cos(angle), np.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def make(spec: EnvSpec, noise: float = 0.3) -> ScriptedExpert:
    """The expert of `pusht/push-t`; `noise` is the standard deviation of Gaussian noise on its actions, in pixels.

    Raises:
        InputError: The options leave out what it reads.
    """
    if STATE not in spec.observation or spec.observation[STATE].shape != (5,):
        raise InputError("The expert reads the T's position and angle: obs_type='state'.")
    return ScriptedExpert(spec, of_state(decide), noise)
