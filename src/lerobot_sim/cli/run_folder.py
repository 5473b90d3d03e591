"""An output folder: who uses it, with which settings, and what came of it."""

from __future__ import annotations

import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any

from lerobot_sim import __version__
from lerobot_sim.datasets.files import FolderLock
from lerobot_sim.errors import StorageError

SCHEMA = 1
_PACKAGES = ("numpy", "gymnasium", "pyarrow", "av")


class RunFolder:
    """A folder that one command fills, guarded by a lock that a dead process does not hold.

    `<command>.json` in it says what was run (settings, versions, a schema number) and, once finished, the result.

    Args:
        path: The folder; made where it is missing.
        command: Whose it is.
        settings: What the outcome depends on, JSON-ready.
        overwrite: Remove what an earlier run with other settings left here.
        products: Names of what the command makes in it; only these are ever removed.

    Raises:
        StorageError: On entering: another process uses the folder, or it holds a run of other settings.
    """

    def __init__(
        self, path: Path, command: str, settings: Mapping[str, Any], *, overwrite: bool, products: Sequence[str]
    ) -> None:
        self.path = path
        self._command = command
        self._settings: dict[str, Any] = json.loads(json.dumps(settings))
        self._overwrite = overwrite
        self._products = products
        self._record = path / f"{command}.json"
        self.result: dict[str, Any] | None = None

    def __enter__(self) -> RunFolder:
        if self.path.exists() and not self.path.is_dir():
            raise StorageError(f"--output-dir: {self.path} is a file, a folder was expected.")
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FolderLock(self.path / f".{self._command}.lock", self.path)
        try:
            self._compare()
        except BaseException:
            self._lock.release()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    def finish(self, result: Mapping[str, Any]) -> None:
        """Writes the result beside the settings."""
        self.result = dict(result)
        self._write()

    def _compare(self) -> None:
        if self._record.exists():
            there = self._read()
            if there.get("schema") != SCHEMA:
                raise StorageError(f"{self._record} has schema {there.get('schema')}, this version reads {SCHEMA}.")
            settings = there.get("settings", {})
            differing = sorted(
                key for key in {*settings, *self._settings} if settings.get(key) != self._settings.get(key)
            )
            if not differing:
                self.result = there.get("result")
                return
            if not self._overwrite:
                pairs = ", ".join(f"{key} {settings.get(key)} -> {self._settings.get(key)}" for key in differing)
                raise StorageError(
                    f"{self.path} holds a run with other settings ({pairs}). "
                    "Choose another --output-dir, or replace it with --overwrite."
                )
            for name in self._products:
                _remove(self.path / name)
        self._write()

    def _read(self) -> dict[str, Any]:
        try:
            record = json.loads(self._record.read_text(encoding="utf-8"))
            if not isinstance(record, dict):
                raise ValueError("no object")
        except ValueError as error:
            if self._overwrite:
                return {"schema": SCHEMA, "settings": {"damaged": str(error)}}
            raise StorageError(
                f"{self._record} is damaged ({error}). Choose another --output-dir, or replace it with --overwrite."
            ) from error
        return record  # pyright: ignore[reportUnknownVariableType]

    def _write(self) -> None:
        record = {
            "schema": SCHEMA,
            "command": self._command,
            "settings": self._settings,
            "versions": versions(),
            "result": self.result,
        }
        temporary = self._record.with_suffix(".json.tmp")
        temporary.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        temporary.replace(self._record)


def versions() -> dict[str, str]:
    """Versions of what a run depends on."""
    found = {"lerobot-sim": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
