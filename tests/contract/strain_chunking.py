"""A strain on the contract: a policy of chunks, each lane somewhere else in its own.

A chunk of `length` actions is a function of the seed, of how many chunks came before and of the observation at
which it was made, so a lane that is given another's memory, or a row at the wrong time, gives other actions.
"""

import numpy as np

from lerobot_sim import rng
from lerobot_sim.policy import Decision
from lerobot_sim.spec import STATE


class ChunkingPolicy:
    """Makes `length` actions at once and gives them one by one."""

    batch_invariant = True

    def __init__(self, lanes, length=4):
        self.cameras = {}
        self._length = length
        self._seeds = np.zeros(lanes, np.int64)
        self._chunks = np.zeros(lanes, np.int64)
        self._left = np.zeros(lanes, np.int64)
        self._queue = np.zeros((lanes, length, 2))
        self.phases = set()

    def reset(self, lanes, seeds):
        self._seeds[lanes], self._chunks[lanes], self._left[lanes] = seeds, 0, 0

    def act(self, observation, active):
        new = active & (self._left == 0)
        shape = (self._length, 2)
        chunk = rng.uniform(self._seeds, "chunking", self._chunks, shape=shape, low=-0.7, high=0.7)
        chunk = chunk + 0.3 * (observation[STATE][:, None, :2] - 0.5)
        self._queue = np.where(new[:, None, None], chunk, self._queue)
        self._chunks += new
        self._left = np.where(new, self._length, self._left)
        at = self._length - self._left
        action = self._queue[np.arange(len(at)), np.minimum(at, self._length - 1)]
        self._left -= active
        self.phases.add(tuple(at[active].tolist()))
        return Decision(action.astype(np.float32), {"chunk": self._chunks.copy(), "place": at})
