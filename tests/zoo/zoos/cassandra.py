"""CQL's types, by Cassandra's "Data types", with the values at their ends.

Counters and users' types are not here: a counter has a table of its own and takes no rows, and a type is one keyspace's
(tests/zoo/test_zoo_cassandra.py has both).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Value, Zoo, kinds, run

_LISTED = {
    "ascii": ("'plain'", "''"),
    "bigint": ("-9223372036854775808", "9223372036854775807"),
    "blob": ("0x", "0x00ff"),
    "boolean": ("true", "false"),
    "date": ("'0001-01-01'", "'9999-12-31'"),
    "decimal": ("0.1", "-12345678901234567890.123456789"),
    "double": ("0.1", "NaN", "Infinity", "1.7976931348623157e308"),
    "duration": ("1mo2d3s",),
    "float": ("1.5", "0.1", "NaN"),
    "inet": ("'::1'", "'10.0.0.1'"),
    "int": ("-2147483648", "2147483647"),
    "smallint": ("-32768",),
    "text": ("''", "' '", "'it''s \U0001f600'"),
    "time": ("'13:30:54.234567890'", "'00:00:00'"),
    "timestamp": ("'2024-02-29T13:05:00.123Z'", "'0001-01-01T00:00:00Z'"),
    "timeuuid": ("50554d6e-29bb-11e5-b345-feff819cdc9f",),
    "tinyint": ("-128",),
    "uuid": ("50554d6e-29bb-41e5-b345-feff819cdc9f",),
    "varint": ("123456789012345678901234567890", "-5"),
    "list<int>": ("[2, 1]",),
    "set<uuid>": ("{50554d6e-29bb-41e5-b345-feff819cdc9f}",),
    "map<timestamp, blob>": ("{'2020-01-01T00:00:00Z': 0xff}",),
    "tuple<int, text>": ("(1, 'x')",),
    "frozen<list<int>>": ("[]",),
    "vector<float, 3>": ("[1.5, 2, 3]",),
}
_BEYOND = {
    "date": ("'-5877641-06-23'",),
    "timestamp": ("9223372036854775807",),
}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    columns = ", ".join(f"{column} {kind.words}" for column, kind in made.items())
    run(adapter, f"CREATE TABLE {name} (id int PRIMARY KEY, {columns})")


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    for value in values:
        run(adapter, f"INSERT INTO {name} (id, {value.column}) VALUES ({value.id}, {value.words})")


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    """As JSON. A decimal's value alone: 0.10 is 0.1 to Cassandra too, which orders by it."""
    found: dict[int, str] = {}
    for row in run(adapter, f"SELECT id, {', '.join(f'toJson({column})' for column in columns)} FROM {name}"):
        every = zip(columns, row[1:], strict=True)
        said = {column: str(value) for column, value in every if value not in (None, "null")}
        if "v_decimal" in said:
            said["v_decimal"] = f"{Decimal(said['v_decimal']).normalize():f}"
        found[row[0]] = next(iter(said.values()), "null")
    return found


ZOO = Zoo("cassandra", kinds(_LISTED, _BEYOND), _make, _fill, _said)
