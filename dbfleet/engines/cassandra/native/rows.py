"""Rows as the bytes that Cassandra keeps: read and stored without anybody looking at a value.

Some columns of a schema may be of the closed set all the same, where a comparison must know their values. A row whose
clustering columns are null is a partition that has static values alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from dbfleet.adapter import Part, WriteMode, Written
from dbfleet.columns import converted
from dbfleet.engines.cassandra import read
from dbfleet.engines.cassandra.native.values import columns_raw, is_raw
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.engines.cassandra.text import partition_of, quote, quoted
from dbfleet.engines.cassandra.values import cql_type, is_static, store_of
from dbfleet.engines.cassandra.write import Writing, largest_of
from dbfleet.errors import Unsupported
from dbfleet.values import Batch, Row, Schema

_KEYS_AT_ONCE: Final = 5000


def scan(session: Session, tables: Tables, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The part's rows."""
    statement = f"SELECT {quoted(schema.names)} FROM {session.table(schema.name)}"
    bounds: tuple[Any, ...] = ()
    if part:
        token = f"token({quoted(partition_of(schema))})"
        statement += f" WHERE {token} >= ? AND {token} <= ?"
        bounds = (part["from"], part["to"])
    look = _looker(session, tables, schema)
    bound = session.prepare(statement).bind(bounds)
    with session.as_bytes(columns_raw(schema.columns)):
        result = session.first_page(bound)
    for rows in session.pages_of(result, batch_size):
        yield look(rows)


def _looker(session: Session, tables: Tables, schema: Schema) -> Callable[[Sequence[Row]], Batch]:
    """A function that reads the columns of the closed set; the others are what they are."""
    plan = [
        (place, way)
        for place, column in enumerate(schema.columns)
        if not is_raw(column) and (way := read.fetch_of(session, tables, schema, column.name))
    ]
    return lambda rows: converted(rows, plan)


def get(session: Session, tables: Tables, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows of these keys."""
    look = _looker(session, tables, schema)
    for names, some in _alike(schema, keys):
        table, where = session.table(schema.name), " AND ".join(f"{quote(name)} = ?" for name in names)
        prepared = session.prepare(f"SELECT {quoted(schema.names)} FROM {table} WHERE {where}")
        bind = Binder(session, tables, schema, prepared, names)
        asked = ((bind(key), None) for key in some)
        for rows in session.concurrently(asked, columns_raw(schema.columns)):
            whole = names == schema.key
            yield from look([row for row in rows if whole or None in [row[place] for place in schema.key_indexes]])


def _alike(schema: Schema, keys: Sequence[Row]) -> Iterator[tuple[tuple[str, ...], list[Row]]]:
    """The keys as far as they go: those of whole rows, and of partitions that have static values alone."""
    partition = partition_of(schema)
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        some = keys[start : start + _KEYS_AT_ONCE]
        whole = [key for key in some if None not in key]
        if whole:
            yield schema.key, whole
        if len(whole) < len(some):
            yield partition, [key[: len(partition)] for key in some if None in key]


def delete(session: Session, tables: Tables, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were."""
    columns = tuple(map(schema.column, schema.key))
    existing = list(get(session, tables, replace(schema, columns=columns, references=()), keys))
    for names, some in _alike(schema, existing):
        statics = "" if names == schema.key else quoted(each.name for each in schema.columns if is_static(each))
        where = " AND ".join(f"{quote(name)} = ?" for name in names)
        prepared = session.prepare(f"DELETE {statics} FROM {session.table(schema.name)} WHERE {where}")
        bind = Binder(session, tables, schema, prepared, names)
        for _ in session.concurrently((bind(key), None) for key in some):
            pass
    return len(existing)


def clear(session: Session, schema: Schema, part: Part) -> None:
    """Remove all rows, or the partitions of a range of tokens."""
    table = session.table(schema.name)
    if not part:
        session.rows(f"TRUNCATE {table}")
        return
    partition = partition_of(schema)
    token = f"token({quoted(partition)})"
    asked = session.prepare(f"SELECT DISTINCT {quoted(partition)} FROM {table} WHERE {token} >= ? AND {token} <= ?")
    removing = session.prepare(f"DELETE FROM {table} WHERE {' AND '.join(f'{quote(name)} = ?' for name in partition)}")
    with session.as_bytes(frozenset(partition)):
        result = session.first_page(asked.bind((part["from"], part["to"])))
    for keys in session.pages_of(result, _KEYS_AT_ONCE):
        for _ in session.concurrently((as_they_are(removing, key), None) for key in keys):
            pass


def as_they_are(prepared: Any, values: Sequence[Any]) -> Any:
    """The statement with these values, which are the server's bytes."""
    from cassandra.query import BoundStatement

    bound = BoundStatement(prepared)
    bound.values = values
    return bound


class Binder:
    """Binds values of these columns of a schema to a prepared statement: bytes as they are, others as their column's
    type is kept."""

    def __init__(self, session: Session, tables: Tables, schema: Schema, prepared: Any, names: Sequence[str]) -> None:
        self._session, self._prepared = session, prepared
        columns = [schema.column(name) for name in names]
        self._others = [place for place, column in enumerate(columns) if not is_raw(column)]
        self._store = store_of([each if is_raw(each) else tables.column(schema, each.name) for each in columns])

    def __call__(self, values: Sequence[Any]) -> Any:
        """The statement, with these values; those that are left out are the driver's UNSET_VALUE."""
        if self._others:
            from cassandra.query import UNSET_VALUE

            stored = list(self._store([tuple(values)])[0])
            with self._session.translated():
                for place in self._others:
                    if stored[place] is not None and stored[place] is not UNSET_VALUE:
                        type_ = self._prepared.column_metadata[place].type
                        stored[place] = type_.serialize(stored[place], self._prepared.protocol_version)
            values = stored
        return as_they_are(self._prepared, values)


def write(
    session: Session, tables: Tables, schema: Schema, batches: Iterable[Batch], mode: WriteMode, *, alone: bool
) -> Written:
    """Store the rows. `alone`: only this command fills the collection, each row once. Unsupported for counters."""
    counters = [column.name for column in schema.columns if cql_type(column) == "counter"]
    if counters:
        raise Unsupported(
            f"{schema.name}: column {', '.join(counters)} is a counter, which can be counted and not be set",
            engine="cassandra", target=session.target.name,
        )  # fmt: skip
    schema = _keyed(tables, schema)
    writing = _Writing(session, tables, schema, mode)
    if mode == "insert":
        table = session.table(schema.name)
        empty = alone or not session.rows(f"SELECT {quote(schema.key[0])} FROM {table} LIMIT 1")
        writing.begin_insert(once=alone, empty=empty)
    for batch in batches:
        writing.write(batch, {})
    return writing.written


def _keyed(tables: Tables, schema: Schema) -> Schema:
    """The schema with the table's own key, where it names none."""
    if schema.key:
        return schema
    known = tables.described(schema.name)
    return replace(schema, key=known.key, partition=known.partition)


class _Writing(Writing):
    """A write of rows as they are. `once`: no key is there, nor comes twice."""

    def __init__(self, session: Session, tables: Tables, schema: Schema, mode: WriteMode) -> None:
        table, marks = session.table(schema.name), ", ".join("?" * len(schema.columns))
        plain = session.prepare(f"INSERT INTO {table} ({quoted(schema.names)}) VALUES ({marks})")
        super().__init__(session, schema, plain, lambda rows: rows, keep_nulls=mode == "upsert")
        self.largest = largest_of(session)
        self._once = False
        self._binders = {id(plain): Binder(session, tables, schema, plain, schema.names)}
        self._tables = tables
        self._statics = [place for place, column in enumerate(schema.columns) if is_static(column)]
        self._of_partitions: Callable[[Row], Any] | None = None

    def begin_insert(self, *, once: bool, empty: bool) -> None:
        """For rows that replace nothing."""
        self._once, self.fresh = once, empty
        self.careful = self._session.prepare(f"{self._plain.query_string} IF NOT EXISTS")
        self._binders[id(self.careful)] = Binder(
            self._session, self._tables, self._schema, self.careful, self._schema.names
        )

    def write(self, batch: Batch, times: Mapping[str, Sequence[Any]]) -> None:
        """Store a batch."""
        rows = list(batch)
        alone: Batch = []
        if self._statics:
            alone = [row for row in rows if None in [row[place] for place in self._keys]]
            rows = [row for row in rows if None not in [row[place] for place in self._keys]]
        if self._once:
            self._send_plainly(self._fitting([(row, row) for row in rows]))
        else:
            super().write(rows, times)
        if alone:
            bound = self._of_partition()
            self._collect(((bound(row), [(row, row)]) for _, row in self._fitting([(row, row) for row in alone])),
                          applied=False)  # fmt: skip

    def _of_partition(self) -> Callable[[Row], Any]:
        """A function that stores the static values of a partition which has no row."""
        if self._of_partitions is None:
            places = [*self._partition, *self._statics]
            names = [self._schema.names[place] for place in places]
            marks = ", ".join("?" * len(names))
            table = self._session.table(self._schema.name)
            prepared = self._session.prepare(f"INSERT INTO {table} ({quoted(names)}) VALUES ({marks})")
            bind = Binder(self._session, self._tables, self._schema, prepared, names)
            self._of_partitions = lambda row: bind(self._values(tuple([row[place] for place in places])))
        return self._of_partitions

    def _statement(self, group: list[tuple[Row, Row]]) -> Any:
        """Of rows of one partition, which go together, the first alone brings the static values."""
        if self._statics and len(group) > 1:
            from cassandra.query import UNSET_VALUE

            (first, values), *others = group
            same = [place for place in self._statics if all(row[place] == first[place] for row, _ in others)]
            group = [(first, values)]
            for row, its in others:
                bare = list(its)
                for place in same:
                    bare[place] = UNSET_VALUE
                group.append((row, tuple(bare)))
        return super()._statement(group)

    def _bound(self, prepared: Any, values: Row) -> Any:
        return self._binders[id(prepared)](self._values(values))
