"""Rows of a table: all of them or those of a part, those with these keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE, Part
from dbfleet.columns import bounded, pieces
from dbfleet.engines.oracle import tables
from dbfleet.engines.oracle.native.values import as_it_is
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.values import bind_type, binders, reader
from dbfleet.errors import Unsupported
from dbfleet.values import Batch, Column, Row, Schema, Type

_LONG: Final = (Type.TEXT, Type.BYTES, Type.JSON)
_SHORT: Final = 255


def find(session: Session, name: str) -> tables.Table:
    """The table of this name, with errors of this target. NotFound if it is not there."""
    with session.translated():
        return tables.find(name, session.rows)


def of(session: Session, schema: Schema) -> tables.Table:
    """The schema's table, natively where the schema is."""
    table = find(session, schema.name)
    return as_it_is(table) if schema.native else table


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    table = of(session, schema)
    where, values = tables.conditions(schema, table, part)
    yield from _batches(session, table, schema, table.select(schema) + where, values, batch_size)


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    if not schema.key:
        raise session.ours(Unsupported(f"{schema.name} has no key to get rows by"))
    table = of(session, schema)
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
    emptiable = table.emptiable(schema)
    with session.cursor() as cursor:
        # How many rows the driver fetches at once: few where they may be large.
        large = any(column.type in _LONG and (column.length or _SHORT + 1) > _SHORT for column in schema.columns)
        cursor.arraysize = cursor.prefetchrows = 1 if large else batch_size
        with session.working():
            natives = [table.column(column.name) for column, _ in values]
            bound = [
                None if value is None else binders(column, native)[0](value)
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
            return _with_empty(schema, emptiable, rows) if emptiable else rows

        for rows in bounded(pieces(fetch, batch_size), batch_size):
            try:
                batch = read(rows)
            except (ValueError, ArithmeticError, AttributeError, TypeError) as error:
                raise session.ours(
                    Unsupported(f"{schema.name} holds a value that is not of its column's type: {error}")
                ) from error
            yield batch


def _with_empty(schema: Schema, places: Sequence[int], rows: Batch) -> Batch:
    """The rows without what says which of their LOBs are empty, these with their empty value."""
    width = len(schema.columns)
    nothing = (None,) * len(places)
    found = []
    for row in rows:
        values, said = row[:width], row[width:]
        if said != nothing:
            filled = list(values)
            for place, empty in zip(places, said, strict=True):
                if empty:
                    filled[place] = b"" if schema.columns[place].type is Type.BYTES else ""
            values = tuple(filled)
        found.append(values)
    return found
