"""Writing to Cassandra: which rows go together, what is in flight, and which keys may have been there before.

The engine's docstring has the rule of inserts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES, Rejected, WriteMode, Written
from dbfleet.columns import shortened
from dbfleet.engines.cassandra.read import get
from dbfleet.engines.cassandra.session import IN_FLIGHT, Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.engines.cassandra.text import partition_of, quote, quoted
from dbfleet.engines.cassandra.values import Rows, read_only, store_of
from dbfleet.engines.cassandra.wire import SETTINGS, largest_request, wide_of
from dbfleet.errors import StatementError, Unsupported
from dbfleet.values import Batch, Row, Schema, Type

_UNAUTHORIZED: Final = "2100"
_BATCH_CHARACTERS: Final = 4000
"""The size of one unlogged batch: the server warns above 5 KiB and refuses above 50 KiB."""


def write(
    session: Session, tables: Tables, schema: Schema, batches: Iterable[Batch], mode: WriteMode, *, alone: bool
) -> Written:
    """Store the rows. `alone`: only this command fills the collection, so no key is looked for first. Unsupported where
    a column is one that dbfleet reads and does not write."""
    known = [tables.column(schema, name) for name in schema.names]
    why = next((why for why in map(read_only, known) if why), None)
    if why:
        raise Unsupported(f"{schema.name}: {why}", engine="cassandra", target=session.target.name)
    table, marks = session.table(schema.name), ", ".join("?" * len(schema.columns))
    plain = session.prepare(f"INSERT INTO {table} ({quoted(schema.names)}) VALUES ({marks})")
    writing = Writing(session, schema, plain, store_of(known), keep_nulls=mode == "upsert")
    writing.largest = largest_of(session)
    if mode == "insert":
        writing.careful = session.prepare(f"{plain.query_string} IF NOT EXISTS")
        writing.fresh = alone or not session.rows(f"SELECT {quote(schema.key[0])} FROM {table} LIMIT 1")
    for batch in batches:
        for short in shortened(schema.columns, [batch]):
            writing.write(short, batch.times if isinstance(batch, Rows) else {})
    return writing.written


def delete(session: Session, tables: Tables, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were. They are read first: a DELETE does not say whether there
    was a row, and IF EXISTS costs four round trips between replicas."""
    columns = tuple([schema.column(name) for name in schema.key])
    existing = set(get(session, tables, replace(schema, columns=columns, references=(), edge=False), keys))
    where = " AND ".join(f"{quote(name)} = ?" for name in schema.key)
    prepared = session.prepare(f"DELETE FROM {session.table(schema.name)} WHERE {where}")
    store = store_of([tables.column(schema, name) for name in schema.key])
    for _ in session.concurrently((prepared, key) for key in store(list(existing))):
        pass
    return len(existing)


def largest_of(session: Session) -> tuple[int, str] | None:
    """How many bytes one statement may hold with its values, and the setting that says so; None where this user may not
    ask."""
    names = ", ".join(f"'{name}'" for name in SETTINGS)
    try:
        return largest_request(session.rows(f"SELECT name, value FROM system_views.settings WHERE name IN ({names})"))
    except StatementError:
        return None


class Writing:
    """One write: what is in flight, what was refused, and which keys may have been written before.

    `careful` is the statement with IF NOT EXISTS, None for an upsert. `fresh`: nobody else has written into the table,
    so no key is looked for. `largest`: the bytes that one statement may hold, and the setting that says so.
    """

    def __init__(self, session: Session, schema: Schema, plain: Any, store: Any, *, keep_nulls: bool) -> None:
        from cassandra.query import UNSET_VALUE

        self.written = Written()
        self.careful: Any = None
        self.fresh = False
        self._session = session
        self._plain = plain
        self.largest: tuple[int, str] | None = None
        self._schema = schema
        self._store = store
        self._keys = schema.key_indexes
        self._partition = [schema.names.index(name) for name in partition_of(schema)]
        # An insert leaves NULLs out: each would be a tombstone. An upsert replaces what is there.
        self._unset = None if keep_nulls else UNSET_VALUE
        self._filter = _Filter()
        cut = (Type.DATETIME, Type.INSTANT)
        rounded = any(schema.columns[place].type in cut for place in self._keys)
        self._fallen: dict[Any, Any] | None = {} if rounded else None

    def write(self, batch: Batch, times: Mapping[str, Sequence[Any]]) -> None:
        """Store a batch. `times` are its columns of times as the driver gives and takes them, with nanoseconds, for the
        rows that still have these times."""
        stored = self._store(batch)
        for place, column in enumerate(self._schema.columns):
            if column.name in times and column.type is Type.TIME:
                cells = times[column.name]
                stored = [
                    (*row[:place], cell, *row[place + 1 :]) if cell is not None and cell.time() == row[place] else row
                    for row, cell in zip(stored, cells, strict=True)
                ]
        rows = self._fitting(list(zip(batch, stored, strict=True)))
        if self.careful is None:
            self._send_plainly(self._last_of_each_key(self._apart(rows)))
            return
        if not self.fresh:
            self.send_carefully(rows)
            return
        new: list[tuple[Row, Row]] = []
        perhaps: list[tuple[Row, Row]] = []
        for row, values in rows:
            key = tuple([values[place] for place in self._keys])
            (perhaps if self._filter.seen(key) else new).append((row, values))
        self._send_plainly(new)
        self.send_carefully(perhaps)  # after the others have landed: the same key may be among them

    def _fitting(self, rows: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
        """The rows that the server takes; the others are refused, and the reason names the value that is too large."""
        if self.largest is None:
            return rows
        limit, setting = self.largest
        fitting = [(row, values) for row, values in rows if wide_of(values) <= limit]
        if len(fitting) < len(rows):
            for row, values in rows:
                size = wide_of(values)
                if size > limit:
                    widest = max(range(len(values)), key=lambda place: wide_of((values[place],)))
                    key = tuple(row[place] for place in self._keys)
                    self._refuse(row, f"{self._schema.name}.{self._schema.names[widest]} of key {key!r}: "
                                      f"{size:,} bytes, and one statement holds {limit:,} ({setting})")  # fmt: skip
        return fitting

    def _apart(self, rows: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
        """For an upsert: the rows but those whose key becomes another row's, as a timestamp has milliseconds. Only a
        row of the same key may replace a row."""
        if self._fallen is None:
            return rows
        kept = []
        for row, values in rows:
            key = tuple([row[place] for place in self._keys])
            first = self._fallen.setdefault(tuple([values[place] for place in self._keys]), key)
            if first == key:
                kept.append((row, values))
            else:
                self._refuse(row, f"the key {key!r} is {first!r} to the millisecond, which exists already")
        return kept

    def _refuse(self, row: Row, reason: str) -> None:
        self.written.rejected.append(Rejected(row, reason))

    def _last_of_each_key(self, rows: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
        """For an upsert: of rows with one key only the last, as statements in flight have no order."""
        last = {tuple([values[place] for place in self._keys]): (row, values) for row, values in rows}
        self.written.rows += len(rows) - len(last)
        return list(last.values())

    def _send_plainly(self, rows: list[tuple[Row, Row]]) -> None:
        work = ((self._statement(group), group) for group in self._neighbours(rows))
        self._collect(work, applied=False)

    def send_carefully(self, rows: list[tuple[Row, Row]]) -> None:
        """Send rows whose keys may be there: each by itself, with IF NOT EXISTS. A key that stands twice among them
        waits until the first has landed."""
        seen: set[Any] = set()
        first: list[tuple[Row, Row]] = []
        again: list[tuple[Row, Row]] = []
        for row, values in rows:
            key = tuple([values[place] for place in self._keys])
            (again if key in seen else first).append((row, values))
            seen.add(key)
        for part in (first, again):
            work = ((self._bound(self.careful, values), [(row, values)]) for row, values in part)
            self._collect(work, applied=True)

    def _collect(self, work: Iterable[tuple[Any, list[tuple[Row, Row]]]], *, applied: bool) -> None:
        """Send statements, each with its rows, and count what was stored. What is in flight is bounded in number and in
        bytes. `applied`: each answer says whether the row was new."""
        flying: deque[tuple[Any, list[tuple[Row, Row]]]] = deque()
        held = 0

        def land() -> None:
            nonlocal held
            future, group = flying.popleft()
            held -= _bytes_of(group)
            try:
                rows = self._session.landed(future)
            except StatementError as error:
                if error.code == _UNAUTHORIZED:  # no row is at fault
                    raise
                self.written.rejected += [Rejected(row, str(error)) for row, _ in group]
                return
            if applied and not rows[0][0]:
                self.written.rejected += [Rejected(row, "the key exists already") for row, _ in group]
            else:
                self.written.rows += len(group)

        for statement, group in work:
            flying.append((self._session.send(statement), group))
            held += _bytes_of(group)
            while len(flying) >= IN_FLIGHT or (held > BATCH_BYTES // 2 and flying):
                land()
        while flying:
            land()

    def _neighbours(self, rows: list[tuple[Row, Row]]) -> Iterator[list[tuple[Row, Row]]]:
        """Rows of one partition that follow one another, in groups of up to _BATCH_CHARACTERS."""
        group: list[tuple[Row, Row]] = []
        current: Any = None
        size = 0
        for row, values in rows:
            partition = [row[place] for place in self._partition]
            wide = wide_of(values)
            if group and (partition != current or size + wide > _BATCH_CHARACTERS):
                yield group
                group, size = [], 0
            current = partition
            size += wide
            group.append((row, values))
        if group:
            yield group

    def _statement(self, group: list[tuple[Row, Row]]) -> Any:
        """The statement that stores the rows: of several rows an unlogged batch."""
        from cassandra.query import BatchStatement, BatchType

        with self._session.translated():
            if len(group) == 1:
                return self._bound(self._plain, group[0][1])
            batch = BatchStatement(batch_type=BatchType.UNLOGGED)
            for _, values in group:
                batch.add(self._bound(self._plain, values))
            return batch

    def _bound(self, prepared: Any, values: Row) -> Any:
        return prepared.bind(self._values(values))

    def _values(self, values: Row) -> Sequence[Any]:
        return values if self._unset is None else [self._unset if value is None else value for value in values]


def _bytes_of(group: Iterable[tuple[Row, Row]]) -> int:
    return sum(wide_of(values) for _, values in group)


class _Filter:
    """A Bloom filter over keys: 2 MB, three bits a key. Of a million keys it holds one in two hundred for a repeated
    one, of ten million every second: such a row is sent with more care than it needs."""

    _BITS: Final = 1 << 24

    def __init__(self) -> None:
        self._bits = bytearray(self._BITS >> 3)

    def seen(self, key: Any) -> bool:
        """Whether the key may have been given before. From now on it has been."""
        mixed, bits, seen = hash(key) * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF, self._bits, True
        for shift in (0, 24, 48):
            place = mixed >> shift & 0xFF_FFFF
            mask = 1 << (place & 7)
            if not bits[place >> 3] & mask:
                seen = False
                bits[place >> 3] |= mask
        return seen
