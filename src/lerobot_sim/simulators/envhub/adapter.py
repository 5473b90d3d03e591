"""What an EnvHub's `make_env` gives as an Env: each lane is a vector environment of one."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType, SimpleNamespace
from typing import Any

import gymnasium

from lerobot_sim.errors import BrokenPromiseError, InputError, SimError, unknown_name
from lerobot_sim.simulators.gymnasium_calls import AnyEnv
from lerobot_sim.simulators.gymnasium_env import GymnasiumEnv

from .one_lane import OneLane
from .source import Fetched, Source


def make_lanes(source: Source, fetched: Fetched, num_envs: int, options: Mapping[str, Any]) -> GymnasiumEnv:
    """`num_envs` lanes of a trusted source.

    Args:
        source: Where it is from.
        fetched: Its file.
        num_envs: Number of lanes.
        options: What was given, without name and trust.

    Raises:
        InputError: The file lacks `make_env` or a package, or gives something else than environments.
        SimError: It raised.
    """
    module = _module(source, fetched)
    rest = {name: value for name, value in options.items() if name != "source"}
    own = {name: rest.pop(name, None) for name in ("cfg", "suite", "task_id")}

    def make() -> OneLane:
        return _lane(source, module.make_env, own)

    if "max_steps" not in rest:
        first = make()
        rest["max_steps"] = first.max_steps
        first.close()
    return GymnasiumEnv(
        make,
        num_envs,
        env_id=f"hub/{source.task}",
        options={**options, "source": source.text, "sha256": fetched.sha256},
        about=f"{source.text}, an EnvHub",
        **rest,
    )


def _module(source: Source, fetched: Fetched) -> ModuleType:
    """The file as a module, run once for each content."""
    name = f"lerobot_sim_envhub_{fetched.sha256[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    found = spec_from_file_location(name, fetched.path)
    if found is None or found.loader is None:
        raise InputError(f"{fetched.path} is no module of Python.")
    module = sys.modules[name] = module_from_spec(found)
    try:
        with redirect_stdout(sys.stderr):
            found.loader.exec_module(module)
    except ModuleNotFoundError as error:
        del sys.modules[name]
        raise InputError(
            f"{source.text} needs the package '{error.name}', which is not installed here. Its requirements.txt or "
            "README says which version; install it in this environment."
        ) from error
    except Exception as error:
        del sys.modules[name]
        raise SimError(f"{source.text}: {source.file} raised {error!r} when it was imported.") from error
    if not callable(getattr(module, "make_env", None)):
        del sys.modules[name]
        raise InputError(f"{source.text}: {source.file} has no function make_env, so it is no EnvHub.")
    return module


def _lane(source: Source, make_env: Callable[..., Any], own: Mapping[str, Any]) -> OneLane:
    """One environment, of one lane, as LeRobot calls for it."""
    keywords = {} if own["cfg"] is None else {"cfg": SimpleNamespace(**own["cfg"])}
    try:
        with redirect_stdout(sys.stderr):
            result = make_env(n_envs=1, use_async_envs=False, **keywords)
    except SimError:
        raise
    except Exception as error:
        raise SimError(f"{source.text}: make_env raised {error!r}.") from error
    if isinstance(result, gymnasium.Env) or hasattr(result, "single_observation_space"):
        return _one_lane(source, result)
    if not isinstance(result, Mapping) or not all(isinstance(tasks, Mapping) for tasks in result.values()):
        raise BrokenPromiseError(
            f"{source.text}: make_env gave {type(result).__name__}; expected a gymnasium environment, a vector "
            "environment, or {suite: {number: vector environment}}."
        )
    return _chosen(source, result, own)


def _chosen(source: Source, result: Mapping[str, Mapping[int, Any]], own: Mapping[str, Any]) -> OneLane:
    """The suite and task that were asked for, or the only ones; the others are closed."""
    suite = _one(source, "suite", result, own["suite"])
    number = _one(source, "task_id", result[suite], own["task_id"])
    for tasks in result.values():
        for key, other in tasks.items():
            if tasks is not result[suite] or key != number:
                other.close()
    return _one_lane(source, result[suite][number])


def _one_lane(source: Source, found: Any) -> OneLane:
    """A vector environment's only lane; a single environment is made one, as LeRobot does it."""
    if isinstance(found, gymnasium.Env):
        single: AnyEnv = found
        return OneLane(source.text, gymnasium.vector.SyncVectorEnv([lambda: single]))
    return OneLane(source.text, found)


def _one(source: Source, what: str, there: Mapping[Any, Any], wanted: Any) -> Any:
    by_name = {str(key): key for key in there}
    if wanted is None and len(by_name) == 1:
        return next(iter(there))
    if wanted is None:
        raise InputError(f"{source.text} has several environments: say {what}=, one of {', '.join(sorted(by_name))}.")
    if str(wanted) not in by_name:
        raise unknown_name(f"{what} of {source.text}", str(wanted), by_name)
    return by_name[str(wanted)]
