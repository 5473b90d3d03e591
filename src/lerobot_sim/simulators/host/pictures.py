"""Images of all lanes in a ring of slots of shared memory, handed out without a copy.

What was handed out must never change later. So a slot is written to again only when no array over it is alive any
more; when all but one are held, copies are handed out.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.env import Batch
from lerobot_sim.spec import Camera

from .channel import Block, Part
from .worker import image_field

SLOTS = 4


class Pictures:
    """The slots for some cameras.

    Args:
        block: Where they lie.
        cameras: Whose images.
        num_envs: Number of lanes.
    """

    def __init__(self, block: Block, cameras: Mapping[str, Camera], num_envs: int) -> None:
        self.cameras = dict(cameras)
        self.num_envs = num_envs
        self.slot = 0
        """Where the present pictures lie."""
        self.wanted = False
        """Whether the last images that were ready were asked for."""
        self._none = np.zeros(num_envs, np.bool_)  # these two are never written to
        self._all = np.ones(num_envs, np.bool_)
        self._fresh: NDArray[np.bool_] = self._none  # lanes that are shown as they stand
        fields = {name: image_field(camera, num_envs) for name, camera in cameras.items()}
        self._part = Part(fields)
        length = self._part.length
        self._part.offset = block.add(length * SLOTS)
        memory = memoryview(block.map(self._part.offset, length * SLOTS))
        self._slots = [memory[length * slot : length * (slot + 1)] for slot in range(SLOTS)]
        self._lent: list[Callable[[], NDArray[Any] | None]] = [_nobody] * SLOTS  # what all images handed out keep alive

    def to_json(self) -> dict[str, Any]:
        """What the worker needs to know."""
        cameras = {name: dataclasses.asdict(camera) for name, camera in self.cameras.items()}
        return {"part": self._part.to_json(), "slot_bytes": self._part.length, "slots": SLOTS, "cameras": cameras}

    def is_lent(self, slot: int) -> bool:
        """Whether somebody holds arrays over the slot."""
        return self._lent[slot]() is not None

    def next_slot(self) -> int:
        """A slot that nobody holds."""
        slot = 0
        while self._lent[slot]() is not None:
            slot += 1
        return slot

    def drawn(self, slot: int, rows: NDArray[np.int64] | None = None) -> None:
        """Pictures of `rows`, all lanes by default, have come to lie in a slot; in the present one they join others."""
        if rows is None:
            self._fresh = self._all
        else:
            self._mark(rows, fresh=True, others=self._fresh if slot == self.slot else self._none)
        self.slot = slot

    def spoil(self, rows: NDArray[np.int64] | None = None) -> None:
        """The pictures of `rows`, all lanes by default, no longer show how they stand."""
        if rows is None:
            self._fresh = self._none
        else:
            self._mark(rows, fresh=False, others=self._fresh)

    def any_fresh(self) -> bool:
        """Whether some lane is shown as it stands."""
        return bool(self._fresh.any())

    def are_fresh(self, rows: NDArray[np.int64] | None) -> bool:
        """Whether `rows`, all lanes where None, are shown as they stand."""
        return self._fresh is self._all or bool(self._fresh.all() if rows is None else self._fresh[rows].all())

    def lend(self, rows: NDArray[np.int64] | None) -> Batch:
        """Images of `rows` in the present slot, of all lanes where it is None."""
        self.wanted = True
        held = self._lent[self.slot]()
        images: NDArray[Any] = np.ndarray((), self._part.record, self._slots[self.slot]) if held is None else held
        if not self._is_another_free():
            return {name: images[name][slice(None) if rows is None else rows].copy() for name in self.cameras}
        self._lent[self.slot] = weakref.ref(images)  # the base of every view of it
        if rows is None:
            return {name: images[name] for name in self.cameras}
        first, last = int(rows[0]), int(rows[-1])
        together = last - first + 1 == len(rows)
        return {name: images[name][first : last + 1] if together else images[name][rows] for name in self.cameras}

    def _is_another_free(self) -> bool:
        for slot in range(SLOTS):  # noqa: SIM110  a generator costs three times as much
            if slot != self.slot and self._lent[slot]() is None:
                return True
        return False

    def _mark(self, rows: NDArray[np.int64], *, fresh: bool, others: NDArray[np.bool_]) -> None:
        self._fresh = others.copy()
        self._fresh[rows] = fresh


def _nobody() -> None:
    """Stands for the reference to what was never lent."""
