"""Batches of a dataset's rows as LeRobot's policies learn from them, in an order that is a function of the seed.

Each row comes with a window around it: the observations that the policy reads (times before the row) and the actions
that it predicts (times after it), held at the episode's ends, with a mask of those that lie beyond. Workers, threads of
this process, make the next batches while the present one is learned from: memory is what the reader keeps of decoded
frames, and `ahead` batches.
"""

# pyright: reportUnknownMemberType=false
# torch's types are partly unknown

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.datasets.ahead import read_ahead
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.reader import EpisodeEntry
from lerobot_sim.errors import InputError

Arrays = dict[str, Any]
"""Key -> array with a leading batch axis; "task" -> the rows' instructions."""


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Which rows a policy sees with each row, in steps from it.

    Attributes:
        observation: Such as (-1, 0); None for the row alone, without an axis of time.
        action: Such as (0, 1, …, 99); None for the row's own action, without an axis of time.
        observations: Keys of the observations.
        last_rows_dropped: So many rows at an episode's end are not begun from.
    """

    observation: Sequence[int] | None = None
    action: Sequence[int] | None = None
    observations: Sequence[str] = field(default=())
    last_rows_dropped: int = 0


def batches(
    reader: FrameReader,
    windows: Windows,
    batch_size: int,
    seed: int,
    first: int = 0,
    ahead: int = 2,
    workers: int = 1,
) -> Generator[Arrays]:
    """Endless batches; the k-th is the same however often one stops and goes on, and whatever the number of workers.

    Args:
        reader: Of the dataset.
        windows: What belongs to a row.
        batch_size: Rows a batch.
        seed: Of the order: each epoch is a permutation of its own.
        first: Number of the first batch.
        ahead: How many batches are made ahead.
        workers: Threads that make them, one batch each; 0: this one, when a batch is asked for.

    Raises:
        InputError: Every episode is too short.
    """
    starts = usable_rows(reader, windows)
    calls = (partial(_batch, reader, windows, rows) for rows in _rows(starts, batch_size, seed, first))
    return read_ahead(calls, max(ahead, workers) if workers else 0, max(1, workers))


def tensors_of(batch: Arrays, device: str = "cpu") -> dict[str, Any]:
    """As LeRobot's loader gives them: float32, images (…, 3, h, w) in [0, 1]; pictures travel as bytes.

    Args:
        batch: As `batches` yields it; its arrays are used, not copied, where that can be.
        device: Where the tensors are to be.
    """
    import torch

    found: dict[str, Any] = {}
    for key, value in batch.items():
        if key == "task":
            found[key] = value
        elif value.dtype == np.uint8:
            found[key] = torch.from_numpy(value).to(device).movedim(-1, -3).to(torch.float32).div_(255)
        else:
            tensor = torch.from_numpy(np.ascontiguousarray(value)).to(device)
            found[key] = tensor if value.dtype == np.bool_ else tensor.to(torch.float32)
    return found


def usable_rows(reader: FrameReader, windows: Windows) -> NDArray[np.int64]:
    """The rows that a batch may begin from."""
    spans = [
        np.arange(entry.start, max(entry.start, entry.stop - windows.last_rows_dropped)) for entry in reader.entries
    ]
    rows = np.concatenate(spans) if spans else np.zeros(0, np.int64)
    if not len(rows):
        raise InputError(
            f"No row of the dataset can be learned from: its {len(reader.entries)} episodes are not longer than the "
            f"{windows.last_rows_dropped} last rows that the policy leaves out."
        )
    return rows


def _rows(starts: NDArray[np.int64], size: int, seed: int, first: int) -> Generator[NDArray[np.int64]]:
    """The rows of batch `first` and of all that follow; a batch may reach from one epoch into the next."""
    epoch, at = divmod(first * size, len(starts))
    order = _epoch(starts, seed, epoch)
    while True:
        parts: list[NDArray[np.int64]] = []
        missing = size
        while missing:
            taken = order[at : at + missing]
            parts.append(taken)
            missing -= len(taken)
            at += len(taken)
            if at == len(order):
                epoch, at = epoch + 1, 0
                order = _epoch(starts, seed, epoch)
        yield np.concatenate(parts)


def _epoch(starts: NDArray[np.int64], seed: int, epoch: int) -> NDArray[np.int64]:
    keys = rng.uniform(np.array([seed], np.int64), "training/order", epoch, shape=(len(starts),))[0]
    return starts[np.argsort(keys, kind="stable")]


def _batch(reader: FrameReader, windows: Windows, rows: NDArray[np.int64]) -> Arrays:
    fps = reader.info.fps
    times: dict[str, Sequence[float]] = {}
    if windows.observation is not None:
        times |= {key: [step / fps for step in windows.observation] for key in windows.observations}
    if windows.action is not None:
        times["action"] = [step / fps for step in windows.action]
    found: Mapping[str, Any] = reader.rows(rows, columns=[*windows.observations, "action"], windows=times)
    entries: Sequence[EpisodeEntry] = reader.entries
    stops = np.array([entry.stop for entry in entries], np.int64)
    batch: Arrays = dict(found)
    numbers: list[int] = np.searchsorted(stops, rows, side="right").tolist()
    batch["task"] = [entries[number].tasks[0] for number in numbers]
    return batch
