"""What lies beside LeRobot's files, carried to a dataset that is written from others."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path

from . import sidecar
from .files import make_folder, storage_error, write_whole
from .picks import Pick
from .states import path_of

_OWN = ("data", "videos", "images", "meta/episodes", "meta/info.json", "meta/stats.json", "meta/tasks.parquet")


def carry(folder: Path, picks: Sequence[Pick], notes: list[str]) -> None:
    """What lies beside LeRobot's files."""
    sources = list({id(pick.source): pick.source for pick in picks}.values())
    if len(sources) == 1:
        _copy_others(sources[0].root, folder)
    if all(source.records is not None for source in sources):
        lines = [_record(pick, number) for number, pick in enumerate(picks)]
        write_whole(folder / sidecar.EPISODES, b"".join(lines), sync=False)
    elif any(source.records is not None for source in sources):
        notes.append("Not all sources are of lerobot-sim: seeds, Params and states of the episodes were left out.")
        return
    for number, pick in enumerate(picks):
        states = path_of(pick.source.root, pick.episode)
        if states.exists():
            _copy(states, path_of(folder, number))
    runs = [source.run for source in sources]
    if runs[0] is None:
        return
    if any(run is None or run["environment"] != runs[0]["environment"] for run in runs):
        notes.append("The sources are of several environments: the result cannot be recorded on to.")
        return
    run = dict(runs[0])
    if any(other is None or other["settings"] != run["settings"] for other in runs):
        run["settings"] = {"merged": [other["settings"] for other in runs if other]}
        notes.append("The sources were recorded with several settings: collect does not go on with the result.")
    elif any(other is None or other.get("recording") != run.get("recording") for other in runs):
        notes.append("The sources' cameras were recorded in several ways: the first's is what collect goes on with.")
    write_whole(folder / sidecar.RUN, json.dumps(run, indent=2, ensure_ascii=False).encode(), sync=False)


def _record(pick: Pick, number: int) -> bytes:
    assert pick.source.records is not None
    record = dict(pick.source.records[pick.episode])
    record["episode_index"] = number
    record["instruction"] = pick.tasks.get(record["instruction"], record["instruction"])
    return (json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _copy_others(root: Path, folder: Path) -> None:
    """Files that are neither LeRobot's nor numbered by episode: a README, notes, further tables."""
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        own = any(name == known or name.startswith(f"{known}/") for known in (*_OWN, "sim/states", "sim/recording"))
        known = name in (sidecar.RUN, sidecar.EPISODES, sidecar.LOCK) or name.endswith(".part")
        if path.is_file() and not own and not known:
            _copy(path, folder / name)


def _copy(path: Path, to: Path) -> None:
    make_folder(to.parent, sync=False)
    try:
        shutil.copyfile(path, to)
    except OSError as error:
        raise storage_error(to, error) from error
