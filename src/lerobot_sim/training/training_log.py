"""A run's log: one JSON object a line, with losses and, at checkpoints, success."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from lerobot_sim.datasets.files import write_whole
from lerobot_sim.errors import StorageError

LOG = "log.jsonl"


def read_log(path: Path, until: int | None = None) -> list[dict[str, float]]:
    """The lines, in order, up to the step `until`; a last line that a kill has torn is left out.

    Raises:
        StorageError: Another line is no JSON.
    """
    texts = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    lines: list[dict[str, float]] = []
    for number, text in enumerate(texts):
        try:
            line: dict[str, float] = json.loads(text)
        except ValueError as error:
            if number + 1 == len(texts):
                break
            raise StorageError(f"{path}: line {number + 1} is damaged.") from error
        if until is None or line["step"] <= until:
            lines.append(line)
    return lines


def cut_log(path: Path, until: int) -> None:
    """Forgets the steps after `until`, which will be done again."""
    if path.exists():
        kept = [json.dumps(line) + "\n" for line in read_log(path, until)]
        write_whole(path, "".join(kept).encode(), sync=False)


def add_line(path: Path, line: Mapping[str, float]) -> None:
    """Adds one line."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
