"""`lerobot-sim train`: the student, trained on a dataset's demonstrations."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from tyro.conf import UseAppendAction

from lerobot_sim.errors import InputError
from lerobot_sim.spec import EnvSpec

from .options import CommonOptions, at_least, filled, read

ABOUT = """Train a policy on a LeRobot dataset by behavior cloning.

--policy mlp (the default) is the student, a small NumPy network from states; any other
name is LeRobot's policy of that name, trained with LeRobot's own network, loss and
checkpoints: act, diffusion and vqbet are trained and scored by our tests; those that
begin from weights of the hub (pi0, smolvla …) are not verified. Each checkpoint is
scored, the best one kept. Training that was interrupted or killed goes on from its
last checkpoint to the same numbers. LeRobot's flags (--policy.chunk_size 50,
--dataset.root, --env.type, --wandb.enable …) are understood.

examples:
  lerobot-sim train --dataset outputs/push-t/dataset --steps 5000
  lerobot-sim train --dataset outputs/push-t/dataset --policy bc --policy.state=false
  lerobot-sim train --dataset outputs/lift/dataset --policy act --policy.chunk_size=20
  lerobot-sim train --dataset new/dataset --policy act --pretrained outputs/lift/act/best"""

_BAR_STEP = 50
BATCH_SIZE, LEARNING_RATE, HIDDEN_DIM = 32, 1e-3, 256
WORKERS, PREFETCH, CACHE_MB = 2, 4, 1024


@dataclass(kw_only=True)
class TrainOptions(CommonOptions):
    """Options of `train`."""

    dataset: Path
    """Folder of the dataset, as `lerobot-sim collect` makes it; other policies than mlp take any of LeRobot's."""

    policy: str = "mlp"
    """mlp, or a policy of LeRobot's: act, diffusion, vqbet; not verified: pi0, smolvla …"""

    steps: int = 5000
    """Updates, each on --batch-size rows."""

    batch_size: int = 0
    """Rows an update; 0: 32 for mlp, 64 for bc, 8 for LeRobot's policies."""

    hidden_dim: int | None = None
    """mlp and bc: width of the hidden layers, by default 256."""

    learning_rate: float | None = None
    """Step size; by default 1e-3 for mlp and bc, decaying from there, and each LeRobot policy's own."""

    output_dir: Path = Path("outputs/<task>")
    """Folder of the checkpoint; of all but mlp, <policy> below it."""

    pretrained: str = ""
    """All but mlp: a checkpoint to begin from, a folder; of LeRobot's policies, or owner/name on the hub."""

    freeze: tuple[str, ...] = ()
    """All but mlp: patterns of parameters that stay as they are, such as 'model.backbone.*'."""

    setting: UseAppendAction[tuple[str, ...]] = ()
    """All but mlp: NAME=VALUE of the policy's own settings; --policy.NAME=VALUE says the same."""

    cameras: tuple[str, ...] = ("<all>",)
    """All but mlp: the cameras it sees; 'none' for states alone."""

    device: str = "cpu"
    """Where it learns: cpu, cuda …; mlp: cpu alone."""

    precision: str = "float32"
    """LeRobot's policies: float32, bfloat16 or float16 (mixed)."""

    accumulate: int = 1
    """All but mlp: batches an update."""

    workers: int = WORKERS
    """All but mlp: threads that make batches; 0: none, each is made when it is asked for."""

    prefetch: int = PREFETCH
    """All but mlp: batches that are made ahead."""

    cache_mb: int = CACHE_MB
    """All but mlp: memory in MB for decoded pictures."""

    save_every: int = 1000
    """Updates between checkpoints, each of which is evaluated."""

    eval_episodes: int = 20
    """Held-out episodes of each task that score each checkpoint, the best of which is kept; 0 for none. Their seeds are
    neither the demonstrations' nor those that `lerobot-sim eval` scores, unless a protocol names its seeds."""

    env: str = ""
    """The task that scores checkpoints; the one that the dataset was made with by default."""

    eval_protocol: str = ""
    """The protocol that scores checkpoints, in the place of one task: a name or a .toml file."""

    eval_num_envs: int = 0
    """Lanes that score in lockstep; 0: as many as suit the task, 20 at most."""

    logger: Literal["none", "tensorboard", "wandb"] = "none"
    """Who is told loss and success as well; WANDB_MODE=offline keeps wandb here."""

    wandb_project: str = "lerobot-sim"
    """The project at Weights & Biases."""

    job_name: str = ""
    """The run's name for --logger; the policy's and the task's by default."""

    overwrite: bool = False
    """Replace a checkpoint that was trained with other settings."""

    log_every: int = 0
    """Print the loss every so many updates; 0 shows a progress bar instead."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and trains."""
    from .train_flags import translated

    options = read(TrainOptions, "train", ABOUT, translated(argv))
    from .console import Console

    console = Console(options.json)
    if options.policy == "mlp":
        console.result(train(options, console))
    elif options.policy == "bc":
        from .train_bc import train_bc

        console.result(train_bc(options, console))
    else:
        from .train_lerobot import train_lerobot

        console.result(train_lerobot(options, console))
    return 0


def train(options: TrainOptions, console: Any) -> dict[str, Any]:
    """Trains the student, or takes what was trained with the same settings on the same episodes."""
    hidden_dim = HIDDEN_DIM if options.hidden_dim is None else options.hidden_dim
    at_least(1, steps=options.steps, hidden_dim=hidden_dim, save_every=options.save_every)
    at_least(
        0,
        seed=options.seed,
        log_every=options.log_every,
        batch_size=options.batch_size,
        eval_episodes=options.eval_episodes,
    )
    _refuse_what_is_not_the_students(options)
    require_dataset(options.dataset)
    import numpy as np

    from lerobot_sim import registry
    from lerobot_sim.datasets.origin import read_origin
    from lerobot_sim.datasets.reader import read_columns, read_info
    from lerobot_sim.training.behavior_cloning import CHECKPOINT, SCORED, STATE_FILE, TrainingConfig
    from lerobot_sim.training.behavior_cloning import train as train_student
    from lerobot_sim.training.demonstrations import normalise

    from .run_folder import RunFolder
    from .train_loggers import PRODUCTS, check_logger, logger_of
    from .train_scores import FOLDER, Scores

    origin = read_origin(options.dataset)
    env = registry.remake(origin.env_id, origin.env_options)
    spec = env.spec
    env.close()
    root = filled(options.output_dir, spec.id)
    config = TrainingConfig(
        steps=options.steps,
        batch_size=options.batch_size or BATCH_SIZE,
        hidden_dim=hidden_dim,
        learning_rate=LEARNING_RATE if options.learning_rate is None else options.learning_rate,
        seed=options.seed,
        score_every=options.save_every,
    )
    settings = {
        "env_id": spec.id,
        "env_version": spec.version,
        "steps": options.steps,
        "batch_size": config.batch_size,
        "hidden_dim": hidden_dim,
        "learning_rate": config.learning_rate,
        "seed": options.seed,
        "dataset_episodes": read_info(options.dataset).total_episodes,
        "dataset_policy": origin.settings.get("policy"),
        "dataset_seed": origin.settings.get("seed"),
    }
    if options.eval_episodes:
        settings |= {"eval_episodes": options.eval_episodes, "save_every": options.save_every, "env": options.env}
        settings |= {"eval_protocol": options.eval_protocol}
    products = (CHECKPOINT, STATE_FILE, SCORED, *PRODUCTS, *([FOLDER] if options.eval_episodes else []))
    checkpoint = root / CHECKPOINT
    with contextlib.ExitStack() as stack:
        # what cannot be is refused before anything is written or removed
        scores = Scores(options, console) if options.eval_episodes else None
        if scores is not None:
            stack.callback(scores.close)
            scores.check(lambda there: _require_same_task(spec, there))
        check_logger(options.logger)
        columns = read_columns(options.dataset, [*spec.observation, "action"])
        observations = np.concatenate([columns[name] for name in spec.observation], axis=1)
        normalise(observations, columns["action"], spec)
        folder = stack.enter_context(RunFolder(root, "train", settings, overwrite=options.overwrite, products=products))
        if folder.result and checkpoint.exists():
            console.say(f"Trained already, with these settings: {checkpoint}")
            return folder.result
        name = options.job_name or f"mlp {spec.id}"
        tell = logger_of(options.logger, root, settings, stack, project=options.wandb_project, name=name)
        on_step = stack.enter_context(_watched(options, console, tell))
        trained = train_student(
            observations,
            columns["action"],
            config,
            spec=spec,
            folder=root,
            on_step=on_step,
            evaluate=(lambda step, path: scores.score(step, path, root, tell)) if scores else None,
        )
        result: dict[str, Any] = {
            "env_id": spec.id,
            "env_version": spec.version,
            "checkpoint": str(checkpoint),
            "best_loss": trained.best_loss,
            "best_step": trained.best_step,
            "rows": len(observations),
        }
        if scores:
            result["success"] = trained.success
        folder.finish(result)
    scored = "" if trained.success is None else f", {trained.success:.1%} success"
    console.say(f"Checkpoint: {checkpoint} (loss {trained.best_loss:.6f}{scored} after {trained.best_step} updates)")
    return result


def require_dataset(dataset: Path) -> None:
    """Refuses a folder that is not there, which may be a dataset's name on the hub."""
    if dataset.is_dir():
        return
    name = dataset.as_posix()
    pull = f", or bring it from the hub: lerobot-sim dataset pull {name}" if name.count("/") == 1 else ""
    raise InputError(f"--dataset: there is no folder {dataset}. Record one: lerobot-sim collect TASK{pull}.")


def _require_same_task(trained: EnvSpec, there: EnvSpec) -> None:
    """The student acts where it learned; `MLPPolicy.require` says the same of a checkpoint."""
    if there.id != trained.id:
        raise InputError(
            f"The student 'mlp' learns '{trained.id}' here and acts nowhere else, '{there.id}' was to score it. Leave "
            "--env and --eval-protocol out."
        )


def _refuse_what_is_not_the_students(options: TrainOptions) -> None:
    """Flags of the torch policies, which the student would ignore."""
    given = {
        "--pretrained": options.pretrained,
        "--freeze": options.freeze,
        "--setting (--policy.NAME)": options.setting,
        "--cameras": options.cameras not in (("<all>",), ("none",)),
        "--device": options.device != "cpu",
        "--precision": options.precision != "float32",
        "--accumulate": options.accumulate != 1,
        "--workers": options.workers != WORKERS,
        "--prefetch": options.prefetch != PREFETCH,
        "--cache-mb": options.cache_mb != CACHE_MB,
    }
    wrong = [name for name, value in given.items() if value]
    if wrong:
        raise InputError(
            f"{', '.join(wrong)}: the student 'mlp' learns from states with NumPy on the CPU, it has no such setting. "
            "Its torch sibling takes it: --policy bc."
        )


@contextlib.contextmanager
def _watched(options: TrainOptions, console: Any, tell: Any) -> Generator[Callable[[int, float], None]]:
    """What to call after each update: a progress bar, or a line every so many; the logger is told now and then."""
    if not options.log_every:
        with console.progress("Training", options.steps, "updates") as show:

            def count(step: int, loss: float) -> None:
                if (step + 1) % _BAR_STEP == 0 or step + 1 == options.steps:
                    show(step + 1)
                    tell(step + 1, {"loss": loss})

            yield count
        return

    def line(step: int, loss: float) -> None:
        if step % options.log_every == 0:
            console.say(f"  [train] step {step:>5} | loss = {loss:.6f}")
            tell(step + 1, {"loss": loss})

    yield line
