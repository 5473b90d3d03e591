"""A small ACT from states on `mujoco/lift`: 50 demonstrations, CPU, success over updates.

Demonstrations, training and scores are the project's own commands, as a user gives them. Checkpoints are scored while
training on 50 held-out episodes; the best one is scored again on 200 others, in three ways of acting. What is finished
is kept in --out: the same command goes on. OUT/policy is the policy, OUT/results.md the tables, OUT/curve.svg the
curve. On one core of a laptop it takes about 20 minutes.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _shared import RATES, SCORED, TASK, Line, Scored, collected, curve, parser, scored, table, trained, written

AIM = 0.8


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes:
        demonstrations: Of the expert.
        stages: (updates, learning rate), each begun from the last one's end.
        save_every: Updates between checkpoints.
        judged: Held-out episodes that score a checkpoint.
        episodes: That score a policy in the end.
        batch_size: Rows an update.
        act: Settings of ACT's.
    """

    demonstrations: int = 50
    stages: tuple[tuple[int, float], ...] = ((5000, 5e-4), (1000, 1e-4))
    save_every: int = 500
    judged: int = 50
    episodes: int = 200
    batch_size: int = 64
    act: Mapping[str, Any] = field(
        default_factory=lambda: {
            "dim_model": 128,
            "n_heads": 4,
            "dim_feedforward": 256,
            "n_encoder_layers": 2,
            "chunk_size": 16,
            "n_action_steps": 8,
            "use_vae": "false",
            "dropout": 0,
        }
    )


QUICK_ACT = {"dim_model": 16, "n_heads": 2, "dim_feedforward": 16, "n_encoder_layers": 1, "chunk_size": 4} | {
    "n_action_steps": 2,
    "use_vae": "false",
    "dropout": 0,
}
QUICK = Plan(
    demonstrations=2, stages=((4, 5e-4), (2, 1e-4)), save_every=2, judged=2, episodes=4, batch_size=8, act=QUICK_ACT
)

WAYS: Mapping[str, Mapping[str, Any]] = {
    "as trained": {},
    "a new chunk every step": {"n_action_steps": 1},
    "temporal ensembling": {"n_action_steps": 1, "temporal_ensemble_coeff": 0.01},
}
"""Ways of acting -> settings of the checkpoint that are changed for it, as `eval --policy.NAME=VALUE` takes them."""


def main() -> None:
    options = parser(__doc__, "outputs/results/act_lift").parse_args()
    plan, out = QUICK if options.quick else Plan(), options.out.resolve()
    demonstrations = collected(out, "demonstrations", "--episodes", str(plan.demonstrations))
    best, points = train(plan, out, demonstrations)
    rates = [scored(out, "expert", "expert", plan.episodes)]
    for name, settings in WAYS.items():
        flags = [f"--policy.{key}={value}" for key, value in settings.items()]
        rates.append(
            scored(out, name.replace(" ", "-"), best, plan.episodes, TASK, *SCORED, *flags, label=f"ACT, {name}")
        )
    shutil.copytree(best, out / "policy", dirs_exist_ok=True)
    curve(out / "curve.svg", f"ACT from states on {TASK}", [Line("ACT", points)], {f"aim {AIM:.0%}": AIM})
    written(out, page(plan, rates, points))


def train(plan: Plan, out: Path, dataset: Path) -> tuple[Path, list[tuple[int, int, int]]]:
    """Trains stage by stage; the best checkpoint of the last one, and (updates, successes, episodes) of all."""
    points: list[tuple[int, int, int]] = []
    begin, done = None, 0
    run = out
    for number, (updates, rate) in enumerate(plan.stages, 1):
        counts = {"steps": updates, "batch-size": plan.batch_size, "learning-rate": rate}
        counts |= {"save-every": plan.save_every, "eval-episodes": plan.judged}
        flags = [word for key, value in counts.items() for word in (f"--{key}", str(value))]
        run, rates = trained(out, f"stage-{number}", dataset, plan.act, *flags, begin=begin)
        points += [(done + step, round(rate * plan.judged), plan.judged) for step, rate in rates]
        begin, done = (run / "checkpoints/last/pretrained_model").resolve(), done + updates
    return run / "best", points


def page(plan: Plan, rates: list[Scored], points: list[tuple[int, int, int]]) -> str:
    """Settings, scores and curve as Markdown."""
    stages = ", then ".join(f"{updates} updates at {rate:g}" for updates, rate in plan.stages)
    act = ", ".join(f"{name} {value}" for name, value in plan.act.items())
    return "\n".join(
        [
            f"ACT from `observation.state` and `observation.environment_state` on `{TASK}` (Panda), "
            f"{plan.demonstrations} demonstrations of the expert; {stages}; {plan.batch_size} rows an update, seed 0, "
            f"CPU, one thread. {act}.",
            "",
            f"The best checkpoint by {plan.judged} held-out episodes, on {plan.episodes} others:",
            "",
            table(RATES, [rate.cells for rate in rates]),
            "",
            f"Success over updates, {plan.judged} held-out episodes each:",
            "",
            table(
                ("updates", *RATES[1:]),
                [(str(step), *Scored("", *counts).cells[1:]) for step, *counts in points],
            ),
        ]
    )


if __name__ == "__main__":
    main()
