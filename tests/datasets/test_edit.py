"""Edits of our own recordings with cameras and states, and what is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from lerobot_sim.datasets.edit import by_shares, compact, delete, edit_task, merge, split
from lerobot_sim.datasets.frames import FrameReader
from lerobot_sim.datasets.reader import read_episodes, read_records
from lerobot_sim.datasets.source import open_source
from lerobot_sim.datasets.states import read_states
from lerobot_sim.errors import InputError, StorageError, UnknownNameError
from lerobot_sim.spec import IMAGES

from .conftest import LeRobot, tree
from .test_recorder import record


@pytest.fixture(scope="module")
def camera_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("camera") / "data"
    record(root, range(4))
    return root


def _frames(root: Path, episode: int) -> np.ndarray:
    entry = read_episodes(root)[episode]
    with FrameReader(root) as reader:
        return np.array(reader.frames(IMAGES + "front", range(entry.start, entry.stop)))


def test_states_frames_and_records_move_with_their_episode(camera_run: Path, lerobot: LeRobot, tmp_path: Path) -> None:
    root = tmp_path / "data"
    shutil.copytree(camera_run, root)
    compact(root)
    assert len(list(root.rglob("*.mp4"))) == 1
    written = delete(root, [1])
    assert not written.reencoded
    assert not written.notes
    assert [record.seed for record in read_records(root)] == [0, 2, 3]
    for new, old in enumerate((0, 2, 3)):
        assert (_frames(root, new) == _frames(camera_run, old)).all()
        states = read_states(camera_run, old)
        assert all((read_states(root, new)[name] == values).all() for name, values in states.items())
    assert len(list((root / "sim/states").iterdir())) == 3
    record(root, range(4, 6))
    assert len(list(root.rglob("*.mp4"))) == 3
    record(tmp_path / "straight", range(4, 6))
    for new, old in ((3, 0), (4, 1)):
        assert (_frames(root, new) == _frames(tmp_path / "straight", old)).all()
    assert lerobot.ask("load", root=root)["episodes"] == 5
    compact(root)
    assert len(list(root.rglob("*.mp4"))) == 1
    assert lerobot.ask("load", root=root)["episodes"] == 5


@pytest.mark.parametrize("episodes", [[4], [-1], [0, 9], [0, 1, 2, 3]])
def test_deleting_what_is_not_there_or_all_is_refused(camera_run: Path, episodes: list[int]) -> None:
    before = tree(camera_run)
    with pytest.raises(InputError, match=r"episodes 0 to 3|All 4 episodes"):
        delete(camera_run, episodes)
    assert tree(camera_run) == before


def test_tasks_are_replaced_where_they_stand(camera_run: Path, tmp_path: Path) -> None:
    (task,) = open_source(camera_run).tasks.values()
    edit_task(camera_run, "shove", episodes=[1, 2], output=tmp_path / "one")
    edit_task(tmp_path / "one", "push", old=task)
    assert [entry.tasks for entry in read_episodes(tmp_path / "one")] == [("push",), ("shove",), ("shove",), ("push",)]
    assert list(open_source(tmp_path / "one").tasks.values()) == ["push", "shove"]
    edit_task(tmp_path / "one", "push", old="shove")
    assert list(open_source(tmp_path / "one").tasks.values()) == ["push"]
    with pytest.raises(UnknownNameError, match="Valid names: push"):
        edit_task(tmp_path / "one", "new", old="shove")
    with pytest.raises(InputError, match="old text, or the episodes"):
        edit_task(tmp_path / "one", "new")
    with pytest.raises(InputError, match="empty"):
        edit_task(tmp_path / "one", " ", old="push")


def test_unlike_datasets_are_not_merged(camera_run: Path, saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    shutil.copytree(camera_run, other)
    info = json.loads((other / "meta/info.json").read_text())
    info["fps"] = 20
    info["features"]["action"]["names"] = ["a", "b"]
    (other / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(InputError, match=r"fps is 10 there, 20 here; 'action' has names"):
        merge([camera_run, other], tmp_path / "merged")
    with pytest.raises(InputError, match=r"'observation.images.front' is only in the first"):
        merge([camera_run, saved], tmp_path / "merged")
    with pytest.raises(InputError, match="at least two"):
        merge([camera_run], tmp_path / "merged")
    with pytest.raises(StorageError, match="not empty"):
        merge([saved, saved], camera_run)
    with pytest.raises(StorageError, match="no dataset at"):
        merge([saved, tmp_path / "nowhere"], tmp_path / "merged")
    assert not (tmp_path / "merged").exists()


def test_settings_that_differ_are_told(spec, episodes, saved: Path, tmp_path: Path) -> None:
    from lerobot_sim.datasets.writer import DatasetWriter

    with DatasetWriter(tmp_path / "other", spec, settings={"policy": "expert"}) as writer:
        writer.add(episodes[3])
    written = merge([saved, tmp_path / "other"], tmp_path / "merged")
    assert "several settings" in written.notes[0]
    assert [record.seed for record in read_records(tmp_path / "merged")] == [0, 1, 2, 3]


def test_parts_are_drawn_once_and_all(camera_run: Path, tmp_path: Path) -> None:
    shares = by_shares({"train": 0.8, "val": 0.2}, 50, 7)
    assert (len(shares["train"]), len(shares["val"])) == (40, 10)
    assert sorted(shares["train"] + shares["val"]) == list(range(50))
    assert shares == by_shares({"train": 0.8, "val": 0.2}, 50, 7) != by_shares({"train": 0.8, "val": 0.2}, 50, 8)
    assert shares["train"] == sorted(shares["train"])
    with pytest.raises(InputError, match="at most 1 together"):
        by_shares({"train": 0.8, "val": 0.3}, 50, 7)
    for parts, match in (
        ({"a": [0, 1], "b": [1]}, "Episode 1 is in 'a' and in 'b'"),
        ({"a": [0], "b": []}, "'b' would be empty"),
        ({"a/b": [0]}, "cannot be one"),
        ({"a": [7]}, "episodes 0 to 3"),
    ):
        with pytest.raises(InputError, match=match):
            split(camera_run, parts, tmp_path / "parts")
    assert not (tmp_path / "parts").exists()
