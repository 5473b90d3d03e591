"""How the simulators' environments stand, as a table and as JSON."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from lerobot_sim.errors import SimError
from lerobot_sim.simulators.families import catalogue, is_here
from lerobot_sim.simulators.family import Family
from lerobot_sim.simulators.host.install import State, setup_command, state_of
from lerobot_sim.simulators.host.install_places import environments_folder, lock_file

from .console import Console

_PIPED_WIDTH = 200
_WORDS = {"missing": "-", "broken": "broken", "by hand": "made by hand", "old": "out of date", "current": "up to date"}
_COLOURS = {"missing": "dim", "broken": "red", "by hand": "yellow", "old": "yellow", "current": "green"}


def show(console: Console, modules: Mapping[str, str], as_json: bool) -> None:
    """The table of all families."""
    states = [state_of(catalogue(module).FAMILY) for module in modules.values()]
    console.result({"folder": str(environments_folder()), "simulators": {s.family.name: facts_of(s) for s in states}})
    if as_json:
        return
    from rich.console import Console as RichConsole
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("simulator", "here", "version", "Python", "size", "set up", "smoke run", "what it is, or the command"):
        table.add_column(
            head, justify="right" if head == "size" else "left", no_wrap=head != "what it is, or the command"
        )
    for state in states:
        if (lender := lender_of(state.family)) or (is_here(state.family) and not state.usable):
            table.add_row(*_row_without_one(state, lender))
            continue
        record = state.record
        last = (
            state.family.about if state.verdict == "current" else f"{setup_command(state.family)}: {state.family.about}"
        )
        here = f"[{_COLOURS[state.verdict]}]{_WORDS[state.verdict]}[/]"
        if record is None:
            table.add_row(state.family.name, here, "", "", "", "", "", escape(last))
            continue
        smoke = "" if record.smoke is None else "passed" if record.smoke.passed else "[red]failed[/]"
        when = datetime.fromisoformat(record.made_at).astimezone().strftime("%Y-%m-%d %H:%M")
        table.add_row(
            *(state.family.name, here, escape(record.simulator), record.python, size_words(record.size_bytes), when),
            *(smoke, escape(last)),
        )
    RichConsole(width=None if sys.stdout.isatty() else _PIPED_WIDTH, highlight=False).print(table)
    console.say(f"\nEnvironments are in {environments_folder()}.")


def lender_of(family: Family) -> str:
    """The family whose environment this one shares, "" where it has one of its own."""
    from lerobot_sim import registry

    return family.lock if family.lock != family.name and family.lock in registry.FAMILIES else ""


def _row_without_one(state: State, lender: str) -> tuple[str, ...]:
    """A family that runs in this process, or in another family's environment."""
    from rich.markup import escape

    name, about = state.family.name, state.family.about
    if is_here(state.family):
        here = "[green]in this process[/]"
        last = f"{about} (nothing to set up)" if lender else f"{about} ({setup_command(state.family)}: one of its own)"
    else:
        here = f"[{_COLOURS[state.verdict]}]{_WORDS[state.verdict]}[/]"
        last = f"{about} (in the environment of {lender})"
        last = last if state.usable else f"{setup_command(state.family)}: {last}"
    return name, here, "", "", "", "", "", escape(last)


def facts_of(state: State) -> dict[str, Any]:
    """An environment as JSON values."""
    here = is_here(state.family)
    facts: dict[str, Any] = {"state": state.verdict, "folder": str(state.place), "in_this_process": here}
    facts["command"] = None
    if state.verdict != "current" and not (here and lender_of(state.family)):
        facts["command"] = setup_command(state.family)
    return {**facts, **(asdict(state.record) if state.record else {})}


def expected(family: Family) -> str:
    """What a setup takes, in words: as measured when the lock was made; "" where it was not."""
    try:
        path = lock_file(family).with_name("sizes.json")
        measured = json.loads(path.read_text(encoding="utf-8"))[family.lock]
        size, seconds = float(measured["size_bytes"]), float(measured["seconds"])
    except (SimError, OSError, ValueError, KeyError, TypeError):
        return ""
    time = f"about {max(1, round(seconds))} s"
    return f"That takes {size_words(size)} of disk and {time}, and the download of what is not in uv's cache."


def size_words(count: float) -> str:
    """A number of bytes for people."""
    for unit in ("B", "kB", "MB"):
        if count < 999.5:
            return f"{count:.0f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
