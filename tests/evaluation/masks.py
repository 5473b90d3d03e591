"""Tasks on which a mask that is off by one step shows: a step more or less changes return, length or success."""

import numpy as np

from lerobot_sim.envs.task_env import Task, TaskEnv
from lerobot_sim.spec import STATE, EnvSpec, Feature, Param

STEPS = 12


def spec(name, rule):
    return EnvSpec(
        id=f"masks/{name}",
        version=1,
        fps=10,
        max_steps=STEPS,
        observation={STATE: Feature(shape=(2,), dtype="float32", names=("t", "seed"))},
        action=Feature(shape=(1,), dtype="float32", low=-1.0, high=1.0),
        params={"scale": Param(nominal=1.0, low=0.0, high=10.0), "kind": Param(nominal=0, choices=("plain", "odd"))},
        success_rule=rule,
    )


def success_steps(seed):
    """Steps at which the predicate holds: one alone, two on end, the very first, the very last, or none."""
    return [{1 + seed % STEPS}, {3, 4}, {1}, {STEPS}, set()][seed % 5]


def rewards(seed, step):
    """A number that tells the step, so that no other sum of steps gives the same return."""
    return 2.0**step + seed % 7


def draw(seeds, _attempt, _params):
    return {"t": np.zeros(len(seeds)), "seed": seeds.astype(np.float64)}


def judge(state, params):
    seeds, steps = state["seed"].astype(int), state["t"].astype(int)
    reward = np.array([rewards(s, t) for s, t in zip(seeds, steps, strict=True)])
    success = np.array([t in success_steps(s) for s, t in zip(seeds, steps, strict=True)], np.bool_)
    return (reward * params["scale"]).astype(np.float32), success, {"goal_distance": 1 / (1 + state["t"])}


def env_of(name, rule, ends, num_envs):
    return TaskEnv(
        Task(
            spec=spec(name, rule),
            instruction=lambda state, _params: f"Do number {int(state['seed'][0]) % 3}." if state else "Do it.",
            draw=draw,
            advance=lambda state, _action, _params, _live: ({**state, "t": state["t"] + 1}, None),
            observe=lambda state, _params: {STATE: np.stack([state["t"], state["seed"]], 1).astype(np.float32)},
            judge=judge,
            draw_image=lambda *_: np.zeros((1, 8, 8, 3), np.uint8),
            describe=lambda state, success: f"step {int(state['t'][0])}",
            ends_on_success=ends,
        ),
        num_envs,
    )


def make_any(num_envs=1):
    return env_of("any", "any", False, num_envs)


def make_final(num_envs=1):
    return env_of("final", "final", False, num_envs)


def make_hold(num_envs=1):
    return env_of("hold", "hold(2)", False, num_envs)


def make_ends(num_envs=1):
    return env_of("ends", "any", True, num_envs)


def make_none(num_envs=1):
    return env_of("none", "none", False, num_envs)


NAMES = ("any", "final", "hold", "ends", "none")
TARGETS = {f"masks/{name}": f"tests.evaluation.masks:make_{name}" for name in NAMES}
EXPERTS = {"masks/ends": "tests.evaluation.policies:expert"}
