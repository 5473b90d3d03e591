"""Checks of what lies beside the dataset, in `sim/`, and of what should not lie there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from . import sidecar
from .check_findings import Finding, Part
from .check_survey import Survey, reason
from .check_videos import check_unused_videos
from .files import PART

_NOT_HARMFUL = "LeRobot reads the dataset all the same; `collect` cannot go on with it."
_STATES = "sim/states"


def bounds_of(root: Path) -> dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Least and greatest values of the environment's features, where they were recorded."""
    try:
        environment: Any = json.loads((root / sidecar.RUN).read_text(encoding="utf-8"))["environment"]
        features: dict[str, Any] = {**environment["observation"], "action": environment["action"]}
        return {name: (_bound(f["low"], -np.inf), _bound(f["high"], np.inf)) for name, f in features.items()}
    except (OSError, ValueError, KeyError, TypeError):
        return {}  # the check of the records says why


def check_records(survey: Survey) -> list[Finding]:
    """`sim/` against the episodes."""
    root = survey.root
    part = Part("records", _NOT_HARMFUL)
    if not any((root / name).exists() for name in (sidecar.RUN, sidecar.EPISODES, _STATES)):
        return part.done("none (the dataset was not made by lerobot-sim)")
    try:
        json.loads((root / sidecar.RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        part.warn(f"it cannot be read: {reason(error)}", sidecar.RUN)
    count = survey.info.total_episodes if survey.info else len(survey.episodes)
    try:
        records, _ = sidecar.read_lines(root, count)
    except StorageError as error:
        part.warn(str(error).split(". ")[0], sidecar.EPISODES)
        return part.done("")
    for record, episode in zip(records, survey.episodes, strict=False):
        where = f"{sidecar.EPISODES}, episode {episode.index}"
        if record.length != episode.length:
            part.warn(f"length {record.length}, the table of episodes says {episode.length}", where)
        if (record.instruction,) != episode.tasks:
            part.warn(f"instruction {record.instruction!r}, the table of episodes says {episode.tasks}", where)
    states = _check_states(survey, part)
    return part.done(f"{len(records)} episodes{f', {states} with simulation states' if states else ''}")


def check_leftovers(survey: Survey, repair: str) -> list[Finding]:
    """Files that an interrupted program left, and tables that are not the dataset's but that LeRobot would read."""
    part = Part("leftovers", repair)
    root = survey.root
    used = {episode.data for episode in survey.episodes}
    for file in survey.data:
        if file.path not in used and survey.episodes:
            part.broken("no episode is said to lie in it, but LeRobot reads it", survey.name(file.path))
    for path in sorted(path for name in ("meta", "data", "videos", "sim") for path in (root / name).rglob(f"*{PART}*")):
        part.warn("an unfinished file of a writer that was ended", survey.name(path))
    for name in check_unused_videos(survey):
        part.warn("no episode's frames are in it", name)
    return part.done("none")


def _check_states(survey: Survey, part: Part) -> int:
    folder = survey.root / _STATES
    if not folder.is_dir():
        return 0
    count = 0
    for episode in survey.episodes[: survey.info.total_episodes if survey.info else None]:
        path = folder / f"episode_{episode.index:06d}.npz"
        try:
            with np.load(path, allow_pickle=False) as stored:
                for name in stored.files:
                    stored[name]  # its checksum is looked at
            count += 1
        except FileNotFoundError:
            part.warn("the simulation states are missing; it cannot be rendered again", survey.name(path))
        except (OSError, ValueError, KeyError, EOFError) as error:
            part.warn(f"it cannot be read: {reason(error)}", survey.name(path))
        except Exception as error:
            if type(error).__name__ not in ("BadZipFile", "error"):
                raise
            part.warn(f"it cannot be read: {reason(error)}", survey.name(path))
    return count


def _bound(value: Any, missing: float) -> NDArray[np.float64]:
    """None stands for an infinite bound."""
    values = np.asarray(value, dtype=np.float64)  # None becomes NaN
    return np.where(np.isnan(values), missing, values)
