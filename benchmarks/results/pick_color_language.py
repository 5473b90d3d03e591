"""`bc` conditioned on language on `mujoco/pick-color`: right, held-out, shuffled and empty instructions.

The observation (states) does not say which of the three cubes is meant: the instruction alone does. The policy learns
from the phrases of the split "train"; the same 200 held-out episodes are then run with the right instruction, with a
phrase of the split "held_out", with the instruction of another colour, and with none. A policy that reads loses all
with another colour's words; one that does not read, trained likewise without them, shows what guessing gives (chance is
1 in 3). Aims: right >= 80%, shuffled no better than guessing. What is finished is kept in --out, and the same command
goes on. OUT/results.md holds the tables, OUT/curve.svg the curve, OUT/eval videos. On one free core it takes about 8
minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from _bc import demonstrations, evaluated, lines, points, trained
from _shared import RATES, Line, Scored, curve, parser, table, written

TASK, AIM, CHANCE = "mujoco/pick-color", 0.8, 1 / 3
HIDDEN_TARGET = ("--option", "show_target=false")
ARMS = {
    "right": "the right instruction",
    "paraphrased": "the same in a held-out phrase",
    "shuffled": "another colour's instruction",
    "empty": "no words",
}


@dataclass(frozen=True)
class Plan:
    """How much of everything; `settings` are the policy's."""

    demonstrations: int = 500
    steps: int = 4000
    batch_size: int = 128
    learning_rate: float = 2e-3
    save_every: int = 1000
    judged: int = 50
    episodes: int = 200
    videos: int = 2
    settings: Mapping[str, Any] = field(
        default_factory=lambda: {"chunk_size": 4, "n_action_steps": 2, "hidden_dim": 192}
    )


QUICK = Plan(demonstrations=6, steps=20, batch_size=8, save_every=10, judged=2, episodes=4, videos=0)


def main() -> None:
    options = parser(__doc__, "outputs/results/pick_color_language").parse_args()
    plan, out = QUICK if options.quick else Plan(), options.out.resolve()
    shown = ("--episodes", str(plan.demonstrations), "--success-only", "--stop-at-success", *HIDDEN_TARGET)
    dataset = demonstrations(out, TASK, *shown)
    flags = {"steps": plan.steps, "batch-size": plan.batch_size, "learning-rate": plan.learning_rate}
    flags |= {"save-every": plan.save_every, "eval-episodes": plan.judged}
    best, found = trained(out, "reads", dataset, plan.settings, flags)
    blind, found_blind = trained(out, "does-not-read", dataset, {**plan.settings, "language": "false"}, flags)
    told = (*HIDDEN_TARGET, "--metrics", "success_rate", "language_conditioning", "--videos", str(plan.videos))
    score = evaluated(out, "reads", TASK, best, plan.episodes, *told)
    guess = evaluated(out, "does-not-read", TASK, blind, plan.episodes, *HIDDEN_TARGET)
    curves = [Line("reads", points(found, plan.judged)), Line("does not read", points(found_blind, plan.judged))]
    marks = {f"aim {AIM:.0%}": AIM, "chance": CHANCE}
    curve(out / "curve.svg", f"bc with instructions on {TASK}", curves, marks)
    rates = score["compared"]["language_conditioning"]
    rows = [Scored(words, rates[arm]["successes"], rates[arm]["trials"]).cells for arm, words in ARMS.items()]
    blindly = Scored("a policy that does not read", round(guess["success_rate"] * guess["valid"]), guess["valid"])
    written(out, page(plan, [*rows, blindly.cells], rates, found))


def page(
    plan: Plan, rows: list[tuple[str, ...]], rates: Mapping[str, Any], found: list[tuple[int, float, float | None]]
) -> str:
    """Settings, scores and curve as Markdown."""
    settings = ", ".join(f"{name} {value}" for name, value in plan.settings.items())
    lost = rates["shuffled"]
    low, high = lost["conditioning_interval"]
    return "\n".join(
        [
            f"`bc` from states and the instruction on `{TASK}` (Panda, show_target=false), {plan.demonstrations} "
            f"demonstrations of the expert with the phrases of the split train, {plan.steps} updates on "
            f"{plan.batch_size} rows, learning rate {plan.learning_rate:g}, seed 0, CPU, one thread. {settings}.",
            "",
            f"The best checkpoint by {plan.judged} held-out episodes, on {plan.episodes} others, which are the same "
            f"ones for every instruction (aims: right {AIM:.0%}, shuffled no better than guessing):",
            "",
            table(("instruction", *RATES[1:]), rows),
            "",
            f"Right minus shuffled, paired: {lost['conditioning']:.1%} ({low:.1%} to {high:.1%}).",
            "",
            "Loss (L1 of normalised actions) and success over updates:",
            "",
            table(("updates", "loss", "successes"), lines(found, plan.judged)),
        ]
    )


if __name__ == "__main__":
    main()
