"""What each of several processes of `lerobot-sim rerender` does."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from pathlib import Path

from lerobot_sim.datasets.recorder import EpisodeRecorder
from lerobot_sim.datasets.rerender import Rerendering, rerendered
from lerobot_sim.loop import Profile

from .collect_recipe import Made


def produce(work: Rerendering, numbers: Sequence[int], folder: Path, _profile: Profile) -> Generator[Made]:
    """Draws episodes with an environment and a recorder of its own; what `produce_in_processes` calls."""
    with closing(work.make_env()) as env:
        recorder = EpisodeRecorder(folder, env.spec, cameras=work.cameras, video=work.video, states=True, threads=1)
        with recorder, closing(rerendered(work, env, recorder, numbers)) as results:
            for number, (episode, recording) in zip(numbers, results, strict=True):
                yield Made(
                    seed=number,
                    end=episode.end,
                    success=None,
                    explanation=episode.explanation,
                    episode=episode,
                    recording=recording,
                )
