"""What a table has besides its rows, and a copy does not take along, in words: from system_schema, and of what expires
from the rows that can be looked at in a few seconds."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from dbfleet.engines.cassandra.values import FOREIGN, is_static
from dbfleet.engines.cassandra.write import quote, quoted
from dbfleet.values import Schema

if TYPE_CHECKING:
    from dbfleet.engines.cassandra.adapter import CassandraAdapter

_PATIENCE_S: Final = 5.0
_PAGE: Final = 5000


def of_table(adapter: CassandraAdapter, schema: Schema, *, ours: bool) -> Iterator[str]:
    table = (adapter._keyspace, schema.name)
    where = "WHERE keyspace_name = %s AND table_name = %s"
    for name, target in adapter._rows(f"SELECT index_name, options FROM system_schema.indexes {where}", table):
        yield f"the index {name} ({dict(target or {}).get('target', '')})"
    for view, base in adapter._rows(
        "SELECT view_name, base_table_name FROM system_schema.views WHERE keyspace_name = %s", table[:1]
    ):
        if base == schema.name:
            yield f"the materialized view {view}"
    for (trigger,) in adapter._rows(f"SELECT trigger_name FROM system_schema.triggers {where}", table):
        yield f"the trigger {trigger}"
    ((seconds, comment),) = adapter._rows(
        f"SELECT default_time_to_live, comment FROM system_schema.tables {where}", table
    )
    if seconds:
        yield f"the rows' time to live of {seconds:,} seconds"
    if comment and not ours:
        yield "its comment"
    columns = adapter._rows(
        f"SELECT column_name, clustering_order, kind, type FROM system_schema.columns {where}", table
    )
    falling = [name for name, order, _, _ in columns if order == "desc"]
    if falling:
        yield f"the descending order of {', '.join(falling)}"
    mortal = [
        name for name, _, kind, type_ in columns
        if kind in ("regular", "static") and _has_one_end(type_)
    ]  # fmt: skip
    yield from _expiring(adapter, schema, mortal)
    if any(map(is_static, schema.columns)):
        alone = _without_rows(adapter, schema)
        if alone:
            yield f"the static values of {alone:,} partitions that have no row"


def of_keyspace(adapter: CassandraAdapter) -> Iterator[str]:
    for what, name in (("type", "type"), ("function", "function"), ("aggregate", "aggregate")):
        found = adapter._rows(
            f"SELECT {name}_name FROM system_schema.{name}s WHERE keyspace_name = %s", (adapter._keyspace,)
        )
        names = sorted({each for (each,) in found})
        if names:
            yield f"the {what}{'s' if len(names) > 1 else ''} {', '.join(names)}"


def _has_one_end(type_: str) -> bool:
    """What is not frozen has an end for each of its parts, of which CQL tells none or a list."""
    return (type_ in FOREIGN and type_ != "counter") or type_.startswith("frozen<")


def _expiring(adapter: CassandraAdapter, schema: Schema, columns: list[str]) -> Iterator[str]:
    if not columns:
        return
    asked = ", ".join(f"TTL({quote(name)})" for name in columns)
    count, give_up = 0, time.monotonic() + _PATIENCE_S
    for rows in adapter._pages(adapter._prepare(f"SELECT {asked} FROM {adapter._table(schema.name)}"), _PAGE):
        count += sum(any(left is not None for left in row) for row in rows)
        if time.monotonic() > give_up:
            break
    if count:
        yield f"the time to live of values in {count:,} rows"


def _without_rows(adapter: CassandraAdapter, schema: Schema) -> int:
    """Partitions that have static values alone: CQL gives them as a row whose clustering columns are null."""
    found = adapter._prepare(f"SELECT {quoted(schema.key)} FROM {adapter._table(schema.name)}")
    return sum(None in row for rows in adapter._pages(found, _PAGE) for row in rows)
