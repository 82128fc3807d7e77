"""A table's schema by the catalog, in two statements.

SQLAlchemy's reflection gives the same in 0.2 seconds of imports and a dozen statements; it still writes the tables.
A column's type is what its type in the catalog is carried as (`types`). What a table cannot say is in the comments that
`create` leaves on the column and the table (`sql.relational.type_comment`). The sizes that a domain has are not taken
for its columns.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any, Final

from dbfleet.engines.postgres.fast.digest import BOUNDS
from dbfleet.engines.postgres.tables import Execute, Table, TableColumn, Tables
from dbfleet.engines.postgres.types import CLOSED, LEXIS, TypeCatalog
from dbfleet.native import beyond
from dbfleet.sql.relational import table_comment, typed_by_comment
from dbfleet.values import Column, Reference, Schema, Type

_CONSTRAINTS: Final = """
SELECT k.contype::text, k.conname, a.attname, o.nspname, r.relname, b.attname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'f')
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS u(own, other, place)
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.own
LEFT JOIN pg_catalog.pg_class r ON r.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace o ON o.oid = r.relnamespace
LEFT JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = u.other
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
  -- A reference to a partitioned table has a constraint for each of its partitions beside its own.
  AND NOT EXISTS (SELECT FROM pg_catalog.pg_constraint p WHERE p.oid = k.conparentid AND p.conrelid = k.conrelid)
ORDER BY k.contype, k.conname, u.place
"""

_SIZES: Final = re.compile(r"\((\d+)(?:,(-?\d+))?\)")


def describe(execute: Execute, tables: Tables, name: str) -> Schema:
    """The schema of the table or view. NotFound if there is none."""
    table = tables.find(name)
    kept = table_comment(table.comment)
    columns = [_column(column, there, tables.types) for column, there in table.columns.items()]
    key: tuple[str, ...] = ()
    references = []
    for (kind, _), group in groupby(execute(_CONSTRAINTS, tables.split(name)), key=lambda row: row[:2]):
        rows = list(group)
        own = tuple(row[2] for row in rows)
        if kind == "p":
            key = own
        else:
            references.append(Reference(own, tables.joined(*rows[0][3:5]), tuple(row[5] for row in rows)))
    order = {column: number for number, column in enumerate(table.columns)}
    references.sort(key=lambda each: [order[column] for column in each.columns])
    told = {*key, *(column for reference in references for column in reference.columns)}
    dated = [column for column in columns if column.type in BOUNDS and column.name not in told]
    outside = _beyond(execute, tables, table, dated)
    return Schema(
        name,
        tuple(beyond(column) if column.name in outside else column for column in columns),
        key,
        tuple(references),
        edge=bool(kept.get("edge")),
        partition=tuple(kept.get("partition", ())),
    )


def _column(name: str, there: TableColumn, types: TypeCatalog) -> Column:
    carried = types[there.oid]
    known = sizes(carried.column_type, there.native) if there.oid in CLOSED else {}
    column = Column(name, carried.column_type, not there.not_null, native=there.native, note=carried.note, **known)
    if carried.type is not None and not carried.nested:
        column = typed_by_comment(column, there.comment)
    return replace(column, note=None, generated=True) if there.generated else column


def sizes(type_: Type, native: str) -> dict[str, Any]:
    """What the type's name says of its sizes: numeric(12,2), character varying(20), timestamp(3) with time zone."""
    found = _SIZES.search(native)
    if found is None:
        return {}
    if type_ is Type.DECIMAL:
        return {"precision": int(found[1]), "scale": int(found[2] or 0)}
    word = {Type.TEXT: "length", Type.TIME: "fraction_digits", Type.DATETIME: "fraction_digits",
            Type.INSTANT: "fraction_digits"}.get(type_)  # fmt: skip
    return {word: int(found[1])} if word else {}


_EXACTLY: Final = 8 << 20
"""Up to so many bytes a table is read to find such dates: that takes a few milliseconds."""
_STATISTICS: Final = """
SELECT attname FROM pg_catalog.pg_stats WHERE schemaname = $1 AND tablename = $2
  AND concat(most_common_vals::text, histogram_bounds::text) ~ 'infinity| BC|[0-9]{5}-|[{,"]24:00'
"""
"""A time of 24:00 begins its value: minute 24 of a timestamp does not."""


def _beyond(execute: Execute, tables: Tables, table: Table, dated: Sequence[Column]) -> set[str]:
    """Which of these columns hold a date or time that Python has not: infinity, BC, a year beyond 9999, 24:00:00. A
    large table is not read: the server's statistics tell. A value that is too rare for them is refused by a scan, by
    name."""
    if not dated or table.kind not in "rpm":
        return set()
    if tables.bytes(table) > _EXACTLY:
        told = {name for (name,) in execute(_STATISTICS, tables.split(table.name))}
        return {column.name for column in dated if column.name in told}
    tests = [
        f"coalesce(bool_or({LEXIS.quote(column.name)} NOT BETWEEN {low} AND {high}), false)"
        for column, (low, high) in ((column, BOUNDS[column.type]) for column in dated)
    ]
    (answers,) = execute(f"SELECT {', '.join(tests)} FROM {table.sql}", ())
    return {column.name for column, is_beyond in zip(dated, answers, strict=True) if is_beyond}
