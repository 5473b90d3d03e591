"""What the tests of the tasks share: runs of an expert or of a cheater, and NumPy's answers against torch's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import torch

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.envs.mujoco.mujoco_task import MujocoTask
from lerobot_sim.envs.mujoco.world import World, from_state
from lerobot_sim.episode import Episode
from lerobot_sim.experts.scripted import ScriptedExpert

HELD_OUT = range(5000, 5040)
CHEATED = range(100, 120)


def run(env_id: str, seeds: Sequence[int], decide: Callable[..., Any] | None = None, **options: Any) -> list[Episode]:
    """Episodes of the expert, or of `decide` (named numbers of the observation -> action)."""
    env = make(env_id, len(seeds), threads=1, **options)
    policy = ScriptedExpert(env.spec, decide, 0.0) if decide else make_policy("expert", env.spec)
    return list(rollout(env, policy, seeds))


def solved(episodes: Sequence[Episode], rule: str = "hold(10)") -> int:
    return sum(episode.succeeded(rule) for episode in episodes)


def states(env_id: str, seeds: Sequence[int], at: Sequence[int], **options: Any) -> list[dict[str, Any]]:
    """States of all lanes after some numbers of the expert's steps."""
    env = make(env_id, len(seeds), threads=1, **options)
    policy, lanes, active = make_policy("expert", env.spec), np.arange(len(seeds)), np.ones(len(seeds), np.bool_)
    observation = env.reset(lanes, np.array(seeds))
    policy.reset(lanes, np.array(seeds))
    found = []
    for count in range(max(at) + 1):
        if count in at:
            found.append(env.get_state(lanes))
        observation = env.step(policy.act(observation, active).action, active).observation
    return found


def check_torch_agrees(task: MujocoTask, found: Sequence[dict[str, Any]]) -> None:
    """Observing and judging give the same on torch tensors as on NumPy arrays, and change neither."""
    for state in found:
        world = from_state({name.removeprefix("state."): value for name, value in state.items()})
        memory = {n.removeprefix("state.task."): v for n, v in state.items() if n.startswith("state.task.")}
        params = {n.removeprefix("params."): v for n, v in state.items() if n.startswith("params.")}
        tensors = World(**{field.name: torch.from_numpy(getattr(world, field.name).copy()) for field in fields(World)})
        as_torch = [{name: torch.from_numpy(value.copy()) for name, value in part.items()} for part in (memory, params)]
        before = {field.name: getattr(tensors, field.name).clone() for field in fields(World)}
        expected, given = task.observe(world, memory, params), task.observe(tensors, *as_torch)
        assert set(expected) == set(given) == set(task.spec.observation)
        for name, value in expected.items():
            assert isinstance(given[name], torch.Tensor)
            assert given[name].dtype == torch.float32
            np.testing.assert_allclose(given[name].numpy(), value, atol=1e-6)
        (reward, success, metrics), judged = task.judge(world, memory, params), task.judge(tensors, *as_torch)
        assert judged[0].dtype == torch.float32
        np.testing.assert_allclose(judged[0].numpy(), reward, atol=1e-6)
        np.testing.assert_array_equal(judged[1].numpy(), success)
        for name, value in metrics.items():
            np.testing.assert_allclose(judged[2][name].numpy(), value, atol=1e-9)
        for name, value in before.items():
            assert torch.equal(getattr(tensors, name), value)
