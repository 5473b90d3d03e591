"""A disk that is full while recording."""

from __future__ import annotations

import contextlib
import resource
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.datasets.reader import read_columns
from lerobot_sim.datasets.video import VideoWriter
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.episode import Episode
from lerobot_sim.errors import StorageError
from lerobot_sim.spec import EnvSpec

from .conftest import LeRobot, digest_of, tree


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 400 kB."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"mounting is not permitted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_a_full_disk_loses_nothing_and_recording_goes_on(
    small_disk: Path, lerobot: LeRobot, spec: EnvSpec, episodes: list[Episode]
) -> None:
    root = small_disk / "data"
    filler = small_disk / "filler"
    filler.write_bytes(b"x" * 120_000)
    writer = DatasetWriter(root, spec)
    with pytest.raises(StorageError, match=r"No space to write .*Free some space"):
        _add_all(writer, [episodes[number % 6] for number in range(100)])
    saved = writer.num_episodes
    assert saved > 2
    found = lerobot.ask("load", root=root)
    assert found["episodes"] == saved
    expected = [digest_of(episodes[number % 6]) for number in range(saved)]
    assert np.allclose(found["digests"], expected, rtol=1e-12)
    writer.close()
    with DatasetWriter(root, spec) as again:  # opens on a full disk, too
        assert again.num_episodes == saved
        with pytest.raises(StorageError, match="No space"):
            _add_all(again, episodes[:1] * 20)
        saved = again.num_episodes
        filler.unlink()
        again.add(episodes[5])  # the same writer goes on
    with DatasetWriter(root, spec) as third:
        assert third.num_episodes == saved + 1
        third.add(episodes[4])
    found = lerobot.ask("load", root=root)
    assert np.allclose(found["digests"][-2:], [digest_of(episodes[5]), digest_of(episodes[4])], rtol=1e-12)


def test_a_file_size_limit_is_a_full_disk(tmp_path: Path, spec: EnvSpec, episodes: list[Episode]) -> None:
    root = tmp_path / "data"
    with DatasetWriter(root, spec) as writer:
        with _file_size_limit(60_000), pytest.raises(StorageError, match=r"No space to write .*file-000"):
            _add_all(writer, episodes)
        saved = writer.num_episodes
        assert saved >= 2
        assert len(read_columns(root, ["action"])["action"]) == 300 * saved
        _add_all(writer, episodes[saved:])
    whole = tmp_path / "whole"
    with DatasetWriter(whole, spec) as writer:
        _add_all(writer, episodes)
    assert tree(root) == tree(whole)


def test_a_video_on_a_full_disk_leaves_nothing(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 256, (60, 64, 64, 3), np.uint8)
    with _file_size_limit(20_000), pytest.raises(StorageError, match="No space"):
        _encode_all(tmp_path / "a.mp4", frames)
    assert list(tmp_path.iterdir()) == []


def _add_all(writer: DatasetWriter, episodes: Sequence[Episode]) -> None:
    for episode in episodes:
        writer.add(episode)


def _encode_all(path: Path, frames: np.ndarray) -> None:
    with VideoWriter(path, 10, *frames.shape[1:3]) as video:
        for frame in frames:
            video.write(frame)


@contextlib.contextmanager
def _file_size_limit(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
