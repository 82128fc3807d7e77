"""Cypher's types of properties, by its manual's "Property types", each of a node of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Value, Zoo, kinds, run

_LISTED = {
    "BOOLEAN": ("true", "false"),
    "INTEGER": ("-9223372036854775808", "9223372036854775807"),
    "FLOAT": ("1.5", "NaN", "Infinity", "1.7976931348623157e308"),
    "STRING": ("''", "' '", "'é\U0001f600'"),
    "DATE": ("date('2024-02-29')", "date('0001-01-01')", "date('9999-12-31')"),
    "LOCAL TIME": ("localtime('13:05:00.25')",),
    "ZONED TIME": ("time('12:00+02:00')",),
    "LOCAL DATETIME": ("localdatetime('2024-02-29T13:05:00.123456')",),
    "ZONED DATETIME": ("datetime('2024-02-29T13:05:00Z')",),
    "DURATION": ("duration('P1M2DT3.5S')",),
    "POINT": ("point({x: 1, y: 2})", "point({longitude: 1, latitude: 2, height: 3})"),
    "LIST<INTEGER>": ("[1, 2]",),
    "LIST<STRING>": ("['a', 'b']",),
    "LIST<DATE>": ("[date('2024-01-01')]",),
    "LIST<FLOAT>": ("[1.5, 2.0]",),
    "LIST<BOOLEAN>": ("[true]",),
}
_BEYOND = {
    "DATE": ("date('-0044-03-15')",),
    "LOCAL DATETIME": ("localdatetime('2024-02-29T13:05:00.123456789')",),
    "ZONED DATETIME": ("datetime('2024-02-29T13:05:00[Europe/Berlin]')",),
}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    """A label has no columns: it is there with its first node."""


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    run(adapter, f"CREATE CONSTRAINT {name}_id IF NOT EXISTS FOR (n:{name}) REQUIRE n.id IS UNIQUE")
    for value in values:
        run(adapter, f"CREATE (:{name} {{id: {value.id}, {value.column}: {value.words}}})")


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    """The server's name of the type, and the value."""
    found = {}
    for column in columns:
        value = f"n.{column}"
        rows = run(adapter, f"MATCH (n:{name}) WHERE {value} IS NOT NULL RETURN n.id, valueType({value}), {value}")
        found.update({id: f"{type_} {value!r}" for id, type_, value in rows})
    return found


ZOO = Zoo("neo4j", kinds(_LISTED, _BEYOND), _make, _fill, _said, typeless=True)
