"""Environments of LeRobot's EnvHub: a folder, or a repository on the hub, with an `env.py` that has `make_env`.

| name | |
|---|---|
| `hub/OWNER/NAME@COMMIT` | a repository at a commit, all 40 digits; `:FILE` behind it names another than `env.py` |
| `hub/./FOLDER`, `hub//FOLDER` | a folder on this machine |

`env.py` is somebody's program and may do anything, so it runs only where it was trusted in so many words: by
`trust_remote_code=True`, by `--trust-remote-code` with a command, or by LEROBOT_SIM_TRUST_REMOTE_CODE=1. Trust is not
stored with a dataset or a score: whoever makes the environment again trusts it again.

| option | |
|---|---|
| `cfg` | passed to `make_env` as an object with these attributes, such as {"task": "reach"} |
| `suite`, `task_id` | which of the environments that `make_env` gives, where there are several |
| `success_key`, `success_rule`, `metrics` | what of `info` says success ("is_success") and further numbers |
| `observation_keys` | their path -> our key, or null to leave it out |
| `fps`, `max_steps`, `instruction` | where the environment does not say them, or others are wanted |
| `source`, `sha256` | where it was and what `env.py` held, as specs and datasets say it; another content is refused |
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.errors import unknown_name
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.gymnasium_options import check_options
from lerobot_sim.spec import EnvSpec

from .source import MARK, fetched, source_of, trusted

FAMILY = Family(
    name="hub",
    packages=("gymnasium",),
    lock="gymnasium",
    about="LeRobot's EnvHub: hub/OWNER/NAME@COMMIT or hub/./FOLDER, with --trust-remote-code",
    environment={"MUJOCO_GL": "egl", "SDL_VIDEODRIVER": "dummy"},
)

OPTIONS = (
    "cfg",
    "fps",
    "instruction",
    "max_steps",
    "metrics",
    "observation_keys",
    "sha256",
    "source",
    "success_key",
    "success_rule",
    "suite",
    "task_id",
    "trust_remote_code",
)


def tasks() -> Sequence[str]:
    """None that are known beforehand: every repository is one."""
    return ()


def resolve(name: str) -> str | None:
    """Every name with a slash, and what a spec of this family is named; not a bare name."""
    return name if "/" in name or MARK in name else None


def spec(task: str, **options: Any) -> EnvSpec:
    """An environment's spec: one lane is made and closed again, once for each content of its file."""
    source, chosen = _checked(task, options)
    return _asked(task, json.dumps({**chosen, "trust_remote_code": True}, sort_keys=True), fetched(source).sha256)


@lru_cache(maxsize=64)
def _asked(task: str, said: str, _sha256: str) -> EnvSpec:
    env = make(task, 1, **json.loads(said))
    try:
        return env.spec
    finally:
        env.close()


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process, each by a call of `make_env` of its own."""
    source, chosen = _checked(task, options)
    from .adapter import make_lanes

    return make_lanes(source, fetched(source, chosen.pop("sha256", None)), num_envs, chosen)


def _checked(task: str, options: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    """The source, and the options without name and trust.

    Raises:
        UntrustedError: It was not trusted.
        InputError: No such option, or no source.
    """
    for name in options:
        if name not in OPTIONS:
            raise unknown_name(f"option of 'hub/{task}'", name, OPTIONS)
    check_options(options)
    chosen = dict(options)
    source = source_of(str(chosen.get("source") or task))
    trusted(source, chosen.pop("trust_remote_code", False))
    return source, chosen
