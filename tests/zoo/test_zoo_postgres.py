"""PostgreSQL's own types, values and kinds of tables through every verb: nothing is a bug of ours, and what is called
exact comes out as it went in."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.target import Target
from tests.zoo.walk import codes, run, walk

pytestmark = pytest.mark.engines("postgres")

NATIVE = {
    "smallint": "-32768",
    "integer": "2147483647",
    "real": "0.1",
    "oid": "4294967295",
    "inet": "10.0.0.1",
    "cidr": "10.0.0.0/8",
    "macaddr": "08:00:2b:01:02:03",
    "macaddr8": "08:00:2b:01:02:03:04:05",
    "interval": "-1 year 2 mons -3 days 04:05:06.789",
    "interval(3)": "00:00:00.123",
    "interval year to month": "3 years",
    "bit(5)": "10101",
    "bit varying(9)": "1",
    "tsvector": "a:1 fat:2,4 cat:3A",
    "tsquery": "fat & rat:*",
    "point": "(1e300,-0)",
    "line": "{1,2,3}",
    "lseg": "[(0,0),(1,1)]",
    "box": "(1,1),(0,0)",
    "path": "((0,0),(1,1))",
    "polygon": "((0,0),(1,1))",
    "circle": "<(0,0),5>",
    "pg_lsn": "16/B374D848",
    "int4range": "[1,5)",
    "nummultirange": "{[1,3),[5,7]}",
    "tstzrange": "[2020-01-01 00:00+05,infinity)",
    "char(5)": "ab",
    "name": "nm",
    '"char"': "z",
    "time(2) with time zone": "13:30:54.23+05:30",
    "jsonpath": "$.a[*] ? (@ > 1)",
    "varchar(7)": "é",
    "numeric(12,4)": "1.1000",
    "numeric": "-Infinity",
    "double precision": "-0",
    "uuid": "a" * 32,
    "bytea": "\\xff00",
    "timestamp(3)": "2024-02-29 13:05:00.123",
    "timestamptz": "2024-02-29 13:05:00.123456+05",
    "time": "23:59:59.999999",
}
"""Types that another PostgreSQL server makes again, and a value of each."""


@pytest.fixture
def space(adapter: Any, name: str) -> Iterator[str]:
    adapter.query(f"CREATE SCHEMA {name}")
    adapter.query(f"CREATE SCHEMA {name}_sink")
    yield name
    adapter.query(f"DROP SCHEMA {name} CASCADE")
    adapter.query(f"DROP SCHEMA {name}_sink CASCADE")


@pytest.fixture
def inside(target: Target, space: str) -> Iterator[Any]:
    with registry.connect(target.with_(options={**target.options, "schema": space})) as adapter:
        yield adapter


def _urls(inside: Any, space: str) -> tuple[str, str]:
    target = inside.target
    return target.url(reveal=True), target.with_(options={"schema": f"{space}_sink"}).url(reveal=True)


def _execute(adapter: Any, *statements: str) -> None:
    for statement in statements:
        adapter.query(statement).close()


def _value(adapter: Any, statement: str) -> Any:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


def test_native_types_are_the_same_in_another_database(inside: Any, space: str, tmp_path: Path) -> None:
    columns = ", ".join(f"c{number} {kind}" for number, kind in enumerate(NATIVE))
    marks = ", ".join(f"'{text}'" for text in NATIVE.values())
    nulls = ", ".join(["NULL"] * len(NATIVE))
    _execute(
        inside,
        f"CREATE TABLE t(id int PRIMARY KEY, {columns})",
        f"INSERT INTO t VALUES (1, {marks}), (2, {nulls})",
    )
    url, sink = _urls(inside, space)
    ran = walk(url, "t", tmp_path, statement="SELECT * FROM t", sink=sink)
    assert set(codes(ran).values()) == {0}, codes(ran)
    types = "SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum > 0 AND attrelid = "
    for where in (f"{space}_sink",):
        assert _value(inside, f"{types}'{where}.t'::regclass") == _value(inside, f"{types}'{space}.t'::regclass")
        assert _value(inside, f"SELECT t::text FROM {where}.t t ORDER BY id") == _value(
            inside, "SELECT t::text FROM t ORDER BY id"
        )
    assert run("load", sink.replace("_sink", "_sink"), str(tmp_path / "dump"), "--mode", "replace", "--yes").code == 0
    assert _value(inside, f"SELECT t::text FROM {space}_sink.t t ORDER BY id") == _value(
        inside, "SELECT t::text FROM t ORDER BY id"
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("date", "infinity"),
        ("date", "4713-01-01 BC"),
        ("timestamp", "-infinity"),
        ("timestamptz", "294276-12-31"),
        ("time", "24:00:00"),
        ("json", '{"a": "\\ud800"}'),
        ("json", '"\\udfff\\ud800"'),
        ("json[]", '{"\\"\\\\ud83d\\""}'),
        ("numeric", "NaN"),
        ("numeric", "1" * 100_000 + ".5"),
        ("money", "-92233720368547758.08"),
        ("int[]", "[0:1]={1,2}"),
        ("text[]", '{NULL,"NULL","a\\"b",{}}'.replace(",{}", "")),
        ("mood", "sad"),
        ("pos", "7"),
        ("pair", '(1,"a,""b")'),
        ("json", '{"a":1,"a":2, "b": 1.10}'),
        ("float8", "NaN"),
        ("regclass", "pg_class"),
        ("xid", "7"),
        ("tid", "(0,1)"),
        ("pg_snapshot", "10:20:10,14"),
        ("int4range", "empty"),
        ("bit(64)", "1" * 64),
        ("oidvector", "1 2"),
    ],
)
def test_strange_values_have_their_code(inside: Any, space: str, tmp_path: Path, kind: str, text: str) -> None:
    _execute(
        inside,
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE DOMAIN pos AS int CHECK (value > 0)",
        "CREATE TYPE pair AS (a int, b text)",
        f"CREATE TABLE t(id int PRIMARY KEY, v {kind})",
    )
    _execute(inside, "INSERT INTO t VALUES (1, '{}'), (2, NULL)".format(text.replace("'", "''")))
    ran = walk(_urls(inside, space)[0], "t", tmp_path, statement="SELECT * FROM t")
    assert ran["query jsonl"].code == 0
    odd = {name: each for name, each in ran.items() if each.code not in (0, 5, 6)}
    assert not odd
    for each in ran.values():
        if each.code == 5 and each.verb != "load":
            assert "t: column v" in each.err, each


def test_what_a_table_has_and_cannot_give_is_told(inside: Any, space: str, tmp_path: Path) -> None:
    _execute(
        inside,
        "CREATE TYPE mood AS ENUM ('sad', 'ok')",
        "CREATE TABLE par(id int PRIMARY KEY)",
        'CREATE TABLE t(id int PRIMARY KEY, p int REFERENCES par ON DELETE CASCADE DEFERRABLE, '
        'g int GENERATED ALWAYS AS (p * 2) STORED, m mood, n int GENERATED ALWAYS AS IDENTITY, '
        't text COLLATE "C", CHECK (p > 0))',
        "CREATE INDEX down ON t (p DESC)",
        "CREATE INDEX low ON t (lower(t))",
        "ALTER TABLE t ENABLE ROW LEVEL SECURITY",
        "CREATE POLICY mine ON t USING (true)",
        "COMMENT ON TABLE t IS 'hello'",
        "CREATE VIEW v AS SELECT * FROM t",
        "CREATE TABLE pt(id int, d date) PARTITION BY RANGE (d)",
        "CREATE TABLE pt1 PARTITION OF pt FOR VALUES FROM ('2020-01-01') TO ('2021-01-01')",
        "CREATE TABLE child() INHERITS (par)",
        "CREATE FUNCTION twice(int) RETURNS int LANGUAGE sql AS 'SELECT $1 * 2'",
    )  # fmt: skip
    assert [name for name in inside.collections() if "." not in name] == ["child", "par", "pt", "t", "v"]
    left = inside.extras("t").left
    for word in (
        "of index down, its descending order", "index low, over an expression", "row-level security", "policy mine",
        "generated column g, (p * 2): its values come", "check t_p_check: (p > 0)", 'collation "C" of t',
        "of foreign key t_p_fkey, on delete cascade, deferrable", "that n is always generated as identity",
        "comment of the table",
    ):  # fmt: skip
        assert word in left
    assert "partitions by RANGE (d)" in inside.extras("pt").left
    assert "child table child, whose rows come along" in inside.extras("par").left
    assert "that it inherits from par" in inside.extras("child").left
    assert {"enum mood", "function twice(integer)", "view v: its rows come as a table"} <= set(inside.left())
    url, sink = _urls(inside, space)
    other = f"sqlite:///{tmp_path}/other.db"
    for strict in ("t", "pt"):
        assert run("copy", url, other, strict, "--strict", "--dry-run").code == 6
    told = run("copy", url, other, "t", "--dry-run")
    assert "row-level security" in told.err
    assert run("copy", url, sink, "t", "par", "pt", "child", "--strict", "--dry-run").code == 0


@pytest.mark.parametrize("name_", ['a"b', "a.b", "select", "😀", "A b\\c", "x" * 63, "percent%s", "a'b", ":n", "Ünï"])
def test_names_of_any_kind(inside: Any, space: str, tmp_path: Path, name_: str) -> None:
    quoted = '"' + name_.replace('"', '""') + '"'
    _execute(
        inside, f"CREATE TABLE {quoted}({quoted} int PRIMARY KEY, v text)", f"INSERT INTO {quoted} VALUES (1, 'x')"
    )
    url, sink = _urls(inside, space)
    (found,) = [each for each in inside.collections() if each.endswith(name_)]
    copied = run("copy", url, sink, found, "--verify")
    assert copied.code == 0, copied
    assert json.loads(copied.out.splitlines()[0])["rows"] == 1
