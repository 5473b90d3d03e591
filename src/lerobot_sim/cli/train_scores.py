"""Scores of checkpoints while a policy is trained: one task's held-out episodes, or a protocol's.

They choose the checkpoint, so they have seeds of their own (`evaluation.score`), which `lerobot-sim eval` never takes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from lerobot_sim.errors import InputError, SimError
from lerobot_sim.spec import EnvSpec

from .train import TrainOptions
from .train_loggers import Tell

FOLDER = "eval"
"""Below the run's: a folder of results a checkpoint, as `lerobot-sim eval` writes them."""

_MOST_LANES = 20


class Scores:
    """Scores checkpoints; the environments stay from one to the next.

    Args:
        options: What was asked for.
        console: Is told each score.

    Attributes:
        name: What stands for <task> in an output folder: the environment's id, or the protocol's.

    Raises:
        InputError: Nothing says what to score on, or no success is defined there.
    """

    def __init__(self, options: TrainOptions, console: Any) -> None:
        from lerobot_sim.evaluation.plan import make_plan
        from lerobot_sim.evaluation.running import Worlds

        protocol = _protocol(options)
        plan = make_plan(
            protocol,
            seed=options.seed,
            episodes=options.eval_episodes,
            num_envs=options.eval_num_envs,
            selection=True,
        )
        if all(task.record.success_rule == "none" for task in plan.tasks):
            raise InputError(
                f"'{protocol.id}' defines no success, so checkpoints cannot be scored: give --eval-episodes 0, or "
                "another --env or --eval-protocol."
            )
        if not options.eval_num_envs:
            lanes = min(plan.lanes(task) for task in plan.tasks)
            plan = replace(plan, num_envs=min(lanes, _MOST_LANES, options.eval_episodes))
        self.name = protocol.id if options.eval_protocol else plan.tasks[0].spec.id
        self._plan, self._device, self._console = plan, options.device, console
        self._worlds = Worlds(plan)
        self._worlds.of(plan.tasks[0])  # a simulator that is missing is told of now
        if plan.protocol.names_seeds:
            console.say(
                f"'{protocol.id}' names its seeds, so checkpoints are chosen on the first {options.eval_episodes} of "
                "those that it scores: the best one's score under it flatters. Say so where you report it."
            )

    def check(self, fits: Callable[[EnvSpec], object]) -> None:
        """Refuses a policy that an environment is not for; before the first update.

        Args:
            fits: Asked about each task's environment; raises InputError with what does not fit.
        """
        for task in self._plan.tasks:
            if not task.keys:
                fits(task.spec)

    def score(self, step: int, checkpoint: Path, root: Path, tell: Tell) -> float:
        """A checkpoint's success rate, tasks weighing the same; its results stay in the run's folder.

        Raises:
            SimError: Every episode ended in a fault of the simulator.
        """
        from lerobot_sim.evaluation.evaluating import Manner, run
        from lerobot_sim.evaluation.running import produce

        acting = _acting(checkpoint, self._plan.tasks[0].spec, self._device)
        manner = Manner(
            overwrite=True,  # of the same step, before a kill and with other settings
            execution={"device": self._device, "updates": step},
            producer=lambda plan, todo: produce(plan, acting, todo, self._worlds),
        )
        done = run(self._plan, acting, root / FOLDER / f"{step:06d}", manner=manner)
        suite = done.summary["suite"]
        rate = suite["success_rate"]
        if rate is None:
            raise SimError("Every evaluation episode ended in a fault of the simulator: see lerobot-sim doctor.")
        low, high = suite["interval"]
        told = {"success": rate, "success_low": low, "success_high": high, "mean_return": suite["mean_return"]}
        tell(step, {name: value for name, value in told.items() if value is not None})
        self._console.say(
            f"  {step} updates: {suite['successes']} of {suite['valid']} held-out episodes, {rate:.1%} "
            f"({low:.1%} to {high:.1%})"
        )
        broken = [one for one in done.episodes if one.policy_error]
        if broken:
            self._console.say(f"  {len(broken)} were broken off by the policy: {broken[0].explanation}")
        return float(rate)

    def close(self) -> None:
        """Closes the environments."""
        self._worlds.close()


def _protocol(options: TrainOptions) -> Any:
    """What scores: the protocol or task that was asked for, or the dataset's own environment."""
    from lerobot_sim import registry
    from lerobot_sim.datasets import sidecar
    from lerobot_sim.datasets.origin import read_origin
    from lerobot_sim.evaluation.protocol import find, of_task

    if options.env and options.eval_protocol:
        raise InputError("--env and --eval-protocol: expected one of them, both came.")
    if options.eval_protocol:
        return find(options.eval_protocol)
    origin = read_origin(options.dataset) if (options.dataset / sidecar.RUN).exists() else None
    if options.env:
        env_id = registry.resolve(options.env)
        same = origin is not None and origin.env_id == env_id
        return of_task(env_id, origin.env_options if origin is not None and same else None)
    if origin is None:
        raise InputError(
            f"{options.dataset} does not say which environment it was made with, so checkpoints cannot be scored. "
            "Give --env TASK or --eval-protocol NAME; or --eval-episodes 0, and score them by lerobot-sim eval."
        )
    return of_task(origin.env_id, origin.env_options)


def _acting(checkpoint: Path, spec: Any, device: str) -> Any:
    """A checkpoint's policy: LeRobot's on its device, our own as `lerobot-sim eval` makes them."""
    from lerobot_sim import registry
    from lerobot_sim.evaluation.running import Acting
    from lerobot_sim.policies.lerobot_files import is_checkpoint

    from .policy_argument import policy_for

    if is_checkpoint(checkpoint):
        return Acting(
            make=lambda spec: registry.make_policy("lerobot", spec, checkpoint=checkpoint, device=device),
            identity=f"lerobot:{_digest(checkpoint)}",
            argument=str(checkpoint),
        )
    argument = str(checkpoint)
    identity = policy_for(argument, spec)[1]
    return Acting(make=lambda spec: policy_for(argument, spec)[0], identity=identity, argument=argument)


def _digest(checkpoint: Path) -> str:
    from lerobot_sim.policies.lerobot_files import WEIGHTS

    with (checkpoint / WEIGHTS).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]
