"""`lerobot-sim train --policy act`: LeRobot's policies, with our progress bar and scores."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

from lerobot_sim.errors import InputError, MissingExtraError, SimError

from .options import at_least, filled, values_of
from .train import TrainOptions

BATCH_SIZE = 8

Tell: TypeAlias = "Callable[[int, Mapping[str, float]], None]"


def train_lerobot(options: TrainOptions, console: Any) -> dict[str, Any]:
    """Trains, or goes on; scores each checkpoint on held-out episodes and keeps the best."""
    at_least(1, steps=options.steps, accumulate=options.accumulate, save_every=options.save_every)
    at_least(0, seed=options.seed, batch_size=options.batch_size, eval_episodes=options.eval_episodes)
    from lerobot_sim.datasets.layout import read_info
    from lerobot_sim.training.lerobot_setup import LeRobotTrainingConfig
    from lerobot_sim.training.lerobot_training import train

    from .run_folder import RunFolder

    info = read_info(options.dataset)
    cameras = None if options.cameras == ("<all>",) else [name for name in options.cameras if name != "none"]
    config = LeRobotTrainingConfig(
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
        cameras=cameras,
        device=options.device,
        save_every=options.save_every,
    )
    env = _environment(options) if options.eval_episodes else None
    root = _root(options, env)
    kept = {name: value for name, value in asdict(config).items() if name not in _MAY_CHANGE}
    settings = {**kept, "dataset_episodes": info.total_episodes, "dataset_frames": info.total_frames}
    products = ("checkpoints", "best", "log.jsonl")
    with (
        ExitStack() as stack,
        RunFolder(root, "train", settings, overwrite=options.overwrite, products=products) as run,
    ):
        if env is not None:
            stack.callback(env.close)
        tell = _logger(options.logger, root, settings, stack)
        show = stack.enter_context(console.progress("Training", options.steps, "updates"))
        result = train(
            options.dataset,
            root,
            config,
            evaluate=_scored(env, options, console, tell) if env is not None else None,
            on_step=lambda step, _loss: show(step),
            on_log=lambda line: tell(int(line["step"]), {key: line[key] for key in ("loss", "learning_rate")}),
        )
        told = {
            "policy": options.policy,
            "checkpoint": str(result.checkpoint),
            "best": str(result.best),
            "loss": result.loss,
            "success": result.success,
            "output_dir": str(root),
        }
        run.finish(told)
    scored = "" if result.success is None else f", {result.success:.1%} success at best"
    console.say(f"Checkpoint: {result.best} (loss {result.loss:.4f}{scored})")
    console.say(f"Score it: lerobot-sim eval TASK --policy {result.best}")
    return told


_MAY_CHANGE = ("steps", "device", "save_every", "log_every", "cache_bytes")
"""Settings with which a run may go on other than it began."""


def _environment(options: TrainOptions) -> Any:
    """The environment that the dataset was made with, to score checkpoints on."""
    from lerobot_sim import registry
    from lerobot_sim.datasets import sidecar
    from lerobot_sim.datasets.origin import read_origin

    if not (options.dataset / sidecar.RUN).exists():
        raise InputError(
            f"{options.dataset} does not say which environment it was made with, so checkpoints cannot be scored. "
            "Give --eval-episodes 0, and score them by lerobot-sim eval."
        )
    origin = read_origin(options.dataset)
    return registry.remake(origin.env_id, origin.env_options, min(options.eval_episodes, 20))


def _root(options: TrainOptions, env: Any) -> Path:
    if env is not None:
        return filled(options.output_dir, env.spec.id) / options.policy
    if "<task>" in str(options.output_dir):
        raise InputError("Without an environment, a run needs a folder: give --output-dir.")
    return options.output_dir / options.policy


def _scored(env: Any, options: TrainOptions, console: Any, tell: Tell) -> Callable[[int, Path], float]:
    from lerobot_sim import registry
    from lerobot_sim.env import End
    from lerobot_sim.evaluation.score import held_out_seeds
    from lerobot_sim.loop import rollout

    seeds = held_out_seeds(options.seed, options.eval_episodes)

    def scored(step: int, checkpoint: Path) -> float:
        policy = registry.make_policy("lerobot", env.spec, checkpoint=checkpoint, device=options.device)
        valid = [episode for episode in rollout(env, policy, seeds) if episode.end is not End.FAULT]
        if not valid:
            raise SimError("Every evaluation episode ended in a fault of the simulator: see lerobot-sim doctor.")
        successes = [episode.succeeded(env.spec.success_rule) for episode in valid]
        rate = sum(successes) / len(valid)
        mean_return = sum(episode.total_reward for episode in valid) / len(valid)
        tell(step, {"success": rate, "mean_return": mean_return})
        console.say(f"  {step} updates: {sum(successes)} of {len(valid)} held-out episodes, return {mean_return:.1f}")
        return rate

    return scored


def _logger(name: str, root: Path, settings: Mapping[str, Any], stack: ExitStack) -> Tell:
    """What loss and success are told to, beside `log.jsonl`."""
    if name == "tensorboard":
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise MissingExtraError("tensorboard", "lerobot", "--logger tensorboard") from error
        writer: Any = SummaryWriter(str(root / "tensorboard"))
        stack.callback(writer.close)

        def to_tensorboard(step: int, values: Mapping[str, float]) -> None:
            for key, value in values.items():
                writer.add_scalar(key, value, step)

        return to_tensorboard
    if name == "wandb":
        try:
            import wandb
        except ImportError as error:
            raise MissingExtraError("wandb", "lerobot", "--logger wandb") from error
        run: Any = wandb.init(project="lerobot-sim", dir=str(root), config=dict(settings), name=root.name)
        stack.callback(run.finish)

        def to_wandb(step: int, values: Mapping[str, float]) -> None:
            run.log(dict(values), step=step)

        return to_wandb
    return _to_nobody


def _to_nobody(_step: int, _values: Mapping[str, float]) -> None:
    """The log in the folder is enough."""
