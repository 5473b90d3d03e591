"""`lerobot-sim train`: the student, trained on a dataset's demonstrations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import CommonOptions, at_least, filled, read

ABOUT = """Train the student, a small NumPy network, on a LeRobot dataset by behavior cloning.

The best checkpoint is kept as best_policy.npz. Training that was interrupted goes on
from its last saved state, to the same weights.

example:
  lerobot-sim train --dataset outputs/push-t/dataset --steps 5000"""

_BAR_STEP = 50


@dataclass(kw_only=True)
class TrainOptions(CommonOptions):
    """Options of `train`."""

    dataset: Path
    """Folder of the dataset, as `lerobot-sim collect` makes it."""

    steps: int = 5000
    """Updates, each on --batch-size rows."""

    batch_size: int = 32
    """Rows an update."""

    hidden_dim: int = 256
    """Width of the two hidden layers."""

    learning_rate: float = 1e-3
    """Adam's step size at the start; it decays from there."""

    output_dir: Path = Path("outputs/<task>")
    """Folder of the checkpoint."""

    overwrite: bool = False
    """Replace a checkpoint that was trained with other settings."""

    log_every: int = 0
    """Print the loss every so many updates; 0 shows a progress bar instead."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and trains."""
    options = read(TrainOptions, "train", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    console.result(train(options, console))
    return 0


def train(options: TrainOptions, console: Any) -> dict[str, Any]:
    """Trains, or takes what was trained with the same settings on the same episodes."""
    at_least(1, steps=options.steps, batch_size=options.batch_size, hidden_dim=options.hidden_dim)
    at_least(0, seed=options.seed, log_every=options.log_every)
    import numpy as np

    from lerobot_sim import registry
    from lerobot_sim.datasets.origin import read_origin
    from lerobot_sim.datasets.reader import read_columns, read_info
    from lerobot_sim.training.behavior_cloning import CHECKPOINT, STATE_FILE, TrainingConfig
    from lerobot_sim.training.behavior_cloning import train as train_student

    from .run_folder import RunFolder

    origin = read_origin(options.dataset)
    env = registry.remake(origin.env_id, origin.env_options)
    spec = env.spec
    env.close()
    root = filled(options.output_dir, spec.id)
    config = TrainingConfig(
        steps=options.steps,
        batch_size=options.batch_size,
        hidden_dim=options.hidden_dim,
        learning_rate=options.learning_rate,
        seed=options.seed,
    )
    settings = {
        "env_id": spec.id,
        "env_version": spec.version,
        "steps": options.steps,
        "batch_size": options.batch_size,
        "hidden_dim": options.hidden_dim,
        "learning_rate": options.learning_rate,
        "seed": options.seed,
        "dataset_episodes": read_info(options.dataset).total_episodes,
        "dataset_policy": origin.settings.get("policy"),
        "dataset_seed": origin.settings.get("seed"),
    }
    products = (CHECKPOINT, STATE_FILE)
    with RunFolder(root, "train", settings, overwrite=options.overwrite, products=products) as folder:
        checkpoint = root / CHECKPOINT
        if folder.result and checkpoint.exists():
            console.say(f"Trained already, with these settings: {checkpoint}")
            return folder.result
        columns = read_columns(options.dataset, [*spec.observation, "action"])
        observations = np.concatenate([columns[name] for name in spec.observation], axis=1)
        with _watched(options, console) as on_step:
            trained = train_student(observations, columns["action"], config, spec=spec, folder=root, on_step=on_step)
        result = {
            "env_id": spec.id,
            "env_version": spec.version,
            "checkpoint": str(checkpoint),
            "best_loss": trained.best_loss,
            "best_step": trained.best_step,
            "rows": len(observations),
        }
        folder.finish(result)
    console.say(f"Checkpoint: {checkpoint} (loss {trained.best_loss:.6f} after {trained.best_step} updates)")
    return result


@contextlib.contextmanager
def _watched(options: TrainOptions, console: Any) -> Generator[Callable[[int, float], None]]:
    """What to call after each update: a progress bar, or a line every so many."""
    if not options.log_every:
        with console.progress("Training", options.steps, "updates") as show:

            def count(step: int, _loss: float) -> None:
                if (step + 1) % _BAR_STEP == 0 or step + 1 == options.steps:
                    show(step + 1)

            yield count
        return

    def line(step: int, loss: float) -> None:
        if step % options.log_every == 0:
            console.say(f"  [train] step {step:>5} | loss = {loss:.6f}")

    yield line
