"""`lerobot-sim dataset merge`: several datasets as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .dataset_editing import SAFE, EditOptions, rewritten, say
from .options import read

ABOUT = f"""Write the episodes of several LeRobotDatasets v3 into a new one, in the order of the datasets. Their fps and
features must be the same; if not, the message says which differ. The datasets stay as they are.

{SAFE}

example:
  lerobot-sim dataset merge outputs/monday outputs/tuesday --output-dir outputs/both"""

Roots = Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="DATASET ...")]


@dataclass(kw_only=True)
class MergeOptions(EditOptions):
    """Options of `dataset merge`."""

    roots: Roots
    """The datasets' folders."""

    output_dir: Path
    """The new dataset's folder; must not exist, or be empty."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and merges."""
    options = read(MergeOptions, "dataset merge", ABOUT, argv)
    from lerobot_sim.datasets.edit import merge
    from lerobot_sim.datasets.source import open_source

    from .console import Console

    console = Console(options.json)
    total = sum(open_source(root).num_episodes for root in options.roots)
    written = rewritten(console, "Merging", total, lambda show: merge(options.roots, options.output_dir, show=show))
    result = say(console, written, options.output_dir)
    console.result({**result, "sources": [str(root) for root in options.roots]})
    return 0
