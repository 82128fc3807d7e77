"""Rows of a table: all of them or those of a part, those with these keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE, Part
from dbfleet.columns import bounded, pieces
from dbfleet.engines.oracle import tables
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.values import bind_type, binder, reader
from dbfleet.errors import Unsupported
from dbfleet.values import Batch, Column, Row, Schema, Type

_LONG: Final = (Type.TEXT, Type.BYTES, Type.JSON)
_SHORT: Final = 255


def find(session: Session, name: str) -> tables.Table:
    """The table of this name, with errors of this target. NotFound if it is not there."""
    with session.translated():
        return tables.find(name, session.rows)


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    table = find(session, schema.name)
    where, values = tables.conditions(schema, part)
    yield from _batches(session, table, schema, table.select(schema) + where, values, batch_size)


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    if not schema.key:
        raise session.ours(Unsupported(f"{schema.name} has no key to get rows by"))
    table = find(session, schema.name)
    for text, values in tables.by_keys(schema, table, keys):
        for batch in _batches(session, table, schema, text, values, BATCH_SIZE):
            yield from batch


def _batches(
    session: Session,
    table: tables.Table,
    schema: Schema,
    text: str,
    values: Sequence[tuple[Column, Any]],
    batch_size: int,
) -> Iterator[Batch]:
    """The rows of the statement, its values bound as what their columns are."""
    read = reader(schema.columns)
    with session.cursor() as cursor:
        # How many rows the driver fetches at once: few where they may be large.
        large = any(column.type in _LONG and (column.length or _SHORT + 1) > _SHORT for column in schema.columns)
        cursor.arraysize = cursor.prefetchrows = 1 if large else batch_size
        with session.working():
            natives = [table.column(column.name) for column, _ in values]
            bound = [
                None if value is None else binder(column, native)(value)
                for (column, value), native in zip(values, natives, strict=True)
            ]
            if values:
                cursor.setinputsizes(
                    *(bind_type(column, native) for (column, _), native in zip(values, natives, strict=True))
                )
            cursor.execute(text, bound)

        def fetch(count: int) -> Batch:
            if large:
                cursor.arraysize = count
            with session.working():
                rows: Batch = cursor.fetchmany(count)
            return rows

        for rows in bounded(pieces(fetch, batch_size), batch_size):
            try:
                batch = read(rows)
            except (ValueError, ArithmeticError, AttributeError, TypeError) as error:
                raise session.ours(
                    Unsupported(f"{schema.name} holds a value that is not of its column's type: {error}")
                ) from error
            yield batch
