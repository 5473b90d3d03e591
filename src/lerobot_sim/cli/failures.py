"""How a command fails: one line that says what is wrong and how to mend it, and an exit code."""

from __future__ import annotations

import contextlib
import errno
import signal
import sys
import threading
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from types import FrameType

from lerobot_sim.errors import SimError, unknown_name

INTERRUPTED = 130
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass
class Outcome:
    """What a command came to."""

    exit_code: int = 0


class _Asked:
    """Whether a signal has asked the command to end."""

    to_end = False


@contextlib.contextmanager
def explained(debug: bool) -> Generator[Outcome]:
    """Turns whatever is raised inside into a line on standard error and an exit code; with `debug`, a traceback too.

    SIGTERM is taken as Ctrl-C: what is finished is kept, and the same command goes on. What is ignored stays so.
    """
    outcome = Outcome()
    _Asked.to_end = False
    heard = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, _interrupt) for number in heard}
    try:
        yield outcome
    except KeyboardInterrupt:
        outcome.exit_code = INTERRUPTED
        _say(debug, "Interrupted. What was finished is kept; the same command goes on from there.")
    except SimError as error:
        outcome.exit_code = error.exit_code
        _say(debug, str(error))
    except BrokenPipeError:  # the reader of our output left
        outcome.exit_code = 1
        sys.stderr.close()
    except OSError as error:
        outcome.exit_code = 1
        _say(debug, _os_error(error))
    except Exception as error:
        outcome.exit_code = 1
        _say(debug, f"{type(error).__name__}: {error}. This is a fault of lerobot-sim: --debug shows where.")
        if debug:
            raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def no_such_command(
    name: str, commands: Iterable[str], *, kind: str = "command", listing: str = "lerobot-sim --help"
) -> int:
    """Says that a command does not exist; the nearest is named."""
    _say(False, str(unknown_name(kind, name, commands, f"`{listing}` tells what each does.")))
    return 2


def raise_interrupts() -> None:
    """Raises a KeyboardInterrupt that was lost, as where it came amid a library's import or in a weak reference's end.

    To be called now and then, where a command may be left.
    """
    if _Asked.to_end and threading.current_thread() is threading.main_thread():
        raise KeyboardInterrupt


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    _Asked.to_end = True
    raise KeyboardInterrupt


def _say(debug: bool, message: str) -> None:
    if debug:
        import traceback

        traceback.print_exc()
    print(f"lerobot-sim: {message}", file=sys.stderr)


def _os_error(error: OSError) -> str:
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _FULL:
        return (
            f"No space left on the disk{where}. What was finished is kept: make room, "
            "and the same command goes on from there."
        )
    return f"{error.strerror or error}{where}"
