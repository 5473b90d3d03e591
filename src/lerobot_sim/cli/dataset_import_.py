"""`lerobot-sim dataset import FILE --format …`: demonstrations of others, or an export of ours, as a dataset."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from .options import read

if TYPE_CHECKING:
    from lerobot_sim.datasets.exchange import Header, Item

ABOUT = """Make a LeRobotDataset v3 of a file that another tool wrote, or that `dataset export` did.

  hdf5    robomimic's and LIBERO's demonstrations, and others of that layout; our own exports
  numpy   our own exports: a folder with dataset.json

Names become LeRobot's: LIBERO's agentview_rgb is observation.images.image and its hand's and
gripper's states are observation.state; robomimic's object is observation.environment_state.
--map changes that, once for each key; several keys with one name are put side by side, and an
empty name leaves a key out. LIBERO's pictures are stored upside down and turned over here.

examples:
  lerobot-sim dataset import lift_ph_image.hdf5 --format hdf5 --output-dir outputs/lift
  lerobot-sim dataset import KITCHEN_SCENE1_open_the_top_drawer_demo.hdf5 --format hdf5 \\
      --output-dir outputs/kitchen --map joint_states=observation.state --map ee_states= --map gripper_states=
  lerobot-sim dataset import push-t-numpy --format numpy --output-dir outputs/push-t"""


@dataclass(kw_only=True)
class ImportOptions:
    """Options of `dataset import`."""

    file: Annotated[tyro.conf.Positional[Path], tyro.conf.arg(metavar="FILE")]
    """The HDF5 file, or the folder of NumPy files."""

    format: Literal["hdf5", "numpy"]
    """What it is."""

    output_dir: Path
    """The dataset's folder; it must be new or empty."""

    map: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="KEY=NAME")] = ()
    """An observation's key and its name here, such as robot0_joint_pos=observation.state; may be repeated."""

    fps: float = 0.0
    """Rows a second, where the file does not say or is wrong."""

    task: str = ""
    """The task in words, where the file does not say."""

    mask: str = ""
    """Only the episodes that the file's mask of this name lists, such as train."""

    flip: Literal["auto", "none", "rows", "both"] = "auto"
    """Turn pictures over: auto as the file says; both turns by 180 degrees, as LeRobot's LIBERO pictures are."""

    codec: str = "h264"
    """How pictures are stored; png and ffv1 are lossless."""

    overwrite: bool = False
    """Replace the dataset that is there."""

    json: bool = False
    """Print one JSON object on standard output, and all else on standard error."""

    debug: bool = False
    """Show the full traceback of an error."""


def main(argv: Sequence[str]) -> int:
    """Reads the options and imports."""
    options = read(ImportOptions, "dataset import", ABOUT, argv)
    from .console import Console

    console = Console(options.json)
    console.result(import_(options, console))
    return 0


def import_(options: ImportOptions, console: Any) -> dict[str, Any]:
    """Reads the file and writes the dataset."""
    from lerobot_sim.datasets import exchange
    from lerobot_sim.datasets.codecs import VideoSettings

    header, count, items, notes = _source(options)
    video = VideoSettings(codec=options.codec)
    spec = exchange.spec_of(header, options.file.stem)
    with console.progress("Importing", count, "episodes") as show:
        episodes, frames = exchange.write_dataset(
            options.output_dir, header, spec, items, video=video, overwrite=options.overwrite, show=show
        )
    for note in notes:
        console.say(note)
    console.say(f"Dataset: {episodes} episodes, {frames} frames in {options.output_dir}")
    return {
        "file": str(options.file),
        "dataset": str(options.output_dir),
        "episodes": episodes,
        "frames": frames,
        "fps": header.fps,
        "features": {name: [feature["dtype"], feature["shape"]] for name, feature in header.features.items()},
        "notes": notes,
    }


def _source(options: ImportOptions) -> tuple[Header, int, Iterator[Item], list[str]]:
    from lerobot_sim.datasets import hdf5, hdf5_foreign, numpy_files
    from lerobot_sim.errors import InputError

    renamed = _renamed(options.map)
    own = numpy_files.read(options.file) if options.format == "numpy" else hdf5.read(options.file)
    if own is not None:
        given = ("map", "fps", "task", "mask")
        for name in given:
            if getattr(options, name):
                raise InputError(f"--{name} is for files of others; {options.file} is an export, which says it all.")
        return (*own, [])
    header, layout = hdf5_foreign.read(
        options.file,
        renamed=renamed,
        fps=options.fps or None,
        task=options.task or None,
        flip=options.flip,
        mask=options.mask or None,
    )
    notes = [f"{name} <- {', '.join(keys)}" for name, keys in layout.sources.items()]
    if layout.dropped:
        notes.append(f"left out: {', '.join(layout.dropped)}")
    if layout.flip != "none" and header.cameras:
        notes.append(f"pictures turned over ({layout.flip})")
    if not layout.sparse:
        notes.append("rewards are not 0 and 1 alone: no success is told")
    return header, len(layout.demos), hdf5_foreign.items(layout), notes


def _renamed(pairs: Sequence[str]) -> Mapping[str, str]:
    from lerobot_sim.errors import InputError

    renamed: dict[str, str] = {}
    for pair in pairs:
        key, equals, name = pair.partition("=")
        if not equals or not key:
            raise InputError(f"--map: expected KEY=NAME, such as robot0_joint_pos=observation.state; '{pair}' came.")
        if key in renamed:
            raise InputError(f"--map: '{key}' is given twice.")
        renamed[key] = name
    return renamed
