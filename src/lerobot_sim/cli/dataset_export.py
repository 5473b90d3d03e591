"""`lerobot-sim dataset export PATH --format …`: a dataset as HDF5 in robomimic's layout, or as NumPy files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro

from .options import read

ABOUT = """Write a LeRobotDataset v3, ours or another's, in a format that other tools read.

  hdf5    one file in robomimic's layout: data/demo_0/{actions,obs,next_obs,rewards,dones,states}
  numpy   a folder with one .npz an episode and dataset.json; np.load(..., allow_pickle=False)

Pictures are decoded. `lerobot-sim dataset import` gives the same dataset again.

examples:
  lerobot-sim dataset export outputs/push-t/dataset --format hdf5 --output push-t.hdf5
  lerobot-sim dataset export outputs/push-t/dataset --format hdf5 --output push-t.hdf5 --valid-share 0.1
  lerobot-sim dataset export outputs/push-t/dataset --format numpy --output push-t-numpy"""


@dataclass(kw_only=True)
class ExportOptions:
    """Options of `dataset export`."""

    path: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="PATH")]
    """The dataset's folder."""

    format: Literal["hdf5", "numpy"]
    """What is written."""

    output: Path
    """The HDF5 file, or the folder of the NumPy files."""

    valid_share: float = 0.0
    """hdf5: share of the episodes, the last ones, that mask/valid names; mask/train names the others."""

    overwrite: bool = False
    """Replace what an earlier export left there."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and exports."""
    options = read(ExportOptions, "dataset export", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    console.result(export(options, console))
    return 0


def export(options: ExportOptions, console: Any) -> dict[str, Any]:
    """Writes the file or the folder."""
    from lerobot_sim.datasets import exchange, hdf5, numpy_files
    from lerobot_sim.datasets.reader import read_columns, read_info
    from lerobot_sim.errors import InputError

    if not 0 <= options.valid_share < 1:
        raise InputError(f"--valid-share: expected 0 to below 1, {options.valid_share} came.")
    header = exchange.header_of(options.path)
    info = read_info(options.path)
    with console.progress("Exporting", info.total_episodes, "episodes") as show:
        if options.format == "hdf5":
            share = options.valid_share
            hdf5.export(options.path, header, options.output, overwrite=options.overwrite, show=show, valid_share=share)
        else:
            numpy_files.export(options.path, header, options.output, overwrite=options.overwrite, show=show)
    console.say(f"{info.total_episodes} episodes, {info.total_frames} frames in {options.output}")
    if options.format == "hdf5":
        actions = read_columns(options.path, ["action"])["action"]
        if abs(actions).max() > 1:
            console.say(
                f"robomimic trains on actions from -1 to 1; these go from {actions.min():g} to {actions.max():g}: "
                "scale them there."
            )
    return {
        "dataset": str(options.path),
        "format": options.format,
        "output": str(options.output),
        "episodes": info.total_episodes,
        "frames": info.total_frames,
    }
