"""Datasets that are damaged for real: `check` names the damage, `--repair` brings back every whole episode."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from lerobot_sim.datasets.check import Verdict, check_dataset
from lerobot_sim.datasets.repair import Repair, repair_dataset
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.episode import Episode
from lerobot_sim.errors import StorageError
from lerobot_sim.spec import EnvSpec

from .conftest import LeRobot, tree

INFO = "meta/info.json"
STATISTICS = "meta/stats.json"
TASKS = "meta/tasks.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
DATA = "data/chunk-000/file-000.parquet"
TOP = "videos/observation.images.top/chunk-000/file-000.mp4"

Damage = Callable[[Path], None]


@pytest.fixture(scope="session")
def filmed_once(lerobot: LeRobot, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three episodes with two cameras by LeRobot's own writer, all in one file a camera."""
    root = tmp_path_factory.mktemp("filmed") / "dataset"
    lerobot.ask(
        "record_cameras", root=root, lengths=[12, 8, 10], size=[48, 64], use_videos=True, cameras=["top", "wrist"]
    )
    return root


@pytest.fixture
def filmed(filmed_once: Path, tmp_path: Path) -> Path:
    """A copy of it to damage."""
    return Path(shutil.copytree(filmed_once, tmp_path / "filmed"))


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def two_thirds(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-200])


def zero(path: Path) -> None:
    path.write_bytes(bytes(path.stat().st_size))


def edit(**changes: object) -> Damage:
    return lambda path: path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


def scale_statistics(path: Path) -> None:
    content = json.loads(path.read_text())
    content["action"]["mean"] = [value + 1.0 for value in content["action"]["mean"]]
    path.write_text(json.dumps(content))


def broken_parts(root: Path) -> set[str]:
    return {finding.part for finding in check_dataset(root).findings if finding.verdict == Verdict.BROKEN}


def repaired(root: Path) -> Repair:
    return repair_dataset(root, check_dataset(root))


def assert_whole(root: Path, lerobot: LeRobot, episodes: int) -> dict[str, Any]:
    report = check_dataset(root, decode=True)
    assert report.verdict == Verdict.OK, [finding for finding in report.findings if finding.verdict]
    loaded = lerobot.ask("load", root=root)
    assert loaded["episodes"] == episodes
    return loaded


FILMED: list[tuple[str, Damage, str, int]] = [
    (INFO, halve, "info.json", 3),
    (INFO, Path.unlink, "info.json", 3),
    (INFO, edit(total_episodes=9), "info.json", 3),
    (INFO, edit(total_frames=31), "info.json", 3),
    (STATISTICS, zero, "statistics", 3),
    (STATISTICS, Path.unlink, "statistics", 3),
    (STATISTICS, scale_statistics, "statistics", 3),
    (TASKS, halve, "tasks", 3),
    (TASKS, Path.unlink, "tasks", 3),
    (EPISODES, halve, "episodes", 3),
    (EPISODES, zero, "episodes", 3),
    (TOP, shorten, "video observation.images.top", 2),
    (TOP, two_thirds, "video observation.images.top", 1),
]


@pytest.mark.parametrize(("name", "damage", "part", "whole"), FILMED)
def test_lerobots_dataset_with_cameras(
    filmed: Path, filmed_once: Path, lerobot: LeRobot, name: str, damage: Damage, part: str, whole: int
) -> None:
    damage(filmed / name)
    damaged = (filmed / name).read_bytes() if (filmed / name).exists() else None
    assert part in broken_parts(filmed)
    done = repaired(filmed)
    assert done.episodes == whole
    loaded = assert_whole(filmed, lerobot, whole)
    assert loaded["digests"] == lerobot.ask("load", root=filmed_once)["digests"][:whole]
    if damaged is not None:
        assert done.kept is not None
        assert (done.kept / name).read_bytes() == damaged
    assert repaired(filmed).changed == ()


def test_lost_statistics_of_pictures_are_near_lerobots(filmed: Path, filmed_once: Path) -> None:
    halve(filmed / EPISODES)
    repaired(filmed)
    ours, theirs = (json.loads((root / STATISTICS).read_text()) for root in (filmed, filmed_once))
    for camera in ("observation.images.top", "observation.images.wrist"):
        assert np.shape(ours[camera]["mean"]) == np.shape(theirs[camera]["mean"])
        for key in ("mean", "std", "q10", "q50", "q90"):
            assert np.allclose(ours[camera][key], theirs[camera][key], atol=0.03)
    rows = pq.read_table(filmed / EPISODES).schema
    assert set(rows.names) == set(pq.read_table(filmed_once / EPISODES).schema.names)


OURS: list[tuple[str, Damage, str, int]] = [
    (INFO, halve, "info.json", 40),
    (INFO, Path.unlink, "info.json", 40),
    (STATISTICS, halve, "statistics", 40),
    (TASKS, zero, "tasks", 40),
    (EPISODES, halve, "episodes", 40),
    ("data/chunk-000/file-001.parquet", halve, "data", 32),
    ("data/chunk-000/file-001.parquet", Path.unlink, "data", 32),
]


@pytest.fixture(scope="session")
def forty_once(tmp_path_factory: pytest.TempPathFactory, spec: EnvSpec, episodes: list[Episode]) -> Path:
    """Forty short episodes by our writer, in two data files."""
    root = tmp_path_factory.mktemp("forty") / "dataset"
    with DatasetWriter(root, spec, settings={"policy": "random"}, sync=False) as writer:
        for number in range(40):
            writer.add(episodes[number % 6])
    return root


@pytest.mark.parametrize(("name", "damage", "part", "whole"), OURS)
def test_our_dataset_and_it_goes_on(
    forty_once: Path,
    tmp_path: Path,
    lerobot: LeRobot,
    spec: EnvSpec,
    episodes: list[Episode],
    name: str,
    damage: Damage,
    part: str,
    whole: int,
) -> None:
    root = Path(shutil.copytree(forty_once, tmp_path / "forty"))
    damage(root / name)
    assert part in broken_parts(root)
    assert repaired(root).episodes == whole
    loaded = assert_whole(root, lerobot, whole)
    assert loaded["digests"] == lerobot.ask("load", root=forty_once)["digests"][:whole]
    with DatasetWriter(root, spec, settings={"policy": "random"}, sync=False) as writer:
        assert writer.num_episodes == whole
        for number in range(whole, 41):
            writer.add(episodes[number % 6])
    assert_whole(root, lerobot, 41)


def test_damage_before_whole_episodes_needs_a_word(
    forty_once: Path, tmp_path: Path, lerobot: LeRobot, episodes: list[Episode]
) -> None:
    root = Path(shutil.copytree(forty_once, tmp_path / "forty"))
    content = bytearray((root / DATA).read_bytes())
    start = pq.ParquetFile(root / DATA).metadata.row_group(5).column(0).data_page_offset
    content[start : start + 4000] = bytes(4000)  # a bad sector in episode 5
    (root / DATA).write_bytes(content)
    before = tree(root)
    with pytest.raises(StorageError, match=r"episode 5 is damaged, and 34 whole ones lie behind it.*--cut"):
        repaired(root)
    assert tree(root) == before
    done = repair_dataset(root, check_dataset(root), cut=True)
    assert (done.episodes, done.lost) == (5, 35)
    assert_whole(root, lerobot, 5)


def test_nothing_whole_changes_nothing(saved: Path) -> None:
    halve(saved / DATA)
    before = tree(saved)
    with pytest.raises(StorageError, match="no whole episode"):
        repaired(saved)
    assert tree(saved) == before


def test_while_somebody_writes_nothing_is_repaired(saved: Path, spec: EnvSpec) -> None:
    report = check_dataset(saved)
    with DatasetWriter(saved, spec, settings={"policy": "random"}):
        halve(saved / EPISODES)
        report = check_dataset(saved)
        before = tree(saved)
        with pytest.raises(StorageError, match="is in use"):
            repair_dataset(saved, report)
    assert tree(saved) == before


def test_unfinished_files_are_taken_away(saved: Path) -> None:
    part = saved / "data/chunk-000/file-000.parquet.part"
    part.write_bytes(b"half a table")
    assert check_dataset(saved).verdict == Verdict.WARNING
    before = tree(saved)
    done = repaired(saved)
    del before["data/chunk-000/file-000.parquet.part"]
    assert tree(saved) == before
    assert done.kept is not None
    assert (done.kept / "data/chunk-000/file-000.parquet.part").read_bytes() == b"half a table"
