"""gym-pusht 0.1.8: a disc pushes a T onto its place. The catalogue, without the simulator.

| option | |
|---|---|
| `obs_type` | what is observed, see below |
| `block_cog` | the T's centre of gravity, (x, y), where it is not its own |
| `damping` | share of its velocity that the T keeps a second, 0 by default |
| `observation_height`, `observation_width` | the camera's size |

`obs_type` is "state" (the default: the disc, and the T's position and angle), "environment_state_agent_pos" (the disc,
and the T's corners), "pixels_agent_pos" (the disc) or "pixels" (nothing but pictures, which come on demand in each).
Lengths are gym-pusht's own: 512 across the table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.simulators.checks import number, numbers, whole
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, Capabilities, EnvSpec, Feature

FAMILY = Family(
    name="pusht",
    packages=("gym_pusht", "pymunk", "pygame"),
    lock="pusht",
    about="gym-pusht 0.1.8: a disc pushes a T onto its place (pymunk)",
    cameras=("front",),
    environment={"SDL_VIDEODRIVER": "dummy"},
)

OBS_TYPES = ("state", "environment_state_agent_pos", "pixels_agent_pos", "pixels")
SIDE = 512.0

_USUAL: dict[str, Any] = {
    "obs_type": "state",
    "block_cog": None,
    "damping": None,
    "observation_height": 96,
    "observation_width": 96,
}
_REPLACED = {
    "visualization_height": "ask for a Camera of the size that you want",
    "visualization_width": "ask for a Camera of the size that you want",
    "render_mode": "pictures come on demand",
}


def tasks() -> Sequence[str]:
    """The task's name."""
    return ["push-t"]


def resolve(name: str) -> str | None:
    """The task of gym-pusht's id."""
    return "push-t" if name in ("PushT-v0", "gym_pusht/PushT-v0") else None


def spec(task: str, **options: Any) -> EnvSpec:
    """The task's spec, and the check of its options; see this module's table."""
    if task != "push-t":
        raise unknown_name("task of gym-pusht", task, tasks())
    _check(options)
    given = {**_USUAL, **options}
    return EnvSpec(
        id="pusht/push-t",
        version=1,
        fps=10,
        max_steps=300,
        observation=_observation(given["obs_type"]),
        action=Feature(shape=(2,), dtype="float32", names=("disc.x", "disc.y"), low=0.0, high=SIDE),
        cameras={"front": Camera(height=given["observation_height"], width=given["observation_width"])},
        capabilities=Capabilities(restore="exact", resets_in_success=True),
        about="at least 95% of the T's place is covered; actions are places for the disc, in [0, 512]",
        options={key: value for key, value in given.items() if value != _USUAL[key]},
    )


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process."""
    made = spec(task, **options)
    from .adapter import make_env

    return make_env(made, num_envs)


def _observation(obs_type: str) -> dict[str, Feature]:
    disc = ("disc.x", "disc.y")
    if obs_type == "pixels":
        return {}
    if obs_type == "state":
        names, high = (*disc, "t.x", "t.y", "t.angle"), (SIDE, SIDE, SIDE, SIDE, 2 * math.pi)
        return {STATE: Feature(shape=(5,), dtype="float32", names=names, low=0.0, high=high)}
    found = {STATE: Feature(shape=(2,), dtype="float32", names=disc, low=0.0, high=SIDE)}
    if obs_type == "environment_state_agent_pos":
        corners = tuple(f"corner{index}.{axis}" for index in range(8) for axis in "xy")
        found[ENVIRONMENT_STATE] = Feature(shape=(16,), dtype="float32", names=corners, low=0.0, high=SIDE)
    return found


def _check(options: dict[str, Any]) -> None:
    for key, value in options.items():
        if key in _REPLACED:
            raise InputError(f"'pusht/push-t' does not take '{key}': {_REPLACED[key]}.")
        if key not in _USUAL:
            raise unknown_name("option of 'pusht/push-t'", key, _USUAL)
        if key == "obs_type" and value not in OBS_TYPES:
            raise unknown_name("obs_type of gym-pusht", str(value), OBS_TYPES)
    for key in ("observation_height", "observation_width"):
        whole(key, options.get(key, _USUAL[key]))
    if options.get("damping") is not None:
        number("damping", options["damping"], "a share from 0 to 1", 0, 1)
    if options.get("block_cog") is not None:
        numbers("block_cog", options["block_cog"], "(x, y)", 2)
