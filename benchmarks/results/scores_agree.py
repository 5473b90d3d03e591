"""One policy, scored by `lerobot-eval` and by `lerobot-sim eval`: do the figures agree, and where not, why?

LeRobot's command drives our environment through `--env.type=sim`, with the seeds from 1,000,000 on, in batches of 10
(it draws videos of the first batch). Ours runs the same seeds in the same batches, so the two are compared episode by
episode; then the same seeds in another batch size, which shows what a network's last bits do; then our usual held-out
seeds. What is finished is kept in --out. The policy is that of `act_lift.py` unless --policy names another.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from _shared import SCORED, TASK, Scored, command, digest, kept, parser, scored, table, written

from lerobot_sim.evaluation.paired import compare_pair
from lerobot_sim.evaluation.results import load

FIRST_SEED = 1_000_000  # beyond every demonstration's, and small enough for LeRobot, which seeds NumPy with it
BATCH, OTHER_BATCH = 10, 50

PROTOCOL = """schema = 1
id = "lift-seeds-of-lerobot-eval"
version = 1
episodes = {episodes}
first_seed = {first_seed}

[[environments]]
task = "{task}"
"""


def main() -> None:
    options = parser(__doc__, "outputs/results/scores_agree")
    options.add_argument("--policy", type=Path, default=Path("outputs/results/act_lift/policy"))
    given = options.parse_args()
    out, policy, episodes = given.out.resolve(), given.policy.resolve(), BATCH if given.quick else 200
    if not (policy / "config.json").exists():
        options.error(f"--policy: there is no checkpoint {policy}. Train one: python benchmarks/results/act_lift.py")
    out.mkdir(parents=True, exist_ok=True)
    protocol = out / "seeds.toml"
    protocol.write_text(PROTOCOL.format(episodes=episodes, first_seed=FIRST_SEED, task=TASK))
    theirs = kept(
        out,
        "lerobot-eval",
        {"policy": digest(policy), "episodes": episodes},
        lambda: lerobots(out, policy, episodes, given.quick),
    )
    same = ("--protocol", str(protocol), "--num-envs")
    rates = [
        Scored(f"`lerobot-eval`, seeds from {FIRST_SEED}, batch {BATCH}", sum(theirs["successes"]), episodes),
        scored(out, "same", policy, episodes, *same, str(BATCH), label=f"ours, the same seeds, batch {BATCH}"),
        scored(
            out, "batch", policy, episodes, *same, str(OTHER_BATCH), label=f"ours, the same seeds, batch {OTHER_BATCH}"
        ),
        scored(out, "held-out", policy, episodes, TASK, *SCORED, label="ours, held-out seeds, batch 50"),
    ]
    written(out, page(out, theirs, rates))


def lerobots(out: Path, policy: Path, episodes: int, quick: bool) -> dict[str, Any]:
    """`lerobot-eval`: each episode's success and return; a toy records states instead of drawing videos."""
    folder = out / "lerobot-eval"
    shutil.rmtree(folder, ignore_errors=True)  # of another policy: LeRobot does not write over a recording
    folder.mkdir(parents=True)
    command(
        "lerobot-eval",
        f"--policy.path={policy}",
        "--policy.device=cpu",
        "--env.type=sim",
        f"--env.task={TASK}",
        f"--eval.n_episodes={episodes}",
        f"--eval.batch_size={BATCH}",
        f"--seed={FIRST_SEED}",
        f"--output_dir={folder}",
        *(["--eval.recording=true"] if quick else []),
    )
    metrics = json.loads((folder / "eval_info.json").read_text())["per_task"][0]["metrics"]
    return {"successes": [bool(one) for one in metrics["successes"]], "returns": metrics["sum_rewards"]}


def page(out: Path, theirs: dict[str, Any], rates: list[Scored]) -> str:
    """The rates, and the episodes side by side."""
    by_seed = {FIRST_SEED + number: success for number, success in enumerate(theirs["successes"])}
    returns = {FIRST_SEED + number: value for number, value in enumerate(theirs["returns"])}
    rows: list[tuple[str, ...]] = []
    for name, label in (("same", f"ours, batch {BATCH}"), ("batch", f"ours, batch {OTHER_BATCH}")):
        ours = {one.seed: one for one in load(out / "eval" / name).of()}
        pair = compare_pair(by_seed, {seed: bool(one.success) for seed, one in ours.items()})
        apart = [abs(ours[seed].total_reward - value) for seed, value in returns.items()]
        equal = pair.pairs - pair.first_only - pair.second_only
        counts = (equal, pair.first_only, pair.second_only)
        p_value = f"{pair.p_value:.3g}"
        rows.append((label, *map(str, counts), p_value, f"{sum(apart) / len(apart):.2g}", f"{max(apart):.2g}"))
    head = ("against `lerobot-eval`", "same outcome", "only LeRobot's solved", "only ours solved", "p")
    return "\n".join(
        [
            f"One ACT on `{TASK}`, scored by both:",
            "",
            table(("who", "successes", "rate", "95% interval"), [rate.cells for rate in rates]),
            "",
            f"Episode by episode, {len(returns)} seeds (McNemar's exact p; how far returns are apart):",
            "",
            table((*head, "mean", "most"), rows),
        ]
    )


if __name__ == "__main__":
    main()
