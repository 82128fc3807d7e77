"""Rows to a table, in one transaction, and rows removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from dbfleet.adapter import WriteMode, Written
from dbfleet.columns import shortened
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.types import quote, quoted
from dbfleet.engines.sqlite.values import half_a_pair, storer
from dbfleet.values import Batch, Row, Schema


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode) -> Written:
    """Store the rows: all of them, or none."""
    marks = ", ".join("?" * len(schema.columns))
    statement = f"INSERT INTO {quote(schema.name)} ({quoted(schema.names)}) VALUES ({marks})"
    if mode == "upsert" and schema.key:
        others = [name for name in schema.names if name not in schema.key]
        changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in others)
        statement += f" ON CONFLICT ({quoted(schema.key)}) DO " + (f"UPDATE SET {changes}" if others else "NOTHING")
    store = storer(schema.name, schema.columns, session.forms(schema.name))
    written = Written()
    with session.translated(), session.writing():
        session.execute("PRAGMA defer_foreign_keys = ON").close()  # a row may refer to one that comes after it
        for batch in shortened(schema.columns, batches):
            try:
                session.connection.executemany(statement, store(batch))
            except UnicodeEncodeError:
                raise half_a_pair(schema.name, schema.columns, batch) from None
            written.rows += len(batch)
    return written


def delete(session: Session, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were."""
    where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
    store = storer(schema.name, [schema.column(name) for name in schema.key], session.forms(schema.name))
    with session.translated(), session.writing():
        statement = f"DELETE FROM {quote(schema.name)} WHERE {where}"
        cursor = session.connection.executemany(statement, store(list(keys)))
    return max(cursor.rowcount, 0)
