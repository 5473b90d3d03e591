"""A protocol resolved: every task with its spec and seeds, every arm, and what the results depend on."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib import import_module
from typing import Any

from lerobot_sim import registry
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.spec import EnvSpec

from .fitting import keys_for
from .language import Language
from .metrics import chosen
from .pairing import EXPERT
from .param_values import arrays_of, value_of
from .protocol import Entry, Protocol, check
from .real_time import MEASURED
from .results import TaskRecord
from .score import held_out_seeds, selection_seeds

LANES, HOSTED_LANES = 100, 4
"""Lanes of an environment of ours, and of somebody's simulator, each of which is a simulator of its own."""


@dataclass(frozen=True, kw_only=True)
class PlannedTask:
    """A task of a plan.

    Attributes:
        record: What is written of it.
        spec: The environment's.
        options: Keywords of its factory, those among them that change no result, such as threads.
        params: Params of every episode; a choice by its name.
        keys: Policy's key -> environment's.
        limit: Steps after which its episodes end, where that is before the environment's own limit.
    """

    record: TaskRecord
    spec: EnvSpec
    options: Mapping[str, Any]
    params: Mapping[str, Any]
    keys: Mapping[str, str]
    limit: int | None

    @property
    def steps(self) -> int:
        """Steps of an episode at most."""
        return self.limit or self.spec.max_steps


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is to be run; plain data that processes can be given.

    Attributes:
        protocol: The protocol, with what replaced its own figures.
        tasks: Its tasks, in order.
        arms: Name -> {"kind", "params"}; "" first.
        grid: The robustness grid's axes.
        num_envs: Lanes of an environment; 0: as many as suit it.
        envs: Environments of a task that run at their own pace and share the policy.
        real_time: "" off, "measured", or the latency in s.
        seed: What held-out seeds are made of.
        selection: Whether checkpoints are chosen by it, on other seeds than those of a score.
        language: The instructions, once they are known.
        most_lanes: Lanes that can be busy at once, where results do not depend on their number.
    """

    protocol: Protocol
    tasks: Sequence[PlannedTask]
    arms: Mapping[str, Mapping[str, Any]]
    grid: Sequence[Mapping[str, Any]] = ()
    num_envs: int = 0
    envs: int = 1
    real_time: float | str = ""
    seed: int = 0
    selection: bool = False
    language: Language | None = field(default=None)
    most_lanes: int | None = None

    def lanes(self, task: PlannedTask) -> int:
        """Lanes of each of a task's environments."""
        lanes = HOSTED_LANES if _family(task.record.env_id) in registry.FAMILIES else LANES
        lanes = self.num_envs or (1 if self.real_time == MEASURED else lanes)
        return lanes if self.most_lanes is None else min(lanes, self.most_lanes)

    def shared_by(self, processes: int) -> Plan:
        """The plan for processes that share its episodes, if results do not depend on the number of lanes."""
        if self.most_lanes is None:
            return self
        return replace(self, most_lanes=max(1, -(-self.most_lanes // processes)))

    def values(self, task: PlannedTask, arm: str) -> dict[str, Any]:
        """Params of an arm's episodes of a task."""
        return {**task.params, **self.arms[arm].get("params", {})}


def make_plan(
    protocol: Protocol,
    *,
    seed: int = 0,
    episodes: int | None = None,
    metrics: Sequence[str] | None = None,
    maps: Mapping[str, Mapping[str, str]] | None = None,
    grid: Sequence[str] = (),
    num_envs: int = 0,
    envs: int = 1,
    real_time: float | str = "",
    selection: bool = False,
) -> Plan:
    """Resolves a protocol.

    Args:
        protocol: What is run.
        seed: What held-out seeds are made of.
        episodes: Of each task, in the place of the protocol's.
        metrics: In the place of the protocol's.
        maps: Environment or family ("" for all) -> policy's key -> environment's.
        grid: Axes "param=value,value,…".
        num_envs: Lanes of an environment; 0: as many as suit it.
        envs: Environments of a task.
        real_time: "" off, "measured", or the latency in s.
        selection: Take `score.selection_seeds` where the protocol names no seeds.

    Raises:
        InputError: Figures or names that cannot be, an environment of another version than the protocol names.
    """
    if episodes is not None:
        entries = tuple(replace(entry, episodes=None, seeds=None) for entry in protocol.environments)
        protocol = replace(protocol, episodes=episodes, seeds=None, environments=entries)
    if metrics is not None:
        protocol = replace(protocol, metrics=tuple(metrics))
    check(protocol)
    axes = [_axis(text) for text in grid]
    seeds = partial(selection_seeds if selection else held_out_seeds, seed)
    tasks = [task for entry in protocol.environments for task in _tasks(protocol, entry, seeds, maps or {})]
    taken = [task.record.task for task in tasks]
    if len(set(taken)) != len(taken):
        twice = sorted({name for name in taken if taken.count(name) > 1})
        raise InputError(f"protocol '{protocol.id}': the tasks {twice} come twice. Give each a name of its own.")
    arms: dict[str, dict[str, Any]] = {"": {"kind": "plain", "params": {}}}
    arms |= _extra_arms(protocol.metrics)
    for cell in itertools.product(*([(axis["name"], value) for value in axis["values"]] for axis in axes)):
        if cell:
            arms[",".join(f"{name}={value}" for name, value in cell)] = {"kind": "grid", "params": dict(cell)}
    for task in tasks:
        for arm in arms.values():
            arrays_of(task.spec, {**task.params, **arm["params"]})
    if axes:
        axes = [{**axis, "unit": tasks[0].spec.params[axis["name"]].unit} for axis in axes]
    return Plan(
        protocol=protocol,
        tasks=tasks,
        arms=arms,
        grid=axes,
        num_envs=num_envs,
        envs=envs,
        real_time=real_time,
        seed=seed,
        selection=selection,
    )


_DEPENDED_ON = ("lerobot-sim", "numpy", "mujoco")
"""Packages whose versions results depend on, with those of a simulator, "family/package"."""


def settings_of(plan: Plan, identity: str, batch_invariant: bool, versions: Mapping[str, str]) -> dict[str, Any]:
    """What the results depend on, JSON-ready; not how many there are."""
    protocol = plan.protocol
    lanes = None if batch_invariant and plan.real_time != MEASURED else [plan.num_envs, plan.envs]
    settings = {
        "protocol": f"{protocol.id} version {protocol.version}",
        "metrics": list(protocol.metrics),
        "tasks": {
            task.record.task: {
                "environment": f"{task.record.env_id} version {task.record.env_version}",
                "options": task.record.env_options,
                "params": task.params,
                "max_steps": task.steps,
                "keys": task.keys,
            }
            for task in plan.tasks
        },
        "arms": list(plan.arms),
        "paraphrases": protocol.paraphrases,
        "policy": identity,
        "seed": plan.seed,
        "batch": lanes,
        "real_time": plan.real_time,
        "versions": {name: of for name, of in versions.items() if name in _DEPENDED_ON or "/" in name},
    }
    if plan.selection:
        settings["seeds"] = "of selection"
    return json.loads(json.dumps(settings))


def differences(there: Any, now: Any, where: str = "") -> list[str]:
    """In words: where two settings differ."""
    if isinstance(there, dict) and isinstance(now, dict):
        keys = sorted({*there, *now}, key=str)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
        parts = [differences(there.get(key), now.get(key), f"{where}.{key}" if where else str(key)) for key in keys]  # pyright: ignore[reportUnknownArgumentType, reportUnknownMemberType, reportUnknownVariableType]
        return list(itertools.chain.from_iterable(parts))
    return [] if there == now else [f"{where}: {there} there, {now} now"]


def _tasks(
    protocol: Protocol, entry: Entry, seeds: Callable[[int], range], maps: Mapping[str, Mapping[str, str]]
) -> list[PlannedTask]:
    family, _, suite = entry.suite.partition("/")
    ids = _suite(family, suite, entry) if entry.suite else [registry.resolve(entry.task)]
    return [_task(protocol, entry, env_id, suite, seeds, maps) for env_id in ids]


def _task(
    protocol: Protocol,
    entry: Entry,
    env_id: str,
    suite: str,
    seeds: Callable[[int], range],
    maps: Mapping[str, Mapping[str, str]],
) -> PlannedTask:
    spec = spec_for(env_id, entry.options)
    if entry.version is not None and entry.version != spec.version:
        raise InputError(
            f"protocol '{protocol.id}' is for version {entry.version} of '{spec.id}', this is version {spec.version}: "
            "its figures cannot be compared. Take the lerobot-sim it was written for, or write a protocol of your own."
        )
    limit = entry.max_steps or protocol.max_steps
    if limit and limit > spec.max_steps:
        raise InputError(
            f"protocol '{protocol.id}': max_steps {limit} is beyond the {spec.max_steps} steps of '{spec.id}'."
        )
    record = TaskRecord(
        task=entry.name or spec.id,
        env_id=spec.id,
        env_version=spec.version,
        env_options=dict(spec.options),
        fps=spec.fps,
        max_steps=limit or spec.max_steps,
        success_rule=spec.success_rule,
        seeds=_seeds(protocol, entry, seeds),
        suite=suite,
    )
    return PlannedTask(
        record=record,
        spec=spec,
        options={**spec.options, **entry.options},
        params={**protocol.params, **entry.params},
        keys={**entry.map, **keys_for(spec.id, maps)},
        limit=limit if limit and limit < spec.max_steps else None,
    )


def _seeds(protocol: Protocol, entry: Entry, seeds: Callable[[int], range]) -> list[int]:
    count = entry.episodes or protocol.episodes
    for source in (entry, protocol):
        if source.seeds is not None:
            return list(source.seeds)
        if source.first_seed is not None:
            return list(range(source.first_seed, source.first_seed + count))
    return list(seeds(count))


def _suite(family: str, suite: str, entry: Entry) -> list[str]:
    if family not in registry.FAMILIES:
        raise unknown_name("family of simulators", family, registry.FAMILIES)
    listing = getattr(import_module(registry.FAMILIES[family]), "suite", None)
    if listing is None:
        raise InputError(
            f"'{family}' has no suites: name its tasks one by one, `lerobot-sim list {family}` shows them."
        )
    found: Sequence[str] = listing(suite, entry.split) if entry.split else listing(suite)
    return [env_id if "/" in env_id else f"{family}/{env_id}" for env_id in found]


def spec_for(env_id: str, options: Mapping[str, Any]) -> EnvSpec:
    """An environment's spec for some options; nothing of a family's simulator is started."""
    family, _, task = env_id.partition("/")
    if family in registry.FAMILIES:
        return import_module(registry.FAMILIES[family]).spec(task, **options)
    if not options:
        return registry.spec_of(env_id)
    remembered = registry.CONTENTS in options  # a recorded world's, of the user's own model
    env = registry.remake(env_id, options) if remembered else registry.make(env_id, 1, **options)
    try:
        return env.spec
    finally:
        env.close()


def _axis(text: str) -> dict[str, Any]:
    name, equals, values = text.partition("=")
    parts = [part.strip() for part in values.split(",")]
    if not equals or not name.strip() or not all(parts) or len(set(parts)) != len(parts):
        raise InputError(f"--grid: expected PARAM=VALUE,VALUE,… with different values, '{text}' came.")
    return {"name": name.strip(), "values": [value_of(part) for part in parts]}


def _extra_arms(metrics: Sequence[str]) -> dict[str, dict[str, Any]]:
    names = dict.fromkeys(arm for metric in chosen(metrics).values() for arm in metric.arms)
    return {name: {"kind": EXPERT if name == EXPERT else "language", "params": {}} for name in names}


def _family(env_id: str) -> str:
    return env_id.partition("/")[0]
