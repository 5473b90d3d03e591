"""Faults while pictures are recorded: full disks, exceptions."""

from __future__ import annotations

import os
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
from lerobot_sim.datasets.recorder import EpisodeRecorder
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.env import Env
from lerobot_sim.errors import StorageError
from lerobot_sim.loop import Frames, rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.policy import Decision
from lerobot_sim.spec import Camera

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
