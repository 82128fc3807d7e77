"""Between the wire's text and Python's values, a whole column of a batch at a time.

A batch of raw rows is turned on its side, and each column is converted by calls that stay in C as far as they go: the
texts of a column are decoded in one piece (joined by NUL, where none of them holds one), then `map`ped. The driver's
own conversion is slower and worse: it makes None of 0000-00-00, and a set of a SET.

Reading is strict in a scan (a value that its type cannot hold is refused with the column's name) and lenient in a query
(such a value stays the server's own text).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID, SafeUUID

from dbfleet.engines._mysql_geometry import geometry_text
from dbfleet.engines._mysql_wire import BINARY_CHARSET, Field, RawRow
from dbfleet.errors import Unsupported
from dbfleet.values import Batch, Column, Type, loads_json

Raw = Sequence[bytes | None]
Texts = Sequence[str | None]
Read = Callable[[Raw], Sequence[Any]]

# The protocol's numbers of types.
DECIMAL, TINY, FLOAT, DOUBLE, NULL, TIMESTAMP, DATE, TIME, DATETIME, YEAR, BIT = 0, 1, 4, 5, 6, 7, 10, 11, 12, 13, 16
VECTOR, JSON, NEW_DECIMAL, BLOB, VAR_STRING, STRING, GEOMETRY = 242, 245, 246, 252, 253, 254, 255
INTEGERS: Final = frozenset({1, 2, 3, 8, 9, YEAR})
_WIRE_TYPES: Final = {
    **dict.fromkeys(INTEGERS, Type.INT),
    **dict.fromkeys((DECIMAL, NEW_DECIMAL), Type.DECIMAL),
    **dict.fromkeys((FLOAT, DOUBLE), Type.FLOAT),
    DATE: Type.DATE,
    TIME: Type.TIME,
    DATETIME: Type.DATETIME,
    TIMESTAMP: Type.INSTANT,
    BIT: Type.INT,
    JSON: Type.JSON,
}
WIRE_NAMES: Final = {
    0: "decimal", 1: "tinyint", 2: "smallint", 3: "int", 4: "float", 5: "double", 6: "null", 7: "timestamp",
    8: "bigint", 9: "mediumint", 10: "date", 11: "time", 12: "datetime", 13: "year", 16: "bit", 242: "vector",
    245: "json", 246: "decimal", 247: "enum", 248: "set", 249: "tinyblob", 250: "mediumblob", 251: "longblob",
    252: "blob", 253: "varchar", 254: "char", 255: "geometry",
}  # fmt: skip


def wire_type(field: Field) -> Type | None:
    """The type of a result column as far as the wire tells."""
    if found := _WIRE_TYPES.get(field.kind):
        return found
    if field.kind in (NULL, GEOMETRY):
        return None
    return Type.BYTES if field.charset == BINARY_CHARSET else Type.TEXT


# --- reading --------------------------------------------------------------------------------------------------------


def texts(values: Raw) -> Texts:
    """The column, decoded."""
    try:
        joined = b"\0".join(values)  # type: ignore[arg-type]
    except TypeError:
        return [None if value is None else value.decode() for value in values]
    if joined.count(b"\0") == len(values) - 1:
        return joined.decode().split("\0")
    return [value.decode() for value in values]  # type: ignore[union-attr]


def _each(convert: Callable[[str], Any]) -> Read:
    """A reader that converts every text; `convert` raises TypeError for None."""

    def read(values: Raw) -> Sequence[Any]:
        found = texts(values)
        try:
            return list(map(convert, found))  # type: ignore[arg-type]
        except TypeError:
            return [None if text is None else convert(text) for text in found]

    return read


_new, _set = object.__new__, object.__setattr__


def _uuid(text: str) -> UUID:
    # 0.5 µs where UUID() takes 1.3: its __init__ tries six forms.
    if len(text) != 36:
        return UUID(text)
    found = _new(UUID)
    _set(found, "int", int(text.replace("-", ""), 16))
    _set(found, "is_safe", SafeUUID.unknown)
    return found


def _bits(values: Raw) -> Sequence[Any]:
    return [None if value is None else int.from_bytes(value) for value in values]


def _bit(values: Raw) -> Sequence[Any]:
    return [None if value is None else value != b"\0" for value in values]


_BOOLS: Final = {b"0": False, b"1": True, None: None}


def _bools(values: Raw) -> Sequence[Any]:
    try:
        return list(map(_BOOLS.__getitem__, values))
    except KeyError:
        raise ValueError("no bool") from None


_READ: Final[dict[Type, Read]] = {
    Type.BOOL: _bools,
    Type.INT: _each(int),
    Type.DECIMAL: _each(Decimal),
    Type.FLOAT: _each(float),
    Type.TEXT: texts,
    Type.BYTES: lambda values: values,
    Type.DATE: _each(date.fromisoformat),
    Type.TIME: _each(clock_time.fromisoformat),
    Type.DATETIME: _each(datetime.fromisoformat),
    Type.INSTANT: _each(lambda text: datetime.fromisoformat(text + "+00:00")),
    Type.UUID: _each(_uuid),
    Type.JSON: _each(loads_json),
}
_NO_VALUE: Final = (ValueError, ArithmeticError, KeyError, AttributeError, RecursionError)


def reader(type_: Type | None, field: Field) -> Read:
    """How values of this result column are read as this type; raises one of `_NO_VALUE` for text that is none."""
    if field.kind == BIT:
        return _bit if type_ is Type.BOOL else _bits
    if field.kind == GEOMETRY:
        return lambda values: [None if value is None else geometry_text(value) for value in values]
    if field.kind == VECTOR and type_ is Type.TEXT:
        return lambda values: [None if value is None else _vector_text(value) for value in values]
    return _READ[type_] if type_ else texts


@contextmanager
def refusing(columns: Sequence[Column], fields: Sequence[Field], raw: list[RawRow], collection: str) -> Iterator[None]:
    """While the raw rows are read: Unsupported, by its column's name, for a value that its type cannot hold."""
    try:
        yield
    except _NO_VALUE as exc:
        plan = [reader(column.type, field) for column, field in zip(columns, fields, strict=True)]
        raise _culprit(columns, plan, raw, collection) or exc from exc


def strict(columns: Sequence[Column], fields: Sequence[Field], collection: str) -> Callable[[list[RawRow]], Batch]:
    """A function from raw rows to rows of these columns; Unsupported for a value that its type cannot hold."""
    plan = [reader(column.type, field) for column, field in zip(columns, fields, strict=True)]

    def rows(raw: list[RawRow]) -> Batch:
        with refusing(columns, fields, raw, collection):
            return list(
                zip(*[read(values) for read, values in zip(plan, zip(*raw, strict=True), strict=True)], strict=True)
            )

    return rows


def _culprit(columns: Sequence[Column], plan: Sequence[Read], raw: list[RawRow], collection: str) -> Unsupported | None:
    for row in raw:
        for column, read, value in zip(columns, plan, row, strict=True):
            try:
                read([value])
            except _NO_VALUE:
                shown = (value or b"").decode("utf-8", "backslashreplace")[:60]
                return Unsupported(
                    f"{collection}.{column.name} ({column.native or column.type}) holds {shown!r}, which is no "
                    f"{column.type.value}",
                    hint="change the value, or read a view that casts the column to char",
                )
    return None


def lenient(types: Sequence[Type | None], fields: Sequence[Field]) -> Callable[[list[RawRow]], Batch]:
    """A function from raw rows to rows of these types, where a value that is none stays text."""
    plan = [_tolerant(reader(type_, field)) for type_, field in zip(types, fields, strict=True)]

    def rows(raw: list[RawRow]) -> Batch:
        return list(
            zip(*[read(values) for read, values in zip(plan, zip(*raw, strict=True), strict=True)], strict=True)
        )

    return rows


def _tolerant(read: Read) -> Read:
    def column(values: Raw) -> Sequence[Any]:
        try:
            return read(values)
        except _NO_VALUE:
            return [tolerated(read, value) for value in values]

    return column


def tolerated(read: Read, value: bytes | None) -> Any:
    """One value; what is none is an int if it looks like one (5 in a tinyint(1)), else the server's own text."""
    try:
        return read([value])[0]
    except _NO_VALUE:
        text = (value or b"").decode("utf-8", "backslashreplace")
        return int(text) if re.fullmatch(r"-?\d+", text) else text


def _vector_text(value: bytes) -> str:
    return "[" + ",".join(f"{number:.9g}" for (number,) in struct.iter_unpack("<f", value)) + "]"
