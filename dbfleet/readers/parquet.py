"""Parquet, through pyarrow (the extra `parquet`): the columns of a row group, one batch of rows in memory at a time.

In a dump, each column is read as its type in the schema. In a foreign file, the file's own types decide: lists, structs
and maps are json. A time that needs nanoseconds is refused, because no engine keeps them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, BinaryIO

from dbfleet.adapter import BATCH_SIZE
from dbfleet.dialect import AS_USUAL, Dialect
from dbfleet.errors import UsageError
from dbfleet.readers import Inferred, Reader, Rules, Skip, no_rules
from dbfleet.readers._values import FROM_CELL
from dbfleet.values import Batch, Column, Schema, Type

_ERRORS = (ValueError, KeyError, ArithmeticError, TypeError)


def rows(
    stream: BinaryIO, name: str, schema: Schema, exact: bool, dialect: Dialect = AS_USUAL, rules: Rules = no_rules,
    skip: Skip | None = None,
) -> Iterator[Batch]:  # fmt: skip
    """The rows of a file whose columns are in the schema, in any order; a column that is absent is NULL."""
    file = _opened(stream, name)
    present = file.schema_arrow.names
    for field in present:
        if field not in schema.names:
            raise UsageError(
                f"{name}: {schema.name} has no column {field!r}", hint=f"its columns are: {', '.join(schema.names)}"
            )
    converts = [_CONVERT.get(column.type) for column in schema.columns]
    number = 0
    pa = _arrow()
    try:
        for part in file.iter_batches(batch_size=BATCH_SIZE):
            columns = []
            for column, convert in zip(schema.columns, converts, strict=True):
                if column.name not in present:
                    columns.append([None] * part.num_rows)
                    continue
                values = part.column(column.name).to_pylist()
                try:
                    columns.append([None if v is None else convert(v) for v in values] if convert else values)
                except _ERRORS as error:
                    raise UsageError(
                        f"{name}, rows from {number + 1} on, column {column.name}: {error} is not of type {column.type}"
                    ) from error
            yield list(zip(*columns, strict=True))
            number += part.num_rows
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UsageError(f"{name} is damaged or cannot be read: {error}") from error


def infer(
    stream: BinaryIO, name: str, dialect: Dialect = AS_USUAL, rules: Rules = no_rules, skip: Skip | None = None
) -> Inferred:
    """The columns that the file declares, as types of the closed set. UsageError for one that none of them fits."""
    file = _opened(stream, name)
    types = _arrow().types
    columns = []
    for field in file.schema_arrow:
        kind = next((type_ for check, type_ in _CHECKS if getattr(types, check)(field.type)), None)
        if kind is None:
            raise UsageError(f"{name}: column {field.name} is of {field.type}, which is read as nothing of ours")
        if kind is Type.DATETIME and field.type.tz:
            kind = Type.INSTANT
        precision = scale = None
        if kind is Type.DECIMAL:
            precision, scale = field.type.precision, field.type.scale
        noted = (field.metadata or {}).get(b"dbfleet:type", b"").decode()
        if noted in (Type.UUID, Type.JSON, Type.DECIMAL) and kind is Type.TEXT:
            kind = Type(noted)
        columns.append(Column(field.name, kind, precision=precision, scale=scale))
    return Inferred(tuple(columns), file.metadata.num_rows)


# pyarrow's checks of a type; the first that holds decides.
_CHECKS = (
    ("is_boolean", Type.BOOL),
    ("is_integer", Type.INT),
    ("is_floating", Type.FLOAT),
    ("is_decimal", Type.DECIMAL),
    ("is_string", Type.TEXT),
    ("is_large_string", Type.TEXT),
    ("is_dictionary", Type.TEXT),
    ("is_null", Type.TEXT),
    ("is_binary", Type.BYTES),
    ("is_large_binary", Type.BYTES),
    ("is_fixed_size_binary", Type.BYTES),
    ("is_date", Type.DATE),
    ("is_time", Type.TIME),
    ("is_timestamp", Type.DATETIME),
    ("is_nested", Type.JSON),
)


def _parsed(type_: Type) -> Callable[[Any], Any]:
    from_text = FROM_CELL[type_]
    return lambda value: from_text(value) if type(value) is str else _json(value) if type_ is Type.JSON else value


def _json(value: Any) -> Any:
    """A nested value as JSON data: maps stay lists of pairs, and dates and times become text."""
    if isinstance(value, dict):
        return {key: _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str | Decimal) else str(value)


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(value)
    return value


_CONVERT: dict[Type, Callable[[Any], Any]] = {
    Type.UUID: _parsed(Type.UUID),
    Type.JSON: _parsed(Type.JSON),
    Type.DECIMAL: lambda value: value if isinstance(value, Decimal) else FROM_CELL[Type.DECIMAL](str(value)),
    Type.FLOAT: float,
    Type.TEXT: _text,
    Type.INSTANT: lambda value: FROM_CELL[Type.INSTANT](value.isoformat()),
}


def _arrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("parquet needs the package pyarrow", hint="pip install 'dbfleet[parquet]'") from error
    return pyarrow


def _opened(stream: BinaryIO, name: str) -> Any:
    pa = _arrow()
    try:
        return pa.parquet.ParquetFile(stream)
    except (pa.ArrowException, OSError) as error:
        raise UsageError(f"{name} is no Parquet file: {error}") from error


READER = Reader("parquet", (".parquet",), rows, infer, binary=True)
