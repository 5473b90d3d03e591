from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from lerobot_sim.cli.main import main


@dataclass
class Said:
    code: int
    out: str
    err: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Runs `lerobot-sim …` in this process."""

    def run(*arguments: str | Path) -> Said:
        try:
            code = main([str(argument) for argument in arguments])
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return run


SMALL = ("--demo-episodes", "4", "--train-steps", "120", "--eval-episodes", "6", "--videos", "0")
