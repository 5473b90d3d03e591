"""Recording two cameras of `mujoco/lift`, beside LeRobot's own writer: the same pictures, rendered before.

Ours encodes with x264 veryfast where nothing else is said, commits every episode and stores simulation states;
LeRobot's default writes PNG files, then AV1. CPU time counts all threads and processes.
"""

from __future__ import annotations

import os
import resource
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from itertools import count
from pathlib import Path
from typing import Any, Literal

import av
import numpy as np
from harness import Row, interleaved, less_is_better, main

from lerobot_sim import registry
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.envs.mujoco.render_pool import POOL
from lerobot_sim.episode import Episode
from lerobot_sim.loop import Frames, rollout
from lerobot_sim.policies.random import RandomPolicy
from lerobot_sim.spec import IMAGES, Camera

NAMES = ("front", "wrist")

Look = Literal["draft", "standard", "full"]

EPISODES = 4
"""Episodes of a dataset, all of the same pictures: what opening one costs is shared by them."""


class Kept:
    """A sink that keeps every tick."""

    wants_states = True

    def __init__(self, cameras: Mapping[str, Camera]) -> None:
        self.cameras = cameras
        self.frames: list[Frames] = []

    def write(self, frames: Frames) -> None:
        images = {IMAGES + name: frames.observation[IMAGES + name].copy() for name in self.cameras}
        self.frames.append(replace(frames, observation={**frames.observation, **images}))


class Watched(Kept):
    """A sink that asks for pictures and states, and keeps none."""

    def write(self, frames: Frames) -> None:
        pass


def measure(full: bool) -> list[Row]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="benchmark-recording-", ignore_cleanup_errors=True) as folder:
        os.environ["HF_HOME"] = f"{folder}/hub"  # LeRobot is imported later
        rows = _beside_lerobot(Path(folder), (128, 128), full)
        rows += _overhead(Path(folder), "draft", EPISODES, full) + _overhead(Path(folder), "standard", 1, full)
        rows += _beside_lerobot(Path(folder), (480, 640), full)
        return rows + (_memory(Path(folder)) if full else [])


def _captured(size: tuple[int, int], look: Look = "draft") -> tuple[Any, dict[str, Camera], list[Frames], Episode]:
    env = registry.make("mujoco/lift", 1)
    cameras = {name: Camera(height=size[0], width=size[1], look=look) for name in NAMES}
    kept = Kept(cameras)
    (episode,) = rollout(env, RandomPolicy(env.spec), [0], sinks=[kept])
    return env, cameras, kept.frames, episode


def _beside_lerobot(folder: Path, size: tuple[int, int], full: bool) -> list[Row]:
    from lerobot import __version__ as version
    from lerobot.configs import RGBEncoderConfig

    env, cameras, frames, episode = _captured(size)
    ultrafast = RGBEncoderConfig(vcodec="h264", preset="ultrafast", crf=23)
    fast, av1 = VideoSettings(preset="ultrafast", crf=23), VideoSettings(codec="av1")
    roots: dict[str, Path] = {}
    numbers = count()

    def new(name: str) -> Path:
        roots[name] = folder / f"{size[0]}-{name}-{next(numbers)}"
        return roots[name]

    functions: dict[str, Callable[[], object]] = {
        "ours": lambda: _ours(new("ours"), env.spec, cameras, frames, episode, VideoSettings()),
        "ours ultrafast": lambda: _ours(new("ours ultrafast"), env.spec, cameras, frames, episode, fast),
        "ours av1": lambda: _ours(new("ours av1"), env.spec, cameras, frames, episode, av1),
        "default": lambda: _lerobot(new("default"), env.spec, frames, episode, None, streaming=False),
        "ultrafast": lambda: _lerobot(new("ultrafast"), env.spec, frames, episode, ultrafast, streaming=True),
        "av1": lambda: _lerobot(new("av1"), env.spec, frames, episode, None, streaming=True),
    }
    seconds = interleaved(functions, 5 if full else 1)
    each = {name: 1e3 * value / len(frames) / EPISODES for name, value in seconds.items()}
    small = size[0] == 128
    compared = [
        ("ours", "default", "ours x264 veryfast, LeRobot's default", ""),
        ("ours ultrafast", "default", "ours x264 ultrafast, LeRobot's default", ">= 15x" if small else ">= 14x"),
        ("ours ultrafast", "ultrafast", "x264 ultrafast, LeRobot streaming", ">= 5x" if small else ">= 2.5x"),
        ("ours av1", "av1", "AV1, LeRobot streaming", "" if small else ">= 1.3x"),
    ]
    rows: list[Row] = []
    for mine, theirs, how, reach in compared:
        what = f"two cameras {size[1]}x{size[0]}, a step: {how}"
        rows.append(less_is_better(what, "ms CPU", each[mine], each[theirs], f"LeRobot {version}", reach))
        sizes = [sum(path.stat().st_size for path in roots[name].rglob("*.mp4")) / EPISODES for name in (mine, theirs)]
        quality = [_psnr(roots[name], frames) for name in (mine, theirs)]
        what = f"  its videos' bytes a step; PSNR {quality[0]:.1f} dB, peer {quality[1]:.1f} dB"
        rows.append(less_is_better(what, "bytes", *(size / len(frames) for size in sizes), f"LeRobot {version}"))
    return rows


def _ours(root: Path, spec: Any, cameras: Any, frames: list[Frames], episode: Episode, video: VideoSettings) -> None:
    with DatasetWriter(root, spec, cameras=cameras, video=video) as writer, writer.recorder() as recorder:
        for _ in range(EPISODES):
            for tick in frames:
                recorder.write(tick)
            writer.add(episode, recorder.take(episode))


def _lerobot(root: Path, spec: Any, frames: list[Frames], episode: Episode, encoder: Any, *, streaming: bool) -> None:
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    vectors = {**spec.observation, "action": spec.action}
    features: dict[str, Any] = {
        name: {"dtype": feature.dtype, "shape": feature.shape, "names": None} for name, feature in vectors.items()
    }
    for name in NAMES:
        shape = frames[0].observation[IMAGES + name].shape[1:]
        names = ["height", "width", "channels"]
        features[IMAGES + name] = {"dtype": "video", "shape": shape, "names": names}
    dataset = LeRobotDataset.create(
        "benchmark/lift",
        fps=int(spec.fps),
        features=features,
        root=root,
        rgb_encoder=encoder,
        streaming_encoding=streaming,
        encoder_queue_maxsize=10_000,
    )
    for _ in range(EPISODES):
        for tick in frames:
            own = {name: tick.observation[name][0] for name in features if name != "action"}
            dataset.add_frame({**own, "action": tick.action[0], "task": episode.instruction})
        dataset.save_episode()
    dataset.finalize()


def _psnr(root: Path, frames: list[Frames]) -> float:
    errors: list[float] = []
    for name in NAMES:
        first = min((root / "videos" / f"{IMAGES}{name}").rglob("*.mp4"))  # of LeRobot's, with all episodes in it
        with av.open(str(first)) as container:
            for tick, picture in zip(frames, container.decode(video=0), strict=False):
                apart = picture.to_ndarray(format="rgb24").astype(float) - tick.observation[IMAGES + name][0]
                errors.append(float((apart**2).mean()))
    return float(10 * np.log10(255**2 / np.mean(errors)))


def _overhead(folder: Path, look: Look, episodes: int, full: bool) -> list[Row]:
    """Recording as a whole against simulating and rendering, and encoding, each alone."""
    env, cameras, frames, _ = _captured((128, 128), look)
    numbers = count()

    def simulate() -> None:
        list(rollout(env, RandomPolicy(env.spec), range(episodes), sinks=[Watched(cameras)]))

    def encode() -> None:
        for name in NAMES * episodes:
            with av.open(str(folder / f"bare-{look}{next(numbers)}.mp4"), "w") as container:
                options = {"preset": "veryfast", "crf": "23", "g": "2", "bf": "0", "threads": "1"}
                stream: Any = container.add_stream("libx264", rate=Fraction(env.spec.fps), options=options)
                stream.height, stream.width, stream.pix_fmt = 128, 128, "yuv420p"
                for tick in frames:
                    image = tick.observation[IMAGES + name][0]
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
                container.mux(stream.encode(None))

    def record() -> None:
        root = folder / f"{look}{next(numbers)}"
        with DatasetWriter(root, env.spec, cameras=cameras) as writer, writer.recorder() as recorder:
            for episode in rollout(env, RandomPolicy(env.spec), range(episodes), sinks=[recorder]):
                writer.add(episode, recorder.take(episode))

    seconds = interleaved(
        {"simulate": simulate, "encode": encode, "record": record}, 9 if full else 3, others=POOL.cpu_s
    )
    each = {name: 1e3 * value / len(frames) / episodes for name, value in seconds.items()}
    what = f"recording a step of two cameras 128x128 of look {look}, all of it"
    peer = f"simulating and rendering {each['simulate']:.1f} + encoding alone {each['encode']:.1f}"
    alone = each["simulate"] + each["encode"]
    return [less_is_better(what, "ms CPU", each["record"], alone, peer, ">= 0.77x")]


def _memory(folder: Path) -> list[Row]:
    """Resident memory over 20,000 frames of each of two cameras."""
    env, cameras, frames, episode = _captured((128, 128))
    with DatasetWriter(folder / "long", env.spec, cameras=cameras) as writer, writer.recorder() as recorder:
        resident: list[float] = []
        for number in range(20_000 // len(frames)):
            for tick in frames:
                recorder.write(tick)
            writer.add(episode, recorder.take(episode))
            if number in (2000 // len(frames), 20_000 // len(frames) - 1):
                pages = int(Path("/proc/self/statm").read_text().split()[1])
                resident.append(pages * resource.getpagesize() / 1e6)
    what = "resident memory after 20,000 frames of two cameras, against that after 2,000; reach: + 50 MB"
    return [less_is_better(what, "MB", resident[1], resident[0], "ours earlier")]


if __name__ == "__main__":
    main(measure, __doc__)
