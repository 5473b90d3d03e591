"""Keywords of a LIBERO environment: ours, LeRobot's and those of the guides' `create_env`.

| key | here |
|---|---|
| `init_states` | True: episodes begin in the benchmark's initial states. False: LIBERO draws where things lie |
| `image_size` | the cameras' size: one number, or (height, width) |
| `cameras` | which cameras there are: `front` (LIBERO's agentview), `wrist` (robot0_eye_in_hand) |
| `mirrored` | pictures with left and right changed, as LeRobot's and OpenVLA's LIBERO datasets hold them |
| `max_steps` | the time limit, instead of the suite's published one |
| `seed` | added to the episodes' own seeds: with 42, an episode of seed 0 is that of seed 42 without |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from lerobot_sim.errors import InputError, unknown_name

CAMERAS: Mapping[str, str] = {"front": "agentview", "wrist": "robot0_eye_in_hand"}
"""Camera here -> LIBERO's."""

_CAMERA_NAMES: Mapping[str, str] = {
    **{name: name for name in CAMERAS},
    **{theirs: name for name, theirs in CAMERAS.items()},
    **{f"{theirs}_image": name for name, theirs in CAMERAS.items()},
    "image": "front",
    "image2": "wrist",
}

_LANGUAGE = "the instruction is always there, as `Env.instructions` and as `task` in a dataset; it is in no array"
_TASK = "the id says which task: 'libero/<suite>-<task_id>', such as 'libero/libero_10-0'"
_SIZE = "it is `image_size` here"

_REPLACED: Mapping[str, str] = {
    "task_suite": _TASK,
    "task": _TASK,
    "task_id": _TASK,
    "task_ids": f"{_TASK}; one environment is one task",
    "episode_index": "the Param `init_state` says which initial state an episode begins in",
    "init_state_id": "the Param `init_state` says which initial state an episode begins in",
    "observation_height": _SIZE,
    "observation_width": _SIZE,
    "camera_heights": _SIZE,
    "camera_widths": _SIZE,
    "camera_name": "it is `cameras` here",
    "camera_names": "it is `cameras` here",
    "episode_length": "it is `max_steps` here",
    "camera_depths": "the cameras give colour",
    "n_envs": "it is `num_envs` here",
    "render_mode": "pictures are drawn when they are asked for: env.render({'front': Camera()})",
}

_HARMLESS: Mapping[str, tuple[tuple[Any, ...], str]] = {
    "include_language_instruction": ((True,), _LANGUAGE),
    "obs_type": (("pixels_agent_pos", "pixels"), "the state is always observed, pictures come on demand"),
    "control_mode": (("relative",), "actions are moves relative to the present pose, as in the benchmark"),
    "control_freq": ((20,), "the benchmark runs at 20 steps a second"),
    "num_steps_wait": ((10,), "ten steps of rest, in which things settle, belong to every reset"),
    "is_libero_plus": ((False,), "LIBERO-plus is not among the suites here"),
}
"""Keys that change nothing: the values that are taken, and what to say to others."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """A task's options; each as in this module's table."""

    init_states: bool = True
    image_size: tuple[int, int] = (256, 256)
    cameras: tuple[str, ...] = tuple(CAMERAS)
    mirrored: bool = False
    max_steps: int | None = None
    seed: int = 0


def read(task: str, given: Mapping[str, Any]) -> Options:
    """The options for keywords.

    Raises:
        InputError: Keys that do nothing here, all in one error, each with what replaces it; or a bad value.
        UnknownNameError: A key that nobody has.
    """
    refused = [f"`{key}={value!r}`: {why}." for key, value in given.items() if (why := _refusal(key, value))]
    if refused:
        raise InputError(f"'libero/{task}' does not take {' '.join(refused)} Leave out what is named here.")
    values: dict[str, Any] = {}
    for key, value in given.items():
        if key in _HARMLESS:
            continue
        if key not in _READERS:
            raise unknown_name(f"option of 'libero/{task}'", key, [*_READERS, *_HARMLESS])
        values[key] = _READERS[key](key, value)
    return Options(**values)


def said(options: Options) -> dict[str, Any]:
    """What differs from the defaults, as JSON values."""
    base = vars(Options())
    return {
        key: list(cast("Sequence[Any]", value)) if isinstance(value, tuple) else value
        for key, value in vars(options).items()
        if value != base[key]
    }


def _refusal(key: str, value: Any) -> str:
    taken, why = _HARMLESS.get(key, ((value,), ""))
    return _REPLACED.get(key, "") or ("" if value in taken else why)


def _flag(key: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise InputError(f"{key}: expected true or false, {value!r} came.")
    return value


def _whole(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise InputError(f"{key}: expected a whole number of at least 1, {value!r} came.")
    return value


def _seed(key: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
        raise InputError(f"{key}: expected a whole number from 0 to {2**32 - 1}, {value!r} came.")
    return value


def _limit(key: str, value: Any) -> int | None:
    return None if value is None else _whole(key, value)


def _size(key: str, value: Any) -> tuple[int, int]:
    pair = (value, value) if isinstance(value, int) else value
    if not isinstance(pair, (list, tuple)) or len(cast("Sequence[Any]", pair)) != 2:
        raise InputError(f"{key}: expected a number of pixels or (height, width), {value!r} came.")
    height, width = (_whole(key, item) for item in cast("Sequence[Any]", pair))
    return height, width


def _cameras(key: str, value: Any) -> tuple[str, ...]:
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, (list, tuple)):
        raise InputError(f"{key}: expected names of cameras, {value!r} came.")
    found: list[str] = []
    for name in cast("Sequence[Any]", names):
        if str(name).strip() not in _CAMERA_NAMES:
            raise unknown_name("camera of LIBERO", str(name), _CAMERA_NAMES)
        found.append(_CAMERA_NAMES[str(name).strip()])
    return tuple(name for name in CAMERAS if name in found)


_READERS: Mapping[str, Callable[[str, Any], Any]] = {
    "init_states": _flag,
    "image_size": _size,
    "cameras": _cameras,
    "mirrored": _flag,
    "max_steps": _limit,
    "seed": _seed,
}
