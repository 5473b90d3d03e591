"""MetaWorld's own scripted policies: from its 39 numbers to actions. Runs where MetaWorld can be imported."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
# metaworld and the mujoco that it needs are not among our own packages

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray

from lerobot_sim.simulators.host.channel import Wire, pack, unpack
from lerobot_sim.simulators.host.worker import guarded


class Script:
    """MetaWorld's script for a task; it remembers nothing.

    Args:
        task: Its name.
    """

    def __init__(self, task: str) -> None:
        self._script = ENV_POLICY_MAP[task]()

    def __call__(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Actions (n, 4) for rows of MetaWorld's 39 numbers (n, 39)."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the scripts warn of actions beyond the bounds, which they mean
            actions = [self._script.get_action(row.copy()) for row in numbers]  # some write into what they read
        return np.clip(np.asarray(actions, np.float64).reshape(len(numbers), 4), -1.0, 1.0)


def main(arguments: Mapping[str, Any]) -> None:
    """Serves a script in a process of its own: answers rows of numbers by actions until the other side is gone."""
    reads, writes, _ = arguments["fds"]
    wire = Wire(reads, writes)
    scripts: list[Script] = []

    def begin() -> bytes:
        scripts.append(Script(arguments["keywords"]["task"]))
        return pack({})

    def act(message: bytes) -> bytes:
        _, arrays = unpack(message)
        return pack({}, {"action": scripts[0](arrays["numbers"])})

    wire.send(*guarded(begin))
    while wire.listen():
        message = wire.rest()
        wire.send(*guarded(lambda message=message: act(message)))
