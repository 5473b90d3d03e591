"""Simulation states of an episode: `sim/states/episode_NNNNNN.npz`, one before every action and the final one.

An episode's states are alike from step to step: most values do not change at all. So each is stored as the bits by
which it differs from the one before (exclusive or), the first bytes of all values first, and then deflated: lossless,
and a third to a tenth of the plain arrays. In the file, `layout` holds JSON: {"schema", "count", "arrays": name ->
{"dtype", "shape"}}, and array k of them lies under `array_<k>` as uint8 (bytes of a row, count).
"""

# pyright: reportUnknownMemberType=false

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.arrays import to_numpy
from lerobot_sim.env import State
from lerobot_sim.errors import StorageError

SCHEMA = 1
PATTERN = "sim/states/episode_{episode_index:06d}.npz"
_MEND = "Restore it from a copy; all but replay, rerender and repair works without it."


def path_of(root: Path | str, episode_index: int) -> Path:
    """Where an episode's states lie."""
    return Path(root) / PATTERN.format(episode_index=episode_index)


def lane_state(state: State, row: int) -> dict[str, NDArray[Any]]:
    """One lane's values of a State, copied to the host."""
    return {name: to_numpy(value[row]).copy() for name, value in state.items()}


def stacked(states: Sequence[Mapping[str, NDArray[Any]]]) -> dict[str, NDArray[Any]]:
    """States of single lanes as arrays (len(states), …)."""
    return {name: np.stack([state[name] for state in states]) for name in states[0]}


def encode_states(states: Mapping[str, NDArray[Any]]) -> bytes:
    """The content of the file; arrays are (T + 1, …)."""
    count = len(next(iter(states.values())))
    arrays = {name: {"dtype": value.dtype.str, "shape": list(value.shape[1:])} for name, value in states.items()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        described = json.dumps({"schema": SCHEMA, "count": count, "arrays": arrays}).encode()
        _put(archive, "layout", np.frombuffer(described, np.uint8))
        for number, value in enumerate(states.values()):
            rows = np.ascontiguousarray(value).reshape(count, -1).view(np.uint8).reshape(count, -1)
            differing = rows.copy()
            differing[1:] ^= rows[:-1]
            _put(archive, f"array_{number}", np.ascontiguousarray(differing.T))
    return file.getvalue()


def read_states(root: Path | str, episode_index: int) -> dict[str, NDArray[Any]]:
    """The states of an episode of T rows: arrays (T + 1, …); rows of them are what `env.set_state` takes.

    Row t is the state before action t, row T the final one.

    Raises:
        StorageError: There are none, or the file is damaged.
    """
    path = path_of(root, episode_index)
    try:
        with np.load(path, allow_pickle=False) as archive:
            described = json.loads(bytes(archive["layout"]))
            if described["schema"] != SCHEMA:
                raise StorageError(f"{path} is of schema {described['schema']}; this version reads {SCHEMA}.")
            count = int(described["count"])
            result: dict[str, NDArray[Any]] = {}
            for number, (name, array) in enumerate(described["arrays"].items()):
                differing = archive[f"array_{number}"].T
                rows = np.bitwise_xor.accumulate(np.ascontiguousarray(differing), axis=0)
                result[name] = rows.reshape(-1).view(array["dtype"]).reshape(count, *array["shape"])
            return result
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing: the episode was recorded without states. {_MEND}") from error
    except StorageError:
        raise
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile, EOFError) as error:
        raise StorageError(f"{path} is damaged ({type(error).__name__}: {error}). {_MEND}") from error


def _put(archive: zipfile.ZipFile, name: str, array: NDArray[np.uint8]) -> None:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    info = zipfile.ZipInfo(f"{name}.npy")  # of 1980: the same states give the same file
    archive.writestr(info, file.getvalue(), zipfile.ZIP_DEFLATED, compresslevel=1)
