"""`lerobot-sim compare A B …`: which policy is better, and could it have been luck?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from lerobot_sim.errors import InputError

from .options import read

ABOUT = """Compare evaluations of several policies: folders that `lerobot-sim eval` wrote.

Policies that ran on the same seeds are compared episode by episode: seeds that both solve
or both fail say nothing, the others are like coins (McNemar's exact test). You get each
rate with its interval, each difference with its interval, p-values corrected for the
number of comparisons (Holm), and letters: policies that share one cannot be told apart.

Results of another protocol, environment, version or rule of success are refused.

examples:
  lerobot-sim compare outputs/push-t/eval/expert outputs/push-t/eval/random
  lerobot-sim compare act=outputs/a/eval diffusion=outputs/b/eval student=outputs/c/eval
  lerobot-sim compare outputs/a outputs/b --metric total_reward
  lerobot-sim compare outputs/a outputs/b --output-dir outputs/comparison"""

Folders = Annotated[tyro.conf.Positional[tuple[str, ...]], tyro.conf.arg(metavar="FOLDER|NAME=FOLDER …")]


@dataclass(kw_only=True)
class CompareOptions:
    """Options of `compare`."""

    folders: Folders
    """Folders of results, at least two; NAME=FOLDER gives a name to show."""

    metric: str = "success"
    """What is compared: success, total_reward, length, or a metric of the evaluation."""

    arm: str = ""
    """The variation that is compared, such as friction=0.5; the plain one if not given."""

    unpaired: bool = False
    """Compare policies that ran on different seeds: Barnard's exact test, which needs more episodes."""

    alpha: float = 0.05
    """Probability of calling any two equal policies different."""

    output_dir: Path | None = None
    """Write comparison.md, comparison.json and comparison.html there."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and compares."""
    options = read(CompareOptions, "compare", ABOUT, argv)
    from lerobot_sim.evaluation.compare import compare
    from lerobot_sim.evaluation.compare_text import as_json, markdown, sentences

    from .console import Console

    console = Console(options.json)
    if not 0 < options.alpha < 1:
        raise InputError(f"--alpha: expected between 0 and 1, {options.alpha} came.")
    comparison = compare(
        named(options.folders), measure=options.metric, arm=options.arm, unpaired=options.unpaired, alpha=options.alpha
    )
    console.say(markdown(comparison))
    for words in sentences(comparison):
        console.say(words)
    result: dict[str, Any] = as_json(comparison)
    if options.output_dir is not None:
        from lerobot_sim.evaluation.compare_page import write_comparison

        result["files"] = [str(path) for path in write_comparison(options.output_dir, comparison)]
        for path in result["files"]:
            console.say(f"Written: {path}")
    console.result(result)
    return 0


def named(words: Sequence[str]) -> dict[str, Path]:
    """Name -> folder; folders without a name get as much of their path as tells them apart.

    Raises:
        InputError: Fewer than two, or one name or folder twice.
    """
    if len(words) < 2:
        raise InputError(
            f"A comparison needs at least two folders of results, {len(words)} came. "
            "For example: lerobot-sim compare outputs/push-t/eval/expert outputs/push-t/eval/random"
        )
    given = [
        (name, Path(path)) if sign and name and not Path(word).exists() else ("", Path(word))
        for word in words
        for name, sign, path in [word.partition("=")]
    ]
    paths = [path.resolve() for _, path in given]
    if len(set(paths)) < len(paths):
        raise InputError("A folder came twice. A policy compared with itself is always equal.")
    depth = next(d for d in range(1, 64) if len({path.parts[-d:] for path in paths}) == len(paths))
    names = [name or "/".join(path.parts[-depth:]) for (name, _), path in zip(given, paths, strict=True)]
    if len(set(names)) < len(names):
        raise InputError(f"Each name is given once; {', '.join(names)} came.")
    return {name: path for name, (_, path) in zip(names, given, strict=True)}
