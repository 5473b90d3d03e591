"""Names of the tutorial's package lead to `lerobot_sim.compat`, which is not imported before one is asked for.

Modules that guides seek in LeRobot, and that it never had, are answered by name, too.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

_PACKAGE = __name__.rpartition(".")[0]

GUIDES_LEROBOT: Mapping[str, str] = {
    "lerobot.adaptation": "Adaptation is no part of LeRobot.",
    "lerobot.calibration": "LeRobot identifies no systems; its arms are calibrated by lerobot-calibrate.",
    "lerobot.envs.gym_hil": "Its tasks are lerobot_sim.make('gym-hil/panda-pick-cube').",
    "lerobot.envs.isaac": "Its arms and tasks are lerobot_sim.make('isaac-lab/lift-cube').",
    "lerobot.envs.mujoco": "A task is lerobot_sim.make('mujoco/lift'), your own scene lerobot_sim.make('scene.xml').",
    "lerobot.policies.act.policy": "ACT is lerobot.policies.act.modeling_act.ACTPolicy.",
}
"""Modules that guides name and LeRobot 0.6.1 does not have -> what there is instead."""


def old_name(module: str, name: str) -> Any:
    """What stands for an old name of a module that still exists; its `__getattr__`.

    Raises:
        ReplacedNameError: It is gone; the message says what replaces it.
        AttributeError: It never was.
    """
    if name.startswith("__"):
        raise AttributeError(f"module '{module}' has no attribute '{name}'")
    return import_module(f"{_PACKAGE}.compat").old_name(module.removeprefix(f"{_PACKAGE}."), name)


class OldModules:
    """Finds the tutorial's modules that no longer exist; asked only when nothing else was found."""

    @staticmethod
    def find_spec(
        name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for a module of the tutorial, None for all others."""
        package, _, rest = name.partition(".")
        if name in GUIDES_LEROBOT:
            from .errors import ReplacedNameError

            raise ReplacedNameError(f"LeRobot has no module {name}. {GUIDES_LEROBOT[name]}")
        if package != _PACKAGE or not import_module(f"{_PACKAGE}.compat").is_old(rest):
            return None
        return spec_from_loader(name, OldModules)  # pyright: ignore[reportArgumentType]

    @staticmethod
    def create_module(_spec: ModuleSpec) -> None:
        """The usual empty module."""
        return

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Lets the table answer for its names."""
        import_module(f"{_PACKAGE}.compat").fill(module)


def install() -> None:
    """Puts the finder behind all others."""
    if OldModules not in sys.meta_path:
        sys.meta_path.append(OldModules)  # pyright: ignore[reportArgumentType]
