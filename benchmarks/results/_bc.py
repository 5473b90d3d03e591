"""What the scripts of `bc` share: demonstrations, a training and its curve, by the commands that a user gives."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from _shared import digest, kept, sim

SCORED = ("--seed", "1", "--num-envs", "50")
"""Seeds that no checkpoint was chosen on, and one batch size for all."""


def demonstrations(out: Path, task: str, *options: str) -> Path:
    """A dataset of the expert's, with every option that it depends on."""
    folder = out / "demonstrations"
    arguments = (task, *options)
    kept(out, "demonstrations", {"arguments": arguments}, lambda: sim("collect", *arguments, "--output-dir", folder))
    return folder


def trained(
    out: Path, name: str, dataset: Path, settings: Mapping[str, Any], flags: Mapping[str, Any]
) -> tuple[Path, list[tuple[int, float, float | None]]]:
    """A `bc`: the best policy's folder, and (updates, loss, success) of its checkpoints."""
    chosen = [f"--policy.{key}={value}" for key, value in settings.items()]
    arguments = [
        "--policy",
        "bc",
        *chosen,
        *(word for key, value in flags.items() for word in (f"--{key}", str(value))),
    ]
    depends = {"arguments": arguments, "dataset": dataset}
    folder = out / name
    train = ("train", "--dataset", dataset, *arguments, "--output-dir", folder)
    best = Path(kept(out, name, depends, lambda: sim(*train))["best"])
    lines = [json.loads(line) for line in (folder / "bc/log.jsonl").read_text().splitlines()]
    losses = {int(line["step"]): float(line["loss"]) for line in lines if "loss" in line}
    rates = {int(line["step"]): float(line["success"]) for line in lines if "success" in line}
    every = int(flags["save-every"])
    return best, [(step, losses[step], rates.get(step)) for step in sorted(losses) if step % every == 0]


def evaluated(out: Path, name: str, task: str, policy: Path, episodes: int, *options: str) -> dict[str, Any]:
    """What `lerobot-sim eval` says of a policy; its results and videos lie in OUT/eval/NAME."""
    arguments = (task, *SCORED, "--episodes", str(episodes), *options)
    depends = {"arguments": arguments, "policy": digest(policy)}
    where = ("--policy", policy, "--output-dir", out / "eval" / name, "--overwrite")
    return kept(out, f"eval-{name}", depends, lambda: sim("eval", *arguments, *where))


def points(curve: Sequence[tuple[int, float, float | None]], episodes: int) -> list[tuple[int, int, int]]:
    """(updates, successes, episodes) of the checkpoints that were scored."""
    return [(step, round(rate * episodes), episodes) for step, _, rate in curve if rate is not None]


def lines(curve: Sequence[tuple[int, float, float | None]], episodes: int) -> list[tuple[str, ...]]:
    """The curve as rows of a table: updates, loss, successes."""
    return [
        (str(step), f"{loss:.3f}", "" if rate is None else f"{round(rate * episodes)} of {episodes}")
        for step, loss, rate in curve
    ]
