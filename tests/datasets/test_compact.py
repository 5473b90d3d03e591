"""Datasets written anew hold the same rows and the same frames, for LeRobot and for us; whatever was recorded how."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow.parquet as pq
import pytest

from lerobot_sim.datasets import copying
from lerobot_sim.datasets.edit import compact, delete, edit_task, merge, split
from lerobot_sim.datasets.open_encoder import open_encoder
from lerobot_sim.datasets.reader import read_columns, read_episodes, read_records
from lerobot_sim.datasets.source import open_source
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.episode import Episode
from lerobot_sim.errors import StorageError
from lerobot_sim.spec import EnvSpec

from .conftest import LeRobot, tree

LENGTHS = [7, 4, 9, 5]
RENUMBERED = ("index", "episode_index", "task_index")


@pytest.fixture(scope="session")
def recorded(lerobot: LeRobot, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """LeRobot's own: AV1 video with all episodes in one file, images, depth."""
    folder = tmp_path_factory.mktemp("recorded")
    for kind, use_videos in (("video", True), ("image", False)):
        lerobot.ask(
            "record_cameras",
            root=folder / kind,
            lengths=LENGTHS,
            size=[32, 48],
            use_videos=use_videos,
            cameras=["front", "side"],
        )
    lerobot.ask("record_depth", root=folder / "depth", lengths=LENGTHS)
    return {kind: folder / kind for kind in ("video", "image", "depth")}


@pytest.fixture(scope="session")
def rows(recorded: dict[str, Path], lerobot: LeRobot) -> dict[str, list[list[dict[str, str]]]]:
    return {kind: by_episode(lerobot, root) for kind, root in recorded.items()}


def by_episode(lerobot: LeRobot, root: Path) -> list[list[dict[str, str]]]:
    """An item a row as LeRobot gives it, without the numbers that a new dataset gives anew, but with the task."""
    found: list[list[dict[str, str]]] = []
    for number, row in enumerate(lerobot.ask("rows", root=root)):
        assert int(row["index"]) == number
        while len(found) <= int(row["episode_index"]):
            found.append([])
        found[-1].append({name: value for name, value in row.items() if name not in RENUMBERED})
    return found


@pytest.mark.parametrize("kind", ["video", "image", "depth"])
def test_split_and_merged_again_all_is_the_same(
    kind: str, recorded: dict[str, Path], rows: dict[str, Any], lerobot: LeRobot, tmp_path: Path
) -> None:
    written = split(recorded[kind], {"odd": [1, 3], "even": [0, 2]}, tmp_path / "parts")
    assert not any(part.reencoded for part in written.values())
    assert by_episode(lerobot, tmp_path / "parts/odd") == [rows[kind][1], rows[kind][3]]
    assert by_episode(lerobot, tmp_path / "parts/even") == [rows[kind][0], rows[kind][2]]
    merged = merge([tmp_path / "parts/odd", tmp_path / "parts/even"], tmp_path / "merged")
    assert (merged.episodes, merged.frames, merged.notes) == (4, sum(LENGTHS), [])
    assert by_episode(lerobot, tmp_path / "merged") == [rows[kind][number] for number in (1, 3, 0, 2)]
    keys = open_source(recorded[kind]).video_keys
    assert len(list((tmp_path / "merged").rglob("*.mp4"))) == len(keys)
    _same_statistics(recorded[kind], tmp_path / "merged")
    for part in (tmp_path / "parts/odd", tmp_path / "merged"):
        assert lerobot.ask("resume", root=part, other=part) in (3, 5) if kind == "video" else True


def _same_statistics(first: Path, second: Path) -> None:
    """The whole dataset's statistics do not depend on the order of episodes."""
    one, other = (json.loads((root / "meta/stats.json").read_text()) for root in (first, second))
    assert set(one) == set(other)
    for name in set(one) - {"index", "episode_index", "task_index"}:
        for key, value in one[name].items():
            np.testing.assert_allclose(other[name][key], value, rtol=1e-6, atol=1e-9, err_msg=f"{name} {key}")


@pytest.mark.parametrize("limit", [1, 2000])
def test_files_end_at_their_limit(
    limit: int, recorded: dict[str, Path], rows: dict[str, Any], lerobot: LeRobot, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.setattr(copying, "DATA_BYTES", limit)
    monkeypatch.setattr(copying, "VIDEO_BYTES", limit)
    monkeypatch.setattr(copying, "CHUNK_SIZE", 1000)
    compact(recorded["video"], tmp_path / "many")
    assert by_episode(lerobot, tmp_path / "many") == rows["video"]
    if limit == 1:
        assert len(list((tmp_path / "many/data").rglob("*.parquet"))) == 4
        assert len(list((tmp_path / "many/videos").rglob("*.mp4"))) == 8
    monkeypatch.undo()
    before = sum(path.stat().st_size for path in (tmp_path / "many").rglob("*.mp4"))
    written = compact(tmp_path / "many")
    assert written.bytes < before + sum(path.stat().st_size for path in (tmp_path / "many").rglob("*.parquet")) + 20_000
    assert by_episode(lerobot, tmp_path / "many") == rows["video"]
    assert len(list((tmp_path / "many").rglob("*.parquet"))) == 3
    assert len(list((tmp_path / "many").rglob("*.mp4"))) == 2
    _same_statistics(recorded["video"], tmp_path / "many")


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"crf": "0", "g": "1000", "bf": "0", "sc_threshold": "0"}),
        ("libx264", {"crf": "0", "g": "1000", "bf": "3", "x264-params": "b-adapt=0:scenecut=0"}),
        ("libx264", {"crf": "0", "g": "6", "x264-params": "bframes=3:open-gop=1:scenecut=0:b-adapt=0"}),
    ],
)
def test_an_episode_that_begins_on_no_keyframe_is_encoded_anew(
    codec: str, options: dict[str, str], recorded: dict[str, Path], lerobot: LeRobot, tmp_path: Path
) -> None:
    root = tmp_path / "long"
    shutil.copytree(recorded["video"], root)
    info = json.loads((root / "meta/info.json").read_text())
    for key in open_source(root).video_keys:
        _encode_whole(next((root / "videos" / key).rglob("*.mp4")), codec, options)
        info["features"][key]["info"] |= {"video.codec": "h264", "video.crf": 0, "video.extra_options": {}}
    (root / "meta/info.json").write_text(json.dumps(info))
    before = by_episode(lerobot, root)
    written = delete(root, [0])
    assert by_episode(lerobot, root) == before[1:]
    assert {key: list(numbers) for key, numbers in written.reencoded.items()} == {
        f"observation.images.{name}": [0, 1, 2] for name in ("front", "side")
    }
    assert not compact(root).reencoded
    assert by_episode(lerobot, root) == before[1:]


def test_av1_is_encoded_anew_and_looks_the_same(recorded: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "long"
    shutil.copytree(recorded["video"], root)
    info = json.loads((root / "meta/info.json").read_text())
    keys = open_source(root).video_keys
    for key in keys:
        _encode_whole(next((root / "videos" / key).rglob("*.mp4")), "libsvtav1", {"g": "1000", "preset": "12"})
        info["features"][key]["info"] |= {"video.codec": "av1", "video.extra_options": {}}
    (root / "meta/info.json").write_text(json.dumps(info))
    before = {key: _pictures(root, key) for key in keys}
    written = delete(root, [0])
    assert {key: list(numbers) for key, numbers in written.reencoded.items()} == {key: [0, 1, 2] for key in keys}
    for key in keys:
        after = _pictures(root, key)
        assert 0 < len(after) < len(before[key])
        assert np.abs(after - before[key][-len(after) :]).mean() < 3


def _pictures(root: Path, key: str) -> Any:
    (path,) = (root / "videos" / key).rglob("*.mp4")
    with av.open(str(path)) as file:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]).astype(float)


def test_b_frames_are_copied_where_groups_are_closed(
    recorded: dict[str, Path], lerobot: LeRobot, tmp_path: Path
) -> None:
    """An episode a file, each with frames that are decoded in another order than shown."""
    source = tmp_path / "long"
    shutil.copytree(recorded["video"], source)
    for key in open_source(source).video_keys:
        _encode_whole(next((source / "videos" / key).rglob("*.mp4")), "libx264", {"crf": "0", "g": "1000"})
    split(source, {str(number): [number] for number in range(4)}, tmp_path / "parts")
    for number in range(4):
        for path in (tmp_path / "parts" / str(number)).rglob("*.mp4"):
            _encode_whole(path, "libx264", {"crf": "20", "x264-params": "bframes=3:b-adapt=0:scenecut=0"})
    before = [row for number in range(4) for row in by_episode(lerobot, tmp_path / "parts" / str(number))]
    written = merge([tmp_path / "parts" / str(number) for number in range(4)], tmp_path / "merged")
    assert not written.reencoded
    assert by_episode(lerobot, tmp_path / "merged") == before
    (path,) = (tmp_path / "merged/videos/observation.images.front").rglob("*.mp4")
    with av.open(str(path)) as file:
        order = [packet.pts for packet in file.demux(video=0) if packet.size]
    assert order != sorted(order), "there are no B-frames"


def _encode_whole(path: Path, codec: str, options: dict[str, str]) -> None:
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
    with av.open(str(path), "w", format="mp4") as out:
        stream: Any = out.add_stream(codec, rate=10, options=options)
        stream.width, stream.height, stream.pix_fmt = frames[0].width, frames[0].height, "yuv420p"
        open_encoder(stream)
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base, frame.pict_type = number, Fraction(1, 10), 0
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))


def test_videos_of_other_codecs_go_to_files_of_their_own(
    recorded: dict[str, Path], rows: dict[str, Any], lerobot: LeRobot, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    delete(recorded["video"], [2, 3], other)
    for path in other.rglob("*.mp4"):
        _encode_whole(path, "libx264", {"crf": "0", "g": "2", "bf": "0"})
    info = json.loads((other / "meta/info.json").read_text())
    info["features"]["observation.images.front"]["info"]["video.codec"] = "h264"
    (other / "meta/info.json").write_text(json.dumps(info))
    both = by_episode(lerobot, other)
    merge([recorded["video"], other, recorded["video"]], tmp_path / "merged")
    assert by_episode(lerobot, tmp_path / "merged") == [*rows["video"], *both, *rows["video"]]
    assert len(list((tmp_path / "merged/videos/observation.images.front").rglob("*.mp4"))) == 3
    merged = json.loads((tmp_path / "merged/meta/info.json").read_text())
    assert merged["features"]["observation.images.front"]["info"]["video.codec"] is None
    assert merged["features"]["observation.images.side"]["info"]["video.codec"] == "av1"


def test_recording_goes_on_after_every_tool(
    saved: Path, spec: EnvSpec, episodes: list[Episode], lerobot: LeRobot, tmp_path: Path
) -> None:
    before = tree(saved)
    records = read_records(saved)
    (saved / "README.md").write_text("mine")
    compact(saved)
    assert (saved / "README.md").read_text() == "mine"
    assert read_records(saved) == records
    for name in ("sim/run.json", "sim/episodes.jsonl", "meta/tasks.parquet"):
        assert tree(saved)[name] == before[name], name
    edit_task(saved, "shove it", episodes=[1])
    delete(saved, [0])
    assert [record.seed for record in read_records(saved)] == [1, 2]
    assert [record.instruction for record in read_records(saved)] == ["shove it", episodes[0].instruction]
    with DatasetWriter(saved, spec, settings={"policy": "random"}) as writer:
        assert writer.num_episodes == 2
        writer.add(episodes[3])
    assert [entry.tasks for entry in read_episodes(saved)] == [("shove it",), *[(episodes[0].instruction,)] * 2]
    loaded = lerobot.ask("load", root=saved)
    assert (loaded["episodes"], loaded["rows"]) == (3, sum(len(episodes[number]) for number in (1, 2, 3)))
    columns = read_columns(saved)
    for name in ("observation.state", "action", "next.reward"):
        wanted = [getattr(episodes[number], name) if name == "action" else episodes[number] for number in (1, 2, 3)]
        if name == "action":
            np.testing.assert_array_equal(columns[name], np.concatenate(wanted))
    again = merge([saved, saved], tmp_path / "twice")
    with DatasetWriter(tmp_path / "twice", spec, settings={"policy": "random"}) as writer:
        writer.add(episodes[4])
    assert again.notes == []
    assert lerobot.ask("load", root=tmp_path / "twice")["episodes"] == 7


def test_a_full_file_is_not_gone_on_with(
    spec: EnvSpec, episodes: list[Episode], lerobot: LeRobot, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    with DatasetWriter(root, spec, sync=False) as writer:
        for number in range(40):
            writer.add(episodes[number % 6])
    assert len(list((root / "data").rglob("*.parquet"))) == 2
    before = read_columns(root)
    compact(root)
    assert len(list((root / "data").rglob("*.parquet"))) == 1
    with DatasetWriter(root, spec) as writer:
        writer.add(episodes[0])
    assert len(list((root / "data").rglob("*.parquet"))) == 2
    for name, values in read_columns(root).items():
        np.testing.assert_array_equal(values[: len(before[name])], before[name])
    assert lerobot.ask("load", root=root)["episodes"] == 41


def test_rows_and_episodes_beyond_info_do_not_count(saved: Path) -> None:
    """A kill between the table of episodes and info.json leaves one episode more in the tables."""
    info = json.loads((saved / "meta/info.json").read_text())
    rows = read_episodes(saved)
    info["total_episodes"], info["total_frames"] = 2, rows[1].stop
    (saved / "meta/info.json").write_text(json.dumps(info))
    assert compact(saved).episodes == 2
    assert len(read_episodes(saved)) == 2
    assert sum(pq.read_metadata(path).num_rows for path in (saved / "data").rglob("*.parquet")) == rows[1].stop


@pytest.mark.parametrize("damage", ["missing video", "short video", "missing rows", "torn table", "tasks"])
def test_damage_is_named_and_nothing_is_changed(damage: str, recorded: dict[str, Path], tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(recorded["video"], root)
    video = next((root / "videos").rglob("*.mp4"))
    table = next((root / "data").rglob("*.parquet"))
    if damage == "missing video":
        video.unlink()
        named = "missing"
    elif damage == "short video":
        video.write_bytes(video.read_bytes()[:500])
        named = "damaged"
    elif damage == "missing rows":
        pq.write_table(pq.read_table(table).slice(0, 20), table)
        named = "rows of episode 3"
    elif damage == "torn table":
        table.write_bytes(table.read_bytes()[:-50])
        named = "damaged"
    else:
        pq.write_table(pq.read_table(root / "meta/tasks.parquet").slice(0, 1), root / "meta/tasks.parquet")
        named = "lacks tasks"
    before = tree(root)
    with pytest.raises(StorageError, match=named):
        compact(root)
    assert tree(root) == before
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
