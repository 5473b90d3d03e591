"""The guides' script `collect_simulation_data.py --env-type …`, answered by `collect`."""

from __future__ import annotations

from collections.abc import Sequence

from lerobot_sim.errors import InputError, unknown_name

ENV_TYPES = {
    "gym_hil": "gym-hil/panda-pick-cube",
    "isaac": "isaac-lab/lift-cube",
    "mujoco": "mujoco/lift",
}
"""--env-type -> the task that it means."""

_OPTION = "--env-type"


def without_env_type(argv: Sequence[str]) -> list[str]:
    """The arguments with `--env-type NAME` replaced by the task that it means.

    Raises:
        InputError: It is none of those, or nothing.
    """
    for at, argument in enumerate(argv):
        name, given, value = argument.partition("=")
        if name.replace("_", "-") != _OPTION:
            continue
        rest = list(argv[at + 1 :])
        if not given:
            if not rest:
                raise InputError(f"{_OPTION}: expected one of {', '.join(ENV_TYPES)}; nothing came.")
            value = rest.pop(0)
        return [_task(value), *argv[:at], *rest]
    return list(argv)


def _task(env_type: str) -> str:
    if env_type not in ENV_TYPES:
        raise unknown_name("--env-type", env_type, ENV_TYPES)
    return ENV_TYPES[env_type]
