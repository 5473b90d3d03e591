"""The Parquet tables of a dataset: their schemas, arrays to tables and back, and files that grow by rewriting."""

# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportUnknownParameterType=false, reportUnknownLambdaType=false
# pyarrow carries no types

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from lerobot_sim.errors import StorageError
from lerobot_sim.spec import ACTION

from .files import write_whole
from .layout import Column
from .statistics import NAMES, ColumnStatistics, Statistics

Table: TypeAlias = Any
"""A pyarrow.Table."""

Schema: TypeAlias = Any
"""A pyarrow.Schema."""


def data_schema(columns: Mapping[str, Column]) -> Schema:
    """The data table's schema, with the metadata by which `datasets` loads it without a cast."""
    table = {name: column for name, column in columns.items() if column.in_data}
    fields = [pa.field(name, _type_of(column)) for name, column in table.items()]
    features = {name: _hub_feature(column) for name, column in table.items()}
    return pa.schema(fields, metadata={"huggingface": json.dumps({"info": {"features": features}})})


def episodes_schema(columns: Mapping[str, Column]) -> Schema:
    """The schema of `meta/episodes`: where an episode's rows lie, and its statistics, flat."""
    fields = [
        pa.field("episode_index", pa.int64()),
        pa.field("tasks", _list_of(pa.string())),
        *(pa.field(name, pa.int64()) for name in ("length", "data/chunk_index", "data/file_index")),
        *(pa.field(name, pa.int64()) for name in ("dataset_from_index", "dataset_to_index")),
    ]
    for name, column in columns.items():
        if column.dtype == "video":
            places = [f"videos/{name}/{key}" for key in ("chunk_index", "file_index")]
            times = [f"videos/{name}/{key}" for key in ("from_timestamp", "to_timestamp")]
            fields += [pa.field(place, pa.int64()) for place in places] + [
                pa.field(time, pa.float64()) for time in times
            ]
        if column.in_table or column.is_picture:
            values = _list_of(pa.float64())
            if column.is_picture:  # (channels, 1, 1)
                values = _list_of(_list_of(values))
            for key in NAMES:
                fields.append(pa.field(f"stats/{name}/{key}", _list_of(pa.int64()) if key == "count" else values))
    fields += [pa.field(f"meta/episodes/{name}", pa.int64()) for name in ("chunk_index", "file_index")]
    return pa.schema(fields)


def data_table(
    schema: Schema, columns: Mapping[str, Column], arrays: Mapping[str, NDArray[Any] | Sequence[bytes]]
) -> Table:
    """An episode's rows; arrays are (T, *shape) of the columns' dtypes, for images the T files."""
    return pa.Table.from_arrays([_to_arrow(columns[name], arrays[name]) for name in schema.names], schema=schema)


def episodes_row(schema: Schema, place: Mapping[str, Any], statistics: Statistics) -> Table:
    """One row of `meta/episodes`."""
    values = dict(place)
    for name, column in statistics.items():
        values |= {f"stats/{name}/{key}": value.tolist() for key, value in column.items()}
    return pa.Table.from_pydict({name: [values[name]] for name in schema.names}, schema=schema)


def row_statistics(table: Table, columns: Mapping[str, Column], row: int) -> Statistics:
    """The statistics in one row of `meta/episodes`, bit for bit as they were written."""
    result: Statistics = {}
    for name, column in columns.items():
        if column.in_table or column.is_picture:
            values: ColumnStatistics = {}
            for key in NAMES:
                dtype = np.int64 if key == "count" else np.float64
                values[key] = np.asarray(table.column(f"stats/{name}/{key}")[row].as_py(), dtype)
            result[name] = values
    return result


def tasks_file(tasks: Sequence[str]) -> memoryview:
    """The content of `meta/tasks.parquet`, with the metadata by which pandas takes the text as its index."""
    kinds = {"task_index": ("int64", "int64"), "task": ("unicode", "object")}
    described = [
        {"name": name, "field_name": name, "pandas_type": kind, "numpy_type": numpy_type, "metadata": None}
        for name, (kind, numpy_type) in kinds.items()
    ]
    index = {"name": None, "field_name": None, "pandas_type": "unicode", "numpy_type": "object"}
    pandas = {
        "index_columns": ["task"],
        "column_indexes": [{**index, "metadata": {"encoding": "UTF-8"}}],
        "columns": described,
        "creator": {"library": "pyarrow", "version": pa.__version__},
        "pandas_version": "2.2.0",
    }
    schema = pa.schema(
        [pa.field("task_index", pa.int64()), pa.field("task", pa.string())], metadata={"pandas": json.dumps(pandas)}
    )
    table = pa.Table.from_pydict({"task_index": list(range(len(tasks))), "task": list(tasks)}, schema=schema)
    return encode([table], schema)


def encode(tables: Sequence[Table], schema: Schema, *, only_statistics_of: str | None = None) -> memoryview:
    """A Parquet file's content, a row group a table, compressed with snappy.

    Without dictionaries: for measured numbers they cost a third more time and a fifth more bytes.
    """
    sink = pa.BufferOutputStream()
    statistics: Any = [only_statistics_of] if only_statistics_of else True
    with pq.ParquetWriter(
        sink,
        schema,
        compression="snappy",
        use_dictionary=False,
        write_statistics=statistics,
    ) as writer:
        for table in tables:
            writer.write_table(table)
    return memoryview(sink.getvalue())


def read_table(path: Path, columns: Sequence[str], *, mend: str, schema: Schema | None = None) -> Table:
    """Columns of one Parquet file, cast to `schema` where one is given.

    Raises:
        StorageError: It is missing, damaged, lacks a column, or a column is of another type.
    """
    try:
        with pq.ParquetFile(path) as file:
            missing = set(columns) - set(file.schema_arrow.names)
            if missing:
                raise StorageError(f"{path} lacks the columns {sorted(missing)}. {mend}")
            table = file.read(list(columns)).select(list(columns))
            return table if schema is None else table.cast(schema)
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {mend}") from error
    except StorageError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise StorageError(f"{path} is damaged: {str(error).rstrip('.')}. {mend}") from error


def count_rows(path: Path, *, mend: str) -> int:
    """Rows of a Parquet file by its footer, which is the last thing that is written of it."""
    try:
        return pq.read_metadata(path).num_rows
    except FileNotFoundError as error:
        raise StorageError(f"{path} is missing. {mend}") from error
    except (pa.ArrowException, OSError) as error:
        raise StorageError(f"{path} is damaged: {str(error).rstrip('.')}. {mend}") from error


def to_numpy(name: str, column: Column, table: Table) -> NDArray[Any]:
    """A column of the data table as an array (rows, *shape); (rows,) for scalars beside observation and action.

    Raises:
        StorageError: It holds another number of values than its shape says, or none at some row.
    """
    values = table.column(name).combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # of no rows
        values = pa.concat_arrays(values.chunks) if values.num_chunks else pa.array([], values.type)
    while pa.types.is_list(values.type) or pa.types.is_large_list(values.type) or _is_fixed_list(values):
        values = values.flatten()
    if isinstance(values, pa.ExtensionArray):  # the two and more axes of other writers
        return to_numpy(name, column, pa.table({name: values.storage}))
    scalar = column.shape == (1,) and name != ACTION and not name.startswith("observation.")
    shape = () if scalar else column.shape
    expected = table.num_rows * int(np.prod(shape))
    if len(values) != expected or values.null_count:
        raise StorageError(
            f"Column '{name}' holds {len(values)} values with {values.null_count} gaps; {expected} were expected for "
            f"{table.num_rows} rows of shape {column.shape}."
        )
    flat = values.to_numpy(zero_copy_only=False)
    return flat.astype(column.dtype, copy=False).reshape(table.num_rows, *shape)


@dataclass
class GrowingTable:
    """The files of one table: full ones are left alone, the last is written anew with every addition.

    `write` changes the disk and `accept` the memory, so an addition that was not committed is overwritten
    by the next one. What lies where depends on the rows alone: resuming changes no byte.

    Attributes:
        root: The dataset's folder.
        pattern: Path of a file, from `root`.
        schema: The table's.
        row_bytes: Bytes of a row, roughly.
        max_bytes: A file with so many bytes in memory is full.
        max_groups: One row group an addition, and a file with so many is full; None: one for all rows.
        only_statistics_of: The one column that gets Parquet's statistics; None: all.
        number: Which file is the last, counted through all folders.
        tables: What it holds.
    """

    root: Path
    pattern: str
    schema: Schema
    row_bytes: int
    max_bytes: int
    chunks_size: int
    max_groups: int | None = None
    only_statistics_of: str | None = None
    number: int = 0
    tables: list[Table] = field(default_factory=list[Any])

    def place(self) -> tuple[int, int]:
        """(chunk_index, file_index) of the file that the next addition goes to."""
        number = self.number + 1 if self._is_full() else self.number
        return divmod(number, self.chunks_size)

    def path(self, place: tuple[int, int]) -> Path:
        """A file's path."""
        return self.root / self.pattern.format(chunk_index=place[0], file_index=place[1])

    def write(self, table: Table, *, sync: bool) -> Path:
        """Writes the last file with `table` in it, or a new one that begins with it."""
        path = self.path(self.place())
        tables = [table] if self._is_full() else [*self.tables, table]
        if self.max_groups is None:
            tables = [pa.concat_tables(tables).combine_chunks()]
        write_whole(path, encode(tables, self.schema, only_statistics_of=self.only_statistics_of), sync=sync)
        return path

    def accept(self, table: Table) -> None:
        """Takes `table` as committed."""
        if self._is_full():
            self.number += 1
            self.tables = []
        self.tables.append(table)
        if self.max_groups is None:
            self.tables = [pa.concat_tables(self.tables).combine_chunks()]

    def _is_full(self) -> bool:
        rows = sum(table.num_rows for table in self.tables)
        groups = self.max_groups is not None and len(self.tables) >= self.max_groups
        return groups or rows * self.row_bytes >= self.max_bytes


def _list_of(item: pa.DataType, length: int = -1) -> pa.DataType:
    return pa.list_(pa.field("element", item), length)


def _is_fixed_list(values: pa.Array) -> bool:
    return pa.types.is_fixed_size_list(values.type)


def _type_of(column: Column) -> pa.DataType:
    if column.dtype == "image":
        return pa.struct([pa.field("bytes", pa.binary()), pa.field("path", pa.string())])
    item = pa.from_numpy_dtype(np.dtype(column.dtype))
    if column.shape == (1,):
        return item
    if len(column.shape) == 1:
        return _list_of(item, column.shape[0])
    for _ in column.shape:
        item = _list_of(item)
    return item


def _to_arrow(column: Column, array: NDArray[Any] | Sequence[bytes]) -> pa.Array:
    if column.dtype == "image":
        files = pa.array(list(array), pa.binary())
        return pa.StructArray.from_arrays([files, pa.nulls(len(files), pa.string())], fields=list(_type_of(column)))
    values = pa.array(np.ascontiguousarray(array).reshape(-1))
    kind = _type_of(column)
    if column.shape == (1,):
        return values
    if len(column.shape) == 1:
        return pa.FixedSizeListArray.from_arrays(values, type=kind)
    for size in reversed(column.shape):
        offsets = np.arange(0, len(values) + 1, size, dtype=np.int32)
        values = pa.ListArray.from_arrays(offsets, values)
    return values.cast(kind)


def _hub_feature(column: Column) -> dict[str, Any]:
    """The column as `datasets` describes it."""
    if column.dtype == "image":
        return {"_type": "Image"}
    value = {"dtype": column.dtype, "_type": "Value"}
    if column.shape == (1,):
        return value
    if len(column.shape) == 1:
        return {"feature": value, "length": column.shape[0], "_type": "List"}
    return {"shape": list(column.shape), "dtype": column.dtype, "_type": f"Array{len(column.shape)}D"}
