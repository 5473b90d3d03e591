"""MetaWorld's own scripted policies: from its 39 numbers to actions. Runs where MetaWorld can be imported."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
# metaworld and the mujoco that it needs are not among our own packages

from __future__ import annotations

import warnings

import numpy as np
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray


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
