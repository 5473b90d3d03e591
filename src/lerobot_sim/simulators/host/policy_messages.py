"""What a policy server and its clients say: msgpack maps over WebSocket, arrays as bytes. Nothing is ever unpickled."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lerobot_sim.errors import InputError, MissingExtraError

PROTOCOL = "2"
PROTOCOL_HEADER = "X-Lerobot-Sim-Protocol"
MAX_BYTES = 256 << 20
"""The longest message that either side takes."""

_KINDS = "biuf"


def library(name: str) -> Any:
    """`msgpack`, or a module of `websockets`.

    Raises:
        MissingExtraError: It is not installed.
    """
    try:
        return import_module(name)
    except ImportError as error:
        raise MissingExtraError(name.partition(".")[0], "remote", "A policy on another machine") from error


def encode(header: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]] | None = None) -> bytes:
    """A message."""
    parts = {
        name: {"dtype": value.dtype.str, "shape": list(value.shape), "data": np.ascontiguousarray(value).tobytes()}
        for name, value in (arrays or {}).items()
    }
    return library("msgpack").packb({**header, "arrays": parts})


def decode(message: Any) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Header and arrays of a message, each array in memory of its own.

    Raises:
        InputError: It is none of ours.
    """
    if not isinstance(message, bytes):
        raise InputError("A message of bytes was expected, text came.")
    try:
        header: dict[str, Any] = library("msgpack").unpackb(message)
        parts: dict[str, Any] = header.pop("arrays")
        return header, {str(name): _array(**part) for name, part in parts.items()}
    except InputError:
        raise
    except Exception as error:  # msgpack's own errors have no common base, and bytes may hold anything
        raise InputError(f"A message could not be read: {type(error).__name__} {error}.") from error


def _array(dtype: str, shape: list[int], data: bytes) -> NDArray[Any]:
    kind = np.dtype(str(dtype))
    if kind.kind not in _KINDS or any(size < 0 for size in shape):
        raise InputError(f"An array of numbers was expected, '{dtype}' of shape {shape} came.")
    if len(data) != kind.itemsize * int(np.prod(shape, dtype=np.int64)):
        raise InputError(f"An array of {dtype} and shape {shape} cannot have {len(data)} bytes.")
    return np.frombuffer(data, kind).reshape(shape).copy()
