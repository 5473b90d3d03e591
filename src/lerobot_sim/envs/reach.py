"""`numpy/reach`: the arm's fingertips go to a point in the air and stay there.

The arm is `envs.arm`'s. An action u in [-1, 1]^6 is joint velocities: with the speed s (1 rad/s) a step of
0.1 s is q <- clip(q + 0.1 s u, low, high), and no motion goes into the table. With tip p and target g the reward is
1 - |p - g| (in m) and success |p - g| < 0.02. An episode has 40 steps and does not end in success: by the rule
"final" the tip must be there at the last, for swinging past a point is not reaching it.

Joints start within 0.25 rad of a folded pose, targets are uniform in a box in front of the arm, above the table
and all within reach. A start in success is drawn again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.env import Batch
from lerobot_sim.old_names import old_name
from lerobot_sim.spec import STATE, Camera, EnvSpec, Feature

from . import arm
from .task_env import Arrays, Task, TaskEnv

SUCCESS_DISTANCE = 0.02  # m
TARGET_LOW = np.array([0.14, -0.20, 0.04])  # m
TARGET_HIGH = np.array([0.30, 0.20, 0.28])  # m

_BOUNDS = arm.float32_bounds(
    np.concatenate([arm.LOW - arm.ENCODER_OFFSET, TARGET_LOW]),
    np.concatenate([arm.HIGH + arm.ENCODER_OFFSET, TARGET_HIGH]),
)

SPEC = EnvSpec(
    id="numpy/reach",
    version=1,
    fps=10,
    max_steps=40,
    observation={
        STATE: Feature(
            shape=(9,),
            dtype="float32",
            unit="rad; m",
            names=(*arm.JOINTS, "target_x", "target_y", "target_z"),
            low=_BOUNDS[0],
            high=_BOUNDS[1],
        )
    },
    action=Feature(shape=(6,), dtype="float32", names=arm.JOINTS, low=-1.0, high=1.0),
    params=arm.PARAMS,
    cameras={"front": Camera(height=128, width=128)},
    success_rule="final",
    about="Bring the fingertips of a six-joint arm to a point and hold them there.",
)


def _draw(seeds: NDArray[np.int64], attempt: int, params: Arrays) -> Arrays:
    spread = rng.uniform(seeds, "reach/joints", attempt, shape=(6,), low=-arm.START_SPREAD, high=arm.START_SPREAD)
    fraction = rng.uniform(seeds, "reach/target", attempt, shape=(3,))
    joints = arm.HOME + spread
    return {
        "joints": joints,
        "velocity": np.zeros((len(seeds), 6)),
        "tip": arm.forward(joints, params["tool_length"]).tip,
        "target": TARGET_LOW + (TARGET_HIGH - TARGET_LOW) * fraction,
    }


def _advance(
    state: Arrays, action: NDArray[np.float64], params: Arrays, _live: NDArray[np.bool_]
) -> tuple[Arrays, None]:
    joints, velocity, pose = arm.drive(state["joints"], state["velocity"], action, params, 1.0 / SPEC.fps)
    return {"joints": joints, "velocity": velocity, "tip": pose.tip, "target": state["target"]}, None


def _observe(state: Arrays, params: Arrays) -> Batch:
    parts = [state["joints"] + params["encoder_offset"], state["target"]]
    return {STATE: np.concatenate(parts, axis=1, dtype=np.float32)}


def _judge(state: Arrays, _params: Arrays) -> tuple[NDArray[Any], NDArray[np.bool_], Arrays]:
    distance = arm.length(state["tip"] - state["target"])
    return (1.0 - distance).astype(np.float32), distance < SUCCESS_DISTANCE, {"goal_distance": distance}


def _describe(state: Arrays, success: bool) -> str:
    distance = float(arm.length(state["tip"] - state["target"])[0])
    return f"The fingertips are {distance:.3f} m from the target{', a success' if success else ''}."


def _draw_image(state: Arrays, params: Arrays, name: str, camera: Camera) -> NDArray[np.uint8]:
    from .arm_image import draw_reach

    return draw_reach(state, params, name, camera)


TASK = Task(
    spec=SPEC,
    instruction="Move the fingertips to the target and hold them there.",
    draw=_draw,
    advance=_advance,
    observe=_observe,
    judge=_judge,
    draw_image=_draw_image,
    describe=_describe,
)


def make(num_envs: int = 1) -> TaskEnv:
    """`num_envs` lanes of `numpy/reach`."""
    return TaskEnv(TASK, num_envs)


def __getattr__(name: str) -> Any:
    return old_name(__name__, name)
