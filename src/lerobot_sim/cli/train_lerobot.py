"""`lerobot-sim train --policy act`: LeRobot's policies, with our progress bar and scores."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError

from .options import at_least, filled, values_of
from .train import TrainOptions, require_dataset

BATCH_SIZE = 8

_MAY_CHANGE = ("steps", "device", "save_every", "log_every", "cache_bytes", "workers", "prefetch")
"""Settings with which a run may go on other than it began."""


def train_lerobot(options: TrainOptions, console: Any) -> dict[str, Any]:
    """Trains, or goes on; scores each checkpoint on held-out episodes and keeps the best."""
    at_least(1, steps=options.steps, accumulate=options.accumulate, save_every=options.save_every)
    at_least(0, seed=options.seed, batch_size=options.batch_size, eval_episodes=options.eval_episodes)
    at_least(0, workers=options.workers, prefetch=options.prefetch, cache_mb=options.cache_mb)
    require_dataset(options.dataset)
    from lerobot_sim.datasets.layout import read_info
    from lerobot_sim.policies.lerobot import check_features
    from lerobot_sim.training.lerobot_learner import LAST, Learner, preflight
    from lerobot_sim.training.lerobot_training import train

    from .run_folder import RunFolder
    from .train_loggers import PRODUCTS, check_logger, logger_of
    from .train_scores import FOLDER, Scores

    info = read_info(options.dataset)
    config = _config(options)
    preflight(config)
    kept = {name: value for name, value in asdict(config).items() if name not in _MAY_CHANGE}
    settings = {
        **kept,
        "dataset_episodes": info.total_episodes,
        "dataset_frames": info.total_frames,
        "env": options.env or None,
        "eval_protocol": options.eval_protocol or None,
    }
    products = ("checkpoints", "best", "log.jsonl", FOLDER, *PRODUCTS)
    with ExitStack() as stack:
        scores = Scores(options, console) if options.eval_episodes else None
        if scores is not None:
            stack.callback(scores.close)
        root = _root(options, scores)
        check_logger(options.logger)
        learner = None
        if options.overwrite or not (root / LAST).exists():
            # what cannot be is refused before anything is written or removed
            learner = Learner(options.dataset, config)
            if scores is not None:
                policy_config = learner.policy.config
                scores.check(lambda spec: check_features(spec, policy_config))
        run = stack.enter_context(RunFolder(root, "train", settings, overwrite=options.overwrite, products=products))
        name = options.job_name or f"{options.policy} {scores.name if scores else options.dataset.name}"
        tell = logger_of(options.logger, root, settings, stack, project=options.wandb_project, name=name)
        show = stack.enter_context(console.progress("Training", options.steps, "updates"))
        result = train(
            options.dataset,
            root,
            config,
            learner=learner,
            evaluate=(lambda step, folder: scores.score(step, folder, root, tell)) if scores else None,
            on_step=lambda step, _loss: show(step),
            on_log=lambda line: tell(int(line["step"]), {key: line[key] for key in ("loss", "learning_rate")}),
        )
        told = {
            "policy": options.policy,
            **{name: str(value) if isinstance(value, Path) else value for name, value in asdict(result).items()},
            "output_dir": str(root),
        }
        run.finish(told)
    _tell(result, console)
    return told


def _config(options: TrainOptions) -> Any:
    from lerobot_sim.training.lerobot_setup import LeRobotTrainingConfig

    return LeRobotTrainingConfig(
        policy=options.policy,
        settings=values_of("--setting", options.setting),
        steps=options.steps,
        batch_size=options.batch_size or BATCH_SIZE,
        accumulate=options.accumulate,
        learning_rate=options.learning_rate,
        pretrained=options.pretrained,
        freeze=options.freeze,
        precision=options.precision,
        seed=options.seed,
        cameras=None if options.cameras == ("<all>",) else [name for name in options.cameras if name != "none"],
        device=options.device,
        save_every=options.save_every,
        cache_bytes=options.cache_mb << 20,
        workers=options.workers,
        prefetch=options.prefetch,
        **({"log_every": options.log_every} if options.log_every else {}),
    )


def _root(options: TrainOptions, scores: Any) -> Path:
    if "<task>" not in str(options.output_dir):
        return options.output_dir / options.policy
    if scores is None:
        raise InputError("Without an environment, a run needs a folder: give --output-dir.")
    name = scores.name
    folder = filled(options.output_dir, name) if "/" in name else str(options.output_dir).replace("<task>", name)
    return Path(folder) / options.policy


def _tell(result: Any, console: Any) -> None:
    if result.samples_per_s is not None:
        console.say(
            f"{result.samples_per_s:.0f} samples a second, {result.waited:.0%} of the time waiting for them; "
            f"{result.cached_bytes / 1e6:.0f} MB of decoded pictures kept."
        )
    scored = "" if result.success is None else f", {result.success:.1%} success at best"
    console.say(f"Checkpoint: {result.best} (loss {result.loss:.4f}{scored})")
    console.say(f"Score it: lerobot-sim eval TASK --policy {result.best}")
