"""Shards of one evaluation become one folder."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from lerobot_sim.errors import InputError, StorageError

from .evaluating import check_folder, finish
from .plan import differences
from .results import EpisodeRecord, EvaluationRun, load

_SAID = 4


def merge(folders: Sequence[Path], out: Path, *, overwrite: bool = False) -> EvaluationRun:
    """Writes one folder of what several hold.

    Args:
        folders: Shards of one evaluation: the same settings and versions, no episode twice.
        out: A folder that is not there yet, or holds the same evaluation.
        overwrite: Replace what another evaluation left there.

    Raises:
        InputError: Fewer than two folders, or one of them is `out`.
        StorageError: Settings or versions differ, or an episode is there twice and differs.
    """
    if len(folders) < 2 or len({folder.resolve() for folder in folders}) != len(folders):
        raise InputError(f"merge: expected at least two different folders, {[str(one) for one in folders]} came.")
    if out.resolve() in {folder.resolve() for folder in folders}:
        raise InputError(f"merge: {out} is one of the shards. Choose another --output-dir.")
    runs = [load(folder) for folder in folders]
    first = runs[0]
    for other in runs[1:]:
        _check(first, other)
    check_folder(out, first.run.settings, overwrite=overwrite)
    episodes: dict[tuple[str, str, int], EpisodeRecord] = {}
    for one in runs:
        for record in one.episodes:
            before = episodes.setdefault(record.key, record)
            if replace(before, video=None) != replace(record, video=None):
                raise StorageError(
                    f"Seed {record.seed} of '{record.task}' came out differently in {one.folder} and another shard. "
                    "An evaluation that cannot be repeated is not merged: run its shards once each."
                )
    seconds = [one.run.seconds or 0.0 for one in runs]
    longest = max(runs, key=lambda one: sum(len(task.seeds) for task in one.run.tasks))
    run = replace(
        longest.run,
        execution={**longest.run.execution, "shard": "1/1", "merged": [str(folder) for folder in folders]},
        seconds=round(sum(seconds), 3),
    )
    merged = EvaluationRun(out, run, list(episodes.values()))
    merged.save()
    for one in runs:
        _copy_videos(one, out)
    return finish(out)


def _check(first: EvaluationRun, other: EvaluationRun) -> None:
    found = differences(first.run.settings, other.run.settings)
    found += differences(first.run.versions, other.run.versions, "versions")
    if found:
        more = f" and {len(found) - _SAID} more" if len(found) > _SAID else ""
        raise StorageError(
            f"{first.folder} and {other.folder} are no shards of one evaluation: {'; '.join(found[:_SAID])}{more}. "
            "Run them with the same settings and packages."
        )


def _copy_videos(run: EvaluationRun, out: Path) -> None:
    for one in run.episodes:
        if one.video and (run.folder / one.video).exists():
            target = out / one.video
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.folder / one.video, target)
