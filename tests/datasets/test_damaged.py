"""Damaged, missing and contradicting files: one error that names the file, and nothing changed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from lerobot_sim.datasets.reader import read_columns, read_episodes, read_info, read_records
from lerobot_sim.datasets.writer import DatasetWriter
from lerobot_sim.errors import StorageError
from lerobot_sim.spec import EnvSpec

from .conftest import tree

DATA = "data/chunk-000/file-000.parquet"
EPISODES = "meta/episodes/chunk-000/file-000.parquet"
INFO = "meta/info.json"


def _halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _zero(path: Path) -> None:
    """What a power cut can leave of a file that was not synced."""
    path.write_bytes(bytes(path.stat().st_size))


def _edit(**changes: object) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        content = json.loads(path.read_text())
        path.write_text(json.dumps({**content, **changes}))

    return edit


def _drop_key(key: str) -> Callable[[Path], None]:
    def drop(path: Path) -> None:
        content = json.loads(path.read_text())
        del content[key]
        path.write_text(json.dumps(content))

    return drop


CASES: list[tuple[str, Callable[[Path], None], str]] = [
    *((name, _halve, "is damaged") for name in (INFO, "meta/stats.json", "meta/tasks.parquet", EPISODES, DATA)),
    *((name, _halve, "is damaged") for name in ("sim/run.json", "sim/episodes.jsonl")),
    *((name, _zero, "is damaged") for name in (INFO, "meta/stats.json", "meta/tasks.parquet", EPISODES, DATA)),
    *((name, Path.unlink, "is missing") for name in (INFO, "meta/tasks.parquet", EPISODES, DATA, "sim/episodes.jsonl")),
    (INFO, _drop_key("features"), "is damaged: KeyError 'features'"),
    (INFO, _edit(fps="ten"), "expected a positive number, 'ten' came"),
    (INFO, _edit(total_episodes=-1), "expected a count, -1 came"),
    (INFO, _edit(total_episodes=9), "is missing"),
    (INFO, _edit(total_frames=901), "counts 900 rows, info.json 901"),
    (INFO, _edit(total_tasks=2), "holds 1 of 2 tasks"),
    (INFO, _edit(codebase_version="v2.1"), "is of format v2.1"),
    ("sim/run.json", _edit(schema=99), "is of schema 99"),
    ("meta/stats.json", _edit(action=3), "is damaged"),
]


@pytest.mark.parametrize(("name", "damage", "message"), CASES)
def test_the_writer_refuses(
    saved: Path, spec: EnvSpec, name: str, damage: Callable[[Path], None], message: str
) -> None:
    damage(saved / name)
    before = tree(saved)
    with pytest.raises(StorageError, match=message) as caught:
        DatasetWriter(saved, spec, settings={"policy": "random"})
    assert str(saved) in str(caught.value)
    if "total" not in str(damage):
        assert len(str(caught.value)) < 1000
    assert tree(saved) == before
    with pytest.raises(StorageError, match=message):  # and lets go of the lock
        DatasetWriter(saved, spec, settings={"policy": "random"})


@pytest.mark.parametrize("damage", [_halve, _zero, Path.unlink])
@pytest.mark.parametrize(
    ("name", "read"),
    [(INFO, read_info), (DATA, read_columns), (EPISODES, read_episodes), ("sim/episodes.jsonl", read_records)],
)
def test_the_reader_refuses(
    saved: Path, name: str, read: Callable[[Path], object], damage: Callable[[Path], None]
) -> None:
    damage(saved / name)
    with pytest.raises(StorageError, match=Path(name).parts[0]) as caught:
        read(saved)
    assert str(saved) in str(caught.value)


def test_the_reader_refuses_rows_out_of_order(saved: Path, spec: EnvSpec) -> None:
    copy = saved / "data/chunk-000/file-0005.parquet"  # what a merge that was not finished leaves
    copy.write_bytes((saved / DATA).read_bytes())
    (saved / INFO).write_text((saved / INFO).read_text().replace('"total_frames": 900', '"total_frames": 1800'))
    with pytest.raises(StorageError, match="not in order"):
        read_columns(saved)


def test_no_dataset_at_all(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"info\.json is missing"):
        read_columns(tmp_path)


def test_an_unfinished_line_beyond_the_last_episode_is_ignored(saved: Path) -> None:
    with (saved / "sim/episodes.jsonl").open("a") as file:
        file.write('{"episode_index": 3, "se')
    assert len(read_records(saved)) == 3
