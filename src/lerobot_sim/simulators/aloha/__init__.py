"""gym-aloha 0.1.5: two ViperX arms insert a peg, or hand a cube over. The catalogue, without the simulator.

| option | |
|---|---|
| `obs_type` | what is observed, see below |
| `observation_height`, `observation_width` | the cameras' size |

`obs_type` is "pixels_agent_pos" (the default: the joints), "environment_state_agent_pos" (ours: the joints and the
objects' poses) or "pixels" (nothing but pictures, which come on demand in each).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lerobot_sim.env import Env
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.simulators.checks import whole
from lerobot_sim.simulators.family import Family
from lerobot_sim.spec import ENVIRONMENT_STATE, STATE, Camera, EnvSpec, Feature

FAMILY = Family(
    name="aloha",
    packages=("gym_aloha", "dm_control", "mujoco"),
    lock="aloha",
    about="gym-aloha 0.1.5: two ViperX arms insert a peg or hand a cube over (MuJoCo, dm_control)",
    cameras=("top",),
    environment={"MUJOCO_GL": "egl"},
)

TASKS: Mapping[str, tuple[str, str, tuple[str, ...]]] = {
    "insertion": ("AlohaInsertion-v0", "Insert the peg into the socket.", ("peg", "socket")),
    "transfer-cube": (
        "AlohaTransferCube-v0",
        "Pick up the cube with the right arm and hand it to the left.",
        ("cube",),
    ),
}
"""Task -> gym-aloha's id, the task in words, the objects whose poses are `observation.environment_state`."""

OBS_TYPES = ("pixels_agent_pos", "pixels", "environment_state_agent_pos")

CAMERAS = ("top", "angle", "front_close", "left_wrist", "right_wrist")
"""The model's cameras; gym-aloha itself shows "top"."""

LOW = (-3.14158, -1.85005, -1.76278, -3.14158, -1.8675, -3.14158, 0.0)
HIGH = (3.14158, 1.25664, 1.6057, 3.14158, 2.23402, 3.14158, 1.0)
"""Least and greatest position of each arm's joints in rad, and of its gripper (0 closed, 1 open)."""

_JOINTS = ("waist", "shoulder", "elbow", "forearm_roll", "wrist_angle", "wrist_rotate", "gripper")
_POSE = ("x", "y", "z", "qw", "qx", "qy", "qz")
_REPLACED = {
    "visualization_height": "ask for a Camera of the size that you want",
    "visualization_width": "ask for a Camera of the size that you want",
    "render_mode": "pictures come on demand",
}


def tasks() -> Sequence[str]:
    """The tasks' names."""
    return list(TASKS)


def resolve(name: str) -> str | None:
    """The task of one of gym-aloha's ids."""
    return next((task for task, (old, *_) in TASKS.items() if name in (old, f"gym_aloha/{old}")), None)


def spec(
    task: str,
    *,
    obs_type: str = "pixels_agent_pos",
    observation_height: int = 480,
    observation_width: int = 640,
    **unknown: Any,
) -> EnvSpec:
    """A task's spec, and the check of its options; see this module's table."""
    if task not in TASKS:
        raise unknown_name("task of gym-aloha", task, TASKS)
    for key in unknown:
        if key in _REPLACED:
            raise InputError(f"'aloha/{task}' does not take '{key}': {_REPLACED[key]}.")
        raise unknown_name(f"option of 'aloha/{task}'", key, ["obs_type", "observation_height", "observation_width"])
    if obs_type not in OBS_TYPES:
        raise unknown_name("obs_type of gym-aloha", obs_type, OBS_TYPES)
    for key, value in (("observation_height", observation_height), ("observation_width", observation_width)):
        whole(key, value)
    names = tuple(f"{side}.{joint}" for side in ("left", "right") for joint in _JOINTS)
    observation: dict[str, Feature] = {}
    if obs_type != "pixels":
        observation[STATE] = Feature(shape=(14,), dtype="float32", names=names)
    if obs_type == "environment_state_agent_pos":
        poses = tuple(f"{thing}.{part}" for thing in TASKS[task][2] for part in _POSE)
        observation[ENVIRONMENT_STATE] = Feature(shape=(len(poses),), dtype="float32", names=poses)
    given = {"obs_type": obs_type, "observation_height": observation_height, "observation_width": observation_width}
    usual = {"obs_type": "pixels_agent_pos", "observation_height": 480, "observation_width": 640}
    return EnvSpec(
        id=f"aloha/{task}",
        version=1,
        fps=50,
        max_steps=300,
        observation=observation,
        action=Feature(shape=(14,), dtype="float32", names=names, low=LOW * 2, high=HIGH * 2),
        cameras={name: Camera(height=observation_height, width=observation_width) for name in CAMERAS},
        about=f"{TASKS[task][1]} Actions are positions of the joints",
        options={key: value for key, value in given.items() if value != usual[key]},
    )


def make(task: str, num_envs: int = 1, **options: Any) -> Env:
    """`num_envs` lanes in this process."""
    made = spec(task, **options)
    from .adapter import make_env

    return make_env(made, task, num_envs)
