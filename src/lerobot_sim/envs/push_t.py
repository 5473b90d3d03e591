"""`numpy/push-t`: a round pusher slides a T-shaped block onto the outline of its target.

The figures are the tutorial's. On a unit square (m), with agent a, block b, target g and an action u in
[-1, 1]^2, a step is

    a <- clip(a + 0.05 u, 0, 1)
    b <- clip(b + 0.02 (b - a) / |b - a|, 0, 1)    if |b - a| < 0.06

the reward is 1 - |b - g| and success |b - g| < 0.08. What the tutorial leaves open: the block stops at the
walls as the agent does; an agent exactly on the block pushes it towards +x. The block slides and never
turns. Success does not end the episode: all 300 steps run. A reset that would start in success (5.6% of
them) is drawn again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.env import Batch
from lerobot_sim.old_names import old_name
from lerobot_sim.spec import STATE, Camera, EnvSpec, Feature, Param

from .task_env import Arrays, Task, TaskEnv

SUCCESS_DISTANCE = 0.08  # m
START = (0.5, 0.5)

SPEC = EnvSpec(
    id="numpy/push-t",
    version=1,
    fps=10,
    max_steps=300,
    observation={
        STATE: Feature(
            shape=(6,),
            dtype="float32",
            unit="m",
            names=("agent_x", "agent_y", "block_x", "block_y", "target_x", "target_y"),
            low=0.0,
            high=1.0,
        )
    },
    action=Feature(shape=(2,), dtype="float32", names=("dx", "dy"), low=-1.0, high=1.0),
    params={
        "step_length": Param(
            nominal=0.05, low=0.005, high=0.1, unit="m", when="step", about="how far an action of 1 moves the agent"
        ),
        "push_length": Param(nominal=0.02, low=0.005, high=0.05, unit="m", about="how far a push moves the block"),
        "contact_radius": Param(nominal=0.06, low=0.03, high=0.1, unit="m", about="below it the agent pushes"),
    },
    cameras={"front": Camera(height=128, width=128)},
    success_rule="any",
    about="Push the T onto its outline in the plane.",
)


def _draw(seeds: NDArray[np.int64], attempt: int, _params: Arrays) -> Arrays:
    return {
        "agent": np.tile(np.array(START), (len(seeds), 1)),
        "block": rng.uniform(seeds, "push-t/block", attempt, shape=(2,), low=0.2, high=0.8),
        "target": rng.uniform(seeds, "push-t/target", attempt, shape=(2,), low=0.3, high=0.7),
    }


def _advance(
    state: Arrays, action: NDArray[np.float64], params: Arrays, _live: NDArray[np.bool_]
) -> tuple[Arrays, None]:
    agent = np.clip(state["agent"] + params["step_length"][:, None] * action, 0.0, 1.0)
    block = state["block"]
    offset = block - agent
    distance = _length(offset)
    touching = distance < params["contact_radius"]
    share = np.where(touching, params["push_length"], 0.0) / np.where(distance > 0, distance, 1.0)
    block = np.clip(block + share[:, None] * offset, 0.0, 1.0)
    if not distance.all():  # the agent is exactly on the block
        block[:, 0] += np.where(distance == 0, params["push_length"], 0.0)
        np.clip(block, 0.0, 1.0, out=block)
    return {"agent": agent, "block": block, "target": state["target"]}, None


def _observe(state: Arrays, _params: Arrays) -> Batch:
    return {STATE: np.concatenate([state["agent"], state["block"], state["target"]], axis=1, dtype=np.float32)}


def _judge(state: Arrays, _params: Arrays) -> tuple[NDArray[Any], NDArray[np.bool_], Arrays]:
    distance = _length(state["block"] - state["target"])
    return (1.0 - distance).astype(np.float32), distance < SUCCESS_DISTANCE, {"goal_distance": distance}


def _length(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    x, y = vectors[:, 0], vectors[:, 1]
    return np.sqrt(x * x + y * y)


def _describe(state: Arrays, success: bool) -> str:
    distance = float(_length(state["block"] - state["target"])[0])
    return f"The block is {distance:.3f} m from its target{', a success' if success else ''}."


def _draw_image(state: Arrays, params: Arrays, _name: str, camera: Camera) -> NDArray[np.uint8]:
    from .push_t_image import draw

    return draw(state["agent"], state["block"], state["target"], params["contact_radius"], camera)


TASK = Task(
    spec=SPEC,
    instruction="Push the T-shaped block onto its outline.",
    draw=_draw,
    advance=_advance,
    observe=_observe,
    judge=_judge,
    draw_image=_draw_image,
    describe=_describe,
)


def make(num_envs: int = 1) -> TaskEnv:
    """`num_envs` lanes of `numpy/push-t`."""
    return TaskEnv(TASK, num_envs)


def __getattr__(name: str) -> Any:
    return old_name(__name__, name)
