"""Other people's simulators: set up, up to date, and whether they run."""

from __future__ import annotations

from collections.abc import Mapping

from lerobot_sim.simulators.families import catalogue, is_here
from lerobot_sim.simulators.host.install import State, setup_command, state_of
from lerobot_sim.simulators.host.install_record import SmokeRun
from lerobot_sim.simulators.host.install_smoke import smoke_run

from .doctor_findings import Finding, Verdict
from .setup_list import lender_of, size_words


def look(modules: Mapping[str, str], *, run: bool, asked: bool) -> list[Finding]:
    """A finding for each family.

    Args:
        modules: Family -> its package.
        run: Whether to start each that is set up.
        asked: Whether they were named, so that one that is missing counts as broken.
    """
    return [_one(module, run, "broken" if asked else "note") for module in modules.values()]


def _one(module: str, run: bool, missing: Verdict) -> Finding:
    family = catalogue(module).FAMILY
    state, setup = state_of(family), setup_command(family)
    if (lender := lender_of(family)) and (is_here(family) or state.usable):
        where = "this process" if is_here(family) else f"the environment of '{lender}'"
        return Finding("ok", family.name, f"runs in {where}: {family.about}")
    if not state.usable and is_here(family):
        return Finding("ok", family.name, "not set up, but it can be imported here, and runs in this process")
    if not state.usable:
        verdict = "broken" if state.verdict == "broken" else missing
        return Finding(verdict, family.name, "not set up" if state.verdict == "missing" else state.words, setup)
    smoke = smoke_run(module) if run else state.record.smoke if state.record else None
    what = _what(state)
    if smoke is not None and not smoke.passed:
        return Finding(
            "broken", family.name, f"{what}; {smoke.task} does not run: {smoke.said}", f"{setup} --reinstall"
        )
    words = f"{what}; {_ran(smoke, run)}"
    if state.verdict == "old":
        words += "; out of date: another lock is shipped now"
    return Finding(
        "ok" if state.verdict == "current" else "note", family.name, words, "" if state.verdict == "current" else setup
    )


def _what(state: State) -> str:
    if state.record is None:
        return f"an environment made by hand, at {state.place}"
    record = state.record
    return f"{record.simulator or 'set up'}, Python {record.python}, {size_words(record.size_bytes)}"


def _ran(smoke: SmokeRun | None, now: bool) -> str:
    if smoke is None:
        return "not tried yet (--run does)"
    times = ", ".join(f"{what} {_time(seconds)}" for what, seconds in smoke.seconds.items())
    return f"{'runs' if now else f'ran on {smoke.made_at[:10]}'}: {times}"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"
