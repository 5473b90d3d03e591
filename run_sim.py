#!/usr/bin/env python3
"""The tutorial's command line and defaults, over the package's own commands.

`lerobot-sim run`, `eval` and `collect` do more; this script stays for those who follow the tutorial.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from lerobot_sim.cli.failures import explained

LOG_EVERY = 20
RULE = "=" * 60


def parser() -> argparse.ArgumentParser:
    """The tutorial's flags, and what else is needed."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--task", default="pusht", help="pusht, pickplace, reach, or any name of `lerobot-sim list`")
    made.add_argument("--mode", default="train", choices=("train", "eval", "teleop", "visualize"))
    made.add_argument("--demo-episodes", type=int, default=20, help="expert demonstrations to collect (%(default)s)")
    made.add_argument("--train-steps", type=int, default=3000, help="gradient steps (%(default)s)")
    made.add_argument("--eval-episodes", type=int, default=5, help="held-out episodes (%(default)s)")
    made.add_argument("--hidden-dim", type=int, default=256, help="width of the hidden layers (%(default)s)")
    made.add_argument("--output-dir", type=Path, default=Path("./sim_output"), help="where files go (%(default)s)")
    made.add_argument("--seed", type=int, default=42, help="random seed (%(default)s)")
    made.add_argument("--policy", default="", help="with --mode eval: expert, random, or a checkpoint's path")
    made.add_argument("--overwrite", action="store_true", help="replace a run of other settings in the folder")
    made.add_argument("--debug", action="store_true", help="show the full traceback of an error")
    return made


def train(options: argparse.Namespace, task: str) -> int:
    """Demonstrations, training, evaluation."""
    from lerobot_sim.cli.console import Console
    from lerobot_sim.cli.options import at_least
    from lerobot_sim.cli.run import RunOptions, run

    at_least(1, demo_episodes=options.demo_episodes, train_steps=options.train_steps)
    result = run(
        RunOptions(
            task=task,
            demo_episodes=options.demo_episodes,
            train_steps=options.train_steps,
            hidden_dim=options.hidden_dim,
            eval_episodes=options.eval_episodes,
            videos=0,
            output_dir=options.output_dir,
            overwrite=options.overwrite,
            seed=options.seed,
        ),
        Console(as_json=False),
        log_every=LOG_EVERY,
    )
    return report(result)


def evaluate(options: argparse.Namespace, task: str) -> int:
    """Scores the checkpoint in the output folder, or another policy."""
    from lerobot_sim.cli.console import Console
    from lerobot_sim.cli.eval import EvalOptions, evaluate_policy
    from lerobot_sim.errors import InputError

    checkpoint = options.output_dir / "best_policy.npz"
    if not options.policy and not checkpoint.exists():
        raise InputError(
            f"There is no checkpoint {checkpoint}. Train one with --mode train, or score the expert: --policy expert."
        )
    result = evaluate_policy(
        EvalOptions(
            task=task,
            policy=options.policy or str(checkpoint),
            episodes=options.eval_episodes,
            output_dir=options.output_dir / "eval" / "<policy>",
            overwrite=options.overwrite,
            seed=options.seed,
        ),
        Console(as_json=False),
    )
    return report(result)


def report(result: dict[str, Any]) -> int:
    """The tutorial's last line; five episodes say little, so the interval stands beside the rate."""
    print(RULE)
    if result["interval"]:
        low, high = result["interval"]
        print(
            f"Eval ({result['episodes']} eps): reward={result['mean_return']:.3f}, "
            f"success={result['success_rate']:.1%} (95% interval {low:.1%} to {high:.1%})"
        )
    return 1 if result["policy_errors"] else 0


def visualize(task: str, seed: int) -> int:
    """A random policy, live in a window, until the window is closed."""
    import gymnasium

    from lerobot_sim import registry
    from lerobot_sim.gym import gymnasium_id

    env = gymnasium.make(gymnasium_id(task, registry.spec_of(task).version), render_mode="human")
    env.action_space.seed(seed)
    env.reset(seed=seed)
    print("Close the window, or press Ctrl-C, to end.")
    try:
        while env.get_wrapper_attr("watched"):
            _, _, terminated, truncated, _ = env.step(env.action_space.sample())
            if terminated or truncated:
                env.reset()
    except KeyboardInterrupt:
        pass  # the way to end it
    finally:
        env.close()
    return 0


def run_mode(options: argparse.Namespace) -> int:
    """The mode that was asked for."""
    from lerobot_sim import registry
    from lerobot_sim.compat import TASKS
    from lerobot_sim.errors import InputError

    task = registry.resolve(TASKS.get(options.task, options.task))
    if options.mode == "train":
        return train(options, task)
    if options.mode == "eval":
        return evaluate(options, task)
    if options.mode == "visualize":
        return visualize(task, options.seed)
    raise InputError(
        "--mode teleop: keyboard and gamepad are not part of this version. "
        "--mode visualize shows the task live; `lerobot-sim collect` records demonstrations of the expert."
    )


def main() -> int:
    """Parses and runs; failures are one line and an exit code."""
    options = parser().parse_args()
    with explained(options.debug) as outcome:
        outcome.exit_code = run_mode(options)
    return outcome.exit_code


if __name__ == "__main__":
    sys.exit(main())
