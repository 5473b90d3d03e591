"""The robots by name."""

from __future__ import annotations

from importlib import import_module

from lerobot_sim.errors import unknown_name

from .robot import Robot

_HERE = "lerobot_sim.envs.mujoco.robots"

ROBOTS: dict[str, str] = {
    "so100": f"{_HERE}.so100:SO100",
    "so101": f"{_HERE}.so100:SO101",
    "panda": f"{_HERE}.panda:PANDA",
    "aloha": f"{_HERE}.aloha:ALOHA",
}
"""Name -> "module:attribute"."""


def robot(name: str) -> Robot:
    """The robot called `name`.

    Raises:
        UnknownNameError: Where there is none; the message names the nearest.
    """
    if name not in ROBOTS:
        raise unknown_name("robot", name, ROBOTS)
    module, attribute = ROBOTS[name].split(":")
    found = getattr(import_module(module), attribute)
    assert isinstance(found, Robot)
    return found
