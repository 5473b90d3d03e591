"""The families of other people's simulators: found by name, run in this process or in one of their own.

A family is a package of this room that holds its catalogue without importing its simulator:

    FAMILY: Family
    tasks() -> Sequence[str]                        bare names; the id is "family/task"
    spec(task, **options) -> EnvSpec
    make(task, num_envs, **options) -> Env          in this process: imports the simulator
    resolve(name) -> str | None                     optional: today's task for another name of it
    runs_here(task, **options) -> bool              optional: where that is not the same for every task
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Literal, Protocol, cast

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError
from lerobot_sim.spec import EnvSpec

from .family import Family

Host = Literal["auto", "here", "own"]

_logger = logging.getLogger(__name__)


class Catalogue(Protocol):
    """A family's package."""

    FAMILY: Family

    def tasks(self) -> Sequence[str]: ...
    def spec(self, task: str, **options: Any) -> EnvSpec: ...
    def make(self, task: str, num_envs: int = 1, **options: Any) -> Env: ...


def catalogue(module: str) -> Catalogue:
    """A family's package, imported; its simulator is not."""
    return cast("Catalogue", import_module(module))


def is_here(family: Family) -> bool:
    """Whether the simulator can be imported in this process."""
    return all(find_spec(name) is not None for name in family.packages)


def today(module: str, name: str) -> str | None:
    """The task that a name means now: its own, or the one that it had in another version or text."""
    package = catalogue(module)
    if name in package.tasks():
        return name
    resolve = getattr(package, "resolve", None)
    return resolve(name) if resolve else None


def make(module: str, task: str, num_envs: int = 1, *, host: Host = "auto", **options: Any) -> Env:
    """Makes an environment of a family.

    Args:
        module: The family's package.
        task: Its bare name.
        num_envs: Number of lanes, all of one process.
        host: "here": in this process. "own": in a process of its own, in the simulator's environment. "auto": here
            where the simulator can be imported, else in its own.
        options: The family's own keywords.

    Raises:
        InputError: "here", and the simulator is not there.
        NotSetUpError: The simulator's environment was never set up.
    """
    return make_several(module, task, num_envs, 1, host=host, **options)[0]


def make_several(
    module: str, task: str, num_envs: int = 1, count: int = 1, *, host: Host = "auto", **options: Any
) -> list[Env]:
    """Makes several environments, for `steps`; those in processes of their own start at the same time.

    Args:
        module: See `make`, as for all that is not said here.
        task: Its bare name.
        num_envs: Number of lanes of each.
        count: How many.
        host: Where.
        options: The family's own keywords.
    """
    if host not in ("auto", "here", "own"):
        raise InputError(f"host: expected 'auto', 'here' or 'own', '{host}' came.")
    package = catalogue(module)
    package.spec(task, **options)  # bad options are said before a process starts
    if _chosen_here(package, task, host, options):
        return [package.make(task, num_envs, **options) for _ in range(count)]
    from .host.workers import hosted_family, ready_all  # a process is only needed here

    _logger.info("'%s' runs in an environment of its own.", package.FAMILY.name)
    return [
        *ready_all([hosted_family(package.FAMILY, module, task, num_envs, options, wait=False) for _ in range(count)])
    ]


def _chosen_here(package: Catalogue, task: str, host: Host, options: Mapping[str, Any]) -> bool:
    """Whether this process is to run it; see `make`."""
    here = is_here(package.FAMILY)
    runs_here = getattr(package, "runs_here", None)
    if here and host == "auto" and runs_here is not None:
        here = runs_here(task, **options)
    if host == "here" and not here:
        missing = [name for name in package.FAMILY.packages if find_spec(name) is None]
        raise InputError(
            f"'{package.FAMILY.name}' cannot run in this process: {', '.join(missing)} cannot be imported here. "
            "Leave host='here' out: it then runs in an environment of its own."
        )
    return here and host != "own"
