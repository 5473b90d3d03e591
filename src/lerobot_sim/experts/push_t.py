r"""The scripted expert of `numpy/push-t`: get behind the block, then push, by the tutorial's two phases.

With agent a, block b and target g, the push direction is d = (g - b) / |g - b| and the approach point
p = b - 0.08 d. The expert wants to move by

    p - a                                     where |p - a| > 0.04: get behind the block
    (|b - a| - 0.02) (b - a) / |b - a|        else: push, towards the block until 0.02 is left

and moves so far in one step, but no further than 0.04 m, 0.8 of what an action can do.

The tutorial gives both distances but no law of speed; this one was chosen for what a student learns from it. With 50
demonstrations, 5,000 updates and 1,000 held-out episodes, over 6 to 20 training seeds and earlier forms of the law:

- A push starts fast. A student blends the two phases where it has seen little, and a push that is weak beside the
  approach leaves a point of rest just out of reach of the block: pushing at a constant 0.6 cost the worst of ten
  students 6 points of success.
- A push goes deep, so that the expert has to step back before the next. Pushing steadily, with 0.05 left, cost the
  median student 6 to 16 points.
- It does not go around the block: from the far side it walks straight to p and takes the block along for a few
  steps, which is soon made good. Going around cost 17 points.
- The speed stays below an action's bound, so that noise is not cut off on one side.
- It never stops. At the target it keeps the block within about 0.03 m by pushing from all sides. An expert that
  rests there spends most of its demonstrations saying "do nothing", and its student 10 points of success.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.spec import EnvSpec

from .scripted import ScriptedExpert, of_state

APPROACH_DISTANCE = 0.08
"""From the block back to the approach point, in m."""
APPROACH_TOLERANCE = 0.04
"""So near to the approach point it pushes, in m."""
PUSH_DEPTH = 0.02
"""What a push leaves between agent and block, in m."""
STEP_LENGTH = 0.05
"""How far an action of 1 moves the agent, in m."""
SPEED = 0.8
"""Greatest length of an action, noise aside."""


def decide(state: NDArray[np.floating]) -> NDArray[np.float64]:
    """`observation.state` (n, 6) -> action (n, 2) without noise."""
    positions = state.astype(np.float64)
    agent, block, target = positions[:, 0:2], positions[:, 2:4], positions[:, 4:6]
    push_direction, _ = _unit(target - block)
    to_approach = block - APPROACH_DISTANCE * push_direction - agent
    to_block, gap = _unit(block - agent)
    behind = _length(to_approach) <= APPROACH_TOLERANCE
    wanted = np.where(behind, (gap - PUSH_DEPTH) * to_block, to_approach) / STEP_LENGTH
    length = _length(wanted)
    return wanted * (SPEED / np.maximum(length, SPEED))


def _unit(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Directions (n, 2), zero where there is none, and lengths (n, 1)."""
    length = _length(vectors)
    return vectors / np.where(length > 0, length, 1.0), length


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 1)"""
    x, y = vectors[:, 0:1], vectors[:, 1:2]
    return np.sqrt(x * x + y * y)


def make(spec: EnvSpec, noise: float = 0.02) -> ScriptedExpert:
    """The expert of `numpy/push-t`; `noise` is the standard deviation of Gaussian noise on its actions."""
    return ScriptedExpert(spec, of_state(decide), noise, stream="push-t/expert", drawn_at_once=32)
