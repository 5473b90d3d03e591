"""`lerobot-sim dataset info`: what is in a dataset."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .dataset_check import Root
from .options import read

ABOUT = """Say what is in a LeRobotDataset v3, ours or another's: episodes, rows, features, cameras, tasks, bytes; and,
where it was made by lerobot-sim, the environment, the seeds and how many episodes succeeded.

example:
  lerobot-sim dataset info outputs/push-t/dataset --json"""

_PIPED_WIDTH = 180


@dataclass(kw_only=True)
class InfoOptions:
    """Options of `dataset info`."""

    root: Root
    """The dataset's folder."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and says it."""
    options = read(InfoOptions, "dataset info", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    facts = _facts(options.root)
    if options.json:
        console.result(facts)
    else:
        _print(console.say, facts)
    return 0


def _facts(root: Path) -> dict[str, Any]:
    from lerobot_sim.datasets.reader import read_episodes, read_info

    info, episodes = read_info(root), read_episodes(root)
    features: Mapping[str, Any] = json.loads((root / "meta/info.json").read_text(encoding="utf-8"))["features"]
    lengths = [entry.length for entry in episodes]
    tasks: dict[str, int] = {}
    for entry in episodes:
        for task in entry.tasks:
            tasks[task] = tasks.get(task, 0) + 1
    folders = ("meta", "data", "videos", "sim")
    return {
        "root": str(root),
        "episodes": info.total_episodes,
        "frames": info.total_frames,
        "fps": info.fps,
        "seconds": info.total_frames / info.fps,
        "shortest": min(lengths, default=0),
        "longest": max(lengths, default=0),
        "robot_type": info.robot_type,
        "tasks": tasks,
        "features": {
            name: {
                "dtype": column.dtype,
                "shape": list(column.shape),
                "names": None if column.names is None else list(column.names),
                "encoding": features[name].get("info"),
            }
            for name, column in info.columns.items()
        },
        "bytes": {name: _bytes(root / name) for name in folders if (root / name).exists()},
        "simulation": _simulation(root),
    }


def _simulation(root: Path) -> dict[str, Any] | None:
    """What lies beside the dataset, None where nothing does."""
    from lerobot_sim.datasets import sidecar
    from lerobot_sim.datasets.origin import read_origin
    from lerobot_sim.datasets.reader import read_records

    if not (root / sidecar.RUN).exists():
        return None
    origin, records = read_origin(root), read_records(root)
    judged = [record.success for record in records if record.success is not None]
    ends: dict[str, int] = {}
    for record in records:
        ends[record.end.name] = ends.get(record.end.name, 0) + 1
    return {
        "environment": origin.env_id,
        "version": origin.env_version,
        "options": dict(origin.env_options),
        "settings": dict(origin.settings),
        "success_rate": sum(judged) / len(judged) if judged else None,
        "mean_return": sum(record.total_reward for record in records) / len(records) if records else None,
        "ends": ends,
        "seeds": [record.seed for record in records],
        "states": len(list((root / "sim/states").glob("episode_*.npz"))),
    }


def _print(say: Any, facts: Mapping[str, Any]) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table

    length = str(facts["shortest"])
    length += "" if facts["shortest"] == facts["longest"] else f" to {facts['longest']}"
    robot = f", {facts['robot_type']}" if facts["robot_type"] else ""
    say(f"{facts['root']}{robot}")
    say(
        f"{facts['episodes']} episodes of {length} rows, {facts['frames']} rows at {facts['fps']:g} a second "
        f"({facts['seconds']:.0f} s)"
    )
    say(", ".join(f"{name} {_size(size)}" for name, size in facts["bytes"].items()))
    for task, count in facts["tasks"].items():
        say(f"  {count:>5} x {task}")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("feature", "dtype", "shape", "what"):
        table.add_column(head, overflow="fold")
    for name, feature in facts["features"].items():
        table.add_row(name, feature["dtype"], " x ".join(map(str, feature["shape"])), _about(feature))
    say()
    RichConsole(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False, markup=False).print(table)
    if facts["simulation"] is not None:
        _print_simulation(say, facts["simulation"])


def _print_simulation(say: Any, facts: Mapping[str, Any]) -> None:
    say()
    options = "".join(f", {name} {value}" for name, value in facts["options"].items())
    say(f"Environment: {facts['environment']} version {facts['version']}{options}")
    settings = ", ".join(f"{name} {value}" for name, value in facts["settings"].items())
    say(f"Begun with: {settings or 'no settings'}")
    rate = facts["success_rate"]
    success = "not judged" if rate is None else f"{rate:.1%}"
    say(f"Success: {success}; ends: " + ", ".join(f"{count} {name}" for name, count in facts["ends"].items()))
    seeds = facts["seeds"]
    if seeds:
        say(f"Seeds: {min(seeds)} to {max(seeds)}; simulation states of {facts['states']} episodes")


def _about(feature: Mapping[str, Any]) -> str:
    """A camera's encoding, or the names of the elements."""
    encoding = feature["encoding"]
    if feature["dtype"] == "video" and encoding:
        keys = ("video.codec", "video.pix_fmt", "video.g", "video.crf")
        said = [f"{key.removeprefix('video.')} {encoding[key]}" for key in keys if encoding.get(key) is not None]
        return ", ".join(said) + (", depth" if encoding.get("is_depth_map") else "")
    return ", ".join(feature["names"] or ())


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
