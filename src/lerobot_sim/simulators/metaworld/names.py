"""Names that MetaWorld's tasks and settings had in other versions and texts, and what they are today."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from lerobot_sim.errors import InputError, unknown_name

from .catalogue import TASKS
from .suites import SUITES

_logger = logging.getLogger(__name__)

_SUITE = re.compile(r"(m[tl](?:1|10|25|45|50))(?:-(train|test))?(?:-v\d+)?")
_KEYS = ("observation_type", "image_size", "frame_stack", "action_repeat", "seed", "goal_observable", "suite", "split")


def resolve(name: str) -> str | None:
    """Today's task for "mw-pick-place-v2-goal-observable", "metaworld-push-v2", "pick-place" …; None for other names.

    Raises:
        InputError: It names a suite of tasks, or tasks whose goal is hidden; says how to have them.
    """
    bare = name.lower().replace("_", "-")
    bare = re.sub(r"^(mw-|metaworld-|meta-world-)", "", bare)
    if match := _SUITE.fullmatch(bare):
        raise _is_a_suite(name, match.group(1).upper(), match.group(2))
    match = re.fullmatch(r"(.+?)(?:-v[123])?(?:-goal-(observable|hidden))?", bare)
    task = f"{match.group(1)}-v3" if match else ""
    if match is None or task not in TASKS:
        return None
    if match.group(2) == "hidden":
        raise InputError(f"'{name}' is the task '{task}' with its goal hidden today: give goal_observable=False.")
    if task != name:
        _logger.warning("'%s' is 'metaworld/%s' today.", name, task)
    return task


def _is_a_suite(name: str, suite: str, split: str | None) -> InputError:
    if suite not in SUITES:
        return InputError(f"'{name}' is no suite of MetaWorld: those are {', '.join(SUITES)}.")
    first = next(iter(SUITES[suite].values()))[0]
    splits = ", ".join(f"suite('{suite}', '{each}')" for each in SUITES[suite])
    return InputError(
        f"'{name}' is a suite of tasks, and an environment is one task. {splits} of lerobot_sim.simulators.metaworld "
        f"name them; one of them is made with make('metaworld/{first}', suite='{suite}', split='{split or 'train'}')."
    )


def read_config(config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Task and options of a MetaWorld configuration as texts on LeRobot write it.

    Args:
        config: "task", and "observation_type", "image_size", "frame_stack", "action_repeat", "seed" …

    Raises:
        InputError: No task, or a value that cannot be used.
        UnknownNameError: A task or a key that nobody knows.
    """
    for key in config:
        if key not in ("task", *_KEYS):
            raise unknown_name("key of a MetaWorld configuration", key, ("task", *_KEYS))
    if not isinstance(config.get("task"), str):
        raise InputError("A MetaWorld configuration needs its 'task', such as 'pick-place-v3'.")
    task = resolve(config["task"])
    if task is None:
        raise unknown_name("task of MetaWorld", config["task"], TASKS)
    return task, {key: config[key] for key in _KEYS if key in config}
