"""Datasets to and from HDF5 files in robomimic's layout.

    data              attributes: total, env_args (JSON), lerobot_sim (JSON: our header)
    data/demo_0       attributes: num_samples, task, lerobot_sim (JSON: our record of the episode)
        actions  rewards  dones       (T, …)
        states                        float64 (T, D): the simulation's state before each action, flat
        obs/KEY  next_obs/KEY         (T, …); pictures uint8 (T, h, w, 3), and in obs alone
        columns/NAME                  ours: the other columns
        sim_states/NAME               ours: the simulation's states (T + 1, …)
    mask/train, mask/valid, mask/success        names of episodes

KEY is LeRobot's name without "observation."; a picture "observation.images.front" is "front_image". The last row
of next_obs is the final observation; a dataset of others does not know it, and its last row is repeated there.
Importing such a file gives the same dataset again; files by robomimic and LIBERO are read by `hdf5_foreign`.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false
# h5py carries no types

from __future__ import annotations

import contextlib
import json
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import MissingExtraError, StorageError
from lerobot_sim.spec import ACTION, IMAGES

from .exchange import Header, Item, Show, header_from, items_of, whole_file
from .layout import NEXT_DONE, NEXT_REWARD, NEXT_SUCCESS

ATTRIBUTE = "lerobot_sim"
_GYM_TYPE = 2
"""robomimic's number of environments with Gym's interface."""

_OBSERVATION = "observation."
_MEND = "Export it again."


def export(
    root: Path | str, header: Header, output: Path, *, overwrite: bool, show: Show, valid_share: float = 0.0
) -> None:
    """Writes a dataset as one HDF5 file, which appears when it is whole.

    Args:
        root: The dataset's folder.
        header: Its header.
        output: The file.
        overwrite: Whether the file may exist.
        show: Told how many episodes are done.
        valid_share: Share of the episodes, the last ones, that mask/valid names; mask/train names the others.

    Raises:
        MissingExtraError: h5py is not installed.
        StorageError: The file exists, or the dataset is damaged.
    """
    h5py = library()
    with whole_file(output, overwrite=overwrite) as part, h5py.File(part, "w") as file:
        data = file.create_group("data")
        total, names, successes = 0, list[str](), list[str]()
        for number, item in enumerate(items_of(root, header)):
            name = f"demo_{number}"
            _write_demo(data.create_group(name), header, item)
            total += len(item.columns[ACTION])
            names.append(name)
            if item.columns.get(NEXT_SUCCESS, np.zeros(1)).any() and (item.record or {}).get("success", True):
                successes.append(name)
            show(number + 1)
        data.attrs["total"] = total
        data.attrs["env_args"] = json.dumps(_env_args(header))
        data.attrs[ATTRIBUTE] = json.dumps(header.to_dict())
        valid = round(valid_share * len(names))
        masks = {"train": names[: len(names) - valid], "valid": names[len(names) - valid :], "success": successes}
        for mask, chosen in masks.items():
            if chosen:
                file.create_dataset(f"mask/{mask}", data=np.array(chosen, dtype="S"))


def read(path: Path) -> tuple[Header, int, Iterator[Item]] | None:
    """(header, number of episodes, episodes) of a file that `export` wrote; None of files by others.

    Raises:
        MissingExtraError: h5py is not installed.
        StorageError: It is no HDF5 file, or is damaged.
    """
    with opened(path) as file:
        if "data" not in file or ATTRIBUTE not in file["data"].attrs:
            return None
        header = header_from(_json(file["data"].attrs[ATTRIBUTE], path), path)
        names = demos_of(file["data"])
    return header, len(names), _items(path, header, names)


def library() -> Any:
    """The package h5py.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise MissingExtraError("h5py", "hdf5", "HDF5") from error
    return h5py


@contextlib.contextmanager
def opened(path: Path) -> Generator[Any]:
    """An HDF5 file for reading.

    Raises:
        StorageError: It is missing, or no HDF5 file, or damaged where it is read.
    """
    h5py = library()
    if not path.is_file():
        raise StorageError(f"{path} is {'a folder' if path.is_dir() else 'missing'}. Give an HDF5 file.")
    if not h5py.is_hdf5(path):
        raise StorageError(f"{path} is no HDF5 file.")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except StorageError:
        raise
    except OSError as error:
        raise StorageError(f"{path} is damaged: {error}") from error


def demos_of(data: Any) -> list[str]:
    """Names of the episodes, in the order of their numbers."""
    return sorted(data, key=lambda name: (int(digits) if (digits := name.rpartition("_")[2]).isdigit() else -1, name))


def _write_demo(demo: Any, header: Header, item: Item) -> None:
    columns = item.columns
    count = len(columns[ACTION])
    done = np.zeros(count, np.bool_)
    done[-1] = True
    demo.attrs["num_samples"] = count
    demo.attrs["task"] = item.task
    if item.record is not None:
        demo.attrs[ATTRIBUTE] = json.dumps(item.record)
    demo.create_dataset("actions", data=columns[ACTION])
    demo.create_dataset("rewards", data=columns.get(NEXT_REWARD, np.zeros(count, np.float32)))
    demo.create_dataset("dones", data=columns.get(NEXT_DONE, done).astype(np.uint8))
    demo.create_dataset("states", data=_flat(item.states, count))
    final = (item.record or {}).get("final_observation", {})
    for name, values in columns.items():
        if name in header.cameras:
            demo.create_dataset(f"obs/{_key(name)}", data=values, compression="gzip", compression_opts=4)
        elif name.startswith(_OBSERVATION):
            demo.create_dataset(f"obs/{_key(name)}", data=values)
            last = np.asarray(final.get(name, values[-1]), values.dtype).reshape(values.shape[1:])
            demo.create_dataset(f"next_obs/{_key(name)}", data=np.concatenate([values[1:], last[None]]))
        elif name not in (ACTION, NEXT_REWARD, NEXT_DONE):
            demo.create_dataset(f"columns/{name}", data=values)
    if item.states:
        group = demo.create_group("sim_states", track_order=True)
        for name, values in item.states.items():
            group.create_dataset(name, data=values, compression="gzip", compression_opts=1)


def _flat(stored: Mapping[str, NDArray[Any]] | None, count: int) -> NDArray[np.float64]:
    """States before each action, as rows of numbers; (count, 0) where there are none."""
    parts = [value[:count].reshape(count, -1).astype(np.float64) for value in (stored or {}).values()]
    return np.concatenate(parts, axis=1) if parts else np.zeros((count, 0))


def _key(name: str) -> str:
    return f"{name.removeprefix(IMAGES)}_image" if name.startswith(IMAGES) else name.removeprefix(_OBSERVATION)


def _env_args(header: Header) -> dict[str, Any]:
    """What robomimic makes an environment of: here a Gymnasium id of ours, where there is one."""
    environment = header.environment or {}
    name = f"lerobot_sim/{environment['id']}" if environment else str(header.robot_type or "unknown")
    kwargs = {**environment.get("options", {}), "control_freq": header.fps}
    return {"env_name": name, "type": _GYM_TYPE, "env_type": _GYM_TYPE, "env_kwargs": kwargs}


def _items(path: Path, header: Header, names: list[str]) -> Iterator[Item]:
    with opened(path) as file:
        for name in names:
            demo = file["data"][name]
            try:
                columns = {column: demo[_place(column)][()] for column in header.features}
                stored = {key: values[()] for key, values in demo.get("sim_states", {}).items()}
                record = _json(demo.attrs[ATTRIBUTE], path) if ATTRIBUTE in demo.attrs else None
                task = str(demo.attrs["task"])
            except KeyError as error:
                raise StorageError(f"{path} is damaged at {name}: {error}. {_MEND}") from error
            if NEXT_DONE in columns:
                columns[NEXT_DONE] = columns[NEXT_DONE].astype(np.bool_)
            yield Item(columns=columns, task=task, record=record, states=stored or None)


def _place(column: str) -> str:
    single = {ACTION: "actions", NEXT_REWARD: "rewards", NEXT_DONE: "dones"}
    if column in single:
        return single[column]
    return f"obs/{_key(column)}" if column.startswith(_OBSERVATION) else f"columns/{column}"


def _json(text: Any, path: Path) -> Any:
    try:
        return json.loads(text)
    except (TypeError, ValueError) as error:
        raise StorageError(f"{path} is damaged: an attribute is no JSON ({error}). {_MEND}") from error
