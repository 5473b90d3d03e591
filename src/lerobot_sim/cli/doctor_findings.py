"""What the doctor finds, and how it asks another process."""

from __future__ import annotations

import json
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from lerobot_sim.errors import SimError

Verdict = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        verdict: "ok"; "note": missing or odd, and nobody asked for it; "broken".
        name: What it is.
        words: How it is.
        mend: The one command, or deed, that mends it; "" where nothing needs mending.
    """

    verdict: Verdict
    name: str
    words: str
    mend: str = ""


class ChildError(SimError):
    """A process that was to look at something ended otherwise than it should; the message is its last words."""


def ask(
    command: Sequence[str | Path], *, limit_s: float = 120, environment: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The JSON object that a process prints as its last line; what may crash is looked at in such a one.

    Args:
        command: The process, which runs in an empty folder.
        limit_s: After so long it is ended.
        environment: Its variables; by default ours.

    Raises:
        ChildError: It crashed, hung or said nothing.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            ran = subprocess.run(  # noqa: S603
                [str(part) for part in command],
                capture_output=True,
                stdin=subprocess.DEVNULL,
                text=True,
                errors="replace",
                timeout=limit_s,
                env=environment and dict(environment),
                cwd=folder,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise ChildError(f"it did not end within {limit_s:g} s") from None
        except OSError as error:
            raise ChildError(f"it could not be started: {error.strerror or error}") from error
    if ran.returncode:
        code = ran.returncode
        how = f"crashed ({signal.Signals(-code).name})" if code < 0 else f"ended with exit code {code}"
        last = ran.stderr.strip().rsplit("\n", 1)[-1]
        raise ChildError(f"it {how}{f': {last}' if last else ''}")
    try:
        answer: dict[str, Any] = json.loads(ran.stdout.strip().rsplit("\n", 1)[-1])
    except ValueError:
        raise ChildError(f"it said nothing that can be read: {ran.stdout[-200:]!r}") from None
    return answer


def counted(count: int, what: str, many: str = "") -> str:
    """A number of things, such as 1 joint or 2 joints."""
    return f"{count} {what if count == 1 else many or what + 's'}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names, the first of them where there are many."""
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
