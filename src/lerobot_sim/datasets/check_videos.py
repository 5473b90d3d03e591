"""Checks of cameras: videos and images, their frames against the rows, decodability, statistics by samples."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .check_findings import Finding, Part
from .check_survey import EpisodePlace, Survey, read_groups, reason
from .check_video_file import VideoFile, all_pictures, picture_of, pictures_at, probe
from .statistics import Statistics

TOLERANCE_S = 1e-4
_SAMPLES = 3
"""Frames of an episode and camera that are decoded by default."""

_SAMPLED_EPISODES = 8
"""Episodes of a camera of which frames are decoded by default."""


def check_video(
    survey: Survey, camera: str, decode: bool, stored: Mapping[int, Statistics], repair: str, show: Callable[[], None]
) -> list[Finding]:
    """One camera's files: packets against rows, times, sizes; some frames decoded, or all with `decode`."""
    part = Part(f"video {camera}", repair)
    assert survey.info is not None
    by_file: dict[Path, list[EpisodePlace]] = {}
    for episode in survey.episodes[: survey.info.total_episodes]:
        if camera not in episode.videos:
            part.broken("the table of episodes does not say where its frames are", f"episode {episode.index}")
        else:
            by_file.setdefault(episode.videos[camera].path, []).append(episode)
    chosen = _chosen(survey, decode)
    frames = decoded = 0
    codecs: set[str] = set()
    for path, episodes in by_file.items():
        video = probe(path)
        frames += len(video.times_s)
        codecs.add(video.codec)
        if _check_file(survey, part, camera, path, video, episodes):
            decoded += _check_pictures(survey, part, camera, path, video, episodes, chosen, decode, stored)
        show()
    how = f"all {decoded} decoded" if decode else f"{decoded} decoded"
    return part.done(f"{frames} frames in {len(by_file)} files, {', '.join(sorted(codecs))}; {how}")


def check_images(survey: Survey, decode: bool, repair: str, show: Callable[[], None]) -> list[Finding]:
    """Cameras that are stored as images in the data table: some decoded, or all with `decode`."""
    parts = {camera: Part(f"images {camera}", repair) for camera in survey.images}
    counts = dict.fromkeys(parts, 0)
    if not parts or survey.info is None:
        return []
    for file in survey.data:
        for group, table in enumerate(() if file.error else read_groups(file, list(parts))):
            if isinstance(table, str):
                continue  # the check of the data says so
            where = f"{survey.name(file.path)}, row group {group}"
            rows = range(table.num_rows) if decode else _spread(table.num_rows, _SAMPLES)
            for camera, part in parts.items():
                counts[camera] += _check_images_of(survey, part, camera, table, rows, where)
            show()
    found: list[Finding] = []
    for camera, part in parts.items():
        found += part.done(f"{counts[camera]} decoded{'' if decode else ' of those in the rows'}")
    return found


def check_unused_videos(survey: Survey) -> list[str]:
    """Video files that no episode names, from the dataset's folder."""
    used = {place.path for episode in survey.episodes for place in episode.videos.values()}
    return [survey.name(path) for path in sorted((survey.root / "videos").rglob("*.mp4")) if path not in used]


def _chosen(survey: Survey, decode: bool) -> set[int]:
    assert survey.info is not None
    count = min(survey.info.total_episodes, len(survey.episodes))
    return set(range(count)) if decode else set(_spread(count, _SAMPLED_EPISODES))


def _spread(count: int, samples: int) -> list[int]:
    return sorted({round(at) for at in np.linspace(0, count - 1, min(samples, count))}) if count else []


def _check_file(
    survey: Survey, part: Part, camera: str, path: Path, video: VideoFile, episodes: Iterable[EpisodePlace]
) -> bool:
    """Without decoding; whether decoding makes sense."""
    where = survey.name(path) if path.is_relative_to(survey.root) else str(path)
    if not path.exists():
        part.broken("it is missing", where)
        return False
    if video.error:
        part.broken(f"it cannot be read: {video.error}", where)
    if not len(video.times_s):
        return False
    info = survey.info
    assert info is not None
    shape = info.columns[camera].shape
    if (video.height, video.width) != _size(info.columns[camera].shape, info.columns[camera].names):
        part.broken(f"its frames are {video.height} x {video.width} pixels, the feature says {shape}", where)
    if video.rate and abs(video.rate - info.fps) > 1e-3 * info.fps:
        part.broken(f"it runs at {video.rate:g} frames a second, the rows at {info.fps:g}", where)
    for episode in episodes:
        place = episode.videos[camera]
        own = f"episode {episode.index} in {where}"
        if abs(place.stop_s - place.start_s - episode.length / info.fps) > 0.5 / info.fps:
            part.broken(
                f"it is said to last {place.stop_s - place.start_s:.3f} s, {episode.length} rows last "
                f"{episode.length / info.fps:.3f} s",
                own,
            )
        expected = place.start_s + np.arange(episode.length) / info.fps
        near = np.searchsorted(video.times_s, expected - 0.5 / info.fps)
        there = video.times_s[np.minimum(near, len(video.times_s) - 1)]
        missing = int((np.abs(there - expected) > TOLERANCE_S + 1e-6 * expected).sum())
        if missing:
            part.broken(f"{missing} of {episode.length} rows have no frame at their time", own)
    return not video.error


def _size(shape: tuple[int, ...], names: tuple[str, ...] | None) -> tuple[int, int]:
    if names and names[0] in ("channel", "channels", "c") and len(shape) == 3:
        return shape[1], shape[2]
    return shape[0], shape[1]


def _check_pictures(
    survey: Survey,
    part: Part,
    camera: str,
    path: Path,
    video: VideoFile,
    episodes: Iterable[EpisodePlace],
    chosen: set[int],
    decode: bool,
    stored: Mapping[int, Statistics],
) -> int:
    info = survey.info
    assert info is not None
    count = 0
    where = survey.name(path)
    try:
        if decode:
            for _ in all_pictures(path):
                count += 1
            if count != len(video.times_s):
                part.broken(f"{count} of {len(video.times_s)} frames can be decoded", where)
        for episode in episodes:
            if episode.index not in chosen:
                continue
            start = episode.videos[camera].start_s
            times = [start + row / info.fps for row in _spread(episode.length, _SAMPLES)]
            pictures = list(pictures_at(path, times))
            count += 0 if decode else len(pictures)
            own = stored.get(episode.index, {}).get(camera)
            if own is not None and not _is_depth(survey, camera):
                _check_means(part, f"episode {episode.index} in {where}", pictures, own)
    except (OSError, ValueError) as error:
        part.broken(f"it cannot be decoded: {reason(error)}", where)
    return count


def _is_depth(survey: Survey, camera: str) -> bool:
    feature: Any = survey.raw.get("features", {}).get(camera, {})
    return bool((feature.get("info") or {}).get("is_depth_map", False))


def _check_means(
    part: Part, where: str, pictures: list[NDArray[np.uint8]], stored: Mapping[str, NDArray[np.float64]]
) -> None:
    """A few frames cannot prove statistics, but show those of other pictures or of another scale."""
    if "mean" not in stored or "std" not in stored or len(stored["mean"]) != 3:
        return
    mean = np.mean([picture.reshape(-1, 3).mean(axis=0) for picture in pictures], axis=0) / 255
    allowed = 0.04 + 0.5 * stored["std"]
    if not (np.abs(mean - stored["mean"]) <= allowed).all():
        part.broken(
            f"its statistics are of other pictures: mean {np.array2string(stored['mean'], precision=3)}, "
            f"{np.array2string(mean, precision=3)} in {len(pictures)} frames",
            where,
        )


def _check_images_of(survey: Survey, part: Part, camera: str, table: Any, rows: Iterable[int], where: str) -> int:
    assert survey.info is not None
    column = survey.info.columns[camera]
    count = 0
    values = table.column(camera)
    if values.null_count:
        part.broken(f"{values.null_count} rows hold no image", where)
    for row in rows:
        value: Any = values[row].as_py() or {}
        content = value.get("bytes")
        if content is None:
            path = survey.root / str(value.get("path") or "")
            content = path.read_bytes() if path.is_file() else b""
        try:
            picture = picture_of(content)
        except (OSError, ValueError) as error:
            part.broken(f"the image in row {row} cannot be decoded: {reason(error)}", where)
            continue
        count += 1
        if picture.shape[:2] != _size(column.shape, column.names):
            part.broken(f"the image in row {row} is {picture.shape}, the feature says {column.shape}", where)
    return count
