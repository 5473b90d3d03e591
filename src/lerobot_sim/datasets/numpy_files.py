"""A dataset as plain NumPy files, for whatever reads those: a folder with one `.npz` an episode and one JSON file.

    dataset.json          the header, and for every episode its file, task and our record of it
    episode_000000.npz    the columns by name, (T, *shape); simulation states as "state/NAME", (T + 1, …)

Names, types and values are those of the dataset; pictures are decoded. `np.load(path, allow_pickle=False)` reads them.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from lerobot_sim.errors import StorageError

from .exchange import Header, Item, Show, header_from, items_of
from .files import read_json
from .swap import new_beside

INDEX = "dataset.json"
STATE = "state/"
FORMAT = "lerobot-sim/numpy"
_MEND = "Export it again."


def export(root: Path | str, header: Header, output: Path, *, overwrite: bool, show: Show) -> None:
    """Writes a dataset as NumPy files to the folder `output`, which appears when it is whole.

    Raises:
        StorageError: The folder holds something, or the dataset is damaged.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    if output.exists() and overwrite and not (output / INDEX).exists() and any(output.iterdir()):
        raise StorageError(f"{output} holds something else than an export. Give another --output.")
    with new_beside(output, replace=overwrite) as new:
        entries: list[dict[str, Any]] = []
        for number, item in enumerate(items_of(root, header)):
            name = f"episode_{number:06d}.npz"
            stored = {STATE + key: value for key, value in (item.states or {}).items()}
            with (new / name).open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **item.columns, **stored)
            entries.append({"file": name, "task": item.task, "record": item.record})
            show(number + 1)
        content = {"format": FORMAT, "header": header.to_dict(), "episodes": entries}
        (new / INDEX).write_text(json.dumps(content, indent=1, ensure_ascii=False), encoding="utf-8")


def read(folder: Path) -> tuple[Header, int, Iterator[Item]]:
    """(header, number of episodes, episodes) of an export.

    Raises:
        StorageError: The folder is no export, or is damaged.
    """
    path = folder / INDEX
    if folder.is_file():
        raise StorageError(f"{folder} is a file; --format numpy reads a folder with {INDEX} in it.")
    if not path.exists():
        raise StorageError(f"{path} is missing: {folder} is no export. Make one: lerobot-sim dataset export.")
    content = read_json(path, _MEND)
    try:
        if content["format"] != FORMAT:
            raise StorageError(f"{path} is of format '{content['format']}', '{FORMAT}' is read.")
        header, entries = header_from(content["header"], path), list(content["episodes"])
        files = [(folder / Path(entry["file"]).name, str(entry["task"]), entry["record"]) for entry in entries]
    except (KeyError, TypeError) as error:
        raise StorageError(f"{path} is damaged: {type(error).__name__} {error}. {_MEND}") from error
    return header, len(files), (_item(*file, header) for file in files)


def _item(path: Path, task: str, record: Any, header: Header) -> Item:
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {_MEND}") from error
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise StorageError(f"{path} is damaged ({type(error).__name__}). {_MEND}") from error
    missing = set(header.features) - set(arrays)
    if missing:
        raise StorageError(f"{path} lacks {sorted(missing)}. {_MEND}")
    stored = {name.removeprefix(STATE): value for name, value in arrays.items() if name.startswith(STATE)}
    columns = {name: arrays[name] for name in header.features}
    return Item(columns=columns, task=task, record=record, states=stored or None)
