"""Flags of old and of mistaken guides to LeRobot's commands, answered by what LeRobot 0.6.1 takes instead."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

COMMANDS = ("eval", "record", "replay", "rollout", "teleoperate", "train")
_OF_ROBOTS = ("record", "replay", "rollout", "teleoperate")

ENV_TYPES: Mapping[str, str] = {
    "gym_hil": "gym-hil/panda-pick-cube",
    "gym-hil": "gym-hil/panda-pick-cube",
    "hil": "gym-hil/panda-pick-cube",
    "hill": "gym-hil/panda-pick-cube",
    "isaac": "isaac-lab/lift-cube",
    "isaac_lab": "isaac-lab/lift-cube",
    "isaac_sim": "isaac-lab/lift-cube",
    "mujoco": "mujoco/lift",
}
"""`--env.type` of guides, which LeRobot never had -> our task."""

ANY: Mapping[str, str] = {
    "env.wrapper.control_mode": "who acts is the teleoperator or policy: leave it out",
    "env.wrapper.resize_size": "the pictures' size is --robot.camera_height and --robot.camera_width",
    "env.wrapper.use_gripper": "grippers are part of the arm: leave it out",
    "env.wrapper.": "it is of the file that `python -m lerobot.rl.gym_manipulator` reads: leave it out",
    "teleop.type=spacemouse": "LeRobot has no SpaceMouse: --teleop.type=gamepad, keyboard_ee or an arm's leader",
    "training.batch_size": "--batch_size=N",
    "training.fine_tuning": "--policy.path=CHECKPOINT begins from one; leave it out",
    "training.learning_rate": "--policy.optimizer_lr=RATE",
    "training.lr": "--policy.optimizer_lr=RATE",
    "training.steps": "--steps=N",
}
"""Flag, with its value where only that is wrong -> what it is today; one that ends in a dot is all that begin so."""

OF_EVAL: Mapping[str, str] = {
    "num_episodes": "--eval.n_episodes=N",
    "render": "videos of the first ten episodes are always made; leave it out",
}
"""Likewise of `lerobot-eval` alone."""


def answer(argv: Sequence[str]) -> str | None:
    """What is to be said of a command line of LeRobot's; None where there is nothing of the guides in it.

    Args:
        argv: The program and its arguments.
    """
    match = re.fullmatch(r"lerobot[-_](\w+?)(\.py|\.exe)?", PurePath(argv[0]).name) if argv else None
    if match is None or match[1] not in COMMANDS:
        return None
    given = _flags(argv[1:])
    found = [line for name, value in given.items() if (line := _instead(match[1], name, value))]
    if not found:
        return None
    page = "The page docs/lerobot.md of lerobot-sim has all of LeRobot's commands with a simulation."
    return f"lerobot-{match[1]}: this is a guide's form that LeRobot 0.6.1 does not have.\n  " + "\n  ".join(
        [*found, page]
    )


def _flags(arguments: Sequence[str]) -> dict[str, str]:
    """Flag without its dashes -> value."""
    found: dict[str, str] = {}
    for at, argument in enumerate(arguments):
        name, equals, value = argument.partition("=")
        if name.startswith("--"):
            after = arguments[at + 1] if at + 1 < len(arguments) else ""
            found[name[2:]] = value if equals else after
    return found


def _instead(command: str, name: str, value: str) -> str | None:
    """One flag's answer."""
    if name == "env.type" and (value in ENV_TYPES or command in _OF_ROBOTS):
        task = ENV_TYPES.get(value, "mujoco/lift")
        if command in _OF_ROBOTS:
            return f"--env.type={value}: this command has a robot: --robot.type=sim --robot.task=mujoco/lift"
        return f"--env.type={value}: --env.type=sim --env.task={task}"
    known = {**ANY, **(OF_EVAL if command == "eval" else {})}
    forms = (name, f"{name}={value}", name[: name.rfind(".") + 1])
    return next((f"--{name}={value}: {known[form]}" for form in forms if form in known), None)
