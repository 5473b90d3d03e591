"""Protocols: what is run, how often, with which seeds, and what is measured.

A protocol is a TOML file. Ours lie in `evaluation/protocols`, third parties add theirs by the entry point
`lerobot_sim.protocols` (name -> "package:file.toml"), a user's own is given by its path, and every environment has one
of its own name.

    schema = 1
    id = "my-suite"                          # and version, about, source
    version = 1
    episodes = 50                            # of each task
    metrics = ["success_rate", "goal_distance"]
    success_threshold = 0.8                  # passed if the lower bound of the suite's rate reaches it
    first_seed = 0                           # or seeds = [3, 5, 8]; without either: held-out seeds of --seed
    max_steps = 200                          # ends episodes earlier than the environments do
    params = { pad_friction = 0.8 }          # what else may vary, for all

    [[environments]]
    task = "mujoco/lift"                     # or suite = "metaworld/ml10" and split = "train"
    version = 2                              # refused where the environment is another
    name = "lift-so101"                      # in the results; the id by default
    options = { robot = "so101" }
    params = {}                              # and episodes, seeds, first_seed, max_steps: of this one
    map = { "observation.images.top" = "observation.images.front" }

    [paraphrases]
    "Lift the cube." = ["Raise the cube.", "Get the cube off the table."]
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import resources
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, TypeVar, cast

from lerobot_sim import registry
from lerobot_sim.errors import InputError, SimError, StorageError, unknown_name

from .metrics import METRICS

SCHEMA = 1
GROUP = "lerobot_sim.protocols"
EPISODES = 200
"""Of a task without a protocol."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A task or a suite of a protocol.

    Attributes:
        task: An environment's id, or "".
        suite: "family/suite" of a family of simulators, or "".
        split: The suite's part.
        version: The environments' version; any where it is None.
        name: Of a task in the results; its id by default.
        options: Keywords of the environments' factories.
        params: Params of every episode; a choice by its name.
        episodes: Of each task, the protocol's by default.
        seeds: One an episode.
        first_seed: The first of consecutive seeds.
        max_steps: Time limit in steps.
        map: Policy's key -> environment's.
    """

    task: str = ""
    suite: str = ""
    split: str = ""
    version: int | None = None
    name: str = ""
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    episodes: int | None = None
    seeds: Sequence[int] | None = None
    first_seed: int | None = None
    max_steps: int | None = None
    map: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """What is run and measured; see the module for the fields' meaning."""

    id: str
    version: int
    environments: Sequence[Entry]
    episodes: int = EPISODES
    metrics: Sequence[str] = ("success_rate", "episode_reward")
    success_threshold: float | None = None
    seeds: Sequence[int] | None = None
    first_seed: int | None = None
    max_steps: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    paraphrases: Mapping[str, Sequence[str]] = field(default_factory=dict[str, "Sequence[str]"])
    about: str = ""
    source: str = ""

    @property
    def names_seeds(self) -> bool:
        """Whether the seeds of some task are its own, whatever `--seed` says."""
        return any(one.seeds is not None or one.first_seed is not None for one in (self, *self.environments))

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return asdict(self)


def names() -> list[str]:
    """Every protocol that is not of one environment, sorted."""
    return sorted({*_ours(), *(entry.name for entry in entry_points(group=GROUP))})


def find(name: str) -> Protocol:
    """The protocol of a name, an environment's id, or a TOML file's path.

    Raises:
        UnknownNameError: There is none; the nearest are named.
        StorageError: The file is missing or is no TOML.
        InputError: It says what a protocol cannot say.
    """
    if name.endswith(".toml"):
        path = Path(name)
        if not path.is_file():
            raise StorageError(f"--protocol: there is no file {path}. Built in are: {', '.join(names())}.")
        return read(path.read_text(encoding="utf-8"), str(path))
    if name in _ours():
        return read(_ours()[name], f"protocol '{name}'")
    for entry in entry_points(group=GROUP, name=name):
        return _plugged(entry)
    dashed = name.replace("_", "-")  # the guides write metaworld_ml10
    if dashed != name and dashed in names():
        return find(dashed)
    try:
        return of_task(registry.resolve(name))
    except SimError as error:
        near = difflib.get_close_matches(name, registry.environments(), n=1, cutoff=0.8)
        raise unknown_name(
            "protocol", name, [*names(), *near], "An environment's id, or a .toml file of your own, is one as well."
        ) from error


def of_task(env_id: str, options: Mapping[str, Any] | None = None) -> Protocol:
    """The protocol of one environment: 200 held-out episodes."""
    return Protocol(id=env_id, version=1, environments=(Entry(task=env_id, options=options or {}),))


def read(text: str, where: str) -> Protocol:
    """A protocol from TOML.

    Args:
        text: The file's contents.
        where: What errors name.
    """
    import tomllib

    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StorageError(f"{where} is no TOML: {error}.") from error
    if values.pop("schema", None) != SCHEMA:
        raise InputError(f"{where}: expected 'schema = {SCHEMA}' in its first lines.")
    entries = values.pop("environments", None)
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{where}: expected at least one [[environments]] with a task or a suite; none came.")
    made = tuple(_checked(Entry, one, f"{where}, [[environments]]") for one in cast("list[Any]", entries))
    protocol = _checked(Protocol, {**values, "environments": made}, where)
    check(protocol, where)
    return protocol


def check(protocol: Protocol, where: str = "") -> None:
    """Refuses figures and names that cannot be."""
    where = where or f"protocol '{protocol.id}'"
    for name in protocol.metrics:
        if name not in METRICS:
            raise unknown_name("metric", name, METRICS, f"It stands in {where}.")
    mark = protocol.success_threshold
    if mark is not None and not 0 < mark <= 1:
        raise InputError(f"{where}: success_threshold is a rate above 0 and up to 1, such as 0.8; {mark} came.")
    for source in (protocol, *protocol.environments):
        for name in ("episodes", "max_steps"):
            value = getattr(source, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise InputError(f"{where}: expected {name} of at least 1, {value} came.")
        if source.seeds is not None and (source.first_seed is not None or len(set(source.seeds)) != len(source.seeds)):
            raise InputError(f"{where}: expected different seeds, or a first_seed, not both.")
    for entry in protocol.environments:
        if bool(entry.task) == bool(entry.suite):
            raise InputError(f"{where}: expected a task or a suite in each of [[environments]].")


CheckedT = TypeVar("CheckedT", Entry, Protocol)


def _checked(kind: type[CheckedT], values: Any, where: str) -> CheckedT:
    known = {one.name for one in fields(kind)}
    if not isinstance(values, dict):
        raise InputError(f"{where}: expected a table, {values!r} came.")
    named = cast("dict[str, Any]", values)
    for name in named:
        if name not in known:
            raise unknown_name(f"key of {where}", name, known)
    try:
        return kind(**named)
    except TypeError as error:
        raise InputError(f"{where}: {str(error).rpartition('__init__() ')[2]}.") from error


@cache
def _ours() -> dict[str, str]:
    folder = resources.files(f"{__package__}.protocols")
    files = [one for one in folder.iterdir() if one.name.endswith(".toml")]
    return {one.name.removesuffix(".toml"): one.read_text(encoding="utf-8") for one in files}


def _plugged(entry: EntryPoint) -> Protocol:
    owner = entry.dist.name if entry.dist else "a third party"
    module, _, name = entry.value.partition(":")
    try:
        text = resources.files(module).joinpath(name).read_text(encoding="utf-8")
    except Exception as error:
        raise SimError(f"The protocol '{entry.name}' of '{owner}' cannot be read ({entry.value}): {error!r}") from error
    return read(text, f"protocol '{entry.name}' of '{owner}'")
