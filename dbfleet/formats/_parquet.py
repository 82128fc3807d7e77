"""Rows of a schema as Parquet, through pyarrow (the extra `parquet`).

Bool, int, float, text, bytes, date, time, datetime (microseconds) and instant (in UTC) have types of their own in
Parquet, and so have decimals whose digits are declared, up to 38. Other decimals, uuid and json (canonical) are carried
as text; the field's metadata says so in `dbfleet:note`. Our type of every column is in `dbfleet:type`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

from dbfleet.errors import Unsupported, UsageError
from dbfleet.values import TEXT_OF, Batch, Column, Schema, Type

_ROWS_A_GROUP: Final = 20_000
"""Larger groups compress hardly better, and 20,000 wide rows are about 50 MB of Python objects."""
_DECIMAL_DIGITS: Final = 38


def arrow() -> Any:
    """The module pyarrow. UsageError, with what to install, where it is missing."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError("parquet needs the package pyarrow", hint="pip install 'dbfleet[parquet]'") from error
    return pyarrow


def encode(schema: Schema, batches: Iterable[Batch]) -> Iterator[bytes]:
    """The bytes of one Parquet file, a chunk for each row group that is complete."""
    pa = arrow()
    fields = [_field(pa, column) for column in schema.columns]
    converts = [_convert(column) for column in schema.columns]
    shape = pa.schema(fields)
    sink = _Sink()
    with pa.parquet.ParquetWriter(sink, shape, compression="zstd") as writer:
        for rows in _groups(batches):
            arrays = []
            for column, field, convert, values in zip(
                schema.columns, fields, converts, zip(*rows, strict=True), strict=True
            ):
                plain = [None if v is None else convert(v) for v in values] if convert else values
                try:
                    arrays.append(pa.array(plain, field.type))
                except (pa.ArrowException, OverflowError, ValueError) as error:
                    raise Unsupported(
                        f"{schema.name}.{column.name} holds a value that Parquet's {field.type} does not: {error}",
                        hint="jsonl and csv keep every value",
                    ) from error
            writer.write_table(pa.table(arrays, schema=shape), row_group_size=_ROWS_A_GROUP)
            yield sink.taken()
    yield sink.taken()


class _Sink:
    """The file into which pyarrow writes."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: Any) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None: ...

    def close(self) -> None: ...

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return False

    def seekable(self) -> bool:
        return False

    def taken(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


def _groups(batches: Iterable[Batch]) -> Iterator[Batch]:
    rows: Batch = []
    for batch in batches:
        rows += batch
        if len(rows) >= _ROWS_A_GROUP:
            yield rows
            rows = []
    if rows:
        yield rows


def _field(pa: Any, column: Column) -> Any:
    plain: dict[Type, Callable[[], Any]] = {
        Type.BOOL: pa.bool_,
        Type.INT: pa.int64,
        Type.FLOAT: pa.float64,
        Type.BYTES: pa.binary,
        Type.DATE: pa.date32,
        Type.TIME: lambda: pa.time64("us"),
        Type.DATETIME: lambda: pa.timestamp("us"),
        Type.INSTANT: lambda: pa.timestamp("us", tz="UTC"),
    }
    metadata = {"dbfleet:type": column.type.value}
    if column.type is Type.DECIMAL and _declared(column):
        kind = pa.decimal128(column.precision, column.scale)
    elif column.type in plain:
        kind = plain[column.type]()
    else:
        kind = pa.string()
        if column.type is not Type.TEXT:
            metadata["dbfleet:note"] = f"{column.type}, as text"
    return pa.field(column.name, kind, nullable=column.nullable, metadata=metadata)


def _convert(column: Column) -> Callable[[Any], Any] | None:
    if column.type in (Type.UUID, Type.JSON) or (column.type is Type.DECIMAL and not _declared(column)):
        return TEXT_OF[column.type]
    return None


def _declared(column: Column) -> bool:
    return column.precision is not None and column.scale is not None and column.precision <= _DECIMAL_DIGITS
