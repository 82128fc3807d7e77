"""Rows stored and removed, in one transaction each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dbfleet.adapter import WriteMode, Written
from dbfleet.engines.sqlserver.encode import refuse_unlike
from dbfleet.engines.sqlserver.parts import KEYS_AT_ONCE
from dbfleet.engines.sqlserver.session import Session
from dbfleet.values import Batch, Row, Schema


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode) -> Written:
    """Store the rows: all of them, or none."""
    table = session.table_of(schema)
    written = Written()
    with session.translated():
        # What the server computes is not written.
        kept = [place for place, name in enumerate(schema.names) if not table.native(name).computed]
        carrier = session.carrier(table, [schema.columns[place] for place in kept], schema)
        upserting = mode == "upsert" and bool(schema.key)
        statements = carrier.upsert if upserting else carrier.insert
        with session.transaction(), session.own_identities(table, schema):
            for batch in batches:
                rows = batch
                if len(kept) < len(schema.columns):
                    rows = [tuple(row[place] for place in kept) for row in batch]
                for statement in carrier.unlike(rows) if upserting else ():
                    refuse_unlike(table, session.wire.rows(statement))
                for statement in statements(rows):
                    session.wire.run(statement)
                written.rows += len(batch)
    return written


def delete(session: Session, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were."""
    table = session.table_of(schema)
    carrier = session.carrier(table, [schema.column(name) for name in schema.key], schema)
    removed = 0
    with session.translated(), session.transaction():
        for start in range(0, len(keys), KEYS_AT_ONCE):
            for statement in carrier.delete([tuple(key) for key in keys[start : start + KEYS_AT_ONCE]]):
                removed += session.wire.run(statement) or 0
    return removed
