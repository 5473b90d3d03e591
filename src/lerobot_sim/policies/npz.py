"""`.npz` files that are whole or not there: written under a temporary name, read without pickle."""

from __future__ import annotations

import contextlib
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

_DAMAGE = (OSError, ValueError, EOFError, KeyError, AttributeError, TypeError, zipfile.BadZipFile, zlib.error)
"""What NumPy raises for a file that is cut short, is something else, or holds pickled objects."""


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Writes arrays beside `path` and renames them into place once they are on the disk.

    Raises:
        StorageError: The folder cannot be written or the disk is full; what was at `path` is still there.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, allow_pickle=False, **arrays)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(
            f"'{path}' could not be written: {error.strerror or error}. What was there is kept: make room or give a "
            "folder that can be written, and run the same command again."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_npz(path: Path, what: str) -> dict[str, NDArray[Any]]:
    """All arrays of a file.

    Args:
        path: The file.
        what: What it should be, for the error.

    Raises:
        StorageError: The file is missing, cut short, not .npz, or holds pickled objects.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {name: stored[name] for name in stored.files}
    except FileNotFoundError as error:
        raise StorageError(f"There is no {what} at '{path}'.") from error
    except _DAMAGE as error:
        raise StorageError(
            f"'{path}' is no {what} or is damaged ({type(error).__name__}). Restore it from a copy, or train it anew."
        ) from error
