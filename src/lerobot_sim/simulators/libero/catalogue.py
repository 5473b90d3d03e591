"""LIBERO's tasks as they are known without LIBERO: names, words, bodies, joints, goals.

`catalogue.json` is written by `scripts/make_libero_catalogue.py` from LIBERO itself; a test holds it true.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from lerobot_sim.errors import InputError, unknown_name

MAX_STEPS: Mapping[str, int] = {
    "libero_spatial": 220,
    "libero_object": 280,
    "libero_goal": 300,
    "libero_10": 520,
    "libero_90": 400,
}
"""Steps after which an episode of a suite ends, as in OpenVLA's evaluation (Kim et al. 2024) and those after it."""

_OTHER_SUITES = {"libero_long": "libero_10", "libero_100": ""}
_INDEXED = re.compile(r"(.+?)[-/ ](\d+)")


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a suite.

    Attributes:
        suite: Its suite, such as "libero_spatial".
        index: Its place in the suite.
        name: LIBERO's own long name, that of its files.
        instruction: The task in words, as LIBERO's benchmark (and LeRobot) give them: those of its file's name. The
            words within the files differ for 29 tasks ("pick the akita black bowl …").
        initial_states: How many the benchmark has for it.
        objects: Bodies that move freely, in LIBERO's order.
        fixtures: Bodies that stand where they were put.
        joints: Hinges and slides of both, such as drawers and knobs.
        goal: Predicates that must all hold, such as ("on", "akita_black_bowl_1", "plate_1").
        solved: Initial states in which they hold already.
    """

    suite: str
    index: int
    name: str
    instruction: str
    initial_states: int
    objects: tuple[str, ...]
    fixtures: tuple[str, ...]
    joints: tuple[str, ...]
    goal: tuple[tuple[str, ...], ...]
    solved: tuple[int, ...] = ()

    @property
    def id(self) -> str:
        """Its bare name here, such as "libero_spatial-3"."""
        return f"{self.suite}-{self.index}"


@lru_cache(maxsize=1)
def catalogue() -> Mapping[str, Task]:
    """Bare name -> task, all 130, suite by suite."""
    suites = json.loads(Path(__file__).with_name("catalogue.json").read_text(encoding="utf-8"))
    found = (
        Task(
            suite=suite,
            index=index,
            name=item["name"],
            instruction=item["instruction"],
            initial_states=item["initial_states"],
            objects=tuple(item["objects"]),
            fixtures=tuple(item["fixtures"]),
            joints=tuple(item["joints"]),
            goal=tuple(tuple(predicate) for predicate in item["goal"]),
            solved=tuple(item.get("solved", ())),
        )
        for suite, items in suites.items()
        for index, item in enumerate(items)
    )
    return {task.id: task for task in found}


def task_of(name: str) -> Task:
    """The task of a bare name.

    Raises:
        UnknownNameError: There is none.
    """
    if name not in catalogue():
        raise unknown_name("task of LIBERO", name, catalogue(), "`suite(name)` lists a suite's.")
    return catalogue()[name]


def suite_name(name: str) -> str | None:
    """A suite by any of its names ("libero_10", "LIBERO-10", "10", "libero-long"), None for other words."""
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    for known in (plain, f"libero_{plain}"):
        found = _OTHER_SUITES.get(known, known)
        if found in MAX_STEPS:
            return found
    return None


def suite(name: str) -> list[str]:
    """The ids of a suite's tasks, in its order; also by other spellings, such as "LIBERO-10".

    Raises:
        UnknownNameError: There is no such suite.
    """
    found = suite_name(name)
    if found is None:
        raise unknown_name("suite of LIBERO", name, MAX_STEPS)
    return [f"libero/{task.id}" for task in catalogue().values() if task.suite == found]


def resolve(name: str) -> str | None:
    """Today's bare name for a suite's name and a number, for LIBERO's own long name, or for the instruction.

    Raises:
        InputError: The words are those of several tasks.
        UnknownNameError: The suite has no task of that number.
    """
    indexed = _INDEXED.fullmatch(name)
    found = suite_name(indexed[1]) if indexed else None
    if indexed and found:
        return task_of(f"{found}-{int(indexed[2])}").id
    words = name.removesuffix(".bddl").replace("_", " ").replace("-", " ").lower()
    same = [task.id for task in catalogue().values() if task.name.replace("_", " ").lower() == words]
    same = same or [task.id for task in catalogue().values() if task.instruction.lower() == words]
    if len(same) > 1:
        raise InputError(f"Several tasks of LIBERO are named '{name}': {', '.join(same)}. Give one of these names.")
    return same[0] if same else None
