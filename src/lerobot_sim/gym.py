"""Registers every environment with gymnasium; it is imported by name only, and registers when it is.

    gymnasium.make("lerobot_sim.gym:lerobot-sim/numpy-push-t-v1")

An id is `lerobot-sim/<family>-<task>-v<version>`, with the version of the environment's own spec. The spec is read
from the module of the environment's factory; nothing is made. A third party's environment that cannot be loaded is
registered without a version, and raises what went wrong when it is made.
"""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
# gymnasium's types are partly unknown

from __future__ import annotations

import logging
from typing import Any

import gymnasium

from lerobot_sim import registry
from lerobot_sim.errors import SimError

NAMESPACE = "lerobot-sim"

_logger = logging.getLogger(__name__)


def gymnasium_id(env_id: str, version: int) -> str:
    """The gymnasium id of an environment of ours: ("numpy/push-t", 1) -> "lerobot-sim/numpy-push-t-v1"."""
    return f"{_bare_id(env_id)}-v{version}"


def register_all() -> list[str]:
    """Registers every environment of `registry.environments()` that is not registered yet; all their ids."""
    return [_register(env_id) for env_id in registry.environments()]


def raise_broken(env: str, **_: Any) -> gymnasium.Env[Any, Any]:
    """The entry point of an environment that could not be loaded: raises the reason."""
    registry.spec_of(env)
    raise SimError(f"'{env}' could not be loaded before but can be now: start Python again to use it.")


def _register(env_id: str) -> str:
    try:
        name = gymnasium_id(env_id, registry.version_of(env_id))
        entry, vector = "bridges.to_gymnasium:SimEnv", "bridges.gymnasium_vector:SimVectorEnv"
    except Exception as error:  # noqa: BLE001  a third party's module may raise anything
        _logger.warning("'%s' could not be loaded, so its version is not known: %s", env_id, error)
        name, entry, vector = _bare_id(env_id), "gym:raise_broken", "gym:raise_broken"
    if name not in gymnasium.registry:
        gymnasium.register(
            id=name,
            entry_point=f"lerobot_sim.{entry}",
            vector_entry_point=f"lerobot_sim.{vector}",
            kwargs={"env": env_id},
        )
    return name


def _bare_id(env_id: str) -> str:
    return f"{NAMESPACE}/{env_id.replace('/', '-')}"


register_all()
