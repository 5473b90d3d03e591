"""`lerobot-sim dataset split`: one dataset as several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lerobot_sim.errors import InputError

from .dataset_editing import SAFE, EditOptions, Root, episode_numbers, rewritten, say
from .options import read

ABOUT = f"""Write a LeRobotDataset v3 into several new ones, OUTPUT_DIR/NAME each: by shares, for which episodes are
drawn at random, or by episodes. The dataset stays as it is; the parts appear all at once.

{SAFE}

examples:
  lerobot-sim dataset split outputs/push-t/dataset --output-dir outputs/parts --parts train=0.8 val=0.2 --seed 7
  lerobot-sim dataset split outputs/push-t/dataset --output-dir outputs/parts --parts first=0-9 rest=10-49
  lerobot-sim dataset split outputs/push-t/dataset --output-dir outputs/parts --parts few=3,7-9"""


@dataclass(kw_only=True)
class SplitOptions(EditOptions):
    """Options of `dataset split`."""

    root: Root
    """The dataset's folder."""

    output_dir: Path
    """The folder for the parts; must not exist, or be empty."""

    parts: tuple[str, ...]
    """NAME=SHARE, such as train=0.8 (1.0 is all), or NAME=EPISODES, such as few=3,7-9."""

    seed: int = 0
    """Another number draws other episodes."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and splits."""
    options = read(SplitOptions, "dataset split", ABOUT, argv)
    from lerobot_sim.datasets.edit import split
    from lerobot_sim.datasets.source import open_source

    from .console import Console

    console = Console(options.json)
    parts = parts_of(options.parts, open_source(options.root).num_episodes, options.seed)
    total = sum(map(len, parts.values()))
    written = rewritten(
        console, "Splitting", total, lambda show: split(options.root, parts, options.output_dir, show=show)
    )
    results = {
        name: {**say(console, part, options.output_dir / name), "source_episodes": list(parts[name])}
        for name, part in written.items()
    }
    console.result({"parts": results, "source": str(options.root), "seed": options.seed})
    return 0


def parts_of(words: Sequence[str], count: int, seed: int) -> Mapping[str, Sequence[int]]:
    """Name -> episodes.

    Raises:
        InputError: A word is no part, a name comes twice, or shares and episodes are mixed.
    """
    from lerobot_sim.datasets.edit import by_shares

    values: dict[str, str] = {}
    for word in words:
        name, sign, value = word.partition("=")
        if not sign or not value or name in values:
            raise InputError(f"Parts are NAME=SHARE or NAME=EPISODES, each name once; '{word}' came.")
        values[name] = value
    shares = {name: "." in value for name, value in values.items()}
    if all(shares.values()):
        try:
            numbers = {name: float(value) for name, value in values.items()}
        except ValueError as error:
            raise InputError(f"Shares are numbers, such as train=0.8; {' '.join(words)} came.") from error
        return by_shares(numbers, count, seed)
    if any(shares.values()):
        raise InputError(
            f"Give shares for all parts, such as train=0.8 val=0.2 (with a point: 1.0 is all), or episodes for all; "
            f"{' '.join(words)} came."
        )
    return {name: episode_numbers([value]) for name, value in values.items()}
