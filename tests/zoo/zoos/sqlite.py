"""SQLite's declared types, as datatype3.html lists them and as people write them, with the values that belong there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dbfleet.adapter import Adapter
from tests.zoo.zoos import Kind, Things, Value, Zoo, kinds, run

_UUID = "'f81d4fae-7dec-11d0-a765-00a0c91e6bf6'"
_LISTED = {
    "INT": ("-9223372036854775808", "9223372036854775807"),
    "INTEGER": ("0", "-1"),
    "TINYINT": ("127",),
    "BIGINT": ("9007199254740993",),
    "UNSIGNED BIG INT": ("9223372036854775807",),
    "TEXT": ("''", "' '", "'é😀'", "'1'", "'it''s'"),
    "VARCHAR(20)": ("'x'", "''"),
    "NCHAR(55)": ("'ab  '",),
    "CLOB": ("'x'",),
    "BLOB": ("x''", "x'00ff0a'"),
    "REAL": ("0.1", "1.0", "5e-324", "1.7976931348623157e308", "9e999", "-9e999"),
    "DOUBLE PRECISION": ("0.30000000000000004",),
    "FLOAT": ("-0.5",),
    "NUMERIC": ("1.5", "7", "9007199254740993"),
    "DECIMAL(10,2)": ("12.5", "0", "-99999999.99"),
    "BOOLEAN": ("1", "0"),
    "DATE": ("'2024-02-29'", "'0001-01-01'", "'9999-12-31'"),
    "TIME": ("'13:05:00'",),
    "DATETIME": ("'2024-02-29 13:05:00'", "'2024-02-29 13:05:00.123456'"),
    "UUID": (_UUID,),
    "JSON": ("'{\"a\":1}'", "'[1,null]'"),
}
_BEYOND = {
    "TEXT": ("CAST(x'ff' AS TEXT)",),
}


def _make(adapter: Adapter, name: str, made: Mapping[str, Kind]) -> None:
    columns = ", ".join(f"{column} {kind.words}" for column, kind in made.items())
    run(adapter, f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, {columns})")


def _fill(adapter: Adapter, name: str, values: Sequence[Value]) -> None:
    for value in values:
        run(adapter, f"INSERT INTO {name} (id, {value.column}) VALUES ({value.id}, {value.words})")


def _said(adapter: Adapter, name: str, columns: Sequence[str]) -> dict[int, str]:
    value = f"coalesce({', '.join(columns)}, NULL)"
    return dict(run(adapter, f"SELECT id, typeof({value}) || ' ' || quote({value}) FROM {name}"))


_THINGS = Things(
    (
        "CREATE TABLE {par} (id INTEGER PRIMARY KEY)",
        """CREATE TABLE {name} (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            p INT REFERENCES {par} ON DELETE CASCADE ON UPDATE SET NULL DEFERRABLE INITIALLY DEFERRED,
            n INT NOT NULL DEFAULT 7, t TEXT COLLATE NOCASE, e TEXT DEFAULT (lower('X')), m DATETIME DEFAULT
            CURRENT_TIMESTAMP, g INT GENERATED ALWAYS AS (n * 2) STORED, w TEXT AS ('n' || n) VIRTUAL,
            CHECK (n > 0), CONSTRAINT two UNIQUE (n, t))""",
        "CREATE INDEX {name}_plain ON {name} (n)",
        "CREATE INDEX {name}_desc ON {name} (n DESC)",
        "CREATE INDEX {name}_expression ON {name} (abs(n))",
        "CREATE INDEX {name}_partial ON {name} (n) WHERE n > 5",
        "CREATE UNIQUE INDEX {name}_unique ON {name} (p, n)",
        "CREATE TRIGGER {name}_trigger AFTER INSERT ON {name} BEGIN SELECT 1; END",
        "INSERT INTO {par} VALUES (1)",
        "INSERT INTO {name} (p, n, t, m) VALUES (1, 1, 'x', '2024-02-29 13:05:00')",
    ),
    ("DROP TABLE IF EXISTS {name}", "DROP TABLE IF EXISTS {par}"),
    (
        "on delete cascade", "references are deferred", "check", "collation NOCASE", "{name}_plain",
        "{name}_desc, its descending order", "{name}_expression", "{name}_partial", "{name}_unique", "(n, t)",
        "{name}_trigger", "identity", "default of n", "default of m", "default of e", "generated column g",
        "generated column w",
    ),
)  # fmt: skip
ZOO = Zoo("sqlite", kinds(_LISTED, _BEYOND), _make, _fill, _said, things=_THINGS)
