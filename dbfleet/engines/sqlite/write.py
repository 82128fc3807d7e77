"""Rows to a table, in one transaction, and rows removed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from typing import Any

from dbfleet.adapter import WriteMode, Written
from dbfleet.columns import shortened
from dbfleet.engines.sqlite.native.values import STORED, BrokenText, Stored, rowid
from dbfleet.engines.sqlite.session import Session
from dbfleet.engines.sqlite.types import quote, quoted
from dbfleet.engines.sqlite.values import half_a_pair, storer
from dbfleet.values import Batch, Row, Schema


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode, *, alone: bool) -> Written:
    """Store the rows: all of them, or none."""
    if schema.native:
        # What this copy has made may refer to rows that come later, of tables that are filled after it.
        with session.unchecked() if alone or schema.name in session.made else nullcontext():
            return _write_stored(session, schema, batches, mode)
    marks = ", ".join("?" * len(schema.columns))
    statement = _statement(schema, list(schema.names), marks, mode)
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


def _statement(schema: Schema, names: Sequence[str], values: str, mode: WriteMode) -> str:
    """INSERT of these columns."""
    statement = f"INSERT INTO {quote(schema.name)} ({quoted(names)}) VALUES ({values})"
    if mode == "upsert" and schema.key:
        others = [name for name in names if name not in schema.key]
        changes = ", ".join(f"{quote(name)} = excluded.{quote(name)}" for name in others)
        statement += f" ON CONFLICT ({quoted(schema.key)}) DO " + (f"UPDATE SET {changes}" if others else "NOTHING")
    return statement


class _Inserts:
    """The statements by which rows are stored as they are: each with a rowid before its columns or without, and with
    its texts as texts, or as their bytes where one of them is no UTF-8."""

    def __init__(self, session: Session, schema: Schema, mode: WriteMode) -> None:
        self._execute = session.connection.executemany
        self._schema, self._mode = schema, mode
        self._rowid = rowid(session.rows, schema.name) if mode == "insert" else None
        hidden = "SELECT name FROM pragma_table_xinfo(?) WHERE hidden IN (2, 3)"
        generated = {name for (name,) in session.rows(hidden, (schema.name,))}
        kept = [place for place, column in enumerate(schema.columns) if column.name not in generated]
        self._names = [schema.columns[place].name for place in kept]
        self._computed = len(kept) < len(schema.columns)
        self._kept = kept
        forms = {} if all(column.note == STORED for column in schema.columns) else session.forms(schema.name)
        self._store = storer(schema.name, [schema.columns[place] for place in kept], forms)

    def rows(self, batch: Batch) -> None:
        """Store the batch."""
        if isinstance(batch, Stored):
            numbered, broken, rows = batch.rowid, batch.broken, batch.raw
            if self._computed or (numbered and self._rowid is None):
                first = 1 if numbered else 0
                places = [*range(first if self._rowid else 0), *(first + place for place in self._kept)]
                rows = [tuple([row[place] for place in places]) for row in rows]
                numbered = numbered and self._rowid is not None
        else:
            given = [tuple([row[place] for place in self._kept]) for row in batch] if self._computed else batch
            rows, numbered = self._store(given), False
            broken = any(type(value) is BrokenText for row in rows for value in row)
        names = [self._rowid, *self._names] if numbered and self._rowid else self._names
        mark = "?"
        if broken:
            mark = "CASE WHEN ? THEN CAST(? AS TEXT) ELSE ? END"
            rows = [tuple([piece for value in row for piece in _pieces(value)]) for row in rows]
        self._execute(_statement(self._schema, names, ", ".join([mark] * len(names)), self._mode), rows)


def _pieces(value: Any) -> tuple[Any, Any, Any]:
    broken = type(value) is BrokenText
    return broken, bytes(value) if broken else None, None if broken else value


def _write_stored(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode) -> Written:
    """Store the rows in their storage classes."""
    written = Written()
    with session.translated(), session.writing():
        session.execute("PRAGMA defer_foreign_keys = ON").close()
        inserts = _Inserts(session, schema, mode)
        for batch in batches:
            try:
                inserts.rows(batch)
            except UnicodeEncodeError:
                raise half_a_pair(schema.name, schema.columns, batch) from None
            written.rows += len(batch)
    return written


def delete(session: Session, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were."""
    where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
    forms = {} if schema.native else session.forms(schema.name)
    store = storer(schema.name, [schema.column(name) for name in schema.key], forms)
    with session.translated(), session.writing():
        statement = f"DELETE FROM {quote(schema.name)} WHERE {where}"
        cursor = session.connection.executemany(statement, store(list(keys)))
    return max(cursor.rowcount, 0)
