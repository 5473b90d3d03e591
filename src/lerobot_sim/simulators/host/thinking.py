"""Which lanes of a policy elsewhere decide anew at their next act: its answers tell it, so that nobody has to ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array, to_numpy

from .policy_worker import THINKS


class Thinking:
    """What a policy's answers have told, lane by lane; a lane that was reset decides anew."""

    def __init__(self) -> None:
        self._next = np.ones(0, np.bool_)

    def reset(self, lanes: Array) -> None:
        """Lanes whose episodes begin."""
        numbers = to_numpy(lanes)
        self._grow(int(numbers.max(initial=-1)) + 1)
        self._next[numbers] = True

    def note(self, active: Array, parts: Mapping[str, NDArray[Any]]) -> None:
        """What an answer tells of the lanes that have acted; nothing where the policy does not tell."""
        if THINKS not in parts:
            return
        mask = to_numpy(active)
        self._grow(len(mask))
        self._next[: len(mask)][mask] = parts[THINKS][mask]

    def __call__(self, active: Array) -> NDArray[np.bool_]:
        """As `thinks` of a policy: lanes of `active` whose next act is not just taken from a chunk that is there."""
        mask = to_numpy(active)
        self._grow(len(mask))
        return mask & self._next[: len(mask)]

    def _grow(self, count: int) -> None:
        missing = count - len(self._next)
        if missing > 0:
            self._next = np.concatenate([self._next, np.ones(missing, np.bool_)])
