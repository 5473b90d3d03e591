"""Videos of a run's episodes: which are chosen, and how they are made after the run."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.loop import Profile, rollout
from lerobot_sim.spec import Camera, EnvSpec

from . import report_videos
from .fitting import fitted
from .param_values import arrays_of
from .plan import Plan
from .results import JOURNAL, EpisodeRecord, journal_header, load, write_text
from .running import Acting, Worlds, guarded, record_of
from .videos import EpisodeVideos

FOLDER = "videos"


@dataclass(frozen=True, kw_only=True)
class VideoChoice:
    """How many videos, and of what.

    Attributes:
        count: Episodes of each task.
        camera: Name; "" takes each environment's first.
        size: Height and width in pixels; a camera that the policy sees by is shown as the policy sees it.
    """

    count: int
    camera: str = ""
    size: int = 256

    def name(self, spec: EnvSpec) -> str:
        """The camera's name in an environment, or an error before anything runs."""
        if not spec.cameras:
            raise InputError(f"--videos: '{spec.id}' has no camera. Leave --videos out.")
        name = self.camera or next(iter(spec.cameras))
        if name not in spec.cameras:
            raise unknown_name(f"camera of '{spec.id}'", name, spec.cameras)
        return name


def choose(records: Sequence[EpisodeRecord], count: int) -> list[EpisodeRecord]:
    """By `report_videos.RULE`, which the report states: failures and successes in turn, failures first; no FAULTs."""
    return sorted((chosen.episode for chosen in report_videos.choose(records, count)), key=lambda one: one.index)


def add_videos(
    plan: Plan, acting: Acting, out: Path, worlds: Worlds, choice: VideoChoice, profile: Profile | None
) -> None:
    """Runs the chosen episodes of the plain arm once more, with a camera, and notes the videos in the journal.

    An episode that came out otherwise, as one of a network at another place in its batch may, is run but not noted:
    its video would not show what was scored.
    """
    done = load(out)
    noted: dict[tuple[str, str, int], str] = {}
    for task in plan.tasks:
        chosen = choose(done.of(task.record.task), choice.count)
        missing = [one for one in chosen if not (one.video and (out / one.video).exists())]
        if not missing:
            continue
        name = choice.name(task.spec)
        inside = f"{FOLDER}/{task.record.task}" if len(plan.tasks) > 1 else FOLDER
        envs = worlds.of(task)
        guard, policy = guarded(plan, task, fitted(acting.make(task.spec), task.spec, task.keys))
        one = arrays_of(task.spec, plan.values(task, ""))
        # an environment draws a camera once a step, at one size: the policy's, or what is scored would change
        camera = policy.cameras.get(name, Camera(height=choice.size, width=choice.size))
        with EpisodeVideos(out / inside, name, camera, task.spec.fps) as videos:
            for episode in rollout(
                envs,
                policy,
                [record.seed for record in missing],
                params=(lambda given, one=one: {key: np.repeat(v, len(given), axis=0) for key, v in one.items()})
                if one
                else None,
                sinks=[videos],
                profile=profile,
            ):
                before = missing[episode.index]
                after = record_of(episode, task, "", before.index, guard, ())
                if (after.success, after.length, after.end) == (before.success, before.length, before.end):
                    noted[before.key] = f"{inside}/seed_{before.seed}.mp4"
    episodes = [replace(one, video=noted.get(one.key, one.video)) for one in done.episodes]
    lines = [journal_header(done.run), *(asdict(one) for one in episodes)]
    write_text(out / JOURNAL, "".join(json.dumps(line) + "\n" for line in lines))
