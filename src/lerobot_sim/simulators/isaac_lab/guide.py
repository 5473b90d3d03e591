"""The guides' JSON files of Isaac, with an `isaac_sim_config` in them: `lerobot_sim.make("isaac.json")`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError, unknown_name

from .config import TASKS
from .task import CATALOGUE

_SCENE = "scene"
"""The task where the file names none: any scene, without a success."""


def is_guide(keys: Mapping[str, Any]) -> bool:
    """Whether a file's keys are those of a guide to Isaac."""
    return "isaac_sim_config" in keys


def from_config(source: Path | str | Mapping[str, Any], num_envs: int = 1, **overrides: Any) -> Env:
    """The environment of a guide's file; `host` and options of `config` among `overrides` are added.

    Raises:
        InputError: The file cannot be read, or has a value that cannot be used.
        UnknownNameError: A task or a key that nobody knows.
    """
    keys = source if isinstance(source, Mapping) else _read(source)
    config: Any = keys.get("isaac_sim_config")
    robot: Any = cast("Mapping[str, Any]", config).get("robot_config") if isinstance(config, Mapping) else None
    named: Any = cast("Mapping[str, Any]", robot).get("task") if isinstance(robot, Mapping) else None
    task = _SCENE if named is None else TASKS.get(str(named).replace("-", "_"), str(named))
    if task not in CATALOGUE:
        raise unknown_name("task of isaac-lab", str(named), [*TASKS, *CATALOGUE])
    from lerobot_sim.simulators import families

    return families.make(__package__ or "", task, num_envs, isaac_sim_config=config, **overrides)


def _read(path: Path | str) -> Mapping[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a JSON file with an 'isaac_sim_config': {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a JSON object, a {type(found).__name__} came.")
    return cast("dict[str, Any]", found)
