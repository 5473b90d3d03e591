"""`lerobot-sim dataset edit-task`: other words for what is done."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .dataset_editing import SAFE, InPlaceOptions, episode_numbers, rewritten, say
from .options import read

ABOUT = f"""Reword the instructions of a LeRobotDataset v3, ours or another's: a text wherever it stands, or whatever
stands in some episodes.

{SAFE}

examples:
  lerobot-sim dataset edit-task outputs/push-t/dataset --old "Push the T" --new "Push the T onto its outline"
  lerobot-sim dataset edit-task outputs/push-t/dataset --episodes 0-9 --new "Push slowly"
  lerobot-sim dataset info outputs/push-t/dataset            which texts there are"""


@dataclass(kw_only=True)
class EditTaskOptions(InPlaceOptions):
    """Options of `dataset edit-task`."""

    new: str
    """The new text."""

    old: str = "<any>"
    """The text that it replaces."""

    episodes: tuple[str, ...] = ()
    """Only there: numbers and ranges, both ends included, such as 3 7-9."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and rewords."""
    options = read(EditTaskOptions, "dataset edit-task", ABOUT, argv)
    numbers = episode_numbers(options.episodes) if options.episodes else None
    from lerobot_sim.datasets.edit import edit_task
    from lerobot_sim.datasets.source import open_source

    from .console import Console

    console = Console(options.json)
    written = rewritten(
        console,
        "Rewording",
        open_source(options.root).num_episodes,
        lambda show: edit_task(
            options.root,
            options.new,
            old=None if options.old == "<any>" else options.old,
            episodes=numbers,
            output=options.output,
            show=show,
        ),
    )
    root = options.output or options.root
    result = say(console, written, root)
    tasks = list(open_source(root).tasks.values())
    console.say("Tasks now: " + "; ".join(f"'{task}'" for task in tasks) + ".")
    console.result({**result, "tasks": tasks})
    return 0
