"""The guides' JSON files of MetaWorld as environments: `lerobot_sim.make("metaworld.json")`."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError

from .catalogue import TASKS
from .names import read_config

_OUTER = ("metaworld_config", "env")


def is_guide(keys: Mapping[str, Any]) -> bool:
    """Whether a file's keys are those of a guide to MetaWorld, and not of something else."""
    named = _inner(keys)
    task = str(named.get("task", "")).lower().replace("_", "-")
    bare = re.sub(r"-v\d+(-goal-\w+)?$", "", task)
    ours = task.startswith(("mw-", "metaworld-", "meta-world-")) or f"{bare}-v3" in TASKS
    return "metaworld_config" in keys or named.get("type") == "metaworld" or ours


def from_config(source: Path | str | Mapping[str, Any], num_envs: int = 1, **overrides: Any) -> Env:
    """The environment of a guide's file: `host` and options among `overrides` replace the file's.

    Raises:
        InputError: The file cannot be read, or has no task, or a value that cannot be used.
        UnknownNameError: A task or a key that nobody knows.
    """
    keys = dict(_inner(source if isinstance(source, Mapping) else _read(source)))
    keys.pop("type", None)
    task, options = read_config(keys)
    from lerobot_sim.simulators import families

    return families.make(__package__ or "", task, num_envs, **{**options, **overrides})


def _inner(keys: Mapping[str, Any]) -> Mapping[str, Any]:
    """What says the environment: the keys themselves, or one of them."""
    found: Any = next((keys[name] for name in _OUTER if name in keys), keys)
    return cast("Mapping[str, Any]", found) if isinstance(found, Mapping) else {}


def _read(path: Path | str) -> Mapping[str, Any]:
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: expected a JSON file of a guide to MetaWorld: {error}") from error
    if not isinstance(found, dict):
        raise InputError(f"{path}: expected a JSON object, a {type(found).__name__} came.")
    return cast("dict[str, Any]", found)
