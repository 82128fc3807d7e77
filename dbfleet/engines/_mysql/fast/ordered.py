"""The rows of a table as lines in the order of their key, for comparing them as bytes (the ability Ordered).

The server makes the texts that PostgreSQL's COPY makes: it cuts trailing zeros of a second's fraction. Here bytes
become hex, and text and json are searched for what must be escaped, a whole column of a batch at a time. A key of text
is ordered by its bytes, which needs a sort: no other engine has the order of its collation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from dbfleet.adapter import WHOLE
from dbfleet.engines._mysql.read import has_huge, rendered
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import INTEGERS, LEXIS, TEXTS, Native
from dbfleet.engines._mysql.wire import RawRow
from dbfleet.lines import NULL, bytes_cell, escape, joined, needs_escapes
from dbfleet.narrow import single
from dbfleet.values import Column, Schema, Type

KINDS: Final[Mapping[Type, frozenset[str]]] = {
    Type.BOOL: frozenset({"tinyint"}),
    Type.INT: INTEGERS,
    Type.DECIMAL: TEXTS | {"decimal", "numeric", "bigint"},
    Type.FLOAT: frozenset({"float", "double", "real"}),
    Type.TEXT: TEXTS | {"enum", "set"},
    Type.BYTES: frozenset({"binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"}),
    Type.DATE: frozenset({"date"}),
    Type.TIME: frozenset({"time"}),
    Type.DATETIME: frozenset({"datetime"}),
    Type.INSTANT: frozenset({"datetime", "timestamp"}),
    Type.UUID: frozenset({"char", "varchar", "uuid"}),
    Type.JSON: frozenset({"json", "longtext"}),
}
"""The native types whose texts we know, by the type that they carry."""


def chunks(session: Session, schema: Schema) -> Iterator[bytes] | None:
    """All rows in the order of their key; None where we do not know its order, or a value is huge."""
    text = statement(schema, session.natives(schema.name))
    if text is None or has_huge(session, schema, WHOLE):
        return None
    return rendered(session, text, lines(schema))


def statement(schema: Schema, natives: Mapping[str, Native]) -> str | None:
    """The SELECT; None where a column is stored in another way, or the key has another order; and of native values,
    whose texts are no other engine's."""
    if schema.native:
        return None
    order = []
    for name in schema.key:
        native, type_ = natives[name], schema.column(name).type
        if type_ is Type.TEXT and native.kind in TEXTS:
            order.append(f"CAST({LEXIS.quote(name)} AS BINARY)")
        elif type_ is Type.UUID:
            order.append(f"CAST(CAST({LEXIS.quote(name)} AS CHAR) AS BINARY)")
        elif type_ in (Type.INT, Type.DATE):
            order.append(LEXIS.quote(name))
        else:
            return None
    selected = cells(schema, natives)
    if not order or selected is None:
        return None
    return f"SELECT {', '.join(selected)} FROM {LEXIS.quote(schema.name)} ORDER BY {', '.join(order)}"


def cells(schema: Schema, natives: Mapping[str, Native]) -> list[str] | None:
    """The expression of each column's cell; None where one is stored in another way."""
    if any(natives[column.name].kind not in KINDS[column.type] for column in schema.columns):
        return None
    return [_cell(column, natives[column.name], LEXIS.quote(column.name)) for column in schema.columns]


def _cell(column: Column, native: Native, name: str) -> str:
    type_ = column.type
    if type_ is Type.BOOL:
        return f"CASE {name} WHEN 1 THEN 't' WHEN 0 THEN 'f' ELSE {name} END"
    if type_ is Type.FLOAT and native.kind == "float":
        return f"CAST({name} AS DOUBLE)"
    if type_ in (Type.TIME, Type.DATETIME, Type.INSTANT):
        if native.arguments not in ("", "0"):
            digits = column.fraction_digits
            if type_ is not Type.TIME and digits is not None and digits < int(native.arguments):
                name = f"LEFT({name}, {20 + digits if digits else 19})"  # what is compared more coarsely
            name = f"TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {name}))"
        return f"CONCAT({name}, '+00')" if type_ is Type.INSTANT else name
    return name


def is_single(column: Column) -> bool:
    """Whether the column is a FLOAT, of 32 bits."""
    return column.type is Type.FLOAT and (column.native or "").startswith("float")


def lines(schema: Schema) -> Callable[[Sequence[RawRow]], bytes]:
    """A function that makes lines of raw rows of that SELECT. Cells behind those of the schema are left out."""
    escaped = [column.type in (Type.TEXT, Type.JSON) for column in schema.columns]
    data = [place for place, column in enumerate(schema.columns) if column.type is Type.BYTES]
    singles = [place for place, column in enumerate(schema.columns) if is_single(column)]

    def make(rows: Sequence[RawRow]) -> bytes:
        cells = [
            _filled(values, may_need_escapes)
            for values, may_need_escapes in zip(zip(*rows, strict=True), escaped, strict=False)
        ]
        for place in data:
            # Not by the server's HEX: what a function gives is NULL where it is longer than a packet.
            cells[place] = [NULL if (value := row[place]) is None else bytes_cell(value) for row in rows]
        for place in singles:
            cells[place] = [value if value == NULL else b"%r" % single(float(value)) for value in cells[place]]
        return joined(cells)

    return make


def _filled(values: Sequence[bytes | None], may_need_escapes: bool) -> Sequence[bytes]:
    nulls = None in values
    if may_need_escapes:
        together = b"".join([value for value in values if value is not None] if nulls else values)  # type: ignore[arg-type]
        if needs_escapes(together):  # most columns hold nothing to escape
            return [NULL if value is None else escape(value) for value in values]
    if nulls:
        return [NULL if value is None else value for value in values]
    return values  # type: ignore[return-value]
