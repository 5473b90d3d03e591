"""Videos cut to whole episodes: packets are copied, nothing is encoded anew."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# PyAV's types are partial

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from .files import part_of
from .repair_plan import Plan

Keep = Callable[[Path], None]


def cut_videos(root: Path, plan: Plan, copy: Keep, take: Keep) -> list[str]:
    """Cuts torn files behind the last kept frame, and takes away those without any."""
    last: dict[Path, float] = {}
    for episode in plan.episodes:
        for place in episode.videos.values():
            last[place.path] = max(last.get(place.path, 0.0), place.start_s + episode.length / plan.info.fps)
    changed: list[str] = []
    for path, video in plan.videos.items():
        name = path.relative_to(root).as_posix()
        if path not in last:
            take(path)
            changed.append(f"{name}: taken away, no whole episode has frames in it")
        elif video.error:
            copy(path)
            frames = _cut(path, last[path] - 0.5 / plan.info.fps)
            changed.append(f"{name}: cut to {frames} frames")
    return changed


def _cut(path: Path, stop_s: float) -> int:
    """Copies the packets of frames before a moment into a file of the same name."""
    import av

    part = part_of(path)
    count = 0
    with (
        av.open(str(path)) as source,
        av.open(str(part), "w", format="mp4", options={"movflags": "faststart"}) as target,
    ):
        stream: Any = source.streams.video[0]
        copy: Any = target.add_stream_from_template(stream, opaque=True)
        for packet in source.demux(stream):
            if packet.pts is None or packet.is_corrupt:
                break
            if float(packet.pts * stream.time_base) < stop_s:
                packet.stream = copy
                target.mux(packet)
                count += 1
    part.replace(path)
    return count
