"""`lerobot-sim eval merge`: shards of one evaluation become one folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from .options import CommonOptions, read

ABOUT = """Join the folders of `lerobot-sim eval --shard k/n` into one.

Shards of other settings or package versions are refused, and so is an episode that came
out differently in two of them.

example:
  lerobot-sim eval merge outputs/s1 outputs/s2 --output-dir outputs/whole"""


@dataclass(kw_only=True)
class MergeOptions(CommonOptions):
    """Options of `eval merge`."""

    folders: Annotated[tyro.conf.Positional[tuple[Path, ...]], tyro.conf.arg(metavar="FOLDER …")]
    """The shards' folders."""

    output_dir: Path
    """Where the whole evaluation goes."""

    overwrite: bool = False
    """Replace what another evaluation left there."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and merges."""
    options = read(MergeOptions, "eval merge", ABOUT, argv)
    from lerobot_sim.evaluation.merging import merge
    from lerobot_sim.evaluation.report import write_report

    from .console import Console
    from .eval_told import result_of, tell

    console = Console(options.json)
    done = merge(options.folders, options.output_dir, overwrite=options.overwrite)
    result = {**result_of(done), "report": str(write_report(done.folder)["html"])}
    tell(done, result, console)
    console.result(result)
    return 1 if result["policy_errors"] else 0
