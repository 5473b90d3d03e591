"""Tables cut to whole episodes, and rows of the table of episodes, statistics and `info.json` written anew."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from . import layout
from .check_statistics import stored_statistics, with_exact_times
from .check_survey import EpisodePlace, file_number, read_groups
from .check_video_file import all_pictures, picture_of
from .files import write_whole
from .image_statistics import RgbStatistics
from .repair_plan import Plan
from .statistics import NAMES, ColumnStatistics, Statistics, join, read_statistics, to_json
from .tables import encode, episodes_schema

Keep = Callable[[Path], None]


def cut_data(plan: Plan, copy: Keep, take: Keep) -> list[str]:
    """Cuts the data files behind the last kept row, and takes away those without any."""
    own = {episode.index: episode.data for episode in plan.episodes}
    changed: list[str] = []
    for file in plan.survey.data:
        name = plan.survey.name(file.path)
        numbers = [number for number, path in own.items() if path == file.path]
        tables: list[Any] = []
        kept = total = 0
        for table in read_groups(file):
            if isinstance(table, str):
                total += 1
                continue
            total += table.num_rows
            owners = table.column("episode_index").to_numpy()
            whole = table.filter(pa.array(np.isin(owners, numbers)))
            kept += whole.num_rows
            tables += [whole] if whole.num_rows else []
        if kept == total and kept:
            continue
        if not kept:
            take(file.path)
            changed.append(f"{name}: taken away, no whole episode has rows in it")
        else:
            copy(file.path)
            write_whole(file.path, encode(tables, tables[0].schema), sync=True)
            changed.append(f"{name}: cut to {kept} rows")
    return changed


def write_episodes(root: Path, plan: Plan, copy: Keep, take: Keep, changed: list[str]) -> list[Statistics]:
    """Cuts the table of episodes and writes lost or wrong rows anew; returns the statistics of every kept episode."""
    stored = stored_statistics(plan.survey)
    readable = [file for file in plan.survey.episode_files if not file.error]
    schema = pq.read_schema(readable[0].path) if readable else _schema(plan)
    fresh = {n: _statistics(plan, plan.episodes[n], stored.get(n, {}), schema) for n in sorted(plan.wrong_rows)}
    left = dict.fromkeys(range(len(plan.episodes)))
    for file in plan.survey.episode_files:
        name = plan.survey.name(file.path)
        there = pq.read_table(file.path) if not file.error else None
        numbers = [] if there is None else [int(n) for n in there.column("episode_index").to_pylist()]
        mine = [n for n in (numbers if there is not None else list(left)) if n in left]
        if there is None:
            later = {n for other in readable if other.path > file.path for n in _numbers(other.path)}
            mine = [n for n in mine if n not in later]
        for number in mine:
            del left[number]
        if not mine:
            take(file.path)
            changed.append(f"{name}: taken away, no whole episode is in it")
        elif there is None or mine != numbers or plan.wrong_rows & set(mine):
            place = divmod(file_number(file.path, plan.info.chunks_size), plan.info.chunks_size)
            parts = [
                _row(plan, plan.episodes[n], fresh[n], schema, place)
                if n in fresh or there is None
                else there.slice(numbers.index(n), 1).cast(schema)
                for n in mine
            ]
            copy(file.path)
            write_whole(file.path, encode([pa.concat_tables(parts)], schema), sync=True)
            changed.append(f"{name}: {len(mine)} rows, {len(plan.wrong_rows & set(mine))} of them written anew")
    if left:
        path = root / layout.EPISODES.format(chunk_index=0, file_index=len(plan.survey.episode_files))
        place = (0, len(plan.survey.episode_files))
        rows = [_row(plan, plan.episodes[n], fresh[n], schema, place) for n in left]
        write_whole(path, encode([pa.concat_tables(rows)], schema), sync=True)
        changed.append(f"{path.relative_to(root).as_posix()}: {len(left)} rows written anew")
    return [{**stored.get(n, {}), **fresh.get(n, {})} for n in range(len(plan.episodes))]


def statistics_file(plan: Plan, episodes: Sequence[Statistics]) -> bytes:
    """The content of `stats.json`."""
    total: Statistics = {}
    for name in episodes[0]:
        own = [values[name] for values in episodes if name in values]
        keys = [key for key in NAMES if all(key in values for values in own)]
        joined = own[0]
        for values in own[1:]:
            joined = join(_filled(joined), _filled(values))
        camera = plan.info.columns[name].dtype in ("video", "image") if name in plan.info.columns else False
        total[name] = {key: joined[key].reshape(-1, 1, 1) if camera and key != "count" else joined[key] for key in keys}
    return to_json(total)


def info_file(plan: Plan) -> bytes | None:
    """The content of `info.json`, or None where it is right as it is."""
    needed = 1 + max(int(plan.statistics[episode.index]["task_index"]["max"][0]) for episode in plan.episodes)
    tasks = plan.info.total_tasks if needed <= plan.info.total_tasks <= len(plan.tasks) else len(plan.tasks)
    content = {
        **plan.survey.raw,
        "total_episodes": len(plan.episodes),
        "total_frames": plan.frames,
        "total_tasks": tasks,
    }
    if content == plan.survey.raw and (plan.survey.root / layout.INFO).exists():
        return None
    if plan.lost or plan.info.total_episodes != len(plan.episodes):
        content["splits"] = {"train": f"0:{len(plan.episodes)}"}
    return json.dumps(content, indent=4, ensure_ascii=False).encode()


def _filled(values: ColumnStatistics) -> ColumnStatistics:
    return {key: values.get(key, values["mean"]) for key in NAMES}


def _numbers(path: Path) -> list[int]:
    return [int(n) for n in pq.read_table(path, columns=["episode_index"]).column(0).to_pylist()]


def _schema(plan: Plan) -> Any:
    """Of a table of episodes that was lost as a whole."""
    schema: Any = episodes_schema({n: c for n, c in plan.info.columns.items() if c.in_table})
    nested = pa.list_(pa.list_(pa.list_(pa.float64())))
    for camera in plan.survey.videos:
        for name in ("chunk_index", "file_index"):
            schema = schema.append(pa.field(f"videos/{camera}/{name}", pa.int64()))
        for name in ("from_timestamp", "to_timestamp"):
            schema = schema.append(pa.field(f"videos/{camera}/{name}", pa.float64()))
    for camera in (*plan.survey.videos, *plan.survey.images):
        for key in NAMES:
            schema = schema.append(
                pa.field(f"stats/{camera}/{key}", pa.list_(pa.int64()) if key == "count" else nested)
            )
    return schema


def _row(plan: Plan, episode: EpisodePlace, own: Statistics, schema: Any, place: tuple[int, int]) -> Any:
    size = plan.info.chunks_size
    data = divmod(file_number(episode.data, size), size)
    values: dict[str, Any] = {
        "episode_index": episode.index,
        "tasks": list(episode.tasks),
        "length": episode.length,
        "data/chunk_index": data[0],
        "data/file_index": data[1],
        "dataset_from_index": episode.start,
        "dataset_to_index": episode.stop,
        "meta/episodes/chunk_index": place[0],
        "meta/episodes/file_index": place[1],
    }
    for camera, where in episode.videos.items():
        chunk, number = divmod(file_number(where.path, size), size)
        values |= {f"videos/{camera}/chunk_index": chunk, f"videos/{camera}/file_index": number}
        values |= {f"videos/{camera}/from_timestamp": where.start_s, f"videos/{camera}/to_timestamp": where.stop_s}
    for name, column in own.items():
        for key, value in column.items():
            field = f"stats/{name}/{key}"
            if field in schema.names:
                values[field] = _nested(value, schema.field(field).type)
    return pa.Table.from_pydict({name: [values.get(name)] for name in schema.names}, schema=schema)


def _nested(value: Any, kind: Any) -> Any:
    """As deep as the table's type: a camera's are (channels, 1, 1)."""
    depth = 0
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        kind, depth = kind.value_type, depth + 1
    flat = np.asarray(value).reshape(-1)
    return flat.reshape(-1, *(1,) * (depth - 1)).tolist()


def _statistics(plan: Plan, episode: EpisodePlace, stored: Statistics, schema: Any) -> Statistics:
    """Computed anew from the rows; a camera's from its frames where the stored ones are lost."""
    own = dict(with_exact_times(plan.statistics[episode.index], plan.info.fps))
    for camera in (*plan.survey.videos, *plan.survey.images):
        if camera in stored:
            own[camera] = stored[camera]
        elif f"stats/{camera}/mean" in schema.names:
            own[camera] = _camera_statistics(plan, episode, camera)
    return own


def _camera_statistics(plan: Plan, episode: EpisodePlace, camera: str) -> ColumnStatistics:
    if plan.info.columns[camera].shape[-1] != 3:  # depth: of the whole dataset, if they are left
        return read_statistics(plan.survey.root / layout.STATISTICS)[camera]
    streamed = RgbStatistics()
    if camera in episode.videos:
        place = episode.videos[camera]
        half = 0.5 / plan.info.fps
        for moment, picture in all_pictures(place.path):
            if moment >= place.start_s + (episode.length / plan.info.fps) - half:
                break
            if moment >= place.start_s - half:
                streamed.add(picture)
    else:
        filters = [("episode_index", "=", episode.index)]
        table = pq.read_table(episode.data, columns=[camera], filters=filters)
        for value in table.column(camera).to_pylist():
            streamed.add(picture_of(value["bytes"]))
    return {key: np.asarray(value).reshape(-1) for key, value in streamed.result().items()}
