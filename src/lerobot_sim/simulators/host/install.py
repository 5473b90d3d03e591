"""Simulators' virtual environments: whether they stand, built from the locks that we ship, renewed, removed.

An environment is built beside its place and renamed into it when it is whole, so a killed build leaves nothing
that could be taken for one. What was downloaded is kept in uv's cache: the next build goes on from there.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lerobot_sim.errors import SimError
from lerobot_sim.simulators.family import Family

from . import install_record
from .install_places import interpreter, lock_digest, place_of
from .install_record import Record

Verdict = Literal["missing", "broken", "by hand", "old", "current"]

_logger = logging.getLogger(__name__)
_told: set[Path] = set()


class NotSetUpError(SimError):
    """A simulator has no environment here; the message gives the command that builds it.

    Attributes:
        family: The simulator's.
    """

    def __init__(self, family: Family, reason: str) -> None:
        super().__init__(f"{reason} Set it up with: {setup_command(family)}")
        self.family = family


@dataclass(frozen=True)
class State:
    """How the environment of a family stands.

    Attributes:
        family: Whose.
        place: Its folder, which may not exist.
        verdict: "missing"; "broken": there, but its Python has gone; "by hand": not built by `setup`, so nobody knows
            from which lock; "old": of another lock than the one that we ship now; "current".
        record: What it says of itself; None where it is missing or was made by hand.
    """

    family: Family
    place: Path
    verdict: Verdict
    record: Record | None

    @property
    def usable(self) -> bool:
        """Whether a process can run in it."""
        return self.verdict in ("by hand", "old", "current")

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        whose, where = f"The environment of '{self.family.name}'", f"at {self.place}"
        return {
            "missing": f"The simulator '{self.family.name}' is not set up here (nothing is {where}).",
            "broken": f"{whose} {where} cannot run: the Python that it was built with is gone.",
            "by hand": f"{whose} {where} was made by hand: its versions may be others than ours.",
            "old": f"{whose} is of an older lock than this version of lerobot-sim ships.",
            "current": f"{whose} is up to date.",
        }[self.verdict]


def setup_command(family: Family) -> str:
    """The command that builds or renews the family's environment."""
    return f"lerobot-sim setup {family.name}"


def state_of(family: Family) -> State:
    """Looks at the family's environment; starts nothing."""
    place = place_of(family)
    if not place.is_dir():
        return State(family, place, "missing", None)
    record = install_record.read(place)
    if not interpreter(place).exists():  # also where its link leads nowhere
        return State(family, place, "broken", record)
    if record is None:
        return State(family, place, "by hand", None)
    return State(family, place, "current" if record.lock_sha256 == lock_digest(family) else "old", record)


def python_of(family: Family) -> Path:
    """The Python of the family's environment.

    Raises:
        NotSetUpError: There is none that can run.
    """
    state = state_of(family)
    if not state.usable:
        raise NotSetUpError(family, state.words)
    if state.verdict == "old" and state.place not in _told:
        _told.add(state.place)
        _logger.warning("%s Renew it with: %s", state.words, setup_command(family))
    return interpreter(state.place)
