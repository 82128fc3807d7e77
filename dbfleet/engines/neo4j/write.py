"""Writing and removing rows, a batch at a time.

A batch is one transaction. Where a key in it is there already, the server rolls the whole batch back: then the rows
whose keys are there are refused one by one, and the others are sent again. A row of an edge collection whose ends are
not there is refused before it is sent, and so is a row that is larger than a transaction may be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from dbfleet.adapter import Rejected, WriteMode, Written
from dbfleet.columns import shortened
from dbfleet.engines.neo4j import read
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import ROWS
from dbfleet.engines.neo4j.values import Convert, bytes_of, heap_of, stored
from dbfleet.errors import ConstraintViolated
from dbfleet.values import Batch, Row, Schema, Type

_CHARACTERS: Final = 1_500_000
"""How large one UNWIND may be: the driver packs it whole, and the server holds it in its heap."""
ASK_BEYOND: Final = 4 << 20
"""Bytes of a row from which on the server is asked how large a row may be."""
_MEMORY: Final = {
    "dbms.memory.transaction.total.max": 1.0,
    "db.memory.transaction.total.max": 1.0,
    "db.memory.transaction.max": 1.0,
    "server.memory.heap.max_size": 0.7,
}
"""The server's settings that bound what one transaction may hold, and which share of each."""

Stores = Mapping[Type, Convert]


def write(
    session: Session, collections: Collections, schema: Schema, batches: Iterable[Batch], mode: WriteMode,
    packing: Stores,
) -> Written:  # fmt: skip
    """Store the rows; `packing` says how values are sent. References to the collection itself become relationships
    after the last row."""
    stores = {**packing, **collections.layout(schema.name).store(schema)}
    written = Written()
    writing = _Writing(session, collections, schema, mode, packing, stores, written)
    for rows in _coalesced(_fitting(session, schema, shortened(schema.columns, batches), written)):
        writing.write(rows)
    for reference in schema.references:
        if reference.collection == schema.name and not cypher.is_edge(schema):
            session.run(cypher.relation_to_itself(schema, reference))
    return written


def delete(session: Session, collections: Collections, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were."""
    layout = collections.known(schema)
    columns = [schema.column(name) for name in schema.key]
    where = " AND ".join(f"{layout.lies(name)} = k[{place}]" for place, name in enumerate(schema.key))
    statement = (
        f"UNWIND $keys AS k MATCH {layout.match} WHERE {where} WITH DISTINCT x "
        f"{'' if layout.relationship or cypher.is_edge(layout.schema) else 'DETACH '}DELETE x RETURN count(*)"
    )
    removed = 0
    for start in range(0, len(keys), ROWS):
        ((count,),) = session.rows(statement, {"keys": stored(columns, keys[start : start + ROWS])})
        removed += int(count)
    return removed


class _Writing:
    """One write: `written` counts what is stored and names what was refused."""

    def __init__(
        self, session: Session, collections: Collections, schema: Schema, mode: WriteMode, packing: Stores,
        stores: Stores, written: Written,
    ) -> None:  # fmt: skip
        self._session = session
        self._collections = collections
        self._schema = schema
        self._packing = packing
        self._stores = stores
        self._written = written
        self._statement = cypher.write_statement(schema, mode)

    def write(self, rows: list[Row]) -> None:
        """Store the rows in one transaction, or two."""
        if cypher.is_edge(self._schema):
            rows = self._with_ends(rows)
        try:
            self._send(rows)
        except ConstraintViolated:
            rows = self._without_existing(rows)
            if rows:
                self._send(rows)
        self._written.rows += len(rows)

    def _send(self, rows: list[Row]) -> None:
        self._session.run(self._statement, {"rows": stored(self._schema.columns, rows, self._stores)})

    def _with_ends(self, rows: list[Row]) -> list[Row]:
        """The rows whose two ends are there; the others are refused."""
        schema = self._schema
        values = {column.name: f"r[{place}]" for place, column in enumerate(schema.columns)}
        ends = [cypher.end(reference, place, values) for place, reference in enumerate(schema.references[:2])]
        answer = self._session.rows(
            f"UNWIND range(0, size($rows) - 1) AS n WITH n, $rows[n] AS r "
            f"WHERE NOT (EXISTS {{ MATCH {ends[0]} }} AND EXISTS {{ MATCH {ends[1]} }}) RETURN n",
            {"rows": stored(schema.columns, rows, self._packing)},
        )
        missing = {place for (place,) in answer}
        for place in sorted(missing):
            self._written.rejected.append(Rejected(rows[place], "a node that the relationship connects is not there"))
        return [row for place, row in enumerate(rows) if place not in missing]

    def _without_existing(self, rows: list[Row]) -> list[Row]:
        """The rows whose keys are new, the first of those that share one; the others are refused."""
        indexes = self._schema.key_indexes
        keys = [tuple(row[place] for place in indexes) for row in rows]
        existing = read.get(self._session, self._collections, self._schema, keys)
        taken = {tuple(row[place] for place in indexes) for row in existing}
        kept = []
        for row, key in zip(rows, keys, strict=True):
            if key in taken:
                self._written.rejected.append(Rejected(row, f"the key {key!r} exists already"))
            else:
                taken.add(key)
                kept.append(row)
        return kept


def _fitting(session: Session, schema: Schema, batches: Iterable[Batch], written: Written) -> Iterator[Batch]:
    """The rows that a transaction of the server's holds; the others are refused, and the reason names the value that is
    too large. The server is asked when the first large row comes."""
    limit: int | None = None
    for batch in batches:
        fitting = []
        for row in batch:
            wide = heap_of(row)
            if wide > ASK_BEYOND:
                limit = largest_row(session) if limit is None else limit
                if wide > limit:
                    written.rejected.append(Rejected(row, _too_large(schema, row, wide, limit)))
                    continue
            fitting.append(row)
        yield fitting


def largest_row(session: Session) -> int:
    """How many bytes a row may have. It is in the heap as text, as a property and as what the store keeps: 3.5 times,
    measured."""
    statement = "SHOW SETTINGS YIELD name, value WHERE name IN $names RETURN name, value"
    settings = dict(session.rows(statement, {"names": list(_MEMORY)}))
    sizes = [size * share for name, share in _MEMORY.items() if (size := bytes_of(settings.get(name)))]
    return int(min(sizes) / 3.6) if sizes else 1 << 62


def _too_large(schema: Schema, row: Row, wide: int, limit: int) -> str:
    widest = max(range(len(row)), key=lambda place: heap_of((row[place],)))
    key = tuple(row[place] for place in schema.key_indexes)
    what = f"{schema.name}.{schema.names[widest]} of key {key!r:.200}"
    return (
        f"{what}: {wide:,} bytes, and a transaction of this server holds {limit:,} (dbms.memory.transaction.total.max)"
    )


def _coalesced(batches: Iterable[Batch]) -> Iterator[list[Row]]:
    """Batches of up to ROWS rows and about _CHARACTERS characters."""
    rows: list[Row] = []
    size = 0
    for batch in batches:
        for row in batch:
            rows.append(row)
            size += 10 + sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
            if len(rows) >= ROWS or size >= _CHARACTERS:
                yield rows
                rows, size = [], 0
    if rows:
        yield rows
