"""Plain videos, decoded again."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from lerobot_sim.datasets.video import VideoWriter
from lerobot_sim.errors import ArrayError, InputError, StorageError


def _frames(height: int, width: int, count: int = 12) -> np.ndarray:
    """A bright square that moves over a coloured ground."""
    frames = np.zeros((count, height, width, 3), np.uint8)
    frames[:] = (40, 90, 160)
    for t in range(count):
        frames[t, 4:12, 2 * t : 2 * t + 8] = (250, 240, 60)
    return frames


@pytest.mark.parametrize(("height", "width"), [(48, 64), (47, 63), (33, 50)])
def test_what_is_written_is_decoded(tmp_path: Path, height: int, width: int) -> None:
    path = tmp_path / "deep/er/a.mp4"
    frames = _frames(height, width)
    with VideoWriter(path, 12.5, height, width) as video:
        for frame in frames:
            video.write(frame)
        assert video.num_frames == 12
        assert not path.exists()  # not before it is whole
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.pix_fmt == "yuv420p"
        assert stream.average_rate == Fraction(25, 2)
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == 12
    assert decoded[0].shape == (height + height % 2, width + width % 2, 3)
    for frame, found in zip(frames, decoded, strict=True):
        padded = np.pad(frame, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        error = np.abs(found.astype(int) - padded.astype(int))
        assert error.mean() < 6
        assert error[height - 1 :].mean() < 12  # an odd row is doubled, not black
    assert [path.name for path in path.parent.iterdir()] == ["a.mp4"]


def test_an_error_leaves_the_old_video(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"the old one")

    def fail() -> None:
        with VideoWriter(path, 10, 32, 32) as video:
            video.write(_frames(32, 32)[0])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert path.read_bytes() == b"the old one"
    assert len(list(tmp_path.iterdir())) == 1


def test_bad_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"ends in '\.mp4'"):
        VideoWriter(tmp_path / "a.gif", 10, 32, 32)
    with pytest.raises(InputError, match="above 0"):
        VideoWriter(tmp_path / "a.mp4", 0, 32, 32)
    with pytest.raises(StorageError, match="Cannot write"):
        VideoWriter(Path("/proc/a.mp4"), 10, 32, 32)
    with pytest.raises(InputError, match="has no frame"), VideoWriter(tmp_path / "a.mp4", 10, 32, 32):
        pass
    assert list(tmp_path.iterdir()) == []
    with VideoWriter(tmp_path / "a.mp4", 10, 32, 32) as video:
        with pytest.raises(ArrayError, match=r"expected uint8 \(32, 32, 3\), float64"):
            video.write(np.zeros((32, 32, 3)))  # pyright: ignore[reportArgumentType]
        with pytest.raises(ArrayError, match=r"uint8 \(16, 32, 3\) came"):
            video.write(np.zeros((16, 32, 3), np.uint8))
        video.write(_frames(32, 32)[0])
    with pytest.raises(InputError, match="is closed"):
        video.write(_frames(32, 32)[0])
    video.close()
