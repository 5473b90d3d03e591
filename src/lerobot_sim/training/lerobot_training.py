"""LeRobot's policies, trained on our reader's batches: their networks, losses, optimizers and checkpoints.

A run's folder is `lerobot-train`'s: `checkpoints/<step>/pretrained_model` and `training_state`, `checkpoints/last`, and
beside them `best`, the checkpoint with the most successes, and `log.jsonl`. A run that was interrupted or killed goes
on from its last checkpoint with the batches that it would have seen, and comes to the same numbers.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lerobot_sim.datasets.frames import FrameReader

from .batches import batches
from .interrupts import free_interrupts, held_interrupts
from .lerobot_learner import LAST, Learner
from .lerobot_setup import LeRobotTrainingConfig
from .training_log import LOG, add_line, cut_log, read_log

BEST = "best"

Evaluate = Callable[[int, Path], float]
"""(step, folder of the checkpoint's policy) -> success rate."""


@dataclass(frozen=True)
class LeRobotTrainingResult:
    """What a run came to.

    Attributes:
        checkpoint: The last one's folder.
        best: The folder of the one with the most successes; the last one's where nothing was evaluated.
        loss: Mean over the last lines of the log.
        success: The best one's rate; None where nothing was evaluated.
        samples_per_s: Rows learned from in a second, evaluations apart; None where nothing was left to do.
        waited: Share of that time in which the network waited for rows.
        cached_bytes: Memory that decoded frames took at the end.
    """

    checkpoint: Path
    best: Path
    loss: float
    success: float | None
    samples_per_s: float | None = None
    waited: float | None = None
    cached_bytes: int = 0


@dataclass
class _Clock:
    """Where the time of training goes."""

    updates: int = 0
    waited_s: float = 0.0
    learned_s: float = 0.0


def train(
    dataset: Path,
    folder: Path,
    config: LeRobotTrainingConfig,
    *,
    learner: Learner | None = None,
    evaluate: Evaluate | None = None,
    on_step: Callable[[int, float], None] | None = None,
    on_log: Callable[[Mapping[str, float]], None] | None = None,
) -> LeRobotTrainingResult:
    """Trains, or goes on where the folder's last checkpoint is.

    Args:
        dataset: The dataset's folder.
        folder: Where checkpoints and log go.
        config: What and how.
        learner: Made of the same dataset and config already; not taken where the folder holds a checkpoint.
        evaluate: Asked at every checkpoint; random numbers that it takes are not those of the training.
        on_step: Called with (updates done, loss) after each update.
        on_log: Called with each line of the log.

    Raises:
        MissingExtraError: LeRobot is not installed.
        InputError: Settings, features or a device that do not fit.
        StorageError: The folder holds another run.
        KeyboardInterrupt: Passed on, after a checkpoint.
    """
    last = folder / LAST
    if learner is None or last.exists():
        learner = Learner(dataset, config, last if last.exists() else None)
    folder.mkdir(parents=True, exist_ok=True)
    cut_log(folder / LOG, learner.step)
    clock = _Clock()
    with (
        FrameReader(dataset, learner.cameras, cache_bytes=config.cache_bytes, evict=False, threads=1) as reader,
        held_interrupts() as interrupted,
    ):
        if evaluate and _is_due(config, learner.step) and not _judged(folder, learner.step):
            _judge(folder, config, learner.step, last.resolve(), evaluate)  # a kill came between
        first = learner.step * config.accumulate
        source = batches(
            reader, learner.windows, config.batch_size, config.seed, first, config.prefetch, config.workers
        )
        try:
            while learner.step < config.steps:
                begun = time.perf_counter()
                parts = [next(source) for _ in range(config.accumulate)]
                came = time.perf_counter()
                loss = learner.update(parts)
                clock.updates += 1
                clock.waited_s += came - begun
                clock.learned_s += time.perf_counter() - came
                if on_step:
                    on_step(learner.step, loss)
                if learner.step % config.log_every == 0 or learner.step == config.steps:
                    line = _log(folder, learner)
                    if on_log:
                        on_log(line)
                if _is_due(config, learner.step) or interrupted():
                    checkpoint = learner.save(folder)
                    if evaluate and not interrupted():
                        _judge(folder, config, learner.step, checkpoint, evaluate)
                if interrupted():
                    raise KeyboardInterrupt
        finally:
            source.close()
        return _result(folder, config, clock, reader.cached_bytes)


def _log(folder: Path, learner: Learner) -> dict[str, float]:
    """Writes one line: mean loss since the last one, and the learning rate."""
    line = {
        "step": float(learner.step),
        "loss": float(np.mean(learner.losses)),
        "learning_rate": learner.learning_rate,
    }
    learner.losses = []
    add_line(folder / LOG, line)
    return line


def _is_due(config: LeRobotTrainingConfig, step: int) -> bool:
    """Whether a checkpoint belongs to this number of updates."""
    return step > 0 and (step % config.save_every == 0 or step == config.steps)


def _judged(folder: Path, step: int) -> bool:
    return any(line["step"] == step for line in read_log(folder / LOG) if "success" in line)


def _judge(folder: Path, config: LeRobotTrainingConfig, step: int, checkpoint: Path, evaluate: Evaluate) -> None:
    """Has a checkpoint scored, notes its success rate, and keeps a copy of the best one's policy."""
    from lerobot.utils.random_utils import seeded_context

    with free_interrupts(), seeded_context(config.seed):
        success = evaluate(step, checkpoint / "pretrained_model")
    best = max((line["success"] for line in read_log(folder / LOG) if "success" in line), default=-1.0)
    if success > best:
        beside = folder / f".{BEST}"
        shutil.rmtree(beside, ignore_errors=True)
        shutil.copytree(checkpoint / "pretrained_model", beside)
        shutil.rmtree(folder / BEST, ignore_errors=True)
        beside.rename(folder / BEST)
    add_line(folder / LOG, {"step": float(step), "success": success})


def _result(folder: Path, config: LeRobotTrainingConfig, clock: _Clock, cached_bytes: int) -> LeRobotTrainingResult:
    """What the folder holds now."""
    lines = read_log(folder / LOG)
    losses = [line["loss"] for line in lines if "loss" in line][-5:]
    rates = [line["success"] for line in lines if "success" in line]
    last = (folder / LAST).resolve() / "pretrained_model"
    spent = clock.waited_s + clock.learned_s
    return LeRobotTrainingResult(
        checkpoint=last,
        best=folder / BEST if rates else last,
        loss=float(np.mean(losses)),
        success=max(rates) if rates else None,
        samples_per_s=clock.updates * config.accumulate * config.batch_size / spent if clock.updates else None,
        waited=clock.waited_s / spent if clock.updates else None,
        cached_bytes=cached_bytes,
    )
