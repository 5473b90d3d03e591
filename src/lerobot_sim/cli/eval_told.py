"""What `eval` says at its end, and the object that it prints with --json."""

from __future__ import annotations

from typing import Any

from lerobot_sim.evaluation.report_data import held_out
from lerobot_sim.evaluation.results import EVAL_INFO, JOURNAL, SUMMARY, EvaluationRun

from .console import Console

_ROWS = 60
_COLUMNS = 12


def result_of(done: EvaluationRun) -> dict[str, Any]:
    """The suite's figures and where the files are; JSON-ready."""
    suite = done.summary["suite"]
    plain = done.of()
    tasks = done.run.tasks
    seeds = sorted({seed for task in tasks for seed in task.seeds})
    return {
        "protocol": done.run.protocol["id"],
        "env_id": tasks[0].env_id if len(tasks) == 1 else None,
        "env_version": tasks[0].env_version if len(tasks) == 1 else None,
        "policy": done.run.policy["argument"],
        "success_rule": tasks[0].success_rule if len(tasks) == 1 else None,
        **suite,
        "policy_errors": sum(one.policy_error for one in done.episodes),
        "seeds": [seeds[0], seeds[-1] + 1],
        "complete": done.complete,
        "tasks": {
            entry["task"]: {name: entry[name] for name in ("success_rate", "interval", "episodes", "mean_return")}
            for entry in done.summary["tasks"]
            if not entry["arm"]
        },
        "grid": done.summary["grid"],
        "compared": done.summary["compared"],
        "output_dir": str(done.folder),
        "results": str(done.folder / JOURNAL),
        "summary": str(done.folder / SUMMARY),
        "eval_info": str(done.folder / EVAL_INFO),
        "videos": [str(done.folder / one.video) for one in plain if one.video],
    }


def tell(done: EvaluationRun, result: dict[str, Any], console: Console) -> None:
    """The figures in words."""
    _tell_tasks(done, console)
    _tell_success(done, result, console)
    if result["mean_return"] is not None:
        console.say(f"Mean return: {result['mean_return']:.1f}")
    for name, entry in result["metrics"].items():
        if entry["mean"] is not None:
            unit = f" {entry['unit']}" if entry["unit"] else ""
            console.say(f"{name}: {entry['mean']:.4g}{unit}{_between(entry['interval'])}")
    _tell_compared(result["compared"], console)
    _tell_grid(result["grid"], console)
    broken = [one for one in done.episodes if one.policy_error]
    for one in broken[:3]:
        console.say(f"Seed {one.seed} was broken off by the policy: {one.explanation}")
    if broken:
        console.say(f"{len(broken)} episodes were broken off by the policy: it raised, or its action was not finite.")
    if result["faults"]:
        console.say(f"{result['faults']} episodes ended in a fault of the simulator; they are in no rate.")
    stopped = done.run.execution.get("sequential")
    if stopped:
        console.say(f"{stopped['words']} The interval above holds at every look, too.")
        if stopped["verdict"] in ("above", "below") and stopped["low"] <= stopped["mark"] <= stopped["high"]:
            console.say("It is wider than the test, which asks for one mark alone and so decides sooner.")
    elif not done.complete:
        console.say(
            f"{len(done.episodes)} of {done.wanted} episodes: a shard. Join them with `lerobot-sim eval merge`."
        )
    for path in result["videos"]:
        console.say(f"Video: {path}")
    console.say(f"Report: {result['report']}")


def _tell_success(done: EvaluationRun, result: dict[str, Any], console: Console) -> None:
    if result["success_rate"] is None:
        console.say(f"{result['episodes']} episodes; '{done.run.protocol['id']}' defines no success.")
        return
    low, high = result["interval"]
    tasks = len(done.run.tasks)
    over = f" in {tasks} tasks, each weighing the same" if tasks > 1 else ""
    seeds = " held-out" if held_out(done) else ""
    console.say(
        f"Success: {result['success_rate']:.1%} of {result['valid']}{seeds} episodes{over} "
        f"(95% interval {low:.1%} to {high:.1%}), at the last step {result['success_final_rate']:.1%}"
    )
    if result["passed"] is not None:
        verdict = "passed" if result["passed"] else "not passed"
        console.say(f"Pass mark {result['success_threshold']:.0%}: {verdict}; the lower bound is {low:.1%}.")


def _tell_tasks(done: EvaluationRun, console: Console) -> None:
    if len(done.run.tasks) < 2:
        return
    entries = [entry for entry in done.summary["tasks"] if not entry["arm"]]
    width = max(len(entry["task"]) for entry in entries)
    for entry in entries[:_ROWS]:
        if entry["success_rate"] is not None:
            low, high = entry["interval"]
            rate = f"{entry['success_rate']:6.1%}  ({low:.1%} to {high:.1%}) of {entry['valid']}"
        else:
            rate = "no success is defined" if entry["episodes"] else "no episode yet"
        console.say(f"  {entry['task']:<{width}}  {rate}")
    if len(entries) > _ROWS:
        console.say(f"  … and {len(entries) - _ROWS} more in {SUMMARY}")


def _tell_compared(compared: dict[str, Any], console: Console) -> None:
    efficiency = compared.get("efficiency")
    if efficiency and efficiency["pairs"]:
        time, path = efficiency["time"]["mean"], efficiency["path"]["mean"]
        pairs = efficiency["pairs"]
        console.say(f"Efficiency against the expert, {pairs} seeds that it solves: time {time:.2f}, path {path:.2f}")
    language = compared.get("language_conditioning")
    if language:
        parts = [
            f"{name} {entry['success_rate']:.1%}"
            for name, entry in language.items()
            if entry["success_rate"] is not None
        ]
        console.say("Success by instruction: " + ", ".join(parts))


def _tell_grid(grid: dict[str, Any] | None, console: Console) -> None:
    if not grid:
        return
    for cell in grid["cells"]:
        where = ", ".join(f"{name} {value}" for name, value in cell["params"].items())
        if cell["success_rate"] is not None:
            low, high = cell["interval"]
            bar = "█" * round(_COLUMNS * cell["success_rate"])
            console.say(f"  {where}: {cell['success_rate']:6.1%} ({low:.1%} to {high:.1%}) {bar}")


def _between(interval: list[float] | None) -> str:
    return f" (95% interval {interval[0]:.4g} to {interval[1]:.4g})" if interval else ""
