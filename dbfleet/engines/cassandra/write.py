"""Writing to Cassandra: what is in flight, what goes together, and which keys may have been there before.

See the engine's docstring for the rule of inserts.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from dbfleet.adapter import BATCH_BYTES, Rejected, Written
from dbfleet.engines.cassandra.wire import wide_of
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Row, Schema, Type

if TYPE_CHECKING:
    from dbfleet.engines.cassandra.adapter import CassandraAdapter

IN_FLIGHT: Final = 128
_BATCH_CHARACTERS: Final = 4000
"""Of one unlogged batch: the server warns above 5 KiB and refuses above 50 KiB."""


def partition_of(schema: Schema) -> tuple[str, ...]:
    return schema.partition or schema.key[:1]


def quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def quoted(names: Iterable[str]) -> str:
    return ", ".join(map(quote, names))


class Writing:
    """One write: what is in flight, what was refused, and which keys may have been written before."""

    def __init__(self, adapter: CassandraAdapter, schema: Schema, plain: Any, store: Any, *, keep_nulls: bool) -> None:
        from cassandra.query import UNSET_VALUE

        self.written = Written()
        self.careful: Any = None
        self.fresh = False
        self._adapter = adapter
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
        """`times` are columns of it as the driver gives and takes them, with nanoseconds."""
        stored = self._store(batch)
        for place, column in enumerate(self._schema.columns):
            if column.name in times and column.type is Type.TIME:
                cells = times[column.name]
                stored = [(*row[:place], cells[number], *row[place + 1 :]) for number, row in enumerate(stored)]
        rows = self._fitting(list(zip(batch, stored, strict=True)))
        if self.careful is None:
            self._send_plainly(self._last_of_each_key(self._apart(rows)))
            return
        if not self.fresh:
            self._send_carefully(rows)
            return
        new: list[tuple[Row, Row]] = []
        perhaps: list[tuple[Row, Row]] = []
        for row, values in rows:
            key = tuple([values[place] for place in self._keys])
            (perhaps if self._filter.seen(key) else new).append((row, values))
        self._send_plainly(new)
        self._send_carefully(perhaps)  # after the others have landed: the same key may be among them

    def _fitting(self, rows: list[tuple[Row, Row]]) -> list[tuple[Row, Row]]:
        """The rows that the server takes; the others are refused by the name of what is too large."""
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
        """For an upsert: the rows without those whose keys fall together with another's, as a timestamp has
        milliseconds; what is put in place of a row is a row of the same key."""
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
        work = ((self._statement(group), None, group) for group in self._neighbours(rows))
        self._collect(work, applied=False)

    def _send_carefully(self, rows: list[tuple[Row, Row]]) -> None:
        seen: set[Any] = set()
        first: list[tuple[Row, Row]] = []
        again: list[tuple[Row, Row]] = []
        for row, values in rows:
            key = tuple([values[place] for place in self._keys])
            (again if key in seen else first).append((row, values))
            seen.add(key)
        for part in (first, again):
            work = ((self.careful.bind(self._values(values)), None, [(row, values)]) for row, values in part)
            self._collect(work, applied=True)

    def _collect(self, work: Iterable[tuple[Any, Any, Any]], *, applied: bool) -> None:
        adapter = self._adapter
        flying: deque[tuple[Any, Any]] = deque()
        held = 0

        def land() -> None:
            nonlocal held
            group, future = flying.popleft()
            held -= sum(wide_of(values) for _, values in group)
            try:
                _, rows = adapter._landed(group, future)
            except StatementError as error:
                self.written.rejected += [Rejected(row, str(error)) for row, _ in group]
                return
            if applied and not rows[0][0]:
                self.written.rejected += [Rejected(row, "the key exists already") for row, _ in group]
            else:
                self.written.rows += len(group)

        for statement, params, group in work:
            with adapter._translated():
                flying.append((group, adapter._session.execute_async(statement, params)))
            held += sum(wide_of(values) for _, values in group)
            while len(flying) >= IN_FLIGHT or (held > BATCH_BYTES // 2 and flying):
                land()
        while flying:
            land()

    def _neighbours(self, rows: list[tuple[Row, Row]]) -> Iterator[list[tuple[Row, Row]]]:
        """Runs of rows of one partition, up to _BATCH_CHARACTERS."""
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
        from cassandra.query import BatchStatement, BatchType

        with self._adapter._translated():
            if len(group) == 1:
                return self._plain.bind(self._values(group[0][1]))
            batch = BatchStatement(batch_type=BatchType.UNLOGGED)
            for _, values in group:
                batch.add(self._plain, self._values(values))
            return batch

    def _values(self, values: Row) -> Sequence[Any]:
        return values if self._unset is None else [self._unset if value is None else value for value in values]


class _Filter:
    """A Bloom filter over keys: 2 MB, three bits a key; of a million keys one in two hundred is sent with more care
    than it needs, of ten million every other."""

    _BITS: Final = 1 << 24

    def __init__(self) -> None:
        self._bits = bytearray(self._BITS >> 3)

    def seen(self, key: Any) -> bool:
        """Whether the key may have been given before; it has been now."""
        mixed, bits, found = hash(key) * 0x9E3779B97F4A7C15 & 0xFFFF_FFFF_FFFF_FFFF_FFFF_FFFF, self._bits, True
        for shift in (0, 24, 48):
            place = mixed >> shift & 0xFF_FFFF
            mask = 1 << (place & 7)
            if not bits[place >> 3] & mask:
                found = False
                bits[place >> 3] |= mask
        return found
