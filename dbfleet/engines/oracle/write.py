"""Rows into a table, by array binds: a batch is one round trip, and the rows that the server refuses come back by
number.

Direct path load (Connection.direct_path_load) is faster but is not used: it locks the table, does not check references,
leaves a unique index unusable where it finds a key twice, and cannot say which row was refused.

An upsert is a MERGE. Where the table holds LOBs it is an UPDATE, then an INSERT of the rows that were not there: the
value of a LOB is bound as a LONG, which may stand in SET and VALUES but not in MERGE's SELECT (ORA-01461).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE, Rejected, WriteMode, Written
from dbfleet.engines.oracle.errors import reason
from dbfleet.engines.oracle.read import of
from dbfleet.engines.oracle.session import Session
from dbfleet.engines.oracle.tables import Table
from dbfleet.engines.oracle.text import LEXIS
from dbfleet.engines.oracle.types import EMPTY, Native, spelled
from dbfleet.engines.oracle.values import Refused, bind_type, binders
from dbfleet.errors import Unsupported
from dbfleet.fidelity import coarsened
from dbfleet.spec import EngineSpec
from dbfleet.values import Batch, Column, Row, Schema

_quote = LEXIS.quote
_UNFIT: Final = (Refused, TypeError, AttributeError, ArithmeticError, ValueError)


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode, spec: EngineSpec) -> Written:
    """Store the rows in one transaction; those that the server refuses come back."""
    if mode == "upsert" and not schema.key:
        raise session.ours(Unsupported(f"{schema.name} has no key to upsert by"))
    connection = session.ready()
    with session.translated():
        writer = Writer(connection, of(session, schema), schema, mode, spec)
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
    table = of(session, schema)
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


@dataclass(frozen=True, slots=True)
class Shape:
    """The columns that a statement writes, in its order. Of a row that has empty LOBs these are constants."""

    natives: Sequence[Native]
    columns: Sequence[Column]
    types: Sequence[Any] = field(init=False)

    def __post_init__(self) -> None:
        types = [
            bind_type(column, native)
            for column, native in zip(self.columns, self.natives, strict=True)
            for _ in range(native.writes.count("{}"))
        ]
        object.__setattr__(self, "types", types)

    def turned(self, order: Sequence[int]) -> Shape:
        """The same columns in this order."""
        return Shape([self.natives[place] for place in order], [self.columns[place] for place in order])

    def spans(self) -> list[tuple[int, int]]:
        """Where the binds of each column begin and end."""
        ends = list(itertools.accumulate((native.writes.count("{}") for native in self.natives), initial=0))
        return list(itertools.pairwise(ends))


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
        self._shape = Shape([table.column(column.name) for column in columns], columns)
        natives = self._shape.natives
        self._binders = [binders(column, native) for column, native in zip(columns, natives, strict=True)]
        self._empty = [
            slot
            for native, (slot, _) in zip(natives, self._shape.spans(), strict=True)
            if native.own and native.data_type in EMPTY
        ]
        self._coarsen = coarsened(schema.columns, spec)
        self._store: Callable[[list[Bound], Shape], None] = self._insert
        if mode == "upsert":
            self._store = self._update_or_insert if any(native.is_lob for native in natives) else self._merge
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
        if self._empty:
            for shape, some in self._apart(bound):
                self._store(some, shape)
        elif bound:
            self._store(bound, self._shape)

    def _apart(self, rows: list[Bound]) -> Iterator[tuple[Shape, list[Bound]]]:
        """The rows, those in sequence that have the same empty LOBs together: no bind is an empty LOB."""
        shape, spans = self._shape, self._shape.spans()

        def empty(each: Bound) -> frozenset[int]:
            return frozenset(slot for slot in self._empty if each.values[slot] in ("", b""))

        for slots, some in itertools.groupby(rows, empty):
            if not slots:
                yield shape, list(some)
                continue
            natives = [
                replace(native, writes=EMPTY[native.data_type]) if start in slots and end > start else native
                for native, (start, end) in zip(shape.natives, spans, strict=True)
            ]
            kept = [slot for slot in range(len(shape.types)) if slot not in slots]
            yield (
                Shape(natives, shape.columns),
                [Bound(tuple(each.values[slot] for slot in kept), each.row) for each in some],
            )

    def _bound(self, batch: Batch) -> list[Bound]:
        """The rows as they are bound, made column by column: half the time of row by row."""
        if not batch:
            return []
        columns = list(zip(*(map(self._coarsen, batch) if self._coarsen else batch), strict=True))
        made = [
            [None if value is None else make(value) for value in columns[place]]
            for place, makes in zip(self._places, self._binders, strict=True)
            for make in makes
        ]
        return [Bound(values, row) for values, row in zip(zip(*made, strict=True), batch, strict=True)]

    def close(self) -> None:
        """Close the cursors."""
        for cursor in self._cursors.values():
            cursor.close()

    def _insert(self, rows: list[Bound], shape: Shape) -> None:
        refused, _ = self._run(insert(self._table, shape.natives), shape.types, [each.values for each in rows])
        self._count(rows, refused)

    def _merge(self, rows: list[Bound], shape: Shape) -> None:
        text = merge(self._table, shape.natives, self._schema.key)
        refused, _ = self._run(text, shape.types, [each.values for each in rows])
        self._count(rows, refused)

    def _update_or_insert(self, rows: list[Bound], shape: Shape) -> None:
        names, spans = [native.name for native in shape.natives], shape.spans()
        keys = [names.index(name) for name in self._schema.key]
        others = [place for place, name in enumerate(names) if name not in self._schema.key]
        # Of two rows with one key in a batch the last one wins, as if they came one after the other.
        last = {tuple(each.values[slice(*spans[place])] for place in keys): each for each in rows}
        chosen = list(last.values())
        turned = shape.turned([*others, *keys])
        order = [slot for place in (*others, *keys) for slot in range(*spans[place])]
        refused, counts = self._run(
            update(self._table, turned.natives[: len(others)], turned.natives[len(others) :]),
            turned.types,
            [tuple(each.values[slot] for slot in order) for each in chosen],
            counted=True,
        )
        missing = [each for number, each in enumerate(chosen) if number not in refused and not counts[number]]
        self.written.rejected += [Rejected(chosen[number].row, words) for number, words in refused.items()]
        self.written.rows += len(rows) - len(missing) - len(refused)
        if missing:
            self._insert(missing, shape)

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
    values = ", ".join(spelled(natives))
    return f"INSERT INTO {table.sql} ({names}) VALUES ({values})"


def update(table: Table, natives: Sequence[Native], key: Sequence[Native]) -> str:
    """The UPDATE of these columns by the key."""
    values = spelled([*natives, *key])
    pairs = [f"{_quote(native.name)} = {value}" for native, value in zip([*natives, *key], values, strict=True)]
    sets, where = ", ".join(pairs[: len(natives)]), " AND ".join(pairs[len(natives) :])
    return f"UPDATE {table.sql} SET {sets} WHERE {where}"


def merge(table: Table, natives: Sequence[Native], key: Sequence[str]) -> str:
    """The MERGE of a row of these columns by the key."""
    names = [native.name for native in natives]
    source = ", ".join(f"{value} AS {_quote(name)}" for name, value in zip(names, spelled(natives), strict=True))
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
    makes = [binders(column, native)[0] for column, native in zip(columns, natives, strict=True)]
    where = " AND ".join(f"{_quote(name)} = {value}" for name, value in zip(schema.key, spelled(natives), strict=True))
    rows = [tuple(make(value) for make, value in zip(makes, key, strict=True)) for key in keys]
    with connection.cursor() as cursor:
        cursor.setinputsizes(*(bind_type(*each) for each in zip(columns, natives, strict=True)))
        cursor.executemany(f"DELETE FROM {table.sql} WHERE {where}", rows)
        return int(cursor.rowcount)
