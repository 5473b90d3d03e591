"""`lerobot-sim train`: the student, trained on a dataset's demonstrations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import CommonOptions, at_least, output_folder, read

ABOUT = """Train the student, a small NumPy network, on a LeRobot dataset by behavioral cloning.

The best checkpoint is kept as best_policy.npz. Training that was interrupted goes on from its last saved
state, to the same weights."""


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

    output_dir: Path | None = None
    """Folder of the checkpoint. (default: outputs/<task>)"""

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
    from lerobot_sim import registry
    from lerobot_sim.datasets.reader import read_columns, read_sidecar
    from lerobot_sim.training.behavior_cloning import TrainingConfig, train_student

    from .run_folder import RunFolder

    sidecar = read_sidecar(options.dataset)
    env = registry.make(sidecar.env_id)
    spec = env.spec
    env.close()
    root = output_folder(options.output_dir, spec.id)
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
        "dataset_episodes": sidecar.num_episodes,
        "dataset_policy": sidecar.settings.get("policy"),
        "dataset_seed": sidecar.settings.get("seed"),
    }
    products = ("best_policy.npz", "training_state.npz")
    with RunFolder(root, "train", settings, overwrite=options.overwrite, products=products) as folder:
        checkpoint = root / "best_policy.npz"
        if folder.result and checkpoint.exists():
            console.say(f"Trained already, with these settings: {checkpoint}")
            return folder.result
        columns = read_columns(options.dataset, [*spec.observation, "action"])
        observations = [columns[name] for name in spec.observation]
        with console.progress("Training", options.steps, "updates") as advance:
            ...
    return {}
