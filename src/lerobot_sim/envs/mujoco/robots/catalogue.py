"""The robots by name."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

from lerobot_sim.errors import unknown_name

from .foreign import foreign_robot
from .robot import Robot

_HERE = "lerobot_sim.envs.mujoco.robots"

ROBOTS: dict[str, str] = {
    "so100": f"{_HERE}.so100:SO100",
    "so101": f"{_HERE}.so100:SO101",
    "panda": f"{_HERE}.panda:PANDA",
    "aloha": f"{_HERE}.aloha:ALOHA",
}
"""Name -> "module:attribute"."""


def robot(name: str, model_path: str = "") -> Robot:
    """The robot called `name`: ours, or the user's own model of it.

    Args:
        name: One of `ROBOTS`.
        model_path: The user's MJCF, or a TOML file that describes one: see `layouts`.

    Raises:
        UnknownNameError: Where there is none; the message names the nearest.
        InputError: The model cannot be read, or is not of this robot.
    """
    if name not in ROBOTS:
        raise unknown_name("robot", name, ROBOTS)
    module, attribute = ROBOTS[name].split(":")
    found = getattr(import_module(module), attribute)
    assert isinstance(found, Robot)
    return foreign_robot(found, Path(model_path)) if model_path else found
