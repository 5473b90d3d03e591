"""`numpy/pick-place`: the arm picks up a ball from the table and puts it down at a target.

The arm is `envs.arm`'s; an action is six joint velocities and the gripper's, all in [-1, 1]. The gripper's
opening is 0 closed and 1 open (jaws 60 mm apart), and moves by 0.2 a step at full speed.

Grasping is geometric, without forces:

- The jaws catch the ball when, closing, they reach its width within one step while its centre is nearer than
  25 mm to the fingertips. Jaws that are closed already catch nothing. An open hand passes through the ball.
- A held ball keeps its place in the hand's frame, and stops the jaws at its width. It never goes into the table:
  pressed down, the table holds it up.
- It is let go when the jaws open by 0.05 beyond its width. Then it falls straight down under gravity and stays
  where it lands: it does not roll.

It is a ball so that its position is all there is to know about it. Ball and target start uniform on the same
rectangle of the table, the joints within 0.25 rad of a folded pose, the gripper open.

Success: the ball is not held, lies on the table and is nearer than 30 mm to the target. It does not end the
episode of 80 steps, and by the rule "final" the ball must lie there at the last. The reward is
1 - |ball - target| - 0.5 |tip - ball| (in m), without its last term in success, where the hand is free to go.
A start in success is drawn again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.env import Batch
from lerobot_sim.old_names import old_name
from lerobot_sim.spec import STATE, Camera, EnvSpec, Feature, Param

from . import arm
from .task_env import Arrays, Task, TaskEnv

SUCCESS_DISTANCE = 0.03  # m
AREA_LOW = np.array([0.13, -0.13])  # m
AREA_HIGH = np.array([0.24, 0.13])  # m
JAW_GAP = 0.06
"""Between the jaws when they are open, in m."""
BALL_RADIUS = 0.015  # m
RELEASE = 0.05
"""How far beyond the ball's width the jaws open to let go, as an opening."""
GRAVITY = 9.81  # m/s^2
_BALL_LIMIT = (0.6, 0.6, 0.65)
"""The ball is always nearer to the origin than this, for so is the hand, in m."""

_BOUNDS = arm.float32_bounds(
    np.array([*(arm.LOW - arm.ENCODER_OFFSET), 0.0, -_BALL_LIMIT[0], -_BALL_LIMIT[1], 0.0, *AREA_LOW, 0.0]),
    np.array([*(arm.HIGH + arm.ENCODER_OFFSET), 1.0, *_BALL_LIMIT, *AREA_HIGH, 0.05]),
)

SPEC = EnvSpec(
    id="numpy/pick-place",
    version=1,
    fps=10,
    max_steps=80,
    observation={
        STATE: Feature(
            shape=(13,),
            dtype="float32",
            unit="rad; gripper 1; m",
            names=(*arm.JOINTS, "gripper", "ball_x", "ball_y", "ball_z", "target_x", "target_y", "target_z"),
            low=_BOUNDS[0],
            high=_BOUNDS[1],
        )
    },
    action=Feature(shape=(7,), dtype="float32", names=(*arm.JOINTS, "gripper"), low=-1.0, high=1.0),
    params={
        **arm.PARAMS,
        "gripper_speed": Param(
            nominal=2.0, low=0.5, high=4.0, unit="1/s", when="step", about="change of opening of an action of 1"
        ),
        "ball_radius": Param(nominal=BALL_RADIUS, low=0.01, high=0.02, unit="m", about="size of the ball"),
        "grasp_distance": Param(
            nominal=0.025, low=0.001, high=0.03, unit="m", about="nearer than this to the tips the ball is caught"
        ),
    },
    cameras={"front": Camera(height=128, width=128), "wrist": Camera(height=128, width=128)},
    success_rule="final",
    about="Pick up a ball with a six-joint arm and put it down at a target.",
)


def opening_at(ball_radius: NDArray[Any]) -> NDArray[np.float64]:
    """The gripper's opening at which the jaws touch a ball on both sides."""
    return 2.0 * ball_radius / JAW_GAP


def _draw(seeds: NDArray[np.int64], attempt: int, params: Arrays) -> Arrays:
    count = len(seeds)
    spread = rng.uniform(seeds, "pick-place/joints", attempt, shape=(6,), low=-arm.START_SPREAD, high=arm.START_SPREAD)
    joints = arm.HOME + spread
    return {
        "joints": joints,
        "velocity": np.zeros((count, 6)),
        "tip": arm.forward(joints, params["tool_length"]).tip,
        "opening": np.ones(count),
        "held": np.zeros(count, np.bool_),
        "offset": np.zeros((count, 3)),
        "ball": _on_table(seeds, "pick-place/ball", attempt, params["ball_radius"]),
        "fall_speed": np.zeros(count),
        "target": _on_table(seeds, "pick-place/target", attempt, params["ball_radius"]),
    }


def _on_table(seeds: NDArray[np.int64], stream: str, attempt: int, height: NDArray[Any]) -> NDArray[np.float64]:
    """Where a ball's centre may lie, (n, 3)."""
    flat = AREA_LOW + (AREA_HIGH - AREA_LOW) * rng.uniform(seeds, stream, attempt, shape=(2,))
    return np.concatenate([flat, height[:, None]], axis=1)


def _advance(
    state: Arrays, action: NDArray[np.float64], params: Arrays, _live: NDArray[np.bool_]
) -> tuple[Arrays, None]:
    duration_s = 1.0 / SPEC.fps
    joints, velocity, pose = arm.drive(state["joints"], state["velocity"], action[:, :6], params, duration_s)
    before, width = state["opening"], opening_at(params["ball_radius"])
    opening = np.clip(before + duration_s * params["gripper_speed"] * action[:, 6], 0.0, 1.0)

    near = arm.length(state["ball"] - pose.tip) < params["grasp_distance"]
    caught = ~state["held"] & near & (before > width) & (opening <= width)
    kept = state["held"] & (opening <= width + RELEASE)
    held = caught | kept
    opening = np.where(held, np.maximum(opening, width), opening)

    offset = np.where(caught[:, None], _into(pose.hand, state["ball"] - pose.tip), state["offset"])
    offset = np.where(held[:, None], offset, 0.0)
    fallen, fall_speed = _fall(state["ball"], state["fall_speed"], params["ball_radius"], duration_s)
    carried = pose.tip + _out_of(pose.hand, offset)
    carried[:, 2] = np.maximum(carried[:, 2], params["ball_radius"])
    return {
        "joints": joints,
        "velocity": velocity,
        "tip": pose.tip,
        "opening": opening,
        "held": held,
        "offset": offset,
        "ball": np.where(held[:, None], np.where(caught[:, None], state["ball"], carried), fallen),
        "fall_speed": np.where(held, 0.0, fall_speed),
        "target": state["target"],
    }, None


def _fall(
    ball: NDArray[Any], speed: NDArray[Any], radius: NDArray[Any], duration_s: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Ball and downward speed after a step of free fall, which ends on the table."""
    height = ball[:, 2] - duration_s * speed - 0.5 * GRAVITY * duration_s**2
    landed = height <= radius
    fallen = ball.copy()
    fallen[:, 2] = np.where(landed, radius, height)
    return fallen, np.where(landed, 0.0, speed + GRAVITY * duration_s)


def _into(hand: NDArray[Any], vector: NDArray[Any]) -> NDArray[np.float64]:
    """A vector of the world in the hand's frame, (n, 3)."""
    x, y, z = vector[:, 0, None], vector[:, 1, None], vector[:, 2, None]
    return hand[:, :, 0] * x + hand[:, :, 1] * y + hand[:, :, 2] * z


def _out_of(hand: NDArray[Any], vector: NDArray[Any]) -> NDArray[np.float64]:
    """A vector of the hand's frame in the world, (n, 3)."""
    x, y, z = vector[:, 0, None], vector[:, 1, None], vector[:, 2, None]
    return hand[:, 0] * x + hand[:, 1] * y + hand[:, 2] * z


def _observe(state: Arrays, params: Arrays) -> Batch:
    joints = state["joints"] + params["encoder_offset"]
    parts = [joints, state["opening"][:, None], state["ball"], state["target"]]
    return {STATE: np.concatenate(parts, axis=1, dtype=np.float32)}


def _judge(state: Arrays, params: Arrays) -> tuple[NDArray[Any], NDArray[np.bool_], Arrays]:
    goal_distance = arm.length(state["ball"] - state["target"])
    tip_distance = arm.length(state["tip"] - state["ball"])
    resting = ~state["held"] & (state["ball"][:, 2] <= params["ball_radius"])
    success = resting & (goal_distance < SUCCESS_DISTANCE)
    reward = 1.0 - goal_distance - np.where(success, 0.0, 0.5 * tip_distance)
    metrics = {"goal_distance": goal_distance, "tip_distance": tip_distance, "held": state["held"].copy()}
    return reward.astype(np.float32), success, metrics


def _describe(state: Arrays, success: bool) -> str:
    distance = float(arm.length(state["ball"] - state["target"])[0])
    holds = "in the hand" if state["held"][0] else "not in the hand"
    return f"The ball is {holds}, {distance:.3f} m from its target{', a success' if success else ''}."


def _draw_image(state: Arrays, params: Arrays, name: str, camera: Camera) -> NDArray[np.uint8]:
    from .arm_image import draw_pick_place

    return draw_pick_place(state, params, name, camera)


TASK = Task(
    spec=SPEC,
    instruction="Pick up the ball and put it down at the target.",
    draw=_draw,
    advance=_advance,
    observe=_observe,
    judge=_judge,
    draw_image=_draw_image,
    describe=_describe,
)


def make(num_envs: int = 1) -> TaskEnv:
    """`num_envs` lanes of `numpy/pick-place`."""
    return TaskEnv(TASK, num_envs)


def __getattr__(name: str) -> Any:
    return old_name(__name__, name)
