"""Which episodes are worth watching, by a rule that is stated, and their videos as they go into a page.

A rule instead of a choice: whoever picks videos by hand shows what he wants to be seen. Episodes of our environments
are functions of their seeds, so the rule is applied after the run, and only the chosen seeds are run again, with
pictures (`choose`). Videos are H.264 in yuv420p: the one that every browser plays.
"""

from __future__ import annotations

import base64
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from lerobot_sim.datasets.poster import poster
from lerobot_sim.errors import StorageError

from .results import EpisodeRecord, EvaluationRun

_log = logging.getLogger(__name__)

MOST = 24
EMBED_MB = 24.0

RULE = (
    "Of every task in turn: the first failure in the order of the seeds, the slowest success, the second failure, the "
    "fastest success, and so on, further failures and successes in the order of the seeds. Episodes that a fault ended "
    "are never chosen."
)


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """An episode to watch.

    Attributes:
        episode: Which.
        why: The part of the rule, such as "first failure".
    """

    episode: EpisodeRecord
    why: str


@dataclass(frozen=True, kw_only=True)
class Clip:
    """A video in the page.

    Attributes:
        chosen: Its episode, and why it is shown.
        path: Relative to the results' folder, with "/".
        embedded: Base64 of the file; None: it is linked.
        poster: Base64 of a JPEG of its last frame.
    """

    chosen: Chosen
    path: str
    embedded: str | None
    poster: str


def choose(records: Sequence[EpisodeRecord], count: int) -> list[Chosen]:
    """Episodes of one task to watch by `RULE`.

    Args:
        records: In the order of the seeds; where no success is defined, the first ones are chosen.
        count: How many at most.
    """
    valid = [one for one in records if not one.fault]
    failures = [Chosen(episode=one, why=f"{_nth(i)} failure") for i, one in enumerate(_with(valid, False))]
    successes = _successes(_with(valid, True))
    undefined = [Chosen(episode=one, why=f"{_nth(i)} episode") for i, one in enumerate(_with(valid, None))]
    turns = [one for pair in zip_longest(failures, successes) for one in pair if one] + undefined
    return turns[:count]


def clips(run: EvaluationRun, most: int = MOST, embed_mb: float = EMBED_MB) -> list[Clip]:
    """The videos to show: chosen ones that were recorded, then other recorded ones; embedded while there is room.

    Args:
        run: Its episodes name the videos.
        most: How many at most.
        embed_mb: MB of files that go into the page itself.
    """
    by_task = [
        [one for one in choose(run.of(task.task), len(run.episodes)) if file_of(run, one.episode)]
        for task in run.run.tasks
    ]
    chosen = [one for turn in zip_longest(*by_task) for one in turn if one][:most]
    shown = {one.episode.key for one in chosen}
    others = [one for one in run.episodes if one.key not in shown and not one.fault and file_of(run, one)]
    chosen += [Chosen(episode=one, why="recorded") for one in others[: max(0, most - len(chosen))]]
    room = embed_mb * 1e6
    found: list[Clip] = []
    for one in chosen:
        path = file_of(run, one.episode)
        assert path is not None
        try:
            still = poster(path)
        except StorageError as error:
            _log.warning("Left out of the report: %s", error)
            continue
        size = path.stat().st_size
        embedded = _base64(path.read_bytes()) if size <= room else None
        room -= size if embedded else 0
        place = path.relative_to(run.folder.resolve()).as_posix()
        found.append(Clip(chosen=one, path=place, embedded=embedded, poster=_base64(still)))
    return found


def file_of(run: EvaluationRun, one: EpisodeRecord) -> Path | None:
    """An episode's video, if it is there; files outside of the results' folder never go into a page."""
    if not one.video:
        return None
    path = (run.folder / one.video).resolve()
    inside = path.is_relative_to(run.folder.resolve())
    return path if inside and path.suffix == ".mp4" and path.is_file() else None


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


def _with(records: Sequence[EpisodeRecord], success: bool | None) -> list[EpisodeRecord]:
    return [one for one in records if one.success is success]


def _successes(records: Sequence[EpisodeRecord]) -> list[Chosen]:
    """The slowest, the fastest, and the others as they come."""
    by_time = sorted(records, key=_time)
    if len(by_time) < 2:
        return [Chosen(episode=one, why="the only success") for one in by_time]
    slowest, fastest = by_time[-1], by_time[0]
    others = [one for one in records if one is not slowest and one is not fastest]
    named = [Chosen(episode=slowest, why="slowest success"), Chosen(episode=fastest, why="fastest success")]
    return named + [Chosen(episode=one, why="success") for one in others]


def _nth(number: int) -> str:
    words = ("first", "second", "third", "fourth", "fifth", "sixth")
    return words[number] if number < len(words) else "later"


def _time(one: EpisodeRecord) -> int:
    return one.first_success_step if one.first_success_step is not None else one.length
