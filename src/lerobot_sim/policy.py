"""Whoever acts is a Policy: a network, a scripted expert, a replay, a person with a gamepad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .arrays import Array
from .env import Batch
from .spec import Camera

EVENTS = ("success", "failure", "rerecord_episode", "is_intervention", "terminate_episode")
"""LeRobot's names of what a teleoperator can say."""


@dataclass(frozen=True)
class Decision:
    """What a policy decided for every lane, in arrays that it does not write to later.

    Attributes:
        action: (lanes, *action shape); rows of lanes that are not active are ignored.
        columns: Further arrays to record beside the action, such as `is_intervention`; the same names at every act.
        events: Name of `EVENTS` -> bool (lanes,).
    """

    action: Array
    columns: Batch = field(default_factory=dict[str, Any])
    events: Batch = field(default_factory=dict[str, Any])


class Policy(Protocol):
    """Acts for a batch of lanes, each with its own memory.

    One that reads what it is to do has a method `instruct(lanes, instructions)` as well: called after `reset` with
    the task in words, one a lane.

    Attributes:
        cameras: What it reads, by name; empty for a policy that needs no images.
        batch_invariant: A lane's action does not depend, to the last bit, on the batch around it. Experts
            and replay: yes. Networks: no.
    """

    @property
    def cameras(self) -> Mapping[str, Camera]: ...
    @property
    def batch_invariant(self) -> bool: ...

    def reset(self, lanes: Array, seeds: Array) -> None:
        """Forgets all about `lanes`, which begin new episodes with `seeds`."""
        ...

    def act(self, observation: Batch, active: Array) -> Decision:
        """Decides for the lanes that are `active` (bool mask); memory of the others must not change."""
        ...


class LaneClock:
    """Seed and number of acts of every lane, for policies whose noise is a function of both.

    A Policy hears of lanes only as they begin, so the arrays grow with the highest one.
    """

    def __init__(self) -> None:
        self.seeds: NDArray[np.int64] = np.zeros(0, np.int64)
        self.acts: NDArray[np.int64] = np.zeros(0, np.int64)

    def reset(self, lanes: Array, seeds: Array) -> None:
        """Sets the seeds of `lanes` and their acts to 0."""
        missing = int(np.max(lanes, initial=-1)) + 1 - len(self.seeds)
        if missing > 0:
            self.seeds = np.concatenate([self.seeds, np.zeros(missing, np.int64)])
            self.acts = np.concatenate([self.acts, np.zeros(missing, np.int64)])
        self.seeds[lanes] = seeds
        self.acts[lanes] = 0

    def of(self, count: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Seeds and acts (count,) of a batch's lanes; 0 for lanes that have not begun."""
        seeds, acts = np.zeros(count, np.int64), np.zeros(count, np.int64)
        known = min(count, len(self.seeds))
        seeds[:known], acts[:known] = self.seeds[:known], self.acts[:known]
        return seeds, acts

    def tick(self, active: NDArray[np.bool_]) -> None:
        """Counts one act of every active lane."""
        known = min(len(active), len(self.acts))
        self.acts[:known] += active[:known]
