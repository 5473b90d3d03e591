"""What controllers are put together from: drives of an arm or of a gripper, each with its share of the action."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import Array
from lerobot_sim.env import Batch

from .world import World

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Drive:
    """Some actuators, and what commands them.

    Attributes:
        names: One a number of its share of the action.
        low: Least values of the share.
        high: Greatest.
        unit: Of the share, "" where it is scaled.
        actuators: In `ctrl`.
        start: World at the reset -> memory.
        command: (world, memory, share of the action (n, len(names))) -> (targets (n, len(actuators)), next memory).
    """

    names: tuple[str, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    unit: str
    actuators: NDArray[np.int64]
    start: Callable[[World], Batch]
    command: Callable[[World, Batch, Array], tuple[Array, Batch]]


def control_range(model: Any, actuators: NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Least and greatest ctrl of actuators; infinite where they are not limited."""
    limited = model.actuator_ctrllimited[actuators] != 0
    bounds = model.actuator_ctrlrange[actuators]
    return np.where(limited, bounds[:, 0], -np.inf), np.where(limited, bounds[:, 1], np.inf)
