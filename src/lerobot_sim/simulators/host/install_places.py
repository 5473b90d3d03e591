"""Where simulators' environments and their locks are."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from lerobot_sim.errors import InputError
from lerobot_sim.simulators.family import Family

_PACKAGE = Path(__file__).resolve().parents[2]


def data_home() -> Path:
    """The user's data folder: `LEROBOT_SIM_HOME`, or `lerobot-sim` where the system keeps a user's data."""
    chosen = os.environ.get("LEROBOT_SIM_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "lerobot-sim"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "lerobot-sim"
    shared = os.environ.get("XDG_DATA_HOME", "")
    base = Path(shared) if Path(shared).is_absolute() else Path.home() / ".local" / "share"
    return base / "lerobot-sim"


def environments_folder() -> Path:
    """The folder of all simulators' environments."""
    return data_home() / "simulators"


def place_of(family: Family) -> Path:
    """The family's environment; families of one lock share it."""
    return environments_folder() / Path(family.lock).name.removesuffix(".lock")


def interpreter(environment: Path) -> Path:
    """The Python of a virtual environment."""
    return environment / "Scripts" / "python.exe" if sys.platform == "win32" else environment / "bin" / "python"


def lock_file(family: Family) -> Path:
    """The family's lock: a file of that path where `Family.lock` is one, else among those that we ship.

    Raises:
        InputError: There is none.
    """
    if family.lock.endswith(".lock"):
        candidates = [Path(family.lock)]
    else:
        shipped, checkout = _PACKAGE / "simulators" / "locks", _PACKAGE.parents[1] / "requirements" / "simulators"
        candidates = [folder / f"{family.lock}.lock" for folder in (shipped, checkout)]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.absolute()
    where = " or ".join(str(candidate.parent) for candidate in candidates)
    raise InputError(
        f"No lock '{Path(candidates[0]).name}' for the simulator '{family.name}' is in {where}. "
        "It belongs to this package: install lerobot-sim again."
    )


def lock_digest(family: Family) -> str:
    """SHA-256 of what the lock holds, and of the version of Python that it is for; line ends do not count."""
    content = lock_file(family).read_bytes().replace(b"\r\n", b"\n")
    return hashlib.sha256(content + f"\npython {family.python}\n".encode()).hexdigest()
