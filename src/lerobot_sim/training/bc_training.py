r"""Training of `bc`: AdamW on the distance to the demonstrations' chunks, with evaluation in the loop.

The loss of a batch is the mean over all actions within their episode of |predicted - shown|, both normalised (L1: Zhao
et al. 2023, table III). The learning rate rises for the first 2% and then falls along half a cosine to 0.

A run's folder holds `last` and `best` (policies), `training_state.safetensors` (weights, moments, step) and
`log.jsonl`. Weights, order and shifts of the pictures are functions of the seed and the step: a run that was
interrupted or killed goes on from its last state, and ends, on the same machine, in the same bytes.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# torch's types are partly unknown

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.datasets.files import make_folder, write_whole
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.errors import InputError, SimError, StorageError
from lerobot_sim.policies import bc
from lerobot_sim.policies.bc_config import CONFIG, WEIGHTS, BCConfig, bc_folder, settings_from
from lerobot_sim.policies.threads import one_torch_thread

from .bc_data import check_dataset, config_of, digest, training_batches
from .interrupts import held_interrupts
from .lerobot_setup import freeze
from .training_log import LOG, add_line, cut_log, read_log

LAST, BEST, STATE_FILE = "last", "best", "training_state.safetensors"
BATCH_SIZE, LEARNING_RATE = 64, 1e-3
_WARM_UP = 0.02
_CLIP = 10.0
_MOMENTS = ("exp_avg", "exp_avg_sq")

Batch = dict[str, NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class BCTrainingConfig:
    """What a run is; all settings but those from `device` to `prefetch` make it another one.

    Attributes:
        settings: Of the policy, by the names of `BCSettings`.
        steps: Updates.
        batch_size: Rows a forward pass.
        accumulate: Forward passes an update.
        learning_rate: AdamW's highest.
        pretrained: A `bc` policy's folder to begin from, which brings its settings, words and normalisation.
        freeze: Patterns of parameters' names that stay as they are, such as "eyes.*".
        seed: Of weights, order of the rows and shifts of the pictures.
        cameras: What it sees; all of the dataset's by default.
        save_every: Updates between checkpoints.
        device: "cpu", "cuda" …
        log_every: Updates between lines of the log.
        save_every_s: Seconds between two savings of the state, beside those at checkpoints.
        cache_bytes: Memory for decoded frames.
        workers: Threads that make batches.
        prefetch: Batches that are made ahead.
        env: Id and version of the environment that the dataset was made with, where they are known.
    """

    settings: Mapping[str, Any] = field(default_factory=dict[str, Any])
    steps: int = 5000
    batch_size: int = BATCH_SIZE
    accumulate: int = 1
    learning_rate: float = LEARNING_RATE
    pretrained: str = ""
    freeze: Sequence[str] = ()
    seed: int = 0
    cameras: Sequence[str] | None = None
    save_every: int = 1000
    device: str = "cpu"
    log_every: int = 50
    save_every_s: float = 30.0
    cache_bytes: int = 1 << 30
    workers: int = 1
    prefetch: int = 2
    env: tuple[str, int] = ("", 0)

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "accumulate", "save_every", "log_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, {getattr(self, name)} came.")
        if not self.learning_rate > 0:
            raise InputError(f"learning_rate: expected one above 0, {self.learning_rate} came.")


@dataclass(frozen=True)
class BCTrainingResult:
    """What a run came to.

    Attributes:
        checkpoint: The last policy's folder.
        best: That of the one with the most successes, the later of equals; the last one's where none was evaluated.
        loss: Mean over the last lines of the log.
        success: The best one's rate; None where none was evaluated.
        step: Updates of the best one.
    """

    checkpoint: Path
    best: Path
    loss: float
    success: float | None
    step: int


def train(
    dataset: Path,
    folder: Path,
    config: BCTrainingConfig,
    *,
    evaluate: Callable[[int, Path], float] | None = None,
    on_step: Callable[[int, float], None] | None = None,
    on_log: Callable[[Mapping[str, float]], None] | None = None,
) -> BCTrainingResult:
    """Trains, or goes on from the folder's state.

    Args:
        dataset: The dataset's folder.
        folder: Where policies, state and log go.
        config: What and how.
        evaluate: (step, policy's folder) -> success rate; asked at every checkpoint.
        on_step: Called with (updates done, loss) after each update.
        on_log: Called with each line of the log.

    Raises:
        MissingExtraError: torch is not installed.
        InputError: Settings, features or a device that do not fit.
        StorageError: The folder's state is damaged or of another run.
        SimError: The loss left the finite numbers.
        KeyboardInterrupt: Passed on; the state is saved.
    """
    policy_config = _config_for(dataset, config)
    with FrameReader(dataset, policy_config.cameras, cache_bytes=config.cache_bytes) as reader:
        with one_torch_thread(not policy_config.cameras):
            run = _Run(reader, folder, config, policy_config)
        while True:
            if evaluate and run.is_due():
                run.judge(evaluate(run.step, folder / LAST))  # Ctrl-C is free to break it off: all is saved
            if run.step >= config.steps:
                return run.result()
            with one_torch_thread(not policy_config.cameras):
                _learn(run, reader, on_step, on_log)


def check(dataset: Path, config: BCTrainingConfig) -> BCConfig:
    """What a run's policy reads; refuses what cannot be trained before anything is written.

    Raises:
        MissingExtraError: torch is not installed.
        InputError: Settings, features or a device that do not fit.
    """
    policy = _config_for(dataset, config)
    _new_network(policy, config)
    return policy


def learning_rate_at(config: BCTrainingConfig, step: int) -> float:
    """Highest rate times min(1, (step + 1) / (0.02 steps)) (1 + cos(pi step / steps)) / 2."""
    rise = min(1.0, (step + 1) / max(1.0, _WARM_UP * config.steps))
    return config.learning_rate * rise * 0.5 * (1 + math.cos(math.pi * step / config.steps))


def _learn(
    run: _Run,
    reader: FrameReader,
    on_step: Callable[[int, float], None] | None,
    on_log: Callable[[Mapping[str, float]], None] | None,
) -> None:
    """Updates up to the next checkpoint, which is saved; Ctrl-C waits until an update is whole."""
    config = run.config
    stop = min(config.steps, (run.step // config.save_every + 1) * config.save_every)
    first = run.step * config.accumulate
    saved_at = time.monotonic()
    source: Generator[Batch] = training_batches(
        reader, run.policy, config.batch_size, config.seed, first, config.prefetch, config.workers
    )
    with closing(source), held_interrupts() as interrupted:
        while run.step < stop:
            loss = run.update([next(source) for _ in range(config.accumulate)])
            if run.step % config.log_every == 0 or run.step == stop:
                line = run.log()
                if on_log:
                    on_log(line)
            if on_step:
                on_step(run.step, loss)
            if run.step == stop or interrupted() or time.monotonic() - saved_at >= config.save_every_s:
                run.save()
                saved_at = time.monotonic()
            if interrupted():
                raise KeyboardInterrupt


def _config_for(dataset: Path, config: BCTrainingConfig) -> BCConfig:
    with FrameReader(dataset, [], cache_bytes=config.cache_bytes) as reader:
        return _policy_config(reader, config)


def _new_network(policy: BCConfig, config: BCTrainingConfig) -> Any:
    """The network that a run begins with, its frozen parts taken out of training."""
    network = bc.new_network(policy, config.device, config.seed)
    if config.pretrained:
        place = bc_folder(Path(config.pretrained))
        assert place is not None  # it was read
        network.load_state_dict(bc.load(place, config.device)[1].state_dict())
    freeze(network, config.freeze)
    return network


def _policy_config(reader: FrameReader, config: BCTrainingConfig) -> BCConfig:
    """What the policy reads: of the one to begin from, or of the dataset."""
    env_id, version = config.env
    if not config.pretrained:
        settings = settings_from(config.settings)
        return config_of(reader, settings, cameras=config.cameras, env_id=env_id, env_version=version)
    place = bc_folder(Path(config.pretrained))
    if place is None:
        raise InputError(f"--pretrained: {config.pretrained} holds no 'bc' policy ({CONFIG} and {WEIGHTS}).")
    found = bc.read_config(place)
    changed = [name for name, value in config.settings.items() if getattr(found.settings, name, None) != value]
    if changed or (config.cameras is not None and list(config.cameras) != list(found.cameras)):
        what = ", ".join(changed) or "cameras"
        raise InputError(f"{config.pretrained} was made with other {what}: leave that out, or leave out --pretrained.")
    check_dataset(reader, found)
    return found


class _Run:
    """Network, optimizer and files of one run."""

    def __init__(self, reader: FrameReader, folder: Path, config: BCTrainingConfig, policy: BCConfig) -> None:
        self.config, self.policy, self.folder = config, policy, folder
        self.network = _new_network(policy, config)
        import torch

        self._torch = torch
        self._named = {name: value for name, value in self.network.named_parameters() if value.requires_grad}
        decay = config.settings.get("weight_decay", policy.settings.weight_decay)
        self._optimizer = torch.optim.AdamW(self._named.values(), lr=config.learning_rate, weight_decay=decay)
        self.step = 0
        self._losses: list[float] = []
        self._digest = digest(reader, policy)
        if (folder / STATE_FILE).exists():
            self._restore(folder / STATE_FILE)
        make_folder(folder, sync=False)
        cut_log(folder / LOG, self.step)

    def update(self, batches: Sequence[Batch]) -> float:
        """One update on the mean gradient of some batches; their mean loss."""
        torch = self._torch
        self.network.train()
        losses: list[float] = []
        for batch in batches:
            device = self.config.device
            predicted = self.network(*bc.tensors(self.policy, batch, device))
            shown, weight = (torch.from_numpy(batch[name]).to(device) for name in ("action", "weight"))
            error = (predicted - shown).abs().mean(dim=2)
            loss = (error * weight).sum() / weight.sum()
            (loss / len(batches)).backward()
            losses.append(float(loss.detach()))
        mean = float(np.mean(losses))
        if not math.isfinite(mean):
            raise SimError(f"The loss left the finite numbers at update {self.step + 1}: lower --learning-rate.")
        torch.nn.utils.clip_grad_norm_(self._named.values(), _CLIP)
        self._optimizer.param_groups[0]["lr"] = learning_rate_at(self.config, self.step)
        self._optimizer.step()
        self._optimizer.zero_grad()
        self.step += 1
        self._losses.append(mean)
        return mean

    def log(self) -> dict[str, float]:
        """Writes one line: mean loss since the last one, and the learning rate."""
        rate = float(self._optimizer.param_groups[0]["lr"])
        line = {"step": float(self.step), "loss": float(np.mean(self._losses)), "learning_rate": rate}
        self._losses = []
        add_line(self.folder / LOG, line)
        return line

    def is_due(self) -> bool:
        """Whether the present weights are a checkpoint's that was not evaluated."""
        at_checkpoint = self.step > 0 and (self.step % self.config.save_every == 0 or self.step == self.config.steps)
        lines = read_log(self.folder / LOG)
        return at_checkpoint and not any("success" in line and line["step"] == self.step for line in lines)

    def judge(self, success: float) -> None:
        """Notes the success rate of the present weights, and keeps them where no earlier ones had more."""
        path = self.folder / LOG
        before = max((line["success"] for line in read_log(path) if "success" in line), default=0.0)
        if success >= before:
            bc.save(self.folder / BEST, self.policy, self.network)
        add_line(path, {"step": float(self.step), "success": success})

    def result(self) -> BCTrainingResult:
        """What the folder holds now."""
        lines = read_log(self.folder / LOG)
        losses = [line["loss"] for line in lines if "loss" in line][-5:]
        scores = [(line["success"], int(line["step"])) for line in lines if "success" in line]
        last = self.folder / LAST
        if not scores:
            return BCTrainingResult(last, last, float(np.mean(losses)), None, self.step)
        success, step = max(scores)
        return BCTrainingResult(last, self.folder / BEST, float(np.mean(losses)), success, step)

    def save(self) -> None:
        """The policy as `last`, and all that is needed to go on."""
        from safetensors.torch import save

        bc.save(self.folder / LAST, self.policy, self.network)
        arrays = {f"weights/{name}": value for name, value in self.network.state_dict().items()}
        for name, value in self._named.items():
            kept = self._optimizer.state[value]
            arrays |= {f"{moment}/{name}": kept[moment] for moment in _MOMENTS}
        about = {"step": self.step, "losses": self._losses, "made_with": self._made_with()}
        arrays = {name: value.detach().cpu().contiguous() for name, value in arrays.items()}
        write_whole(self.folder / STATE_FILE, save(arrays, {"run": json.dumps(about)}), sync=True)

    def _restore(self, path: Path) -> None:
        from safetensors import SafetensorError, safe_open

        try:
            with safe_open(path, framework="pt") as file:
                about = json.loads(file.metadata()["run"])
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  no mapping
            if about["made_with"] != self._made_with():
                raise StorageError(f"'{path}' is of a training with other settings or data. Remove it to begin anew.")
            self.network.load_state_dict({name: arrays[f"weights/{name}"] for name in self.network.state_dict()})
            for name, value in self._named.items():
                moments = {moment: arrays[f"{moment}/{name}"].to(value.device) for moment in _MOMENTS}
                self._optimizer.state[value] = {"step": self._torch.tensor(float(about["step"])), **moments}
            self.step, self._losses = int(about["step"]), list(about["losses"])
        except (OSError, KeyError, TypeError, ValueError, RuntimeError, SafetensorError) as error:
            if isinstance(error, StorageError):
                raise
            raise StorageError(f"'{path}' is damaged ({error}). Remove it to begin anew.") from error

    def _made_with(self) -> str:
        return json.dumps({**identity(self.config), "demonstrations": self._digest})


_MAY_CHANGE = ("device", "log_every", "save_every_s", "cache_bytes", "workers", "prefetch")


def identity(config: BCTrainingConfig) -> dict[str, Any]:
    """What makes a run this one and no other, JSON-ready."""
    return {name: value for name, value in asdict(config).items() if name not in _MAY_CHANGE}
