"""`lerobot-sim dataset delete`: without some episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .dataset_editing import SAFE, InPlaceOptions, episode_numbers, rewritten, say
from .options import read

ABOUT = f"""Delete episodes of a LeRobotDataset v3, ours or another's. Those behind them move up: after deleting
episode 3, the former 4 is 3. Recording can go on afterwards.

{SAFE}

examples:
  lerobot-sim dataset delete outputs/push-t/dataset --episodes 3
  lerobot-sim dataset delete outputs/push-t/dataset --episodes 3 7-9
  lerobot-sim dataset delete outputs/push-t/dataset --episodes 0-9 --output-dir outputs/push-t/rest"""


@dataclass(kw_only=True)
class DeleteOptions(InPlaceOptions):
    """Options of `dataset delete`."""

    episodes: tuple[str, ...]
    """Which: numbers and ranges, both ends included, such as 3 7-9."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and deletes."""
    options = read(DeleteOptions, "dataset delete", ABOUT, argv)
    numbers = episode_numbers(options.episodes)
    from lerobot_sim.datasets.edit import delete
    from lerobot_sim.datasets.source import open_source

    from .console import Console

    console = Console(options.json)
    before = open_source(options.root).num_episodes
    written = rewritten(
        console,
        "Deleting",
        before - len(set(numbers)),
        lambda show: delete(options.root, numbers, options.output, show=show),
    )
    result = say(console, written, options.output or options.root)
    console.result({**result, "deleted": sorted(set(numbers)), "episodes_before": before})
    return 0
