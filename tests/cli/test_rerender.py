"""`lerobot-sim rerender` as people run it: its help, and a kill in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lerobot_sim.cli.main import main
from tests.cli.conftest import Said
from tests.datasets.conftest import tree

EPISODES = 4


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Short episodes of push-t with states and without pictures."""
    root = tmp_path_factory.mktemp("rerender") / "push-t"
    options = ["--policy", "random", "--episodes", str(EPISODES), "--episode-length", "60"]
    assert main(["collect", "push-t", *options, "--output-dir", str(root)]) == 0
    return root


def test_help_teaches(command: Callable[..., Said]) -> None:
    said = command("rerender", "--help")
    assert said.code == 0
    for word in ("--cameras", "--image-size", "--look", "--params", "--workers", "examples", "key_light"):
        assert word in said.out


@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_and_gone_on_with(dataset: Path, workers: str, tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    options = ["rerender", str(dataset), "--cameras", "front", "--image-size", "96"]
    assert main([*options, "--output-dir", str(whole)]) == 0
    command = [sys.executable, "-m", "lerobot_sim", *options, "--output-dir", str(killed), "--workers", workers]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    lines, until = killed / "sim/episodes.jsonl", time.monotonic() + 60
    while not (lines.exists() and lines.read_bytes().count(b"\n")) and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert 1 <= lines.read_bytes().count(b"\n") <= EPISODES
    _go_on([*options, "--output-dir", str(killed), "--workers", workers], until)
    assert tree(killed) == tree(whole)


def _go_on(options: list[str], until: float) -> None:
    """The same command again; processes of the killed one may need a moment to notice."""
    while main(options) != 0:
        assert time.monotonic() < until
        time.sleep(0.1)
