"""Fine-tuning on 10 episodes of a changed world: better than the policy as it was, and than one from scratch?

The changed world is the same task with a Panda that was bolted down turned by 25 degrees, as an MJCF of the user's
own (`--robot.model-path`). The ACT of `act_lift.py` (or --policy) is scored there as it is, after fine-tuning on 10
demonstrations, and beside an ACT that learned from those 10 alone, with six times the updates. All on the same 200
held-out episodes, compared pair by pair. What is finished is kept in --out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from _shared import RATES, SCORED, TASK, Line, Scored, collected, curve, parser, scored, sim, table, trained, written
from act_lift import QUICK as QUICK_BASE
from act_lift import Plan as Base

TURNED = math.radians(25)  # about the vertical
NAMES = {"zero-shot": "as it was", "scratch": "from scratch", "fine-tuned": "fine-tuned"}


@dataclass(frozen=True)
class Plan:
    """How much of everything.

    Attributes:
        demonstrations: In the changed world.
        tuned: Updates and learning rate of fine-tuning.
        scratch: Updates and learning rate from scratch.
        save_every: Updates between checkpoints of fine-tuning.
        judged: Held-out episodes that score a checkpoint, for the curve alone: the last one counts.
        episodes: That score a policy in the end.
    """

    demonstrations: int = 10
    tuned: tuple[int, float] = (500, 1e-4)
    scratch: tuple[int, float] = (3000, 5e-4)
    save_every: int = 250
    judged: int = 50
    episodes: int = 200


QUICK = Plan(demonstrations=2, tuned=(4, 1e-4), scratch=(4, 5e-4), save_every=2, judged=2, episodes=4)


def main() -> None:
    options = parser(__doc__, "outputs/results/fine_tuning")
    options.add_argument("--policy", type=Path, default=Path("outputs/results/act_lift/policy"))
    given = options.parse_args()
    plan, base = (QUICK, QUICK_BASE) if given.quick else (Plan(), Base())
    out, policy = given.out.resolve(), given.policy.resolve()
    if not (policy / "config.json").exists():
        options.error(f"--policy: there is no checkpoint {policy}. Train one: python benchmarks/results/act_lift.py")
    world = changed_world(out / "world" / "panda.xml")
    there = ("--robot", "panda", "--robot.model-path", str(world))
    dataset = collected(out, "demonstrations", "--episodes", str(plan.demonstrations), "--seed", "7", *there)
    runs = {
        "fine-tuned": train(plan, out, "fine-tuned", dataset, base, plan.tuned, policy),
        "scratch": train(plan, out, "scratch", dataset, base, plan.scratch, None),
    }
    policies = {"zero-shot": policy} | {
        name: run / "checkpoints/last/pretrained_model" for name, (run, _) in runs.items()
    }
    scores = [
        scored(out, "known", policy, plan.episodes, label="in the world that it learned in"),
        scored(out, "expert", "expert", plan.episodes, TASK, *SCORED, *there, label="the expert, changed world"),
    ]
    scores += [
        scored(out, name, policies[name], plan.episodes, TASK, *SCORED, *there, label=f"{label}, changed world")
        for name, label in NAMES.items()
    ]
    compared = sim("compare", *(f"{name}={out / 'eval' / name}" for name in NAMES))
    lines = [Line(NAMES[name], points) for name, (_, points) in runs.items()]
    at = scores[2].successes / scores[2].episodes
    curve(out / "curve.svg", f"{plan.demonstrations} episodes of a changed world", lines, {"as it was": at})
    written(out, page(plan, scores, compared, runs))


def changed_world(path: Path) -> Path:
    """Our Panda as an MJCF, its base turned."""
    import mujoco

    from lerobot_sim.envs.mujoco.robots.catalogue import robot

    spec = mujoco.MjSpec()
    robot("panda").add(spec)
    base = spec.worldbody.first_body()
    base.quat = [math.cos(TURNED / 2), 0.0, 0.0, math.sin(TURNED / 2)]
    spec.compile()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(spec.to_xml())
    return path


def train(
    plan: Plan, out: Path, name: str, dataset: Path, base: Base, how: tuple[int, float], begin: Path | None
) -> tuple[Path, list[tuple[int, int, int]]]:
    """Trains on the few episodes; the run's folder and its curve."""
    updates, rate = how
    counts = {"steps": updates, "batch-size": base.batch_size, "learning-rate": rate}
    counts |= {"save-every": plan.save_every * updates // plan.tuned[0], "eval-episodes": plan.judged}
    flags = [word for key, value in counts.items() for word in (f"--{key}", str(value))]
    run, rates = trained(out, name, dataset, base.act, *flags, begin=begin)
    return run, [(step, round(share * plan.judged), plan.judged) for step, share in rates]


def page(plan: Plan, scores: list[Scored], compared: dict[str, Any], runs: dict[str, Any]) -> str:
    """Settings, scores, comparisons and curves as Markdown."""
    pairs = [
        (
            f"{NAMES[pair['first']]} over {NAMES[pair['second']]}",
            f"{pair['difference']:+.1%}",
            f"{pair['low']:+.1%} to {pair['high']:+.1%}",
            f"{pair['adjusted']:.2g}",
        )
        for pair in compared["pairs"]
    ]
    rows = [
        (NAMES[name], str(step), *Scored("", *counts).cells[1:])
        for name, (_, points) in runs.items()
        for step, *counts in points
    ]
    return "\n".join(
        [
            f"The Panda is bolted down turned by {math.degrees(TURNED):g} degrees; {plan.demonstrations} "
            f"demonstrations there. Fine-tuned: {plan.tuned[0]} updates at {plan.tuned[1]:g}; from scratch: "
            f"{plan.scratch[0]} at {plan.scratch[1]:g}. The last checkpoint counts, none was chosen.",
            "",
            table(RATES, [one.cells for one in scores]),
            "",
            "On the same episodes (McNemar's test, Holm's correction):",
            "",
            table(("comparison", "difference", "95% interval", "p"), pairs),
            "",
            f"Success over updates, {plan.judged} held-out episodes each:",
            "",
            table(("policy", "updates", *RATES[1:]), rows),
        ]
    )


if __name__ == "__main__":
    main()
