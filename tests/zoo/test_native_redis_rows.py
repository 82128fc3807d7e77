"""Redis to Redis: rows that dbfleet keeps go as the bytes of their hashes, and are the same rows, indexes and sets
there. Where bytes do not do, a row goes by its values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dbfleet import registry
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type
from tests.zoo.gate import Gate
from tests.zoo.redis_kinds import client, fill, told
from tests.zoo.test_native_redis import killed, two_databases, url, without  # noqa: F401
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("redis")

PEOPLE = Schema("people", (Column("id", Type.INT, False), Column("name", Type.TEXT)), ("id",))
NOTES = Schema(
    "no:tes",
    (
        Column("at", Type.TEXT, False),
        Column("by", Type.TEXT, False),
        Column("writer", Type.INT),
        Column("reader", Type.INT),
        Column("body", Type.BYTES),
    ),
    ("at", "by"),
    (Reference(("writer",), "people", ("id",)), Reference(("reader",), "people", ("id",))),
)
KEYLESS = Schema("log", (Column("line", Type.TEXT),))
ODD = ["by", "a:b", "50%", "é", "", " ", "\x00"]


def made(target: Target, schema: Schema, rows: list[Row]) -> None:
    with registry.connect(target) as adapter:
        adapter.create(schema)
        assert not adapter.write(schema, [rows]).rejected


def shelf(target: Target, count: int = 600) -> None:
    """Rows with keys of two parts and odd letters, with and without references, and rows without a key."""
    made(target, PEOPLE, [(number, f"n {number}") for number in (-(2**60), *range(20), 2**53, 2**53 + 1)])
    made(target, NOTES, [
        (f"{ODD[number % 7]}{number if number > 6 else ''}", ODD[number % 5], number % 20 if number % 3 else None,
         number % 7 if number % 2 else None, None if number % 5 else bytes(range(256)))
        for number in range(count)
    ])  # fmt: skip
    made(target, KEYLESS, [("x",), ("x",), (None,)])


def restored(target: Target) -> int:
    """How often the server has restored a key."""
    with client(target) as server:
        return int(server.info("commandstats").get("cmdstat_restore", {}).get("calls", 0))


@pytest.fixture(autouse=True)
def counted_anew(pair: tuple[Target, Target]) -> None:
    with client(pair[0]) as server:
        server.config_resetstat()


@pytest.mark.parametrize("options", [(), ("--verify",), ("--jobs", "1"), ("--mode", "replace", "--yes")])
def test_rows_go_as_bytes_and_are_the_same(pair: tuple[Target, Target], options: tuple[str, ...]) -> None:
    source, sink = pair
    shelf(source)
    fill(source, [["HSET", "people:3", "more", "than the columns"]])
    if "replace" in options:
        made(sink, PEOPLE, [(5, "other"), (77, "goes")])
    copied = run("copy", url(source), url(sink), *options)
    assert copied.code == 0, copied
    assert restored(sink) == 23 + 600, "all but the rows without a key"
    assert told(sink) == told(source)
    assert run("diff", url(source), url(sink)).code == 0
    with registry.connect(sink) as adapter:  # they are rows to all verbs
        assert adapter.delete(NOTES, [("by", "by")]) == 1
        adapter.drop("no:tes")
    assert not [key for key in told(sink) if key.startswith(b"no%3Ates")]


def test_rows_go_by_values_where_bytes_say_more_or_are_forbidden(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    shelf(source)
    for forbidden in ("dump", "restore"):
        ends = (without(source, "dump") if forbidden == "dump" else url(source),
                without(sink, "restore") if forbidden == "restore" else url(sink))  # fmt: skip
        copied = run("copy", *ends, "--mode", "replace", "--yes")
        assert copied.code == 0, copied
        assert told(sink) == told(source)
        assert restored(sink) == 0, forbidden


def test_a_field_that_ends_does_not_come_along_by_bytes(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    shelf(source)
    if fill(source, [["HPEXPIRE", "people:3", 1_000_000, "FIELDS", 1, "name"]], known=True):
        pytest.skip("undeclared by the spec")
    copied = run("copy", url(source), url(sink))
    assert copied.code == 0, copied
    assert "of fields in 1 hash: does not come along" in copied.err
    with client(sink) as server:
        assert server.execute_command("HPTTL", "people:3", "FIELDS", 1, "name") == [-1]
        assert server.hgetall("people:3") == {b"id": b"3", b"name": b"n 3"}


def test_what_is_in_the_way_refuses_a_row_whole(pair: tuple[Target, Target]) -> None:
    """A key in a row's place; and one that is no set where a set of rows is to be: none of them is in any other set, or
    in the index."""
    source, sink = pair
    shelf(source)
    made(sink, PEOPLE, [])
    made(sink, NOTES, [])
    fill(sink, [["SET", "people:7", "mine"], ["SET", "no%3Ates:by:reader:3", "mine"]])
    copied = run("copy", url(source), url(sink))
    assert copied.code == 5, copied
    with client(source) as server:
        lost = server.smembers("no%3Ates:by:reader:3")
    with client(sink) as server:
        assert server.get("people:7") == server.get("no%3Ates:by:reader:3") == b"mine"
        assert server.zscore("people", "7") is None
        assert server.zcard("people") == 22
        assert server.zcard("no%3Ates") == 600 - len(lost)
        kept = told(sink)
        for key in lost:
            assert b"no%3Ates:" + key not in kept
            assert not [name for name, (kind, _, value) in kept.items() if kind == b"set" and key in value[0]]


def test_rows_that_are_gone_or_no_rows_are_left_out(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    shelf(source)
    fill(source, [["DEL", "people:1"], ["HDEL", "people:2", "id"]])
    copied = run("copy", url(source), url(sink))
    assert copied.code == 0, copied
    with client(sink) as server:
        assert server.zcard("people") == 21
        assert not server.exists("people:1", "people:2")
    fill(source, [["DEL", "people:4"], ["RPUSH", "people:4", "x"]])
    broken = run("copy", url(source), url(sink), "--mode", "replace", "--yes")
    assert broken.code == 5, broken
    assert "people:4" in broken.err


def test_keys_beside_the_rows_are_named(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    shelf(source)
    assert run("copy", url(source), url(sink), "--strict", "--verify").code == 0
    fill(source, [["SET", "people:3:lock", "x"], ["SET", "no%3Ates:by:mine:1", "x"], ["RPUSH", "no%3Ates:list", "x"],
                  ["DEL", "people:4"], ["SET", "free", "x"], ["SADD", "people:by:x:1", "3"]])  # fmt: skip
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes")
    assert copied.code == 0, copied
    assert "no:tes: 2 keys (no%3Ates:by:mine:1, …) beside its rows: do not come along" in copied.err
    assert "people: 2 keys (people:3:lock, …) beside its rows: do not come along" in copied.err
    assert run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--strict").code == 6
    fill(source, [["DEL", "people:by:x:1"]])
    copied = run("copy", url(source), url(sink), "people", "--mode", "replace", "--yes")
    assert "people: the key people:3:lock beside its rows: does not come along" in copied.err


def test_diff_says_where_it_compares_values_alone(pair: tuple[Target, Target]) -> None:
    """Somebody's keys on one side, rows of dbfleet's made of them on the other."""
    source, sink = pair
    fill(source, [["SET", "sess:abc", "tok", "EX", 3600]])
    with registry.connect(source) as there:
        schema = there.describe("sess")
        made(sink, replace(schema, columns=tuple(replace(each, native=None, note=None) for each in schema.columns)),
             [row for batch in there.scan(schema) for row in batch])  # fmt: skip
    compared = run("diff", url(source), url(sink))
    assert "sess: the sides keep it otherwise: compared by values" in compared.err, compared
    again = run("diff", url(source), url(source))
    assert again.code == 2 or "keep it otherwise" not in again.err


def test_a_large_row_goes_by_its_values(pair: tuple[Target, Target]) -> None:
    source, sink = pair
    large = Schema("big", (Column("id", Type.INT, False), Column("v", Type.BYTES)), ("id",))
    made(source, large, [(number, bytes([number]) * (5 << 20 if number == 2 else 900)) for number in range(4)])
    with client(source) as server:  # bytes that cannot be compressed, as DUMP would
        server.hset("big:2", "v", b"".join(number.to_bytes(4, "big") for number in range(0, 5 << 22, 17)))
    copied = run("copy", url(source), url(sink))
    assert copied.code == 0, copied
    assert restored(sink) == 3
    assert told(sink) == told(source)


@pytest.mark.parametrize("options", [(), ("--mode", "replace", "--yes")])
def test_a_copy_of_rows_that_was_killed_goes_on(pair: tuple[Target, Target], options: tuple[str, ...]) -> None:
    source, sink = pair
    shelf(source, 8_000)
    gate = Gate(sink)
    try:
        killed(source, gate, *options)
        assert 0 < restored(sink) < 8_000
        resumed = run("copy", url(source), url(gate.target), "--resume", *options)
        assert resumed.code == 0, resumed
        assert told(sink) == told(source)
    finally:
        gate.close()
