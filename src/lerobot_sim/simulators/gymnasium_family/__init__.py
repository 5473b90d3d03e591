"""Any registered gymnasium environment by its id: `gymnasium/CartPole-v1`, `gymnasium/Pendulum-v1`.

What cannot be imported here, such as gymnasium's MuJoCo tasks without their `imageio`, runs in an environment of its
own, where more can be installed. An id with a namespace has a dot for its slash: `gymnasium/ALE.Pong-v5`. A third
party's environment needs the module that registers it, as the option `module`.

| option | |
|---|---|
| `module` | imported first |
| `make_options` | keywords of `gymnasium.make`; `render_mode` is "rgb_array" where there is one |
| `success_key`, `success_rule`, `metrics` | what of `info` says success and further numbers |
| `observation_keys` | their path -> our key, or null to leave it out |
| `fps`, `max_steps`, `instruction` | where gymnasium does not say them, or others are wanted |

`KNOWN` holds what has to be said of environments that many use; what is given rules.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.errors import unknown_name
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.gymnasium_options import check_options
from lerobot_sim.spec import EnvSpec

FAMILY = Family(
    name="gymnasium",
    packages=("gymnasium",),
    lock="gymnasium",
    about="any registered gymnasium environment, by its id",
    environment={"MUJOCO_GL": "egl", "SDL_VIDEODRIVER": "dummy"},
)

TASKS = (
    "Acrobot-v1",
    "CartPole-v1",
    "MountainCar-v0",
    "MountainCarContinuous-v0",
    "Pendulum-v1",
)
"""gymnasium's own that run with what lerobot-sim brings; every other id works, too, where its packages are."""

KNOWN: Mapping[str, Mapping[str, Any]] = {
    "Fetch*": {
        "module": "gymnasium_robotics",
        "success_key": "is_success",
        "observation_keys": {
            "achieved_goal": "observation.achieved_goal",
            "desired_goal": "observation.environment_state",
        },
    },
    "Adroit*": {"module": "gymnasium_robotics", "success_key": "success"},
    "Panda*-v3": {
        "module": "panda_gym",
        "success_key": "is_success",
        "fps": 25,
        "observation_keys": {
            "achieved_goal": "observation.achieved_goal",
            "desired_goal": "observation.environment_state",
        },
    },
}
"""Pattern of ids -> options that they need."""

OPTIONS = (
    "fps",
    "instruction",
    "make_options",
    "max_steps",
    "metrics",
    "module",
    "observation_keys",
    "success_key",
    "success_rule",
)

_ID = re.compile(r"[\w-]+([./][\w:.-]+)?")


def tasks() -> Sequence[str]:
    """gymnasium's own environments that run with what lerobot-sim brings."""
    return TASKS


def resolve(name: str) -> str | None:
    """The task of an id that gymnasium knows, or that has a namespace, whose module may register it later."""
    if not _ID.fullmatch(name):
        return None
    task = name.replace("/", ".", 1)
    if "." in task and re.search(r"-v\d+$", task):
        return task
    from .adapter import is_registered

    return task if is_registered(name) else None


def options_of(task: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that are given, over those that are known to be needed."""
    for name in given:
        if name not in OPTIONS:
            raise unknown_name(f"option of 'gymnasium/{task}'", name, OPTIONS)
    check_options(given)
    unsaid = ("metrics", "success_rule")  # where they are null
    found: dict[str, Any] = {"success_key": None}
    for pattern, known in KNOWN.items():
        if fnmatchcase(task, pattern):
            found.update(known)
    return {**found, **{name: value for name, value in given.items() if value is not None or name not in unsaid}}


def runs_here(task: str, **options: Any) -> bool:
    """Whether this process has what the environment imports."""
    from .adapter import can_import

    return can_import(task, options_of(task, options).get("module"))


def spec(task: str, **options: Any) -> EnvSpec:
    """An environment's spec: gymnasium is asked, by making one lane and closing it again; once for each."""
    options_of(task, options)
    return _asked(task, json.dumps(options, sort_keys=True))


@lru_cache(maxsize=64)
def _asked(task: str, said: str) -> EnvSpec:
    options: dict[str, Any] = json.loads(said)
    if runs_here(task, **options):
        env = make(task, 1, **options)
    else:
        from lerobot_sim.simulators.host.hosted_env import HostedEnv
        from lerobot_sim.simulators.host.workers import hosted_program, limits_of

        env = HostedEnv(hosted_program(FAMILY, __name__, task, options), 1, limits=limits_of(FAMILY))
    try:
        return env.spec
    finally:
        env.close()


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process."""
    chosen = options_of(task, options)
    from .adapter import make_env

    return make_env(task, num_envs, chosen, options)
