"""Samples a second that a trainer is fed: our loader beside LeRobot's DataLoader, one worker each, in turns.

The script records its dataset itself: episodes of the expert on mujoco/lift, two cameras as H.264 videos, pictures at
random among all rows, as training asks for them. A sample is a row with both cameras' pictures, its state and the 16
actions that follow; a batch has 16 and ends as float32 tensors, which are checked to be LeRobot's bit for bit.
LeRobot's side is its `LeRobotDataset` (uint8 pictures, as `lerobot-train` asks for) under torch's DataLoader with one
persistent worker process and 4 batches ahead, decoded by PyAV: torchcodec is taken where it loads. Our side is
`training.batches` with one worker thread and 4 batches ahead, decoded by PyAV.

Rates are wall clock, medians over turns A B A B …, after both sides have come to rest; the batches made ahead are
taken out before each turn. CPU is that of all processes and threads of a side. "cache holds a quarter": decoded frames
may take a quarter of what the dataset would need; "cache holds all": the second epoch on.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from harness import Row, less_is_better, main, more_is_better

from lerobot_sim import make, make_policy, rollout
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.spec import Camera
from lerobot_sim.training.batches import Windows, batches, tensors_of

BATCH, AHEAD, ACTIONS, FPS = 16, 4, 16, 25
KEYS = ("observation.images.front", "observation.images.wrist")
STATES = ("observation.state", "observation.environment_state")


def measure(full: bool) -> list[Row]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    sizes = ((128, 128), (240, 320)) if full else ((128, 128),)
    with tempfile.TemporaryDirectory(prefix="benchmark-training-data-", ignore_cleanup_errors=True) as folder:
        os.environ["HF_HOME"] = f"{folder}/hub"  # LeRobot is imported later
        rows: list[Row] = []
        for height, width in sizes:
            root = Path(folder) / f"lift-{height}"
            _record(root, Camera(height=height, width=width, look="draft"), 16 if full else 8)
            rows += _measure(root, f"{height}x{width}", turns=7 if full else 5, count=40 if full else 20)
        return rows


def _measure(root: Path, what: str, turns: int, count: int) -> list[Row]:
    from lerobot import __version__ as version

    decoder = _decoder()
    with _Theirs(root, decoder) as theirs:
        needed = _decoded_bytes(root)
        rows: list[Row] = []
        for share, name in ((0.25, "cache holds a quarter"), (1.0, "cache holds all")):
            limit = int(share * needed)
            with _Ours(root, limit) as ours:
                _check(ours, theirs)
                ours.take(-(-len(ours.reader) // BATCH))  # an epoch: the cache is what it will be
                found = _in_turns({"ours": ours, "peer": theirs}, turns, count)
                held, memory = ours.reader.cached_bytes, AHEAD * ours.batch_bytes
            if held > limit:
                raise AssertionError(f"The cache holds {held} bytes, {limit} were allowed.")
            print(
                f"{what}, {name}: {len(ours.reader)} rows, {held / 1e6:.1f} of at most {limit / 1e6:.1f} MB of frames "
                f"and {memory / 1e6:.1f} MB of batches ahead; LeRobot's worker process holds {theirs.memory / 1e6:.0f} "
                f"MB, this process (torch and both loaders' data) {_memory() / 1e6:.0f} MB",
                file=sys.stderr,
            )
            peer = f"LeRobot {version} DataLoader ({decoder})"
            rates = [1 / found[side][0] for side in ("ours", "peer")]
            cpu = [1e3 * found[side][1] for side in ("ours", "peer")]
            rows += [
                more_is_better(f"samples a second, {what}, {name}", "1/s", *rates, peer, ">= 1.5x"),
                less_is_better(f"CPU a sample, {what}, {name}", "ms", *cpu, peer),
            ]
        return rows


class _Ours:
    """Our loader with one worker."""

    def __init__(self, root: Path, limit: int) -> None:
        self.reader = FrameReader(root, cache_bytes=limit, evict=False, threads=1)
        self._source: Iterator[Any] = batches(self.reader, _windows(), BATCH, seed=0, ahead=AHEAD, workers=1)
        self.batch_bytes = 0

    def __enter__(self) -> _Ours:
        return self

    def __exit__(self, *_: object) -> None:
        self._source.close()  # pyright: ignore[reportAttributeAccessIssue]
        self.reader.close()

    def take(self, count: int) -> None:
        for _ in range(count):
            arrays = next(self._source)
            self.batch_bytes = sum(value.nbytes for value in arrays.values() if isinstance(value, np.ndarray))
            tensors_of(arrays)

    def cpu(self) -> float:
        """CPU seconds of this process but for the threads of its DataLoader, which hardly do anything."""
        return time.process_time()


class _Theirs:
    """LeRobot's loader with one worker."""

    def __init__(self, root: Path, decoder: str) -> None:
        import torch
        from lerobot.datasets.lerobot_dataset import LeRobotDataset
        from lerobot.datasets.sampler import EpisodeAwareSampler

        times = {"action": [step / FPS for step in range(ACTIONS)]}
        self.dataset: Any = LeRobotDataset(
            "benchmark/lift", root=root, delta_timestamps=times, video_backend=decoder, return_uint8=True
        )
        episodes = self.dataset.meta.episodes
        starts, stops = episodes["dataset_from_index"], episodes["dataset_to_index"]
        sampler = EpisodeAwareSampler(starts, stops, shuffle=True, seed=0)
        self._loader = torch.utils.data.DataLoader(
            self.dataset,
            batch_size=BATCH,
            sampler=sampler,
            num_workers=1,
            prefetch_factor=AHEAD,
            persistent_workers=True,
            multiprocessing_context="spawn",
        )
        self._epoch: Any = iter(self._loader)
        self._to = torch.float32

    def __enter__(self) -> _Theirs:
        return self

    def __exit__(self, *_: object) -> None:
        self._epoch._shutdown_workers()

    def take(self, count: int) -> None:
        for _ in range(count):
            try:
                batch = next(self._epoch)
            except StopIteration:
                self._epoch = iter(self._loader)  # the worker stays
                batch = next(self._epoch)
            for key in KEYS:
                batch[key] = batch[key].to(dtype=self._to) / 255.0  # as lerobot-train does

    def cpu(self) -> float:
        import psutil

        times = psutil.Process(self._epoch._workers[0].pid).cpu_times()
        return time.process_time() + times.user + times.system

    @property
    def memory(self) -> int:
        import psutil

        return psutil.Process(self._epoch._workers[0].pid).memory_info().rss


def _in_turns(sides: dict[str, Any], turns: int, count: int) -> dict[str, tuple[float, float]]:
    """Median seconds and CPU seconds a sample of each side."""
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn, (name, side) in itertools.product(range(turns + 1), sides.items()):
        side.take(AHEAD + 2)  # what was made ahead
        cpu, wall = side.cpu(), time.perf_counter()
        side.take(count)
        spent = (time.perf_counter() - wall) / (count * BATCH), (side.cpu() - cpu) / (count * BATCH)
        if turn:
            found[name].append(spent)
        _rest(side.cpu)
    return {name: tuple(map(statistics.median, zip(*spent, strict=True))) for name, spent in found.items()}  # pyright: ignore[reportReturnType]


def _rest(cpu: Callable[[], float]) -> None:
    """Waits until a side has made its batches ahead, so that it does not work in the other's turn."""
    before, until = cpu(), time.perf_counter() + 30
    while time.perf_counter() < until:
        time.sleep(0.2)
        now = cpu()
        if now - before < 0.02:
            return
        before = now


def _windows() -> Windows:
    return Windows(action=tuple(range(ACTIONS)), observations=(*STATES, *KEYS))


def _check(ours: _Ours, theirs: _Theirs) -> None:
    """Both sides give the same tensors for the same rows."""
    import torch

    rows = np.random.default_rng(1).permutation(len(ours.reader))[:4]
    times = {"action": [step / FPS for step in range(ACTIONS)]}
    found = tensors_of(ours.reader.rows(rows, columns=[*STATES, "action"], windows=times))
    for number, row in enumerate(rows.tolist()):
        item = theirs.dataset[row]
        for key, value in found.items():
            wanted = item[key].to(torch.float32) / 255.0 if key in KEYS else item[key]
            if not torch.equal(value[number], wanted):
                raise AssertionError(f"The loaders differ at row {row} of {key}.")


def _decoder() -> str:
    """What LeRobot decodes with here."""
    try:
        import torchcodec  # noqa: F401  it loads FFmpeg's libraries
    except (ImportError, RuntimeError, OSError):
        return "pyav"
    return "torchcodec"


def _decoded_bytes(root: Path) -> int:
    with closing(FrameReader(root)) as reader:
        one = reader.rows([0], columns=[])
        return sum(picture.nbytes for picture in one.values()) * len(reader)


def _memory() -> int:
    import psutil

    return psutil.Process().memory_info().rss


def _record(root: Path, camera: Camera, episodes: int) -> None:
    env = make("mujoco/lift", episodes, robot="so100")
    cameras = {key.rpartition(".")[2]: camera for key in KEYS}
    policy = make_policy("expert", env.spec)
    with DatasetWriter(root, env.spec, cameras=cameras) as writer, writer.recorder(states=False) as recorder:
        for episode in rollout(env, policy, range(episodes), sinks=[recorder]):
            writer.add(episode, recorder.take(episode))
    env.close()


if __name__ == "__main__":
    main(measure, __doc__)
