"""What others put into SQLite: declared types as Django and Rails write them, values that are none of their column's,
and kinds of tables. Nothing is a bug of ours, and no value changes in silence."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.errors import StatementError
from dbfleet.ops._plan import typed
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type, type_of
from tests.zoo.walk import codes, run, walk

pytestmark = pytest.mark.engines("sqlite")

UUID_TEXT = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"


def _make(path: Path, *statements: str) -> str:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return f"sqlite:///{path}"


def _open(path: Path) -> Any:
    return registry.connect(Target("s", "sqlite", "sqlite", database=str(path), create=True))


DECLARED = [
    ("date", ["'2024-02-29'", "'0001-01-01'"], "date"),
    ("date", ["'2024-02-30'"], "text"),
    ("date", ["'0000-01-01'"], "text"),
    ("date", ["1709211900"], "int"),
    ("datetime", ["'2024-02-29 13:05:00'", "'2024-02-29 13:05:00.500000'"], "datetime"),
    ("datetime(6)", ["'2024-02-29 13:05:00.000000'"], "datetime"),
    ("timestamp", ["'2024-02-29T13:05:00'", "'2024-02-29 13:05:00.5'"], "datetime"),
    ("timestamp", ["'2024-02-29 13:05:00.1234567'"], "text"),
    ("timestamp", ["'2024-02-29 24:00:00'"], "text"),
    ("timestamp", ["'2024-02-29 13:05:00Z'", "'2024-02-29T13:05:00.25+02:00'"], "instant"),
    ("timestamp with time zone", ["'2024-02-29 13:05:00+00:00'"], "instant"),
    ("timestamptz", ["'2024-02-29 13:05:00'"], "datetime"),
    ("time", ["'13:05:00'", "'13:05:00.250000'"], "time"),
    ("decimal(10,2)", ["12.5", "12", "-0.01"], "decimal(10,2)"),
    ("decimal(10,2)", ["0.333"], "decimal"),
    ("numeric", ["9e999"], "float"),
    ("decimal", ["'abc'", "1"], "text"),
    ("json", ["'{\"a\": [1.10, null]}'", "'3'", "'\"x\"'", "'null'"], "json"),
    ("json", ["'{'"], "text"),
    ("uuid", [f"'{UUID_TEXT}'"], "uuid"),
    ("uuid", [f"'{UUID_TEXT.replace('-', '')}'"], "uuid"),
    ("uuid", [f"'{UUID_TEXT}'", "'no uuid'"], "text"),
    ("guid", [f"X'{UUID_TEXT.replace('-', '')}'"], "uuid"),
    ("bool", ["0", "1"], "bool"),
    ("boolean", ["'t'", "'f'"], "bool"),
    ("boolean", ["2"], "int"),
    ("real", ["0.1", "3"], "float"),
    ("varchar(5)", ["'ab'"], "text(5)"),
]


@pytest.mark.parametrize(("declared", "values", "type_"), DECLARED)
def test_a_declared_type_is_read_as_it_where_every_value_is_one(
    tmp_path: Path, declared: str, values: list[str], type_: str
) -> None:
    rows = [f"INSERT INTO t VALUES ({number}, {value})" for number, value in enumerate([*values, "NULL"])]
    _make(tmp_path / "a.db", f"CREATE TABLE t(id integer primary key, v {declared})", *rows)
    with _open(tmp_path / "a.db") as adapter:
        schema = adapter.describe("t")
        assert typed(replace(schema.column("v"), native=None)) == type_
        found = [row for batch in adapter.scan(schema) for row in batch]
        assert type_ == "json" or {type_of(value) for _, value in found} <= {schema.column("v").type, None}


def test_all_of_them_through_every_verb(tmp_path: Path) -> None:
    names = [f"c{number} {declared}" for number, (declared, _, _) in enumerate(DECLARED)]
    rows = [", ".join(values[turn % len(values)] for _, values, _ in DECLARED) for turn in range(2)]
    inserts = [f"INSERT INTO t VALUES ({number}, {row})" for number, row in enumerate(rows)]
    url = _make(tmp_path / "a.db", f"CREATE TABLE t(id integer primary key, {', '.join(names)})", *inserts)
    ran = walk(url, "t", tmp_path, statement="SELECT * FROM t")
    assert set(codes(ran).values()) == {0}, codes(ran)


def test_what_is_written_back_is_stored_as_it_was(tmp_path: Path) -> None:
    """A copy of the rows into an empty table of the same words, and changes by key, leave the same stored values."""
    columns = (
        "id integer primary key, d datetime, r datetime(6), b boolean, n decimal(10,2), j json, u char(32), g uuid, "
        "tz timestamp with time zone, ti time"
    )
    _make(
        tmp_path / "a.db",
        f"CREATE TABLE t({columns})",
        "INSERT INTO t VALUES (1, '2024-02-29 13:05:00', '2024-02-29 13:05:00.000000', 't', 12.5, '{\"a\":1}', 'x', "
        f"'{UUID_TEXT.upper()}', '2024-02-29 13:05:00+00:00', '13:05:00')",
        "INSERT INTO t VALUES (2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
    )
    with _open(tmp_path / "a.db") as adapter:
        before = list(adapter.query("SELECT * FROM t"))
        rows = [row for batch in adapter.scan(adapter.describe("t")) for row in batch]
        adapter.write(adapter.describe("t"), [rows], mode="upsert")
    with _open(tmp_path / "a.db") as adapter:
        assert list(adapter.query("SELECT * FROM t")) == before


@pytest.mark.parametrize("declared", ["datetime", "uuid", "date", "decimal(12,2)"])
def test_rows_are_found_by_such_a_key(tmp_path: Path, declared: str) -> None:
    value = {"datetime": "'2024-02-29 13:05:00'", "uuid": f"'{UUID_TEXT}'", "date": "'2024-02-29'"}.get(
        declared, "12.50"
    )
    _make(
        tmp_path / "a.db", f"CREATE TABLE t(k {declared} primary key, v text)", f"INSERT INTO t VALUES ({value}, 'x')"
    )
    with _open(tmp_path / "a.db") as adapter:
        schema = adapter.describe("t")
        ((row,),) = list(adapter.scan(schema))
        assert list(adapter.get(schema, [row[:1]])) == [row]
        adapter.write(schema, [[(row[0], "y")]], mode="upsert")
        assert adapter.count("t") == 1
        assert adapter.delete(schema, [row[:1]]) == 1


@pytest.mark.parametrize(
    ("type_", "bad"),
    [
        (Type.UUID, "'no uuid'"), (Type.INT, "'abc'"), (Type.INT, "1.5"), (Type.BOOL, "7"), (Type.BOOL, "'yes'"),
        (Type.FLOAT, "'abc'"), (Type.TEXT, "X'00ff'"), (Type.BYTES, "'text'"), (Type.DATE, "'31.12.2024'"),
        (Type.DECIMAL, "'1,5'"), (Type.INSTANT, "X'01'"), (Type.JSON, "'{'"), (Type.TIME, "'25:00'"),
        (Type.JSON, "'\"\\ud83d\"'"), (Type.DATETIME, "'infinity'"),
    ],
)  # fmt: skip
def test_a_value_that_is_none_of_its_columns_is_named(tmp_path: Path, type_: Type, bad: str) -> None:
    schema = Schema("customers", (Column("id", Type.INT, False), Column("public_id", type_)), ("id",))
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(schema)
        adapter.write(schema, [[(1, None)]])
        adapter.query(f"UPDATE customers SET public_id = {bad}")
    url = f"sqlite:///{tmp_path / 'a.db'}"
    shown = "ud83d" if "ud83d" in bad else bad.strip("'X")
    for arguments in (("digest", f"{url}#customers"), ("dump", url, "-o", str(tmp_path / "dump"))):
        ran = run(*arguments)
        assert ran.code == 5, ran
        assert "customers: column public_id" in ran.err
        assert shown in ran.err.replace("\\x00\\xff", "00ff").replace("\\x01", "01")
    assert run("query", url, "SELECT * FROM customers").code == 0


def test_half_of_a_surrogate_pair_is_refused_by_its_column(tmp_path: Path) -> None:
    columns = (Column("id", Type.INT, False), Column("v", Type.TEXT), Column("j", Type.JSON))
    schema = Schema("t", columns, ("id",))
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(schema)
        for row, word in (((1, "\ud83d", None), "column v"), ((1, None, {"a": "\udfff"}), "t")):
            with pytest.raises(StatementError, match=word):
                adapter.write(schema, [[row]])
        assert adapter.count("t") == 0
    (tmp_path / "t.jsonl").write_text('{"id": 1, "v": "\\ud83d"}\n')
    assert run("load", f"sqlite:///{tmp_path}/b.db", str(tmp_path / "t.jsonl")).code == 2


def test_kinds_of_tables_and_what_they_have(tmp_path: Path) -> None:
    url = _make(
        tmp_path / "a.db",
        "CREATE TABLE par(id integer primary key)",
        "CREATE TABLE t(id integer primary key, p int references par on delete cascade deferrable initially deferred, "
        "d text default (date('now')), v int generated always as (p * 2) virtual, s int as (p + 1) stored, "
        "n text collate nocase check (n <> 'check'), CHECK (p > 0))",
        "CREATE INDEX down ON t (p DESC)",
        "CREATE VIEW good AS SELECT * FROM t",
        "CREATE VIEW broken AS SELECT * FROM nowhere",
        "CREATE VIRTUAL TABLE words USING fts5(x)",
        "CREATE TABLE strict_(a int, b text) STRICT",
        'CREATE TABLE "we""ird \U0001f600"("a.b" text, "select" int)',
        "CREATE TRIGGER tell AFTER INSERT ON t BEGIN SELECT 1; END",
        "INSERT INTO par VALUES (1)",
        "INSERT INTO t(id, p, n) VALUES (1, 1, 'x')",
        "INSERT INTO words VALUES ('hello')",
    )
    with _open(tmp_path / "a.db") as adapter:
        assert adapter.collections() == ["good", "par", "strict_", "t", 'we"ird \U0001f600', "words"]
        assert {*adapter.extras("t").left} >= {
            "2 checks", "collation NOCASE", "that references are deferred",
            "generated column v, virtual: its values come", "generated column s, stored: its values come",
            "of index down, its descending order", "trigger tell",
            "of the reference to par, on delete cascade", "default of d, an expression: date('now')",
        }  # fmt: skip
        assert "that it is a virtual table: its rows come as a table" in adapter.extras("words").left
        assert any("broken" in text and "nowhere" in text for text in adapter.left())
    assert run("copy", url, f"sqlite:///{tmp_path}/b.db", "--verify").code == 0
    ran = walk(url, "t", tmp_path, statement="SELECT * FROM t")
    assert set(codes(ran).values()) == {0}, codes(ran)


def test_a_thousand_columns(tmp_path: Path) -> None:
    columns = ", ".join(f"c{number} {('date', 'decimal(9,1)', 'uuid', 'x')[number % 4]}" for number in range(1000))
    url = _make(tmp_path / "a.db", f"CREATE TABLE t({columns})", "INSERT INTO t(c0, c1) VALUES ('2024-02-29', 1.5)")
    assert run("copy", url, f"sqlite:///{tmp_path}/b.db", "t", "--verify").code == 0
