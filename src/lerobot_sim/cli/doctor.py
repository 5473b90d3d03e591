"""`lerobot-sim doctor`: what works here, what is missing, and the one command that mends it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import tyro

from .doctor_findings import Finding
from .options import read

ABOUT = """Look at what works here: simulators, rendering, video codecs, packages, GPU, disk. What
is missing is named with the one command that mends it. Exit code 0: all that was asked for works; 1: it does not.

examples:
  lerobot-sim doctor
  lerobot-sim doctor metaworld --run          really start it, reset, step, draw
  lerobot-sim doctor --model robot.xml        a MuJoCo model: MJCF, URDF or MJB
  lerobot-sim doctor --scene scene.usda       a USD scene"""

_PIPED_WIDTH = 160
_LEFT = 24
"""Columns before a finding's words, and between them and what mends it."""
_MARKS = {"ok": ("✓", "green"), "note": ("-", "yellow"), "broken": ("✗", "red")}


@dataclass(kw_only=True)
class DoctorOptions:
    """Options of `doctor`."""

    names: Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="NAME")] = ()
    """Simulators to look at, such as metaworld; then the rest is left out."""

    run: bool = False
    """Really start each simulator, reset, step and draw."""

    model: Path | None = None
    """A MuJoCo model to look at: MJCF, URDF or MJB."""

    scene: Path | None = None
    """A USD scene to look at."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


Check = Callable[[], list[Finding]]


def main(argv: Sequence[str]) -> int:
    """Looks, tells, and answers by the exit code."""
    options = read(DoctorOptions, "doctor", ABOUT, argv)
    checks = _checks(options)
    found: dict[str, list[Finding]] = {}
    for title, findings in _looked(checks):
        found[title] = findings
        _print(title, findings, to_errors=options.json)
    broken = [finding for findings in found.values() for finding in findings if finding.verdict == "broken"]
    from .console import Console

    console = Console(options.json)
    commands = list(dict.fromkeys(finding.mend for finding in broken if finding.mend))
    console.say()
    if not broken:
        console.say("All that was asked for works.")
    else:
        console.say(f"{len(broken)} {'thing does' if len(broken) == 1 else 'things do'} not work.")
        for command in commands:
            console.say(f"  {command}")
    parts = {title: [asdict(finding) for finding in findings] for title, findings in found.items()}
    console.result({"works": not broken, "mend": commands, "parts": parts})
    return 1 if broken else 0


def _checks(options: DoctorOptions) -> dict[str, Check]:
    """Heading -> what finds it; only what was asked for where something was."""
    from . import doctor_machine, doctor_model, doctor_pictures, doctor_scene, doctor_simulators
    from .setup import chosen

    checks: dict[str, Check] = {}
    one_thing = bool(options.names or options.model or options.scene)
    if options.names or options.run or not one_thing:
        modules = chosen(options.names)
        checks["Simulators"] = partial(doctor_simulators.look, modules, run=options.run, asked=bool(options.names))
    if options.model is not None:
        checks[f"Model {options.model}"] = partial(doctor_model.look, options.model)
    if options.scene is not None:
        checks[f"Scene {options.scene}"] = partial(doctor_scene.look, options.scene)
    if not one_thing:
        checks["Rendering"] = doctor_pictures.rendering
        checks["Video"] = doctor_pictures.codecs
        checks["Packages"] = doctor_machine.packages
        checks["Machine"] = doctor_machine.machine
    return checks


def _looked(checks: dict[str, Check]) -> Iterator[tuple[str, list[Finding]]]:
    """Each part as it is found; on a terminal it is told what is being looked at."""
    from rich.console import Console as RichConsole

    for title, check in checks.items():
        with RichConsole(stderr=True).status(f"{title} …"):
            findings = check()
        yield title, findings


def _print(title: str, findings: Sequence[Finding], *, to_errors: bool) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table
    from rich.text import Text

    stream = sys.stderr if to_errors else sys.stdout
    console = RichConsole(file=stream, width=None if stream.isatty() else _PIPED_WIDTH, highlight=False)
    console.print(f"\n[bold]{title}[/bold]" if "[" not in title else Text(f"\n{title}", style="bold"))
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, min_width=3, justify="right")
    table.add_column(no_wrap=True, min_width=12)
    table.add_column(overflow="fold")
    for finding in findings:
        mark, colour = _MARKS[finding.verdict]
        words = Text(finding.words)
        if finding.mend:
            fits = len(finding.words) + len(finding.mend) + _LEFT < console.width
            words.append(
                f"{'  ' if fits else chr(10)}→ {finding.mend}", "bold" if finding.verdict == "broken" else "cyan"
            )
        table.add_row(Text(mark, style=colour), Text(finding.name), words)
    console.print(table)
