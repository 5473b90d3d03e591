"""Files that a kill, a full disk or a power cut leaves whole: written beside their place, then renamed."""

from __future__ import annotations

import contextlib
import errno
import json
import os
from pathlib import Path
from typing import Any

from lerobot_sim.errors import StorageError

PART = ".part"
"""What the temporary name ends in: no reader takes it for a table, a video or JSON."""

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def storage_error(path: Path, error: OSError) -> StorageError:
    """What the operating system said of writing `path`, with what to do about it."""
    if error.errno in _FULL:
        return StorageError(
            f"No space to write {path} ({error.strerror}). Every episode that was reported as saved is whole. "
            "Free some space, or raise the quota, and run the same command again: it goes on from there."
        )
    return StorageError(f"Cannot write {path}: {error.strerror or error}. Check the path and its permissions.")


def part_of(path: Path) -> Path:
    """The temporary name of `path`."""
    return path.with_name(path.name + PART)


def write_whole(path: Path, data: bytes | memoryview, *, sync: bool) -> None:
    """Writes a file so that `path` is, at every moment, the old or the new one and never a torn one.

    Args:
        path: The file's place; its folder is made.
        data: All of its content.
        sync: Wait until the content is on the disk before renaming (the folder is synced by `sync_folder`).

    Raises:
        StorageError: It could not be written; the old file, if any, is as it was.
    """
    part = part_of(path)
    try:
        make_folder(path.parent, sync=sync)
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise storage_error(path, error) from error


def append_at(path: Path, offset: int, data: bytes, *, sync: bool) -> None:
    """Cuts a file to `offset` bytes and appends `data`; what lies before `offset` is never touched."""
    try:
        make_folder(path.parent, sync=sync)
        with path.open("r+b" if path.exists() else "w+b") as file:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            if sync:
                os.fsync(file.fileno())
    except OSError as error:
        raise storage_error(path, error) from error


def make_folder(path: Path, *, sync: bool) -> None:
    """Makes a folder and those above it, each known to the disk before the next where `sync`."""
    if path.is_dir():
        return
    if path.parent != path:
        make_folder(path.parent, sync=sync)
    path.mkdir(exist_ok=True)
    if sync:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Waits until the renames in a folder are on the disk; does nothing on systems that cannot."""
    if os.name == "nt":
        return
    try:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise storage_error(path, error) from error


def remove_parts(root: Path) -> None:
    """Removes what an interrupted write left under temporary names."""
    for folder in ("meta", "data", "sim"):
        for part in (root / folder).rglob(f"*{PART}"):
            with contextlib.suppress(OSError):
                part.unlink()


def remove_empty(folder: Path) -> None:
    """Removes a folder and those in it, as far as they are empty."""
    with contextlib.suppress(OSError):
        for own in [*(path for path in folder.iterdir() if path.is_dir()), folder]:
            with contextlib.suppress(OSError):
                own.rmdir()


def read_json(path: Path, mend: str) -> Any:
    """The content of a JSON file.

    Raises:
        StorageError: It is missing or damaged; the message ends with `mend`.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {mend}") from error
    except ValueError as error:
        raise StorageError(f"{path} is damaged: it is no JSON ({error}). {mend}") from error
    except OSError as error:
        raise StorageError(f"Cannot read {path}: {error.strerror}. Check its permissions.") from error


class FolderLock:
    """Holds a lock file until `release`, or until the process is dead, however it died.

    Args:
        path: The lock file; made where it is missing.
        folder: What it guards, for the message; by default the folder above the lock file's.

    Raises:
        StorageError: Another writer, in this process or another, holds it.
    """

    def __init__(self, path: Path, folder: Path | None = None) -> None:
        try:
            make_folder(path.parent, sync=False)
            self._file = path.open("a+b", buffering=0)
        except OSError as error:
            raise storage_error(path, error) from error
        try:
            _lock(self._file.fileno())
        except OSError as error:
            self._file.seek(0)
            holder = self._file.read().decode("ascii", "replace").strip()
            self._file.close()
            if error.errno not in (errno.EAGAIN, errno.EACCES, errno.EDEADLK):
                raise storage_error(path, error) from error
            who = f"process {holder}" if holder else "another process"
            raise StorageError(
                f"{folder or path.parent.parent} is in use: {who} is writing to "
                "it. Wait for it or end it, or choose another folder."
            ) from error
        if not (path.exists() and os.path.samestat(os.fstat(self._file.fileno()), path.stat())):
            self._file.close()
            raise StorageError(f"{path.parent.parent} was replaced by another process just now. Run it again.")
        with contextlib.suppress(OSError):  # for the message above only; on a full disk it can be missing
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n".encode())

    def release(self) -> None:
        """Lets others write; a second call does nothing."""
        self._file.close()


def _lock(descriptor: int) -> None:
    if os.name == "nt":
        import msvcrt

        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # beyond the content, so that others can read who holds it
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]
    else:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
