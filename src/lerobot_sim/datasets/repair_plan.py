"""Which episodes are whole, and what has to be written anew around them."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from . import sidecar
from .check import Report, Verdict
from .check_records import bounds_of
from .check_statistics import agree, stored_statistics, with_exact_times
from .check_survey import EpisodePlace, Survey, VideoPlace
from .check_tables import Rows, check_data
from .check_video_file import VideoFile, probe
from .layout import Info
from .repair_info import with_info
from .statistics import Statistics


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a repair is to leave.

    Attributes:
        survey: What was found; with an `info.json` made anew if it was lost.
        episodes: Those to keep, each where its rows and frames really lie.
        lost: Episodes that were there, or begun, and are not kept.
        behind: Whole ones among them.
        wrong_rows: Kept episodes whose row in the table is lost, or contradicts their rows.
        statistics: Of the kept episodes' rows, computed anew.
        tasks: Texts by their index.
        tasks_from: How lost texts were found, for people; empty if none were lost.
        statistics_are_wrong: Whether `stats.json` contradicts the rows.
        videos: What was read of the video files.
    """

    survey: Survey
    episodes: Sequence[EpisodePlace]
    lost: int
    behind: int
    wrong_rows: frozenset[int]
    statistics: Mapping[int, Statistics]
    tasks: Sequence[str]
    tasks_from: str
    statistics_are_wrong: bool
    videos: Mapping[Path, VideoFile]

    @property
    def info(self) -> Info:
        """What `info.json` says, or is to say."""
        assert self.survey.info is not None
        return self.survey.info

    @property
    def frames(self) -> int:
        """Rows that are kept."""
        return sum(episode.length for episode in self.episodes)

    @property
    def files_are_wrong(self) -> bool:
        """Whether a file of the table of episodes cannot be read or has too many rows."""
        return any(file.error for file in self.survey.episode_files) or len(self.survey.episodes) != len(self.episodes)


def plan_repair(report: Report) -> Plan:
    """Decides what is kept.

    Raises:
        StorageError: `info.json` is lost and cannot be made anew.
    """
    survey, rows = report.survey, report.rows
    if survey.info is None:
        survey = with_info(survey)
        rows, _ = check_data(survey, bounds_of(survey.root), "", lambda _: None)
    assert survey.info is not None
    videos = {path: probe(path) for path in sorted((survey.root / "videos").rglob("*.mp4"))}
    tasks, tasks_from = _tasks(survey, rows)
    files = _files(survey)
    count = _candidates(survey, files)
    stored = stored_statistics(survey)
    places = {episode.index: episode for episode in survey.episodes}
    finder = _FrameFinder(survey, videos)
    kept: list[EpisodePlace] = []
    wrong: set[int] = set()
    behind = 0
    start = 0
    for number in range(count):
        found, length = None, 0
        if number in rows.whole and number in files:
            length = int(rows.statistics[number]["index"]["count"][0])
            found = finder.find(places.get(number), length)
        if found is None or len(kept) < number:
            behind += found is not None and number in places
            finder.stop()
            continue
        task = int(rows.statistics[number]["task_index"]["min"][0])
        one_task = task == int(rows.statistics[number]["task_index"]["max"][0])
        texts = (tasks[task],) if one_task else places[number].tasks if number in places else (tasks[task],)
        place = EpisodePlace(number, length, start, start + length, texts, files[number], found)
        kept.append(place)
        start += length
        if place != places.get(number) or not _agrees(stored.get(number), rows.statistics[number], survey.info.fps):
            wrong.add(number)
    total = max(count, survey.info.total_episodes)
    return Plan(
        survey=survey,
        episodes=kept,
        lost=total - len(kept),
        behind=behind,
        wrong_rows=frozenset(wrong),
        statistics=rows.statistics,
        tasks=tasks,
        tasks_from=tasks_from,
        statistics_are_wrong=any(f.part == "statistics" and f.verdict == Verdict.BROKEN for f in report.findings)
        or report.survey.info is None,
        videos=videos,
    )


class _FrameFinder:
    """Finds an episode's frames: where the table says, or, where that is lost, behind those of the one before."""

    def __init__(self, survey: Survey, videos: Mapping[Path, VideoFile]) -> None:
        self._survey = survey
        self._videos = videos
        self._files = {
            camera: [path for path in videos if path.relative_to(survey.root / "videos").parts[0] == camera]
            for camera in survey.videos
        }
        self._at: dict[str, tuple[int, int]] = dict.fromkeys(self._files, (0, 0))
        self._lost = False

    def stop(self) -> None:
        """After an episode that is not whole, only the table can say where frames are."""
        self._lost = True

    def find(self, place: EpisodePlace | None, length: int) -> dict[str, VideoPlace] | None:
        """Camera -> place, or None where frames are missing."""
        found: dict[str, VideoPlace] = {}
        for camera in self._files:
            if place is not None and camera in place.videos:
                own = self._as_said(camera, place.videos[camera], length)
            else:
                own = None if self._lost else self._next(camera, length)
            if own is None:
                return None
            found[camera] = own
        return found

    def _as_said(self, camera: str, said: VideoPlace, length: int) -> VideoPlace | None:
        assert self._survey.info is not None
        video = self._videos.get(said.path)
        stop_s = said.start_s + length / self._survey.info.fps
        if video is None or video.frames_between(said.start_s, stop_s) < length:
            return None
        number = self._files[camera].index(said.path)
        self._at[camera] = (number, video.frames_between(0.0, stop_s))
        return said

    def _next(self, camera: str, length: int) -> VideoPlace | None:
        assert self._survey.info is not None
        number, used = self._at[camera]
        files = self._files[camera]
        if number < len(files) and used and used >= len(self._videos[files[number]].times_s):
            number, used = number + 1, 0
        if number >= len(files) or len(self._videos[files[number]].times_s) - used < length:
            return None
        start_s = float(self._videos[files[number]].times_s[used])
        self._at[camera] = (number, used + length)
        return VideoPlace(files[number], start_s, start_s + length / self._survey.info.fps)


def _candidates(survey: Survey, files: Mapping[int, Path]) -> int:
    """How many episodes are looked at: as `info.json` says where the table agrees, else all there may be."""
    assert survey.info is not None
    counted = survey.episodes[: survey.info.total_episodes]
    agreed = len(counted) == survey.info.total_episodes and counted
    if agreed and sum(episode.length for episode in counted) == survey.info.total_frames:
        return len(counted)
    return max([episode.index + 1 for episode in survey.episodes] + [number + 1 for number in files], default=0)


def _files(survey: Survey) -> dict[int, Path]:
    """Episode -> the file with its rows."""
    found: dict[int, Path] = {}
    for file in survey.data:
        if file.error:
            continue
        try:
            numbers = pq.read_table(file.path, columns=["episode_index"]).column("episode_index").unique()
        except (pa.ArrowException, OSError, ValueError):
            numbers = _by_groups(file.path)
        for number in numbers:
            found.setdefault(int(number if isinstance(number, int) else number.as_py()), file.path)
    return found


def _by_groups(path: Path) -> list[int]:
    found: set[int] = set()
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            try:
                found |= set(file.read_row_group(group, columns=["episode_index"]).column(0).to_pylist())
            except (pa.ArrowException, OSError, ValueError):
                continue
    return sorted(found)


def _agrees(stored: Statistics | None, own: Statistics, fps: float) -> bool:
    exact = with_exact_times(own, fps)
    return stored is not None and all(
        name in stored and not [key for key in agree(stored[name], values)[0] if not key.startswith("q")]
        for name, values in exact.items()
    )


def _tasks(survey: Survey, rows: Rows) -> tuple[list[str], str]:
    """The texts; lost ones from the table of episodes or our records, by the rows' task_index."""
    needed = 1 + max((int(own["task_index"]["max"][0]) for own in rows.statistics.values()), default=-1)
    if survey.tasks is not None and len(survey.tasks) >= needed:
        return list(survey.tasks), ""
    texts = dict(enumerate(survey.tasks or ()))
    spoken = {episode.index: episode.tasks[0] for episode in survey.episodes if len(episode.tasks) == 1}
    for number, text in {**_instructions(survey.root), **spoken}.items():
        own = rows.statistics.get(number)
        if own is not None and own["task_index"]["min"][0] == own["task_index"]["max"][0]:
            texts.setdefault(int(own["task_index"]["min"][0]), text)
    lost = [index for index in range(needed) if index not in texts]
    texts |= {index: f"task {index}" for index in lost}
    note = f"; the texts of {lost} are lost: `lerobot-sim dataset edit-task` sets them" if lost else ""
    return [texts[index] for index in range(max(texts, default=-1) + 1)], note


def _instructions(root: Path) -> dict[int, str]:
    try:
        lines = (root / sidecar.EPISODES).read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    found: dict[int, str] = {}
    for line in lines:
        try:
            content = json.loads(line)
            found[int(content["episode_index"])] = str(content["instruction"])
        except (ValueError, KeyError, TypeError):
            continue
    return found
