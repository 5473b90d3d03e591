"""`eval_info.json`: a run in the words of LeRobot 0.6.1's `lerobot-eval`, and of the guides' scripts.

LeRobot's are `per_task`, `per_group` and `overall`; the guides' `avg_reward`, `average_reward`, `success_rate`,
`episode_rewards`, `episode_successes`, `episode_lengths`, `successes` and `failures`. Only the plain arm is told, and
FAULTs are left out. Rates are those of all episodes together, as LeRobot counts them; `summary.json` has the tasks'.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .results import SCHEMA, EpisodeRecord, EvaluationRun


def eval_info(run: EvaluationRun) -> dict[str, Any]:
    """The file's contents, JSON-ready; None where LeRobot writes NaN."""
    records = [one for one in run.of() if not one.fault]
    seconds = run.run.seconds or 0.0
    groups: dict[str, list[EpisodeRecord]] = {}
    per_task: list[dict[str, Any]] = []
    numbers: dict[str, int] = {}
    for task in run.run.tasks:
        group = task.suite or task.env_id.partition("/")[0]
        own = [one for one in records if one.task == task.task]
        groups.setdefault(group, []).extend(own)
        number = numbers[group] = numbers.get(group, -1) + 1
        per_task.append({"task_group": group, "task_id": number, "task": task.task, "metrics": _metrics(own)})
    return {
        "schema": SCHEMA,
        "per_task": per_task,
        "per_group": {group: _aggregated(own) for group, own in groups.items()},
        "overall": {
            **_aggregated(records),
            "eval_s": seconds,
            "eval_ep_s": seconds / max(1, len(records)),
        },
        **_guides(records),
    }


def _metrics(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    return {
        "sum_rewards": [_number(one.total_reward) for one in records],
        "max_rewards": [_number(one.max_reward) for one in records],
        "successes": [bool(one.success) for one in records],
        "seeds": [one.seed for one in records],
        "video_paths": _videos(records),
        "predicted_video_paths": [],
    }


def _aggregated(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    judged = [bool(one.success) for one in records if one.success is not None]
    return {
        "avg_sum_reward": _mean([one.total_reward for one in records]),
        "avg_max_reward": _mean([one.max_reward for one in records]),
        "pc_success": 100 * sum(judged) / len(judged) if judged else None,
        "n_episodes": len(records),
        "video_paths": _videos(records),
        "predicted_video_paths": [],
    }


def _guides(records: Sequence[EpisodeRecord]) -> dict[str, Any]:
    judged = [bool(one.success) for one in records if one.success is not None]
    average = _mean([one.total_reward for one in records])
    return {
        "avg_reward": average,
        "average_reward": average,
        "success_rate": sum(judged) / len(judged) if judged else None,
        "episode_rewards": [_number(one.total_reward) for one in records],
        "episode_successes": [bool(one.success) for one in records],
        "episode_lengths": [one.length for one in records],
        "successes": sum(judged),
        "failures": len(judged) - sum(judged),
    }


def _videos(records: Sequence[EpisodeRecord]) -> list[str]:
    return [one.video for one in records if one.video]


def _mean(values: Sequence[float]) -> float | None:
    return _number(math.fsum(values) / len(values)) if values else None


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
