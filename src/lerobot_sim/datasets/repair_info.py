"""`info.json` made anew from the tables, the videos and our own record, where it was lost."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerobot_sim.errors import StorageError

from . import sidecar
from .check_survey import VIDEO, Survey, read_groups
from .check_video_file import probe
from .layout import INDEX_COLUMNS, Column, Info


def with_info(survey: Survey) -> Survey:
    """The survey with an `info.json` of no counts, made from what is left.

    Raises:
        StorageError: Not even one data file can be read, or the rows do not say how many there are a second.
    """
    readable = [file for file in survey.data if not file.error]
    if not readable:
        raise StorageError(f"{survey.root}: neither info.json nor any data file can be read. Restore it from a copy.")
    columns = _columns(readable[0].path)
    raw: dict[str, Any] = {name: _feature(column) for name, column in columns.items() if name not in INDEX_COLUMNS}
    environment = _environment(survey.root)
    for name, feature in {**environment.get("observation", {}), "action": environment.get("action", {})}.items():
        if name in raw and feature.get("names"):
            raw[name]["names"] = list(feature["names"])
    fps = environment.get("fps") or _fps(survey)
    for camera in _cameras(survey.root):
        raw[camera] = _video_feature(survey.root, camera, fps)
    raw |= {name: _feature(column) for name, column in INDEX_COLUMNS.items()}
    features = {
        name: Column(feature["dtype"], tuple(feature["shape"]), tuple(feature["names"]) if feature["names"] else None)
        for name, feature in raw.items()
    }
    has_videos = any(column.dtype == "video" for column in features.values())
    info = Info(fps=fps, columns=features, robot_type=environment.get("id"), video_path=VIDEO if has_videos else None)
    content: dict[str, Any] = json.loads(info.to_json())
    content["features"] = raw
    return replace(survey, info=info, raw=content, info_error="")


def _columns(path: Path) -> dict[str, Column]:
    schema = pq.read_schema(path)
    return {field.name: _column(field.type) for field in schema}


def _column(kind: Any) -> Column:
    shape: list[int] = []
    if isinstance(kind, pa.ExtensionType) and hasattr(kind, "shape"):
        return Column(str(kind.value_type), tuple(kind.shape))  # pyright: ignore[reportAttributeAccessIssue]
    if pa.types.is_struct(kind):
        return Column("image", ())
    while pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind):
        shape.append(kind.list_size if pa.types.is_fixed_size_list(kind) else -1)
        kind = kind.value_type
    if -1 in shape:
        raise StorageError("The shape of a column with several axes cannot be told without info.json. Restore it.")
    if pa.types.is_string(kind):
        return Column("string", (1,))
    return Column(np.dtype(kind.to_pandas_dtype()).name, tuple(shape) or (1,))


def _feature(column: Column) -> dict[str, Any]:
    return {"dtype": column.dtype, "shape": list(column.shape), "names": None}


def _environment(root: Path) -> dict[str, Any]:
    try:
        return json.loads((root / sidecar.RUN).read_text(encoding="utf-8"))["environment"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _fps(survey: Survey) -> float:
    for file in survey.data:
        for table in read_groups(file, ["timestamp", "frame_index"]):
            if not isinstance(table, str) and table.num_rows > 1:
                times, frames = (table.column(name).to_numpy() for name in ("timestamp", "frame_index"))
                rate = float(np.median(np.diff(frames)[:100] / np.diff(times.astype(np.float64))[:100]))
                return round(rate) if abs(rate - round(rate)) < 1e-2 else round(rate, 3)
    raise StorageError(f"{survey.root}: no row tells how many there are a second. Restore meta/info.json from a copy.")


def _cameras(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "videos").glob("*") if path.is_dir())


def _video_feature(root: Path, camera: str, fps: float) -> dict[str, Any]:
    import av

    for path in sorted((root / "videos" / camera).rglob("*.mp4")):
        video = probe(path)
        if video.width:
            container: Any = av.open(str(path))
            pixels = str(container.streams.video[0].codec_context.pix_fmt)
            container.close()
            depth = pixels.startswith("gray")
            details = {
                "video.height": video.height,
                "video.width": video.width,
                "video.codec": video.codec,
                "video.pix_fmt": pixels,
                "video.fps": fps,
                "video.channels": 1 if depth else 3,
                "has_audio": False,
                "is_depth_map": depth,
            }
            shape = [video.height, video.width, 1 if depth else 3]
            return {"dtype": "video", "shape": shape, "names": ["height", "width", "channels"], "info": details}
    raise StorageError(f"{root}: neither info.json nor any video of '{camera}' can be read. Restore it from a copy.")
