"""What the commands that write a dataset anew share: their options, episodes by numbers, and what they say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from lerobot_sim.errors import InputError

if TYPE_CHECKING:
    from lerobot_sim.datasets.copying import Show, Written

    from .console import Console

Root = Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="DATASET")]
"""A positional argument: a dataset's folder."""

SAFE = """It is safe like a commit: the dataset is built beside the old one and takes its place in one step, so that a
kill at any moment leaves the old or the new one. Free space for the result is needed. Videos are copied packet by
packet, without a loss; an episode that does not begin on a keyframe is encoded anew, and named."""


@dataclass(kw_only=True)
class EditOptions:
    """Options of every command that writes a dataset anew."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


@dataclass(kw_only=True)
class InPlaceOptions(EditOptions):
    """Options of those that can do it in place."""

    root: Root
    """The dataset's folder."""

    output_dir: Path = Path("<in place>")
    """Where the result goes; the dataset itself then stays as it is."""

    @property
    def output(self) -> Path | None:
        """The new folder, None for in place."""
        return None if str(self.output_dir) == "<in place>" else self.output_dir


def episode_numbers(words: Sequence[str]) -> list[int]:
    """Numbers and ranges, both ends included: 3 7-9 is 3, 7, 8 and 9; commas separate, too.

    Raises:
        InputError: A word is neither.
    """
    numbers: list[int] = []
    for word in filter(None, ",".join(words).split(",")):
        first, dash, last = word.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise InputError(f"Episodes are numbers or ranges, such as 3 7-9; '{word}' came.")
        numbers.extend(range(int(first), int(last or first) + 1))
    return numbers


def size_of(root: Path) -> tuple[int, int]:
    """Files of a dataset, and their bytes."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != "lock"]
    return len(files), sum(path.stat().st_size for path in files)


def rewritten(console: Console, what: str, total: int, work: Callable[[Show], Any]) -> Any:
    """Runs `work` with a progress bar over episodes."""
    with console.progress(what, total, "episodes") as bar:
        return work(lambda done: bar(round(done, 2)))


def say(console: Console, written: Written, root: Path) -> dict[str, Any]:
    """Tells what was written; returns it for --json."""
    console.say(
        f"{root}: {written.episodes} episodes, {written.frames} rows, {written.files} files, "
        f"{written.bytes / 1e6:.1f} MB."
    )
    for key, episodes in written.reencoded.items():
        console.say(
            f"Encoded anew, as they began on no keyframe: {key} of episodes {', '.join(map(str, episodes))} "
            "(new numbers)."
        )
    for note in written.notes:
        console.say(note)
    return {"dataset": str(root), **vars(written)}
