"""`lerobot-sim dataset pull OWNER/NAME`: a dataset from the Hugging Face hub."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from .options import read

ABOUT = """Bring a LeRobotDataset v3 from the Hugging Face hub into a folder, and check that it reads.

The commit is printed: give it as --revision to get the same bytes again. A pull that was
broken off goes on where it was: run it again. HF_ENDPOINT names another hub.

examples:
  lerobot-sim dataset pull lerobot/pusht
  lerobot-sim dataset pull my-name/push-t --revision v3.0 --output-dir outputs/push-t/dataset"""


@dataclass(kw_only=True)
class PullOptions:
    """Options of `dataset pull`."""

    repo_id: Annotated[tyro.conf.Positional[str], tyro.conf.arg(metavar="OWNER/NAME")]
    """The dataset on the hub."""

    revision: str = "<as LeRobot>"
    """Branch, tag or commit; as LeRobot: the newest tag v3.x, else main."""

    output_dir: Path = Path("outputs/hub/<owner>/<name>")
    """The dataset's folder; it must be new or empty, or hold this very commit."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and pulls."""
    options = read(PullOptions, "dataset pull", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    console.result(pull(options, console))
    return 0


def pull(options: PullOptions, console: Any) -> dict[str, Any]:
    """Finds the commit, fetches it and checks it."""
    from lerobot_sim.datasets import hub_pull
    from lerobot_sim.datasets.hub_api import check_repo_id
    from lerobot_sim.datasets.reader import read_info

    check_repo_id(options.repo_id)
    owner, name = options.repo_id.split("/")
    root = Path(str(options.output_dir).replace("<owner>", owner).replace("<name>", name))
    revision = None if options.revision == "<as LeRobot>" else options.revision
    origin = hub_pull.pulled_from(root)
    offer = f"{root} holds commit {origin[1]} of it." if origin and origin[0] == options.repo_id else ""
    snapshot = hub_pull.find(options.repo_id, revision, offer=offer)
    if hub_pull.is_there(snapshot, root):
        hub_pull.check_readable(root)
        fetched = False
    else:
        with console.progress("Pulling", round(snapshot.size / 1e3), "kB") as show:
            fetched = hub_pull.pull(snapshot, root, show=lambda done: show(round(done / 1e3)))
    info = read_info(root)
    how = "" if fetched else " It was there already."
    console.say(
        f"{options.repo_id} at {snapshot.revision}, commit {snapshot.commit}: {info.total_episodes} episodes, "
        f"{info.total_frames} frames in {root}.{how}"
    )
    return {
        "repo_id": options.repo_id,
        "revision": snapshot.revision,
        "commit": snapshot.commit,
        "dataset": str(root),
        "episodes": info.total_episodes,
        "frames": info.total_frames,
        "files": len(snapshot.files),
        "bytes": snapshot.size,
        "fetched": fetched,
    }
