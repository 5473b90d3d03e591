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
        self.fresh: NDArray[np.bool_] = np.zeros(num_envs, np.bool_)
        """Lanes whose images in the present slot show how they stand."""
        self.slot = 0
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
        return any(reference() is not None for reference in self._lent[slot])

    def next_slot(self) -> int:
        """A slot that nobody holds."""
        return next(slot for slot in range(SLOTS) if not self.is_lent(slot))

    def lend(self, rows: NDArray[np.int64]) -> Batch:
        """Images of `rows` in the present slot."""
        self.wanted = True
        first, count = (int(rows[0]), len(rows)) if len(rows) else (0, 0)
        together = count > 0 and int(rows[-1]) - first + 1 == count
        free = sum(not self.is_lent(slot) for slot in range(SLOTS) if slot != self.slot)
        start = self.slot * self._part.length
        flat = np.frombuffer(self._memory, np.uint8, self._part.length, start)
        if together and free:
            owner = flat.base  # what every view of it keeps alive
            assert owner is not None
            held = [reference for reference in self._lent[self.slot] if reference() is not None]
            self._lent[self.slot] = [*held, weakref.ref(owner)]
        images: Batch = {}
        for name, (dtype, shape) in self._part.fields.items():
            place = self._part.places[name]
            size = int(np.prod(shape, dtype=np.int64)) * np.dtype(dtype).itemsize
            image = flat[place : place + size].view(dtype).reshape(shape)
            if not together:
                images[name] = image[rows]
            else:
                images[name] = image[first : first + count] if free else image[first : first + count].copy()
        return images
