"""How many rows may come at once, by the size of the largest: libpq holds a chunk of rows whole, and a batch is bounded
in bytes (adapter.BATCH_BYTES).

A table that keeps nothing outside its pages has rows below a page, and nobody is asked. Of any other the server tells
the largest lengths: of text and bytes from what stands before the value, without reading it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from dbfleet.adapter import BATCH_BYTES
from dbfleet.engines._postgres_tables import Execute, Table
from dbfleet.engines._postgres_types import LEXIS
from dbfleet.values import Schema

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
"""What a value of another type may be longer as text than as it is stored, compressed: a guess."""
UNKNOWN: Final = 50
"""Rows at once of a view or a foreign table, which would be computed twice to be asked."""


def rows_at_once(
    execute: Execute, schema: Schema, table: Table, condition: str, values: Sequence[str], most: int
) -> int:
    """At most `most`. `condition` with its parameters `values` chooses the rows."""
    if table.kind not in "rpm":
        return min(most, UNKNOWN)
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
        return most
    (found,) = execute(f"SELECT {', '.join(lengths)} FROM {table.sql}{condition}", values)
    return max(1, min(most, BATCH_BYTES // max(sum(map(int, found)), 1)))
