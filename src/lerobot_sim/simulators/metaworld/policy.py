"""MetaWorld's own scripted policies as one of ours; runs where MetaWorld can be imported."""

# pyright: reportMissingImports=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportAttributeAccessIssue=false
# metaworld and the mujoco that it needs are not among our own packages

from __future__ import annotations

import warnings
from collections.abc import Mapping

import numpy as np
from metaworld.policies import ENV_POLICY_MAP
from numpy.typing import NDArray

from lerobot_sim.arrays import Array
from lerobot_sim.env import Batch
from lerobot_sim.errors import InputError
from lerobot_sim.policy import Decision
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec

from .options import GOAL, OBJECTS, ROBOT


class ScriptedPolicy:
    """Acts by MetaWorld's script for the task, which reads the newest frame and the goal and remembers nothing.

    Args:
        spec: The environment's.

    Raises:
        InputError: The environment does not show objects and goal.
    """

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, spec: EnvSpec) -> None:
        check_sees_all(spec)
        self._script = ENV_POLICY_MAP[spec.id.partition("/")[2]]()

    def reset(self, lanes: Array, seeds: Array) -> None:
        pass

    def act(self, observation: Batch, active: Array) -> Decision:
        frames = published(observation)
        action = np.zeros((len(frames), 4), np.float32)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the scripts warn of actions beyond the bounds, which they mean
            for lane in np.flatnonzero(active).tolist():
                # a copy: some of the scripts write into what they read
                action[lane] = np.clip(self._script.get_action(frames[lane].copy()), -1.0, 1.0)
        return Decision(action)


def published(observation: Batch) -> NDArray[np.float64]:
    """MetaWorld's 39 numbers (lanes, 39) of an observation: its newest frame stands for the one before, too."""
    robot = np.asarray(observation[STATE], np.float64)[:, :ROBOT]
    others = np.asarray(observation[ENVIRONMENT_STATE], np.float64)
    frame = np.concatenate([robot, others[:, :OBJECTS]], axis=1)
    return np.concatenate([frame, frame, others[:, -GOAL:]], axis=1)


def check_sees_all(spec: EnvSpec) -> None:
    """Refuses an environment whose objects or goal a script would have to guess."""
    from . import parse  # the catalogue

    options = parse(spec.id.partition("/")[2], spec.options)
    if options.observation_type != "state" or not options.shows_goal:
        raise InputError(
            f"MetaWorld's scripts read objects and goal: '{spec.id}' must be made with observation_type='state' and "
            "goal_observable=True for them."
        )


def make(spec: EnvSpec) -> ScriptedPolicy:
    """The scripted policy of an environment."""
    return ScriptedPolicy(spec)
