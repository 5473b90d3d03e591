"""Workers of a family's simulator: one Env with some lanes, or several Envs at their own pace for `steps`."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import EnvSpec

from .hosted_env import HostedEnv
from .install import python_of
from .process import PATIENCE, Program
from .session import Limits


def hosted_program(family: Family, module: str, task: str, options: Mapping[str, Any]) -> Program:
    """What runs in a family's worker: its own `make`, in its own environment.

    Raises:
        NotSetUpError: The family's environment was never set up.
    """
    return Program(
        python=python_of(family),
        factory=f"{module}:make",
        keywords={"task": task, **options},
        modules=package_of(module),
        environment=family.environment,
    )


def package_of(module: str) -> dict[str, Path]:
    """What a worker must be able to import for a module that is not ours: its top-level package, by name."""
    top = module.partition(".")[0]
    if top == "lerobot_sim":
        return {}
    found = find_spec(top)
    if found is None or not found.origin:
        raise InputError(f"'{module}' cannot be imported here, so no worker can be given it.")
    place = Path(found.origin)
    return {top: place.parent if place.name == "__init__.py" else place}


def hosted_family(
    family: Family, module: str, task: str, num_envs: int, options: Mapping[str, Any], *, wait: bool = True
) -> HostedEnv:
    """One worker of a family's simulator.

    Args:
        family: Its facts.
        module: The family's package.
        task: Bare name of the task.
        num_envs: Number of lanes.
        options: The family's keywords.
        wait: Whether to wait until it stands.

    Raises:
        NotSetUpError: The family's environment was never set up.
        WorkerStartError: The worker does not start.
    """
    program = hosted_program(family, module, task, options)
    spec: EnvSpec = import_module(module).spec(task, **options)
    return HostedEnv(program, num_envs, limits=limits_of(family), spec=spec, wait=wait)


def limits_of(family: Family) -> Limits:
    """A family's time limits, times LEROBOT_SIM_PATIENCE where that is set.

    Raises:
        InputError: LEROBOT_SIM_PATIENCE is no number above 0.
    """
    said = os.environ.get(PATIENCE, "").strip()
    try:
        factor = float(said or 1.0)
    except ValueError:
        factor = math.nan
    if not 0 < factor < math.inf:
        raise InputError(f"{PATIENCE}: expected a number above 0, such as 3 for three times as long, '{said}' came.")
    return Limits(start_s=factor * family.start_s, reset_s=factor * family.reset_s, step_s=factor * family.step_s)


def hosted_workers(
    family: Family, module: str, task: str, num_envs: int, workers: int, options: Mapping[str, Any]
) -> list[HostedEnv]:
    """Several workers, which start at the same time, with lanes spread evenly; `steps` takes the list.

    Args:
        family: See `hosted_family`.
        module: Likewise.
        task: Likewise.
        num_envs: Number of lanes in all.
        workers: Number of processes, at most `num_envs`.
        options: The family's keywords.
    """
    shares = spread(num_envs, workers)
    return ready_all([hosted_family(family, module, task, share, options, wait=False) for share in shares])


def hosted(program: Program, num_envs: int, workers: int, **arguments: Any) -> list[HostedEnv]:
    """`hosted_workers` of any program; `arguments` are those of `HostedEnv`."""
    return ready_all([HostedEnv(program, share, wait=False, **arguments) for share in spread(num_envs, workers)])


def spread(num_envs: int, workers: int) -> list[int]:
    """Lanes of each worker, as even as can be.

    Raises:
        InputError: Fewer lanes than workers, or no worker.
    """
    if not 1 <= workers <= num_envs:
        raise InputError(f"workers: expected 1 to {num_envs}, one lane each at least, {workers} came.")
    return [num_envs // workers + (worker < num_envs % workers) for worker in range(workers)]


def ready_all(envs: list[HostedEnv]) -> list[HostedEnv]:
    """Waits until all stand; when one does not, all are closed."""
    try:
        for env in envs:
            env.ready()
    except BaseException:
        for env in envs:
            env.close()
        raise
    return envs
