"""Scripted experts of `aloha/transfer-cube` and `aloha/insertion`: both arms along waypoints, by the clock.

Where the objects lie follows from the seed, as gym-aloha draws it, so the experts need nothing that is observed; they
run with every `obs_type`. Between waypoints the tips go smoothly (3 s^2 - 2 s^3), and the joints follow by the closed
form of the ViperX's arm: waist, and shoulder, elbow and wrist in one upright plane.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.arrays import Array, to_numpy
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision, LaneClock
from lerobot_sim.simulators.seeding import word
from lerobot_sim.spec import Camera, EnvSpec

Floats: TypeAlias = "NDArray[np.float64]"

BASES = {"left": (-0.469, 0.5, 0.0), "right": (0.469, 0.5, np.pi)}
"""Where each arm stands, x and y in m, and how it is turned."""
SHOULDER_M = 0.12705
UPPER_M = (0.05955, 0.3)
FOREARM_M = 0.3
HAND_M = 0.2
"""From the wrist to between the fingers' tips."""
START = (0.0, -0.96, 1.16, 0.0, -0.3, 0.0)
"""Joints at a reset in rad."""
PEG_BELOW_M = 0.012
"""The peg lies flat on the table, so it hangs lower in its hand than the socket does."""

Waypoint: TypeAlias = "tuple[int, Floats, float, float, float]"
"""Step at which it is reached; tip (n, 3) in m; pitch (downwards) and roll in rad; gripper, 0 closed to 1 open."""


def inverse(side: str, tip: Floats, pitch: Floats, roll: Floats) -> Floats:
    """Joints (n, 6) that bring the tip to (n, 3) in m, with the hand pointing down by `pitch` and turned by `roll`."""
    x, y, turn = BASES[side]
    ahead = (tip[:, 0] - x) * np.cos(turn) + (tip[:, 1] - y) * np.sin(turn)
    aside = (tip[:, 1] - y) * np.cos(turn) - (tip[:, 0] - x) * np.sin(turn)
    out = np.hypot(ahead, aside) - HAND_M * np.cos(pitch)
    up = tip[:, 2] - SHOULDER_M + HAND_M * np.sin(pitch)
    far, upper = np.hypot(out, up), np.hypot(*UPPER_M)
    bend = np.arccos(np.clip((upper**2 + far**2 - FOREARM_M**2) / (2 * upper * far), -1.0, 1.0))
    raised = np.arctan2(up, out) + bend
    shoulder = np.arctan2(UPPER_M[1], UPPER_M[0]) - raised
    forearm = -np.arctan2(up - upper * np.sin(raised), out - upper * np.cos(raised))
    return np.stack([np.arctan2(aside, ahead), shoulder, forearm - shoulder, 0 * roll, pitch - forearm, roll], axis=1)


def forward(side: str, joints: Floats) -> tuple[Floats, Floats]:
    """The tip (n, 3) in m and the pitch (n,) of joints (n, 6) whose forearm is not rolled."""
    shoulder, forearm = joints[:, 1], joints[:, 1] + joints[:, 2]
    pitch = forearm + joints[:, 4]
    out = UPPER_M[0] * np.cos(shoulder) + UPPER_M[1] * np.sin(shoulder)
    up = SHOULDER_M - UPPER_M[0] * np.sin(shoulder) + UPPER_M[1] * np.cos(shoulder)
    out = out + FOREARM_M * np.cos(forearm) + HAND_M * np.cos(pitch)
    up = up - FOREARM_M * np.sin(forearm) - HAND_M * np.sin(pitch)
    x, y, turn = BASES[side]
    around = joints[:, 0] + turn
    return np.stack([x + out * np.cos(around), y + out * np.sin(around), up], axis=1), pitch


def along(side: str, waypoints: Sequence[Waypoint], acts: NDArray[np.int64]) -> Floats:
    """Joints and gripper (n, 7) at each lane's act."""
    start, pitch = forward(side, np.tile(np.array(START), (len(acts), 1)))
    pose = np.concatenate([start, pitch[:, None], np.zeros((len(acts), 2))], axis=1)
    since = 0
    for until, tip, down, roll, grip in waypoints:
        there = np.concatenate([tip, np.tile([down, roll, grip], (len(acts), 1))], axis=1)
        share = np.clip((acts + 1 - since) / (until - since), 0.0, 1.0)[:, None]
        pose = pose + (there - pose) * share**2 * (3 - 2 * share)
        since = until
    return np.concatenate([inverse(side, pose[:, :3], pose[:, 3], pose[:, 4]), pose[:, 5:]], axis=1)


def transfer(seeds: NDArray[np.int64]) -> dict[str, list[Waypoint]]:
    """The right hand fetches the cube and holds it up in the middle, where the left one takes it."""
    cube = drawn(seeds, [[0.0, 0.2], [0.4, 0.6]])[0]
    meeting = np.tile([0.0, 0.5, 0.25], (len(seeds), 1))
    down, across = 1.0, np.pi / 2
    return {
        "right": [
            (60, cube + np.array([0, 0, 0.1]), down, 0.0, 1.0),
            (85, cube + np.array([0, 0, 0.01]), down, 0.0, 1.0),
            (115, cube + np.array([0, 0, 0.01]), down, 0.0, 0.0),
            (165, meeting, down, 0.0, 0.0),
        ],
        "left": [
            (100, meeting - [0.2, 0, 0.02], 0.0, across, 1.0),
            (165, meeting - [0.12, 0, 0.02], 0.0, across, 1.0),
            (215, meeting - [0.02, 0, 0.02], 0.0, across, 1.0),
            (250, meeting - [0.02, 0, 0.02], 0.0, across, 0.0),
        ],
    }


def insert(seeds: NDArray[np.int64]) -> dict[str, list[Waypoint]]:
    """Each hand picks its part up, both line up in the middle, and the peg goes in."""
    peg, socket = drawn(seeds, [[0.1, 0.2], [0.4, 0.6]], [[-0.2, -0.1], [0.4, 0.6]])
    middle = np.tile([0.0, 0.5, 0.2], (len(seeds), 1))
    down = 1.0
    found: dict[str, list[Waypoint]] = {}
    for side, part, line in (("right", peg, [1.0, 0, PEG_BELOW_M]), ("left", socket, [-1.0, 0, 0])):
        apart, end = (middle + np.array([x, 1, 1]) * line for x in (0.13, 0.03))
        found[side] = [
            (60, part + np.array([0, 0, 0.1]), down, 0.0, 1.0),
            (85, part + np.array([0, 0, 0.01]), down, 0.0, 1.0),
            (120, part + np.array([0, 0, 0.01]), down, 0.0, 0.0),
            (175, apart, down, 0.0, 0.0),
            (190, apart, down, 0.0, 0.0),
            (280, end, down, 0.0, 0.0),
        ]
    return found


def drawn(seeds: NDArray[np.int64], *ranges: Sequence[Sequence[float]]) -> list[Floats]:
    """Where objects lie by gym-aloha's draw: for each (x, y) range places (n, 3), resting on the table."""
    found = [np.zeros((len(seeds), 3)) for _ in ranges]
    for lane, seed in enumerate(seeds.tolist()):
        source = np.random.RandomState(word(seed))  # as gym-aloha
        for place, (x, y) in zip(found, ranges, strict=True):
            place[lane] = source.uniform([x[0], y[0], 0.05], [x[1], y[1], 0.05])
            place[lane, 2] = 0.02
    return found


_PLANS: Mapping[str, Callable[[NDArray[np.int64]], dict[str, list[Waypoint]]]] = {
    "aloha/transfer-cube": transfer,
    "aloha/insertion": insert,
}


class AlohaExpert:
    """Acts by the seed and the clock; see `lerobot_sim.policy.Policy`."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, spec: EnvSpec, noise: float) -> None:
        if not 0 <= noise < np.inf:
            raise InputError(f"noise: expected a standard deviation of at least 0, {noise} came.")
        self._spec, self._noise = spec, noise
        self._clock = LaneClock()

    def reset(self, lanes: Array, seeds: Array) -> None:
        self._clock.reset(lanes, seeds)

    def act(self, observation: Batch, active: Array) -> Decision:
        live = to_numpy(active)
        seeds, acts = self._clock.of(len(live))
        plan = _PLANS[self._spec.id](seeds)
        action = np.concatenate([along(side, plan[side], acts) for side in ("left", "right")], axis=1)
        if self._noise > 0:
            action = action + self._noise * rng.normal(seeds, f"expert/{self._spec.id}", acts, shape=(14,))
        self._clock.tick(live)
        feature = self._spec.action
        return Decision(np.clip(action, feature.low, feature.high).astype(feature.dtype))


def make(spec: EnvSpec, noise: float = 0.002) -> AlohaExpert:
    """The expert of a task of `_PLANS`; `noise` is the standard deviation of Gaussian noise on its actions, in rad."""
    return AlohaExpert(spec, noise)
