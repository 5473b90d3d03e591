"""`lerobot-sim dataset show`: a contact sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from .dataset_check import Root
from .options import at_least, read

ABOUT = """Draw a contact sheet of a LeRobotDataset v3 as a PNG: a row an episode and camera, a column a moment in time.
A dataset without cameras is shown as its states and actions over time.

examples:
  lerobot-sim dataset show outputs/push-t/dataset
  lerobot-sim dataset show outputs/lift/dataset --episodes 0 3 7 --moments 10 --cameras front --output lift.png"""


@dataclass(kw_only=True)
class ShowOptions:
    """Options of `dataset show`."""

    root: Root
    """The dataset's folder."""

    output: Path = Path("<dataset>.png")
    """The picture."""

    episodes: tuple[int, ...] = ()
    """Which episodes; by default up to 8, evenly apart."""

    moments: int = 6
    """Pictures of each episode and camera."""

    cameras: tuple[str, ...] = ()
    """Which cameras; by default all."""

    width: int = 160
    """Width of one picture in pixels."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and draws."""
    options = read(ShowOptions, "dataset show", ABOUT, argv)
    at_least(1, moments=options.moments)
    at_least(16, width=options.width)
    from lerobot_sim.datasets.contact_sheet import contact_sheet
    from lerobot_sim.datasets.picture import write_png

    from .console import Console

    console = Console(options.json)
    root = options.root.resolve()
    name = root.name if root.name != "dataset" else f"{root.parent.name}-dataset"
    output = Path(str(options.output).replace("<dataset>", name))
    sheet = contact_sheet(
        root,
        episodes=options.episodes or None,
        moments=options.moments,
        cameras=options.cameras or None,
        width=options.width,
    )
    write_png(output, sheet.picture)
    console.say(f"Episodes {', '.join(map(str, sheet.episodes))}: {', '.join(sheet.shown)}")
    console.say(f"Picture: {output}")
    console.result({"picture": str(output), "episodes": list(sheet.episodes), "shown": list(sheet.shown)})
    return 0
