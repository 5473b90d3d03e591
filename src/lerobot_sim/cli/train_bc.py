"""`lerobot-sim train --policy bc`: the small torch network, with scores of its checkpoints."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError

from .options import at_least, filled, values_of
from .train import TrainOptions, require_dataset


def train_bc(options: TrainOptions, console: Any) -> dict[str, Any]:
    """Trains, or goes on; scores each checkpoint on held-out episodes and keeps the best."""
    at_least(1, steps=options.steps, accumulate=options.accumulate, save_every=options.save_every)
    at_least(0, seed=options.seed, batch_size=options.batch_size, eval_episodes=options.eval_episodes)
    at_least(0, log_every=options.log_every, workers=options.workers, prefetch=options.prefetch)
    at_least(0, cache_mb=options.cache_mb)
    if options.precision != "float32":
        raise InputError(f"--precision {options.precision}: 'bc' is so small that it trains in float32. Leave it out.")
    require_dataset(options.dataset)
    from lerobot_sim.datasets.layout import read_info
    from lerobot_sim.training.bc_training import LAST, LOG, STATE_FILE, check, identity, train

    from .run_folder import RunFolder
    from .train_loggers import PRODUCTS, check_logger, logger_of
    from .train_scores import FOLDER, Scores

    config = _config(options)
    info = read_info(options.dataset)
    with ExitStack() as stack:
        scores = Scores(options, console) if options.eval_episodes else None
        if scores is not None:
            stack.callback(scores.close)
        root = _root(options, config.env[0])
        check_logger(options.logger)
        if options.overwrite or not (root / STATE_FILE).exists():
            # what cannot be is refused before anything is written or removed
            policy_config = check(options.dataset, config)
            if scores is not None:
                scores.check(policy_config.cameras_in)
        settings = {
            **{name: value for name, value in identity(config).items() if name != "env"},
            "policy": "bc",
            "dataset_episodes": info.total_episodes,
            "dataset_frames": info.total_frames,
            "eval_env": options.env,
            "eval_protocol": options.eval_protocol,
            "eval_episodes": options.eval_episodes,
        }
        products = (LAST, "best", STATE_FILE, LOG, FOLDER, *PRODUCTS)
        run = stack.enter_context(RunFolder(root, "train", settings, overwrite=options.overwrite, products=products))
        if run.result and Path(run.result["best"]).exists():
            console.say(f"Trained already, with these settings: {run.result['best']}")
            return run.result
        name = options.job_name or f"bc {config.env[0] or options.dataset.name}"
        tell = logger_of(options.logger, root, settings, stack, project=options.wandb_project, name=name)
        show = stack.enter_context(console.progress("Training", options.steps, "updates"))

        def on_step(step: int, loss: float) -> None:
            show(step)
            if options.log_every and step % options.log_every == 0:
                console.say(f"  [train] step {step:>5} | loss = {loss:.6f}")

        result = train(
            options.dataset,
            root,
            config,
            evaluate=(lambda step, place: scores.score(step, place, root, tell)) if scores else None,
            on_step=on_step,
            on_log=lambda line: tell(int(line["step"]), {key: line[key] for key in ("loss", "learning_rate")}),
        )
        told = {
            "policy": "bc",
            "checkpoint": str(result.checkpoint),
            "best": str(result.best),
            "best_step": result.step,
            "loss": result.loss,
            "success": result.success,
            "output_dir": str(root),
        }
        run.finish(told)
    rate = "" if result.success is None else f", {result.success:.1%} success after {result.step} updates"
    console.say(f"Checkpoint: {result.best} (loss {result.loss:.4f}{rate})")
    console.say(f"Score it: lerobot-sim eval TASK --policy {result.best}")
    return told


def _config(options: TrainOptions) -> Any:
    """What the options ask for."""
    from lerobot_sim.datasets import sidecar
    from lerobot_sim.datasets.origin import read_origin
    from lerobot_sim.training.bc_training import BATCH_SIZE, LEARNING_RATE, BCTrainingConfig

    settings = values_of("--setting", options.setting)
    if options.hidden_dim is not None:
        settings.setdefault("hidden_dim", options.hidden_dim)
    env = ("", 0)
    if (options.dataset / sidecar.RUN).exists():
        origin = read_origin(options.dataset)
        env = (origin.env_id, origin.env_version)
    return BCTrainingConfig(
        settings=settings,
        steps=options.steps,
        batch_size=options.batch_size or BATCH_SIZE,
        accumulate=options.accumulate,
        learning_rate=LEARNING_RATE if options.learning_rate is None else options.learning_rate,
        pretrained=options.pretrained,
        freeze=options.freeze,
        seed=options.seed,
        cameras=None if options.cameras == ("<all>",) else [name for name in options.cameras if name != "none"],
        save_every=options.save_every,
        cache_bytes=options.cache_mb << 20,
        workers=options.workers,
        prefetch=options.prefetch,
        device=options.device,
        env=env,
    )


def _root(options: TrainOptions, env_id: str) -> Path:
    """The run's folder."""
    if env_id:
        return filled(options.output_dir, env_id) / "bc"
    if "<task>" in str(options.output_dir):
        raise InputError("Without an environment, a run needs a folder: give --output-dir.")
    return options.output_dir / "bc"
