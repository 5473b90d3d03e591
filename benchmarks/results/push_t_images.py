"""`bc` from pictures alone on `numpy/push-t`: 50 demonstrations, CPU; aim: 90% of 200 held-out episodes.

Demonstrations, training and scores are the project's own commands, as a user gives them. The policy sees one camera of
64 x 64 pixels and no state: where agent, block and target are, it has to find in the picture. Checkpoints are scored
while training on 20 held-out episodes; the best one is scored again on 200 others. What is finished is kept in --out,
and the same command goes on. OUT/results.md holds the tables, OUT/curve.svg the curve, OUT/eval videos. On one free
core it takes about 10 minutes.

3,000 updates are few: what a training reaches here hangs by a thread (see docs/bc.md). --steps N trains longer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from _bc import demonstrations, evaluated, lines, points, trained
from _shared import RATES, Line, Scored, curve, parser, table, written

TASK, AIM = "numpy/push-t", 0.9


@dataclass(frozen=True)
class Plan:
    """How much of everything; `settings` are the policy's."""

    demonstrations: int = 50
    steps: int = 3000
    batch_size: int = 64
    learning_rate: float = 1e-3
    save_every: int = 1000
    judged: int = 20
    episodes: int = 200
    videos: int = 2
    seed: int = 0
    settings: Mapping[str, Any] = field(
        default_factory=lambda: {"state": "false", "chunk_size": 4, "n_action_steps": 1, "weight_decay": 1e-4}
    )


QUICK = Plan(demonstrations=2, steps=20, batch_size=8, save_every=10, judged=2, episodes=4, videos=0)


def main() -> None:
    arguments = parser(__doc__, "outputs/results/push_t_images")
    arguments.add_argument("--steps", type=int, default=0, help="updates; by default 3000")
    arguments.add_argument("--seed", type=int, default=0, help="of the training; by default 0")
    options = arguments.parse_args()
    plan, out = QUICK if options.quick else Plan(), options.out.resolve()
    plan = replace(plan, steps=options.steps or plan.steps, seed=options.seed)
    shown = ("--episodes", str(plan.demonstrations), "--cameras", "front", "--image-size", "64")
    dataset = demonstrations(out, TASK, *shown)
    flags = {"steps": plan.steps, "batch-size": plan.batch_size, "learning-rate": plan.learning_rate}
    flags |= {"save-every": plan.save_every, "eval-episodes": plan.judged, "seed": plan.seed}
    best, found = trained(out, "training", dataset, plan.settings, flags)
    score = evaluated(out, "best", TASK, best, plan.episodes, "--videos", str(plan.videos), "--video-size", "64")
    rate = Scored("bc from pictures", round(score["success_rate"] * score["valid"]), score["valid"])
    curve(out / "curve.svg", f"bc from pictures on {TASK}", [Line("bc", points(found, plan.judged))], {"aim": AIM})
    written(out, page(plan, rate, found))


def page(plan: Plan, rate: Scored, found: list[tuple[int, float, float | None]]) -> str:
    """Settings, score and curve as Markdown."""
    settings = ", ".join(f"{name} {value}" for name, value in plan.settings.items())
    return "\n".join(
        [
            f"`bc` from the camera `front` (64 x 64) and no state on `{TASK}`, {plan.demonstrations} demonstrations of "
            f"the expert, {plan.steps} updates on {plan.batch_size} rows, learning rate {plan.learning_rate:g}, "
            f"seed {plan.seed}, CPU, one thread. {settings}.",
            "",
            f"The best checkpoint by {plan.judged} held-out episodes, on {plan.episodes} others (aim {AIM:.0%}):",
            "",
            table(RATES, [rate.cells]),
            "",
            "Loss (L1 of normalised actions) and success over updates:",
            "",
            table(("updates", "loss", "successes"), lines(found, plan.judged)),
        ]
    )


if __name__ == "__main__":
    main()
