"""A recording's files on their way into the dataset, as the first part of a commit."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lerobot_sim.errors import StorageError
from lerobot_sim.spec import IMAGES, Camera, EnvSpec

from . import layout, states
from .codecs import VideoSettings, probe
from .encoding import CameraFile
from .files import make_folder, storage_error, write_whole
from .layout import Column, Info
from .recorder import Recording
from .statistics import Statistics


def picture_columns(spec: EnvSpec, cameras: Mapping[str, Camera], video: VideoSettings) -> dict[str, Column]:
    """The columns of cameras, as `info.json` declares them; encodes a few pictures to know.

    Raises:
        EncoderError: The codec is missing here or refuses.
    """
    dtype = "image" if video.as_images else "video"
    names = ("height", "width", "channels")
    columns: dict[str, Column] = {}
    for name, camera in cameras.items():
        shape = (camera.height, camera.width, 1 if camera.kind == "depth" else 3)
        columns[IMAGES + name] = Column(dtype, shape, names, probe(video, camera, spec.fps) or None)
    return columns


@dataclass
class Placed:
    """What a commit has moved to its place, and how to move it back.

    Attributes:
        folders: That files were renamed into.
        moved: (temporary name, name in the dataset) of every video.
        place: What the row of the table of episodes says of the videos.
        images: Column -> the image files of the rows.
        statistics: Column -> of its pictures.
    """

    folders: set[Path] = field(default_factory=set[Path])
    moved: list[tuple[Path, Path]] = field(default_factory=list[tuple[Path, Path]])
    place: dict[str, Any] = field(default_factory=dict[str, Any])
    images: dict[str, list[bytes]] = field(default_factory=dict[str, "list[bytes]"])
    statistics: Statistics = field(default_factory=dict[str, Any])

    def back(self) -> None:
        """Gives the videos their temporary names again: the commit did not come about."""
        for part, path in reversed(self.moved):
            with contextlib.suppress(OSError):
                make_folder(part.parent, sync=False)  # its recorder may have been closed meanwhile
                path.replace(part)
        self.moved.clear()


def put_in_place(
    placed: Placed,
    root: Path,
    info: Info,
    recording: Recording,
    videos: Mapping[str, int],
    *,
    sync: bool,
) -> None:
    """Moves an episode's videos to their place, reads its images, and writes its states.

    Raises:
        StorageError: A file is gone or could not be written; call `placed.back()`.
    """
    episode_index = info.total_episodes
    for name, file in recording.cameras.items():
        key = IMAGES + name
        placed.statistics[key] = file.statistics
        if file.sizes is None:
            _move(placed, root, info, key, videos[key], file, sync=sync)
        else:
            placed.images[key] = _images(file)
    path = states.path_of(root, episode_index)
    if recording.states is not None:
        write_whole(path, states.encode_states(recording.states), sync=sync)
        placed.folders.add(path.parent)
    else:
        path.unlink(missing_ok=True)  # of an interrupted commit of another episode


def _move(placed: Placed, root: Path, info: Info, key: str, number: int, file: CameraFile, *, sync: bool) -> None:
    chunk, index = divmod(number, info.chunks_size)
    path = root / layout.VIDEOS.format(video_key=key, chunk_index=chunk, file_index=index)
    make_folder(path.parent, sync=sync)
    try:
        file.path.replace(path)
    except FileNotFoundError as error:
        raise StorageError(f"{file.path} is gone: a recording can be added once, while its files are there.") from error
    except OSError as error:
        raise storage_error(path, error) from error
    placed.moved.append((file.path, path))
    placed.folders.add(path.parent)
    placed.place |= {f"videos/{key}/chunk_index": chunk, f"videos/{key}/file_index": index}
    placed.place |= {f"videos/{key}/from_timestamp": 0.0, f"videos/{key}/to_timestamp": file.count / info.fps}


def _images(file: CameraFile) -> list[bytes]:
    assert file.sizes is not None
    try:
        with file.path.open("rb") as content:
            images = [content.read(size) for size in file.sizes]
    except OSError as error:
        raise StorageError(f"Cannot read {file.path}: {error.strerror}.") from error
    if [len(image) for image in images] != list(file.sizes):
        raise StorageError(f"{file.path} is shorter than what was recorded into it.")
    return images
