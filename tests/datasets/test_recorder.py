"""Pictures and states beside the columns: what is recorded, is stored; LeRobot finds every frame."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.encoding import count_pictures
from lerobot_sim.datasets.reader import read_episodes, read_info
from lerobot_sim.datasets.states import read_states
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.errors import ArrayError, InputError, StorageError
from lerobot_sim.loop import rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import IMAGES, Camera

from .conftest import LeRobot, tree

SMALL = {"front": Camera(height=64, width=80)}


def record(root: Path, seeds: range, cameras: Mapping[str, Camera] = SMALL, lanes: int = 2, **keywords: Any) -> None:
    env = registry.make("numpy/push-t", lanes)
    with DatasetWriter(root, env.spec, cameras=cameras, **keywords) as writer, writer.recorder() as recorder:
        for episode in rollout(env, RandomPolicy(env.spec), seeds, sinks=[recorder]):
            writer.add(episode, recorder.take(episode))


def frames_of(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)])


def test_lerobot_loads_every_frame(tmp_path: Path, lerobot: LeRobot) -> None:
    root = tmp_path / "data"
    record(root, range(3))
    found = lerobot.ask("load", root=root)
    assert found["episodes"] == 3
    assert found["shapes"][IMAGES + "front"] == [3, 64, 80]
    assert found["frames"] == sum(entry.stop - entry.start for entry in read_episodes(root))
    for entry in read_episodes(root):
        path = root / f"videos/{IMAGES}front/chunk-000/file-{entry.episode_index:03d}.mp4"
        assert count_pictures(path) == entry.stop - entry.start
    assert not list((root / "sim/recording").rglob("*.part"))


def test_pictures_are_those_of_the_rows(tmp_path: Path) -> None:
    root = tmp_path / "data"
    record(root, range(2), video=VideoSettings(codec="ffv1"))
    env = registry.make("numpy/push-t", 1)
    states = read_states(root, 1)
    frames = frames_of(root / f"videos/{IMAGES}front/chunk-000/file-001.mp4")
    assert len(states["t"]) == len(frames) + 1
    env.reset(np.array([0]), np.array([7]))
    for t in range(0, len(frames), 37):
        env.set_state(np.array([0]), {name: value[t : t + 1] for name, value in states.items()})
        assert (env.render(SMALL)["front"][0] == frames[t]).all()


def test_the_number_of_lanes_changes_no_byte(tmp_path: Path) -> None:
    for lanes in (1, 3):
        record(tmp_path / str(lanes), range(3), lanes=lanes)
    assert tree(tmp_path / "1") == tree(tmp_path / "3")


def test_going_on_changes_no_byte(tmp_path: Path) -> None:
    record(tmp_path / "whole", range(4))
    record(tmp_path / "parts", range(2))
    (tmp_path / "parts/sim/recording/own").mkdir(parents=True)
    (tmp_path / "parts/sim/recording/own/00000000.part").write_bytes(b"left by a kill")
    env = registry.make("numpy/push-t", 2)
    with DatasetWriter(tmp_path / "parts", env.spec, cameras=SMALL) as writer, writer.recorder() as recorder:
        for episode in rollout(env, RandomPolicy(env.spec), range(4), sinks=[recorder]):
            taken = recorder.take(episode)
            if episode.index < 2:
                taken.discard()
            else:
                writer.add(episode, taken)
    whole, parts = tree(tmp_path / "whole"), tree(tmp_path / "parts")
    assert whole == parts


@pytest.mark.parametrize(
    ("keywords", "complaint"),
    [
        ({"cameras": {"front": Camera(height=32, width=32)}}, "cameras"),
        ({"video": VideoSettings(preset="ultrafast")}, "video"),
        ({"cameras": {}}, "cameras"),
    ],
)
def test_other_pictures_are_refused_on_going_on(tmp_path: Path, keywords: Any, complaint: str) -> None:
    record(tmp_path / "data", range(1))
    before = tree(tmp_path / "data")
    with pytest.raises(StorageError, match=complaint):
        record(tmp_path / "data", range(1), **{"cameras": SMALL, **keywords})
    assert tree(tmp_path / "data") == before


def test_an_episode_without_its_recording_is_refused(tmp_path: Path) -> None:
    env = registry.make("numpy/push-t", 1)
    with DatasetWriter(tmp_path / "data", env.spec, cameras=SMALL) as writer, writer.recorder() as recorder:
        episodes = list(rollout(env, RandomPolicy(env.spec), range(2), sinks=[recorder]))
        with pytest.raises(InputError, match="needs its recording"):
            writer.add(episodes[0])
        with pytest.raises(InputError, match="of episode 1"):
            writer.add(episodes[0], recorder.take(episodes[1]))
        writer.add(episodes[0], recorder.take(episodes[0]))
        with pytest.raises(InputError, match="has no recording here"):
            recorder.take(episodes[0])
    assert read_info(tmp_path / "data").total_episodes == 1


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    env = registry.make("numpy/push-t", 1)
    render = env.render
    env.render = lambda cameras, lanes=None: {name: image[:, ::2] for name, image in render(cameras, lanes).items()}  # type: ignore[method-assign]
    with (
        DatasetWriter(tmp_path / "data", env.spec, cameras=SMALL) as writer,
        writer.recorder() as recorder,
        pytest.raises(ArrayError, match=r"'front': expected uint8 \(64, 80, 3\), uint8 \(32, 80, 3\) came"),
    ):
        list(rollout(env, RandomPolicy(env.spec), range(1), sinks=[recorder]))


@pytest.mark.parametrize("codec", ["h264", "hevc", "av1", "ffv1", "png"])
def test_lerobot_reads_every_codec(tmp_path: Path, lerobot: LeRobot, codec: str) -> None:
    root = tmp_path / "data"
    record(root, range(1), lanes=1, video=VideoSettings(codec=codec))
    env = registry.make("numpy/push-t", 1)
    states = read_states(root, 0)
    last = len(states["t"]) - 2
    env.reset(np.array([0]), np.array([1]))
    env.set_state(np.array([0]), {name: value[last : last + 1] for name, value in states.items()})
    lerobot.ask("save_rows", root=root, rows=[last], file=str(tmp_path / "row.npz"))
    with np.load(tmp_path / "row.npz") as found:
        image = found[f"{last}/{IMAGES}front"]
    if image.dtype != np.uint8:
        image = np.rint(image * 255).astype(np.uint8)
    apart = np.abs(image.transpose(1, 2, 0).astype(int) - env.render(SMALL)["front"][0].astype(int))
    assert apart.max() == 0 if codec in ("ffv1", "png") else apart.mean() < 12
