r"""Behavior cloning: the student learns to give the demonstrations' action for the demonstrations' observation.

A step draws a batch of rows at random, computes the gradient of their mean squared error (`gradients`) and moves
the weights by Adam (`adam`). What is learned from is normalised: observations to mean 0 and deviation 1, actions to
[-1, 1] between their bounds. The learning rate falls along half a cosine from `learning_rate` to
`final_learning_rate`.

Which rows are drawn is a pure function of the seed and the step, and so are the first weights. Together with the
saved state, a training that was interrupted goes on as if it had not been, bit for bit.

**Which checkpoint is kept.** The loss of one batch of 32 is mostly luck: the lowest of thousands is that of an
easy batch. Every `evaluate_every` steps, and at the end, the loss of the same `evaluation_rows` rows, spread evenly
over the demonstrations, is computed instead, and the weights with the lowest are kept. Where checkpoints are scored on
episodes, those with the most successes are kept instead, the later of equals.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim import rng
from lerobot_sim.errors import InputError, SimError, StorageError
from lerobot_sim.policies.mlp import MLPPolicy
from lerobot_sim.policies.network import forward, views, xavier_uniform
from lerobot_sim.policies.npz import read_npz, write_npz
from lerobot_sim.policies.threads import one_blas_thread
from lerobot_sim.spec import EnvSpec

from .adam import Adam
from .demonstrations import Demonstrations, normalise
from .gradients import BatchGradient
from .interrupts import free_interrupts, held_interrupts

CHECKPOINT = "best_policy.npz"
SCORED = "scored_policy.npz"
STATE_FILE = "training_state.npz"

_DRAWN_AT_ONCE = 256  # steps' row indices in one call, which costs about 0.2 ms however few they are
_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How the student is trained.

    Attributes:
        steps: Updates of the weights.
        batch_size: Rows an update.
        hidden_dim: Units of each hidden layer.
        learning_rate: Adam's at the first step.
        final_learning_rate: Adam's after the last.
        beta_1: Decay of Adam's first moment.
        beta_2: Decay of its second.
        epsilon: Adam's guard against division by 0.
        seed: Of the first weights and of the rows drawn.
        evaluate_every: Steps between two looks at whether the weights are the best so far.
        evaluation_rows: Rows that such a look takes at most.
        save_every_s: Seconds between two savings of the state.
        score_every: Steps between two scores on episodes, where there are any.
    """

    steps: int = 5000
    batch_size: int = 32
    hidden_dim: int = 256
    learning_rate: float = 1e-3
    final_learning_rate: float = 0.0
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-8
    seed: int = 0
    evaluate_every: int = 250
    evaluation_rows: int = 2048
    save_every_s: float = 10.0
    score_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("steps", "batch_size", "hidden_dim", "evaluate_every", "evaluation_rows", "score_every"):
            if getattr(self, name) < 1:
                raise InputError(f"{name}: expected at least 1, {getattr(self, name)} came.")
        if not (self.learning_rate > 0 and 0 <= self.final_learning_rate <= self.learning_rate):
            raise InputError(
                "learning_rate: expected one above 0 and a final_learning_rate from 0 to it, "
                f"{self.learning_rate} and {self.final_learning_rate} came."
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingResult:
    """What a training led to.

    Attributes:
        policy: With the best weights.
        best_loss: Mean squared error of the evaluation rows, of actions scaled to [-1, 1].
        best_step: Number of updates after which the weights were best.
        losses: float32 (steps,): the loss of each step's batch, before its update.
        success: Rate of the best weights; None where none were scored on episodes.
    """

    policy: MLPPolicy
    best_loss: float
    best_step: int
    losses: NDArray[np.float32]
    success: float | None = None


def train(
    observations: NDArray[Any],
    actions: NDArray[Any],
    config: TrainingConfig,
    *,
    spec: EnvSpec,
    folder: Path | None = None,
    on_step: Callable[[int, float], None] | None = None,
    evaluate: Callable[[int, Path], float] | None = None,
) -> TrainingResult:
    """Trains a student on rows of demonstrations.

    Args:
        observations: (N, S) rows: `observation.state`, then `observation.environment_state` where there is one.
        actions: (N, A), what the demonstrator did at each.
        config: How.
        spec: The environment's, for the sizes and the action's bounds.
        folder: Where `training_state.npz` is kept while training, and `best_policy.npz` is left. A state that is
            found there, of the same config and data, is gone on from.
        on_step: Called with (step, loss of its batch) after each update; step counts from 0.
        evaluate: (updates done, checkpoint's file) -> success rate; asked every `score_every` steps and at the end.
            It needs a folder.

    Raises:
        ArrayError, InputError: Data that do not fit the spec, are empty or not finite.
        StorageError: The folder cannot be written, or its state belongs to other settings or data.
        SimError: The loss left the finite numbers.
        KeyboardInterrupt: Passed on; the state is saved.
    """
    data = normalise(observations, actions, spec)
    training = _Training(data, config)
    path = folder / STATE_FILE if folder else None
    if path and path.exists():
        training.restore(path)
    score = _scorer(training, spec, folder, evaluate) if folder and evaluate else None
    with one_blas_thread():
        _run(training, path, on_step, score)
    policy = _policy(training, training.best, spec)
    if folder and path:
        policy.save(folder / CHECKPOINT)
        path.unlink(missing_ok=True)
        (folder / SCORED).unlink(missing_ok=True)
    return TrainingResult(
        policy=policy,
        best_loss=training.best_loss,
        best_step=training.best_step,
        losses=training.losses,
        success=training.best_success if score else None,
    )


def learning_rate_at(config: TrainingConfig, step: int) -> float:
    """final + (first - final) (1 + cos(pi step / steps)) / 2."""
    span = config.learning_rate - config.final_learning_rate
    return config.final_learning_rate + span * 0.5 * (1 + math.cos(math.pi * step / config.steps))


class _Training:
    """Weights, moments, losses and the best so far: all that a training needs to go on."""

    def __init__(self, data: Demonstrations, config: TrainingConfig) -> None:
        self.data, self.config = data, config
        self.sizes = (data.inputs.shape[1], config.hidden_dim, data.wanted.shape[1])
        self.weights = xavier_uniform(*self.sizes, seed=config.seed)
        self.adam = Adam(self.weights, beta_1=config.beta_1, beta_2=config.beta_2, epsilon=config.epsilon)
        self.step = 0
        self.losses = np.zeros(config.steps, np.float32)
        self.best = self.weights.copy()
        self.best_loss, self.best_step = math.inf, 0
        self.best_success = -1.0
        self.judged = 0
        """The last step whose weights were scored."""
        self._gradient = BatchGradient(self.weights, self.sizes, config.batch_size)
        self._rows: NDArray[np.int64] = np.zeros((0, config.batch_size), np.int64)
        every = max(1, len(data.inputs) // config.evaluation_rows)
        chosen = slice(0, every * config.evaluation_rows, every)
        self._probe = data.inputs[chosen], data.wanted[chosen]

    def update(self) -> float:
        """One step; the loss of its batch."""
        rows, gradient = self._draw(), self._gradient
        self.data.inputs.take(rows, axis=0, out=gradient.inputs, mode="clip")  # "clip" needs no copy; all are within
        self.data.wanted.take(rows, axis=0, out=gradient.wanted, mode="clip")
        loss = gradient.compute()
        if not math.isfinite(loss):
            raise SimError(
                f"The loss became {loss} at step {self.step}: the learning rate {self.config.learning_rate} is too "
                f"high for these data. The usual one is 0.001."
            )
        self.adam.step(gradient.flat, learning_rate_at(self.config, self.step))
        self.losses[self.step] = loss
        self.step += 1
        if self.step % self.config.evaluate_every == 0 or self.step == self.config.steps:
            self._keep_if_best()
        return loss

    def _draw(self) -> NDArray[np.int64]:
        """The rows of this step: word of Philox's (seed, stream, step) scaled to the number of rows."""
        offset = self.step % _DRAWN_AT_ONCE
        if offset == 0 or not len(self._rows):
            steps = np.arange(self.step - offset, self.step - offset + _DRAWN_AT_ONCE)
            seeds = np.full(len(steps), self.config.seed)
            shape = (self.config.batch_size,)
            self._rows = rng.integers(seeds, "behavior-cloning/rows", steps, shape=shape, below=len(self.data.inputs))
        return self._rows[offset]

    def _keep_if_best(self) -> None:
        loss = self._probe_loss()
        if loss < self.best_loss and self.best_success < 0:
            self._keep(loss)

    def judge(self, success: float) -> None:
        """Keeps the present weights where none before had a higher rate of success."""
        self.judged = self.step
        if success >= self.best_success:
            self.best_success = success
            self._keep(self._probe_loss())

    def _probe_loss(self) -> float:
        inputs, wanted = self._probe
        error = forward(views(self.weights, *self.sizes), inputs) - wanted
        return float(np.mean(np.square(error), dtype=np.float64))

    def _keep(self, loss: float) -> None:
        self.best[:] = self.weights
        self.best_loss, self.best_step = loss, self.step

    def save(self, path: Path) -> None:
        arrays = {"weights": self.weights, "first": self.adam.first, "second": self.adam.second, "best": self.best}
        numbers = {"step": self.step, "best_loss": self.best_loss, "best_step": self.best_step}
        numbers |= {"best_success": self.best_success, "judged": self.judged}
        write_npz(path, {**arrays, **numbers, "losses": self.losses[: self.step], "made_with": self._made_with()})

    def restore(self, path: Path) -> None:
        """Goes on from a saved state.

        Raises:
            StorageError: It is damaged, or of other settings or data.
        """
        mend = f"Remove '{path}' to begin anew."
        stored = read_npz(path, "training state")
        names = ("weights", "first", "second", "best", "step", "best_loss", "best_step", "losses", "made_with")
        missing = [name for name in names if name not in stored]
        if missing:
            raise StorageError(f"'{path}' is no training state, it lacks {', '.join(missing)}. {mend}")
        was, now = str(stored["made_with"]), self._made_with()
        if was != now:
            raise StorageError(f"'{path}' is of a training with other {_differences(was, now)}. {mend}")
        targets = (self.weights, self.adam.first, self.adam.second, self.best)
        step = int(stored["step"])
        if any(stored[name].shape != self.weights.shape for name in names[:4]) or stored["losses"].shape != (step,):
            raise StorageError(f"'{path}' is damaged: its arrays have other shapes than its settings ask for. {mend}")
        for target, name in zip(targets, names, strict=False):
            target[:] = stored[name]
        self.step = self.adam.t = step
        self.losses[:step] = stored["losses"]
        self.best_loss, self.best_step = float(stored["best_loss"]), int(stored["best_step"])
        self.best_success = float(stored.get("best_success", -1.0))
        self.judged = int(stored.get("judged", step))
        _logger.info("Going on from step %d of %d (%s).", step, self.config.steps, path)

    def _made_with(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        digest.update(repr(self.data.inputs.shape + self.data.wanted.shape).encode())
        digest.update(self.data.inputs.tobytes())
        digest.update(self.data.wanted.tobytes())
        settings = asdict(self.config)
        settings.pop("save_every_s")
        settings.pop("score_every")
        return json.dumps({**settings, "demonstrations": digest.hexdigest()})


def _scorer(
    training: _Training, spec: EnvSpec, folder: Path, evaluate: Callable[[int, Path], float]
) -> Callable[[], None]:
    """What scores the present weights."""

    def score() -> None:
        _policy(training, training.weights, spec).save(folder / SCORED)
        training.judge(evaluate(training.step, folder / SCORED))

    return score


def _run(
    training: _Training,
    path: Path | None,
    on_step: Callable[[int, float], None] | None,
    score: Callable[[], None] | None,
) -> None:
    """All steps that are left; the state is saved now and then, and between two steps when one is interrupted."""
    config, saved_at = training.config, time.monotonic()

    def score_if_due() -> None:
        due = training.step == config.steps or training.step % config.score_every == 0
        if score and due and training.judged < training.step:
            with free_interrupts():
                score()

    with held_interrupts() as interrupted:
        try:
            score_if_due()  # Ctrl-C came between
            while training.step < config.steps:
                loss = training.update()
                score_if_due()
                if on_step:
                    on_step(training.step - 1, loss)
                if interrupted():
                    raise KeyboardInterrupt
                if path and time.monotonic() - saved_at >= config.save_every_s:
                    training.save(path)
                    saved_at = time.monotonic()
        except KeyboardInterrupt:
            if path:
                training.save(path)
            raise


def _policy(training: _Training, weights: NDArray[np.float32], spec: EnvSpec) -> MLPPolicy:
    data = training.data
    summary = asdict(training.config) | {"rows": len(data.inputs), "best_loss": training.best_loss}
    return MLPPolicy(
        weights=views(weights.copy(), *training.sizes),
        mean=data.mean,
        std=data.std,
        action_low=data.low,
        action_high=data.high,
        env_id=spec.id,
        env_version=spec.version,
        summary={**summary, "best_step": training.best_step},
    )


def _differences(was: str, now: str) -> str:
    """Names of what two records of settings differ in."""
    try:
        before: dict[str, Any] = json.loads(was)
    except ValueError:
        return "settings"
    after: dict[str, Any] = json.loads(now)
    return ", ".join(key for key in after if before.get(key) != after[key]) or "settings"
