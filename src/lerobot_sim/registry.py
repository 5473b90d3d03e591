"""Names of environments and policies, and how they are found; listing imports none of them.

Ours are in the tables below; third parties add theirs by the entry points `lerobot_sim.envs` and
`lerobot_sim.policies`, whose names are "family/task" and whose values are factories.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from functools import cache, partial
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from .env import Env
from .errors import InputError, SimError, UnknownNameError, unknown_name
from .policy import Policy
from .spec import EnvSpec

ENVIRONMENTS: Mapping[str, str] = {
    "mujoco/aloha-transfer": "lerobot_sim.envs.mujoco.tasks.aloha_transfer:make",
    "mujoco/drawer": "lerobot_sim.envs.mujoco.tasks.drawer:make",
    "mujoco/insert": "lerobot_sim.envs.mujoco.tasks.insert:make",
    "mujoco/lift": "lerobot_sim.envs.mujoco.tasks.lift:make",
    "mujoco/pick-color": "lerobot_sim.envs.mujoco.tasks.pick_color:make",
    "mujoco/pick-place": "lerobot_sim.envs.mujoco.tasks.pick_place:make",
    "mujoco/push": "lerobot_sim.envs.mujoco.tasks.push:make",
    "mujoco/reach": "lerobot_sim.envs.mujoco.tasks.reach:make",
    "mujoco/stack": "lerobot_sim.envs.mujoco.tasks.stack:make",
    "numpy/pick-place": "lerobot_sim.envs.pick_place:make",
    "numpy/push-t": "lerobot_sim.envs.push_t:make",
    "numpy/reach": "lerobot_sim.envs.reach:make",
}
"""id -> "module:factory"; a factory takes num_envs and the task's own keywords."""

FAMILIES: Mapping[str, str] = {
    "aloha": "lerobot_sim.simulators.aloha",
    "gym-hil": "lerobot_sim.simulators.gym_hil",
    "gymnasium": "lerobot_sim.simulators.gymnasium_family",
    "hub": "lerobot_sim.simulators.envhub",
    "isaac-lab": "lerobot_sim.simulators.isaac_lab",
    "libero": "lerobot_sim.simulators.libero",
    "metaworld": "lerobot_sim.simulators.metaworld",
    "pusht": "lerobot_sim.simulators.pusht",
}
"""Family -> package that holds the catalogue of its tasks; see `lerobot_sim.simulators.families`."""

_FAMILIES = "lerobot_sim.simulators.families"

EXPERTS: Mapping[str, str] = {
    "aloha/*": "lerobot_sim.experts.aloha:make",
    "gym-hil/panda-pick-cube": "lerobot_sim.experts.gym_hil:make",
    "isaac-lab/lift-cube": "lerobot_sim.experts.isaac_lab:make",
    "isaac-lab/pick-place": "lerobot_sim.experts.isaac_lab:make",
    "isaac-lab/reach": "lerobot_sim.experts.isaac_lab:make",
    "libero/libero_object-*": "lerobot_sim.experts.libero:make",
    "libero/libero_spatial-*": "lerobot_sim.experts.libero:make",
    "metaworld/*": "lerobot_sim.experts.metaworld:make",
    "mujoco/aloha-transfer": "lerobot_sim.experts.mujoco.aloha_transfer:make",
    "mujoco/drawer": "lerobot_sim.experts.mujoco.drawer:make",
    "mujoco/insert": "lerobot_sim.experts.mujoco.insert:make",
    "mujoco/lift": "lerobot_sim.experts.mujoco.lift:make",
    "mujoco/pick-color": "lerobot_sim.experts.mujoco.pick_color:make",
    "mujoco/pick-place": "lerobot_sim.experts.mujoco.pick_place:make",
    "mujoco/push": "lerobot_sim.experts.mujoco.push:make",
    "mujoco/reach": "lerobot_sim.experts.mujoco.reach:make",
    "mujoco/stack": "lerobot_sim.experts.mujoco.stack:make",
    "numpy/pick-place": "lerobot_sim.experts.pick_place:make",
    "numpy/push-t": "lerobot_sim.experts.push_t:make",
    "numpy/reach": "lerobot_sim.experts.reach:make",
    "pusht/push-t": "lerobot_sim.experts.pusht:make",
}
"""Environment's id, or a pattern of ids -> "module:factory" of its scripted expert; a factory takes the EnvSpec."""

POLICIES: Mapping[str, str] = {
    "lerobot": "lerobot_sim.policies.lerobot:make",
    "mlp": "lerobot_sim.policies.mlp:make",
    "random": "lerobot_sim.policies.random:make",
}
"""Name -> "module:factory" of policies for any environment; a factory takes the EnvSpec and keywords."""

_ANY_MODEL = "lerobot_sim.envs.mujoco.any_model:from_mjcf"

FILES: Mapping[str, str] = dict.fromkeys((".json", ".mjb", ".toml", ".urdf", ".xml"), _ANY_MODEL)
"""Ending of a file that describes an environment -> "module:factory"; a factory takes the path, then keywords."""

GUIDES = (
    "lerobot_sim.simulators.gym_hil.config",
    "lerobot_sim.simulators.isaac_lab.guide",
    "lerobot_sim.simulators.metaworld.config",
)
"""Modules that know the JSON files of other texts: `is_guide(keys)` and `from_config(path, num_envs)`."""

CONTENTS = "model_sha256"
"""The option that tells the contents of a user's own model, and that no factory takes."""


def environments() -> list[str]:
    """The id of every environment that runs in this process, ours and third parties', sorted."""
    return sorted({*ENVIRONMENTS, *_plug_ins("lerobot_sim.envs")})


def family_tasks(family: str) -> list[str]:
    """Every id of a family of simulators (`FAMILIES`), in the family's order; nothing of the simulator is imported."""
    if family not in FAMILIES:
        raise unknown_name("family of simulators", family, FAMILIES)
    return [f"{family}/{task}" for task in import_module(FAMILIES[family]).tasks()]


def policy_names(env_id: str | None = None) -> list[str]:
    """Every policy's name, sorted; with "expert" where the environment has one."""
    names = {*POLICIES, *(name for name in _plug_ins("lerobot_sim.policies") if "/" not in name)}
    if env_id is None or _expert(env_id) or env_id in _plug_ins("lerobot_sim.policies"):
        names.add("expert")
    return sorted(names)


def resolve(name: str) -> str:
    """The id for a full or a bare name: "push-t" is taken where one family has it. A file's path stays as it is.

    Raises:
        UnknownNameError: No such environment; the nearest are named.
        InputError: Several families have it; they are listed.
    """
    if Path(name).suffix in FILES:
        return name
    ids = environments()
    if name in ids:
        return name
    family, slash, task = name.replace("_", "-", 1 if "_" in name.partition("/")[0] else 0).partition("/")
    family = family if family in FAMILIES else family.removeprefix("gym-")  # gym_pusht/PushT-v0
    if slash and family in FAMILIES:
        return _resolve_in(family, task)
    matches = [known for known in ids if known.partition("/")[2] == name]
    if len(matches) == 1:
        return matches[0]
    if matches:
        raise InputError(f"Several environments are named '{name}': {', '.join(matches)}. Give the full name.")
    if not slash:
        matches = [
            f"{family}/{task}"
            for family in FAMILIES
            if (task := import_module(_FAMILIES).today(FAMILIES[family], name))
        ]
        if len(matches) == 1:
            return matches[0]
        if matches:
            raise InputError(f"Several environments are named '{name}': {', '.join(matches)}. Give the full name.")
    bare = [known.partition("/")[2] for known in ids if "/" in known] if "/" not in name else []
    raise unknown_name("environment", name, [*ids, *bare] if bare else ids, "`lerobot-sim list` shows all.")


def _resolve_in(family: str, name: str) -> str:
    task = import_module(_FAMILIES).today(FAMILIES[family], name)
    if task is None:
        ids = family_tasks(family)
        raise unknown_name("environment", f"{family}/{name}", ids, f"`lerobot-sim list {family}` shows all.")
    return f"{family}/{task}"


def short_name(env_id: str) -> str:
    """The bare task name where one family alone has it, else the id."""
    task = env_id.partition("/")[2]
    return task if [known.partition("/")[2] for known in environments()].count(task) <= 1 else env_id


def make(name: str, num_envs: int = 1, **options: Any) -> Env:
    """Makes an environment.

    Args:
        name: Its id, the bare task name where one family has it, or the path of a file that describes it (`FILES`).
        num_envs: Number of lanes.
        options: The task's own keywords.
    """
    if num_envs < 1:
        raise InputError(f"num_envs: expected at least 1, {num_envs} came.")
    return _factory(resolve(name))(num_envs=num_envs, **options)


def remake(env_id: str, options: Mapping[str, Any], num_envs: int = 1) -> Env:
    """Makes an environment again from its spec's id and options, also one that a file described.

    Raises:
        InputError: The user's own model of the robot has other contents than it had.
    """
    if "config" in options:
        return _load(_ANY_MODEL)(options["config"], num_envs=num_envs)
    env = make(env_id, num_envs, **{name: value for name, value in options.items() if name != CONTENTS})
    known, present = options.get(CONTENTS), env.spec.options.get(CONTENTS)
    if known != present:
        env.close()
        raise InputError(
            f"{options.get('model_path')} has changed: its contents had SHA-256 {known}, they have {present} now. "
            "Put the files back as they were."
        )
    return env


def spec_of(name: str) -> EnvSpec:
    """An environment's spec, read and not made where the module of its factory holds it.

    That is a module's `SPEC`, or its entry in `SPECS` (id -> EnvSpec) where the module has several
    environments. Without either one lane is made and closed again.
    """
    env_id = resolve(name)
    family, _, task = env_id.partition("/")
    if family in FAMILIES:
        return import_module(FAMILIES[family]).spec(task)
    factory = _factory(env_id)
    module = sys.modules.get(getattr(factory, "__module__", ""))
    held = getattr(module, "SPECS", {}).get(env_id, getattr(module, "SPEC", None))
    if isinstance(held, EnvSpec) and held.id == env_id:
        return held
    env = factory(num_envs=1)
    try:
        return env.spec
    finally:
        env.close()


def version_of(name: str) -> int:
    """An environment's version: its factory's module's `VERSION` where there is one, else its spec's."""
    env_id = resolve(name)
    if env_id.partition("/")[0] in FAMILIES:
        return spec_of(env_id).version
    held = getattr(sys.modules.get(getattr(_factory(env_id), "__module__", "")), "VERSION", None)
    return held if isinstance(held, int) else spec_of(env_id).version


def make_policy(name: str, spec: EnvSpec, **options: Any) -> Policy:
    """Makes a policy for an environment.

    Args:
        name: "expert", "random", … or a third party's.
        spec: The environment's.
        options: The policy's own keywords.
    """
    if name == "expert":
        if known := _expert(spec.id):
            return _load(known)(spec, **options)
        if spec.id not in _plug_ins("lerobot_sim.policies"):
            raise UnknownNameError(f"'{spec.id}' has no scripted expert. Policies for it: {policy_names(spec.id)}.")
        name = spec.id
    if name in POLICIES:
        return _load(POLICIES[name])(spec, **options)
    if name in _plug_ins("lerobot_sim.policies"):
        return _load_plug_in("lerobot_sim.policies", name)(spec, **options)
    raise unknown_name("policy", name, policy_names(spec.id))


def _expert(env_id: str) -> str | None:
    """The expert of an id, or of the first pattern that it fits."""
    return EXPERTS.get(env_id) or next((EXPERTS[key] for key in EXPERTS if fnmatchcase(env_id, key)), None)


def _factory(env_id: str) -> Callable[..., Env]:
    family, _, task = env_id.partition("/")
    if family in FAMILIES:
        return partial(import_module(_FAMILIES).make, FAMILIES[family], task)
    suffix = Path(env_id).suffix
    if suffix in FILES:
        return partial(_load(_guide_of(Path(env_id)) or FILES[suffix]), env_id)
    ours = env_id in ENVIRONMENTS
    return _load(ENVIRONMENTS[env_id]) if ours else _load_plug_in("lerobot_sim.envs", env_id)


def _guide_of(path: Path) -> str | None:
    """The factory for a JSON file that a guide to some simulator describes; None for every other file."""
    if path.suffix != ".json" or not path.is_file():
        return None
    try:
        keys = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return None  # who reads it as ours says what is wrong
    found = (module for module in GUIDES if isinstance(keys, dict) and import_module(module).is_guide(keys))
    return next((f"{module}:from_config" for module in found), None)


def _load(target: str) -> Callable[..., Any]:
    module, attribute = target.split(":")
    return getattr(import_module(module), attribute)


def _plug_ins(group: str) -> dict[str, str]:
    """Name -> distribution of a group's entry points; nothing is imported."""
    return _plug_ins_on(group, tuple(sys.path))


@cache
def _plug_ins_on(group: str, _path: tuple[str, ...]) -> dict[str, str]:
    """Looked up once for a search path: it reads a file of every installed package."""
    return {entry.name: entry.dist.name if entry.dist else "?" for entry in entry_points(group=group)}


def _load_plug_in(group: str, name: str) -> Callable[..., Any]:
    (entry,) = tuple(entry_points(group=group, name=name))[:1]
    try:
        return entry.load()
    except Exception as error:
        owner = entry.dist.name if entry.dist else "a third party"
        raise SimError(f"'{name}' comes from '{owner}' and could not be loaded ({entry.value}): {error!r}") from error
