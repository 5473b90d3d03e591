"""A policy of LeRobot's that is being trained: network, processors, optimizer, and how they are kept in files."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportMissingTypeArgument=false
# torch's and lerobot's types are partly unknown

from __future__ import annotations

import json
import logging
import shutil
import socket
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim.errors import MissingExtraError, SimError, StorageError, unknown_name
from lerobot_sim.policies.lerobot import check_device
from lerobot_sim.policies.lerobot_files import check_files, folder_of
from lerobot_sim.spec import IMAGES

from .batches import Arrays, tensors_of
from .lerobot_setup import (
    PRECISIONS,
    LeRobotTrainingConfig,
    check_fit,
    choose_inputs,
    freeze,
    optimizer_of,
    policy_config_of,
    windows_of,
)

LAST = "checkpoints/last"
_BESIDE = "training_state/lerobot_sim.json"
_TIMEOUT_S = 20.0
_logger = logging.getLogger(__name__)


def preflight(config: LeRobotTrainingConfig) -> None:
    """Refuses what can be refused before LeRobot is loaded, which takes long.

    Raises:
        MissingExtraError: torch is not installed.
        InputError: A device that is not there, a precision or a checkpoint that cannot be.
        SimError: The hub cannot be reached.
    """
    if config.precision not in PRECISIONS:
        raise unknown_name("precision", config.precision, PRECISIONS)
    if config.pretrained:
        check_files(folder_of(config.pretrained, None))
    if config.device != "cpu":
        try:
            import torch
        except ImportError as error:
            raise MissingExtraError("torch", "lerobot", "Training a policy of LeRobot's") from error
        check_device(torch, config.device)


class Learner:
    """A policy with its optimizer, made anew or from a run's checkpoint.

    Args:
        dataset: The dataset's folder.
        config: What and how.
        last: A checkpoint of the run to go on from.

    Attributes:
        step: Updates done.
        losses: Of the updates since the last line of the log.
        windows: What the policy sees with each row.
        cameras: The pictures that it sees, by the dataset's keys.

    Raises:
        MissingExtraError: LeRobot is not installed.
        InputError: Settings, features or a device that do not fit.
        SimError: Weights that cannot be had.
    """

    def __init__(self, dataset: Path, config: LeRobotTrainingConfig, last: Path | None = None) -> None:
        preflight(config)
        try:
            import torch
            from lerobot.common.train_utils import load_training_state
            from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata
            from lerobot.optim.factory import make_optimizer_and_scheduler
            from lerobot.policies.factory import make_policy, make_pre_post_processors
            from lerobot.utils.random_utils import set_seed
        except ImportError as error:
            raise MissingExtraError("lerobot", "lerobot", "Training a policy of LeRobot's") from error
        self._torch, self._config = torch, config
        set_seed(config.seed)
        meta: Any = LeRobotDatasetMetadata(f"local/{dataset.name}", root=dataset)
        pretrained = last / "pretrained_model" if last else None
        policy_config = policy_config_of(config, pretrained)
        choose_inputs(policy_config, meta, config.cameras)
        check_fit(policy_config)
        with redirect_stdout(sys.stderr), _weights_had(config.policy):  # LeRobot prints; stdout is the command's
            self.policy: Any = make_policy(policy_config, ds_meta=meta)
        self.windows = windows_of(policy_config)
        self.cameras = [key for key in policy_config.input_features if key.startswith(IMAGES)]
        options: dict[str, Any] = {"dataset_stats": meta.stats}
        if pretrained:
            device = {"device_processor": {"device": config.device}}
            options = {"pretrained_path": str(pretrained), "preprocessor_overrides": device}
        self.before, self.after = make_pre_post_processors(policy_config, **options)
        freeze(self.policy, config.freeze)
        self._pipeline = self._pipeline_of(dataset, policy_config)
        self._optimizer, self._scheduler = make_optimizer_and_scheduler(self._pipeline, self.policy)
        self._clip = float(self._pipeline.optimizer.grad_clip_norm)
        kind = torch.device(config.device).type
        self._scaler: Any = torch.amp.grad_scaler.GradScaler(kind, enabled=config.precision == "float16")
        self.step, self.losses = 0, list[float]()
        if last:
            self.step = load_training_state(last, self._optimizer, self._scheduler)[0]
            self._load_beside(last)
            _logger.info("Going on from %d updates.", self.step)

    def _pipeline_of(self, dataset: Path, policy_config: Any) -> Any:
        """The run as `lerobot-train` would have it; it is kept with the checkpoint."""
        from lerobot.configs.default import DatasetConfig
        from lerobot.configs.train import TrainPipelineConfig

        config = self._config
        return TrainPipelineConfig(
            dataset=DatasetConfig(repo_id=f"local/{dataset.name}", root=str(dataset), video_backend="pyav"),
            policy=policy_config,
            steps=config.steps,
            batch_size=config.batch_size,
            seed=config.seed,
            save_freq=config.save_every,
            optimizer=optimizer_of(policy_config, config.learning_rate),
            scheduler=policy_config.get_scheduler_preset(),
        )

    def update(self, parts: Sequence[Arrays]) -> float:
        """One update over some batches; its mean loss.

        Raises:
            SimError: The loss is not finite.
        """
        torch, config = self._torch, self._config
        self.policy.train()
        total = 0.0
        kind = torch.device(config.device).type
        for part in parts:
            tensors = self.before(tensors_of(part, config.device))
            with torch.autocast(kind, getattr(torch, config.precision), enabled=config.precision != "float32"):
                loss, _ = self.policy.forward(tensors)
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
        self.losses.append(total)
        return total

    @property
    def learning_rate(self) -> float:
        """Of the first group of parameters."""
        return float(self._optimizer.param_groups[0]["lr"])

    def save(self, folder: Path) -> Path:
        """A checkpoint in LeRobot's layout below a run's folder, whole or not there."""
        from lerobot.common.train_utils import get_step_checkpoint_dir, save_checkpoint

        place: Path = get_step_checkpoint_dir(folder, self._config.steps, self.step)
        beside = place.with_name(f".{place.name}")
        shutil.rmtree(beside, ignore_errors=True)
        self._pipeline.output_dir = folder
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
        self._save_beside(beside)
        shutil.rmtree(place, ignore_errors=True)
        beside.rename(place)
        link = folder / f"{LAST}.new"
        link.unlink(missing_ok=True)
        link.symlink_to(place.name)
        link.replace(folder / LAST)
        return place

    def _save_beside(self, checkpoint: Path) -> None:
        """What LeRobot's checkpoint leaves out and going on exactly needs."""
        counters = {
            name: module.optimized_steps
            for name, module in self.policy.named_modules()
            if isinstance(getattr(module, "optimized_steps", None), int)  # VQ-BeT's, which ends its first phase
        }
        kept = {"losses": self.losses, "scaler": self._scaler.state_dict(), "optimized_steps": counters}
        (checkpoint / _BESIDE).write_text(json.dumps(kept), encoding="utf-8")

    def _load_beside(self, checkpoint: Path) -> None:
        path = checkpoint / _BESIDE
        if not path.exists():  # of an earlier version, or lerobot-train's
            return
        try:
            kept: Any = json.loads(path.read_text(encoding="utf-8"))
            self.losses = list(kept["losses"])
            if kept["scaler"]:
                self._scaler.load_state_dict(kept["scaler"])
            for name, count in kept["optimized_steps"].items():
                self.policy.get_submodule(name).optimized_steps = count
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StorageError(f"{path} is damaged: {error!r}. Delete the folder {checkpoint} to go back.") from error


@contextmanager
def _weights_had(policy: str) -> Generator[None]:
    """Within it, weights that cannot be downloaded are told of, and soon; so are packages that are missing."""
    from torch.hub import get_dir

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_TIMEOUT_S)
    try:
        yield
    except ImportError as error:
        raise SimError(f"'{policy}' needs a package that is not installed: {error}") from error
    except OSError as error:
        if isinstance(error, SimError):
            raise
        words = (str(error) or repr(error)).splitlines()[0]
        raise SimError(
            f"Weights that '{policy}' begins from could not be had ({words}). "
            "Give --policy.pretrained_backbone_weights=null to begin from random ones, put the file into "
            f"{Path(get_dir()) / 'checkpoints'}, or give --pretrained the path of a checkpoint."
        ) from error
    finally:
        socket.setdefaulttimeout(before)
