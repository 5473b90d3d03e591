"""Options that every command takes, and how a command's own are read."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import tyro

from lerobot_sim.errors import InputError


@dataclass(kw_only=True)
class CommonOptions:
    """Options of every command."""

    seed: int = 0
    """Which seeds: other numbers give other demonstrations, weights and held-out episodes."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


@dataclass(kw_only=True)
class RobotOptions(CommonOptions):
    """Options of every command that makes an environment."""

    robot: str = "<usual>"
    """Who does it, where a task has several robots: panda, so100, so101 …"""

    model_path: Annotated[str, tyro.conf.arg(name="robot.model-path", metavar="PATH")] = ""
    """Your own MJCF of that robot, or a TOML file that describes one, in the place of ours."""

    option: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """NAME=VALUE of the environment's own keywords, such as suite=ML10 or reward=sparse; again for a further one."""

    units: Literal["environment", "lerobot", "degrees", "range_m100_100", "radians"] = "environment"
    """Of the joints. All but "environment" make the arm one of LeRobot's robots: actions are its joints' targets, and
    observation.state its joints, as `--robot.type=sim` and a real arm have them. lerobot: LeRobot's usual, degrees."""

    yes: bool = False
    """Where the task's simulator is not set up here, set it up without asking."""


@dataclass(kw_only=True)
class SteppingOptions(RobotOptions):
    """Options of every command that steps an environment."""

    profile: bool = False
    """Say where the time went: physics, render, policy, encode, wait."""


@dataclass(kw_only=True)
class CheckpointOptions:
    """Options of every command whose --policy may be a checkpoint."""

    setting: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """NAME=VALUE in the place of a setting of the checkpoint (LeRobot's policies, bc), such as n_action_steps=1, with
    which it is another policy; --policy.NAME=VALUE says the same."""


Task = Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="TASK")]
"""A positional argument: an environment's id or its bare name."""

OptionsT = TypeVar("OptionsT")


def read(options: type[OptionsT], command: str, about: str, argv: Sequence[str]) -> OptionsT:
    """Reads a command's options; help and bad options exit as usual (0 and 2)."""
    config = (tyro.conf.FlagCreatePairsOff,)
    found = tyro.cli(options, args=list(argv), prog=f"lerobot-sim {command}", description=about, config=config)
    if isinstance(found, RobotOptions):
        found.option = with_units(found.units, found.option, getattr(found, "task", ""))
    return found


def at_least(least: int, **counts: int) -> None:
    """Refuses counts that are too small, by the option's name."""
    for name, value in counts.items():
        if value < least:
            raise InputError(f"--{name.replace('_', '-')}: expected at least {least}, {value} came.")


def picture_size(flag: str, text: str) -> dict[str, int]:
    """{"height", "width"} in pixels of "128" or "480x640".

    Raises:
        InputError: It is neither.
    """
    match = re.fullmatch(r"([1-9]\d*)(?:x([1-9]\d*))?", text)
    if match is None:
        raise InputError(f"{flag}: expected pixels such as 128 or 480x640, '{text}' came.")
    return {"height": int(match[1]), "width": int(match[2] or match[1])}


def with_units(units: str, option: Sequence[str], task: str = "") -> tuple[str, ...]:
    """The environment's own keywords with the controller that speaks a robot's units.

    Raises:
        InputError: Another controller was given, too, or the task has no arm of LeRobot's.
    """
    if units == "environment":
        return tuple(option)
    if task:
        from lerobot_sim.bridges.lerobot_arm import task_of_arm

        task_of_arm(task)
    if any(pair.partition("=")[0] == "controller" for pair in option):
        raise InputError("--units chooses the controller: leave --option controller=… out.")
    from lerobot_sim.envs.mujoco.robot_units import USUAL, controller_name

    return (*option, f"controller={controller_name(USUAL if units == 'lerobot' else units)}")


def env_options(robot: str, model_path: Path | str | None = None, option: Sequence[str] = ()) -> dict[str, Any]:
    """Keywords of an environment's factory."""
    who = {} if robot == "<usual>" else {"robot": robot}
    own = {"model_path": str(model_path)} if model_path else {}
    return {**who, **own, **values_of("--option", option)}


def values_of(flag: str, pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE pairs; a value is JSON where it reads as JSON, else text.

    Raises:
        InputError: Something that is no pair.
    """
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InputError(f"{flag}: expected NAME=VALUE, '{pair}' came.")
        try:
            found[name.replace("-", "_")] = json.loads(text)
        except ValueError:
            found[name.replace("-", "_")] = {"True": True, "False": False, "None": None}.get(text, text)
    return found


def filled(pattern: Path | str, env_id: str, policy: str = "") -> Path:
    """A path with <task> and <policy> filled in, as in the defaults that --help shows."""
    from lerobot_sim import registry

    task = registry.short_name(env_id).replace("/", "-")
    return Path(str(pattern).replace("<task>", task).replace("<policy>", policy.replace(":", "-").replace("/", "-")))
