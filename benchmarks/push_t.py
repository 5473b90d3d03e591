"""Stepping `numpy/push-t`: against the bare formulas, against gymnasium's SyncVectorEnv, and the cost of `steps`.

The bare formulas are the task's alone, on arrays of all lanes: no checks, no ends, no resets, no metrics.
Ours counts all of that, resets too. The peer is a gymnasium environment as one would write it by hand,
64 of it in a SyncVectorEnv.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from harness import Row, interleaved, main, more_is_better

import lerobot_sim
from lerobot_sim import Camera, Decision

LANES, STEPS, PEERS = 4096, 300, 64
ROUNDS = 4  # episodes of every lane through `steps`


class PlainPushT(gym.Env[Any, Any]):
    """The tutorial's formulas as a plain gymnasium environment."""

    observation_space = gym.spaces.Dict({"agent_pos": gym.spaces.Box(0, 1, (6,), np.float32)})
    action_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        super().reset(seed=seed)
        self.agent = np.array([0.5, 0.5])
        self.block = self.np_random.uniform(0.2, 0.8, 2)
        self.target = self.np_random.uniform(0.3, 0.7, 2)
        self.steps = 0
        return self.observation(), {"is_success": False}

    def observation(self) -> dict[str, Any]:
        return {"agent_pos": np.concatenate([self.agent, self.block, self.target]).astype(np.float32)}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        self.agent = np.clip(self.agent + 0.05 * action, 0, 1)
        offset = self.block - self.agent
        distance = np.linalg.norm(offset)
        if 0 < distance < 0.06:
            self.block = np.clip(self.block + 0.02 * offset / distance, 0, 1)
        goal_distance = float(np.linalg.norm(self.block - self.target))
        self.steps += 1
        success = goal_distance < 0.08
        return self.observation(), 1 - goal_distance, False, self.steps >= 300, {"is_success": success}


def bare(actions: Any) -> None:
    """The formulas alone, for all lanes at once."""
    agent = np.full((LANES, 2), 0.5)
    block = np.random.default_rng(0).uniform(0.2, 0.8, (LANES, 2))
    target = np.random.default_rng(1).uniform(0.3, 0.7, (LANES, 2))
    for action in actions:
        agent = np.clip(agent + 0.05 * action, 0, 1)
        offset = block - agent
        distance = np.sqrt(offset[:, 0] ** 2 + offset[:, 1] ** 2)
        share = np.where(distance < 0.06, 0.02, 0.0) / np.where(distance > 0, distance, 1.0)
        block = np.clip(block + share[:, None] * offset, 0, 1)
        error = block - target
        goal_distance = np.sqrt(error[:, 0] ** 2 + error[:, 1] ** 2)
        _ = (1 - goal_distance).astype(np.float32), goal_distance < 0.08
        _ = np.concatenate([agent, block, target], axis=1, dtype=np.float32)


def contract(env: Any, actions: Any) -> None:
    """An episode of every lane through the contract, with its reset."""
    lanes, active = np.arange(env.num_envs), np.ones(env.num_envs, bool)
    env.reset(lanes, lanes)
    for action in actions:
        env.step(action, active)


def gymnasium_peer(envs: Any, actions: Any) -> None:
    envs.reset(seed=0)
    for action in actions:
        envs.step(action)


class Still:
    """The cheapest policy there is."""

    cameras: Mapping[str, Camera] = {}
    batch_invariant = True

    def __init__(self, num_envs: int) -> None:
        self._decision = Decision(np.zeros((num_envs, 2), np.float32))

    def reset(self, lanes: Any, seeds: Any) -> None:
        return None

    def act(self, observation: Any, active: Any) -> Decision:
        return self._decision


def through_steps(env: Any, policy: Still, rounds: int) -> None:
    """`rounds` episodes of every lane through `steps`."""
    for _ in lerobot_sim.steps([env], policy, range(rounds * env.num_envs)):
        pass


def measure(full: bool) -> list[Row]:
    repeats = 30 if full else 8
    rng = np.random.default_rng(0)
    actions = rng.uniform(-1, 1, (STEPS, LANES, 2)).astype(np.float32)
    few = np.ascontiguousarray(actions[:, :PEERS])
    env, small = lerobot_sim.make("numpy/push-t", LANES), lerobot_sim.make("numpy/push-t", PEERS)
    still, stills = Still(PEERS), np.zeros((STEPS, PEERS, 2), np.float32)
    envs = SyncVectorEnv([PlainPushT] * PEERS, autoreset_mode=AutoresetMode.DISABLED)
    seconds = interleaved(
        {
            "ours": lambda: contract(env, actions),
            "bare": lambda: bare(actions),
            "small": lambda: contract(small, few),
            "peer": lambda: gymnasium_peer(envs, few),
            "steps": lambda: through_steps(small, still, ROUNDS),
            "alone": lambda: [contract(small, stills) for _ in range(ROUNDS)],
        },
        repeats,
    )
    rates = {
        "ours": LANES * STEPS / seconds["ours"],
        "bare": LANES * STEPS / seconds["bare"],
        "small": PEERS * STEPS / seconds["small"],
        "peer": PEERS * STEPS / seconds["peer"],
    }
    own = 1e6 * (seconds["steps"] - seconds["alone"]) / (ROUNDS * STEPS * PEERS)
    name = f"SyncVectorEnv of {PEERS}, gymnasium {gym.__version__}"
    return [
        more_is_better(
            f"stepping, {LANES} lanes, resets counted",
            "lane-steps/s",
            rates["ours"],
            rates["bare"],
            "bare formulas",
            ">= 0.5 of them, aim 8e6",
        ),
        more_is_better(f"stepping, {LANES} lanes", "lane-steps/s", rates["ours"], rates["peer"], name, ">= 100x"),
        more_is_better(f"stepping, {PEERS} lanes", "lane-steps/s", rates["small"], rates["peer"], name),
        Row(
            what=f"cost of `steps` beyond the environment's resets and steps, {PEERS} lanes",
            unit="us/lane-step",
            ours=own,
            reach="<= 2",
        ),
    ]


if __name__ == "__main__":
    main(measure, __doc__)
