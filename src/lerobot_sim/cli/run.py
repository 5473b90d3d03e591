"""`lerobot-sim run TASK`: demonstrations, training and score in one go."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .options import SteppingOptions, Task, at_least, filled, read

ABOUT = """Collect demonstrations of the expert, train the student on them, score it on held-out seeds.

The recipe's defaults are those that the figures in the README were measured with. Each
phase leaves its files in the output folder and is not done twice: a run that was
interrupted goes on where it was.

example:
  lerobot-sim run push-t --output-dir outputs/first"""

RECIPE = (50, 5000)
"""Demonstrations and updates, unless the task has a recipe of its own."""

RECIPES = {
    "mujoco/aloha-transfer": (100, 5000),
    "mujoco/drawer": (300, 20_000),
    "mujoco/insert": (300, 20_000),
    "mujoco/lift": (100, 5000),
    "mujoco/pick-color": (100, 5000),
    "mujoco/pick-place": (300, 20_000),
    "mujoco/push": (300, 10_000),
    "mujoco/reach": (100, 5000),
    "mujoco/stack": (300, 10_000),
    "numpy/pick-place": (500, 20_000),
    "numpy/reach": (200, 5000),
}
"""Environment's id -> demonstrations and updates."""


@dataclass(kw_only=True)
class RunOptions(SteppingOptions):
    """Options of `run`."""

    task: Task
    """Environment, such as push-t or numpy/push-t."""

    demo_episodes: int = 0
    """Demonstrations to collect; 0 takes the task's recipe (50 unless it needs more)."""

    train_steps: int = 0
    """Updates of the student; 0 takes the task's recipe (5000 unless it needs more)."""

    hidden_dim: int = 256
    """Width of the student's hidden layers."""

    eval_episodes: int = 200
    """Held-out episodes."""

    videos: int = 1
    """Videos of the first so many held-out episodes."""

    output_dir: Path = Path("outputs/<task>")
    """Where everything goes."""

    overwrite: bool = False
    """Replace what an earlier run with other settings left in the folder."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and runs all three phases."""
    options = read(RunOptions, "run", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    result = run(options, console)
    console.result(result)
    return 1 if result["policy_errors"] else 0


def run(options: RunOptions, console: Any, *, log_every: int = 0) -> dict[str, Any]:
    """All three phases; returns the evaluation's result with the paths of what was made."""
    at_least(1, hidden_dim=options.hidden_dim, eval_episodes=options.eval_episodes)
    at_least(
        0,
        demo_episodes=options.demo_episodes,
        train_steps=options.train_steps,
        seed=options.seed,
        videos=options.videos,
    )
    from lerobot_sim import registry

    from .collect import CollectOptions, collect
    from .eval import EvalOptions, evaluate_policy
    from .run_folder import RunFolder
    from .train import TrainOptions, train

    begun = time.perf_counter()
    env_id = registry.resolve(options.task)
    usual_demonstrations, usual_steps = RECIPES.get(env_id, RECIPE)
    demo_episodes = options.demo_episodes or usual_demonstrations
    train_steps = options.train_steps or usual_steps
    root = filled(options.output_dir, env_id)
    common: dict[str, Any] = {"seed": options.seed, "overwrite": options.overwrite}
    stepping: dict[str, Any] = {**common, "profile": options.profile, "robot": options.robot}
    stepping |= {"model_path": options.model_path, "option": options.option}
    settings = {
        "env_id": env_id,
        "demo_episodes": demo_episodes,
        "train_steps": train_steps,
        "hidden_dim": options.hidden_dim,
        "seed": options.seed,
        "robot": options.robot,
    }
    if options.option:
        settings["option"] = " ".join(options.option)
    if options.model_path:
        settings["robot.model_path"] = str(options.model_path)
    with RunFolder(root, "run", settings, overwrite=options.overwrite, products=()) as folder:
        console.say(f"Phase 1 of 3: {demo_episodes} demonstrations of the expert")
        collected = collect(
            CollectOptions(task=env_id, episodes=demo_episodes, output_dir=root / "dataset", **stepping),
            console,
        )
        console.say(f"Phase 2 of 3: {train_steps} updates of the student")
        trained = train(
            TrainOptions(
                dataset=root / "dataset",
                steps=train_steps,
                hidden_dim=options.hidden_dim,
                output_dir=root,
                log_every=log_every,
                eval_episodes=0,
                **common,
            ),
            console,
        )
        console.say(f"Phase 3 of 3: {options.eval_episodes} held-out episodes")
        evaluated = evaluate_policy(
            EvalOptions(
                task=env_id,
                policy=trained["checkpoint"],
                episodes=options.eval_episodes,
                videos=options.videos,
                output_dir=root / "eval",
                **stepping,
            ),
            console,
        )
        result = {
            **evaluated,
            "policy_errors": evaluated["policy_errors"] + len(collected["broken"]),
            "best_loss": trained["best_loss"],
            "dataset": collected["dataset"],
            "checkpoint": trained["checkpoint"],
            "output_dir": str(root),
            "seconds": round(time.perf_counter() - begun, 2),
        }
        folder.finish(result)
    console.say(f"All files: {root} ({result['seconds']:.0f} s)")
    return result
