"""How many rows may come at once, by the size of the largest: libpq holds a chunk of rows whole, and a batch is bounded
in bytes (adapter.BATCH_BYTES).

In a table that keeps nothing outside its pages every row is smaller than a page, and nothing is asked. For any other
table the server gives the largest lengths. The length of text and bytes stands before the value, which is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from dbfleet.adapter import BATCH_BYTES
from dbfleet.engines.postgres.tables import Execute, Table, from_, named
from dbfleet.engines.postgres.types import LEXIS
from dbfleet.values import Row, Schema, Type

_OUTSIDE: Final = """
SELECT coalesce(sum(pg_relation_size(nullif(t.reltoastrelid, 0))), 0) > 0 FROM pg_catalog.pg_class t
WHERE t.oid IN (SELECT $1::regclass UNION SELECT relid FROM pg_partition_tree($1::regclass)
                UNION SELECT inhrelid FROM pg_catalog.pg_inherits WHERE inhparent = $1::regclass)
"""
_MEASURED: Final = frozenset({"text", "character varying", "character", "bytea"})
_FIXED: Final = frozenset(
    {"boolean", "smallint", "integer", "bigint", "real", "double precision", "uuid", "date", "oid", '"char"', "name"}
)
_UNPACKED: Final = 10
"""How many times longer than it is stored, compressed, a value of another type may be as text. A guess."""
_UNKNOWN: Final = BATCH_BYTES // 50
"""Bytes that a row of a view or a foreign table is taken to have: to ask would compute it twice."""
SLICE: Final = 16 << 20
"""Bytes, or characters, of a huge value that are read or written at once."""
HUGE: Final = 16 << 20
"""From so many bytes on a value is huge: its row is written alone, and it is read in slices. A server holds a value of
100 MB some six times in memory while it makes the text of it, or reads it from a line of COPY."""


def largest(execute: Execute, schema: Schema, table: Table, condition: str = "", values: Sequence[str] = ()) -> int:
    """The bytes that a row has at most; 0 where that is less than a page. `condition` with its parameters `values`
    chooses the rows."""
    if table.kind not in "rpm":
        return _UNKNOWN
    lengths = []
    for column in schema.columns:
        native = table.column(column.name).cast
        if native not in _FIXED and not native.startswith("time"):
            name = LEXIS.quote(column.name)
            lengths.append(
                f"coalesce(max(octet_length({name})), 0)::bigint" if native in _MEASURED
                else f"coalesce(max(pg_column_size({name})), 0)::bigint * {_UNPACKED}"
            )  # fmt: skip
    if not lengths or not execute(_OUTSIDE, [table.sql])[0][0]:
        return 0
    (longest,) = execute(f"SELECT {', '.join(lengths)} FROM {table.sql}{condition}", values)
    return sum(map(int, longest))


def rows_at_once(row_bytes: int, most: int) -> int:
    """How many rows may come together, at most `most`."""
    return max(1, min(most, BATCH_BYTES // max(row_bytes, 1)))


class Slices:
    """How rows with huge values are read. `select` gives NULL for a huge value, and behind the columns where the row
    lies and which of its values are huge. `whole` puts these values in."""

    def __init__(self, schema: Schema, table: Table, expressions: Sequence[str]) -> None:
        kinds = [table.column(column.name).cast for column in schema.columns]
        self._table, self._width = from_(schema, table), len(kinds)
        self._places = [place for place, kind in enumerate(kinds) if sliced(schema.columns[place].type, kind)]
        self._names = [LEXIS.quote(schema.names[place]) for place in self._places]
        huge = [f"octet_length({name}) > {HUGE}" for name in self._names]
        columns = list(expressions)
        for place, is_huge in zip(self._places, huge, strict=True):
            columns[place] = f"CASE WHEN {is_huge} THEN NULL ELSE {columns[place]} END"
        places = ", ".join(["tableoid", "ctid::text", *huge])
        self.select = f"SELECT {named(schema, columns)}, {places} FROM {self._table}"

    def whole(self, row: Row, execute: Execute) -> Row:
        """The row of `select` with its huge values; `execute` runs statements that see the same moment."""
        values = list(row[: self._width])
        oid, ctid, *huge = row[self._width :]
        for place, name, is_huge in zip(self._places, self._names, huge, strict=True):
            if is_huge:
                values[place] = self._joined(name, oid, ctid, execute)
        return tuple(values)

    def _joined(self, name: str, oid: int, ctid: str, execute: Execute) -> Any:
        text = f"SELECT substr({name}, $1::int, {SLICE}) FROM {self._table} WHERE tableoid = $2::oid AND ctid = $3::tid"
        slices: list[Any] = []
        while not slices or len(slices[-1]) == SLICE:
            ((piece,),) = execute(text, [len(slices) * SLICE + 1, oid, ctid])
            slices.append(piece)
        return slices[0][:0].join(slices)


def sliced(type_: Type, native: str) -> bool:
    """Whether a value of this type can be read and written in slices; `native` is the column's own type."""
    return (type_ is Type.BYTES and native == "bytea") or (
        type_ is Type.TEXT and native in ("text", "character varying")
    )
