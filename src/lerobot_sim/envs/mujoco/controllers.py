"""Controllers: what an action means, and the command that it gives; written once for CPU and GPU."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lerobot_sim.arrays import Array
from lerobot_sim.env import Batch
from lerobot_sim.spec import Feature

from .world import World


@dataclass(frozen=True, kw_only=True)
class Controller:
    """A controller of a robot, by name "joint_position", "ee_delta_xyz", …

    Attributes:
        name: Its name.
        action: What the policy gives.
        start: World at the reset -> the controller's memory (name -> (n, …)); part of a lane's state.
        command: (world, memory, action within bounds (n, A)) -> (ctrl (n, nu), next memory); called once a control
            step, new arrays only.
    """

    name: str
    action: Feature
    start: Callable[[World], Batch]
    command: Callable[[World, Batch, Array], tuple[Array, Batch]]
