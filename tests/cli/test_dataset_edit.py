import json
import shutil
from pathlib import Path

import pytest

from lerobot_sim.datasets.reader import read_episodes, read_records
from lerobot_sim.datasets.source import open_source

VERBS = ("compact", "delete", "edit-task", "merge", "split")


@pytest.fixture(scope="module")
def collected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from lerobot_sim.cli.main import main

    root = tmp_path_factory.mktemp("collected") / "data"
    assert main(["collect", "push-t", "--episodes", "6", "--output-dir", str(root)]) == 0
    return root


@pytest.fixture
def root(collected: Path, tmp_path: Path) -> Path:
    return shutil.copytree(collected, tmp_path / "data")


@pytest.mark.parametrize("verb", VERBS)
def test_help_has_an_example_and_the_promise(command, verb):
    said = command("dataset", verb, "--help")
    assert said.code == 0
    assert f"lerobot-sim dataset {verb} outputs/" in said.out
    assert "safe like a commit" in said.out
    assert verb in command("dataset", "--help").out


def test_compact_delete_edit_split_merge(command, root, tmp_path):
    seeds = [record.seed for record in read_records(root)]
    said = command("dataset", "compact", root, "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)
    assert (result["episodes"], result["dataset"]) == (6, str(root))
    assert result["files_before"] >= result["files"]

    result = json.loads(command("dataset", "delete", root, "--episodes", "0", "2-3", "--json").out)
    assert result["deleted"] == [0, 2, 3]
    assert [record.seed for record in read_records(root)] == [seeds[1], seeds[4], seeds[5]]

    said = command("dataset", "edit-task", root, "--episodes", "1", "--new", "shove it")
    assert "Tasks now: " in said.out
    assert "'shove it'" in said.out
    assert read_episodes(root)[1].tasks == ("shove it",)

    parts = tmp_path / "parts"
    said = command("dataset", "split", root, "--output-dir", parts, "--parts", "a=0.67", "b=0.33", "--json")
    assert said.code == 0, said.err
    result = json.loads(said.out)["parts"]
    assert (result["a"]["episodes"], result["b"]["episodes"]) == (2, 1)
    assert sorted(result["a"]["source_episodes"] + result["b"]["source_episodes"]) == [0, 1, 2]

    said = command("dataset", "merge", parts / "a", parts / "b", "--output-dir", tmp_path / "both", "--json")
    assert json.loads(said.out)["episodes"] == 3
    assert sorted(record.seed for record in read_records(tmp_path / "both")) == sorted([seeds[1], seeds[4], seeds[5]])


def test_output_dir_leaves_the_dataset(command, root, tmp_path):
    said = command("dataset", "delete", root, "--episodes", "5", "--output-dir", tmp_path / "rest")
    assert said.code == 0, said.err
    assert open_source(root).num_episodes == 6
    assert open_source(tmp_path / "rest").num_episodes == 5


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["delete", "{root}", "--episodes", "x"], "numbers or ranges"),
        (["delete", "{root}", "--episodes", "9"], "episodes 0 to 5"),
        (["delete", "{root}", "--episodes", "0-5"], "All 6 episodes"),
        (["edit-task", "{root}", "--new", "a"], "the old text, or the episodes"),
        (["edit-task", "{root}", "--new", "a", "--old", "b"], "Valid names"),
        (["split", "{root}", "--output-dir", "{new}", "--parts", "a=0.5", "b=1-2"], "Give shares for all"),
        (["split", "{root}", "--output-dir", "{new}", "--parts", "a"], "NAME=SHARE"),
        (["split", "{root}", "--output-dir", "{root}", "--parts", "a=0.5"], "not empty"),
        (["merge", "{root}", "--output-dir", "{new}"], "at least two"),
        (["merge", "{root}", "{new}", "--output-dir", "{new}2"], "no dataset at"),
        (["compact", "{new}"], "no dataset at"),
    ],
)
def test_what_cannot_be_done_is_said(command, root, tmp_path, arguments, named):
    filled = [word.format(root=root, new=tmp_path / "new") for word in arguments]
    said = command("dataset", *filled)
    assert said.code in (1, 2)
    assert named in " ".join(said.err.split())
    assert open_source(root).num_episodes == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data"]
