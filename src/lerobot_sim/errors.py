"""Errors that say what was expected, what came, the nearest valid choice and how to mend it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class SimError(Exception):
    """Base of every error that this package raises on purpose; commands exit with `exit_code`."""

    exit_code = 1


class InputError(SimError, ValueError):
    """A value that the caller gave is not one that can be used."""

    exit_code = 2


class UnknownNameError(InputError, KeyError):
    """A name that is in no table; the message lists the nearest and the valid ones."""

    def __str__(self) -> str:  # KeyError would print the repr of the message
        return str(self.args[0])


class ArrayError(InputError, TypeError):
    """An array of the wrong shape, dtype or kind."""


class BrokenPromiseError(SimError, AssertionError):
    """An environment that does not keep the contract; the message names the promise."""


class StorageError(SimError, OSError):
    """Files that are damaged, in use, of other settings, or that could not be written."""

    def __str__(self) -> str:
        return str(self.args[0])


class ReplacedNameError(SimError, ImportError):
    """A name of the tutorial's package that is gone; the message says what replaces it."""

    exit_code = 2


class MissingExtraError(SimError, ImportError):
    """An optional dependency that is not installed; the message gives the command that installs it."""

    def __init__(self, package: str, extra: str, what_for: str) -> None:
        super().__init__(
            f"{what_for} needs the package '{package}', which is not installed. "
            f"Install it with: pip install 'lerobot-sim[{extra}]'"
        )


def unknown_name(kind: str, name: str, choices: Iterable[str], hint: str = "") -> UnknownNameError:
    """An error for `name`, not among `choices`: nearest first, then all where they are few.

    Args:
        kind: What is named, such as "environment".
        name: What came.
        choices: Every valid name.
        hint: One more sentence that says where valid names are listed.
    """
    valid = sorted(choices)
    close = difflib.get_close_matches(str(name), valid, n=3, cutoff=0.5)  # files may name anything, numbers too
    message = f"No {kind} is named '{name}'."
    if close:
        message += " Did you mean " + " or ".join(f"'{choice}'" for choice in close) + "?"
    if valid and len(valid) <= 12:
        message += f" Valid names: {', '.join(valid)}."
    elif not valid:
        message += f" There is no {kind} at all."
    return UnknownNameError(f"{message} {hint}".strip())
