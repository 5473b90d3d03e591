"""What an environment says of itself: which lock it was built from, what is in it, and how its smoke run went."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

SCHEMA = 1
NAME = "lerobot-sim.json"


@dataclass(frozen=True, kw_only=True)
class SmokeRun:
    """A reset, a step and a picture in a process of the environment.

    Attributes:
        passed: Whether all of it worked.
        task: The environment's id.
        seconds: Until the environment stood, of the reset, of a step, of a picture.
        said: What went wrong, in words.
        made_at: When, ISO 8601 with time zone.
    """

    passed: bool
    task: str
    seconds: dict[str, float]
    said: str
    made_at: str


@dataclass(frozen=True, kw_only=True)
class Record:
    """A finished environment.

    Attributes:
        family: Whose it was built for.
        lock_sha256: See `install_places.lock_digest`.
        python: Version of its Python.
        simulator: The simulator's distribution and version, such as "metaworld 3.1.1".
        versions: Distribution -> version.
        size_bytes: Of its files, each once, whatever the package cache shares with it.
        shared_bytes: Of those files, the part that the package cache holds anyhow.
        seconds: How long building it took.
        made_at: When, ISO 8601 with time zone.
        uv: Version of uv that built it.
        smoke: How its last smoke run went; None before the first.
    """

    family: str
    lock_sha256: str
    python: str
    simulator: str
    versions: dict[str, str] = field(repr=False)
    size_bytes: int
    shared_bytes: int
    seconds: float
    made_at: str
    uv: str
    smoke: SmokeRun | None = None
    schema: int = SCHEMA


def read(environment: Path) -> Record | None:
    """The environment's record; None where there is none that this version can read."""
    try:
        values: Any = json.loads((environment / NAME).read_text(encoding="utf-8"))
        if values["schema"] != SCHEMA:
            return None
        known: dict[str, Any] = {each.name: values[each.name] for each in fields(Record)}
        known["smoke"] = SmokeRun(**values["smoke"]) if values["smoke"] else None
        return Record(**known)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(environment: Path, record: Record) -> None:
    """Writes the record, all of it or nothing."""
    beside = environment / f".{NAME}.{os.getpid()}"
    try:
        with beside.open("w", encoding="utf-8") as file:
            json.dump(asdict(record), file, indent=1)
            file.write("\n")
            file.flush()
            os.fsync(file.fileno())
        beside.replace(environment / NAME)
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()
