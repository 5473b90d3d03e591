"""Datasets to NumPy files and back: the same bytes."""

import json
import shutil

import numpy as np
import pytest

from lerobot_sim.datasets import exchange, numpy_files
from lerobot_sim.datasets.codecs import VideoSettings
from lerobot_sim.datasets.reader import read_columns
from lerobot_sim.errors import StorageError

from .conftest import tree


def export(root, output, **options):
    options = {"overwrite": False, "show": lambda _: None, **options}
    numpy_files.export(root, exchange.header_of(root), output, **options)


def bring_back(folder, root, **options):
    header, count, items = numpy_files.read(folder)
    spec = exchange.spec_of(header, "some")
    written = exchange.write_dataset(root, header, spec, items, video=VideoSettings(), **options)
    assert written[0] == count
    return written


def test_a_round_trip_changes_no_byte(saved, tmp_path):
    shown = []
    export(saved, tmp_path / "numpy", show=shown.append)
    assert shown == [1, 2, 3]
    bring_back(tmp_path / "numpy", tmp_path / "back")
    assert tree(tmp_path / "back") == tree(saved)


def test_the_files_are_plain(saved, episodes, tmp_path):
    export(saved, tmp_path / "numpy")
    names = sorted(path.name for path in (tmp_path / "numpy").iterdir())
    assert names == ["dataset.json", *(f"episode_{number:06d}.npz" for number in range(3))]
    with np.load(tmp_path / "numpy" / "episode_000001.npz", allow_pickle=False) as archive:
        np.testing.assert_array_equal(archive["action"], episodes[1].action)
        np.testing.assert_array_equal(archive["observation.state"], episodes[1].observation["observation.state"])
        assert archive["next.done"].tolist() == [False] * (len(episodes[1]) - 1) + [True]


def test_a_dataset_of_others_comes_back_with_its_columns(saved, tmp_path):
    shutil.rmtree(saved / "sim")
    export(saved, tmp_path / "numpy")
    bring_back(tmp_path / "numpy", tmp_path / "back")
    there, back = read_columns(saved), read_columns(tmp_path / "back")
    assert list(there) == list(back)
    for name in there:
        np.testing.assert_array_equal(there[name], back[name])
    run = json.loads((tmp_path / "back" / "sim" / "run.json").read_text())
    assert run["environment"]["id"] == "imported/some"


def test_what_is_there_is_not_overwritten(saved, tmp_path):
    output = tmp_path / "numpy"
    export(saved, output)
    with pytest.raises(StorageError, match="not empty"):
        export(saved, output)
    export(saved, output, overwrite=True)
    with pytest.raises(StorageError, match="not empty"):
        bring_back(output, saved)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(StorageError, match="something else"):
        export(saved, tmp_path / "mine", overwrite=True)
    with pytest.raises(StorageError, match="something else"):
        bring_back(output, tmp_path / "mine", overwrite=True)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"
    before = tree(saved)
    bring_back(output, saved, overwrite=True)
    assert tree(saved) == before


@pytest.mark.parametrize(
    ("harm", "word"),
    [
        (lambda folder: (folder / "dataset.json").unlink(), "is missing"),
        (lambda folder: (folder / "dataset.json").write_text("{"), "no JSON"),
        (lambda folder: (folder / "dataset.json").write_text("{}"), "damaged"),
        (lambda folder: (folder / "episode_000001.npz").unlink(), "is missing"),
        (lambda folder: (folder / "episode_000001.npz").write_bytes(b"PK\x03\x04nothing"), "damaged"),
        (lambda folder: np.savez(folder / "episode_000001.npz", action=np.zeros((3, 2), np.float32)), "lacks"),
    ],
)
def test_damage_is_named_and_leaves_no_dataset(saved, tmp_path, harm, word):
    export(saved, tmp_path / "numpy")
    harm(tmp_path / "numpy")
    with pytest.raises(StorageError, match=word):
        bring_back(tmp_path / "numpy", tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_no_pickle_is_read(saved, tmp_path):
    export(saved, tmp_path / "numpy")
    with np.load(tmp_path / "numpy" / "episode_000001.npz") as archive:
        arrays = dict(archive)
    arrays["action"] = np.array([{"a": 1}], dtype=object)
    np.savez(tmp_path / "numpy" / "episode_000001.npz", **arrays)
    with pytest.raises(StorageError, match="damaged"):
        bring_back(tmp_path / "numpy", tmp_path / "back")
