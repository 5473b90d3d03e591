"""What is taken from which dataset, and the Parquet files that it goes to."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyarrow carries no types

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lerobot_sim.errors import StorageError

from .files import make_folder, storage_error
from .layout import CHUNK_SIZE
from .source import Source
from .tables import Table


@dataclass(frozen=True, kw_only=True, eq=False)
class Pick:
    """An episode to be written.

    Attributes:
        source: Where it is.
        episode: Its number there.
        tasks: Old instruction -> new one; those that are not named stay.
    """

    source: Source
    episode: int
    tasks: Mapping[str, str] = field(default_factory=dict[str, str])


def groups(picks: Sequence[Pick]) -> Iterator[tuple[Source, list[Pick]]]:
    """Picks that follow each other in one source."""
    for source, group in itertools.groupby(picks, key=lambda pick: pick.source):
        yield source, list(group)


def fitting(table: Table, schema: Any, where: Path) -> Table:
    """The table with the first source's columns and types."""
    try:
        return table.select(schema.names).cast(schema)
    except (pa.ArrowException, KeyError, ValueError) as error:
        raise StorageError(f"The tables under {where} have other columns or types than the first: {error}.") from error


class TableFiles:
    """Parquet files that are filled one after the other."""

    def __init__(self, folder: Path, pattern: str, max_bytes: int) -> None:
        self._folder = folder
        self._pattern = pattern
        self._max_bytes = max_bytes
        self._number = -1
        self._file: Any = None
        self._writer: Any = None

    def write(self, table: Table) -> tuple[int, int]:
        """Appends a row group; (chunk_index, file_index) of the file that it is in."""
        path = self._path
        try:
            if self._writer is None or self._file.tell() >= self._max_bytes:
                self.close()
                self._number += 1
                path = self._path
                make_folder(path.parent, sync=False)
                self._file = path.open("wb")
                self._writer = pq.ParquetWriter(self._file, table.schema, compression="snappy", use_dictionary=False)
            self._writer.write_table(table)
        except OSError as error:
            raise storage_error(path, error) from error
        return divmod(self._number, CHUNK_SIZE)

    def __enter__(self) -> TableFiles:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Finishes the last file."""
        writer, file, self._writer = self._writer, self._file, None
        if writer is not None:
            try:
                writer.close()
                file.close()
            except OSError as error:
                raise storage_error(self._path, error) from error

    @property
    def _path(self) -> Path:
        chunk, file = divmod(self._number, CHUNK_SIZE)
        return self._folder / self._pattern.format(chunk_index=chunk, file_index=file)
