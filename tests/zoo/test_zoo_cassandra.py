"""Tables that others made, with every type that CQL has and its extremes, through every verb."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import Unsupported
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type
from tests.zoo.walk import codes, run, walk

pytestmark = pytest.mark.engines("cassandra")

COLUMNS = """id int primary key, a ascii, big bigint, b blob, bo boolean, d date, dec decimal, dou double, dur duration,
 f float, i inet, s smallint, t text, ti time, ts timestamp, tu timeuuid, tiny tinyint, u uuid, v varint, l list<int>,
 st set<uuid>, m map<timestamp, blob>, tup tuple<int, text>, fr frozen<list<frozen<map<text, int>>>>,
 vec vector<float, 3>, ld list<date>, udt frozen<NAME_udt>"""
NAMES = "id, a, big, b, bo, d, dec, dou, dur, f, i, s, t, ti, ts, tu, tiny, u, v, l, st, m, tup, fr, vec, ld, udt"
VALUES = """1, 'plain', 9223372036854775807, 0x00ff, true, '2024-02-29', 1.10, NaN, 1mo2d3s, 1.5, '::1', -32768,
 'it''s \U0001f600', '13:30:54.234567890', '2024-02-29T13:05:00.123Z', 50554d6e-29bb-11e5-b345-feff819cdc9f, -128,
 50554d6e-29bb-41e5-b345-feff819cdc9f, 123456789012345678901234567890, [2, 1],
 {50554d6e-29bb-41e5-b345-feff819cdc9f}, {'2020-01-01T00:00:00Z': 0xff}, (1, 'x'), [{'a': 1}], [1.5, 2, 3],
 ['2024-02-29'], {x: 1, y: ['b']}"""


@pytest.fixture
def table(adapter: Adapter, name: str) -> Iterator[str]:
    _run(adapter, f"CREATE TYPE {name}_udt (x int, y frozen<list<text>>)")
    yield name
    adapter.drop(name)
    _run(adapter, f"DROP TYPE {name}_udt")


def _run(adapter: Adapter, statement: str) -> list[Any]:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


def test_every_type(adapter: Adapter, target: Target, table: str, tmp_path: Path) -> None:
    _run(adapter, f"CREATE TABLE {table} ({COLUMNS.replace('NAME', table)})")
    assert sorted(NAMES.split(", ")) == sorted(adapter.describe(table).names)
    _run(adapter, f"INSERT INTO {table} ({NAMES}) VALUES ({VALUES})")
    _run(adapter, f"INSERT INTO {table} (id, v) VALUES (2, -5)")
    ran = walk(target.url(reveal=True), table, tmp_path, statement=f"SELECT * FROM {table}")
    assert set(codes(ran).values()) == {0}, codes(ran)
    schema = adapter.describe(table)
    row = dict(zip(schema.names, next(adapter.get(schema, [(1,)])), strict=True))
    assert row["v"] == Decimal("123456789012345678901234567890")
    assert row["m"] == {"2020-01-01T00:00:00Z": "/w=="}
    assert (row["st"], row["ld"]) == (["50554d6e-29bb-41e5-b345-feff819cdc9f"], ["2024-02-29"])
    assert row["udt"] == {"x": 1, "y": ["b"]}
    changed = {column.name for column in schema.columns if column.note}
    assert changed == {"dur", "i", "ti", "l", "st", "m", "tup", "fr", "vec", "ld", "udt"}
    strict = run("copy", target.url(reveal=True), f"sqlite:///{tmp_path}/s.db", table, "--strict")
    assert strict.code == 6
    assert "nanoseconds" in strict.err


@pytest.mark.parametrize(
    ("type_", "literal", "shown"),
    [
        ("date", "'-5877641-06-23'", "-5877641-06-23"),
        ("timestamp", "9223372036854775807", "+292278994-08-17T07:12:55.807Z"),
        ("timestamp", "-62135596800001", "0000-12-31T23:59:59.999Z"),
    ],
)
def test_moments_that_python_cannot_hold(
    adapter: Adapter, target: Target, table: str, tmp_path: Path, type_: str, literal: str, shown: str
) -> None:
    """A query shows them; what needs a value of the column's type refuses by name, and the connection lives."""
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, v {type_}, l list<frozen<list<{type_}>>>)")
    _run(adapter, f"INSERT INTO {table} (id, v, l) VALUES (1, {literal}, [[{literal}]])")
    assert _run(adapter, f"SELECT v, l FROM {table}") == [(shown, [[shown]])]
    ran = run("digest", f"{target.url(reveal=True)}#{table}")
    assert ran.code == 5
    assert f"{table}.v: {shown}" in ran.err
    assert adapter.count(table) == 1


def test_what_is_read_only_is_refused_by_name(adapter: Adapter, table: str) -> None:
    """Counters count, and a list, a duration or a user's type is not made of json or text."""
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, hits counter)")
    _run(adapter, f"UPDATE {table} SET hits = hits + 3 WHERE id = 1")
    schema = adapter.describe(table)
    assert [row for batch in adapter.scan(schema) for row in batch] == [(1, 3)]
    with pytest.raises(Unsupported, match="hits is counter"):
        adapter.write(schema, [[(2, 1)]])
    adapter.drop(table)
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, l list<int>)")
    with pytest.raises(Unsupported, match="l is list<int>"):
        adapter.write(adapter.describe(table), [[(2, [1])]])


def test_numbers_go_into_a_table_of_varint_and_small_integers(adapter: Adapter, table: str) -> None:
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, v varint, s smallint)")
    schema = adapter.describe(table)
    assert schema.column("v").type is Type.DECIMAL
    big = Decimal(2**100)
    written = adapter.write(schema, [[tuple({"id": 1, "v": big, "s": 7}[name] for name in schema.names)]])
    assert (written.rows, written.rejected) == (1, [])
    assert _run(adapter, f"SELECT v, s FROM {table}") == [(2**100, 7)]


def test_a_static_column_may_be_null(adapter: Adapter, table: str) -> None:
    _run(adapter, f"CREATE TABLE {table} (id int, n int, s text static, PRIMARY KEY (id, n))")
    _run(adapter, f"INSERT INTO {table} (id, n) VALUES (1, 1)")
    schema = adapter.describe(table)
    assert schema.column("s").nullable
    assert [row for batch in adapter.scan(schema) for row in batch] == [(1, 1, None)]


@pytest.fixture(name="there")
def another_keyspace(target: Target) -> Iterator[Any]:
    with registry.connect(target.with_(database="dbfleet_zoo_b", create=True)) as found:
        yield found
        _run(found, "DROP KEYSPACE IF EXISTS dbfleet_zoo_b")


def _columns(adapter: Any, table: str) -> list[Any]:
    asked = "SELECT column_name, kind, position, type FROM system_schema.columns"
    return _run(adapter, f"{asked} WHERE keyspace_name = '{adapter.target.database}' AND table_name = '{table}'")


def test_a_table_of_another_keyspace_has_its_types_again(adapter: Any, target: Target, table: str, there: Any) -> None:
    """Numbers of each size, nanoseconds, static columns; digits of decimals and what floats have besides numbers."""
    _run(adapter, f"CREATE TABLE {table} (p int, c time, a ascii, s text static, ty tinyint, sm smallint, v varint, "
                  "de decimal, f float, do double, i inet, tu timeuuid, ti time, d date, "
                  "PRIMARY KEY (p, c))")  # fmt: skip
    _run(adapter, f"INSERT INTO {table} (p, c, a, s, ty, sm, v, de, f, do, i, tu, ti, d) VALUES (1, "
                  "'13:30:54.234567890', 'a', 'one a partition', -128, 7, 123456789012345678901234567890, 1.500, 0.1, "
                  "NaN, '::1', 50554d6e-29bb-11e5-b345-feff819cdc9f, '00:00:00.000000001', '9999-12-31')")  # fmt: skip
    _run(adapter, f"INSERT INTO {table} (p, c, de) VALUES (1, '13:30:54.234567891', -0.00)")
    _run(adapter, f"INSERT INTO {table} (p, c) VALUES (2, '00:00:00')")
    for mode in ("insert", "replace"):
        copied = run(
            "copy", target.url(reveal=True), there.target.url(reveal=True), table, "--strict", "--verify",
            "--mode", mode, "--yes",
        )  # fmt: skip
        assert copied.code == 0, copied.err
        assert _columns(there, table) == _columns(adapter, table)
        everything = f"SELECT JSON * FROM {table}"
        assert _run(there, everything) == _run(adapter, everything)
    assert {each.name: each.native for each in there.describe(table).columns} == {
        each.name: each.native for each in adapter.describe(table).columns
    }


def test_what_a_copy_leaves_is_named(adapter: Any, target: Target, table: str, there: Any, tmp_path: Path) -> None:
    _run(adapter, f"CREATE TABLE {table} (p int, c int, s text static, v text, PRIMARY KEY (p, c)) WITH CLUSTERING "
                  "ORDER BY (c DESC) AND default_time_to_live = 86400 AND comment = 'mine'")  # fmt: skip
    _run(adapter, f"CREATE INDEX {table}_i ON {table} (v)")
    _run(adapter, f"INSERT INTO {table} (p, c, s, v) VALUES (1, 1, 'x', 'y') USING TTL 5000")
    _run(adapter, f"INSERT INTO {table} (p, s) VALUES (2, 'no row')")
    left = (
        f"the index {table}_i (v)",
        "the rows' time to live of 86,400 seconds",
        "its comment",
        "the descending order of c",
        "the time to live of values in 2 rows",
        "the static values of 1 partitions that have no row",
    )
    assert adapter.extras(table).left == left
    url = target.url(reveal=True)
    elsewhere = f"sqlite:///{tmp_path}/s.db"
    assert run("copy", url, elsewhere, table, "--strict").code == 6
    copied = run("copy", url, elsewhere, table, "--verify")
    assert copied.code == 0, copied.err
    assert all(text in copied.err for text in left)
    assert run("diff", f"{url}#{table}", f"{elsewhere}#{table}").code == 0
    assert any(f"{table}_udt" in text for text in adapter.left())
    sink = there.target.url(reveal=True)
    assert run("copy", url, sink, table, "--strict").code == 6
    copied = run("copy", url, sink, table, "--verify")
    assert copied.code == 0, copied.err
    assert f"{left[4]} (they get the table's 86,400 seconds anew): does not come along" in copied.err
    assert not any(text in copied.err for text in left[:4] + left[5:])
    assert run("diff", f"{url}#{table}", f"{sink}#{table}").code == 0
    assert there.extras(table).left == left


def test_a_counter_is_told(adapter: Any, target: Target, table: str, there: Any) -> None:
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, hits counter)")
    _run(adapter, f"UPDATE {table} SET hits = hits + 3 WHERE id = 1")
    url, sink = target.url(reveal=True), there.target.url(reveal=True)
    assert run("copy", url, sink, table, "--strict").code == 6
    copied = run("copy", url, sink, table, "--verify")
    assert (copied.code, "a counter, as a plain number" in copied.err) == (0, True)
    assert _run(there, f"SELECT id, hits FROM {table}") == [(1, 3)]


def test_lists_and_types_of_the_user_go_as_they_are(
    adapter: Adapter, target: Target, table: str, there: Any, tmp_path: Path
) -> None:
    """To another keyspace; elsewhere as json."""
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, l list<int>, u {table}_udt, m map<text, duration>, "
                  "t tuple<int, text>)")  # fmt: skip
    _run(adapter, f"INSERT INTO {table} (id, l, u, m, t) VALUES (1, [1, 2], {{x: 1}}, {{'a': 1mo}}, (1, 'x'))")
    url = target.url(reveal=True)
    for sink, *strict in ((there.target.url(reveal=True), "--strict"), (f"sqlite:///{tmp_path}/s.db",)):
        copied = run("copy", url, sink, table, "--verify", *strict)
        assert copied.code == 0, copied.err
        assert run("diff", f"{url}#{table}", f"{sink}#{table}").code == 0
    everything = f"SELECT JSON * FROM {table}"
    assert _run(there, everything) == _run(adapter, everything)


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_keys_that_fall_together_to_the_millisecond_are_rejected(
    adapter: Adapter, made: Make, name: str, mode: Any
) -> None:
    schema = made(Schema(name, (Column("at", Type.INSTANT, False), Column("v", Type.INT)), ("at",)))
    rows = [(datetime(2024, 1, 1, 0, 0, 0, micro, UTC), micro) for micro in (1, 2, 1000, 1001, 999)]
    written = adapter.write(schema, [rows[:3], rows[3:]], mode=mode)
    assert [each.row[1] for each in written.rejected] == [2, 1001, 999]
    assert sorted(row[1] for batch in adapter.scan(schema) for row in batch) == [1, 1000]
    again = adapter.write(schema, [rows[:1], rows[:1]], mode="upsert")
    assert (again.rows, again.rejected) == (2, [])


def test_what_is_larger_than_a_mutation_is_refused_by_name(
    adapter: Adapter, target: Target, made: Make, name: str, tmp_path: Path
) -> None:
    """Before it is sent: the server would end the connection, or take it whole into its heap."""
    schema = made(Schema(name, (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",)))
    written = adapter.write(schema, [[(1, "x"), (2, "x" * 100_000_000), (3, "x" * 4_000_000)]])
    assert written.rows == 2
    ((reason),) = [each.reason for each in written.rejected]
    assert f"{name}.v of key (2,)" in reason
    assert "100,000,0" in reason
    assert sorted(len(row[1]) for batch in adapter.scan(schema) for row in batch) == [1, 4_000_000]


def test_half_a_pair_of_surrogates(target: Target, table: str, tmp_path: Path) -> None:
    for line in ('{"id": 1, "v": "\\ud83d"}', '{"id": 1, "\\ud83d": 2}'):
        path = tmp_path / "half.jsonl"
        path.write_text(line + "\n")
        assert run("load", f"{target.url(reveal=True)}#{table}", str(path), "--key", "id").code == 2


def test_records_are_plain_json(adapter: Adapter, target: Target, table: str) -> None:
    _run(adapter, f"CREATE TABLE {table} (id int PRIMARY KEY, m map<frozen<list<int>>, frozen<set<timestamp>>>)")
    _run(adapter, f"INSERT INTO {table} (id, m) VALUES (1, {{[1, 2]: {{'2020-01-01T00:00:00Z'}}}})")
    ran = run("query", target.url(reveal=True), f"SELECT m FROM {table}")
    assert json.loads(ran.out) == {"m": {"[1,2]": ["2020-01-01T00:00:00Z"]}}
