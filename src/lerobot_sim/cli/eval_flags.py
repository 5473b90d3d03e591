"""LeRobot's and the guides' flags of an evaluation: taken as ours, or answered by what replaces them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from lerobot_sim.errors import InputError, unknown_name

_SUITES = {"gym-hil": "gym-hil", "libero": "libero-90", "metaworld": "metaworld-ml10"}
"""--env.type alone -> the protocol of the guides."""

_OWN = {"sim": "", "mujoco": "mujoco/lift", "isaac-lab": "isaac-lab/lift-cube"}
"""--env.type -> the task where none is named."""

_FAMILIES = {
    "hil": "gym-hil",
    "hill": "gym-hil",
    "gym-manipulator": "gym-hil",
    "isaac": "isaac-lab",
    "isaac-sim": "isaac-lab",
}
"""Other names that LeRobot and the guides give a family."""

_TASKS = {"pusht": "push-t", "push_t": "push-t"}
"""The guides' names of tasks of ours, where no --env.type came."""

RENAMED: Mapping[str, str] = {
    "policy.path": "--policy",
    "policy.pretrained_path": "--policy",
    "policy_path": "--policy",
    "eval.n_episodes": "--episodes",
    "n_episodes": "--episodes",
    "num_episodes": "--episodes",
    "eval_episodes": "--episodes",
    "eval.batch_size": "--num-envs",
    "env.max_parallel_tasks": "--workers",
}
"""LeRobot's flag -> ours, which takes the same value."""

REPLACED: Mapping[str, str] = {
    "policy.type": "weights say which policy it is: give --policy PATH, expert or random",
    "env.fps": "an environment's rate is its own; `lerobot-sim list --json` tells it",
    "env.episode_length": "write a protocol with max_steps and give it as --protocol FILE.toml",
    "episode_length": "write a protocol with max_steps and give it as --protocol FILE.toml",
    "env.features": "keys are mapped by --map POLICY_KEY=ENVIRONMENT_KEY",
    "env.features_map": "keys are mapped by --map POLICY_KEY=ENVIRONMENT_KEY",
    "env.camera_name": "the videos' camera is --camera NAME",
    "config_path": "settings are a protocol: --protocol FILE.toml",
    "success_threshold": "the pass mark is a protocol's: success_threshold = 0.8 in --protocol FILE.toml",
    "env.task_ids": "name the tasks one by one as [[environments]] in --protocol FILE.toml",
    "episodes_per_task": "episodes of each task are --episodes N",
    "job_name": "the folder says which run it is: --output-dir",
    "num_tasks": "tasks are counted by the [[environments]] of --protocol FILE.toml",
    "eval.recording": "episodes are recorded by lerobot-sim collect TASK --policy PATH",
    "max_episodes_rendered": "videos are --videos N",
    "eval.max_episodes_rendered": "videos are --videos N",
}
"""LeRobot's flag -> what does it here."""

_SHORT = {"env": "env.type", "env_type": "env.type", "task": "env.task"}
"""The guides' scripts' flag -> LeRobot's."""

_OURS = ("robot.model_path",)
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")


def translated(argv: Sequence[str], only: str = "") -> list[str]:
    """The arguments with LeRobot's flags as ours; `--policy.NAME` becomes a setting of the checkpoint.

    Args:
        argv: The arguments.
        only: How the flags begin that are looked at, such as "policy."; all where it is empty.

    Raises:
        InputError: A flag that has another form here, with that form.
    """
    result: list[str] = []
    env: dict[str, str] = {}
    rest = list(argv)
    while rest:
        argument = rest.pop(0)
        name, given, value = argument.partition("=")
        plain = name.removeprefix("--").replace("-", "_")
        if not name.startswith(f"--{only}") or not _is_theirs(plain):
            result.append(argument)
            continue
        if not given:
            value = _value(plain, rest)
        plain = _SHORT.get(plain, plain)
        if plain in ("env.type", "env.task"):
            env[plain] = value
        else:
            result += _ours(plain, value)
    return [*_task(env), *result]


def _is_theirs(name: str) -> bool:
    return (
        name in _SHORT or name in RENAMED or name in REPLACED or name in _SPECIAL or ("." in name and name not in _OURS)
    )


def _value(name: str, rest: list[str]) -> str:
    if name == "render" and (not rest or rest[0].startswith("-")):
        return "true"
    if not rest:
        raise InputError(f"--{name}: expected a value, nothing came.")
    return rest.pop(0)


def _ours(name: str, value: str) -> list[str]:
    if name in RENAMED:
        return [RENAMED[name], value]
    if name in REPLACED:
        raise InputError(f"--{name} is no flag here: {REPLACED[name]}.")
    if name in _SPECIAL:
        return _SPECIAL[name](name, value)
    if name.startswith("policy."):
        return ["--setting", f"{name.removeprefix('policy.')}={value}"]
    known = [*RENAMED, *REPLACED, *_SPECIAL, "env.type", "env.task"]
    hint = "An environment's options are --option NAME=VALUE." if name.startswith("env.") else ""
    raise unknown_name("flag of LeRobot's", f"--{name}", [f"--{one}" for one in known], hint)


def _device(name: str, value: str) -> list[str]:
    if value != "cpu":
        raise InputError(f"--{name}={value}: policies run on the CPU here. Leave it out, or give --{name}=cpu.")
    return []


def _off(instead: str) -> Callable[[str, str], list[str]]:
    def answer(name: str, value: str) -> list[str]:
        if value.lower() not in _FALSE:
            raise InputError(f"--{name}={value} is no flag here: {instead}.")
        return []

    return answer


def _mode(name: str, value: str) -> list[str]:
    if value != "eval":
        raise InputError(f"--{name}={value}: what is done is a command: lerobot-sim eval, train, collect or run.")
    return []


def _render(name: str, value: str) -> list[str]:
    if value.lower() in (*_TRUE, *_FALSE):
        return ["--videos", "1"] if value.lower() in _TRUE else ["--videos", "0"]
    raise InputError(f"--{name}: expected true or false, '{value}' came. Videos are --videos N.")


def _rename(name: str, value: str) -> list[str]:
    try:
        pairs = json.loads(value)
        return [part for theirs, own in pairs.items() for part in ("--map", f"{own}={theirs}")]
    except (ValueError, AttributeError) as error:
        raise InputError(
            f"--{name}: expected a JSON object ENVIRONMENT_KEY: POLICY_KEY, '{value}' came. Here it is "
            "--map POLICY_KEY=ENVIRONMENT_KEY."
        ) from error


_SPECIAL: Mapping[str, Callable[[str, str], list[str]]] = {
    "policy.device": _device,
    "device": _device,
    "policy.use_amp": _off("policies compute in the precision of their checkpoint"),
    "eval.use_async_envs": _off("processes are --workers N"),
    "mode": _mode,
    "render": _render,
    "rename_map": _rename,
    "env.type": lambda _name, _value: [],
    "env.task": lambda _name, _value: [],
}


def _task(env: Mapping[str, str]) -> list[str]:
    """The task or protocol that --env.type and --env.task name."""
    kind, task = env.get("env.type", ""), env.get("env.task", "")
    if not kind and not task:
        return []
    from lerobot_sim import registry
    from lerobot_sim.evaluation.protocol import names as protocols

    family = kind.replace("_", "-")
    family = _FAMILIES.get(family, family)
    if not task:
        return _alone(kind, family)
    if "," in task:
        raise InputError(
            f"--env.task={task}: several tasks or suites are [[environments]] in --protocol FILE.toml "
            "(`lerobot-sim eval protocols` lists those that are built in)."
        )
    if family == "libero" and task.startswith("libero_"):
        return ["--protocol", task.replace("_", "-")]
    suite = f"metaworld-{task.lower().replace('_', '-')}"  # such as MT50, or LeRobot's very_hard
    if family == "metaworld" and suite in protocols():
        return ["--protocol", suite]
    if family in ("", "sim") or "/" in task:
        return [registry.resolve(task if kind else _TASKS.get(task, task))]
    if family not in registry.FAMILIES and family not in {one.partition("/")[0] for one in registry.environments()}:
        raise unknown_name("--env.type", kind, {**_OWN, **registry.FAMILIES})
    return [registry.resolve(f"{family}/{task}")]


def _alone(kind: str, family: str) -> list[str]:
    from lerobot_sim import registry

    if family in _SUITES:
        return ["--protocol", _SUITES[family]]
    if family in registry.FAMILIES and len(registry.family_tasks(family)) == 1:
        return registry.family_tasks(family)
    if _OWN.get(family):
        return [_OWN[family]]
    if family == "sim" or family in registry.FAMILIES:
        raise InputError(f"--env.type={kind} needs --env.task; `lerobot-sim list` shows the tasks.")
    raise unknown_name("--env.type", kind, {**_OWN, **_SUITES, **registry.FAMILIES})
