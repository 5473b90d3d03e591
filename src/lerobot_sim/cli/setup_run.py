"""Sets simulators up and removes them, and says what that takes."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Generator, Mapping
from typing import Any

from lerobot_sim import registry
from lerobot_sim.errors import SimError
from lerobot_sim.simulators.families import catalogue, is_here
from lerobot_sim.simulators.host.install import State, state_of
from lerobot_sim.simulators.host.install_build import Phase, Progress, install, remove
from lerobot_sim.simulators.host.install_record import SmokeRun
from lerobot_sim.simulators.host.install_smoke import smoke_run

from .console import Console
from .setup_list import facts_of, lender_of, size_words

_PHASES = {
    "wait": "Waiting",
    "python": "Python",
    "download": "Downloading",
    "install": "Packages",
    "move": "Moving in",
    "smoke run": "Smoke run",
}


def set_up_all(console: Console, modules: Mapping[str, str], *, offline: bool, reinstall: bool, smoke: bool) -> int:
    """Sets each up; one that fails is told, and the others go on. Gives the exit code."""
    began = time.monotonic()
    outcomes: dict[str, dict[str, Any]] = {}
    for name, module in modules.items():
        try:
            outcomes[name] = set_up(console, module, offline=offline, reinstall=reinstall, smoke=smoke)
        except SimError as error:
            if len(modules) == 1:
                raise
            console.say(f"{name}: {error}")
            outcomes[name] = {"works": False, "said": str(error)}
    failed = [name for name, outcome in outcomes.items() if not outcome["works"]]
    if len(modules) > 1:
        said = f" These do not work: {', '.join(failed)}." if failed else ""
        console.say(
            f"{len(modules) - len(failed)} of {len(modules)} stand after {_seconds(time.monotonic() - began)}.{said}"
        )
    console.result({"simulators": outcomes, "seconds": round(time.monotonic() - began, 3)})
    return 1 if failed else 0


def set_up(
    console: Console, module: str, *, offline: bool = False, reinstall: bool = False, smoke: bool = True
) -> dict[str, Any]:
    """Builds one environment and tries it; gives the facts of it, `works` among them.

    Args:
        console: Where it is told.
        module: The family's package.
        offline: Take packages from uv's cache alone.
        reinstall: Build it even if it is up to date.
        smoke: Whether to try it.
    """
    family = catalogue(module).FAMILY
    before = state_of(family)
    if lender := lender_of(family):
        if is_here(family):
            console.say(f"{family.name}: runs in this process, nothing to set up: {family.about}.")
            return {**facts_of(before), "built": False, "build_s": 0.0, "total_s": 0.0, "works": True}
        console.say(f"{family.name}: runs in the environment of '{lender}'.")
        return set_up(console, registry.FAMILIES[lender], offline=offline, reinstall=reinstall, smoke=smoke)
    began = time.monotonic()
    with _shown(family.name) as progress:
        state = install(family, progress, offline=offline, reinstall=reinstall)
        built_s = time.monotonic() - began
        result = None
        if smoke:
            progress(Phase("smoke run", f"{family.name}/{catalogue(module).tasks()[0]}"))
            result = smoke_run(module)
    fresh = state.record != before.record
    _tell(console, state, fresh, built_s, result)
    works = result is None or result.passed
    if works:
        console.say(f"  try it: lerobot-sim collect {family.name}/{catalogue(module).tasks()[0]} --episodes 5")
    built = {"built": fresh, "build_s": round(built_s, 3), "total_s": round(time.monotonic() - began, 3)}
    return {**facts_of(state_of(family)), **built, "works": works}


def remove_all(console: Console, modules: Mapping[str, str]) -> int:
    """Removes each one's environment."""
    freed: dict[str, int] = {}
    cached: dict[str, int] = {}
    for name, module in modules.items():
        state = state_of(catalogue(module).FAMILY)
        if lender := lender_of(state.family):
            freed[name] = cached[name] = 0
            console.say(
                f"{name}: has no environment of its own (`lerobot-sim setup {lender} --remove` removes the shared)"
            )
            continue
        freed[name], cached[name] = remove(state.family)
        what = f"removed, {size_words(freed[name])}" if freed[name] or cached[name] else "was not set up"
        if cached[name]:
            what += f"; {size_words(cached[name])} stay in uv's cache, for the next setup (`uv cache clean` empties it)"
        console.say(f"{name}: {what} ({state.place})")
    console.result({"removed_bytes": freed, "cached_bytes": cached})
    return 0


def _tell(console: Console, state: State, fresh: bool, built_s: float, smoke: SmokeRun | None) -> None:
    record, name = state.record, state.family.name
    assert record is not None
    done = f"set up in {_seconds(built_s)}" if fresh else "stands already, up to date"
    console.say(f"{name}: {record.simulator or 'the simulator'} in Python {record.python} {done}.")
    shared = f", {size_words(record.shared_bytes)} of it shared with the package cache" if record.shared_bytes else ""
    console.say(f"  {size_words(record.size_bytes)} on disk{shared}, {len(record.versions)} packages, in {state.place}")
    if smoke is not None:
        times = ", ".join(f"{what} {_seconds(seconds)}" for what, seconds in smoke.seconds.items())
        if smoke.passed:
            console.say(f"  smoke run of {smoke.task}: {times}")
        else:
            console.say(f"  the smoke run of {smoke.task} failed{f' after {times}' if times else ''}: {smoke.said}")
            console.say(f"  `lerobot-sim doctor {name}` says what else is missing; `--reinstall` builds it anew.")


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s" if seconds < 100 else f"{seconds:.0f} s"


@contextlib.contextmanager
def _shown(name: str) -> Generator[Progress]:
    """What it is at, on standard error: a line that lives on a terminal, else a line for each phase."""
    if not sys.stderr.isatty():
        last: list[Phase] = []

        def line(phase: Phase) -> None:
            if not last or last[-1] != phase:
                last.append(phase)
                print(f"{name}: {_words(phase)}", file=sys.stderr, flush=True)

        yield line
        return
    from rich.console import Console as RichConsole
    from rich.progress import Progress as Bar
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Bar(*columns, console=RichConsole(stderr=True), transient=True) as bar:
        task = bar.add_task(f"{name}: begins")
        yield lambda phase: bar.update(task, description=f"{name}: {_words(phase)}")


def _words(phase: Phase) -> str:
    count = f"{phase.packages} " if phase.packages and phase.name == "install" else ""
    what = "packages" if phase.name == "install" else _PHASES[phase.name]
    return f"{count}{what}{f': {phase.detail}' if phase.detail else ''}"
