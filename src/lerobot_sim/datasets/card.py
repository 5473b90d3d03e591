"""The dataset card: what a dataset on the hub says of itself, written from its own files."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import sidecar
from .files import read_json
from .layout import INDEX_COLUMNS, Info, read_info
from .reader import read_episodes
from .sidecar import EpisodeRecord

MARK = "<!-- written by lerobot-sim: a push writes it anew as long as this line is here -->"
"""Tells our cards from those that people wrote."""

_MEND = "Restore it from a copy."
_TASKS_SHOWN = 20


def dataset_card(
    root: Path | str,
    repo_id: str,
    *,
    license_id: str = "apache-2.0",
    success_interval: tuple[float, float] | None = None,
) -> str:
    """The card of a dataset, ours or another's, as Markdown with the hub's YAML before it.

    Args:
        root: The dataset's folder.
        repo_id: "OWNER/NAME", for the examples.
        license_id: The hub's name of the licence.
        success_interval: 95% interval of the success rate; it is shown only where no episode was left out.

    Raises:
        StorageError: A file is missing or damaged.
    """
    folder = Path(root)
    info = read_info(folder)
    run = read_json(folder / sidecar.RUN, _MEND) if (folder / sidecar.RUN).exists() else None
    records = sidecar.read_lines(folder, info.total_episodes)[0] if run else []
    sections = [
        _front(license_id, info, run is not None),
        MARK,
        f"# {repo_id.rsplit('/', maxsplit=1)[-1]}",
        f"A [LeRobot](https://github.com/huggingface/lerobot) dataset, format {info.codebase_version}"
        + (", recorded in simulation with lerobot-sim." if run else "."),
        _facts(folder, info, run, records, success_interval),
        _features(info),
        _loading(repo_id),
    ]
    if run:
        sections.append(_again(run, records))
    return "\n\n".join(sections) + "\n"


def _front(license_id: str, info: Info, ours: bool) -> str:
    tags = ["LeRobot", "robotics", *(["simulation", "lerobot-sim"] if ours else [])]
    lines = [
        "---",
        f"license: {license_id}",
        "task_categories:",
        "- robotics",
        "tags:",
        *(f"- {tag}" for tag in tags),
        f"size_categories:\n- {_size_category(info.total_frames)}",
        "configs:",
        "- config_name: default",
        "  data_files: data/*/*.parquet",
        "---",
    ]
    return "\n".join(lines)


def _size_category(rows: int) -> str:
    for limit, name in ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M")):
        if rows < limit:
            return name
    return "1M<n<10M"


def _facts(
    folder: Path,
    info: Info,
    run: Any,
    records: Sequence[EpisodeRecord],
    interval: tuple[float, float] | None,
) -> str:
    rows = [("episodes", str(info.total_episodes)), ("frames", f"{info.total_frames} at {info.fps:g} a second")]
    if info.robot_type:
        rows.append(("robot", f"`{info.robot_type}`"))
    if run:
        environment, settings = run["environment"], run["settings"]
        rows.append(("environment", f"`{environment['id']}` version {environment['version']}"))
        if environment.get("options"):
            rows.append(("options", f"`{json.dumps(environment['options'])}`"))
        if "policy" in settings:
            rows.append(("policy", f"`{settings['policy']}`"))
        if records:
            rows.append(("seeds", _seeds(records)))
            rows.append(("successes", _successes(records, environment["success_rule"], interval, settings)))
            ends = {name: sum(r.end.name == name for r in records) for name in sorted({r.end.name for r in records})}
            rows.append(("ends", ", ".join(f"{count} {name}" for name, count in ends.items())))
        versions = ", ".join(f"{name} {version}" for name, version in run["versions"].items())
        rows.append(("written with", versions))
    tasks = list(dict.fromkeys(task for entry in read_episodes(folder) for task in entry.tasks))
    shown = [f"- {task}" for task in tasks[:_TASKS_SHOWN]]
    if len(tasks) > _TASKS_SHOWN:
        shown.append(f"- and {len(tasks) - _TASKS_SHOWN} more")
    table = "\n".join(["| | |", "|---|---|", *(f"| {name} | {_cell(value)} |" for name, value in rows)])
    return f"## What is in it\n\n{table}\n\nTasks:\n\n" + "\n".join(shown)


def _seeds(records: Sequence[EpisodeRecord]) -> str:
    seeds = [record.seed for record in records]
    if seeds == list(range(seeds[0], seeds[0] + len(seeds))):
        return f"{seeds[0]} to {seeds[-1]}"
    return f"{len(seeds)} between {min(seeds)} and {max(seeds)}"


def is_complete(records: Sequence[EpisodeRecord]) -> bool:
    """Whether the episodes are those of all seeds in a row, so that their successes tell of the policy."""
    return [record.index for record in records] == list(range(records[0].index, records[0].index + len(records)))


def _successes(records: Sequence[EpisodeRecord], rule: str, interval: tuple[float, float] | None, settings: Any) -> str:
    if rule == "none":
        return "not defined in this environment"
    count = sum(bool(record.success) for record in records)
    text = f"{count} of {len(records)} (rule `{rule}`)"
    if settings.get("success_only") or not is_complete(records):
        return f"{text}; failures or other seeds were left out, so this is not the policy's success rate"
    if interval is None:
        return text
    low, high = interval
    return f"{text}: {count / len(records):.1%}, 95% interval {low:.1%} to {high:.1%}"


def _features(info: Info) -> str:
    lines = ["## Features", "", "| name | type | shape | elements |", "|---|---|---|---|"]
    for name, column in info.columns.items():
        if name not in INDEX_COLUMNS:
            elements = ", ".join(column.names) if column.names else ""
            shape = " x ".join(map(str, column.shape))
            lines.append(f"| `{name}` | {column.dtype} | {shape} | {_cell(elements)} |")
    return "\n".join(lines)


def _loading(repo_id: str) -> str:
    return "\n".join(
        [
            "## Loading",
            "",
            "```python",
            "from lerobot.datasets.lerobot_dataset import LeRobotDataset",
            "",
            f'dataset = LeRobotDataset("{repo_id}")',
            "```",
            "",
            "or, without torch:",
            "",
            "```bash",
            f"lerobot-sim dataset pull {repo_id} --output-dir outputs/{repo_id.rsplit('/', maxsplit=1)[-1]}",
            "```",
        ]
    )


def _again(run: Any, records: Sequence[EpisodeRecord]) -> str:
    """How the same episodes are made again, as far as the settings say it."""
    lines = ["## Making it again", ""]
    command = _command(run, records)
    if command:
        lines += ["```bash", command, "```", ""]
    lines += [
        "Each episode's seed, Params, end and final observation are in `sim/episodes.jsonl`, and the environment's",
        "whole specification and the settings in `sim/run.json`:",
        "",
        "```json",
        json.dumps({key: run[key] for key in ("settings", "recording") if run.get(key)}, indent=2, ensure_ascii=False),
        "```",
    ]
    return "\n".join(lines)


def _command(run: Any, records: Sequence[EpisodeRecord]) -> str | None:
    """The `collect` that makes the same episodes; None where the policy is not one that is named alone."""
    environment, settings = run["environment"], run["settings"]
    recording: dict[str, Any] = run.get("recording") or {}
    policy = settings.get("policy")
    if not isinstance(policy, str) or ":" in policy or "seed" not in settings or not records:
        return None
    success_only = bool(settings.get("success_only"))
    count = len(records) if success_only else records[-1].index + 1
    words = ["lerobot-sim", "collect", environment["id"], "--policy", policy, "--seed", settings["seed"]]
    words += ["--episodes", count]
    words += ["--success-only"] if success_only else []
    words += ["--stop-at-success"] if settings.get("stop_at_success") else []
    if settings.get("episode_length"):
        words += ["--episode-length", settings["episode_length"]]
    for name, value in settings.get("params", {}).items():
        words += ["--param", f"{name}={_param(value)}"]
    if "robot" in environment.get("options", {}):
        words += ["--robot", environment["options"]["robot"]]
    cameras: dict[str, Any] = recording.get("cameras") or {}
    if cameras:
        for kind, option in (("rgb", "--cameras"), ("depth", "--depth")):
            chosen = [name for name, camera in cameras.items() if camera["kind"] == kind]
            words += [option, *chosen] if chosen else []
        first, video = next(iter(cameras.values())), recording["video"]
        sizes = {name: (camera["height"], camera["width"]) for name, camera in cameras.items()}
        usual = {name: (camera["height"], camera["width"]) for name, camera in environment["cameras"].items()}
        if any(sizes[name] != usual.get(name) for name in sizes):
            if len(set(sizes.values())) > 1:
                return None  # `collect` takes one size for all
            words += ["--image-size", f"{first['height']}x{first['width']}"]
        words += ["--look", first["look"]]
        words += ["--codec", video["codec"], "--gop", video["gop"]]
    return shlex.join(map(str, words))


def _param(value: Any) -> str:
    """A Param's value as `collect --param` takes it."""
    if isinstance(value, dict):
        return f"{_param(value['low'])}:{_param(value['high'])}"  # pyright: ignore[reportUnknownArgumentType]
    return json.dumps(value, separators=(",", ":")) if isinstance(value, list) else str(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
