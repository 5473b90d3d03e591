"""Reading frames, at random and in sequence, beside LeRobot's reader, from the same files.

The dataset is made by LeRobot's own writer with its defaults (SVT-AV1, gop 2, several episodes a file) and once with
x264, gop 2: two cameras of blocks that move, 128x128 and 480x640. Our reader (PyAV's decoders, no torch)
keeps no decoded frame here, so that every row is decoded; LeRobot's uses PyAV, too (torchcodec needs FFmpeg's
libraries), and gives uint8. Both give the same bytes, which is checked. CPU time of the process, all its threads.
"""

from __future__ import annotations

import itertools
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from harness import Row, interleaved, less_is_better, main

from lerobot_sim.datasets.frames import FrameReader

SIZES = ((128, 128), (480, 640))
CODECS = ("libsvtav1", "h264")
KEYS = ("observation.images.front", "observation.images.wrist")
BATCH = 32


def measure(full: bool) -> list[Row]:
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    with tempfile.TemporaryDirectory(prefix="benchmark-reading-", ignore_cleanup_errors=True) as folder:
        os.environ["HF_HOME"] = f"{folder}/hub"  # LeRobot is imported later
        rows: list[Row] = []
        for size, codec in itertools.product(SIZES, CODECS):
            root = Path(folder) / f"{codec}-{size[0]}"
            _record(root, size, codec, 60 if full else 25)
            rows += _measure(root, f"{size[0]}x{size[1]} {codec}", full)
        return rows


def _measure(root: Path, what: str, full: bool) -> list[Row]:
    from lerobot import __version__ as version
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    theirs = LeRobotDataset("benchmark/reading", root=root, video_backend="pyav", return_uint8=True)
    count, repeats = (128, 5) if full else (BATCH, 3)
    order = np.random.default_rng(0).permutation(len(theirs))[:count].tolist()
    size = sum(path.stat().st_size for path in root.rglob("*.mp4"))
    print(f"{what}: {len(theirs)} rows, {size / 1e6:.2f} MB of video, decoded by PyAV on both sides", file=sys.stderr)
    with FrameReader(root, cache_bytes=0) as ours, FrameReader(root) as cached:
        _check(theirs, ours, order)
        random = interleaved(
            {
                "peer": lambda: [theirs[row] for row in order],
                "one": lambda: [ours.rows([row]) for row in order],
                "batch": lambda: [ours.rows(order[at : at + BATCH]) for at in range(0, count, BATCH)],
            },
            repeats,
        )
        some = range(min(len(theirs), count))
        last = ours.entries[max(0, len(ours.entries) // 2 - 1)].episode_index
        rows = sum(entry.length for entry in ours.entries[: last + 1])
        sequence = interleaved(
            {
                "peer": lambda: [theirs[row] for row in some],
                "ours": _drained(lambda: ours.episodes(range(last + 1))),
                "cached": lambda: [cached.rows([row]) for row in order],
            },
            repeats,
        )
    each, peer = 1e3 / count, f"LeRobot {version} (PyAV)"
    their_sequence = 1e3 * sequence["peer"] / len(some)
    reach = ">= 1.5x"
    unit = "ms CPU a row"
    return [
        less_is_better(f"at random, one row, {what}", unit, each * random["one"], each * random["peer"], peer, reach),
        less_is_better(
            f"at random, {BATCH} rows at once, {what}", unit, each * random["batch"], each * random["peer"], peer, reach
        ),
        less_is_better(f"at random, cached, {what}", unit, each * sequence["cached"], each * random["peer"], peer),
        less_is_better(f"in sequence, {what}", unit, 1e3 * sequence["ours"] / rows, their_sequence, peer),
    ]


def _drained(function: Callable[[], Iterator[Any]]) -> Callable[[], None]:
    def drain() -> None:
        for _ in function():
            pass

    return drain


def _check(theirs: Any, ours: FrameReader, order: list[int]) -> None:
    found = ours.rows(order[:8])
    for number, row in enumerate(order[:8]):
        item = theirs[row]
        for key in KEYS:
            if not np.array_equal(item[key].numpy().transpose(1, 2, 0), found[key][number]):
                raise AssertionError(f"The readers differ at row {row} of {key}.")


def _record(root: Path, size: tuple[int, int], codec: str, length: int) -> None:
    from datasets.utils.logging import disable_progress_bar
    from lerobot.configs import RGBEncoderConfig
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    disable_progress_bar()
    height, width = size
    features: dict[str, Any] = {
        key: {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]} for key in KEYS
    }
    features |= {name: {"dtype": "float32", "shape": (6,), "names": None} for name in ("observation.state", "action")}
    encoder = RGBEncoderConfig(vcodec=codec, g=2)
    dataset = LeRobotDataset.create(
        "benchmark/reading", fps=10, features=features, root=root, use_videos=True, rgb_encoder=encoder
    )
    random = np.random.default_rng(0)
    for _ in range(4):
        blocks = random.integers(0, 255, (2, height // 16, width // 16, 3), np.uint8).repeat(16, 1).repeat(16, 2)
        for t in range(length):
            frame: dict[str, Any] = {key: np.roll(blocks[k], 2 * t * (k + 1), 1) for k, key in enumerate(KEYS)}
            frame |= {name: random.normal(size=6).astype(np.float32) for name in ("observation.state", "action")}
            dataset.add_frame({**frame, "task": "reading"})
        dataset.save_episode()
    dataset.finalize()


if __name__ == "__main__":
    main(measure, __doc__)
