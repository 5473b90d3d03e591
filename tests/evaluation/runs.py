"""Folders of results for tests: written by the project's own records, outcomes chosen by the test."""

from lerobot_sim.evaluation.results import EpisodeRecord, EvaluationRun, RunRecord, TaskRecord
from lerobot_sim.evaluation.summary import summarize


def episode(task="push-t", seed=0, success=True, **more):
    usual = {
        "task": task,
        "env_id": "numpy/push-t",
        "env_version": 1,
        "index": seed,
        "seed": seed,
        "success": success,
        "success_ever": bool(success),
        "success_final": bool(success),
        "first_success_step": 20 + seed % 7 if success else None,
        "total_reward": 30.0 + seed % 5 + (20.0 if success else 0.0),
        "max_reward": 1.0,
        "length": 60 + seed % 11,
        "end": "TERMINATED" if success else "TIME_LIMIT",
        "instruction": "Push the T onto the target.",
        "metrics": {"action_smoothness": -2.0 - seed % 3},
    }
    return EpisodeRecord(**{**usual, **more})


def run_of(folder, outcomes, *, first_seed=0, identity="student", episodes=(), tasks=None, summed=True, **more):
    """A run whose tasks (name -> successes in the order of the seeds) came out as said, written to `folder`.

    `episodes` replaces those of the same key; `tasks` are further fields of every task; `summed`: with a summary.
    """
    if not isinstance(outcomes, dict):
        outcomes = {"push-t": outcomes}
    records, made = {}, []
    for name, successes in outcomes.items():
        made.append(
            TaskRecord(
                **{
                    "task": name,
                    "env_id": "numpy/push-t",
                    "env_version": 1,
                    "fps": 10.0,
                    "max_steps": 300,
                    "success_rule": "any",
                    "seeds": [first_seed + i for i in range(len(successes))],
                    **(tasks or {}),
                }
            )
        )
        for i, success in enumerate(successes):
            if success != "missing":
                one = episode(name, first_seed + i, success, index=i)
                records[one.key] = one
    records |= {one.key: one for one in episodes}
    usual = {
        "protocol": {"id": "push-t", "version": 1, "episodes": 50, "success_threshold": 0.8},
        "tasks": made,
        "policy": {"argument": "outputs/best_policy.npz", "identity": identity, "batch_size": 8},
        "settings": {"policy": identity, "seed": 0, "num_envs": 8},
        "versions": {"lerobot-sim": "0.1.0", "python": "3.12.1", "numpy": "2.2.6"},
        "command": ["lerobot-sim", "eval", "push-t"],
        "started": "2026-11-21T08:00:00Z",
        "seconds": 12.5,
    }
    run = EvaluationRun(folder, RunRecord(**{**usual, **more}), list(records.values()))
    run = EvaluationRun(folder, run.run, run.episodes, summarize(run) if summed else {})
    run.save()
    return run
