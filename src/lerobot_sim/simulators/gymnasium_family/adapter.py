"""gymnasium's registry as a family: an id and options become a GymnasiumEnv."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.simulators.gymnasium_calls import AnyEnv
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv

_logger = logging.getLogger(__name__)


def can_import(task: str, module: str | None) -> bool:
    """Whether what registers and makes an environment can be imported in this process.

    An id that nobody has registered, without a module that could, counts as importable: making it says what is wrong.
    """
    try:
        if module is not None:
            import_module(module)
        entry: Any = gymnasium.registry[_registered(task, None)].entry_point
        if isinstance(entry, str):
            load_env_creator(entry)
    except ImportError:
        return False
    except InputError:
        return True
    return True


def is_registered(gym_id: str) -> bool:
    """Whether gymnasium knows an id now."""
    return gym_id in gymnasium.registry


def make_env(task: str, num_envs: int, options: Mapping[str, Any], given: Mapping[str, Any]) -> GymnasiumEnv:
    """`num_envs` lanes of a task.

    Args:
        task: The id, with a dot for a namespace's slash.
        num_envs: Number of lanes.
        options: All that is known and given.
        given: What of them the caller gave, for the spec.

    Raises:
        InputError: The module cannot be imported, or gymnasium cannot make the environment.
        UnknownNameError: gymnasium knows no such id.
    """
    rest = dict(options)
    module, keywords = rest.pop("module", None), dict(rest.pop("make_options", None) or {})
    gym_id = _registered(task, module)
    pictures = "render_mode" not in keywords and _gives_pictures(gym_id)
    if pictures:
        keywords["render_mode"] = "rgb_array"
        _draw_without_display()

    def make() -> AnyEnv:
        try:
            return gymnasium.make(gym_id, **keywords)
        except gymnasium.error.DependencyNotInstalled:
            raise
        except (gymnasium.error.Error, ImportError, TypeError) as error:
            raise InputError(f"gymnasium could not make '{gym_id}' with {keywords}: {error}") from error

    rest["instruction"] = rest.get("instruction") or gym_id
    said: dict[str, Any] = {"env_id": f"gymnasium/{task}", "options": dict(given), **rest}
    try:
        return GymnasiumEnv(make, num_envs, **said)
    except gymnasium.error.DependencyNotInstalled as error:
        if not pictures:
            raise InputError(f"'{gym_id}' cannot run here: {error}") from error
        _logger.warning("'%s' has no camera here, for its pictures need more: %s", gym_id, error)
        del keywords["render_mode"]
        return GymnasiumEnv(make, num_envs, **said)


def _draw_without_display() -> None:
    """Where there is no display, SDL, with which gymnasium draws, shall not look for one and complain."""
    if sys.platform.startswith("linux") and not {"DISPLAY", "WAYLAND_DISPLAY"} & set(os.environ):
        os.environ.setdefault("SDL_VIDEODRIVER", "dummy")


def _registered(task: str, module: str | None) -> str:
    if module is not None:
        try:
            import_module(module)
        except ImportError as error:
            raise InputError(f"'gymnasium/{task}' needs the module '{module}': {error}") from error
    for gym_id in (task, task.replace(".", "/", 1)):
        if is_registered(gym_id):
            return gym_id
    known = [name.replace("/", ".", 1) for name in gymnasium.registry]
    hint = "A third party's environment needs the module that registers it: module='…'."
    raise unknown_name("environment of gymnasium", task, known, hint)


def _gives_pictures(gym_id: str) -> bool:
    """Whether the environment says that it draws pictures on demand."""
    entry: Any = gymnasium.registry[gym_id].entry_point
    try:
        made: Any = load_env_creator(entry) if isinstance(entry, str) else entry
    except ImportError:
        return False  # gymnasium.make will say what is missing
    return "rgb_array" in getattr(made, "metadata", {}).get("render_modes", ())
