"""`lerobot-sim report RESULTS`: one page about an evaluation, to look at and to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .options import at_least, read

ABOUT = """Write the report of an evaluation into its folder, as `lerobot-sim eval` does when it ends:
report.html (one file that needs nothing else), report.md and report.json.

It has the success rate with its interval, plots, videos of failures and successes chosen by a
rule, every episode to filter and sort, and the command that repeats it all.

examples:
  lerobot-sim report outputs/push-t/eval/expert
  lerobot-sim report outputs/push-t/eval/expert --embed-mb 100"""


@dataclass(kw_only=True)
class ReportOptions:
    """Options of `report`."""

    results: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="RESULTS")]
    """The folder that `lerobot-sim eval` wrote; a run that has not ended is reported as far as it got."""

    videos: int = 24
    """Show at most so many videos."""

    embed_mb: float = 24.0
    """MB of videos that go into the page itself; further ones are linked."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and writes the report."""
    options = read(ReportOptions, "report", ABOUT, argv)
    at_least(0, videos=options.videos)
    from lerobot_sim.evaluation.report import write_report

    from .console import Console

    console = Console(options.json)
    paths = write_report(options.results, videos=options.videos, embed_mb=options.embed_mb)
    console.say(
        f"Report: {paths['html']} ({paths['html'].stat().st_size / 1e6:.1f} MB), {paths['markdown'].name} beside it"
    )
    console.result({name: str(path) for name, path in paths.items()})
    return 0
