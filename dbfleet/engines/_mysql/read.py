"""Rows of a table: all of them, those of a part, those with these keys.

Rows with huge values come last, each alone, and their values in slices (`large`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import BATCH_SIZE, WHOLE, Part
from dbfleet.engines._mysql import large, parts, tables
from dbfleet.engines._mysql.literals import literal
from dbfleet.engines._mysql.parts import KEYS_AT_ONCE, conditions
from dbfleet.engines._mysql.session import Session
from dbfleet.engines._mysql.types import FLOATS, LEXIS, TEXTS, words
from dbfleet.engines._mysql.values import strict
from dbfleet.engines._mysql.wire import RawRow
from dbfleet.values import Batch, Column, Row, Schema, Type

_NATIVELY: Final = (
    "/*M!100100 SET STATEMENT sql_mode = 'ALLOW_INVALID_DATES' FOR */ "
    "SELECT /*+ SET_VAR(sql_mode = 'ALLOW_INVALID_DATES') */"
)
"""The first is for MariaDB, the second for MySQL, in whose own mode 0000-00-00 can be compared with nothing. Nor does a
CHAR have blanks behind it then, as a server's mode may want."""


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    where = conditions(schema, part)
    return (_in_slices if has_huge(session, schema, part) else scan_where)(session, schema, where, batch_size)


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    if not schema.key:
        return
    columns = [schema.column(name) for name in schema.key]
    places = schema.key_indexes
    names = LEXIS.quote_all(schema.key)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        wanted = keys[start : start + KEYS_AT_ONCE]
        rows = ", ".join(
            f"({', '.join(literal(value, column.type) for value, column in zip(key, columns, strict=True))})"
            for key in wanted
        )
        # A table that we did not make may give 'a' where 'A' was asked for: to its collation they are equal.
        exactly = {tuple(key) for key in wanted} if any(each.type is Type.TEXT for each in columns) else None
        where = f" WHERE ({names}) IN ({rows})"
        huge = large.has_huge_among(schema, where, session.rows)
        for batch in (_in_slices if huge else scan_where)(session, schema, where, BATCH_SIZE):
            for row in batch:
                if exactly is None or tuple(row[place] for place in places) in exactly:
                    yield row


def split(session: Session, schema: Schema, count: int) -> Sequence[Part]:
    """At most so many parts of about as many rows each."""
    # To answer with a large row a server needs more than its size, and a small server has no room for two at once.
    if large.first_are_large(schema, session.rows):
        return [WHOLE]
    return parts.split(schema, count, session.rows)


def has_huge(session: Session, schema: Schema, part: Part) -> bool:
    """Whether the part has rows with huge values."""
    # A table with large rows has no ranges: see `split`.
    return not part.keys() & {"from", "below"} and large.has_huge(schema, session.rows)


def select(schema: Schema, where: str = "") -> str:
    """The SELECT of a scan."""
    verb = _NATIVELY if schema.native else "SELECT"
    return f"{verb} {', '.join(_expressions(schema))} FROM {LEXIS.quote(schema.name)}{where}"


def scan_where(session: Session, schema: Schema, where: str, batch_size: int) -> Iterator[Batch]:
    """The rows that a WHERE chooses, of which none has huge values."""
    wire = session.live()
    with session.translated():
        wire.execute(select(schema, where))
    with session.reading():
        rows = strict(schema.columns, wire.fields, schema.name)
        while raw := session.fetch(batch_size):
            yield rows(raw)


def rendered(session: Session, statement: str, render: Callable[[list[RawRow]], bytes]) -> Iterator[bytes]:
    """What `render` makes of the raw rows of a statement."""
    wire = session.live()
    with session.translated():
        wire.execute(statement)
    with session.reading():
        while rows := session.fetch(BATCH_SIZE):
            yield render(rows)


def _in_slices(session: Session, schema: Schema, where: str, batch_size: int) -> Iterator[Batch]:
    """As `scan_where`, the rows with huge values last, of the same moment."""
    wire = session.live()
    folding = tables.folding(session.rows, schema)
    slices = large.Slices(schema, _expressions(schema), where)
    lacking: list[RawRow] = []
    with session.one_moment():
        with session.translated():
            wire.execute(slices.select)
        with session.reading():
            read = strict(schema.columns, wire.fields[: len(schema.columns)], schema.name)
            while raw := session.fetch(batch_size):
                whole, incomplete = slices.apart(raw)
                lacking += incomplete
                if whole:
                    yield read(whole)
        with session.translated():
            yield from slices.whole(wire, lacking, read, folding)


def _expressions(schema: Schema) -> list[str]:
    return [*map(native_expression if schema.native else _expression, schema.columns)]


def _expression(column: Column) -> str:
    """What a scan selects for a column: itself, unless the wire would cut it short."""
    name = LEXIS.quote(column.name)
    kind = words(column.native or "")[0]
    if column.type is Type.FLOAT and kind != "double":
        return f"CAST({name} AS DOUBLE)"  # a FLOAT is sent with 6 digits and holds 9
    return name


def native_expression(column: Column) -> str:
    """What a scan selects for a column of a native schema (see `native.values`): itself, unless the server would spell
    it in more than one way."""
    name, native = LEXIS.quote(column.name), column.native or ""
    kind, arguments = words(native)
    if kind in FLOATS and (kind == "float" or arguments):
        return f"CAST({name} AS DOUBLE)"
    if "zerofill" in native or kind == "bit" or (kind == "enum" and column.type is Type.INT):
        return f"{name} + 0"
    if kind in TEXTS and column.type is Type.BYTES:
        return f"CAST({name} AS BINARY)"
    return name
