"""Images of all lanes in a ring of slots of shared memory, handed out without a copy.

What was handed out must never change later. So a slot is written to again only when no array over it is alive any
more; when all but one are held, copies are handed out.
"""

from __future__ import annotations

import dataclasses
import weakref
from collections.abc import Mapping
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
        self._all_fresh = False
        self._fresh: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)  # where not all: lanes shown as they stand
        self.wanted = False
        """Whether the last images that were ready were asked for."""
        fields = {name: image_field(camera, num_envs) for name, camera in cameras.items()}
        self._part = Part(fields)
        self._part.offset = block.add(self._part.length * SLOTS)
        self._memory = block.map(self._part.offset, self._part.length * SLOTS)
        self._lent: list[list[weakref.ref[Any]]] = [[] for _ in range(SLOTS)]

    def to_json(self) -> dict[str, Any]:
        """What the worker needs to know."""
        cameras = {name: dataclasses.asdict(camera) for name, camera in self.cameras.items()}
        return {"part": self._part.to_json(), "slot_bytes": self._part.length, "slots": SLOTS, "cameras": cameras}

    def is_lent(self, slot: int) -> bool:
        """Whether somebody holds arrays over the slot."""
        for reference in self._lent[slot]:  # noqa: SIM110  a generator costs three times as much
            if reference() is not None:
                return True
        return False

    def next_slot(self) -> int:
        """A slot that nobody holds."""
        slot = 0
        while self.is_lent(slot):
            slot += 1
        return slot

    def drawn(self, slot: int, rows: NDArray[np.int64] | None = None) -> None:
        """Pictures of `rows`, all lanes by default, have come to lie in a slot; in the present one they join others."""
        if rows is None:
            self._all_fresh = True
        else:
            if slot != self.slot:
                self.spoil()
            self._fresh[rows] = True
        self.slot = slot

    def spoil(self, rows: NDArray[np.int64] | None = None) -> None:
        """The pictures of `rows`, all lanes by default, no longer show how they stand."""
        if rows is None:
            self._fresh[:] = False
        else:
            self._fresh[:] |= self._all_fresh
            self._fresh[rows] = False
        self._all_fresh = False

    def any_fresh(self) -> bool:
        """Whether some lane is shown as it stands."""
        return self._all_fresh or bool(self._fresh.any())

    def are_fresh(self, rows: NDArray[np.int64] | None) -> bool:
        """Whether `rows`, all lanes where None, are shown as they stand."""
        return self._all_fresh or bool(self._fresh.all() if rows is None else self._fresh[rows].all())

    def lend(self, rows: NDArray[np.int64] | None) -> Batch:
        """Images of `rows` in the present slot, of all lanes where it is None."""
        self.wanted = True
        first, last = (0, self.num_envs - 1) if rows is None else (int(rows[0]), int(rows[-1]))
        together = rows is None or last - first + 1 == len(rows)
        free = any(not self.is_lent(slot) for slot in range(SLOTS) if slot != self.slot)
        flat = np.frombuffer(self._memory, np.uint8, self._part.length, self.slot * self._part.length)
        if together and free:
            owner = flat.base  # what every view of it keeps alive
            assert owner is not None
            held = [reference for reference in self._lent[self.slot] if reference() is not None]
            self._lent[self.slot] = [*held, weakref.ref(owner)]
        images: Batch = {}
        for name, (dtype, shape) in self._part.fields.items():
            image: NDArray[Any] = np.ndarray(shape, dtype, flat, self._part.places[name])
            if rows is None:
                images[name] = image if free else image.copy()
            elif together:
                images[name] = image[first : last + 1] if free else image[first : last + 1].copy()
            else:
                images[name] = image[rows]
        return images
