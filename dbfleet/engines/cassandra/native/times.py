"""Rows with their times, for a copy that keeps them (KeepsTimes). Each value of Cassandra's has a time of its own, so
what a row consists of is told apart by it: a native row with times is that part of a row which was written at one
moment and ends at one moment. All of it ends together.

- Sets and maps that are not frozen are parts of their own, down to their elements. A list's elements, and the fields of
  a type that is not frozen, have all the times of the last of them: a part of a list cannot be written.
- The static values of a partition are parts whose clustering columns are null.
- The moment at which a value ends is exact: the server is asked, and told, by a clock that we give (`now_in_seconds` of
  the protocol's version 5).
- The oldest part of a row is inserted, the others are updates: so a row ends with its values, as it does at the source.
  A row that has no value besides its key does not tell its times in CQL. It gets those of now.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import Any, Final

from dbfleet.adapter import Part, WriteMode, Written
from dbfleet.engines.cassandra.native.rows import as_they_are
from dbfleet.engines.cassandra.native.values import cells, columns_raw
from dbfleet.engines.cassandra.session import Session
from dbfleet.engines.cassandra.tables import Tables
from dbfleet.engines.cassandra.text import partition_of, quote, quoted
from dbfleet.engines.cassandra.values import FOREIGN, cql_type, is_static
from dbfleet.engines.cassandra.write import Writing, largest_of
from dbfleet.values import Batch, Column, Row, Schema, Type

ENDS: Final = "when it ends"
"""EngineSpec.ends: the native type of the column that says, in milliseconds, when a part of a row ends."""
_WRITTEN: Final = "when it was written"
_WITH_NOW: Final = 0x100
_ALIAS: Final = "dbfleet {} of {}"
_bigint, _int = struct.Struct(">q").pack, struct.Struct(">i").pack
_OF_ONE: Final = frozenset({*FOREIGN, "frozen", "tuple", "vector"})
"""Types whose values have one time."""
Times = tuple[int | None, int | None]
"""When something was written, in microseconds, and in which second it ends."""


def timed(schema: Schema) -> Schema:
    """The native schema whose rows have their times. It has no key: a row may have several parts."""
    names = [word + "_" * max((len(name) for name in schema.names), default=0) for word in ("written", "ends")]
    if not {"written", "ends"} & set(schema.names):
        names = ["written", "ends"]
    more = [Column(name, Type.INT, native=word) for name, word in zip(names, (_WRITTEN, ENDS), strict=True)]
    return replace(schema, columns=(*schema.columns, *more), key=(), partition=())


def is_timed(schema: Schema) -> bool:
    """Whether the schema's rows have their times."""
    return schema.native and bool(schema.columns) and schema.columns[-1].native == ENDS


class Parts(list[Row]):
    """A batch of parts; `first` says of which a row is inserted."""

    __slots__ = ("first",)

    def __init__(self, rows: Batch, first: Sequence[bool]) -> None:
        super().__init__(rows)
        self.first = first


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which column is what, by its place: `several` have a time for each of what they hold; of these the `elements` are
    sets and maps, which go by their elements, so many values each."""

    names: tuple[str, ...]
    key: tuple[int, ...]
    partition: tuple[int, ...]
    statics: tuple[int, ...]
    values: tuple[int, ...]
    several: frozenset[int]
    elements: Mapping[int, int]

    @property
    def clustering(self) -> tuple[int, ...]:
        return self.key[len(self.partition) :]


def _layout(tables: Tables, schema: Schema) -> _Layout:
    known = tables.described(schema.name)
    names = schema.names[:-2]
    key = tuple(names.index(name) for name in known.key)
    statics = tuple(place for place, column in enumerate(schema.columns) if is_static(column))
    values = tuple(place for place in range(len(names)) if place not in key and place not in statics)
    types = [(cql_type(column) or "").partition("<")[0] for column in schema.columns[:-2]]
    elements = {place: 2 if type_ == "map" else 1 for place, type_ in enumerate(types) if type_ in ("map", "set")}
    several = frozenset(place for place, type_ in enumerate(types) if type_ not in _OF_ONE)
    return _Layout(tuple(names), key, key[: len(partition_of(known))], statics, values, several, elements)


# --- our own clock ---------------------------------------------------------------------------------------------------


def with_clocks(driver: Any) -> None:
    """Let statements have a clock of their own: `now_in_seconds`."""
    driver.add_request_init_listener(_give_clock)


def _give_clock(future: Any) -> None:
    now = getattr(future.query, "now_in_seconds", None)
    if now is not None:
        message = future.message
        message._write_query_params = partial(_write_with_now, message._write_query_params, now)


def _write_with_now(write: Callable[[Any, int], None], now: int, stream: Any, version: int) -> None:
    """What the driver writes of a statement (a consistency, flags, …), and behind it the moment."""
    buffer = BytesIO()
    write(buffer, version)
    written = bytearray(buffer.getvalue())
    flags = int.from_bytes(written[2:6], "big") | _WITH_NOW
    written[2:6] = flags.to_bytes(4, "big")
    stream.write(bytes(written) + _int(now))


# --- reading ---------------------------------------------------------------------------------------------------------


def scan(session: Session, tables: Tables, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The parts of rows of a part of the table."""
    layout = _layout(tables, schema)
    timed_places = (*layout.statics, *layout.values)
    asked = [quote(name) for name in layout.names]
    for place in timed_places:
        for word in ("WRITETIME", "TTL"):
            name = layout.names[place]
            asked.append(f"{word}({quote(name)}) AS {quote(_ALIAS.format(word, name))}")
    statement = f"SELECT {', '.join(asked)} FROM {session.table(schema.name)}"
    bounds: tuple[Any, ...] = ()
    if part:
        token = f"token({', '.join(quote(layout.names[place]) for place in layout.partition)})"
        statement += f" WHERE {token} >= ? AND {token} <= ?"
        bounds = (part["from"], part["to"])
    bound = session.prepare(statement).bind(bounds)
    bound.now_in_seconds = now = int(time.time())
    lists = {_ALIAS.format(word, layout.names[place]) for place in layout.several for word in ("WRITETIME", "TTL")}
    with session.as_bytes(columns_raw(schema.columns) | lists):
        result = session.first_page(bound)
    cutter = _Cutter(layout, timed_places, now)
    for rows in session.pages_of(result, batch_size):
        found = [each for row in rows for each in cutter.parts(row)]
        if found:
            yield Parts([row for row, _ in found], [first for _, first in found])


class _Cutter:
    """Cuts rows into their parts. Rows of one partition come one after another."""

    def __init__(self, layout: _Layout, timed_places: Sequence[int], now: int) -> None:
        self._layout, self._now = layout, now
        start = len(layout.names)
        self._times = {place: start + 2 * number for number, place in enumerate(timed_places)}
        self._partition: list[Any] | None = None

    def parts(self, row: Row) -> Iterator[tuple[Row, bool]]:
        """The parts of a row, those of the statics of its partition before it; and which is inserted."""
        layout = self._layout
        partition = [row[place] for place in layout.partition]
        if partition != self._partition:
            self._partition = partition
            for times, values in self._groups(row, layout.statics):
                yield self._part(row, layout.partition, times, values), True
        if any(row[place] is None for place in layout.clustering):
            return
        groups = list(self._groups(row, layout.values))
        whole = [times for times, values in groups if not values.keys() & layout.elements.keys()]
        first = min(whole, key=lambda times: times[0] or 0, default=None)
        if not groups:
            yield self._part(row, layout.key, (None, None), {}), True
        for times, values in groups:
            inserted = times is first and not values.keys() & layout.elements.keys()
            yield self._part(row, layout.key, times, values), inserted

    def _part(self, row: Row, key: Sequence[int], times: Times, values: Mapping[int, bytes]) -> Row:
        kept = [row[place] if place in key else values.get(place) for place in range(len(self._layout.names))]
        return (*kept, times[0], None if times[1] is None else times[1] * 1000)

    def _groups(self, row: Row, places: Sequence[int]) -> Iterator[tuple[Times, dict[int, bytes]]]:
        """Values by their times; sets and maps by themselves."""
        groups: dict[Times, dict[int, bytes]] = {}
        for place in places:
            value, at = row[place], self._times[place]
            if value is None:
                continue
            written, left = row[at], row[at + 1]
            if place in self._layout.several:
                written, left = _numbers(written), _numbers(left)
                if place in self._layout.elements:
                    yield from self._elements(place, value, written, left)
                    continue
                written, left = _latest(written, left)
            groups.setdefault((written, self._end(left)), {})[place] = value
        yield from groups.items()

    def _elements(
        self, place: int, value: bytes, written: Sequence[int | None], left: Sequence[int | None]
    ) -> Iterator[tuple[Times, dict[int, bytes]]]:
        width, found = self._layout.elements[place], list(cells(value[4:]))
        groups: dict[Times, list[bytes | None]] = {}
        for number, (one, other) in enumerate(zip(written, left, strict=True)):
            its = found[number * width : (number + 1) * width]
            groups.setdefault((one, self._end(other)), []).extend(its)
        for times, some in groups.items():
            yield (
                times,
                {place: _int(len(some) // width) + b"".join(_int(len(each or b"")) + (each or b"") for each in some)},
            )

    def _end(self, left: int | None) -> int | None:
        return None if left is None else self._now + left


def _numbers(value: bytes) -> list[int | None]:
    """A list of the server's numbers, some of which may be null: the driver reads no list that holds null."""
    return [None if each is None else int.from_bytes(each, "big", signed=True) for each in cells(value[4:])]


def _latest(written: Sequence[int | None], left: Sequence[int | None]) -> tuple[int | None, int | None]:
    """The times of the last of a list's elements: where one does not end, none does."""
    there = [(one, other) for one, other in zip(written, left, strict=True) if one is not None]
    ends = [other for _, other in there]
    return max(one for one, _ in there), None if None in ends else max(each for each in ends if each is not None)


# --- writing ---------------------------------------------------------------------------------------------------------


def write(
    session: Session, tables: Tables, schema: Schema, batches: Iterable[Batch], mode: WriteMode, *, alone: bool
) -> Written:
    """Store parts of rows, each with its times, into a table that only this command fills."""
    writing = _Writing(session, tables, schema)
    for batch in batches:
        writing.store(batch, batch.first if isinstance(batch, Parts) else [True] * len(batch))
    return writing.written


class _Writing(Writing):
    """A write of parts of rows."""

    def __init__(self, session: Session, tables: Tables, schema: Schema) -> None:
        self._layout = _layout(tables, schema)
        named = replace(schema, key=tuple(self._layout.names[place] for place in self._layout.key))
        super().__init__(session, named, None, None, keep_nulls=False)
        self.largest = largest_of(session)
        self._table = session.table(schema.name)
        self._ready: dict[Any, Any] = {}

    def store(self, batch: Batch, first: Sequence[bool]) -> None:
        """Store a batch."""
        inserted = {id(row): whole for row, whole in zip(batch, first, strict=True)}
        rows = self._fitting([(row, row) for row in batch])
        self._collect(((self._of(row, inserted[id(row)]), [(row, row)]) for row, _ in rows), applied=False)

    def _of(self, row: Row, inserted: bool) -> Any:
        """The statement that stores a part."""
        from cassandra.query import UNSET_VALUE

        layout, (*_, written, ends) = self._layout, row
        key = layout.key
        if layout.clustering and row[layout.clustering[0]] is None:
            key, places = layout.partition, layout.statics
        else:
            places = layout.values
        now = int(time.time())
        if ends is not None:
            now = min(now, ends // 1000 - 1)  # it may have ended meanwhile
        times = [] if written is None else [_bigint(written), _int(0 if ends is None else ends // 1000 - now)]
        found = [place for place in places if row[place] is not None]
        if len(found) == 1 and found[0] in layout.elements:
            prepared = self._prepared(_ADD, key, (found[0],))
            values = [*times, row[found[0]], *(row[place] for place in key)]
        else:
            wanted = tuple(place for place in places if place not in layout.elements)
            cells_ = [UNSET_VALUE if row[place] is None else row[place] for place in wanted]
            keys = [row[place] for place in key]
            if inserted:
                prepared = self._prepared(_INSERT if times else _NOW, key, wanted)
                values = [*keys, *cells_, *times]
            else:
                prepared = self._prepared(_UPDATE, key, wanted)
                values = [*times, *cells_, *keys]
        bound = as_they_are(prepared, values)
        bound.now_in_seconds = now
        return bound

    def _prepared(self, how: str, key: tuple[int, ...], places: tuple[int, ...]) -> Any:
        """The statement of this kind for these columns."""
        asked = (how, key, places)
        if asked not in self._ready:
            names = self._layout.names
            both = [names[place] for place in (*key, *places)]
            self._ready[asked] = self._session.prepare(
                how.format(
                    table=self._table,
                    names=quoted(both),
                    marks=", ".join("?" * len(both)),
                    sets=", ".join(f"{quote(names[place])} = ?" for place in places),
                    more=", ".join(f"{quote(names[place])} = {quote(names[place])} + ?" for place in places),
                    where=" AND ".join(f"{quote(names[place])} = ?" for place in key),
                )
            )
        return self._ready[asked]


_NOW: Final = "INSERT INTO {table} ({names}) VALUES ({marks})"
_INSERT: Final = _NOW + " USING TIMESTAMP ? AND TTL ?"
_UPDATE: Final = "UPDATE {table} USING TIMESTAMP ? AND TTL ? SET {sets} WHERE {where}"
_ADD: Final = "UPDATE {table} USING TIMESTAMP ? AND TTL ? SET {more} WHERE {where}"
