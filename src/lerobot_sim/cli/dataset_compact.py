"""`lerobot-sim dataset compact`: as few files as LeRobot's limits allow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .dataset_editing import SAFE, InPlaceOptions, rewritten, say, size_of
from .options import read

ABOUT = f"""Gather a dataset's episodes in as few files as LeRobot's limits allow: 100 MB of rows, 200 MB of video
a file. Recording leaves a video an episode and camera; fewer files load faster and travel better. Any LeRobotDataset
v3; recording can go on afterwards.

{SAFE}

examples:
  lerobot-sim dataset compact outputs/push-t/dataset
  lerobot-sim dataset compact outputs/push-t/dataset --output-dir outputs/push-t/compacted"""


@dataclass(kw_only=True)
class CompactOptions(InPlaceOptions):
    """Options of `dataset compact`."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and compacts."""
    options = read(CompactOptions, "dataset compact", ABOUT, argv)
    from lerobot_sim.datasets.edit import compact
    from lerobot_sim.datasets.source import open_source

    from .console import Console

    console = Console(options.json)
    episodes = open_source(options.root).num_episodes
    files, size = size_of(options.root)
    written = rewritten(console, "Compacting", episodes, lambda show: compact(options.root, options.output, show=show))
    result = say(console, written, options.output or options.root)
    console.say(f"Before: {files} files, {size / 1e6:.1f} MB.")
    console.result({**result, "files_before": files, "bytes_before": size})
    return 0
