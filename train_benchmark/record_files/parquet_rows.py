"""Parquet files: atomic writes, and reads that check the schema."""

from collections.abc import Collection, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pyarrow as pa
import pyarrow.parquet as pq

from graph_encoding.common.atomic_files import atomic_file
from graph_encoding.common.errors import UserError, unreadable

_ARROW_TYPES = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}


def schema_of(kind: type[Any], **other_types: pa.DataType) -> pa.Schema:
    """The columns of a dataclass's rows: one per field, of the annotated type.

    Args:
        kind: the dataclass.
        other_types: types of columns that differ from the annotation.
    """
    found = {field.name: _arrow_type(field.type) for field in fields(kind)}
    return pa.schema(list((found | other_types).items()))


def _arrow_type(annotation: Any) -> pa.DataType:
    arguments = get_args(annotation)
    if get_origin(annotation) is tuple:
        return pa.list_(_arrow_type(arguments[0]))
    if get_origin(annotation) is Literal:
        return pa.string()
    # The first argument of `float | None` and of an `Annotated` type is the type itself.
    return _ARROW_TYPES[arguments[0] if arguments else annotation]


def write_parquet(rows: pa.Table, path: Path) -> None:
    """Write one file, whole or not at all."""
    with atomic_file(path) as scratch, scratch.open("wb") as file:
        pq.write_table(rows, file, compression="zstd")


def read_parquet(
    path: Path,
    what: str,
    schemas: Sequence[pa.Schema],
    nullable: Collection[str],
    columns: Sequence[str] = (),
) -> pa.Table:
    """Read the rows of one file.

    Args:
        path: the file.
        what: name of the content for messages, such as "records".
        schemas: alternative schemas; the file must have one of them.
        nullable: columns that may contain null.
        columns: which columns to read; all if empty.

    Raises:
        UserError: if the file cannot be read, has another schema, contains null in a column that
            must not, or has a text that is not UTF-8.
    """
    with unreadable(f"{what} {path} must be a Parquet file", "copy it or make it again"):
        # Not `read_table`, which imports pyarrow's data sets: a tenth of a second.
        with pq.ParquetFile(path) as file:
            found = file.schema_arrow
            known = any(found.equals(schema) for schema in schemas)
            rows = file.read(columns=list(columns) or None) if known else None
        if rows is not None:
            rows.validate(full=True)
    if rows is None:
        raise UserError(
            f"{what} {path} must have the columns {_described(schemas[0])}, but have "
            f"{_described(found)}; use the nasasr version that wrote them, or make them again"
        )
    for name in rows.schema.names:
        if name not in nullable and rows[name].null_count:
            raise UserError(
                f"{what} {path} must have a value in each row of {name!r}, but "
                f"{rows[name].null_count} have none; copy or make them again"
            )
    return rows


def _described(schema: pa.Schema) -> str:
    return ", ".join(f"{field.name} ({field.type})" for field in schema)
