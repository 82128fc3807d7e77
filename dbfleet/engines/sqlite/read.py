"""Rows of a table: all of them or those of a part, those with these keys; and the parts themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES, WHOLE, Part
from dbfleet.engines.sqlite.native.values import STORED, BrokenText, Stored, rowid
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.tables import count, select
from dbfleet.engines.sqlite.types import affinity, parse_declared, quote, quoted
from dbfleet.engines.sqlite.values import fetcher, stored_as, storer
from dbfleet.errors import StatementError
from dbfleet.sql import conditions as sql_conditions
from dbfleet.sql import ranges
from dbfleet.values import Batch, Column, Row, Schema, Type

_SMALL: Final = (Type.BOOL, Type.INT, Type.FLOAT, Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT, Type.UUID)
"""Types whose values are never large."""


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    if schema.native and all(column.note == STORED or column.type is Type.INT for column in schema.columns):
        yield from _scan_stored(session, schema, part, batch_size)
        return
    where, values = where_of(schema, part)
    fetch = fetcher(schema, session.forms(schema.name))
    large = _largest(session, schema, where, values) * batch_size > BATCH_BYTES
    for rows in session.pages(select(schema) + where, values, batch_size, large=large):
        yield fetch(rows)


def where_of(schema: Schema, part: Part) -> tuple[str, list[Any]]:
    """The WHERE clause of the part, and the values to bind."""
    ranged, values = ranges.clause(part, quoted(schema.key), ", ".join("?" * len(schema.key)))
    stores = [stored_as(column, None) if column.note == STORED else None for column in map(schema.column, schema.key)]
    bound = [store(value) if store else value for store, value in zip(cycle(stores), values, strict=False)]
    return sql_conditions.where(ranged, part), bound


_BROKEN: Final = "Could not decode to UTF-8"


def _scan_stored(session: Session, schema: Schema, part: Part, size: int) -> Iterator[Batch]:
    """The rows as they are stored, with their rowids where these are no column."""
    where, values = where_of(schema, part)
    word = rowid(session.rows, schema.name)
    first = [word] if word else []
    look = fetcher(schema, {})
    large = _largest(session, schema, where, values) * size > BATCH_BYTES
    done, moment = 0, session.moment()
    statement = f"SELECT {', '.join([*first, *_columns(schema)])} FROM {quote(schema.name)}{where}"
    try:
        for rows in session.pages(statement, values, size, large=large):
            done += len(rows)
            yield Stored(rows, look, rowid=bool(word), broken=False)
        return
    except StatementError as error:
        if not error.message.startswith(_BROKEN) or session.rows("PRAGMA encoding") != [("UTF-8",)]:
            raise
        if not session.connection.in_transaction and session.moment() != moment:
            raise  # the rows that came before may not be the first ones any longer
    statement = (
        f"SELECT {', '.join([*first, _by_bytes(schema)])} FROM {quote(schema.name)}{where} LIMIT -1 OFFSET {done}"
    )
    for rows in session.pages(statement, values, size, large=large):
        yield Stored([_texts(row, len(first)) for row in rows], look, rowid=bool(word), broken=True)


def _by_bytes(schema: Schema) -> str:
    """Of each column whether it holds a text, and the value, a text by its bytes."""
    return ", ".join(
        f"typeof({name}) = 'text', CASE typeof({name}) WHEN 'text' THEN CAST({name} AS BLOB) ELSE {name} END"
        for name in _columns(schema)
    )


def _columns(schema: Schema) -> list[str]:
    """The columns behind their table: SQLite takes a name in double quotes that is no column's for a text."""
    return [f"{quote(schema.name)}.{quote(name)}" for name in schema.names]


def _texts(row: Row, first: int) -> Row:
    """The row of values behind whether each is a text, which is given by its bytes."""
    values = zip(row[first::2], row[first + 1 :: 2], strict=True)
    return (*row[:first], *(_text(value) if is_text else value for is_text, value in values))


def _text(value: bytes) -> str | BrokenText:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return BrokenText(value)


def _largest(session: Session, schema: Schema, where: str, values: Sequence[Any]) -> int:
    """The characters and bytes that a row has at most, without those of small values. SQLite tells in one pass, which
    takes a small part of the scan's own time."""
    ((all_bytes,),) = session.rows("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    names = [quote(column.name) for column in schema.columns if not _small(column)]
    if all_bytes <= BATCH_BYTES or not names:
        return 0
    lengths = ", ".join(f"coalesce(max(length({name})), 0)" for name in names)
    return int(sum(session.rows(f"SELECT {lengths} FROM {quote(schema.name)}{where}", values)[0]))


def _small(column: Column) -> bool:
    if column.note == STORED:  # a large text in a column of numbers is none that anybody reckons with
        return affinity(parse_declared(column.native or "")[0]) in (Type.INT, Type.FLOAT, Type.DECIMAL)
    return column.type in _SMALL


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
    statement = f"{select(schema)} WHERE {where}"
    by_bytes = schema.native and session.rows("PRAGMA encoding") == [("UTF-8",)]
    if by_bytes:
        statement = f"SELECT {_by_bytes(schema)} FROM {quote(schema.name)} WHERE {where}"
    forms = {} if schema.native else session.forms(schema.name)
    fetch = fetcher(schema, forms)
    store = storer(schema.name, [schema.column(name) for name in schema.key], forms)
    for key in store(list(keys)):
        rows = session.rows(statement, key)
        yield from fetch([_texts(row, 0) for row in rows] if by_bytes else rows)


def split(session: Session, schema: Schema, parts: int) -> Sequence[Part]:
    """Parts by ranges of the key, of about as many rows each."""
    if not schema.key or parts < 2:
        return [WHOLE]
    rows = count(session.rows, schema.name)
    order = quoted(schema.key)
    bounds: list[Row] = []
    key = Schema(schema.name, tuple(map(schema.column, schema.key)))
    look = fetcher(key, {}) if any(column.note == STORED for column in key.columns) else list
    for offset in ranges.offsets(rows, parts):
        statement = f"SELECT {order} FROM {quote(schema.name)} ORDER BY {order} LIMIT 1 OFFSET ?"
        bounds += look(session.rows(statement, (offset,)))
    if any(isinstance(value, bytes) for bound in bounds for value in bound):
        return [WHOLE]
    return ranges.parts(bounds)
