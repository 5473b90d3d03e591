"""Brings back every whole episode of a damaged dataset.

An episode is whole when all of its rows can be read and count as they must, and all of its frames are there. What
is kept is the longest run of whole episodes from the first on: numbers, rows and frames of those are not touched.
Behind it, tables and videos are cut; `info.json`, tasks, statistics and the table of episodes are written anew from
what is left where they are damaged or say otherwise. Whatever is changed or taken away is first copied to
`<dataset>-damaged-<time>` beside the dataset. A repair that was interrupted is done again by the next one.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lerobot_sim.errors import StorageError

from . import layout, sidecar
from .check import Report, Verdict
from .files import PART, FolderLock, storage_error, write_whole
from .repair_plan import Plan, plan_repair
from .repair_tables import cut_data, info_file, statistics_file, write_episodes
from .repair_videos import cut_videos
from .tables import tasks_file


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What a repair did.

    Attributes:
        episodes: Whole episodes that the dataset now holds.
        frames: Their rows.
        lost: Episodes that were there, or begun, and were not whole.
        changed: What was done, a line each; empty where nothing was needed.
        kept: The folder with what was taken away or changed, None where nothing was.
    """

    episodes: int
    frames: int
    lost: int
    changed: Sequence[str]
    kept: Path | None

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        return {**vars(self), "changed": list(self.changed), "kept": None if self.kept is None else str(self.kept)}


def repair_dataset(root: Path | str, report: Report, *, cut: bool = False) -> Repair:
    """Repairs what a check found.

    Args:
        root: The dataset's folder.
        report: What `check_dataset` said of it just now.
        cut: Also where whole episodes lie behind the damage: they are cut off and kept beside.

    Raises:
        StorageError: Somebody writes to the dataset; no episode is whole; or whole ones lie behind the damage and
            `cut` was not given. Nothing was changed.
    """
    root = Path(root)
    if report.verdict == Verdict.OK:
        frames = sum(episode.length for episode in report.survey.episodes)
        return Repair(episodes=len(report.survey.episodes), frames=frames, lost=0, changed=(), kept=None)
    lock = FolderLock(root / sidecar.LOCK)
    try:
        plan = plan_repair(report)
        if plan.behind and not cut:
            raise StorageError(
                f"{root}: episode {len(plan.episodes)} is damaged, and {plan.behind} whole ones lie behind it. Put "
                "back its files from a copy; or give --cut, too, to keep the episodes before it in the dataset and the "
                "others beside it."
            )
        if not plan.episodes:
            raise StorageError(f"{root} holds no whole episode: nothing can be brought back. Restore it from a copy.")
        keeper = Keeper(root)
        changed = _repair(root, plan, keeper)
    finally:
        lock.release()
    return Repair(
        episodes=len(plan.episodes),
        frames=plan.frames,
        lost=plan.lost,
        changed=changed,
        kept=keeper.folder if changed else None,
    )


class Keeper:
    """Copies what is about to be changed to a folder beside the dataset, and takes away what is not needed."""

    def __init__(self, root: Path) -> None:
        self._root = root
        stamp = time.strftime("%Y%m%d-%H%M%S")
        self.folder = root.resolve().with_name(f"{root.resolve().name}-damaged-{stamp}")
        number = 1
        while self.folder.exists():
            number += 1
            self.folder = self.folder.with_name(f"{root.resolve().name}-damaged-{stamp}-{number}")

    def copy(self, path: Path) -> None:
        """Keeps a copy of a file, if it is there."""
        if path.exists():
            self._put(path, shutil.copy2)

    def take(self, path: Path) -> None:
        """Moves a file away."""
        self._put(path, shutil.move)

    def _put(self, path: Path, how: Any) -> None:
        target = self.folder / path.relative_to(self._root)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            how(path, target)
        except OSError as error:
            raise storage_error(target, error) from error


def _repair(root: Path, plan: Plan, keeper: Keeper) -> list[str]:
    """Cameras and rows first, `info.json` last, as in a commit."""
    changed: list[str] = []

    def replace(name: str, content: bytes | memoryview, why: str) -> None:
        path = root / name
        if path.exists() and path.read_bytes() == bytes(content):
            return
        keeper.copy(path)
        write_whole(path, content, sync=True)
        changed.append(f"{name}: {why}")

    for name in ("meta", "data", "videos", "sim"):
        for part in sorted((root / name).rglob(f"*{PART}*")):
            keeper.take(part)
            changed.append(f"{part.relative_to(root).as_posix()}: taken away, unfinished")
    changed += cut_videos(root, plan, keeper.copy, keeper.take)
    changed += cut_data(plan, keeper.copy, keeper.take)
    if plan.tasks != plan.survey.tasks:
        replace(layout.TASKS, tasks_file(plan.tasks), "written anew" + plan.tasks_from)
    own = write_episodes(root, plan, keeper.copy, keeper.take, changed)
    if plan.statistics_are_wrong or plan.lost or plan.wrong_rows or plan.files_are_wrong:
        replace(layout.STATISTICS, statistics_file(plan, own), f"of {len(plan.episodes)} episodes")
    _cut_records(root, plan, keeper, replace)
    content = info_file(plan)
    if content is not None:
        replace(layout.INFO, content, f"{len(plan.episodes)} episodes, {plan.frames} rows")
    return changed


def _cut_records(root: Path, plan: Plan, keeper: Keeper, replace: Any) -> None:
    """Lines and states of episodes that are not there any more; damaged lines stay as they are."""
    count = len(plan.episodes)
    path = root / sidecar.EPISODES
    if path.exists():
        lines = path.read_bytes().splitlines(keepends=True)
        if len(lines) > count:
            replace(sidecar.EPISODES, b"".join(lines[:count]), f"cut to {count} episodes")
    for states in sorted((root / "sim/states").glob("episode_*.npz")):
        if int(states.stem.removeprefix("episode_")) >= count:
            keeper.take(states)
