"""Recording pictures that do not fit: other settings, names, sizes, counts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.recorder import EpisodeRecorder, Recording
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import Env
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, InputError, SimError, StorageError, UnknownNameError
from lerobot_sim.loop import Frames, rollout
from lerobot_sim.spec import IMAGES, Camera

from .conftest import tree
from .test_recorder_faults import ROWS, SMALL, Brief, encoders, in_time, record, whole

TWO = {"front": Camera(height=64, width=80), "top": Camera(height=64, width=80)}


def with_two_cameras(env: Env, fps: int | None = None) -> Env:
    """The same environment with a second camera, whose pictures are the negatives of the first's."""
    cameras = {**env.spec.cameras, "top": env.spec.cameras["front"]}
    changed = {"cameras": cameras, **({} if fps is None else {"fps": fps})}
    env._task = dataclasses.replace(env._task, spec=dataclasses.replace(env.spec, **changed))  # type: ignore[attr-defined]
    render = env.render

    def both(cameras: Mapping[str, Camera], lanes: Any = None) -> dict[str, Any]:
        front = {name: Camera(height=camera.height, width=camera.width) for name, camera in cameras.items()}
        images = {name: render({"front": camera}, lanes)["front"] for name, camera in front.items()}
        return {name: 255 - image if name == "top" else image for name, image in images.items()}

    env.render = both  # type: ignore[method-assign]
    return env


@pytest.mark.parametrize(
    ("fps", "keywords", "told"),
    [
        (20, {}, [r"fps there is 10, 20 came"]),
        (None, {"cameras": {"front": TWO["front"]}}, ["cameras 'top'.*none"]),
        (None, {"cameras": {**TWO, "top": Camera(height=96, width=64)}}, ["cameras", "64", "96"]),
        (None, {"cameras": {**TWO, "top": Camera(height=64, width=80, look="draft")}}, ["cameras", "draft"]),
        (None, {"video": VideoSettings(codec="av1")}, ["video", "h264", "av1"]),
        (None, {"video": VideoSettings(codec="png")}, ["video", "h264", "png"]),
        (None, {"video": VideoSettings(gop=8)}, ["video", "'gop' there is 2, 8 came"]),
        (None, {"video": VideoSettings(depth_max=5.0)}, ["video", "depth_max", "10", "5"]),
    ],
)
def test_going_on_differently_is_refused(tmp_path: Path, fps: int | None, keywords: Any, told: list[str]) -> None:
    root = tmp_path / "data"
    record(root, 1, with_two_cameras(registry.make("numpy/push-t", 1)), cameras=TWO)
    before = tree(root)
    with pytest.raises(StorageError, match="another dataset") as raised:
        record(root, 2, with_two_cameras(registry.make("numpy/push-t", 1), fps), **{"cameras": TWO, **keywords})
    for words in told:
        assert raised.match(words)
    assert tree(root) == before


def test_two_cameras_are_not_mixed_up(tmp_path: Path) -> None:
    root, video = tmp_path / "data", VideoSettings(codec="ffv1")
    record(root, 3, with_two_cameras(registry.make("numpy/push-t", 1)), cameras=TWO, video=video)
    with FrameReader(root) as reader:
        front, top = (reader.frames(name, range(len(reader))) for name in ("front", "top"))
    assert np.array_equal(front, 255 - top)
    assert front.mean() > 128  # push-t is drawn on white
    assert (front[0] != front[ROWS]).any()


@pytest.mark.parametrize("name", ["a/b", "../front", "..", "a\\b", ""])
def test_a_cameras_name_that_leaves_its_folder(tmp_path: Path, name: str) -> None:
    env = registry.make("numpy/push-t", 1)
    spec = dataclasses.replace(env.spec, cameras={name: Camera(height=64, width=80)})
    with pytest.raises(InputError, match=r"camera"):
        DatasetWriter(tmp_path / "data", spec, cameras=spec.cameras)
    assert list(tmp_path.iterdir()) == []


def test_a_camera_that_is_not_there(tmp_path: Path) -> None:
    env = registry.make("numpy/push-t", 1)
    with pytest.raises(UnknownNameError, match=r"frnt.*front"):
        DatasetWriter(tmp_path / "data", env.spec, cameras={"frnt": Camera(height=64, width=80)})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("below", ["", "dataset"])
def test_a_path_that_is_a_file(tmp_path: Path, below: str) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    with pytest.raises(StorageError, match="file"):
        record(tmp_path / "file" / below, 1)
    assert tree(tmp_path) == {"file": b"mine"}


def _cut(recording: Recording) -> Recording:
    file = recording.cameras["front"]
    return replace(recording, cameras={"front": replace(file, count=file.count - 1)})


def _without(recording: Recording) -> Recording:
    return replace(recording, cameras={})


def _fewer_states(recording: Recording) -> Recording:
    assert recording.states is not None
    return replace(recording, states={name: value[1:] for name, value in recording.states.items()})


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (_cut, "5 pictures came for 6 rows"),
        (_without, r"Expected pictures of \['front'\], those of \[\] came"),
        (_fewer_states, "expected 7 of 6 rows, 6 came"),
    ],
)
def test_a_recording_that_does_not_fit_its_rows(
    tmp_path: Path, change: Callable[[Recording], Recording], complaint: str
) -> None:
    root = tmp_path / "data"
    record(root, 1)
    env = registry.make("numpy/push-t", 1)
    with DatasetWriter(root, env.spec, cameras=SMALL) as writer, writer.recorder() as recorder:
        _, episode = rollout(env, Brief(env.spec), range(2), sinks=[recorder])
        recording = recorder.take(episode)
        before = tree(root)
        with pytest.raises(InputError, match=complaint):
            writer.add(episode, change(recording))
        assert tree(root) == before
        writer.add(episode, recording)
    whole(root, 2)


def test_an_encoder_that_loses_a_picture_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file's own pictures are counted: a packet that never reached it is told, not stored."""
    from lerobot_sim.datasets.encoding import Stream

    mux, calls = Stream._mux, []

    def losing(self: Stream, frame: Any) -> None:
        calls.append(frame)
        if len(calls) != 3:
            mux(self, frame)

    root = tmp_path / "data"
    record(root, 1)
    before = tree(root)
    monkeypatch.setattr(Stream, "_mux", losing)
    error = in_time(lambda: record(root, 3))
    assert isinstance(error, SimError)
    assert "pictures" in str(error)
    assert tree(root) == before


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda image: image.astype(np.float32), r"'front': expected uint8 \(64, 80, 3\), float32 \(64, 80, 3\) came"),
        (lambda image: image[..., :1], r"'front': expected uint8 \(64, 80, 3\), uint8 \(64, 80, 1\) came"),
        (lambda image: image[:, ::2], r"'front': expected uint8 \(64, 80, 3\), uint8 \(32, 80, 3\) came"),
        (None, "'front'.*observation.images.front|observation.images.front.*'front'"),
    ],
)
def test_pictures_that_are_not_their_cameras(tmp_path: Path, change: Any, complaint: str) -> None:
    """They are given to the recorder itself: whatever else looks at them may not be there."""
    root = tmp_path / "data"
    record(root, 1)
    before, env = tree(root), registry.make("numpy/push-t", 1)
    with DatasetWriter(root, env.spec, cameras=SMALL) as writer, writer.recorder() as recorder:
        changed = Changing(recorder, change)
        error = in_time(lambda: list[Episode](rollout(env, Brief(env.spec), range(2), sinks=[changed])))
    assert isinstance(error, ArrayError), repr(error)
    assert re.search(complaint, str(error)), str(error)
    assert encoders() == []
    assert tree(root) == before


class Changing:
    """A sink before a recorder, which changes the pictures or takes them away."""

    def __init__(self, recorder: EpisodeRecorder, change: Callable[[Any], Any] | None) -> None:
        self._recorder, self._change = recorder, change
        self.cameras, self.wants_states = recorder.cameras, recorder.wants_states

    def write(self, frames: Frames) -> None:
        observation = dict(frames.observation)
        image = observation.pop(IMAGES + "front")
        if self._change is not None:
            observation[IMAGES + "front"] = self._change(image)
        self._recorder.write(replace(frames, observation=observation))
