"""compare, report and power as commands."""

import json

import numpy as np
import pytest

from tests.evaluation.runs import run_of


@pytest.fixture
def folders(tmp_path):
    for number, (name, rate) in enumerate((("good", 0.9), ("poor", 0.4))):
        run_of(tmp_path / "eval" / name, (np.random.default_rng(number).random(40) < rate).tolist())
    return tmp_path / "eval"


def test_compare_says_who_is_better(command, folders):
    said = command("compare", folders / "good", folders / "poor")
    assert said.code == 0, said.err
    assert "'good' is better than 'poor'" in said.out
    assert "| good |" in said.out
    assert "a |" in said.out


def test_compare_takes_names_and_writes_files(command, folders, tmp_path):
    said = command("compare", f"ours={folders / 'good'}", folders / "poor", "--output-dir", tmp_path / "c", "--json")
    result = json.loads(said.out)
    assert [one["name"] for one in result["standings"]] == ["ours", "poor"]
    assert result["pairs"][0]["p_value"] < 0.05
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == [
        "comparison.html",
        "comparison.json",
        "comparison.md",
    ]
    assert "'ours' is better" in said.err


def test_names_are_as_long_as_they_must_be(command, tmp_path):
    for name in ("a/eval", "b/eval"):
        run_of(tmp_path / name, [True, False])
    said = command("compare", tmp_path / "a/eval", tmp_path / "b/eval", "--json")
    assert {one["name"] for one in json.loads(said.out)["standings"]} == {"a/eval", "b/eval"}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("good",), "at least two"),
        (("good", "good"), "came twice"),
        (("good", "nowhere"), "there is no run.json"),
        (("good", "poor", "--alpha", "5"), "--alpha"),
        (("good", "poor", "--metric", "succes"), "Did you mean"),
        (("good", "poor", "--arm", "friction=3"), "No variation"),
        (("x=good", "x=poor"), "once"),
    ],
)
def test_compare_refuses_in_one_line(command, folders, monkeypatch, words, message):
    monkeypatch.chdir(folders)
    said = command("compare", *words)
    assert said.code in (1, 2)
    assert message in said.err
    assert said.err.count("\n") <= 2


def test_other_seeds_need_the_flag(command, tmp_path):
    run_of(tmp_path / "a", [True] * 20)
    run_of(tmp_path / "b", [False] * 20, first_seed=500, seed=1)
    refused = command("compare", tmp_path / "a", tmp_path / "b")
    assert (refused.code, "--unpaired" in refused.err) == (2, True)
    assert "Barnard" in command("compare", tmp_path / "a", tmp_path / "b", "--unpaired").out


def test_report_writes_a_page(command, folders):
    said = command("report", folders / "good")
    assert said.code == 0, said.err
    assert str(folders / "good" / "report.html") in said.out
    assert json.loads(command("report", folders / "good", "--json").out)["html"].endswith("report.html")
    assert command("report", folders).code == 1
    assert command("report", folders / "good", "--videos", "-1").code == 2


@pytest.mark.parametrize(
    ("words", "field", "low", "high"),
    [
        (("--baseline", "0.6", "--improvement", "0.1"), "episodes", 350, 400),
        (("--baseline", "0.6", "--improvement", "0.1", "--policies", "4"), "episodes", 500, 640),
        (("--baseline", "0.6", "--episodes", "50"), "smallest_improvement", 0.2, 0.3),
        (("--rate", "0.9", "--half-width", "0.05"), "episodes", 130, 150),
        (("--rate", "0.9", "--pass-mark", "0.8"), "episodes", 100, 130),
    ],
)
def test_power_answers(command, words, field, low, high):
    said = command("power", *words, "--json")
    assert said.code == 0, said.err
    assert low <= json.loads(said.out)[field] <= high
    assert "episodes" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "lerobot-sim power --baseline 0.6 --improvement 0.1"),
        (("--baseline", "60", "--improvement", "10"), "shares, not percent"),
        (("--baseline", "0.6", "--improvement", "0"), "never told apart"),
        (("--baseline", "0.6", "--episodes", "0"), "at least 1"),
        (("--rate", "0.7", "--pass-mark", "0.8"), "below the rate"),
        (("--baseline", "0.6", "--improvement", "0.1", "--policies", "1"), "at least 2"),
        (("--baseline", "0.6", "--improvement", "0.1", "--agreement", "3"), "agreement"),
    ],
)
def test_power_refuses_in_one_line(command, words, message):
    said = command("power", *words)
    assert (said.code, message in said.err) == (2, True), said.err


def test_power_knows_when_nothing_can_be_shown(command):
    assert "too few" in command("power", "--baseline", "0.95", "--episodes", "10").out
