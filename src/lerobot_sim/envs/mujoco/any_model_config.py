"""The file that makes an environment of any MuJoCo model: its keys, read and checked.

| key | what it is | where it is missing |
|---|---|---|
| `model_path` | MJCF `.xml`, `.urdf` or `.mjb`, from the file's own folder | needed |
| `name` | the environment is `custom/<name>` | the model file's name |
| `cameras` | names, or tables: `name`, `height`, `width` or `resolution` = [width, height], `look`; one with \
`position` and `target` (and `body`, `fovy`) is added to the model | all of the model's, 480 x 640 |
| `actuators` | names, or tables that add a motor: `joint`, `kind` ("position", "velocity", "motor"), `name`, `kp`, \
`kv`, `gear`, `range` | all of the model's |
| `action_scale` | "raw": ctrl itself. "unit": [-1, 1] over the actuators' ctrlrange | "raw" |
| `observation` | a list of parts, or a table part -> true or names: `joint_positions`, `joint_velocities`, \
`end_effector_pose`, `sensors`, `sites` | joint positions and velocities |
| `end_effector` | a site, or a body | the first site |
| `target_position` | a point in m, or a site's or body's name | [0.5, 0, 0.1] |
| `success_threshold` | distance in m | 0.05 |
| `success` | "target", "none", or a list of conditions that all hold: `sensor` with `above` or `below` | "target" |
| `success_rule` | "any", "final", "hold(k)" | "any" |
| `ends_on_success` | whether success ends the episode | true for "any", else false |
| `reward` | weights: `distance`, `success`, `control`, `velocity`, `sensors` | distance -1, success 10, others 0 |
| `time_limit_s` | seconds | 10 |
| `fps` | control steps a second, each a whole number of the model's time steps | the greatest up to 50 |
| `keyframe` | name of the start | the model's `qpos0` |
| `joint_noise` | uniform +- in rad or m: for all hinges and slides, or a table by joint | 0 |
| `instruction`, `version` | the task in words; raised when the task changes | "Move … to its target.", 1 |

Where success is not "target", `distance` weighs 0 unless it is given.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomllib

from lerobot_sim.errors import InputError, unknown_name

from .any_model_values import (
    Reader,
    boolean,
    choice,
    either,
    integer,
    list_of,
    number,
    one_of_tables,
    point,
    positive,
    table_of,
    text,
)

CONFIG_SUFFIXES = (".toml", ".json")
MODEL_SUFFIXES = (".xml", ".urdf", ".mjb")
PARTS = ("joint_positions", "joint_velocities", "end_effector_pose", "sensors", "sites")
"""What an observation can have."""

_CAMERA: Mapping[str, Reader] = {
    "name": text,
    "height": integer,
    "width": integer,
    "resolution": list_of(integer),
    "look": choice("draft", "standard", "full"),
    "position": point,
    "target": point,
    "body": text,
    "fovy": positive,
}
_ACTUATOR: Mapping[str, Reader] = {
    "joint": text,
    "name": text,
    "kind": choice("position", "velocity", "motor"),
    "kp": positive,
    "kv": number,
    "gear": number,
    "range": list_of(number),
}
_CONDITION: Mapping[str, Reader] = {"sensor": text, "above": number, "below": number}
_WEIGHTS: Mapping[str, Reader] = {
    "distance": number,
    "success": number,
    "control": number,
    "velocity": number,
    "sensors": table_of(number),
}
_OBSERVATION: Mapping[str, Reader] = {
    **dict.fromkeys(PARTS, either(boolean, list_of(text))),
    "end_effector_pose": boolean,
}
_KEYS: Mapping[str, Reader] = {
    "model_path": text,
    "name": text,
    "cameras": list_of(either(text, one_of_tables(_CAMERA, "name"))),
    "actuators": list_of(either(text, one_of_tables(_ACTUATOR, "joint"))),
    "action_scale": choice("raw", "unit"),
    "observation": either(list_of(choice(*PARTS)), one_of_tables(_OBSERVATION)),
    "end_effector": text,
    "target_position": either(text, point),
    "success_threshold": positive,
    "success": either(choice("target", "none"), list_of(one_of_tables(_CONDITION, "sensor"))),
    "success_rule": text,
    "ends_on_success": boolean,
    "reward": one_of_tables(_WEIGHTS),
    "time_limit_s": positive,
    "fps": positive,
    "keyframe": text,
    "joint_noise": either(number, table_of(number)),
    "instruction": text,
    "version": integer,
}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """What a file says, with what it leaves out filled in; see the module for its keys.

    Attributes:
        given: The keys as they came, with the model's whole path: what makes this environment again.
    """

    given: Mapping[str, Any]
    model_path: Path
    name: str
    observation: Mapping[str, Any]
    reward: Mapping[str, float]
    sensor_rewards: Mapping[str, float]
    cameras: tuple[Mapping[str, Any] | str, ...] | None = None
    actuators: tuple[Mapping[str, Any] | str, ...] | None = None
    action_scale: str = "raw"
    end_effector: str | None = None
    target_position: str | tuple[float, ...] = (0.5, 0.0, 0.1)
    success_threshold: float = 0.05
    success: str | tuple[Mapping[str, Any], ...] = "target"
    success_rule: str = "any"
    ends_on_success: bool = True
    time_limit_s: float = 10.0
    fps: float | None = None
    keyframe: str | None = None
    joint_noise: float | Mapping[str, float] = 0.0
    instruction: str | None = None
    version: int = 1

    @property
    def measures_distance(self) -> bool:
        """Whether reward or success look at the distance from the end effector to the target."""
        return self.success == "target" or self.reward["distance"] != 0


def read_config(source: Path | str | Mapping[str, Any], **overrides: Any) -> ModelConfig:
    """The configuration in a file, in a mapping with the same keys, or of a bare model file.

    Args:
        source: Path of a `.toml` or `.json` file or of a model, or the keys themselves.
        overrides: Keys that replace those of `source`.

    Raises:
        InputError: The file cannot be read, or a value is not one that its key takes.
        UnknownNameError: No such key; the nearest are named.
    """
    given, folder = _given(source)
    given = {key: _plain(value) for key, value in {**given, **overrides}.items()}
    for key in given:
        if key not in _KEYS:
            raise unknown_name("key of a model's environment", key, _KEYS)
    if "model_path" not in given:
        raise InputError(
            f"'model_path' is missing: the path of an MJCF .xml, .urdf or .mjb file. Given: {_list(given)}."
        )
    values = {key: _KEYS[key](key, value) for key, value in given.items()}
    path = (folder / Path(values.pop("model_path")).expanduser()).resolve()
    given["model_path"] = str(path)
    success = values.get("success", "target")
    if success == "none" and "success_rule" not in values:
        values["success_rule"] = "none"
    _check_rule(values)
    weights = values.pop("reward", {})
    sensor_rewards = weights.pop("sensors", {})
    usual = {"distance": -1.0 if success == "target" else 0.0, "success": 10.0, "control": 0.0, "velocity": 0.0}
    return ModelConfig(
        given=given,
        model_path=path,
        name=values.pop("name", path.stem),
        observation=_observation(values.pop("observation", {})),
        reward={**usual, **weights},
        sensor_rewards=sensor_rewards,
        **values,
    )


def _given(source: Path | str | Mapping[str, Any]) -> tuple[dict[str, Any], Path]:
    """The keys, and the folder that their paths start from."""
    if isinstance(source, Mapping):
        return dict(source), Path.cwd()
    path = Path(source).expanduser()
    if path.suffix in MODEL_SUFFIXES:
        return {"model_path": str(path)}, Path.cwd()
    if path.suffix not in CONFIG_SUFFIXES:
        raise InputError(f"Expected a {_list(CONFIG_SUFFIXES)} file or a model ({_list(MODEL_SUFFIXES)}), {path} came.")
    try:
        words = path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        content = tomllib.loads(words) if path.suffix == ".toml" else json.loads(words)
    except ValueError as error:  # of both
        raise InputError(f"{path} is no {path.suffix[1:].upper()}: {error}.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: expected a table of keys, {type(content).__name__} came.")
    return content, path.parent  # pyright: ignore[reportUnknownVariableType]


def _plain(value: Any) -> Any:
    """Paths and arrays, which Python's callers may give, as a file would have them."""
    if isinstance(value, Path):
        return str(value)
    return value.tolist() if hasattr(value, "tolist") else value


def _observation(given: list[str] | Mapping[str, Any]) -> Mapping[str, Any]:
    """Every part -> whether it is wanted, or which."""
    if isinstance(given, Mapping):
        return {**dict.fromkeys(PARTS, False), "joint_positions": True, "joint_velocities": True, **given}
    return {part: part in given for part in PARTS}


def _check_rule(values: dict[str, Any]) -> None:
    """Rules that need what comes after the first success have success end no episode."""
    if values.get("success_rule", "any") in ("any", "none"):
        return
    if values.setdefault("ends_on_success", False):
        raise InputError(
            f"success_rule = '{values['success_rule']}' cannot be judged where the first success ends the episode. "
            "Leave ends_on_success out, or give success_rule = 'any'."
        )


def _list(names: Any) -> str:
    return ", ".join(names)
