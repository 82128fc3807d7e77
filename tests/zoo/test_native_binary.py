"""PostgreSQL to PostgreSQL by COPY's binary form: which types go so, and that their values are what the server's own
text says of them. A type whose binary form means something else on another server goes as text."""

from __future__ import annotations

import pytest

from dbfleet import registry
from dbfleet.abilities import Native, ReadsLines, able
from dbfleet.engines.postgres.wire import is_binary
from dbfleet.lines import Counted, rows_in
from dbfleet.target import Target
from tests.zoo.databases import Databases, ask, run_sql, url
from tests.zoo.walk import run
from tests.zoo.zoos import postgres

pytestmark = pytest.mark.engines("postgres")

ROOM = """
    CREATE TYPE mood AS ENUM ('sad', 'it''s ok'); CREATE DOMAIN small AS numeric(5,2) CHECK (value < 100);
    CREATE DOMAIN smaller AS small; CREATE DOMAIN moods AS mood; CREATE TYPE pair AS (a int, b mood);
    CREATE TYPE floats AS RANGE (subtype = float8);
"""
TEXT = {
    "money": "-92233720368547758.08", "interval": "-178000000 years", "regclass": "pg_class", "regtype": "mood",
    "regclass[]": "{pg_class,NULL}", "mood[]": "{sad,NULL}", "pair": "(1,sad)", "pair[]": '{"(1,sad)"}',
    "floats": "[1.5,2)", "smaller": "1.5", "nummultirange": "{[1,3),[5,7]}", "interval[]": "{1 day}",
}  # fmt: skip
"""Types that go as text. Some could go otherwise; they are rare."""
MORE = {
    "mood": ("sad", "it's ok"), "small": ("99.99",), "moods": ("sad",), '"char"': ("", "\\377"),
    "numeric": ("-Infinity", "1" + "0" * 2000, "0.0000"), "double precision": ("-0", "-Infinity"),
    "time with time zone": ("24:00:00-15:59",), "date[]": ("{infinity,NULL}",), "numeric[]": ("[0:1]={NaN,1.50}",),
    "bytea": ("\\x5047434f50590aff0d0a00",), "text": ("PGCOPY\n", "\\."), "bit(5)[]": ("{10101}",),
    "character(5)": ("     ",), "path": ("[(0,0),(1,1)]",), "tsvector": ("'é':1A,2B 'z'",), "inet": ("::1/64",),
    "int4range[]": ("{empty}",),
}  # fmt: skip
BINARY = {
    kind: (*values, *postgres._BEYOND.get(kind, ()), *MORE.get(kind, ()))
    for kind, values in ({**dict.fromkeys(MORE, ()), **postgres._LISTED}).items()
    if kind not in TEXT and kind != "xml"
}


def test_each_type_goes_in_the_form_that_says_the_same(dbs: Databases) -> None:
    source, sink = dbs.new(ROOM), dbs.new()
    kinds = {**BINARY, **{kind: (value,) for kind, value in TEXT.items()}}
    tables = {kind: f"t{number}" for number, kind in enumerate(kinds)}
    for kind, values in kinds.items():
        given = ", ".join("('" + value.replace("'", "''") + "')" for value in values)
        run_sql(source, f"CREATE TABLE {tables[kind]} (v {kind}); INSERT INTO {tables[kind]} VALUES (NULL), {given}")
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    for kind, table in tables.items():
        told = f"SELECT v::text FROM {table} ORDER BY 1"
        assert ask(sink, told) == ask(source, told), kind
        assert len(ask(sink, told)) == 1 + len(kinds[kind])
    found = form_of(source, list(tables.values()))
    assert {kind for kind, table in tables.items() if found[table][0]} == set(BINARY)
    assert {kind: found[table][1] for kind, table in tables.items()} == {
        kind: 1 + len(kinds[kind]) for kind in tables
    }  # what is counted while it goes


def form_of(source: Target, tables: list[str]) -> dict[str, tuple[bool, int]]:
    """Of each table whether its rows are given in binary form, and how many are counted."""
    found = {}
    with registry.connect(source) as adapter:
        native, reading = able(adapter, Native), able(adapter, ReadsLines)
        assert native is not None
        assert reading is not None
        for table in tables:
            chunks = list(reading.lines(native.native(table)) or ())
            binary = is_binary(chunks[0])
            assert all(isinstance(chunk, Counted) for chunk in chunks) == binary
            found[table] = (binary, sum(map(rows_in, chunks)))
    return found


@pytest.mark.parametrize("rows", [0, 1, 1000, 2500])
def test_rows_are_counted_at_the_ends_of_chunks(dbs: Databases, rows: int) -> None:
    """A binary COPY has a header in one message with the first row, and a message of its own at its end."""
    source = dbs.new(f"CREATE TABLE t (v smallint); INSERT INTO t SELECT -1 FROM generate_series(1, {rows})")
    assert form_of(source, ["t"]) == {"t": (True, rows)}
    sink = dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "SELECT count(*), count(*) FILTER (WHERE v = -1) FROM t") == [(rows, rows)]


def test_a_value_that_the_table_there_refuses_is_told_as_before(dbs: Databases) -> None:
    """An enum of the same name without the label, and a domain with another check, in a table that is there."""
    tables = "CREATE TABLE t (id int PRIMARY KEY, v mood); CREATE TABLE d (id int PRIMARY KEY, v small);"
    source = dbs.new(ROOM, tables, "INSERT INTO t VALUES (1, 'sad'); INSERT INTO d VALUES (1, 99)")
    sink = dbs.new("CREATE TYPE mood AS ENUM ('glad'); CREATE DOMAIN small AS numeric(5,2) CHECK (value < 9);", tables)
    for table, said in (("t", 'enum mood: "sad"'), ("d", "violates check constraint")):
        copied = run("copy", url(source), url(sink), table)
        assert copied.code == 5, copied
        assert said in copied.err
        assert ask(sink, f"SELECT count(*) FROM {table}") == [(0,)]
