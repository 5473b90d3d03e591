"""The family's options, and the guides' `isaac_sim_config` read as it stands.

| key | here |
|---|---|
| `scene_path` | a local USD file, placed once in every lane; our own scene without it |
| `robot_config.name` | name of the robot's prim in the scene; the only robot without it |
| `robot_config.task` | must be the environment's own task (`TASKS` has other words for it) |
| `robot_config.controllers` | name -> `type` ("position"), `gains` (`kp`, `kd`), `joints` (patterns; all rotary ones) |
| `robot_config.cameras` | `name`, `position`, `target` in m, `resolution` [width, height], `link`, `fov_deg` |
| `isaac_sim_config` | the two above in one, as a mapping or a JSON file |
| `cameras` | the same as `robot_config.cameras`, to change nothing else |
| `physics` | "newton", or "physx" where Isaac Sim is installed (not verified) |
| `device` | "cpu", or "cuda:0" (not verified) |
| `max_steps` | the time limit |
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, cast

from lerobot_sim.errors import InputError, unknown_name

FOV_DEG = 47.2
"""Horizontal field of view where nothing is said: Isaac's own pinhole camera (aperture 20.955, focal length 24)."""

TASKS: Mapping[str, str] = {
    "pick_and_place": "pick-place",
    "pick_place": "pick-place",
    "lift": "lift-cube",
    "lift_cube": "lift-cube",
    "pick_cube": "lift-cube",
    "reach": "reach",
}
"""Words for a task in a configuration -> the task's name here."""

_KEYS = ("isaac_sim_config", "scene_path", "robot_config", "cameras", "physics", "device", "max_steps")
_ROBOT_KEYS = ("name", "task", "controllers", "cameras")
_CONTROLLER_KEYS = ("type", "gains", "joints")
_CAMERA_KEYS = ("name", "position", "target", "resolution", "link", "fov_deg")


@dataclass(frozen=True)
class Gains:
    """One controller: which joints it drives to their targets, and how stiffly.

    Attributes:
        joints: Names or patterns; empty for every rotary joint.
        kp: Stiffness, in N m/rad or N/m; None to leave the scene's.
        kd: Damping, likewise.
    """

    joints: tuple[str, ...]
    kp: float | None
    kd: float | None

    def drives(self, name: str, slides: bool) -> bool:
        """Whether a joint is this controller's."""
        return any(fnmatchcase(name, pattern) for pattern in self.joints) if self.joints else not slides


@dataclass(frozen=True)
class View:
    """A camera: where it stands and what it looks at, in the lane's world or, where it names one, in a link's frame."""

    name: str
    position: tuple[float, float, float]
    target: tuple[float, float, float]
    width: int = 128
    height: int = 128
    link: str = ""
    fov_deg: float = FOV_DEG


OWN_VIEWS = (
    View("front", (0.75, 0.45, 0.45), (0.18, 0.0, 0.08)),
    View("wrist", (0.09, 0.0, -0.02), (0.0, 0.0, 0.08), link="hand", fov_deg=70.0),
)
"""The cameras of our own scene."""


@dataclass(frozen=True)
class Options:
    """The family's options, read; each as in this module's table."""

    scene_path: str = ""
    robot: str = ""
    controllers: tuple[Gains, ...] = ()
    views: tuple[View, ...] | None = None
    physics: str = "newton"
    device: str = "cpu"
    max_steps: int = 0


def read(task: str, given: Mapping[str, Any]) -> Options:
    """The options of a task for the keywords that came.

    Raises:
        UnknownNameError: A key that there is not; the nearest is named.
        InputError: A value that cannot be used, with the key that it came under.
    """
    _only("option of isaac-lab", given, _KEYS)
    flat = _opened(given)
    robot = _mapping("robot_config", flat.get("robot_config") or {})
    _only("key of robot_config", robot, _ROBOT_KEYS)
    _same_task(task, robot.get("task"))
    if flat.get("cameras") is not None and robot.get("cameras") is not None:
        raise InputError("cameras came twice: give them as `cameras` or as `robot_config.cameras`.")
    key = "cameras" if flat.get("cameras") is not None else "robot_config.cameras"
    cameras = flat.get("cameras") if key == "cameras" else robot.get("cameras")
    return Options(
        scene_path=_text("scene_path", flat.get("scene_path") or ""),
        robot=_text("robot_config.name", robot.get("name") or ""),
        controllers=_controllers(robot.get("controllers") or {}),
        views=None if cameras is None else _views(key, cameras),
        physics=_one_of("physics", flat.get("physics", "newton"), ("newton", "physx")),
        device=_device(flat.get("device", "cpu")),
        max_steps=_whole("max_steps", flat.get("max_steps", 0), 0),
    )


def said(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords again, as JSON values: what was given is what makes the same environment."""
    return cast("dict[str, Any]", json.loads(json.dumps(_opened(given), default=list)))


def _opened(given: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords with `isaac_sim_config` unpacked."""
    flat = {key: value for key, value in given.items() if key != "isaac_sim_config" and value is not None}
    config = given.get("isaac_sim_config")
    if config is None:
        return flat
    whole = _mapping("isaac_sim_config", _file(config) if isinstance(config, (str, Path)) else config)
    inner = _mapping("isaac_sim_config", whole.get("isaac_sim_config", whole))
    _only("key of isaac_sim_config", inner, ("scene_path", "robot_config"))
    for key, value in inner.items():
        if key in flat:
            raise InputError(f"'{key}' came twice: beside isaac_sim_config, and in it.")
        flat[key] = value
    return flat


def _file(path: str | Path) -> Any:
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"isaac_sim_config: {path} cannot be read: {error.strerror}.") from None
    except ValueError as error:
        raise InputError(f"isaac_sim_config: {path} is not JSON: {error}.") from None


def _same_task(task: str, asked: Any) -> None:
    if asked is None:
        return
    name = _text("robot_config.task", asked)
    meant = TASKS.get(name.replace("-", "_"), name)
    if meant not in {*TASKS.values(), "scene"}:
        raise unknown_name("task of robot_config.task", name, [*TASKS, "scene"])
    if meant != task:
        raise InputError(f"robot_config.task '{name}' is 'isaac-lab/{meant}' here, 'isaac-lab/{task}' was asked for.")


def _controllers(given: Any) -> tuple[Gains, ...]:
    found: list[Gains] = []
    for name, value in _mapping("robot_config.controllers", given).items():
        where = f"robot_config.controllers.{name}"
        own = _mapping(where, value)
        _only(f"key of {where}", own, _CONTROLLER_KEYS)
        kind = _text(f"{where}.type", own.get("type", "position"))
        if kind != "position":
            raise InputError(f"{where}.type: expected 'position' (joint targets, kp and kd), '{kind}' came.")
        gains = _mapping(f"{where}.gains", own.get("gains") or {})
        _only(f"key of {where}.gains", gains, ("kp", "kd"))
        joints = own.get("joints") or ()
        if not isinstance(joints, (str, list, tuple)):
            raise InputError(f"{where}.joints: expected names or patterns of joints, {joints!r} came.")
        patterns = [joints] if isinstance(joints, str) else list(cast("Sequence[Any]", joints))
        found.append(
            Gains(
                tuple(_text(f"{where}.joints", pattern) for pattern in patterns),
                *(None if gains.get(k) is None else _number(f"{where}.gains.{k}", gains[k], 0.0) for k in ("kp", "kd")),
            )
        )
    return tuple(found)


def _views(key: str, given: Any) -> tuple[View, ...]:
    if not isinstance(given, (list, tuple)):
        raise InputError(f"{key}: expected a list of cameras, {given!r} came.")
    views: list[View] = []
    for index, one in enumerate(cast("Sequence[Any]", given)):
        where = f"{key}[{index}]"
        own = _mapping(where, one)
        _only(f"key of {where}", own, _CAMERA_KEYS)
        missing = [name for name in ("name", "position", "target") if name not in own]
        if missing:
            raise InputError(f"{where}: expected name, position and target; {', '.join(missing)} did not come.")
        width, height = _pair(f"{where}.resolution", own.get("resolution", (128, 128)))
        position, target = _vector(f"{where}.position", own["position"]), _vector(f"{where}.target", own["target"])
        if math.dist(position, target) < 1e-6:
            raise InputError(f"{where}: position and target are the same point, {list(position)}.")
        fov = _number(f"{where}.fov_deg", own.get("fov_deg", FOV_DEG), 1.0)
        if fov > 170:
            raise InputError(f"{where}.fov_deg: expected 1 to 170, {fov} came.")
        link = _text(f"{where}.link", own.get("link") or "")
        views.append(View(_text(f"{where}.name", own["name"]), position, target, width, height, link, fov))
    names = [view.name for view in views]
    if len(set(names)) < len(names):
        raise InputError(f"{key}: two cameras have one name: {sorted(names)}.")
    return tuple(views)


def _only(kind: str, given: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in given:
        if key not in keys:
            raise unknown_name(kind, key, keys)


def _mapping(key: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{key}: expected a mapping of names, {value!r} came.")
    return cast("Mapping[str, Any]", value)


def _text(key: str, value: Any) -> str:
    if not isinstance(value, (str, Path)):
        raise InputError(f"{key}: expected text, {value!r} came.")
    return str(value)


def _one_of(key: str, value: Any, choices: Sequence[str]) -> str:
    if value not in choices:
        raise unknown_name(key, str(value), choices)
    return str(value)


def _device(value: Any) -> str:
    name = _text("device", value)
    if name != "cpu" and not (name.startswith("cuda:") and name[5:].isdigit()):
        raise InputError(f"device: expected 'cpu' or 'cuda:0', '{name}' came.")
    return name


def _number(key: str, value: Any, least: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value < least:
        raise InputError(f"{key}: expected a number of at least {least:g}, {value!r} came.")
    return float(value)


def _whole(key: str, value: Any, least: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"{key}: expected a whole number of at least {least}, {value!r} came.")
    return value


def _vector(key: str, value: Any) -> tuple[float, float, float]:
    items = list(cast("Sequence[Any]", value)) if isinstance(value, (list, tuple)) else []
    if len(items) != 3:
        raise InputError(f"{key}: expected [x, y, z] in m, {value!r} came.")
    x, y, z = (_number(key, item, -math.inf) for item in items)
    return x, y, z


def _pair(key: str, value: Any) -> tuple[int, int]:
    items = list(cast("Sequence[Any]", value)) if isinstance(value, (list, tuple)) else []
    if len(items) != 2:
        raise InputError(f"{key}: expected [width, height] in pixels, {value!r} came.")
    width, height = (_whole(key, item, 1) for item in items)
    return width, height
