"""Changes of rows as CQL statements, with the literals that CQL has for each type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from dbfleet.adapter import Change
from dbfleet.columns import Convert
from dbfleet.engines.cassandra.text import quote
from dbfleet.engines.cassandra.values import DECLARED, STORE, cql_type, read_only
from dbfleet.errors import Unsupported
from dbfleet.sql import changes as sql_changes
from dbfleet.values import Column, Schema, Type


def statements(table: str, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as statements on the table, each with its semicolon."""
    literals = [literal_of(column) for column in schema.columns]
    spelling = sql_changes.Spelling(table, quote, lambda place, value: literals[place](value))
    yield from sql_changes.statements(schema, changes, spelling)


def literal_of(column: Column) -> Callable[[Any], str]:
    """A function from a value of the column to its literal. Unsupported for a column that dbfleet does not write."""
    store, write = STORE.get(column.type), _LITERAL[column.type]
    native = cql_type(column) or DECLARED[column.type]
    why = read_only(column)
    if why and native != "duration":
        raise Unsupported(why)
    if column.type is Type.TEXT and native == "duration":
        return str
    return lambda value: write(store(value) if store else value)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    return repr(value) if value not in (float("inf"), float("-inf")) else ("Infinity" if value > 0 else "-Infinity")


_LITERAL: Final[Mapping[Type, Convert]] = {
    Type.BOOL: lambda value: "true" if value else "false",
    Type.INT: str,
    Type.DECIMAL: str,
    Type.FLOAT: _float,
    Type.TEXT: _text,
    Type.BYTES: lambda value: f"0x{value.hex()}",
    Type.DATE: lambda value: f"'{value.isoformat()}'",
    Type.TIME: lambda value: f"'{value.isoformat()}'",
    Type.DATETIME: str,
    Type.INSTANT: str,
    Type.UUID: str,
    Type.JSON: _text,
}
"""The literal of a value as it is stored (see STORE): a datetime and an instant are milliseconds by then."""
