"""The scene of an environment: ours, or a USD file of the user's, with what is in it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, SimError, unknown_name
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.host.install import python_of
from lerobot_sim.simulators.host.install_places import data_home

from . import arm, scene_text
from .facts import Facts, read

FINGERS = ("left_finger", "right_finger")
"""Two sliding joints of these names are one gripper: the action opens both."""


@dataclass(frozen=True)
class Joint:
    """A joint of the robot: its name, its limits in rad or m, and whether it slides."""

    name: str
    low: float
    high: float
    slides: bool


@dataclass(frozen=True)
class Scene:
    """What an environment needs to know of its scene.

    Attributes:
        path: The file, "" for ours.
        robot: Where the robot is, below the scene's default prim.
        joints: The robot's, in the file's order.
        bodies: The robot's links.
        objects: Name -> place below the default prim, of bodies that belong to no robot.
        tip_body: The link that the tip belongs to.
        tip_at: Where the tip is in that link's frame, in m.
    """

    path: str
    robot: str
    joints: tuple[Joint, ...]
    bodies: tuple[str, ...]
    objects: tuple[tuple[str, str], ...]
    tip_body: str
    tip_at: tuple[float, ...]

    @property
    def has_gripper(self) -> bool:
        """Whether two of the joints are one gripper."""
        return set(FINGERS) <= {joint.name for joint in self.joints if joint.slides}

    @property
    def controls(self) -> tuple[Joint, ...]:
        """What an action sets, one number each."""
        if not self.has_gripper:
            return self.joints
        kept = [joint for joint in self.joints if joint.name not in FINGERS]
        left = next(joint for joint in self.joints if joint.name == FINGERS[0])
        return (*kept, Joint("gripper", left.low, left.high, True))

    def file(self) -> Path:
        """The scene's file; ours is written into the data folder."""
        if self.path:
            return Path(self.path)
        return scene_text.write(data_home() / "cache" / "isaac-lab" / "arm-and-cube-1.usda")


def own_facts() -> Facts:
    """The facts of our own scene, without USD."""
    joints = [{"name": j.name, "slides": j.slides, "low": j.low, "high": j.high} for j in arm.JOINTS]
    links = [link[0] for link in scene_text.LINKS]
    return {
        "default": "/scene",
        "robots": {"arm": {"path": "/scene/arm", "joints": joints, "bodies": links}},
        "objects": {"cube": "/scene/cube"},
        "tip": {"body": "hand", "at": [0.0, 0.0, arm.TIP]},
        "remote": [],
    }


def find(path: str, robot: str, family: Family) -> Scene:
    """The scene of a path ("" for ours) with the robot of a name ("" for the only one).

    Raises:
        InputError: No such file, a remote one, none of USD's endings, or no such robot in it.
    """
    facts = facts_of(path, family) if path else own_facts()
    robots, what = facts["robots"], f"scene_path '{path}'" if path else "our own scene"
    if not robots:
        raise InputError(f"{what} holds no robot: no prim in it has the PhysicsArticulationRootAPI.")
    if robot and robot not in robots:
        hint = f"robot_config.name is the name of the robot's prim in {what}."
        raise unknown_name("robot", robot, robots, hint)
    if not robot and len(robots) > 1:
        raise InputError(f"{what} holds several robots: {', '.join(sorted(robots))}. Name one as robot_config.name.")
    own = robots[robot or next(iter(robots))]
    base = facts["default"]
    tip = facts["tip"] if facts["tip"] and facts["tip"]["body"] in own["bodies"] else None
    return Scene(
        path=path,
        robot=own["path"].removeprefix(base),
        joints=tuple(Joint(j["name"], float(j["low"]), float(j["high"]), bool(j["slides"])) for j in own["joints"]),
        bodies=tuple(own["bodies"]),
        objects=tuple((name, where.removeprefix(base)) for name, where in facts["objects"].items()),
        tip_body=tip["body"] if tip else own["bodies"][-1],
        tip_at=tuple(tip["at"]) if tip else (0.0, 0.0, 0.0),
    )


def facts_of(path: str, family: Family) -> Facts:
    """The facts of a file of the user's: read here where `pxr` is, else by the simulator's own environment."""
    if "://" in path:
        raise InputError(
            f"scene_path '{path}' is remote, and nothing is downloaded while an environment is made. Bring the scene "
            "with all that it refers to onto this machine (usdview or Isaac Sim: File > Collect As, or "
            "`usdcat --flatten -o scene.usd URL`) and give the local file's path."
        )
    file = Path(path).expanduser().absolute()
    if not file.is_file():
        raise InputError(f"scene_path: no file {file}. Leave it out for our own scene of an arm and a cube.")
    if file.suffix not in (".usd", ".usda", ".usdc", ".usdz"):
        raise InputError(f"scene_path: expected a .usd, .usda, .usdc or .usdz file, '{file.name}' came.")
    stamp = file.stat()
    facts = _facts(str(file), stamp.st_mtime_ns, stamp.st_size, family.name, str(_python(family)))
    if facts["remote"]:
        raise InputError(
            f"scene_path '{path}' refers to remote files: {', '.join(facts['remote'][:3])}. Collect them beside the "
            "scene first (`usdcat --flatten -o scene.usd` makes one local file of it)."
        )
    return facts


def _python(family: Family) -> Path | str:
    return "" if find_spec("pxr") else python_of(family)


@lru_cache(maxsize=16)
def _facts(path: str, _changed: int, _size: int, name: str, python: str) -> Facts:
    try:
        if not python:
            return read(path)
        script = Path(__file__).with_name("facts.py")
        command = [python, "-I", str(script), path]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)  # noqa: S603
        answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1]) if done.stdout else {}
    except ValueError as error:
        raise InputError(f"scene_path: {error}") from None
    if "error" in answer:
        raise InputError(f"scene_path: {answer['error']}")
    if "facts" not in answer:
        raise SimError(f"The environment of '{name}' could not read {path}: {done.stderr.strip()[-500:]}")
    return answer["facts"]
