"""Rows of a table, read in batches: all of them, those of a part, those with these keys.

How many rows come together depends on the largest of them (`large`). Where one is huge, the rows come one by one, and
their huge values in slices on a second connection that sees the same moment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack

from dbfleet.adapter import BATCH_SIZE, WHOLE, Part
from dbfleet.columns import bounded
from dbfleet.engines.postgres import wire
from dbfleet.engines.postgres.encode import keys_parameter
from dbfleet.engines.postgres.large import HUGE, Slices, largest, rows_at_once
from dbfleet.engines.postgres.session import Session
from dbfleet.engines.postgres.tables import Table, Tables, by_keys, where
from dbfleet.values import Batch, Row, Schema


def scan(session: Session, tables: Tables, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The rows of the part."""
    if schema.native:
        session.as_it_is()
    table = find(session, tables, schema.name)
    condition, values = where(schema, table, part)
    yield from _batches(session, tables, schema, table, condition, values, batch_size)


def get(session: Session, tables: Tables, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    if not schema.key:
        raise session.unsupported(f"{schema.name} has no key to get rows by")
    if schema.native:
        session.as_it_is()
    table = find(session, tables, schema.name)
    columns = [schema.column(name) for name in schema.key]
    for start in range(0, len(keys), BATCH_SIZE):
        asked = keys[start : start + BATCH_SIZE]
        texts = [keys_parameter(column, asked, place) for place, column in enumerate(columns)]
        condition = f" WHERE {by_keys(schema, table)}"
        for batch in _batches(session, tables, schema, table, condition, texts, BATCH_SIZE):
            yield from batch


def find(session: Session, tables: Tables, name: str) -> Table:
    """The table of the collection, with errors of this target. NotFound if it is not there."""
    with session.translated():
        return tables.find(name)


def is_huge(session: Session, schema: Schema, table: Table, condition: str = "", values: Sequence[str] = ()) -> bool:
    """Whether a row has values that the server should not make a text of."""
    return largest(session.rows, schema, table, condition, values) > HUGE


def columns_of(session: Session, tables: Tables, select: str, values: Sequence[object] = ()) -> list[tuple[str, int]]:
    """The names and type OIDs of the columns that a SELECT would give, their types known to the catalog of types."""
    with session.translated():
        columns = wire.describe(session.ready(), select, values)
        tables.types.learn(oid for _, oid in columns)
    return columns


def scan_to_refuse(session: Session, schema: Schema) -> None:
    """Scan the collection for the error that a scan raises, on a connection of its own: this one is in the middle of a
    statement."""
    with ExitStack() as held:
        second = held.enter_context(session.another())
        if session.snapshot_id is not None:
            held.enter_context(second.snapshot(exported=session.snapshot_id))
        for _ in scan(second, Tables(second.rows), schema, WHOLE, BATCH_SIZE):
            pass


def _batches(
    session: Session,
    tables: Tables,
    schema: Schema,
    table: Table,
    condition: str,
    values: Sequence[str],
    batch_size: int,
) -> Iterator[Batch]:
    row_bytes = largest(session.rows, schema, table, condition, values)
    if row_bytes > HUGE and (session.snapshot_id is not None or not session.in_transaction):
        yield from bounded(_in_slices(session, tables, schema, table, condition, values), batch_size)
        return
    at_once = rows_at_once(row_bytes, batch_size)
    select = tables.select(schema, table) + condition
    yield from session.batches(session.start(select, values, batch_size, at_once=at_once, exact=schema.name))


def _in_slices(
    session: Session, tables: Tables, schema: Schema, table: Table, condition: str, values: Sequence[str]
) -> Iterator[Batch]:
    """Row by row; huge values in slices, by a second connection that sees the same moment."""
    slices = Slices(schema, table, tables.expressions(schema, table))
    with ExitStack() as held:
        if session.snapshot_id is None:
            held.enter_context(session.snapshot())
        second = held.enter_context(session.another())
        held.enter_context(second.snapshot(exported=session.snapshot_id))
        for batch in session.batches(session.start(slices.select + condition, values, 1, exact=schema.name)):
            yield [slices.whole(row, second.rows) for row in batch]
