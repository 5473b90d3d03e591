"""Faults while pictures are recorded: full disks, exceptions, other settings, pictures that do not fit."""

from __future__ import annotations

import dataclasses
import os
import re
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets.check import Verdict, check_dataset
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.reader import read_info
from lerobot_sim.datasets.recorder import EpisodeRecorder, Recording
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import Env
from lerobot_sim.episode import Episode
from lerobot_sim.errors import ArrayError, InputError, SimError, StorageError, UnknownNameError
from lerobot_sim.loop import Frames, rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.policy import Decision
from lerobot_sim.spec import IMAGES, Camera

from .conftest import tree

SMALL = {"front": Camera(height=64, width=80)}
ROWS = 6


class Brief(RandomPolicy):
    """Ends every episode with its sixth row."""

    def reset(self, lanes: Any, seeds: Any) -> None:
        super().reset(lanes, seeds)
        self._left = {**getattr(self, "_left", {}), **{int(lane): ROWS for lane in lanes}}

    def act(self, observation: Any, active: Any) -> Decision:
        ended = np.zeros(len(active), np.bool_)
        for lane in np.flatnonzero(active):
            self._left[int(lane)] -= 1
            ended[lane] = self._left[int(lane)] == 0
        return replace(super().act(observation, active), events={"terminate_episode": ended})


def noisy(lanes: int = 1) -> Env:
    """push-t with pictures that no codec makes small, the same for the same state."""
    env = registry.make("numpy/push-t", lanes)

    def render(cameras: Mapping[str, Camera], lanes: Any = None) -> dict[str, Any]:
        chosen = np.arange(env.num_envs) if lanes is None else np.asarray(lanes)
        states = env.get_state(chosen)
        found: dict[str, Any] = {}
        for name, camera in cameras.items():
            image = np.zeros((len(chosen), camera.height, camera.width, 3), np.uint8)
            for row in range(len(chosen)):
                seed = sum(int(np.abs(np.asarray(value[row], np.float64)).sum() * 1e6) for value in states.values())
                image[row] = np.random.default_rng(seed).integers(0, 256, image.shape[1:], np.uint8)
            found[name] = image
        return found

    env.render = render  # type: ignore[method-assign]
    return env


def record(root: Path, count: int, env: Env | None = None, **keywords: Any) -> None:
    """Records the episodes of seeds 0 to count - 1 that are not in the dataset yet."""
    env = env or registry.make("numpy/push-t", 1)
    with DatasetWriter(root, env.spec, **{"cameras": SMALL, **keywords}) as writer, writer.recorder() as recorder:
        go_on(writer, recorder, env, count)


def go_on(writer: DatasetWriter, recorder: EpisodeRecorder, env: Env, count: int) -> None:
    saved = writer.num_episodes
    for episode in rollout(env, Brief(env.spec), range(count), sinks=[recorder]):
        recording = recorder.take(episode)
        if episode.index < saved:
            recording.discard()
        else:
            writer.add(episode, recording)


def in_time(function: Callable[[], Any], seconds: float = 60) -> BaseException | None:
    """What it raises; fails where it hangs."""
    raised: list[BaseException | None] = []

    def run() -> None:
        try:
            function()
            raised.append(None)
        except BaseException as error:  # noqa: BLE001 - handed over
            raised.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    assert raised, "it hangs"
    return raised[0]


def encoders() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("encoder-")]


def whole(root: Path, episodes: int) -> None:
    """The dataset is in order and has these episodes, and all of their pictures."""
    report = check_dataset(root, decode=True)
    bad = [finding for finding in report.findings if finding.verdict is not Verdict.OK]
    assert not bad, bad
    assert read_info(root).total_episodes == episodes
    with FrameReader(root) as reader:
        assert len(reader) == episodes * ROWS
        assert reader.frames("front", range(len(reader))).shape == (episodes * ROWS, 64, 80, 3)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 600 kB."""
    place = tmp_path / "small"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(place)], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip(f"mounting is not permitted here: {made.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def fill(path: Path, leave: int) -> None:
    """Writes a file that leaves so many bytes of its disk."""
    state = os.statvfs(path.parent)
    path.write_bytes(b"x" * max(0, state.f_bavail * state.f_frsize - leave))


@pytest.mark.parametrize("codec", ["h264", "ffv1", "png"])
def test_full_disk_while_encoding(small_disk: Path, tmp_path: Path, codec: str) -> None:
    root, filler, env, video = small_disk / "data", small_disk / "filler", noisy(), VideoSettings(codec=codec)
    record(root, 1, env, video=video)
    with DatasetWriter(root, env.spec, cameras=SMALL, video=video) as writer, writer.recorder() as recorder:
        fill(filler, 20_000)
        error = in_time(lambda: go_on(writer, recorder, env, 4))
        assert isinstance(error, StorageError), repr(error)
        assert "No space to write" in str(error)
        assert "Free some space" in str(error)
        assert "recording/own" in str(error), "it came from the commit, not from an encoder"
        assert writer.num_episodes == 1
        whole(root, 1)
        filler.unlink()
        assert in_time(lambda: go_on(writer, recorder, env, 2)) is None  # the same recorder goes on
    whole(root, 2)
    record(tmp_path / "reference", 2, env, video=video)
    assert tree(root) == tree(tmp_path / "reference")


@pytest.mark.parametrize("codec", ["h264", "png"])
def test_full_disk_in_the_commit(small_disk: Path, tmp_path: Path, codec: str) -> None:
    root, filler, env, video = small_disk / "data", small_disk / "filler", noisy(), VideoSettings(codec=codec)
    with DatasetWriter(root, env.spec, cameras=SMALL, video=video) as writer, writer.recorder() as recorder:
        for episode in rollout(env, Brief(env.spec), range(2), sinks=[recorder]):
            recording = recorder.take(episode)
            before = tree(root / "meta"), tree(root / "data")
            fill(filler, 0)
            with pytest.raises(StorageError, match="No space to write"):
                writer.add(episode, recording)
            assert (tree(root / "meta"), tree(root / "data")) == before
            filler.unlink()
            writer.add(episode, recording)  # it was not lost
    whole(root, 2)
    record(tmp_path / "reference", 2, env, video=video)
    assert tree(root) == tree(tmp_path / "reference")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    env = registry.make("numpy/push-t", 1)
    with DatasetWriter(tmp_path / "data", env.spec, cameras=SMALL) as writer:
        (tmp_path / "data/sim/recording").write_bytes(b"in the way")
        with pytest.raises(StorageError, match=r"Cannot write .*recording"):
            writer.recorder()
        assert encoders() == []


class Burst(RuntimeError):
    pass


class Bursting:
    """A sink that raises at its twentieth tick, in the middle of the third episodes of two lanes."""

    cameras: Mapping[str, Camera] = {}
    ticks = 0

    def write(self, frames: Frames) -> None:
        self.ticks += 1
        if self.ticks == 2 * ROWS + 3:
            raise Burst("here")


@pytest.mark.parametrize("who", ["sink", "consumer", "leaves"])
def test_leaving_in_the_middle_keeps_what_was_finished(tmp_path: Path, who: str) -> None:
    root = tmp_path / "data"
    env = registry.make("numpy/push-t", 2)

    def run() -> None:
        with DatasetWriter(root, env.spec, cameras=SMALL) as writer, writer.recorder() as recorder:
            sinks = [recorder, Bursting()] if who == "sink" else [recorder]
            for episode in rollout(env, Brief(env.spec), range(9), sinks=sinks):
                writer.add(episode, recorder.take(episode))
                if writer.num_episodes == 3 and who != "sink":
                    if who == "leaves":
                        return
                    raise Burst("there")

    error = in_time(run)
    assert error is None if who == "leaves" else isinstance(error, Burst)
    assert encoders() == []
    assert not list(root.rglob("*.part"))
    assert not (root / "sim/recording").exists()
    whole(root, 4 if who == "sink" else 3)
    record(tmp_path / "reference", 5)
    record(root, 5)
    assert tree(root) == tree(tmp_path / "reference")


def test_closing_leaves_no_empty_folders(tmp_path: Path) -> None:
    record(tmp_path / "data", 1)
    assert not (tmp_path / "data/sim/recording").exists()
    env = registry.make("numpy/push-t", 1)
    with DatasetWriter(tmp_path / "two", env.spec, cameras=SMALL) as writer:
        with writer.recorder(name="a") as one, writer.recorder(name="b"):
            (episode,) = rollout(env, Brief(env.spec), range(1), sinks=[one])
            taken = one.take(episode)
        writer.add(episode, taken)  # after its recorder was closed
    assert not (tmp_path / "two/sim/recording").exists()
    whole(tmp_path / "two", 1)


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
