"""Builds, renews and removes the environments of simulators."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from importlib.metadata import distributions
from pathlib import Path
from typing import NamedTuple

from lerobot_sim.errors import StorageError
from lerobot_sim.simulators.family import Family

from . import install_record
from .install import State, state_of
from .install_busy import alone
from .install_places import environments_folder, interpreter, lock_digest, lock_file, place_of
from .install_record import Record
from .install_uv import run_uv
from .install_versions import simulator_of, site_packages


class Phase(NamedTuple):
    """What a setup is at.

    Attributes:
        name: "wait", "python", "download", "install", "move" or "smoke run".
        detail: More of it, in words; may be empty.
        packages: How many packages there are, 0 while that is not known.
    """

    name: str
    detail: str = ""
    packages: int = 0


Progress = Callable[[Phase], None]


def install(
    family: Family, progress: Progress = lambda _: None, *, offline: bool = False, reinstall: bool = False
) -> State:
    """Builds the family's environment, unless it stands and is up to date; another process's build is waited for.

    Args:
        family: Whose.
        progress: Takes each phase as it begins.
        offline: Take packages from uv's cache alone.
        reinstall: Build it anew whatever is there.

    Raises:
        UvError: uv could not; what was there before stays.
        StorageError: A file could not be written.
    """
    lock = lock_file(family)
    place = place_of(family)
    try:
        with alone(
            _beside(place, "busy"), lambda who: progress(Phase("wait", f"{who} is setting it up"))
        ) as descriptor:
            _tidy(place)
            if state_of(family).verdict == "current" and not reinstall:
                return state_of(family)
            staging = _beside(place, "new")
            if reinstall or not _is_whole(staging, family):
                with _whole_or_nothing(staging, place):
                    _build(family, lock, staging, progress, offline, descriptor)
            progress(Phase("move"))
            _swap(staging, place)
    except OSError as error:
        why = f"{error.strerror or error} ({error.filename or place})"
        raise StorageError(
            f"'{family.name}' could not be set up: {why}. Make room there, or set LEROBOT_SIM_HOME to another folder."
        ) from error
    return state_of(family)


def remove(family: Family) -> tuple[int, int]:
    """Removes the family's environment and what is left of unfinished ones.

    Returns:
        Bytes that are free now, and those that were shared with the package cache, which goes on holding them.
    """
    place = place_of(family)
    folders = [place, *(_beside(place, kind) for kind in ("new", "old"))]
    if not any(folder.exists() for folder in (*folders, environments_folder())):
        return 0, 0
    with alone(_beside(place, "busy"), lambda _: None):
        sizes = [disk_use(folder) for folder in folders if folder.exists()]
        for folder in folders:
            _discard(folder, place)
        _sweep(place)
    return sum(own for own, _ in sizes), sum(shared for _, shared in sizes)


def disk_use(folder: Path) -> tuple[int, int]:
    """Bytes of the files under `folder`, each file once: its own ones, those shared with the package cache."""
    own = shared = 0
    seen: set[tuple[int, int]] = set()
    for root, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                status = os.lstat(os.path.join(root, name))  # noqa: PTH118  tens of thousands of files
                if (status.st_dev, status.st_ino) not in seen:
                    seen.add((status.st_dev, status.st_ino))
                    if status.st_nlink > 1:
                        shared += status.st_size
                    else:
                        own += status.st_size
    return own, shared


def _build(family: Family, lock: Path, staging: Path, progress: Progress, offline: bool, descriptor: int) -> None:
    began = time.monotonic()
    folder = staging.parent
    progress(Phase("python", family.python))
    # relocatable: the scripts of its bin/ go on working in the place that it is moved to
    venv = ["venv", "--quiet", "--relocatable", "--no-project", "--python", _python_for(family.python), str(staging)]
    run_uv(venv, offline=offline, folder=folder, said=lambda _: None, keep=descriptor)
    told = _Listener(progress)
    sync = ["pip", "sync", "--require-hashes", "--python", str(interpreter(staging)), str(lock)]
    run_uv(sync, offline=offline, folder=folder, said=told, keep=descriptor)
    found = list(distributions(path=[str(site_packages(staging))]))
    own, shared = disk_use(staging)
    record = Record(
        family=family.name,
        lock_sha256=lock_digest(family),
        python=_setting(staging, "version_info"),
        simulator=simulator_of(family, found),
        versions=dict(sorted((each.metadata["Name"], each.version) for each in found)),
        size_bytes=own + shared,
        shared_bytes=shared,
        seconds=time.monotonic() - began,
        made_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        uv=_setting(staging, "uv"),
    )
    install_record.write(staging, record)


class _Listener:
    """Turns uv's lines into phases."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._packages = 0
        self._loading: list[str] = []

    def __call__(self, line: str) -> None:
        if match := re.match(r"Resolved (\d+) packages?", line):
            self._packages = int(match[1])
            self._progress(Phase("install", "", self._packages))
        elif match := re.match(r"\s*(?:Downloading|Building) (\S+)(?: \((\S+)\))?", line):
            self._loading.append(match[1])
        elif match := re.match(r"\s*(?:Downloaded|Built) (\S+)", line):
            self._loading = [name for name in self._loading if name != match[1]]
        elif line.startswith("Prepared"):
            self._loading = []
            self._progress(Phase("install", "", self._packages))
            return
        else:
            return
        if self._loading:
            self._progress(Phase("download", ", ".join(self._loading), self._packages))


def _python_for(version: str) -> str:
    """What uv is to take as Python: this process's own where its version fits, else uv looks."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return getattr(sys, "_base_executable", None) or sys.executable
    found = shutil.which(f"python{version}")
    if found and "shims" not in Path(found).parts:
        return found
    # pyenv's shims answer only for the versions that are switched on, so its folders are looked at
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    installed = sorted(pyenv.glob(f"{version}.*/bin/python{version}"))
    return str(installed[-1]) if installed else version


def _setting(environment: Path, name: str) -> str:
    text = (environment / "pyvenv.cfg").read_text(encoding="utf-8")
    match = re.search(rf"^{name} *= *(.+)$", text, re.MULTILINE)
    return match[1].strip() if match else ""


def _is_whole(staging: Path, family: Family) -> bool:
    """Whether an earlier setup got as far as the move."""
    record = install_record.read(staging)
    return record is not None and record.lock_sha256 == lock_digest(family) and interpreter(staging).exists()


def _beside(place: Path, kind: str) -> Path:
    return place.with_name(f".{place.name}.{kind}")


def _swap(staging: Path, place: Path) -> None:
    old = _beside(place, "old")
    if place.exists():
        place.rename(old)
    staging.rename(place)
    _discard(old, place)


@contextmanager
def _whole_or_nothing(staging: Path, place: Path) -> Generator[None]:
    """Nothing is there when the block begins, nor when it fails."""
    _discard(staging, place)
    try:
        yield
    except BaseException:
        _discard(staging, place)
        raise


def _tidy(place: Path) -> None:
    """Sweeps up what a kill left of a swap; a new environment that was whole is moved in afterwards."""
    _discard(_beside(place, "old"), place)
    _sweep(place)


def _discard(folder: Path, place: Path) -> None:
    """Removes a folder; from the first moment on it has another name, so that half of it is never taken for whole."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        _sweep(place)
        folder.rename(_beside(place, "gone"))
        _sweep(place)


def _sweep(place: Path) -> None:
    gone = _beside(place, "gone")
    if gone.exists():
        shutil.rmtree(gone)
