"""The guides' JSON files of gym-hil: which task, with which options, and who was to act."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple, cast

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError

from . import FAMILY, device_of, resolve, tasks
from .options import flatten, read

_logger = logging.getLogger(__name__)

_OUTER = ("gym_hil_config", "env")
_TRAINERS = ("device", "dataset", "mode", "max_parallel_tasks", "disable_env_checker")
_NOT_OURS = ("features", "features_map", "name", "type", "env_type", "robot", "teleop", *_TRAINERS)
"""Keys of the guides' files that say nothing of the environment: the trainer's, a real robot, what the spec says."""


class Config(NamedTuple):
    """What a guide's file says.

    Attributes:
        task: One of the family's tasks.
        options: Keywords of its `make`.
        device: The input device that was to act, "" where none is named.
    """

    task: str
    options: dict[str, Any]
    device: str


def is_guide(keys: Mapping[str, Any]) -> bool:
    """Whether a file's keys are those of a guide to gym-hil, and not of something else."""
    env: Any = keys.get("env", keys)
    named: Mapping[str, Any] = cast("Mapping[str, Any]", env) if isinstance(env, Mapping) else {}
    kind = named.get("type", named.get("env_type"))
    return "gym_hil_config" in keys or named.get("name") in ("gym_hil", "franka_sim") or kind in ("hil", "hill")


def read_config(source: Path | str | Mapping[str, Any]) -> Config:
    """Reads a guide's file, or its keys.

    Raises:
        InputError: It names no task, or has keys that do nothing here: all are named, with what replaces them.
    """
    keys = _keys(source)
    flat: dict[str, Any] = {}
    for name in (*_OUTER, ""):
        inner = keys.pop(name, None)
        if isinstance(inner, Mapping):
            keys = {**cast("dict[str, Any]", inner), **keys}
    flat = flatten({name: value for name, value in keys.items() if name not in _NOT_OURS})
    named = flat.pop("task", None)
    task = named if named in tasks() else resolve(str(named))
    if task is None:
        raise InputError(f"Expected 'task', such as PandaPickCubeBase-v0, or one of {list(tasks())}; {named!r} came.")
    wanted = _device(flat)  # also takes it out
    device = device_of(str(named)) or wanted
    read(task, flat)  # refuses what cannot be
    return Config(task, flat, device)


def from_config(source: Path | str | Mapping[str, Any], num_envs: int = 1, **overrides: Any) -> Env:
    """The environment of a guide's file: `host` and options among `overrides` replace the file's."""
    config = read_config(source)
    if config.device:
        _logger.warning("The file wants a %s to act: here that is a policy, apart from the environment.", config.device)
    from lerobot_sim.simulators import families

    return families.make(__package__ or "", config.task, num_envs, **{**config.options, **overrides})


def _keys(source: Path | str | Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(source, Mapping):
        return dict(source)
    try:
        found = json.loads(Path(source).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{source}: expected a JSON file of a guide to {FAMILY.name}: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{source}: expected a JSON object, a {type(found).__name__} came.")
    return cast("dict[str, Any]", found)


def _device(flat: dict[str, Any]) -> str:
    """Takes the device out of the options, where it would be refused: a file may say who acts."""
    found = flat.pop("control_mode", None)
    tip = flat.get("ee_action_space_params")
    if isinstance(tip, Mapping):
        inner = dict(cast("Mapping[str, Any]", tip))
        found = inner.pop("control_mode", None) or found
        found = "gamepad" if inner.pop("use_gamepad", False) else found
        flat["ee_action_space_params"] = inner
    return str(found) if found not in (None, "policy") else ""
