"""Rows into a table, by array binds: a batch is one round trip, and the rows that the server refuses come back by
number.

Direct path load (Connection.direct_path_load) is faster but is not used: it locks the table, does not check references,
leaves a unique index unusable where it finds a key twice, and cannot say which row was refused.

An upsert is a MERGE. Where the table holds LOBs it is an UPDATE, then an INSERT of the rows that were not there: the
value of a LOB is bound as a LONG, which may stand in SET and VALUES but not in MERGE's SELECT (ORA-01461).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE, Rejected, WriteMode, Written
from dbfleet.engines.oracle.errors import reason
from dbfleet.engines.oracle.read import find
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.tables import Table
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.types import Native
from dbfleet.engines.oracle.values import Refused, bind_type, binder
from dbfleet.errors import Unsupported
from dbfleet.fidelity import coarsened
from dbfleet.spec import EngineSpec
from dbfleet.values import Batch, Row, Schema

_quote = LEXIS.quote
_UNFIT: Final = (Refused, TypeError, AttributeError, ArithmeticError, ValueError)


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode, spec: EngineSpec) -> Written:
    """Store the rows in one transaction; those that the server refuses come back."""
    if mode == "upsert" and not schema.key:
        raise session.ours(Unsupported(f"{schema.name} has no key to upsert by"))
    connection = session.ready()
    with session.translated():
        writer = Writer(connection, find(session, schema.name), schema, mode, spec)
    try:
        for batch in batches:
            with session.working():
                writer.store(batch)
        session.commit()
    except BaseException:
        session.roll_back()
        raise
    finally:
        writer.close()
    return writer.written


def delete(session: Session, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys, in one transaction; how many there were."""
    connection = session.ready()
    table = find(session, schema.name)
    removed = 0
    try:
        for start in range(0, len(keys), BATCH_SIZE):
            with session.working():
                removed += _delete(connection, table, schema, keys[start : start + BATCH_SIZE])
        session.commit()
    except BaseException:
        session.roll_back()
        raise
    return removed


@dataclass(frozen=True, slots=True)
class Bound:
    """A row as it is bound, and as it came."""

    values: Row
    row: Row


class Writer:
    """Stores batches into one table. `written` says what has become of them so far."""

    def __init__(self, connection: Any, table: Table, schema: Schema, mode: WriteMode, spec: EngineSpec) -> None:
        self.written = Written()
        self._connection = connection
        self._schema = schema
        self._table = table
        refuse_always(table, schema)
        kept = [place for place, name in enumerate(schema.names) if not table.column(name).generated]
        # A value that is bound as LONG comes last, else the server answers ORA-24816.
        self._places = sorted(kept, key=lambda place: table.column(schema.names[place]).is_lob)
        columns = [schema.columns[place] for place in self._places]
        self._natives = [table.column(column.name) for column in columns]
        self._binders = [binder(column, native) for column, native in zip(columns, self._natives, strict=True)]
        self._types = [bind_type(column, native) for column, native in zip(columns, self._natives, strict=True)]
        self._coarsen = coarsened(schema.columns, spec)
        self._store: Callable[[list[Bound]], None] = self._insert
        if mode == "upsert":
            self._store = self._update_or_insert if any(native.is_lob for native in self._natives) else self._merge
        self._cursors: dict[str, Any] = {}

    def store(self, batch: Batch) -> None:
        """Store a batch, in the connection's transaction."""
        try:
            bound = self._bound(batch)
        except _UNFIT:
            bound = []
            for row in batch:
                try:
                    bound += self._bound([row])
                except _UNFIT as error:
                    self.written.rejected.append(Rejected(row, str(error) or type(error).__name__))
        if bound:
            self._store(bound)

    def _bound(self, batch: Batch) -> list[Bound]:
        """The rows as they are bound, made column by column: half the time of row by row."""
        if not batch:
            return []
        columns = list(zip(*(map(self._coarsen, batch) if self._coarsen else batch), strict=True))
        made = [
            [None if value is None else make(value) for value in columns[place]]
            for place, make in zip(self._places, self._binders, strict=True)
        ]
        return [Bound(values, row) for values, row in zip(zip(*made, strict=True), batch, strict=True)]

    def close(self) -> None:
        """Close the cursors."""
        for cursor in self._cursors.values():
            cursor.close()

    def _insert(self, rows: list[Bound]) -> None:
        refused, _ = self._run(insert(self._table, self._natives), self._types, [each.values for each in rows])
        self._count(rows, refused)

    def _merge(self, rows: list[Bound]) -> None:
        text = merge(self._table, self._natives, self._schema.key)
        refused, _ = self._run(text, self._types, [each.values for each in rows])
        self._count(rows, refused)

    def _update_or_insert(self, rows: list[Bound]) -> None:
        names = [native.name for native in self._natives]
        keys = [names.index(name) for name in self._schema.key]
        others = [place for place, name in enumerate(names) if name not in self._schema.key]
        # Of two rows with one key in a batch the last one wins, as if they came one after the other.
        last = {tuple(each.values[place] for place in keys): each for each in rows}
        chosen = list(last.values())
        order = [*others, *keys]
        refused, counts = self._run(
            update(self._table, [self._natives[place] for place in others], self._schema.key),
            [self._types[place] for place in order],
            [tuple(each.values[place] for place in order) for each in chosen],
            counted=True,
        )
        missing = [each for number, each in enumerate(chosen) if number not in refused and not counts[number]]
        self.written.rejected += [Rejected(chosen[number].row, words) for number, words in refused.items()]
        self.written.rows += len(rows) - len(missing) - len(refused)
        if missing:
            self._insert(missing)

    def _count(self, rows: list[Bound], refused: dict[int, str]) -> None:
        self.written.rows += len(rows) - len(refused)
        self.written.rejected += [Rejected(rows[number].row, words) for number, words in refused.items()]

    def _run(
        self, text: str, types: Sequence[Any], rows: list[Row], *, counted: bool = False
    ) -> tuple[dict[int, str], Sequence[int]]:
        """The reasons of the refused rows by their numbers; and, if asked, how many rows each has changed."""
        cursor = self._cursors.get(text)
        if cursor is None:
            cursor = self._cursors[text] = self._connection.cursor()
        cursor.setinputsizes(*types)
        cursor.executemany(text, rows, batcherrors=True, arraydmlrowcounts=counted)
        refused = {error.offset: reason(error) for error in cursor.getbatcherrors()}
        return refused, cursor.getarraydmlrowcounts() if counted else ()


def refuse_always(table: Table, schema: Schema) -> None:
    """Raise Unsupported for an identity that takes no value of a row (ORA-32795), before a row is pulled. The server
    also refuses a MERGE that would insert nothing."""
    for name in schema.names:
        if table.column(name).always:
            raise Unsupported(
                f"column {name} of {table.name} is GENERATED ALWAYS AS IDENTITY: Oracle takes no row's value for it. "
                "Nothing was written",
                hint=f"ALTER TABLE {table.sql} MODIFY ({_quote(name)} GENERATED BY DEFAULT AS IDENTITY)",
            )


def insert(table: Table, natives: Sequence[Native]) -> str:
    """The INSERT of these columns."""
    names = LEXIS.quote_all(native.name for native in natives)
    values = ", ".join(f":{number}" for number in range(1, len(natives) + 1))
    return f"INSERT INTO {table.sql} ({names}) VALUES ({values})"


def update(table: Table, natives: Sequence[Native], key: Sequence[str]) -> str:
    """The UPDATE of these columns by the key."""
    sets = ", ".join(f"{_quote(native.name)} = :{number}" for number, native in enumerate(natives, 1))
    where = " AND ".join(f"{_quote(name)} = :{number}" for number, name in enumerate(key, len(natives) + 1))
    return f"UPDATE {table.sql} SET {sets} WHERE {where}"


def merge(table: Table, natives: Sequence[Native], key: Sequence[str]) -> str:
    """The MERGE of a row of these columns by the key."""
    names = [native.name for native in natives]
    source = ", ".join(f":{number} AS {_quote(name)}" for number, name in enumerate(names, 1))
    on = " AND ".join(f"t.{_quote(name)} = s.{_quote(name)}" for name in key)
    sets = ", ".join(f"t.{_quote(name)} = s.{_quote(name)}" for name in names if name not in key)
    matched = f" WHEN MATCHED THEN UPDATE SET {sets}" if sets else ""
    values = ", ".join(f"s.{_quote(name)}" for name in names)
    return (
        f"MERGE INTO {table.sql} t USING (SELECT {source} FROM DUAL) s ON ({on}){matched} "
        f"WHEN NOT MATCHED THEN INSERT ({LEXIS.quote_all(names)}) VALUES ({values})"
    )


def _delete(connection: Any, table: Table, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys, in the connection's transaction; how many there were."""
    columns = [schema.column(name) for name in schema.key]
    natives = [table.column(name) for name in schema.key]
    binders = [binder(column, native) for column, native in zip(columns, natives, strict=True)]
    where = " AND ".join(f"{_quote(name)} = :{number}" for number, name in enumerate(schema.key, 1))
    rows = [tuple(bind(value) for bind, value in zip(binders, key, strict=True)) for key in keys]
    with connection.cursor() as cursor:
        cursor.setinputsizes(*(bind_type(*each) for each in zip(columns, natives, strict=True)))
        cursor.executemany(f"DELETE FROM {table.sql} WHERE {where}", rows)
        return int(cursor.rowcount)
