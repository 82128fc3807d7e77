"""Tables that others made, with every type that CQL has and its extremes, through every verb."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbfleet.adapter import Adapter, Target
from dbfleet.conformance.plugin import Make
from dbfleet.errors import Unsupported
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
