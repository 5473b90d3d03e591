"""Images that lie as PNG (or JPEG, TIFF) files in the data table, read by row.

Parquet gives whole row groups only. The files of a row group are copied, at their first use, to a temporary file
without a name, from which single ones are read: memory stays small, and the disk takes what the images take.
"""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false

from __future__ import annotations

import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError

_KINDS = {b"\x89PNG": "png", b"\xff\xd8\xff": "mjpeg", b"II*\x00": "tiff", b"MM\x00*": "tiff"}
_MEND = "Run `lerobot-sim dataset check` on the dataset, or restore the file from a copy."


class StoredImages:
    """The images of a dataset's data tables; may be used by several threads at once.

    Args:
        root: The dataset's folder.
        paths: The data files in the order of their rows.
    """

    def __init__(self, root: Path, paths: Sequence[Path]) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._spill: Any = tempfile.TemporaryFile(prefix="lerobot-sim-images-")  # noqa: SIM115 - closed by close()
        self._end = 0
        self._places: dict[tuple[str, int], NDArray[np.int64]] = {}
        self._groups: list[tuple[Path, int]] = []
        counts: list[int] = []
        for path in paths:
            try:
                metadata = pq.read_metadata(path)
            except (pa.ArrowException, OSError) as error:
                raise StorageError(f"{path} is damaged: {error}. {_MEND}") from error
            for number in range(metadata.num_row_groups):
                self._groups.append((path, number))
                counts.append(metadata.row_group(number).num_rows)
        self._stops = np.cumsum(np.array(counts, np.int64))

    def read(self, key: str, row: int) -> bytes:
        """The file of one row.

        Raises:
            StorageError: There is none, or the table is damaged.
        """
        group = int(np.searchsorted(self._stops, row, side="right"))
        with self._lock:
            places = self._places.get((key, group))
            if places is None:
                places = self._places[key, group] = self._copy(key, group)
            start = int(self._stops[group - 1]) if group else 0
            offset, size = places[row - start]
            self._spill.seek(int(offset))
            return self._spill.read(int(size))

    def close(self) -> None:
        """Removes the temporary file."""
        self._spill.close()

    def _copy(self, key: str, group: int) -> NDArray[np.int64]:
        path, number = self._groups[group]
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                column = file.read_row_group(number, columns=[key]).column(key).combine_chunks()
        except (pa.ArrowException, OSError, KeyError) as error:
            raise StorageError(f"{path} is damaged: {error}. {_MEND}") from error
        places: list[tuple[int, int]] = []
        for image in column.to_pylist():
            data = self._content(image, key, path)
            self._spill.seek(self._end)
            self._spill.write(data)
            places.append((self._end, len(data)))
            self._end += len(data)
        return np.array(places, np.int64)

    def _content(self, image: Any, key: str, path: Path) -> bytes:
        if image and image.get("bytes"):
            return image["bytes"]
        if image and image.get("path"):  # LeRobot can leave them beside the table
            target = (self._root / image["path"]).resolve()
            if target.is_relative_to(self._root.resolve()) and target.is_file():
                return target.read_bytes()
        raise StorageError(f"{path} holds a row without an image in '{key}'. {_MEND}")


def decode_image(data: bytes, kind: str) -> NDArray[Any]:
    """An image file's pixels: "rgb24" gives uint8 (h, w, 3), "gray16le" uint16 (h, w, 1).

    Raises:
        StorageError: It is damaged, or neither PNG nor JPEG nor TIFF.
    """
    import av
    from av.error import FFmpegError

    name = next((name for magic, name in _KINDS.items() if data.startswith(magic)), None)
    if name is None:
        raise StorageError(f"An image in the data table begins with {data[:4]!r}: PNG, JPEG and TIFF are read. {_MEND}")
    try:
        codec: Any = av.CodecContext.create(name, "r")
        frames = codec.decode(av.Packet(data)) + codec.decode(None)
        if len(frames) != 1:
            raise StorageError(f"An image in the data table is damaged: it gives {len(frames)} pictures. {_MEND}")
        pixels = frames[0].to_ndarray(format=kind)
    except FFmpegError as error:
        raise StorageError(f"An image in the data table is damaged: {error}. {_MEND}") from error
    return pixels.reshape(*pixels.shape[:2], -1)
