"""LeRobot's policies, trained on our reader's batches: their networks, losses, optimizers and checkpoints.

A run's folder is `lerobot-train`'s: `checkpoints/<step>/pretrained_model` and `training_state`, `checkpoints/last`, and
beside them `best`, the checkpoint with the most successes, and `log.jsonl`. A run that was interrupted or killed goes
on from its last checkpoint with the batches that it would have seen.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# torch's and lerobot's types are partly unknown

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.errors import MissingExtraError, SimError, StorageError, unknown_name
from lerobot_sim.policies.lerobot import check_device
from lerobot_sim.spec import IMAGES

from .batches import Arrays, batches
from .interrupts import held_interrupts
from .lerobot_setup import (
    PRECISIONS,
    LeRobotTrainingConfig,
    choose_inputs,
    freeze,
    optimizer_of,
    policy_config_of,
    windows_of,
)

LOG, BEST, LAST = "log.jsonl", "best", "checkpoints/last"
_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LeRobotTrainingResult:
    """What a run came to.

    Attributes:
        checkpoint: The last one's folder.
        best: The folder of the one with the most successes; the last one's where nothing was evaluated.
        loss: Mean over the last lines of the log.
        success: The best one's rate; None where nothing was evaluated.
    """

    checkpoint: Path
    best: Path
    loss: float
    success: float | None


def train(
    dataset: Path,
    folder: Path,
    config: LeRobotTrainingConfig,
    *,
    evaluate: Callable[[int, Path], float] | None = None,
    on_step: Callable[[int, float], None] | None = None,
    on_log: Callable[[Mapping[str, float]], None] | None = None,
) -> LeRobotTrainingResult:
    """Trains, or goes on where the folder's last checkpoint is.

    Args:
        dataset: The dataset's folder.
        folder: Where checkpoints and log go.
        config: What and how.
        evaluate: (step, checkpoint's folder) -> success rate; asked at every checkpoint.
        on_step: Called with (updates done, loss) after each update.
        on_log: Called with each line of the log.

    Raises:
        MissingExtraError: LeRobot is not installed.
        InputError: Settings, features or a device that do not fit.
        StorageError: The folder holds another run.
        KeyboardInterrupt: Passed on, after a checkpoint.
    """
    run = _Run(dataset, folder, config)
    with FrameReader(dataset, run.cameras, cache_bytes=config.cache_bytes) as reader, held_interrupts() as interrupted:
        first = run.step * config.accumulate
        source = batches(reader, run.windows, config.batch_size, config.seed, first)
        try:
            while run.step < config.steps:
                loss = run.update([next(source) for _ in range(config.accumulate)])
                if on_step:
                    on_step(run.step, loss)
                if run.step % config.log_every == 0 or run.step == config.steps:
                    line = run.log()
                    if on_log:
                        on_log(line)
                if run.step % config.save_every == 0 or run.step == config.steps or interrupted():
                    checkpoint = run.save()
                    if evaluate and not interrupted():
                        run.judge(checkpoint, evaluate(run.step, checkpoint / "pretrained_model"))
                if interrupted():
                    raise KeyboardInterrupt
        finally:
            source.close()  # pyright: ignore[reportAttributeAccessIssue]  it is a generator: its thread ends here
    return run.result()


class _Run:
    """Network, optimizer and files of one run."""

    def __init__(self, dataset: Path, folder: Path, config: LeRobotTrainingConfig) -> None:
        try:
            import torch
            from lerobot.common.train_utils import load_training_state
            from lerobot.configs.default import DatasetConfig
            from lerobot.configs.train import TrainPipelineConfig
            from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
            from lerobot.optim.factory import make_optimizer_and_scheduler
            from lerobot.policies.factory import make_policy, make_pre_post_processors
        except ImportError as error:
            raise MissingExtraError("lerobot", "lerobot", "Training a policy of LeRobot's") from error
        check_device(torch, config.device)
        if config.precision not in PRECISIONS:
            raise unknown_name("precision", config.precision, PRECISIONS)
        self._torch, self._config, self.folder = torch, config, folder
        folder.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(config.seed)
        meta: Any = LeRobotDatasetMetadata(f"local/{dataset.name}", root=dataset)
        last = folder / LAST
        resumed = last.exists()
        policy_config = policy_config_of(config, last / "pretrained_model" if resumed else None)
        choose_inputs(policy_config, meta, config.cameras)
        with redirect_stdout(sys.stderr):  # LeRobot prints; standard output is the command's
            policy: Any = make_policy(policy_config, ds_meta=meta)
        self.policy = policy
        self.windows = windows_of(policy_config)
        self.cameras = [key for key in policy_config.input_features if key.startswith(IMAGES)]
        options: dict[str, Any] = {"dataset_stats": meta.stats}
        if resumed:
            device = {"device_processor": {"device": config.device}}
            options = {"pretrained_path": str(last / "pretrained_model"), "preprocessor_overrides": device}
        self.before, self.after = make_pre_post_processors(policy_config, **options)
        freeze(policy, config.freeze)
        self._pipeline: Any = TrainPipelineConfig(
            dataset=DatasetConfig(repo_id=f"local/{dataset.name}", root=str(dataset)),
            policy=policy_config,
            output_dir=folder,
            steps=config.steps,
            batch_size=config.batch_size,
            seed=config.seed,
            save_freq=config.save_every,
            optimizer=optimizer_of(policy_config, config.learning_rate),
            scheduler=policy_config.get_scheduler_preset(),
        )
        self._optimizer, self._scheduler = make_optimizer_and_scheduler(self._pipeline, policy)
        self._clip = float(self._pipeline.optimizer.grad_clip_norm)
        self._scaler: Any = torch.amp.grad_scaler.GradScaler(enabled=config.precision == "float16")
        self.step, self._losses = 0, []
        if resumed:
            self.step = load_training_state(last, self._optimizer, self._scheduler)[0]
            _logger.info("Going on from %d updates.", self.step)

    def update(self, parts: Sequence[Arrays]) -> float:
        """One update over some batches; its mean loss."""
        torch, config = self._torch, self._config
        self.policy.train()
        total = 0.0
        kind = torch.device(config.device).type
        for part in parts:
            with torch.autocast(kind, getattr(torch, config.precision), enabled=config.precision != "float32"):
                loss, _ = self.policy.forward(self.before(self._tensors(part)))
            self._scaler.scale(loss / len(parts)).backward()
            total += float(loss.detach()) / len(parts)
        if not np.isfinite(total):
            raise SimError(f"The loss left the finite numbers at update {self.step + 1}: lower --learning-rate.")
        self._scaler.unscale_(self._optimizer)
        limit = self._clip if self._clip > 0 else float("inf")
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), limit)
        self._scaler.step(self._optimizer)
        self._scaler.update()
        self._optimizer.zero_grad()
        if self._scheduler is not None:
            self._scheduler.step()
        if hasattr(self.policy, "update"):
            self.policy.update()
        self.step += 1
        self._losses.append(total)
        return total

    def _tensors(self, batch: Arrays) -> dict[str, Any]:
        """As LeRobot's loader gives them: float32, images (…, 3, h, w) in [0, 1], masks named after LeRobot."""
        found: dict[str, Any] = {}
        for key, value in batch.items():
            if key == "task":
                found[key] = value
            elif value.dtype == np.uint8:
                found[key] = self._torch.from_numpy(value).movedim(-1, -3).to(self._torch.float32) / 255
            else:
                tensor = self._torch.from_numpy(np.ascontiguousarray(value))
                found[key] = tensor if value.dtype == np.bool_ else tensor.to(self._torch.float32)
        return found

    def log(self) -> dict[str, float]:
        """Writes one line: mean loss since the last one, and the learning rate."""
        line = {
            "step": float(self.step),
            "loss": float(np.mean(self._losses)),
            "learning_rate": float(self._optimizer.param_groups[0]["lr"]),
        }
        self._losses = []
        self._write(line)
        return line

    def save(self) -> Path:
        """A checkpoint in LeRobot's layout, whole or not there."""
        from lerobot.common.train_utils import get_step_checkpoint_dir, save_checkpoint, update_last_checkpoint

        place: Path = get_step_checkpoint_dir(self.folder, self._config.steps, self.step)
        beside = place.with_name(f".{place.name}")
        shutil.rmtree(beside, ignore_errors=True)
        save_checkpoint(
            beside,
            self.step,
            self._pipeline,
            self.policy,
            self._optimizer,
            self._scheduler,
            self.before,
            self.after,
            num_processes=1,
            batch_size=self._config.batch_size,
        )
        shutil.rmtree(place, ignore_errors=True)
        beside.rename(place)
        update_last_checkpoint(place)
        return place

    def judge(self, checkpoint: Path, success: float) -> None:
        """Notes a checkpoint's success rate, and keeps a copy of the best one's policy."""
        best = max((line["success"] for line in read_log(self.folder) if "success" in line), default=-1.0)
        self._write({"step": float(self.step), "success": success})
        if success > best:
            beside = self.folder / f".{BEST}"
            shutil.rmtree(beside, ignore_errors=True)
            shutil.copytree(checkpoint / "pretrained_model", beside)
            shutil.rmtree(self.folder / BEST, ignore_errors=True)
            beside.rename(self.folder / BEST)

    def result(self) -> LeRobotTrainingResult:
        """What the folder holds now."""
        lines = read_log(self.folder)
        losses = [line["loss"] for line in lines if "loss" in line][-5:]
        rates = [line["success"] for line in lines if "success" in line]
        last = (self.folder / LAST).resolve() / "pretrained_model"
        best = self.folder / BEST if rates else last
        return LeRobotTrainingResult(last, best, float(np.mean(losses)), max(rates) if rates else None)

    def _write(self, line: Mapping[str, float]) -> None:
        with (self.folder / LOG).open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


def read_log(folder: Path) -> list[dict[str, float]]:
    """The lines of a run's log; a step that was done again after a kill counts as it was last.

    Raises:
        StorageError: A line is no JSON, the last one apart, which a kill may have torn.
    """
    path = folder / LOG
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    found: dict[tuple[float, bool], dict[str, float]] = {}
    for number, text in enumerate(lines):
        try:
            line: dict[str, float] = json.loads(text)
        except ValueError as error:
            if number + 1 == len(lines):
                continue
            raise StorageError(f"{path}: line {number + 1} is damaged.") from error
        found[line["step"], "success" in line] = line
    return [found[key] for key in sorted(found)]
