"""A dataset that is written anew takes the old one's place in one step.

It is built in `.NAME.swap/new` beside the folder NAME, synced to the disk, and exchanged with it; the old one is
removed last. What that promises:

- A process kill, or power loss (where the disk keeps what it acknowledged), at any moment: NAME is whole, the old
  dataset or the new one. Leftovers are removed by the next command that writes NAME.
- On Linux, on file systems that can exchange two folders (ext4, XFS, Btrfs, tmpfs …), NAME is there at every moment,
  for LeRobot and all others. Elsewhere two renames are needed. Whoever looks between them, or is killed there, leaves
  no NAME: the next command of ours that opens it finishes the swap (`recover`).
- A process that had opened files of the old dataset goes on reading the old ones.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import shutil
import sys
from collections.abc import Generator
from pathlib import Path

from lerobot_sim.errors import StorageError

from .files import FolderLock, make_folder, storage_error, sync_folder

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2
_CANNOT_EXCHANGE = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM}


@contextlib.contextmanager
def new_beside(root: Path | str, *, replace: bool = True) -> Generator[Path]:
    """Yields an empty folder; what is in it when the block ends without an error becomes `root`, all at once.

    Args:
        root: The dataset's folder. While the block runs nobody else may write to it.
        replace: Whether `root` may hold something, which is then removed; otherwise it must be missing or empty.

    Raises:
        StorageError: `root` is in use, holds something (`replace` is False), or cannot be written; it is as it was.
    """
    root = Path(root).resolve()  # a link stays one, to the new folder
    work, new, old = _places(root)
    recover(root)
    if root.exists() and not root.is_dir():
        raise StorageError(f"{root} is a file. Give a folder.")
    if not replace and root.exists() and any(root.iterdir()):
        raise StorageError(f"{root} exists and is not empty. Give a folder that does not exist.")
    with contextlib.ExitStack() as locks:
        _hold(locks, work)
        if (root / "sim").is_dir():
            locks.callback(FolderLock(root / "sim" / "lock").release)
        try:
            _make(new)
            yield new
            sync_tree(new)
            _swap(root, new, old)
        finally:  # whichever of the two is in there now, it is not wanted any more
            _clear(root)


def recover(root: Path | str) -> None:
    """Finishes a swap that was interrupted, and removes what is left of one; does nothing where there was none.

    Raises:
        StorageError: A living process is at it, or it cannot be finished.
    """
    root = Path(root).resolve()
    work, new, old = _places(root)
    if not work.is_dir():
        return
    with contextlib.ExitStack() as locks:
        _hold(locks, work)
        if old.exists() and not root.exists():  # between the two renames: `new` was complete before the first
            _rename(new if new.exists() else old, root)
        _clear(root)


def sync_tree(folder: Path) -> None:
    """Waits until every file and folder under `folder` is on the disk."""
    for path, _, names in os.walk(folder, topdown=False):
        for name in names:
            file = Path(path) / name
            try:
                with file.open("rb" if os.name != "nt" else "r+b") as opened:
                    os.fsync(opened.fileno())
            except OSError as error:
                raise storage_error(file, error) from error
        sync_folder(Path(path))


def _places(root: Path) -> tuple[Path, Path, Path]:
    """The folder for everything that a swap needs, the new dataset and the old one in it."""
    if not root.name:
        raise StorageError(f"{root} cannot hold a dataset. Give a folder.")
    work = root.with_name(f".{root.name}.swap")
    return work, work / "new", work / "old"


def _hold(locks: contextlib.ExitStack, work: Path) -> None:
    locks.callback(FolderLock(work / "held" / "lock").release)


def _make(folder: Path) -> None:
    try:
        make_folder(folder, sync=True)
    except OSError as error:
        raise storage_error(folder, error) from error


def _swap(root: Path, new: Path, old: Path) -> None:
    if not root.exists():
        _rename(new, root)
    elif not _exchange(new, root):
        _rename(root, old)
        _rename(new, root)
    sync_folder(root.parent)
    sync_folder(new.parent)


def _exchange(one: Path, other: Path) -> bool:
    """Lets two folders change places in one step; False where the system or the file system cannot."""
    if not sys.platform.startswith("linux"):
        return False
    rename = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:  # an old C library
        return False
    names = (_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other))
    if rename(*names, ctypes.c_uint(_RENAME_EXCHANGE)) == 0:
        return True
    error = OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if error.errno in _CANNOT_EXCHANGE:
        return False
    raise storage_error(other, error) from error


def _rename(path: Path, to: Path) -> None:
    try:
        if to.is_dir() and not any(to.iterdir()):
            to.rmdir()  # Windows renames onto nothing
        path.rename(to)
    except OSError as error:
        raise storage_error(to, error) from error


def _clear(root: Path) -> None:
    """Removes what a swap left, unless it is all that there is of the dataset."""
    work, new, old = _places(root)
    if old.exists() and not root.exists():  # the second rename failed
        _rename(old, root)
    if old.exists():
        _rename(old, work / "gone")  # half removed, it is never taken for a whole one
    for folder in (new, work / "gone", work):
        with contextlib.suppress(OSError):
            shutil.rmtree(folder)
