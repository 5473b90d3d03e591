"""Runs uv: where it is found, what it says while it works, and what its errors mean."""

from __future__ import annotations

import ctypes
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from lerobot_sim.errors import SimError

from .install_index import environment_of_uv

_LAST_LINES = 12
_CHECKOUT = Path(__file__).resolve().parents[4]


_NO_NETWORK = re.compile(r"network (was|is) disabled|Network connectivity is disabled", re.IGNORECASE)
_NOT_CACHED = re.compile(
    r"Because ([\w.\-=]+) (?:was not found|has no wheels)|Failed to (?:download|fetch)[^`\n]*`([\w.\-]+==[^`]+)`"
)
_UNREACHABLE = re.compile(r"dns error|client error|error sending request|Connection refused|timed out|\(Connect\)")


class UvError(SimError):
    """uv could not do it; the message says why and what helps."""


def find_uv() -> Path:
    """uv's binary: `LEROBOT_SIM_UV`, else that of the package `uv`, else on the PATH, else the checkout's own.

    Raises:
        SimError: There is none.
    """
    chosen = os.environ.get("LEROBOT_SIM_UV")
    if chosen:
        if not Path(chosen).is_file():
            raise SimError(f"LEROBOT_SIM_UV names '{chosen}', which is no file. Name uv's binary, or unset it.")
        return Path(chosen)
    try:
        from uv import find_uv_bin  # pyright: ignore[reportMissingImports, reportUnknownVariableType]

        return Path(str(find_uv_bin()))  # pyright: ignore[reportUnknownArgumentType]
    except (ImportError, FileNotFoundError):
        pass
    name = "uv.exe" if sys.platform == "win32" else "uv"
    for found in (shutil.which("uv"), _CHECKOUT / ".tools" / "uv" / "bin" / name):
        if found and Path(found).is_file():
            return Path(found)
    raise SimError("Environments of simulators are built by uv, which is not here. Install it with: pip install uv")


def run_uv(arguments: Sequence[str], *, offline: bool, folder: Path, said: Callable[[str], None], keep: int) -> None:
    """Runs uv and hands its lines on as they come.

    Args:
        arguments: The sub-command and its own.
        offline: Take packages from uv's cache alone.
        folder: Where it runs; projects' settings there or above would count.
        said: Takes every line.
        keep: An open file that uv holds open, too: a lock on it lasts until uv has ended, even if we are killed.

    Raises:
        UvError: It failed.
    """
    command = [str(find_uv()), *arguments, "--color", "never", *(["--offline"] if offline else [])]
    last: deque[str] = deque(maxlen=_LAST_LINES)
    linux = sys.platform == "linux"
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env=environment_of_uv(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        pass_fds=(keep,) if os.name == "posix" else (),
        preexec_fn=_end_with_parent if linux else None,  # noqa: PLW1509  one thread of ours starts it, and it execs at once
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            last.append(line.rstrip())
            said(line.rstrip())
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if code:
        offline = offline or os.environ.get("UV_OFFLINE", "").lower() in ("1", "true", "yes", "on")
        raise UvError(explained(list(last), offline))


def explained(lines: Sequence[str], offline: bool) -> str:
    """What uv's last lines mean, and what helps."""
    text = _without_passwords("\n".join(lines))
    said = f"What uv said:\n{text}"
    if "No interpreter found" in text or "python-build-standalone" in text:
        where = "and offline none can be had" if offline else "and uv could not download it"
        meaning = (
            f"The simulator needs another Python than is here, {where}. Install it so that it is on the PATH. {said}"
        )
    elif offline and (_NO_NETWORK.search(text) or _NOT_CACHED.search(text)):
        names = list(dict.fromkeys(found[1] or found[2] for found in _NOT_CACHED.finditer(text)))
        what = f"Not in it: {', '.join(names)}, perhaps more." if names else said
        meaning = (
            f"Offline, packages come from uv's cache alone. {what} Run this once with a network, without --offline."
        )
    elif re.search(r"hash mismatch|hash-checking|require-hashes", text, re.IGNORECASE):
        meaning = f"A package is not the one that the lock names, so nothing was installed. {said}"
    elif "No space left" in text or "Disk quota" in text:
        meaning = f"The disk is full. Make room, and run this again: what was downloaded is kept. {said}"
    elif _UNREACHABLE.search(text):
        again = "With a network, run this again: it goes on with what was downloaded; --offline uses uv's cache alone."
        meaning = f"The package index cannot be reached. {again} {said}"
    else:
        meaning = f"uv could not build the environment. {said}"
    return meaning


def _without_passwords(text: str) -> str:
    return re.sub(r"(\w+://)[^/\s@]+@", r"\1***@", text)


_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
