"""Rows of a table: all of them or those of a part, those with these keys."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dbfleet.adapter import BATCH_SIZE, Part
from dbfleet.columns import bounded, pieces
from dbfleet.engines.sqlserver import parts
from dbfleet.engines.sqlserver.parts import KEYS_AT_ONCE
from dbfleet.engines.sqlserver.session import Session
from dbfleet.engines.sqlserver.tables import Table
from dbfleet.engines.sqlserver.types import LEXIS, Native
from dbfleet.engines.sqlserver.values import reader
from dbfleet.values import Batch, Row, Schema


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    table = session.table_of(schema)
    columns = ", ".join(table.native(name).select for name in schema.names)
    where = parts.where(schema, table, part)
    yield from _batches(session, schema, table, f"SELECT {columns} FROM {table.sql}{where}", batch_size)


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    table = session.table_of(schema)
    # The carrier's statement calls the table t.
    columns = ", ".join(_of_t(table.native(name)) for name in schema.names)
    carrier = session.carrier(table, [schema.column(name) for name in schema.key], schema)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        for statement in carrier.select(columns, [tuple(key) for key in keys[start : start + KEYS_AT_ONCE]]):
            for batch in _batches(session, schema, table, statement, BATCH_SIZE):
                yield from batch


def _of_t(native: Native) -> str:
    name = LEXIS.quote(native.column.name)
    return native.select.replace(name, f"t.{name}")


def _batches(session: Session, schema: Schema, table: Table, statement: str, batch_size: int) -> Iterator[Batch]:
    read = reader([(table.native(column.name), column) for column in schema.columns])
    with session.translated():
        rows = session.wire.execute(statement)

    def fetch(count: int) -> Batch:
        with session.translated():
            fetched = rows.fetch(count)
            if not fetched:
                rows.following()
        return fetched

    try:
        yield from map(read, bounded(pieces(fetch, batch_size), batch_size))
    finally:
        with session.translated():
            rows.close()
