"""A dataset as `bc` learns from it: what it reads, how that is normalised, and batches of it."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from contextlib import closing
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.errors import InputError, unknown_name
from lerobot_sim.policies.bc import word_numbers
from lerobot_sim.policies.bc_config import BCConfig, BCSettings, vocabulary
from lerobot_sim.spec import ACTION, ENVIRONMENT_STATE, IMAGES, STATE

from .batches import Windows, batches

_SMALLEST_STD = 1e-3
"""A coordinate that hardly varied in the demonstrations is not blown up beyond this, in its own unit."""


def config_of(
    reader: FrameReader, settings: BCSettings, *, cameras: Sequence[str] | None, env_id: str, env_version: int
) -> BCConfig:
    """What a new policy reads of a dataset.

    Args:
        reader: Of the dataset.
        settings: What was chosen.
        cameras: What it sees; all cameras in colour by default.
        env_id: What the dataset was made with, "" where that is not known.
        env_version: Likewise.

    Raises:
        InputError: There is nothing to read, no such camera, or no vector of actions.
    """
    columns = reader.info.columns
    if ACTION not in columns or len(columns[ACTION].shape) != 1:
        raise InputError(f"The policy 'bc' learns vectors of actions; the dataset has {sorted(columns)}.")
    colour = {key.removeprefix(IMAGES): column.shape for key, column in columns.items() if _is_colour(key, column)}
    for name in cameras or ():
        if name not in colour:
            raise unknown_name("camera of the dataset in colour", name, colour)
    seen = {name: colour[name][:2] for name in (colour if cameras is None else cameras)}
    keys = [key for key in (STATE, ENVIRONMENT_STATE) if settings.state and key in columns]
    if not keys and not seen:
        raise InputError("The policy 'bc' would read nothing: give it states (--policy.state=true) or --cameras.")
    texts = {entry.tasks[0] for entry in reader.entries}
    reads = len(texts) > 1 if settings.language is None else settings.language
    states = np.concatenate([reader.column(key) for key in keys], axis=1) if keys else np.zeros((1, 0), np.float32)
    state, action = _mean_and_std(STATE, states), _mean_and_std(ACTION, reader.column(ACTION))
    return BCConfig(
        settings=settings,
        states={key: columns[key].shape[0] for key in keys},
        cameras={name: (height, width) for name, (height, width) in seen.items()},
        words=vocabulary(texts) if reads else (),
        state_mean=state[0],
        state_std=state[1],
        action_mean=action[0],
        action_std=action[1],
        env_id=env_id,
        env_version=env_version,
    )


def check_dataset(reader: FrameReader, config: BCConfig) -> None:
    """Refuses a dataset that lacks something a policy reads.

    Raises:
        InputError: Naming it.
    """
    wanted: dict[str, tuple[int, ...]] = {key: (size,) for key, size in config.states.items()}
    wanted |= {IMAGES + name: (*size, 3) for name, size in config.cameras.items()}
    wanted[ACTION] = (config.action_dim,)
    columns = reader.info.columns
    for key, shape in wanted.items():
        came = columns[key].shape if key in columns else "none"
        if came != shape:
            raise InputError(f"The checkpoint's '{key}' has the shape {shape}; the dataset has {came}.")


def training_batches(
    reader: FrameReader, config: BCConfig, size: int, seed: int, first: int, ahead: int = 2, workers: int = 1
) -> Generator[dict[str, NDArray[Any]]]:
    """Endless batches from number `first` on: "state", "words", pictures, "action" (n, chunk, A) and its "weight".

    `ahead` and `workers` are those of `batches`: the batches are the same whatever they are.
    """
    windows = Windows(action=tuple(range(config.settings.chunk_size)), observations=tuple(config.states))
    source = batches(reader, windows, size, seed, first, ahead, workers)
    mean, std = (np.array(values, np.float32) for values in (config.action_mean, config.action_std))
    numbers: dict[str, NDArray[np.int64]] = {}
    if config.words:
        texts = sorted({entry.tasks[0] for entry in reader.entries})
        numbers = dict(zip(texts, word_numbers(config.words, texts), strict=True))
    with closing(source):
        for number, found in enumerate(source, first):
            batch: dict[str, NDArray[Any]] = {}
            states = [found[key].astype(np.float32) for key in config.states]
            batch["state"] = np.concatenate(states, axis=1) if states else np.zeros((size, 0), np.float32)
            batch["words"] = (
                np.stack([numbers[text] for text in found["task"]]) if numbers else np.zeros((size, 1), np.int64)
            )
            batch["action"] = (found[ACTION].astype(np.float32) - mean) / std
            batch["weight"] = (~found[f"{ACTION}_is_pad"]).astype(np.float32)
            for name in config.cameras:
                batch[IMAGES + name] = shifted(found[IMAGES + name], config.settings.image_shift, seed, number)
            yield batch


def shifted(pictures: NDArray[np.uint8], most: int, seed: int, number: int) -> NDArray[np.uint8]:
    """Each picture moved by up to `most` pixels in x and y, its border drawn out (Yarats et al. 2021)."""
    if not most:
        return pictures
    count, height, width = pictures.shape[:3]
    by = rng.integers(np.array([seed]), "training/shift", number, shape=(count, 2), below=2 * most + 1)[0] - most
    rows = (np.arange(height) + by[:, :1]).clip(0, height - 1)
    columns = (np.arange(width) + by[:, 1:]).clip(0, width - 1)
    return pictures[np.arange(count)[:, None, None], rows[:, :, None], columns[:, None, :]]


def digest(reader: FrameReader, config: BCConfig) -> str:
    """A short word for what is learned from."""
    sums = hashlib.blake2b(digest_size=16)
    for key in (*config.states, ACTION):
        sums.update(np.ascontiguousarray(reader.column(key)).tobytes())
    sums.update(repr([(entry.tasks, entry.length) for entry in reader.entries]).encode())
    return sums.hexdigest()


def _is_colour(key: str, column: Any) -> bool:
    return key.startswith(IMAGES) and column.is_picture and len(column.shape) == 3 and column.shape[2] == 3


def _mean_and_std(name: str, rows: NDArray[Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if not np.isfinite(rows).all():
        raise InputError(f"{name}: expected finite numbers only, the dataset holds others.")
    if not len(rows):
        raise InputError("There are no demonstrations to learn from, 0 rows came. Collect some first.")
    mean = rows.mean(axis=0, dtype=np.float64)
    std = np.maximum(rows.std(axis=0, dtype=np.float64), _SMALLEST_STD)
    return tuple(mean.tolist()), tuple(std.tolist())
