"""`lerobot-sim dataset check`: is it whole? And `--repair`, which brings back all whole episodes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from .options import read

if TYPE_CHECKING:
    from lerobot_sim.datasets.check import Report

    from .console import Console

ABOUT = """Look at every part of a LeRobotDataset v3, ours or another's: rows, frames, times,
statistics (computed anew), ranges, NaN, indices, tasks, every packet of every video, and what lies beside.
Nothing is changed without --repair.

Verdicts are ok, warning (it loads; look at it) and broken (it does not load, or gives wrong values). The exit code
is 0 if nothing is broken, else 1.

--repair brings back every whole episode before the damage and makes LeRobot load the dataset: it cuts tables and
videos to whole episodes and writes info.json, tasks, statistics and the table of episodes anew. What it takes away
or changes is kept in <dataset>-damaged-<time> beside the dataset.

examples:
  lerobot-sim dataset check outputs/push-t/dataset
  lerobot-sim dataset check outputs/push-t/dataset --decode        every frame, not some
  lerobot-sim dataset check outputs/push-t/dataset --repair"""

_COLOURS = ("green", "yellow", "red")
_PIPED_WIDTH = 180

Root = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATASET")]
"""A positional argument: a dataset's folder."""


@dataclass(kw_only=True)
class CheckOptions:
    """Options of `dataset check`."""

    root: Root
    """The dataset's folder."""

    decode: bool = False
    """Decode every frame of every camera, instead of some of some episodes."""

    repair: bool = False
    """Bring back all whole episodes."""

    cut: bool = False
    """With --repair: also where whole episodes lie behind the damage, which are then cut off (and kept beside)."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options, checks, and repairs if asked."""
    options = read(CheckOptions, "dataset check", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    report = _check(console, options.root, options.decode)
    _show(console, report, options.json)
    if not options.repair:
        console.result(report.to_dict())
        return int(report.verdict == 2)
    from lerobot_sim.datasets.repair import repair_dataset

    done = repair_dataset(options.root, report, cut=options.cut)
    if not done.changed:
        console.say("Nothing to repair.")
        console.result({**report.to_dict(), "repair": done.to_dict()})
        return int(report.verdict == 2)
    for line in done.changed:
        console.say(f"  {line}")
    console.say(f"{done.episodes} whole episodes ({done.frames} rows) are back; {done.lost} were not whole.")
    console.say(f"What was taken away or changed is in {done.kept}.")
    after = _check(console, options.root, options.decode)
    _show(console, after, options.json)
    console.result({**after.to_dict(), "repair": done.to_dict()})
    return int(after.verdict == 2)


def _check(console: Console, root: Path, decode: bool) -> Report:
    from lerobot_sim.datasets.check import check_dataset

    with console.progress("Checking", 100, "%") as bar:
        return check_dataset(root, decode=decode, show=lambda done, total: bar(100 * done / max(total, 1)))


def _show(console: Console, report: Report, as_json: bool) -> None:
    from rich.console import Console as RichConsole
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("")
    table.add_column("part", no_wrap=True)
    table.add_column("what was found", overflow="fold")
    table.add_column("where", overflow="fold")
    for finding in report.findings:
        colour = _COLOURS[finding.verdict]
        verdict = f"[{colour}]{finding.verdict.name.lower()}[/{colour}]"
        table.add_row(verdict, *map(_plain, (finding.part, finding.what, finding.where)))
    width = None if sys.stdout.isatty() else _PIPED_WIDTH
    RichConsole(width=width, highlight=False, stderr=as_json).print(table)
    console.say(f"{report.root}: {report.verdict.name.lower()}.")
    for mend in dict.fromkeys(finding.mend for finding in report.findings if finding.verdict and finding.mend):
        console.say(f"To mend it: {mend}")


def _plain(text: str) -> str:
    from rich.markup import escape

    return escape(text)
