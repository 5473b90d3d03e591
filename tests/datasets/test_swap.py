"""A swap that is killed at any moment leaves the old or the new folder, and nothing else after the next one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lerobot_sim.datasets import swap
from lerobot_sim.datasets.files import FolderLock
from lerobot_sim.datasets.reader import read_episodes, read_info
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.episode import Episode
from lerobot_sim.errors import StorageError
from lerobot_sim.spec import EnvSpec

from .conftest import HERE, tree

Swap = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def killed_swap() -> Iterator[Swap]:
    process = subprocess.Popen(
        [sys.executable, str(HERE / "swapping_process.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )

    def ask(root: Path, kill_at: int | None, exchange: bool) -> dict[str, Any]:
        assert process.stdin
        assert process.stdout
        process.stdin.write(json.dumps({"root": str(root), "kill_at": kill_at, "exchange": exchange}) + "\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())

    yield ask
    assert process.stdin
    process.stdin.close()
    process.wait(timeout=60)


def _old(root: Path) -> Path:
    (root / "meta").mkdir(parents=True)
    (root / "sim").mkdir()
    for name in ("one", "three"):
        (root / "meta" / name).write_text("old")
    return root


OLD = {"meta/one": b"old", "meta/three": b"old"}
NEW = {"meta/one": b"new", "meta/two": b"new"}


@pytest.mark.parametrize("exchange", [True, False])
def test_killed_before_each_step(killed_swap: Swap, tmp_path: Path, exchange: bool) -> None:
    steps = killed_swap(_old(tmp_path / "counted"), None, exchange)["steps"]
    assert steps > 15
    assert tree(tmp_path / "counted") == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["counted"]
    found: list[str] = []
    for step in range(steps):
        root = _old(tmp_path / f"killed{step}" / "data")
        assert killed_swap(root, step, exchange)["killed"]
        there = tree(root) if root.exists() else None
        assert there in (OLD, NEW) if exchange else there in (OLD, NEW, None)
        swap.recover(root)
        assert tree(root) in ((there,) if there else (OLD, NEW))
        assert [path.name for path in root.parent.iterdir()] == ["data"], "leftovers"
        found.append("none" if there is None else "old" if there == OLD else "new")
    assert found == sorted(found, key=["old", "none", "new"].index)
    assert {"old", "new"} <= set(found)
    assert ("none" in found) != exchange


def test_after_a_kill_the_next_swap_works(killed_swap: Swap, tmp_path: Path) -> None:
    root = _old(tmp_path / "data")
    for exchange in (True, False):
        for step in (3, 6, 9, 12):
            killed_swap(root, step, exchange)
    assert not killed_swap(root, None, True)["killed"]
    assert tree(root) == NEW
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_who_opens_finishes_the_swap(saved: Path, spec: EnvSpec, episodes: list[Episode]) -> None:
    work = saved.with_name(".saved.swap")
    for opened in (read_info, read_episodes, lambda root: DatasetWriter(root, spec, settings={"policy": "random"})):
        before = tree(saved)
        work.mkdir()
        saved.rename(work / "old")  # killed between the two renames
        (work / "old" / "meta" / "info.json").rename(work / "kept")
        with pytest.raises(StorageError):
            read_info(work / "old")
        (work / "kept").rename(work / "old" / "meta" / "info.json")
        result = opened(saved)
        if isinstance(result, DatasetWriter):
            assert result.num_episodes == 3
            result.add(episodes[3])
            result.close()
        else:
            assert tree(saved) == before
        assert not work.exists()
    assert read_info(saved).total_episodes == 4


def test_an_error_leaves_the_old_folder(tmp_path: Path) -> None:
    root = _old(tmp_path / "data")
    with pytest.raises(KeyError), swap.new_beside(root) as folder:  # noqa: PT012
        (folder / "half").write_text("half")
        raise KeyError
    assert tree(root) == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_a_failing_second_rename_is_undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _old(tmp_path / "data")
    monkeypatch.setattr(swap, "_exchange", lambda one, other: False)
    rename = swap._rename

    def refusing(path: Path, to: Path) -> None:
        if path.name == "new":
            raise StorageError("refused")
        rename(path, to)

    monkeypatch.setattr(swap, "_rename", refusing)
    with pytest.raises(StorageError, match="refused"), swap.new_beside(root) as folder:
        (folder / "whole").write_text("whole")
    assert tree(root) == OLD
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_what_is_in_use_is_refused(tmp_path: Path) -> None:
    root = _old(tmp_path / "data")
    writer = FolderLock(root / "sim" / "lock")
    with pytest.raises(StorageError, match=r"in use: process"), swap.new_beside(root):
        pytest.fail("it began")
    writer.release()
    with swap.new_beside(root) as folder:
        (folder / "mine").write_text("mine")
        with pytest.raises(StorageError, match="in use"), swap.new_beside(root):
            pytest.fail("two at once")
        with pytest.raises(StorageError, match="in use"):
            FolderLock(root / "sim" / "lock")
    assert tree(root) == {"mine": b"mine"}


def test_a_new_place_must_be_free_and_a_link_stays_one(tmp_path: Path) -> None:
    root = _old(tmp_path / "data")
    with pytest.raises(StorageError, match="not empty"), swap.new_beside(root, replace=False):
        pytest.fail("it began")
    (tmp_path / "file").write_text("file")
    with pytest.raises(StorageError, match="is a file"), swap.new_beside(tmp_path / "file"):
        pytest.fail("it began")
    (tmp_path / "empty").mkdir()
    for place in (tmp_path / "empty", tmp_path / "a" / "b" / "c"):
        with swap.new_beside(place, replace=False) as folder:
            (folder / "mine").write_text("mine")
        assert tree(place) == {"mine": b"mine"}
    (tmp_path / "link").symlink_to(root)
    with swap.new_beside(tmp_path / "link") as folder:
        (folder / "mine").write_text("mine")
    assert (tmp_path / "link").is_symlink()
    assert tree(root) == {"mine": b"mine"}
