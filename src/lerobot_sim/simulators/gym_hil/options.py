"""gym-hil's keywords and those of the guides' wrappers: what each does here, or what replaces it.

| key | here |
|---|---|
| `use_gripper` | without it the action is (x, y, z) and the fingers stay open |
| `gripper_penalty` | the metric of that name, at steps that open or close the fingers; the reward stays |
| `random_block_position` | the cube lies anywhere in reach (the default here) or at one place (gym-hil's default) |
| `image_obs` | as there: without `observation.environment_state`; pictures come on demand, whatever it says |
| `resize_size` | the cameras' size, (height, width) |
| `add_joint_velocity_to_observation` | the joints' velocities in `observation.state` |
| `fixed_reset_joint_positions` | where the arm begins, in rad |
| `ee_action_space_params` | length of a step along each axis and bounds of the tip, in m |
| `control_time_s` | the time limit |
| `reward_type` | "sparse" or "dense", as gym-hil's |

Keys that do nothing in gym-hil are taken with a note (`IDLE`) or where they ask for what is the case (`_HARMLESS`).
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, cast

from lerobot_sim.errors import InputError, unknown_name

_logger = logging.getLogger(__name__)

FPS = 10
STEP_M = 0.025
_PENALTIES = {"panda-pick-cube": -0.05, "panda-arrange-boxes": -0.02}
_BOUNDS = {
    "panda-pick-cube": ((0.2, -0.3, 0.0), (0.6, 0.3, 0.5)),
    "panda-arrange-boxes": ((0.2, -0.5, 0.0), (0.6, 0.5, 0.5)),
}

_AXES = ("x_step_size", "y_step_size", "z_step_size")
_RANDOMIZE = "lanes vary by seed and Params here; gym-hil itself has no randomization"
_ACTS = "whoever acts is a policy here, not a part of the environment"

REPLACED: Mapping[str, str] = {
    "enable_domain_randomization": _RANDOMIZE,
    "visual_randomization": _RANDOMIZE,
    "physics_randomization": _RANDOMIZE,
    "randomization_frequency": _RANDOMIZE,
    "controller_config_path": _ACTS,
    "crop_params_dict": "ask for a Camera of the size that you want",
    "reward_classifier": "the simulator itself knows success",
}
"""Keys that are refused whatever their value, and why."""

_AT_ONCE = "a simulation is reset at once, and nothing sleeps"
IDLE: Mapping[str, str] = {
    "reset_time_s": _AT_ONCE,
    "reset_delay_seconds": _AT_ONCE,
    "max_gripper_pos": "it is of a real SO-100's gripper, and LeRobot does not use it with gym-hil either",
}
"""Numbers of the guides' files that nothing in gym-hil depends on: they are taken, and a note says so."""

_HARMLESS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "display_cameras": ((False, None), "an environment opens no window: gymnasium.make(…, render_mode='human') does"),
    "render_mode": ((None, "rgb_array"), "an environment opens no window: gymnasium.make(…, render_mode='human') does"),
    "use_viewer": ((False,), "an environment opens no window: gymnasium.make(…, render_mode='human') does"),
    "show_ui": ((False, True), ""),
    "control_mode": ((None, "policy"), _ACTS),
    "use_gamepad": ((False,), _ACTS),
    "use_inputs_control": ((False,), _ACTS),
    "auto_reset": ((False,), "a lane that has ended stays as it is until it is reset"),
    "terminate_on_success": ((True, None), "success ends gym-hil's episodes"),
    "add_current_to_observation": ((False, None), "the currents of motors are a real robot's"),
    "add_ee_pose_to_observation": ((False, True, None), ""),  # the tip is always observed
    "fps": ((FPS, None), f"gym-hil's tasks run at {FPS} steps a second"),
}
"""Keys that change nothing: the values that are taken, and what to say to others."""

_SECTIONS = ("wrapper", "wrapper_kwargs", "processor", "gripper", "reset", "observation", "image_preprocessing")


@dataclass(frozen=True, kw_only=True)
class Options:
    """A task's options, complete; each as in this module's table."""

    use_gripper: bool
    gripper_penalty: float
    random_block_position: bool
    image_obs: bool
    resize_size: tuple[int, int]
    add_joint_velocity_to_observation: bool
    fixed_reset_joint_positions: tuple[float, ...] | None
    ee_action_space_params: Mapping[str, Any]
    control_time_s: float
    reward_type: str


def defaults(task: str) -> Options:
    """A task's options where nothing is said."""
    low, high = _BOUNDS[task]
    bounds = {"min": list(low), "max": list(high)}
    return Options(
        use_gripper=True,
        gripper_penalty=_PENALTIES[task],
        random_block_position=True,
        image_obs=False,
        resize_size=(128, 128),
        add_joint_velocity_to_observation=True,
        fixed_reset_joint_positions=None,
        ee_action_space_params={**dict.fromkeys(_AXES, STEP_M), "bounds": bounds},
        control_time_s=10.0,
        reward_type="sparse",
    )


def read(task: str, given: Mapping[str, Any]) -> Options:
    """The options for keywords of gym-hil or of the guides, nested as in their files or not.

    Raises:
        InputError: Keys that do nothing here: all of them in one error, each with what replaces it.
        UnknownNameError: A key that neither has.
    """
    flat = flatten(given)
    step = flat.get("ee_action_space_params")
    if isinstance(step, Mapping):
        inner = dict(cast("Mapping[str, Any]", step))
        flat.setdefault("control_mode", inner.pop("control_mode", None))
        flat.setdefault("use_gamepad", inner.pop("use_gamepad", False))
        flat["ee_action_space_params"] = inner
    refused = [f"`{key}={value!r}`: {why}." for key, value in flat.items() if (why := _refusal(key, value))]
    if refused:
        raise InputError(f"'gym-hil/{task}' does not take {' '.join(refused)} Leave out what is named here.")
    base = vars(defaults(task))
    values = dict(base)
    for key, value in flat.items():
        if key in IDLE:
            _take_idle(key, value)
        if key in IDLE or key in _HARMLESS or key in REPLACED:  # of these, those that are refused have been
            continue
        if key not in _READERS:
            raise unknown_name(f"option of 'gym-hil/{task}'", key, [*_READERS, *_HARMLESS, *IDLE])
        values[key] = _READERS[key](key, value, base[key]) if value is not None else base[key]
    if task == "panda-arrange-boxes" and not values["random_block_position"]:
        raise InputError("'gym-hil/panda-arrange-boxes' always shuffles its boxes: random_block_position is True.")
    return Options(**values)


def said(task: str, options: Options) -> dict[str, Any]:
    """What differs from the defaults, as JSON values."""
    base = vars(defaults(task))
    return {
        key: list(cast("Sequence[Any]", value)) if isinstance(value, tuple) else value
        for key, value in vars(options).items()
        if value != base[key]
    }


def flatten(given: Mapping[str, Any]) -> dict[str, Any]:
    """Keys out of the sections that the guides' files put them in."""
    flat: dict[str, Any] = {}
    for key, value in given.items():
        if key in _SECTIONS and isinstance(value, Mapping):
            flat.update(flatten(cast("Mapping[str, Any]", value)))
        elif key == "inverse_kinematics" and isinstance(value, Mapping):
            flat["ee_action_space_params"] = _of_kinematics(cast("Mapping[str, Any]", value))
        elif value is not None or key not in (*_SECTIONS, "inverse_kinematics"):
            flat[key] = value
    return flat


def _take_idle(key: str, value: Any) -> None:
    if value is not None and _number(key, value) < 0:
        raise InputError(f"{key}: expected 0 or more, {value} came.")
    if value:
        _note(f"`{key}={value}` changes nothing: {IDLE[key]}.")


@lru_cache(maxsize=64)
def _note(words: str) -> None:
    """Says it once."""
    _logger.warning("gym-hil: %s", words)


def _of_kinematics(section: Mapping[str, Any]) -> dict[str, Any]:
    """LeRobot's own words for the guides' `ee_action_space_params`."""
    steps: Mapping[str, Any] = section.get("end_effector_step_sizes") or {}
    found: dict[str, Any] = {f"{axis}_step_size": size for axis, size in steps.items()}
    if section.get("end_effector_bounds"):
        found["bounds"] = section["end_effector_bounds"]
    return found


def _refusal(key: str, value: Any) -> str:
    if key in REPLACED and value is not None:
        return REPLACED[key]
    taken, why = _HARMLESS.get(key, ((value,), ""))
    return "" if value in taken else why


def _flag(key: str, value: Any, _base: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{key}: expected true or false, {value!r} came.")
    return value


def _number(key: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise InputError(f"{key}: expected a number, {value!r} came.")
    return float(value)


def _vector(key: str, value: Any, count: int) -> list[float]:
    if not isinstance(value, (list, tuple)) or len(cast("Sequence[Any]", value)) != count:
        raise InputError(f"{key}: expected {count} numbers, {value!r} came.")
    return [_number(key, item) for item in cast("Sequence[Any]", value)]


def _penalty(key: str, value: Any, base: Any) -> float:
    penalty = _number(key, value)
    if penalty > 0:
        raise InputError(f"{key}: expected 0 or less, as in gym-hil ({base}), {value} came.")
    return penalty


def _size(key: str, value: Any, _base: Any) -> tuple[int, int]:
    height, width = _vector(key, value, 2)
    if height < 1 or width < 1 or height != int(height) or width != int(width):
        raise InputError(f"{key}: expected (height, width) in whole pixels, {value!r} came.")
    return int(height), int(width)


def _joints(key: str, value: Any, _base: Any) -> tuple[float, ...]:
    return tuple(_vector(key, value, 7))


def _seconds(key: str, value: Any, _base: Any) -> float:
    seconds = _number(key, value)
    if seconds * FPS < 1:
        raise InputError(f"{key}: expected at least one step, {1 / FPS} s, {value} came.")
    return seconds


def _reward(_key: str, value: Any, _base: Any) -> str:
    if value not in ("sparse", "dense"):
        raise unknown_name("reward_type", str(value), ("sparse", "dense"))
    return str(value)


def _tip(key: str, value: Any, base: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(f"{key}: expected {', '.join(_AXES)} and bounds, {value!r} came.")
    found = dict(base)
    for name, item in cast("Mapping[str, Any]", value).items():
        if name in _AXES:
            found[name] = _number(f"{key}.{name}", item)
            if found[name] <= 0:
                raise InputError(f"{key}.{name}: expected a length above 0 m, {item} came.")
        elif name == "bounds":
            given: Mapping[str, Any] = cast("Mapping[str, Any]", item) if isinstance(item, Mapping) else {}
            low, high = (_vector(f"{key}.bounds.{end}", given.get(end), 3) for end in ("min", "max"))
            if any(one >= other for one, other in zip(low, high, strict=True)):
                raise InputError(f"{key}.bounds: expected min below max, {low} and {high} came.")
            found["bounds"] = {"min": low, "max": high}
        else:
            raise unknown_name(f"key of {key}", name, [*_AXES, "bounds", "control_mode"])
    return found


_READERS: Mapping[str, Callable[[str, Any, Any], Any]] = {
    "use_gripper": _flag,
    "gripper_penalty": _penalty,
    "random_block_position": _flag,
    "image_obs": _flag,
    "resize_size": _size,
    "add_joint_velocity_to_observation": _flag,
    "fixed_reset_joint_positions": _joints,
    "ee_action_space_params": _tip,
    "control_time_s": _seconds,
    "reward_type": _reward,
}
