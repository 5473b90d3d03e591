"""Verdicts of `check` over damage that `--repair` does not mend, or that only a close look finds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerobot_sim.datasets.check import Finding, Verdict, check_dataset

from .conftest import LeRobot, tree

DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
TOP = "videos/observation.images.top/chunk-000/file-000.mp4"


@pytest.fixture(scope="module")
def made_once(lerobot: LeRobot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`videos` and `images`: two cameras by LeRobot's own writer."""
    folder = tmp_path_factory.mktemp("made")
    for name, use_videos in (("videos", True), ("images", False)):
        lerobot.ask(
            "record_cameras",
            root=folder / name,
            lengths=[12, 8, 10],
            size=[48, 64],
            use_videos=use_videos,
            cameras=["top", "wrist"],
        )
    return folder


def findings(root: Path, verdict: Verdict, *, decode: bool = False) -> list[Finding]:
    return [finding for finding in check_dataset(root, decode=decode).findings if finding.verdict == verdict]


@pytest.mark.parametrize("name", ["videos", "images"])
@pytest.mark.parametrize("decode", [False, True])
def test_lerobots_own_datasets_are_fine_and_stay_as_they_are(made_once: Path, name: str, decode: bool) -> None:
    before = tree(made_once / name)
    report = check_dataset(made_once / name, decode=decode)
    assert report.verdict == Verdict.OK, report.findings
    assert tree(made_once / name) == before


def test_ours_is_fine_and_its_statistics_equal(saved: Path) -> None:
    report = check_dataset(saved)
    assert report.verdict == Verdict.OK
    assert any(finding.part == "statistics" and finding.what.endswith("equal") for finding in report.findings)


def change(column: str, row: int, value: Any) -> Callable[[Path], None]:
    """Sets one number of the data table, as another program would."""

    def damage(root: Path) -> None:
        table = pq.read_table(root / DATA)
        values = table.column(column).to_pylist()
        if isinstance(values[row], list):
            values[row][0] = value
        else:
            values[row] = value
        at = table.schema.get_field_index(column)
        new = pa.array(values, table.schema.field(column).type)
        pq.write_table(table.set_column(at, table.schema.field(column), new), root / DATA)

    return damage


ROWS: list[tuple[str, int, Any, str, str]] = [
    ("index", 310, 7, "indices", "index is 7 in row 10, 310 was expected"),
    ("frame_index", 310, 7, "indices", "frame_index is 7 in row 10"),
    ("task_index", 310, 5, "indices", "task_index [5] names no task"),
    ("timestamp", 310, 1.05, "timestamps", "1.0500 s in row 10, 1.0000 s was expected"),
    ("timestamp", 310, 0.5, "timestamps", "time goes back"),
    ("observation.state", 310, float("nan"), "values", "observation.state is not finite in row 10"),
    ("observation.state", 310, 0.7654, "statistics", "'observation.state': "),
]


@pytest.mark.parametrize(("column", "row", "value", "part", "what"), ROWS)
def test_a_wrong_number_is_found(saved: Path, column: str, row: int, value: Any, part: str, what: str) -> None:
    change(column, row, value)(saved)
    found = [finding for finding in findings(saved, Verdict.BROKEN) if finding.part == part]
    assert any(what in finding.what and "episode 1" in finding.where for finding in found), found


def test_a_value_outside_its_bounds_is_a_warning(saved: Path) -> None:
    change("action", 310, 5.0)(saved)
    warned = [finding for finding in findings(saved, Verdict.WARNING) if finding.part == "ranges"]
    assert "action is 5 in row 10, outside its bounds" in warned[0].what


def test_rows_twice_are_found(saved: Path) -> None:
    shutil.copy(saved / DATA, saved / "data/chunk-000/file-001.parquet")
    assert {"indices", "leftovers"} <= {finding.part for finding in findings(saved, Verdict.BROKEN)}


def test_a_record_that_says_otherwise_is_a_warning(saved: Path) -> None:
    path = saved / "sim/episodes.jsonl"
    path.write_text(path.read_text().replace('"length": 300', '"length": 299', 1))
    assert [finding.part for finding in findings(saved, Verdict.WARNING)] == ["records"]


def test_flipped_bytes_of_a_video_are_found_by_decoding(made_once: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_once / "videos", tmp_path / "videos"))
    content = bytearray((root / TOP).read_bytes())
    middle = content.index(b"mdat") + (len(content) - content.index(b"mdat")) // 2
    content[middle : middle + 150] = bytes(150)
    (root / TOP).write_bytes(content)
    found = findings(root, Verdict.BROKEN, decode=True)
    assert [finding.part for finding in found] == ["video observation.images.top"]


def test_swapped_cameras_are_found_by_their_statistics(made_once: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_once / "videos", tmp_path / "videos"))
    other = root / TOP.replace("top", "wrist")
    content = (root / TOP).read_bytes()
    (root / TOP).write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert any("statistics are of other pictures" in finding.what for finding in findings(root, Verdict.BROKEN))


def test_a_missing_video_and_one_of_another_rate_are_found(made_once: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_once / "videos", tmp_path / "videos"))
    (root / TOP).unlink()
    assert [finding.what for finding in findings(root, Verdict.BROKEN)] == ["it is missing"]
    info = root / "meta/info.json"
    info.write_text(json.dumps({**json.loads(info.read_text()), "fps": 20}))
    assert any("frames a second" in finding.what for finding in findings(root, Verdict.BROKEN))


def test_a_damaged_image_is_found(made_once: Path, tmp_path: Path) -> None:
    root = Path(shutil.copytree(made_once / "images", tmp_path / "images"))
    table = pq.read_table(root / DATA)
    name = "observation.images.top"
    values = table.column(name).to_pylist()
    values[0]["bytes"] = values[0]["bytes"][:40]
    new = pa.array(values, table.schema.field(name).type)
    pq.write_table(table.set_column(table.schema.get_field_index(name), table.schema.field(name), new), root / DATA)
    assert [finding.part for finding in findings(root, Verdict.BROKEN)] == [f"images {name}"]


def test_every_verdict_that_is_not_ok_says_how_to_mend_it(saved: Path) -> None:
    path = saved / EPISODES
    path.write_bytes(path.read_bytes()[:100])
    for finding in findings(saved, Verdict.BROKEN):
        assert finding.mend
    assert np.all([finding.where or finding.part for finding in findings(saved, Verdict.BROKEN)])
