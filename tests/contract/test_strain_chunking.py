"""Chunks out of phase, episodes of different lengths, over one environment and over several."""

import dataclasses

import numpy as np
import pytest

from lerobot_sim import End, rollout, steps
from lerobot_sim.envs.push_t import TASK
from lerobot_sim.envs.task_env import TaskEnv

from .strain_chunking import ChunkingPolicy

SEEDS = [5, 3, 900, 17, -4, 8, 2**40, 21, 22, 1]
SHORT = dataclasses.replace(TASK, spec=dataclasses.replace(TASK.spec, max_steps=90))


class UnequalEnv(TaskEnv):
    """push-t whose episodes end by themselves after a number of steps that hangs on the seed."""

    def __init__(self, num_envs):
        super().__init__(SHORT, num_envs)
        self._stop = np.zeros(num_envs, np.int64)

    def reset(self, lanes, seeds, params=None):
        self._stop[lanes] = 7 + seeds % 11 * 3
        return super().reset(lanes, seeds, params)

    def step(self, action, active):
        step = super().step(action, active)
        over = (self._end == End.RUNNING) & (self._t >= self._stop)
        self._end[over] = End.TERMINATED
        return step._replace(end=self._end.copy())


@pytest.fixture(scope="module")
def alone():
    """Every episode by itself, in an environment of one lane."""
    return [next(rollout(UnequalEnv(1), ChunkingPolicy(1), [seed])) for seed in SEEDS]


@pytest.mark.parametrize("lanes", [[3], [8], [1, 1], [2, 3], [1, 4, 2]])
def test_episodes_equal_single_lane_runs(alone, lanes):
    policy = ChunkingPolicy(sum(lanes))
    episodes = list(rollout([UnequalEnv(count) for count in lanes], policy, SEEDS))
    assert [episode.seed for episode in episodes] == SEEDS
    assert [episode.index for episode in episodes] == list(range(len(SEEDS)))
    for episode, expected in zip(episodes, alone, strict=True):
        assert episode.end is expected.end is End.TERMINATED
        assert len(episode) == 7 + episode.seed % 11 * 3
        for group in ("observation", "columns", "metrics", "final_observation"):
            ours, theirs = getattr(episode, group), getattr(expected, group)
            assert ours.keys() == theirs.keys()
            for name, value in ours.items():
                assert value.tobytes() == theirs[name].tobytes(), name
        assert episode.action.tobytes() == expected.action.tobytes()
        assert episode.reward.tobytes() == expected.reward.tobytes()
        assert episode.success.tobytes() == expected.success.tobytes()
    if lanes in ([3], [8]):
        assert any(len(set(phase)) > 1 for phase in policy.phases), "lanes were out of phase"


@pytest.mark.parametrize("window", [1, 2, 5])
@pytest.mark.parametrize("lanes", [[3], [2, 3]])
def test_no_seed_starts_beyond_the_window(lanes, window):
    finished, started = set(), set()
    for frames in steps([UnequalEnv(count) for count in lanes], ChunkingPolicy(sum(lanes)), SEEDS, window=window):
        for lane in np.flatnonzero(frames.active):
            index = frames.starts[lane].index
            if frames.t[lane] == 0:
                oldest = min(set(range(len(SEEDS))) - finished)
                assert index - oldest < window or index in started
            started.add(index)
            if frames.end[lane] != End.RUNNING:
                finished.add(index)
    assert finished == set(range(len(SEEDS)))


def test_a_lane_that_does_not_act_keeps_its_chunk():
    policy, seen = ChunkingPolicy(2), {"observation.state": np.full((2, 6), 0.5, np.float32)}
    policy.reset(np.array([0, 1]), np.array([1, 2]))
    first = [policy.act(seen, np.array([True, True])).action[1] for _ in range(2)]
    policy.reset(np.array([0, 1]), np.array([1, 2]))
    again = policy.act(seen, np.array([True, True])).action[1]
    policy.act(seen, np.array([True, False]))
    np.testing.assert_array_equal([again, policy.act(seen, np.array([False, True])).action[1]], first)
