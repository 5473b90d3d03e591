"""`lerobot-sim dataset push PATH OWNER/NAME`: a dataset to the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from .options import read

ABOUT = """Make a dataset on the Hugging Face hub what the one in a folder is, in one commit.

Its card is written from the dataset's own files, unless there is one by your hand. A push
that was broken off goes on where it was: run it again. Log in first: hf auth login, or set
HF_TOKEN to a token with write access. HF_ENDPOINT names another hub.

examples:
  lerobot-sim dataset push outputs/push-t/dataset my-name/push-t
  lerobot-sim dataset push outputs/push-t/dataset my-name/push-t --private --branch trial"""


@dataclass(kw_only=True)
class PushOptions:
    """Options of `dataset push`."""

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PATH")]
    """The dataset's folder."""

    repo_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="OWNER/NAME")]
    """The dataset on the hub; made if it does not exist."""

    private: bool = False
    """Only you see it, if it is new."""

    branch: str = "main"
    """The branch; made if it does not exist."""

    tag: str = "v3.0"
    """Moved to the commit. LeRobot loads the tag that is named as the format: v3.0."""

    license: str = "apache-2.0"
    """The hub's name of the licence, for the card."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and pushes."""
    options = read(PushOptions, "dataset push", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    console.result(push(options, console))
    return 0


def push(options: PushOptions, console: Any) -> dict[str, Any]:
    """Writes the card and pushes."""
    from lerobot_sim.datasets import hub
    from lerobot_sim.datasets.card import dataset_card
    from lerobot_sim.datasets.hub_api import check_repo_id

    check_repo_id(options.repo_id)
    size = sum(path.stat().st_size for path in hub.files_of(options.path).values())
    interval = _interval(options.path)
    card = dataset_card(options.path, options.repo_id, license_id=options.license, success_interval=interval)
    with console.progress("Pushing", round(size / 1e3), "kB") as show:
        pushed = hub.push(
            options.path,
            options.repo_id,
            card=card,
            branch=options.branch,
            private=options.private or None,
            tag=options.tag,
            show=lambda done: show(round(done / 1e3)),
        )
    how = "" if pushed.changed else " It was there already."
    console.say(f"{pushed.url}: {pushed.files} files, {pushed.size / 1e6:.1f} MB, commit {pushed.commit}.{how}")
    if pushed.card == "kept":
        console.say("The card is by another hand and was kept.")
    if pushed.tag != "v3.0":
        console.say(f"Tagged {pushed.tag}; LeRobot's LeRobotDataset('{pushed.repo_id}') needs a tag v3.0, too.")
    return asdict(pushed)


def _interval(path: Path) -> tuple[float, float] | None:
    from lerobot_sim.datasets import sidecar
    from lerobot_sim.datasets.reader import read_records
    from lerobot_sim.evaluation.statistics import clopper_pearson

    if not (path / sidecar.RUN).exists():
        return None
    outcomes = [record.success for record in read_records(path)]
    if not outcomes or None in outcomes:
        return None
    return clopper_pearson(sum(map(bool, outcomes)), len(outcomes))
