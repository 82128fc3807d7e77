"""Rows of a table: all of them or those of a part, those with these keys; and the parts themselves."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES, WHOLE, Part
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.tables import count, select
from dbfleet.engines.sqlite.types import quote, quoted
from dbfleet.engines.sqlite.values import fetcher, storer
from dbfleet.sql import conditions as sql_conditions
from dbfleet.sql import ranges
from dbfleet.values import Batch, Row, Schema, Type

_SMALL: Final = (Type.BOOL, Type.INT, Type.FLOAT, Type.DATE, Type.TIME, Type.DATETIME, Type.INSTANT, Type.UUID)
"""Types whose values are never large."""


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    marks = ", ".join("?" * len(schema.key))
    ranged, values = ranges.clause(part, quoted(schema.key), marks)
    where = sql_conditions.where(ranged, part)
    fetch = fetcher(schema, session.forms(schema.name))
    large = _largest(session, schema, where, values) * batch_size > BATCH_BYTES
    for rows in session.pages(select(schema) + where, values, batch_size, large=large):
        yield fetch(rows)


def _largest(session: Session, schema: Schema, where: str, values: Sequence[Any]) -> int:
    """The characters and bytes that a row has at most, without those of small values. SQLite tells in one pass, which
    takes a small part of the scan's own time."""
    ((all_bytes,),) = session.rows("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
    names = [quote(column.name) for column in schema.columns if column.type not in _SMALL]
    if all_bytes <= BATCH_BYTES or not names:
        return 0
    lengths = ", ".join(f"coalesce(max(length({name})), 0)" for name in names)
    return int(sum(session.rows(f"SELECT {lengths} FROM {quote(schema.name)}{where}", values)[0]))


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
    statement = f"{select(schema)} WHERE {where}"
    forms = session.forms(schema.name)
    fetch = fetcher(schema, forms)
    store = storer(schema.name, [schema.column(name) for name in schema.key], forms)
    for key in store(list(keys)):
        yield from fetch(session.rows(statement, key))


def split(session: Session, schema: Schema, parts: int) -> Sequence[Part]:
    """Parts by ranges of the key, of about as many rows each."""
    if not schema.key or parts < 2:
        return [WHOLE]
    rows = count(session.rows, schema.name)
    order = quoted(schema.key)
    bounds: list[Row] = []
    for offset in ranges.offsets(rows, parts):
        statement = f"SELECT {order} FROM {quote(schema.name)} ORDER BY {order} LIMIT 1 OFFSET ?"
        bounds += session.rows(statement, (offset,))
    if any(isinstance(value, bytes) for bound in bounds for value in bound):
        return [WHOLE]
    return ranges.parts(bounds)
