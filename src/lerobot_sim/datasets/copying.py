"""Writes episodes of one or several datasets into a new one: what compact, delete, edit, merge and split share.

Rows and frames are those of the sources, byte for byte where the format allows it; indices, tasks and statistics
are made anew. Nothing that a source holds beside LeRobot's files is lost: `sim/` is carried, with other numbers.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

from . import layout
from .carrying import carry
from .files import write_whole
from .layout import CHUNK_SIZE, VIDEOS
from .picks import Pick, TableFiles, fitting, groups
from .remux import Placed, VideoJoiner
from .rewritten_tables import entries_table, joined_statistics
from .source import MEND, rows_of
from .tables import Table, tasks_file

_MIB = 1 << 20
DATA_BYTES, VIDEO_BYTES = 100 * _MIB, 200 * _MIB
"""How large files become: LeRobot's own limits."""


@dataclass(frozen=True, kw_only=True)
class Written:
    """What was written.

    Attributes:
        episodes: Episodes.
        frames: Rows.
        files: Files, all of them.
        bytes: Their size together.
        reencoded: Camera -> new numbers of the episodes whose video could not be copied but was encoded anew.
        notes: What else is to be known, in sentences.
    """

    episodes: int
    frames: int
    files: int
    bytes: int
    reencoded: Mapping[str, Sequence[int]]
    notes: Sequence[str]


Show = Callable[[float], None]
"""Takes how much is done by now."""


def _silent(_done: float) -> None:
    pass


def write_dataset(folder: Path, picks: Sequence[Pick], show: Show = _silent) -> Written:
    """Writes the picked episodes, in their order, into an empty folder. All sources must have the same features.

    Args:
        folder: Of the new dataset.
        picks: At least one.
        show: Takes how many episodes are done by now, parts of them counted.

    Raises:
        StorageError: A source is damaged, or the folder cannot be written.
    """
    first = picks[0].source
    notes: list[str] = []
    lengths = [pick.source.values("length")[pick.episode] for pick in picks]
    starts = [0, *itertools.accumulate(lengths)]
    parts = 1 + len(first.video_keys)
    tasks: list[str] = []
    data: list[tuple[int, int]] = []
    own_tasks: list[NDArray[Any]] = []
    for number, (rows, place) in enumerate(_write_data(folder, picks, starts, tasks)):
        data.append(place)
        own_tasks.append(rows.column("task_index").to_numpy())
        show((number + 1) / parts)
    videos: dict[str, list[Placed]] = {}
    for done, key in enumerate(first.video_keys, start=1):
        videos[key] = []
        for placed in _write_videos(folder, picks, lengths, key):
            videos[key].append(placed)
            show((done * len(picks) + len(videos[key])) / parts)
    entries = entries_table(picks, starts, data, videos, own_tasks, tasks, notes)
    write_whole(folder / layout.TASKS, tasks_file(tasks), sync=False)
    write_whole(folder / layout.STATISTICS, joined_statistics(picks, entries, notes), sync=False)
    with TableFiles(folder, layout.EPISODES, DATA_BYTES) as table:
        table.write(entries)
    carry(folder, picks, notes)
    content = json.dumps(_info(picks, starts[-1], len(tasks)), indent=4, ensure_ascii=False).encode()
    write_whole(folder / layout.INFO, content, sync=False)
    files = [path for path in folder.rglob("*") if path.is_file()]
    reencoded = {
        key: [number for number, placed in enumerate(places) if placed.reencoded] for key, places in videos.items()
    }
    return Written(
        episodes=len(picks),
        frames=starts[-1],
        files=len(files),
        bytes=sum(path.stat().st_size for path in files),
        reencoded={key: numbers for key, numbers in reencoded.items() if numbers},
        notes=notes,
    )


def _write_data(
    folder: Path, picks: Sequence[Pick], starts: Sequence[int], tasks: list[str]
) -> Iterator[tuple[Table, tuple[int, int]]]:
    """Writes the rows, renumbered; yields every episode's and the file they went to. Fills `tasks`."""
    schema: Any = None
    tables = itertools.chain.from_iterable(
        rows_of(source, [pick.episode for pick in group]) for source, group in groups(picks)
    )
    with TableFiles(folder, layout.DATA, DATA_BYTES) as files:
        for number, (pick, table) in enumerate(zip(picks, tables, strict=True)):
            schema = table.schema if schema is None else schema
            rows = fitting(table, schema, pick.source.root / "data")
            old = rows.column("task_index").to_pylist()
            new = _new_tasks(pick, old, tasks)
            values = {
                "episode_index": np.full(len(old), number),
                "index": np.arange(starts[number], starts[number + 1]),
                "task_index": np.array([new[index] for index in old]),
            }
            for name, value in values.items():
                at = schema.get_field_index(name)
                rows = rows.set_column(at, schema.field(at), pa.array(value, schema.field(at).type))
            yield rows, files.write(rows)


def _new_tasks(pick: Pick, old: Sequence[int], tasks: list[str]) -> dict[int, int]:
    """An episode's old task_index -> the new one; new tasks are appended to `tasks`."""
    known = pick.source.tasks
    if not set(old) <= set(known):
        raise StorageError(f"{pick.source.root / layout.TASKS} lacks tasks of episode {pick.episode}. {MEND}")
    texts = {index: pick.tasks.get(known[index], known[index]) for index in dict.fromkeys(old)}
    tasks.extend(text for text in dict.fromkeys(texts.values()) if text not in tasks)
    return {index: tasks.index(text) for index, text in texts.items()}


def _write_videos(folder: Path, picks: Sequence[Pick], lengths: Sequence[int], key: str) -> Iterator[Placed]:
    source = picks[0].source
    joiner = VideoJoiner(
        folder,
        key,
        source.fps,
        max_bytes=VIDEO_BYTES,
        chunks_size=CHUNK_SIZE,
        encoding=source.features[key].get("info") or {},
    )
    begins = {id(pick.source): pick.source.values(f"videos/{key}/from_timestamp") for pick in picks}
    try:
        for pick, length in zip(picks, lengths, strict=True):
            path = pick.source.video_path(key, pick.episode)
            yield joiner.add(path, begins[id(pick.source)][pick.episode], length)
    finally:
        joiner.close()


def _info(picks: Sequence[Pick], frames: int, tasks: int) -> dict[str, Any]:
    """`info.json`: the first source's, with what is true now."""
    sources = [source for source, _ in groups(picks)]
    raw = dict(sources[0].raw)
    features = {name: dict(feature) for name, feature in sources[0].features.items()}
    for name, feature in features.items():
        infos = [source.features[name].get("info") for source in sources]
        if feature.get("info") and any(info != infos[0] for info in infos):
            feature["info"] = {
                key: value if all((info or {}).get(key) == value for info in infos) else None
                for key, value in feature["info"].items()
            }
    robots = {source.raw.get("robot_type") for source in sources}
    return {
        **raw,
        "features": features,
        "robot_type": robots.pop() if len(robots) == 1 else None,
        "total_episodes": len(picks),
        "total_frames": frames,
        "total_tasks": tasks,
        "chunks_size": CHUNK_SIZE,
        "data_path": layout.DATA,
        "video_path": VIDEOS if sources[0].video_keys else raw.get("video_path"),
        "splits": {"train": f"0:{len(picks)}"},
    }
