"""Videos of episodes: one file an episode, also where a fault ends it and it is run again."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from lerobot_sim import registry
from lerobot_sim.env import End
from lerobot_sim.evaluation.chosen_videos import choose
from lerobot_sim.evaluation.videos import EpisodeVideos
from lerobot_sim.loop import Frames, rollout
from lerobot_sim.spec import Camera
from tests.evaluation.runs import episode

FAULTY_TICK = 3


class _FaultOnce:
    """A simulator whose first episode of a seed dies after some steps."""

    def __init__(self, seed: int) -> None:
        self._env = registry.make("numpy/push-t", 2)
        self._seed, self._ticks, self._lane = seed, 0, -1

    def __getattr__(self, name: str):
        return getattr(self._env, name)

    def reset(self, lanes, seeds, params=None):
        if self._lane < 0 and self._seed in list(seeds):
            self._lane = int(np.asarray(lanes)[list(seeds).index(self._seed)])
        return self._env.reset(lanes, seeds, params)

    def step(self, action, active):
        step = self._env.step(action, active)
        self._ticks += 1
        if self._ticks == FAULTY_TICK:
            self._env._end[self._lane] = End.FAULT
            step.end[self._lane] = End.FAULT
        return step


class _Ends:
    def __init__(self) -> None:
        self.cameras: dict[str, Camera] = {}
        self.faults = 0

    def write(self, frames: Frames) -> None:
        self.faults += int((frames.end == End.FAULT).sum())


def test_an_episode_that_is_run_again_is_listed_once_and_its_video_is_the_whole_one(tmp_path: Path) -> None:
    env, ends = _FaultOnce(8), _Ends()
    policy = registry.make_policy("expert", env.spec)
    camera = Camera(height=32, width=32)
    with EpisodeVideos(tmp_path, next(iter(env.spec.cameras)), camera, env.spec.fps) as videos:
        episodes = list(rollout(env, policy, [7, 8], sinks=[ends, videos]))
    assert ends.faults == 1
    assert sorted(videos.paths) == [tmp_path / "seed_7.mp4", tmp_path / "seed_8.mp4"]
    for one in episodes:
        with av.open(tmp_path / f"seed_{one.seed}.mp4") as container:
            frames = sum(1 for _ in container.decode(video=0))
        assert frames == len(one) > FAULTY_TICK


def test_failures_and_successes_are_chosen_in_turn():
    """Failures as they come; of successes the slowest and the fastest first."""

    def kinds(successes, count):
        records = [
            episode(seed=k, index=k, success=bool(s), end="FAULT" if s is None else "TIME_LIMIT", first_success_step=k)
            for k, s in enumerate(successes)
        ]
        return [one.index for one in choose(records, count)]

    assert kinds([1, 1, 0, 1, 0, 0], 3) == [2, 3, 4]
    assert kinds([1, 1, 0, 1, 0, 0], 1) == [2]
    assert kinds([1, 1, None, 1], 2) == [0, 3]
    assert kinds([0, 0, None, 1], 4) == [0, 1, 3]
