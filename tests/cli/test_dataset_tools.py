"""`lerobot-sim dataset info`, `show` and `check` as a user types them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from lerobot_sim.cli.dataset import VERBS

from .conftest import Said

Command = Callable[..., Said]


@pytest.fixture
def dataset(command: Command, tmp_path: Path) -> Path:
    root = tmp_path / "dataset"
    assert command("collect", "push-t", "--episodes", "3", "--output-dir", root).code == 0
    return root


def test_help_names_every_verb(command: Command) -> None:
    said = command("dataset")
    assert said.code == 0
    assert all(f"  {verb}" in said.out for verb in VERBS)


@pytest.mark.parametrize("verb", ["info", "show", "check"])
def test_help_of_a_verb_teaches(command: Command, verb: str) -> None:
    said = command("dataset", verb, "--help")
    assert said.code == 0
    assert f"lerobot-sim dataset {verb} outputs/" in said.out


def test_an_unknown_verb_gets_the_nearest(command: Command) -> None:
    said = command("dataset", "chek")
    assert said.code == 2
    assert "Did you mean 'check'" in said.err


def test_info_says_what_is_there(command: Command, dataset: Path) -> None:
    facts = json.loads(command("dataset", "info", dataset, "--json").out)
    assert (facts["episodes"], facts["frames"], facts["fps"]) == (3, 900, 10)
    assert facts["features"]["action"]["shape"] == [2]
    assert len(facts["simulation"]["seeds"]) == 3
    said = command("dataset", "info", dataset)
    assert "3 episodes of 300 rows" in said.out
    assert "numpy/push-t version" in said.out


def test_show_draws_a_picture(command: Command, dataset: Path, tmp_path: Path) -> None:
    said = command("dataset", "show", dataset, "--episodes", "0", "2", "--output", tmp_path / "sheet.png", "--json")
    assert json.loads(said.out)["episodes"] == [0, 2]
    with av.open(str(tmp_path / "sheet.png")) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")
    blue = (np.abs(picture.astype(int) - (31, 119, 180)).max(axis=2) < 3).sum()
    assert blue > 1000  # lines are there
    assert command("dataset", "show", dataset, "--episodes", "7").code == 2


def test_check_says_ok_then_names_the_damage_then_mends_it(command: Command, dataset: Path) -> None:
    said = command("dataset", "check", dataset)
    assert said.code == 0
    assert f"{dataset}: ok." in said.out
    statistics = dataset / "meta/stats.json"
    statistics.write_bytes(statistics.read_bytes()[:100])
    said = command("dataset", "check", dataset)
    assert said.code == 1
    assert "broken" in said.out
    assert "meta/stats.json" in said.out
    assert "--repair" in said.out
    result = json.loads(command("dataset", "check", dataset, "--json").out)
    assert result["verdict"] == "broken"
    said = command("dataset", "check", dataset, "--repair")
    assert said.code == 0
    assert "3 whole episodes" in said.out
    assert command("dataset", "check", dataset).code == 0


def test_check_of_no_dataset(command: Command, tmp_path: Path) -> None:
    assert command("dataset", "check", tmp_path / "nowhere").code != 0
    assert "holds no dataset" in command("dataset", "check", tmp_path).err
