"""Names of the tutorial's package: what still works under its old name, and what replaces the rest.

`lerobot_sim.envs.push_t.PushTSimEnv` and its kin are found here by the finder in `old_names` (modules that no longer
exist) and by `old_name` in the modules that still do. Nothing here is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import registry
from lerobot_sim.arrays import to_numpy
from lerobot_sim.errors import ReplacedNameError
from lerobot_sim.spec import STATE

TASKS = {
    "pusht": "numpy/push-t",
    "push_t": "numpy/push-t",
    "pickplace": "numpy/pick-place",
    "pick_place": "numpy/pick-place",
    "reach": "numpy/reach",
}
"""The tutorial's names of tasks."""


class SingleLanePolicy:
    """A policy of ours behind the tutorial's two methods, `select_action(observation)` and `reset()`."""

    def __init__(self, name: str, env_id: str, seed: int = 42, **options: Any) -> None:
        self._policy = registry.make_policy(name, registry.spec_of(env_id), **options)
        self._seed = seed
        self.reset()

    def reset(self) -> None:
        """Begins a new episode; each has its own noise."""
        self._policy.reset(np.array([0]), np.array([self._seed]))
        self._seed += 1

    def select_action(self, observation: Any) -> NDArray[Any]:
        """The action (A,) for an observation: a vector, or a dict that holds it under `agent_pos` or our key."""
        if isinstance(observation, Mapping):
            given = cast("Mapping[str, Any]", observation)
            observation = given["agent_pos"] if "agent_pos" in given else given[STATE]
        state = np.asarray(observation, np.float32)[None]
        return to_numpy(self._policy.act({STATE: state}, np.ones(1, np.bool_)).action)[0]


def make_sim_env(task: str = "pusht", config: Any = None, **options: Any) -> Any:
    """The tutorial's factory: a gymnasium environment whose observation is `{"agent_pos": …}`."""
    import gymnasium

    if config is not None:
        raise ReplacedNameError("make_sim_env takes no config: the task's figures are Params, given to reset.")
    env_id = registry.resolve(TASKS.get(task, task))
    name = f"lerobot_sim.gym:lerobot-sim/{env_id.replace('/', '-')}-v{registry.spec_of(env_id).version}"
    return gymnasium.make(name, keys="lerobot", **options)


def _env(task: str) -> Any:
    def make(config: Any = None, **options: Any) -> Any:
        return make_sim_env(task, config, **options)

    return make


def _policy(name: str, task: str) -> Any:
    def make(seed: int = 42, **options: Any) -> SingleLanePolicy:
        return SingleLanePolicy(name, TASKS[task], seed, **options)

    return make


def _mlp_policy() -> Any:
    from lerobot_sim.policies.mlp import MLPPolicy

    return MLPPolicy


WORKING: Mapping[str, Mapping[str, Any]] = {
    "envs.push_t": {"PushTSimEnv": lambda: _env("pusht"), "PushTEnv": lambda: _env("pusht")},
    "envs.pick_place": {"PickPlaceSimEnv": lambda: _env("pickplace"), "PickPlaceEnv": lambda: _env("pickplace")},
    "envs.reach": {"ReachSimEnv": lambda: _env("reach"), "ReachEnv": lambda: _env("reach")},
    "envs.factory": {"make_sim_env": lambda: make_sim_env},
    "policies.policy": {
        "MLPPolicy": _mlp_policy,
        "PushTExpertPolicy": lambda: _policy("expert", "pusht"),
        "PickPlaceExpertPolicy": lambda: _policy("expert", "pickplace"),
        "ReachExpertPolicy": lambda: _policy("expert", "reach"),
        "RandomPolicy": lambda: _policy("random", "pusht"),
    },
}
"""Old module -> old name -> function that gives what stands for it."""

REPLACED: Mapping[str, Mapping[str, str]] = {
    "envs.configs": {
        "*": "Tasks have no config classes: what may vary is in spec.params, and its values are given to reset."
    },
    "envs.factory": {"*": "Environments are made by lerobot_sim.make('push-t')."},
    "policies.policy": {
        "BasePolicy": "A policy is anything with the methods of the Protocol lerobot_sim.Policy.",
        "*": "Policies are made by lerobot_sim.make_policy('expert', spec).",
    },
    "policies.trainer": {
        "*": "The three phases are `lerobot-sim run TASK`; from Python: lerobot_sim.training.behavior_cloning.train."
    },
    "datasets.dataset_manager": {
        "SimDatasetRecorder": "lerobot_sim.datasets.writer.DatasetWriter and `lerobot-sim collect` record datasets.",
        "*": "`lerobot-sim collect` writes LeRobot datasets directly; LeRobot's own tools push and pull them.",
    },
    "robots.sim_robot_arm": {"*": "The simulated arm's kinematics are in lerobot_sim.envs.arm."},
    "teleop.keyboard_teleop": {"*": "Keyboard teleoperation is not part of this version."},
    "teleop.gamepad_teleop": {"*": "Gamepad teleoperation is not part of this version."},
    "visualization.visualizer": {
        "*": "Live: gymnasium's render_mode='human', run_sim.py --mode visualize. Videos: eval --videos N."
    },
    "utils.constants": {"*": "Layout and colours are no settings any more; cameras have a size and a look."},
}
"""Old module -> old name, or "*" for all -> what replaces it."""

PACKAGES = ("robots", "teleop", "visualization", "utils")


def is_old(module: str) -> bool:
    """Whether a module's name, without the package's, is one of the tutorial's."""
    return module in WORKING or module in REPLACED or module in PACKAGES


def old_name(module: str, name: str) -> Any:
    """What stands for `name` of the tutorial's `module` (its name without the package's).

    Raises:
        ReplacedNameError: It is gone; the message names what replaces it.
        AttributeError: It never was.
    """
    working = WORKING.get(module, {})
    if name in working:
        return working[name]()
    replaced = REPLACED.get(module, {})
    if not name.startswith("_") and (name in replaced or "*" in replaced):
        raise ReplacedNameError(f"lerobot_sim.{module}.{name} is gone. {replaced.get(name, replaced.get('*', ''))}")
    raise AttributeError(f"module 'lerobot_sim.{module}' has no attribute '{name}'")


def fill(module: ModuleType) -> None:
    """Makes an empty module answer for the tutorial's names."""
    name = module.__name__.removeprefix("lerobot_sim.")
    if name in PACKAGES:
        module.__path__ = []
    module.__getattr__ = lambda attribute: old_name(name, attribute)  # pyright: ignore[reportAttributeAccessIssue]
