"""Policies that tests evaluate: chunked, raising, reading instructions."""

from typing import ClassVar

import numpy as np

from lerobot_sim.policy import Decision
from lerobot_sim.spec import STATE


class Still:
    """Does nothing."""

    cameras: ClassVar = {}
    batch_invariant = True

    def reset(self, lanes, seeds):
        """Has no memory."""

    def act(self, observation, active):
        return Decision(np.zeros((len(active), 1), np.float32))


class Raises(Still):
    """Raises, or gives NaN, at step 3 of some seeds; `before` lanes' memory changes."""

    def __init__(self, how="raise", seeds=(2, 5)):
        self.how, self.bad = how, seeds

    def act(self, observation, active):
        t, seeds = observation[STATE][:, 0], observation[STATE][:, 1].astype(int)
        bad = active & (t == 3) & np.isin(seeds, self.bad)
        if bad.any() and self.how == "raise":
            raise RuntimeError("the arm is upside down")
        return Decision(np.where(bad, np.nan, 0)[:, None].astype(np.float32))


class Chunked(Still):
    """Decides three actions at once, from what it sees, and tells when it thinks."""

    batch_invariant = True
    size = 3

    def __init__(self):
        self.queues = {}
        self.thoughts = 0

    def reset(self, lanes, seeds):
        for lane in lanes:
            self.queues[int(lane)] = []

    def thinks(self, active):
        return np.array([a and not self.queues.get(lane) for lane, a in enumerate(active)])

    def act(self, observation, active):
        action = np.zeros((len(active), 1), np.float32)
        for lane in np.flatnonzero(active):
            queue = self.queues[int(lane)]
            if not queue:
                self.thoughts += 1
                t, seed = observation[STATE][lane]
                queue.extend(np.sin(seed + t + k) / 2 for k in range(self.size))
            action[lane] = queue.pop(0)
        return Decision(action)


class Obedient(Still):
    """Writes down what it is told."""

    def __init__(self):
        self.told = []

    def instruct(self, lanes, instructions):
        self.told += instructions


def expert(spec):
    return Still()


def breaking(spec):
    return Raises("nan")
