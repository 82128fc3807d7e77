"""A table's schema by the server's own texts: each value is what the server prints, and reads again as the same value.

Columns of which the closed set has every value keep their types: integers, texts, bytes, uuid. They say as much as the
server's texts, and a key is split, sorted and looked up by them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from dbfleet.engines.postgres.tables import Table, TableColumn
from dbfleet.values import Column, Schema, Type

_EXACT: Final[Mapping[str, Type]] = {
    "smallint": Type.INT,
    "integer": Type.INT,
    "bigint": Type.INT,
    "boolean": Type.BOOL,
    "uuid": Type.UUID,
    "text": Type.TEXT,
    "character varying": Type.TEXT,
    "bytea": Type.BYTES,
}
_SHOWN: Final = frozenset(
    {
        "numeric", "real", "double precision", "date", "json", "jsonb", "time without time zone",
        "timestamp without time zone", "timestamp with time zone",
    }
)  # fmt: skip
"""Types of the server whose texts are, nearly all, those of the closed set's type."""


def native(schema: Schema, table: Table) -> Schema:
    """The schema with its columns as the server's texts."""
    return replace(
        schema, columns=tuple(_native(column, table.column(column.name)) for column in schema.columns), native=True
    )


def _native(column: Column, there: TableColumn) -> Column:
    if _EXACT.get(there.cast) is column.type:
        return replace(column, native=there.native, note=None)
    shown = column.type if there.cast in _SHOWN and column.type is not Type.TEXT else None
    return Column(column.name, Type.TEXT, column.nullable, native=there.native, generated=there.generated, shown=shown)
