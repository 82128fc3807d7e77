"""What is Redis's own: how rows are kept, what is refused, what a server does that a user would not expect."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter, ServerPlan, Target
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.engines._redis_server import LOCAL
from dbfleet.errors import (
    AlreadyExists,
    AuthFailed,
    DbfleetError,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
)
from dbfleet.values import Column, Reference, Row, Schema, Type

pytestmark = pytest.mark.engines("redis")

ID = Column("id", Type.INT, False)
PAIR = (ID, Column("v", Type.TEXT))


def orders(name: str) -> Schema:
    columns = (ID, Column("customer_id", Type.INT), Column("note", Type.TEXT))
    return Schema(name, columns, ("id",), (Reference(("customer_id",), "customers", ("id",)),))


def rows_of(adapter: Adapter, schema: Schema, **options: Any) -> list[Row]:
    return [row for batch in adapter.scan(schema, **options) for row in batch]


def ask(adapter: Adapter, statement: str, **params: object) -> Any:
    """The reply as the rows' values: a record's fields, one column's values, or rows."""
    with adapter.query(statement, params) as result:
        rows = [row for batch in result for row in batch]
        if result.documents:
            return rows[0][0] if rows else {}
        return [row[0] for row in rows] if len(result.columns) == 1 else rows


def names(adapter: Adapter, statement: str) -> list[str]:
    with adapter.query(statement) as result:
        return [column.name for column in result.columns]


@pytest.fixture
def keys(adapter: Adapter, name: str) -> Iterator[str]:
    """A prefix for keys that dbfleet did not make; they are removed after the test."""
    yield name
    adapter.drop(name)


# --- how rows are kept --------------------------------------------------------------------------------------------


def test_row_is_a_hash_with_an_index_and_reference_sets(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(orders(name))
    adapter.write(schema, [[(17, 5, "a:b\n"), (3, 5, None), (4, None, "")]])
    assert ask(adapter, f"HGETALL {name}:17") == {"id": "17", "customer_id": "5", "note": "a:b\n"}
    assert ask(adapter, f"HGETALL {name}:3") == {"id": "3", "customer_id": "5"}
    assert ask(adapter, f"ZRANGE {name} 0 -1") == ["3", "4", "17"]
    assert ask(adapter, f"ZRANGE {name} 4 20 BYSCORE") == ["4", "17"]
    assert sorted(ask(adapter, f"SMEMBERS {name}:by:customer_id:5")) == ["17", "3"]
    assert ask(adapter, f"KEYS {name}:by:*") == [f"{name}:by:customer_id:5"]


def test_compound_keys_are_readable_and_never_meet(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("a", Type.TEXT, False), Column("b", Type.TEXT, False))
    schema = made(Schema(name, columns, ("a", "b"), (Reference(("b", "a"), "other", ("x", "y")),)))
    rows = [("x", "y"), ("x:y", ""), ("", "x:y"), ("x", ":y"), ("%3A", "y"), (":", "y"), ("by", "b"), ("%62y", "b")]
    assert adapter.write(schema, [rows]).rejected == []
    assert sorted(rows_of(adapter, schema)) == sorted(rows)
    assert sorted(adapter.get(schema, rows)) == sorted(rows)
    assert ask(adapter, f"EXISTS {name}:x:y {name}:%62y:b {name}:%3A:y") == [3]
    assert ask(adapter, f"SMEMBERS {name}:by:b,a:%3Ay:x") == ["x:%3Ay"]


def test_collection_with_a_colon_never_meets_the_keys_of_another(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("a", Type.TEXT, False), Column("b", Type.TEXT, False))
    plain = made(Schema(name, columns, ("a", "b")))
    odd = made(Schema(f"{name}:x", PAIR, ("id",)))
    adapter.write(plain, [[("x", "1")]])
    adapter.write(odd, [[(1, "odd")]])
    assert rows_of(adapter, plain) == [("x", "1")]
    assert rows_of(adapter, odd) == [(1, "odd")]


def test_integers_that_share_a_score_come_once_each(adapter: Adapter, made: Make, name: str) -> None:
    """Scores are doubles: 2**53 and 2**53 + 1 are one."""
    schema = made(Schema(name, PAIR, ("id",)))
    numbers = [*range(2**53 - 3, 2**53 + 40), *range(2**62, 2**62 + 300), -(2**63), 2**63 - 1, 10**300]
    adapter.write(schema, [[(number, "") for number in numbers]])
    for size in (1, 7, 1000):
        assert sorted(row[0] for row in rows_of(adapter, schema, batch_size=size)) == sorted(numbers)
    parts = adapter.split(schema, 4)
    assert sorted(row[0] for part in parts for row in rows_of(adapter, schema, part=part)) == sorted(numbers)


def test_rows_without_a_key_are_numbered(adapter: Adapter, connect: Connect, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("#", Type.TEXT), Column("v", Type.INT))))
    adapter.write(schema, [[("x", 1), (None, None)]])
    connect().write(schema, [[("x", 1)]])
    assert ask(adapter, f"ZRANGE {name} 0 -1") == ["1", "2", "3"]
    assert ask(adapter, f"HGETALL {name}:2") == {"##": "2"}
    assert rows_of(adapter, schema) == [("x", 1), (None, None), ("x", 1)]
    with pytest.raises(Unsupported):
        list(adapter.get(schema, [(1,)]))


def test_bytes_and_text_are_stored_as_they_are(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("t", Type.TEXT), Column("b", Type.BYTES)), ("id",)))
    odd = bytes(range(256)) + "\ud800".encode("utf-8", "surrogatepass")
    adapter.write(schema, [[(1, "a\0\n😀", odd)]])
    assert ask(adapter, f"HMGET {name}:1 t b") == [("a\0\n😀", odd)]
    assert rows_of(adapter, schema) == [(1, "a\0\n😀", odd)]


def test_negative_zero_survives(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("f", Type.FLOAT)), ("id",)))
    adapter.write(schema, [[(1, -0.0)]])
    assert repr(rows_of(adapter, schema)[0][1]) == "-0.0"


# --- writing ------------------------------------------------------------------------------------------------------


def test_rivals_that_insert_the_same_keys_store_each_once(connect: Connect, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    written: dict[str, Any] = {}

    def insert(rival: str, adapter: Adapter) -> None:
        batches = [[(number, rival) for number in range(start, start + 100)] for start in range(0, 3000, 100)]
        written[rival] = adapter.write(schema, batches)

    threads = [threading.Thread(target=insert, args=(rival, connect())) for rival in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = rows_of(connect(), schema)
    assert len(found) == 3000
    for rival, result in written.items():
        assert result.rows == sum(row[1] == rival for row in found)
        assert result.rows + len(result.rejected) == 3000


def test_upsert_leaves_nothing_of_the_old_row(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(orders(name))
    adapter.write(schema, [[(1, 5, "old"), (2, 5, "stays")]])
    ask(adapter, f"HSET {name}:1 extra x")
    ask(adapter, f"EXPIRE {name}:1 1000")
    written = adapter.write(schema, [[(1, 6, None)], [(1, 7, None)]], mode="upsert")
    assert (written.rows, written.rejected) == (2, [])
    assert ask(adapter, f"HGETALL {name}:1") == {"id": "1", "customer_id": "7"}
    assert ask(adapter, f"TTL {name}:1") == [-1]
    assert sorted(ask(adapter, f"KEYS {name}:by:*")) == [f"{name}:by:customer_id:{number}" for number in (5, 7)]
    assert ask(adapter, f"SMEMBERS {name}:by:customer_id:5") == ["2"]


def test_sets_and_index_are_what_the_rows_say_after_any_writes(adapter: Adapter, made: Make, name: str) -> None:
    parts = ["", "a", "b:c", "%", "by", "é😀", "x\0y", " ", "a,b"]
    columns = tuple(Column(word, Type.TEXT, word in ("p", "q")) for word in ("a", "b", "p", "q"))
    schema = made(
        Schema(name, columns, ("a", "b"), (Reference(("p",), "x", ("i",)), Reference(("p", "q"), "y", ("i", "j"))))
    )
    model: dict[tuple[str, str], Row] = {}
    choose = random.Random(7)
    for round_ in range(12):
        rows = [
            (choose.choice(parts), choose.choice(parts), *(choose.choice([None, *parts]) for _ in "pq"))
            for _ in range(choose.choice([1, 40, 300]))
        ]
        mode: Any = "upsert" if round_ % 2 else "insert"
        refused = 0
        for row in rows:
            if mode == "upsert" or row[:2] not in model:
                model[row[:2]] = row
            else:
                refused += 1
        written = adapter.write(schema, [rows], mode=mode)
        assert (written.rows, len(written.rejected)) == (len(rows) - refused, refused)
    assert sorted(rows_of(adapter, schema), key=repr) == sorted(model.values(), key=repr)
    assert len(list(adapter.get(schema, list(model)))) == adapter.count(name) == len(model)
    sets = {key: set(ask(adapter, "SMEMBERS :key", key=key)) for key in ask(adapter, f"KEYS {name}:by:*")}
    assert sum(map(len, sets.values())) == sum((row[2] is not None) + (None not in row[2:]) for row in model.values())
    assert sets[f"{name}:by:p:b%3Ac"] == {
        ":".join(each.replace("%", "%25").replace(":", "%3A").replace("by", "%62y" if place == 0 else "by")
                 for place, each in enumerate(row[:2]))
        for row in model.values() if row[2] == "b:c"
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_key_of_another_type_in_a_rows_place_rejects_that_row(
    adapter: Adapter, made: Make, name: str, mode: Any
) -> None:
    schema = made(orders(name))
    ask(adapter, f"SET {name}:2 mine")
    ask(adapter, f"SET {name}:by:customer_id:9 mine")
    written = adapter.write(schema, [[(1, 5, "a"), (2, 5, "b"), (3, 9, "c"), (4, 5, "d")]], mode=mode)
    assert written.rows == 2
    assert [entry.row[0] for entry in written.rejected] == [2, 3]
    assert all(entry.reason for entry in written.rejected)
    assert ask(adapter, f"GET {name}:2") == ["mine"]
    assert [row[0] for row in rows_of(adapter, schema)] == [1, 4]
    assert sorted(ask(adapter, f"SMEMBERS {name}:by:customer_id:5")) == ["1", "4"]
    assert ask(adapter, f"EXISTS {name}:3") == [0]
    ask(adapter, f"DEL {name}:2 {name}:by:customer_id:9")


def test_rows_that_cannot_be_keys_or_text_are_rejected(adapter: Adapter, made: Make, name: str) -> None:
    columns = (ID, Column("v", Type.TEXT), Column("b", Type.BYTES))
    schema = made(Schema(name, columns, ("id",)))
    bad: list[Row] = [(None, "x", None), (2**1023, "x", None), (3, "\udc80", None), (4, "\ud800", b"\xff")]
    written = adapter.write(schema, [[(1, "good", None), *bad, (9, "good", b"\xff")]])
    assert [entry.row for entry in written.rejected] == bad
    assert [row[0] for row in rows_of(adapter, schema)] == [1, 9]


def test_large_rows_go_in_smaller_calls(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x" * 500_000) for number in range(20)]])
    assert adapter.count(name) == 20


def test_create_over_somebody_elses_keys_is_refused(adapter: Adapter, keys: str) -> None:
    ask(adapter, f"SET {keys}:1 mine")
    with pytest.raises(AlreadyExists):
        adapter.create(Schema(keys, PAIR, ("id",)))


def test_drop_leaves_no_key(adapter: Adapter, name: str) -> None:
    schema = orders(name)
    adapter.create(schema)
    adapter.write(schema, [[(number, number % 700, None) for number in range(1500)]])
    ask(adapter, f"DEL {name}:{77}")  # its entry in the set of customer 77 stays
    ask(adapter, f"DEL {name}:{777}")
    adapter.drop(name)
    assert ask(adapter, f"KEYS {name}*") == []


# --- reading ------------------------------------------------------------------------------------------------------


def test_row_that_is_gone_is_no_row_and_may_come_again(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x") for number in range(10)]])
    ask(adapter, f"DEL {name}:3 {name}:4")
    assert [row[0] for row in rows_of(adapter, schema, batch_size=2)] == [0, 1, 2, 5, 6, 7, 8, 9]
    assert list(adapter.get(schema, [(3,), (5,)])) == [(5, "x")]
    assert adapter.write(schema, [[(3, "again")]]).rows == 1
    assert (3, "again") in rows_of(adapter, schema)


@pytest.mark.parametrize("key", ["int", "text"])
def test_scan_gives_each_key_once_while_others_write(
    adapter: Adapter, connect: Connect, made: Make, name: str, key: str
) -> None:
    def of(number: int) -> Any:
        return number if key == "int" else f"k{number:06}"

    schema = made(Schema(name, (Column("k", Type(key), False), Column("v", Type.INT)), ("k",)))
    adapter.write(schema, [[(of(number), number) for number in range(0, 4000, 2)]])
    other, found = connect(), []
    for batch in adapter.scan(schema, batch_size=50):
        found += [row[0] for row in batch]
        place = int(batch[-1][1])
        other.write(schema, [[(of(place - 1), 0), (of(place + 501), 0), (of(place + 1001), 0)]], mode="upsert")
        ask(other, f"DEL {name}:{of(place)}")
        ask(other, f"ZREM {name} {of(place)}")
    assert len(found) == len(set(found))
    assert {of(number) for number in range(0, 4000, 2)} <= set(found)


def test_field_that_holds_no_value_of_its_type_is_named(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("price", Type.DECIMAL)), ("id",)))
    adapter.write(schema, [[(1, None), (2, None)]])
    ask(adapter, f"HSET {name}:2 price cheap")
    with pytest.raises(StatementError, match=rf"price of {name}:2 holds 'cheap'"):
        rows_of(adapter, schema)
    ask(adapter, f"DEL {name}:2")
    ask(adapter, f"SET {name}:2 x")
    with pytest.raises(StatementError, match=f"{name}:2"):
        rows_of(adapter, schema)
    ask(adapter, f"DEL {name}:2")


def test_scan_write_and_half_read_result_share_one_connection(adapter: Adapter, made: Make, name: str) -> None:
    source, sink = made(Schema(name, PAIR, ("id",))), made(Schema(f"{name}_2", PAIR, ("id",)))
    adapter.write(source, [[(number, "x" * 100) for number in range(5000)]])
    result = adapter.query(f"ZRANGE {name} 0 -1", batch_size=10)
    first = next(iter(result))
    assert adapter.write(sink, adapter.scan(source, batch_size=300)).rows == 5000
    assert len(first) + sum(map(len, result)) == 5000
    assert rows_of(adapter, sink) == rows_of(adapter, source)


# --- statements ---------------------------------------------------------------------------------------------------


def test_shapes_of_replies(adapter: Adapter, keys: str) -> None:
    k = keys
    assert ask(adapter, f"SET {k}:s 'it is'") == ["OK"]
    assert ask(adapter, f"GET {k}:s") == ["it is"]
    assert ask(adapter, f"GET {k}:none") == [None]
    assert ask(adapter, f"HGETALL {k}:none") == {}
    assert ask(adapter, f"RPUSH {k}:l a b '' c") == [4]
    assert ask(adapter, f"LRANGE {k}:l 0 -1") == ["a", "b", "", "c"]
    assert ask(adapter, f"LRANGE {k}:none 0 -1") == []
    ask(adapter, f"ZADD {k}:z 1 a 2.5 b")
    assert ask(adapter, f"ZRANGE {k}:z 0 -1 withscores") == [("a", 1.0), ("b", 2.5)]
    assert names(adapter, f"ZRANGE {k}:z 0 -1 withscores") == ["value", "score"]
    assert ask(adapter, f"ZSCORE {k}:z b") == [2.5]
    ask(adapter, f"HSET {k}:h f 1 g 2")
    assert ask(adapter, f"HMGET {k}:h g nope f") == [("2", None, "1")]
    assert names(adapter, f"HMGET {k}:h g nope f") == ["g", "nope", "f"]
    assert ask(adapter, f"HKEYS {k}:h") == ["f", "g"]
    assert names(adapter, f"HKEYS {k}:h") == ["field"]
    assert ask(adapter, f"MGET {k}:s {k}:none") == ["it is", None]
    assert (ask(adapter, f"KEYS {k}:s"), names(adapter, f"KEYS {k}:s")) == ([f"{k}:s"], ["key"])
    ask(adapter, f"XADD {k}:x 1-1 a 1 b 2")
    assert ask(adapter, f"XRANGE {k}:x - +") == [("1-1", {"a": "1", "b": "2"})]
    assert names(adapter, f"SCAN 0 MATCH {k}:s COUNT 10") == ["cursor", "keys"]
    assert ask(adapter, f"HSCAN {k}:h 0") == [("0", {"f": "1", "g": "2"})]
    assert ask(adapter, "CONFIG GET maxmemory-policy").keys() == {"maxmemory-policy"}
    assert ask(adapter, f'SET {k}:b "\\xff\\x00"') == ["OK"]
    assert ask(adapter, f"GET {k}:b") == [b"\xff\0"]
    assert ask(adapter, f"MGET {k}:s {k}:b") == ["it is", b"\xff\0"]
    assert ask(adapter, "EVAL 'return {1, {2, {3}}, \"x\"}' 0") == [1, [2, [3]], "x"]


def test_sort_with_get_reads_a_collection_like_a_table(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(orders(name))
    adapter.write(schema, [[(number, number * 2, None if number % 2 else "x") for number in range(2500)]])
    statement = f"SORT {name} BY nosort GET # GET {name}:*->customer_id GET {name}:*->note"
    assert names(adapter, statement) == ["value", "customer_id", "note"]
    assert ask(adapter, statement)[:3] == [("0", "0", "x"), ("1", "2", None), ("2", "4", "x")]
    assert len(ask(adapter, statement)) == 2500


def test_lines_are_statements_in_turn(adapter: Adapter, keys: str) -> None:
    text = f"# two and a transaction\nSET {keys}:a 1\nINCR {keys}:a\n\nMULTI\nINCR {keys}:a\nGET {keys}:a\nEXEC"
    result: Any = adapter.query(text)
    found = []
    while result:
        found.append([row[0] for batch in result for row in batch])
        result = result.following()
    assert found == [["OK"], [2], ["OK"], ["QUEUED"], ["QUEUED"], [3, "3"]]


def test_error_in_a_transaction_names_the_reply(adapter: Adapter, keys: str) -> None:
    result: Any = adapter.query(f"SET {keys}:a x\nMULTI\nINCR {keys}:a\nSET {keys}:b 1\nEXEC")
    for _ in range(4):
        result = result.following()
    with pytest.raises(StatementError, match="reply 1 of EXEC"):
        list(result)
    assert ask(adapter, f"GET {keys}:b") == ["1"]


def test_errors_are_the_servers_words(adapter: Adapter, keys: str) -> None:
    with pytest.raises(StatementError, match="unknown command") as caught:
        adapter.query("SELEKT 1")
    assert (caught.value.code, caught.value.engine) == ("ERR", "redis")
    ask(adapter, f"SET {keys}:s x")
    with pytest.raises(StatementError, match="wrong kind of value") as caught:
        adapter.query(f"HGETALL {keys}:s")
    assert caught.value.code == "WRONGTYPE"
    with pytest.raises(StatementError, match="quote"):
        adapter.query("GET 'a")


@pytest.mark.parametrize(
    "statement", ["SUBSCRIBE a", "monitor", "PSUBSCRIBE *", "client reply off", "SYNC", "PING\nQUIT"]
)
def test_commands_without_an_end_are_refused_by_name(adapter: Adapter, statement: str) -> None:
    with pytest.raises(Unsupported, match=statement.split()[-1 if "\n" in statement else 0].upper()):
        adapter.query(statement)


@pytest.mark.parametrize("statement", ["SELECT 1", "MULTI", "HELLO 2", "CLIENT TRACKING ON"])
def test_session_state_of_statements_never_reaches_the_rows(
    adapter: Adapter, made: Make, name: str, statement: str
) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(1, "x")]])
    ask(adapter, statement)
    assert rows_of(adapter, schema) == [(1, "x")]
    assert adapter.count(name) == 1
    assert ask(adapter, f"ZCARD {name}") == [1]


def test_session_state_holds_from_statement_to_statement(adapter: Adapter, keys: str) -> None:
    ask(adapter, "MULTI")
    assert ask(adapter, f"SET {keys}:a 1") == ["QUEUED"]
    assert ask(adapter, "EXEC") == ["OK"]


def test_pushes_between_replies_are_left_out(connect: Connect, keys: str) -> None:
    """CLIENT TRACKING makes the server send what nobody asked for, before, between and behind replies."""
    adapter, other = connect(), connect()
    ask(adapter, "CLIENT TRACKING ON BCAST")
    for number in range(50):
        ask(adapter, f"SET {keys}:a {number}")
        ask(other, f"HSET {keys}:b f {number}")
        assert ask(adapter, f"GET {keys}:a") == [str(number)]
        assert ask(adapter, f"MGET {keys}:a {keys}:c") == [str(number), None]
        assert ask(adapter, f"HGETALL {keys}:b") == {"f": str(number)}
    assert ask(adapter, f"DEL {keys}:a {keys}:b") == [2]


def test_large_reply_streams(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("k", Type.TEXT, False),), ("k",)))
    adapter.write(schema, [[(f"{start + number:0100}",) for number in range(1000)] for start in range(0, 50000, 1000)])
    tracemalloc.start()
    try:
        with adapter.query(f"ZRANGE {name} 0 -1") as result:
            assert sum(map(len, result)) == 50000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2e6, f"5 MB of keys took {peak / 1e6:.1f} MB"


def test_cancel_leaves_a_usable_adapter(connect: Connect, keys: str) -> None:
    adapter = connect()
    timer = threading.Timer(0.3, adapter.cancel)
    timer.start()
    with pytest.raises(StatementError, match="UNBLOCKED"):
        adapter.query(f"BLPOP {keys}:nothing 60")
    timer.join()
    assert ask(adapter, "ECHO 1") == ["1"]
    assert adapter.collections() is not None


def test_cancel_kills_a_script(connect: Connect) -> None:
    adapter = connect()
    timer = threading.Timer(0.3, adapter.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(StatementError, match="killed"):
        adapter.query("EVAL 'while true do end' 0")
    timer.join()
    assert time.monotonic() - started < 12
    assert ask(adapter, "ECHO 1") == ["1"]


def test_interrupt_while_a_reply_is_read_costs_the_connection_only(connect: Connect, keys: str) -> None:
    adapter = connect()
    before = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(KeyboardInterrupt):
            adapter.query(f"BLPOP {keys}:nothing 60")
    finally:
        signal.signal(signal.SIGALRM, before)
    assert ask(adapter, "ECHO 1") == ["1"]


# --- keys that dbfleet did not make -------------------------------------------------------------------------------


def test_hashes_of_others_are_a_collection(adapter: Adapter, keys: str) -> None:
    for number in range(30):
        ask(adapter, f"HSET {keys}:{number} name n{number}" + (f" key k{number}" if number % 2 else ""))
    schema = adapter.describe(keys)
    assert {(column.name, column.type) for column in schema.columns} == {
        ("_key", Type.TEXT), ("name", Type.TEXT), ("key", Type.TEXT),
    }  # fmt: skip
    assert schema.key == ("_key",)
    assert keys in adapter.collections()
    assert adapter.count(keys) == 30
    found = {row[0]: dict(zip(schema.names[1:], row[1:], strict=True)) for row in rows_of(adapter, schema)}
    assert len(found) == 30
    assert found[f"{keys}:3"] == {"name": "n3", "key": "k3"}
    assert found[f"{keys}:4"] == {"name": "n4", "key": None}
    assert [row[0] for row in adapter.get(schema, [(f"{keys}:7",), (f"{keys}:99",)])] == [f"{keys}:7"]
    adapter.drop(keys)
    with pytest.raises(NotFound):
        adapter.describe(keys)


def test_strings_of_others_are_text_or_bytes(adapter: Adapter, keys: str) -> None:
    ask(adapter, f"SET {keys}:a 1")
    ask(adapter, f"SET {keys}:b é")
    schema = adapter.describe(keys)
    assert [column.type for column in schema.columns] == [Type.TEXT, Type.TEXT]
    assert sorted(rows_of(adapter, schema)) == [(f"{keys}:a", "1"), (f"{keys}:b", "é")]
    ask(adapter, f'SET {keys}:c "\\xff"')
    with pytest.raises(StatementError, match=f"{keys}:c"):
        rows_of(adapter, schema)
    assert adapter.describe(keys).column("value").type is Type.BYTES
    assert (f"{keys}:c", b"\xff") in rows_of(adapter, adapter.describe(keys))


def test_keys_of_mixed_types_are_json(adapter: Adapter, keys: str) -> None:
    for command in (
        "SET {}:s x",
        "RPUSH {}:l a b",
        "SADD {}:t b a",
        "ZADD {}:z 1.5 m",
        "HSET {}:h f v",
        "XADD {}:x 1-1 a 1",
    ):
        ask(adapter, command.format(keys))
    schema = adapter.describe(keys)
    assert schema.names == ("key", "type", "value")
    assert {row[0].rpartition(":")[2]: row[1:] for row in rows_of(adapter, schema, batch_size=2)} == {
        "s": ("string", "x"),
        "l": ("list", ["a", "b"]),
        "t": ("set", ["a", "b"]),
        "z": ("zset", {"m": 1.5}),
        "h": ("hash", {"f": "v"}),
        "x": ("stream", [["1-1", {"a": "1"}]]),
    }


def test_what_a_sample_did_not_show_stops_the_scan(adapter: Adapter, keys: str) -> None:
    ask(adapter, f"HSET {keys}:1 a 1")
    schema = adapter.describe(keys)
    batches = adapter.scan(schema)
    ask(adapter, f"SET {keys}:2 x")
    with pytest.raises(StatementError):
        list(batches)
    ask(adapter, f"DEL {keys}:2")
    ask(adapter, f"HSET {keys}:1 b 2")
    assert rows_of(adapter, schema) == [(f"{keys}:1", "1")]  # the scan's own sample shows b: the caller left it out
    with pytest.raises(NotFound):
        adapter.write(schema, [[(f"{keys}:3", "1")]])


# --- servers of our own -------------------------------------------------------------------------------------------

Start = Callable[..., Target]


def _free_port() -> int:
    """Below 55536: a cluster's node also listens 10000 above its port."""
    while True:
        port = random.randint(20000, 50000)
        with socket.socket() as free:
            try:
                free.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


@pytest.fixture
def start() -> Iterator[Start]:
    """Start a server as the process runtime does, with more settings; ended after the test."""
    folder = LOCAL.bundled() if LOCAL.bundled else None
    if folder is None:
        pytest.skip("the embedded extra is not installed")
    root = Path(tempfile.mkdtemp(prefix="dbf"))
    running: list[subprocess.Popen[bytes]] = []

    def started(*settings: str, password: str = "s3cret") -> Target:
        port = _free_port()
        for place in ("data", "run"):
            (root / place).mkdir(exist_ok=True)
        (root / "password").write_text(password)
        plan = ServerPlan(
            {"valkey-server": folder / "valkey-server"}, root / "data", root / "run", root / "log", port, "default",
            password, root / "password", "0",
        )  # fmt: skip
        command = [os.fspath(word) for word in LOCAL.command(plan)]
        assert password not in " ".join(command)
        assert (root / "run" / "server.conf").stat().st_mode & 0o077 == 0
        with (root / "log").open("wb") as log:
            running.append(subprocess.Popen([*command, *settings], cwd=root / "data", stdout=log))
        target = Target("own", "redis", "redis", "127.0.0.1", port, "default", password, "0")
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                with socket.create_connection(("127.0.0.1", port), 1):
                    return target
            except OSError:
                time.sleep(0.02)
        raise AssertionError((root / "log").read_text())

    started.processes = running  # type: ignore[attr-defined]
    yield started
    for process in running:
        process.kill()
        process.wait()
    shutil.rmtree(root)


def test_full_memory_rejects_rows_in_the_servers_words(start: Start) -> None:
    with registry.connect(start()) as adapter:
        schema = orders("orders")
        adapter.create(schema)
        ask(adapter, "CONFIG SET maxmemory 4mb")
        batches = ([(start + n, n, "x" * 1000) for n in range(1000)] for start in range(0, 10000, 1000))
        written = adapter.write(schema, batches)
        assert written.rows + len(written.rejected) == 10000
        assert 0 < written.rows < 5000
        assert "OOM" in written.rejected[0].reason
        assert len(rows_of(adapter, schema)) == adapter.count("orders") == written.rows
        (sets,) = ask(adapter, "EVAL \"local n = 0; for _, k in ipairs(redis.call('KEYS', 'orders:by:*')) do "
                      "n = n + redis.call('SCARD', k) end; return n\" 0")  # fmt: skip
        assert sets == written.rows
        with pytest.raises(StatementError, match="OOM") as caught:
            adapter.query("SET a :big", {"big": "x" * 1_000_000})
        assert caught.value.hint


def test_killed_server_keeps_whole_rows(start: Start) -> None:
    """After SIGKILL in the middle of a write: every row is there with its index and set, or not at all."""
    schema = orders("orders")
    with registry.connect(start()) as adapter:
        adapter.create(schema)
        process = start.processes[-1]  # type: ignore[attr-defined]

        def batches() -> Iterator[list[Row]]:
            for start_ in range(0, 1_000_000, 1000):
                if start_ == 30_000:
                    time.sleep(1.2)  # appendfsync everysec
                if start_ == 50_000:
                    process.kill()
                    process.wait()
                yield [(number, number % 100, "x") for number in range(start_, start_ + 1000)]

        with pytest.raises(Unavailable):
            adapter.write(schema, batches())
    with registry.connect(start()) as adapter:
        while True:  # it reads its append-only file
            try:
                adapter.ping()
                break
            except Unavailable as exc:
                assert "LOADING" in str(exc)  # noqa: PT017
                time.sleep(0.05)
        found = {row[0] for row in rows_of(adapter, schema)}
        assert len(found) >= 30_000
        assert adapter.count("orders") == len(found)
        members = [int(key) for n in range(100) for key in ask(adapter, f"SMEMBERS orders:by:customer_id:{n}")]
        assert sorted(members) == sorted(found)
        again = adapter.write(schema, [[(n, n % 100, "x") for n in range(40_000)]], mode="upsert")
        assert again.rows == 40_000


def test_logins_that_are_refused(start: Start) -> None:
    target = start(password='a b"\\@:/?#%')
    with registry.connect(target) as adapter:
        assert adapter.ping().product == "Valkey"
    for wrong in (
        target.with_(password="wrong"),
        target.with_(password=None),
        target.with_(user="nobody"),
        target.with_(database="99"),
        target.with_(password="wrong", options={"protocol": "2"}),
    ):
        with pytest.raises(AuthFailed) as caught:
            registry.connect(wrong)
        assert caught.value.target == "own"
    with pytest.raises(Unavailable):
        registry.connect(target.with_(port=1), timeout_s=2)


@pytest.mark.parametrize(
    "changes",
    [
        {"database": "shop"},
        {"options": {"protcol": "3"}},
        {"options": {"protocol": "4"}},
        {"options": {"ssl_keyfile": "x"}},
    ],
)
def test_urls_that_cannot_be_meant(changes: dict[str, Any]) -> None:
    target = Target("own", "redis", "redis", "127.0.0.1", 1)
    with pytest.raises(UsageError):
        registry.connect(target.with_(**changes))


def test_user_with_few_rights_gets_the_servers_words(start: Start) -> None:
    target = start()
    with registry.connect(target) as adapter:
        ask(adapter, "ACL SETUSER reader on >pw ~* +@read +@connection")
    with registry.connect(target.with_(user="reader", password="pw")) as reader:
        assert reader.ping().version[0].isdigit()  # INFO is forbidden, HELLO knows
        assert reader.collections() == []
        with pytest.raises(StatementError) as caught:
            reader.query("SET a 1")
        assert caught.value.code == "NOPERM"


def test_server_that_loads_its_data_is_not_ready_yet(start: Start) -> None:
    target = start("--appendonly", "no")
    with registry.connect(target) as adapter:
        schema = Schema("t", PAIR, ("id",))
        adapter.create(schema)
        adapter.write(schema, [[(number, "x") for number in range(1000)]])
        ask(adapter, "SAVE")
    start.processes[-1].kill()  # type: ignore[attr-defined]
    target = start("--appendonly", "no", "--key-load-delay", "20000", "--loading-process-events-interval-bytes", "1024")
    with pytest.raises(Unavailable, match="LOADING"), registry.connect(target) as adapter:
        adapter.ping()


def test_replica_says_that_it_is_one(start: Start) -> None:
    with registry.connect(start("--replicaof", "127.0.0.1", "1")) as adapter, pytest.raises(DbfleetError) as caught:
        adapter.query("SET a 1")
    assert caught.value.hint
    assert "primary" in caught.value.hint


def test_node_of_a_cluster_refuses_collections(start: Start) -> None:
    with registry.connect(start("--cluster-enabled", "yes")) as adapter:
        assert ask(adapter, "ECHO 1") == ["1"]
        assert adapter.ping().version
        with pytest.raises(Unsupported, match="Cluster"):
            adapter.collections()


def test_unix_socket(start: Start) -> None:
    target = start()
    with registry.connect(target) as adapter:
        directory = ask(adapter, "CONFIG GET dir")["dir"]
    start.processes[-1].kill()  # type: ignore[attr-defined]
    path = f"{directory}/s.sock"
    target = start("--unixsocket", path)
    by_path = Target("own", "redis", "redis+unix", password=target.password, database=path[1:], options={"db": "2"})
    with registry.connect(by_path) as adapter:
        ask(adapter, "SET a 1")
    with registry.connect(replace(target, database="2")) as adapter:
        assert ask(adapter, "GET a") == ["1"]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b"", None])
def test_whoever_answers_instead_of_a_server_is_unavailable(answer: bytes | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1000)
                if answer is None:
                    time.sleep(1.5)
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(Unavailable):
            registry.connect(Target("x", "redis", "redis", "127.0.0.1", server.getsockname()[1]), timeout_s=1)
        thread.join()


def test_servers_that_speak_resp2_only_are_asked_in_it(target: Target, name: str) -> None:
    with registry.connect(target.with_(options={"protocol": "2"})) as adapter:
        schema = orders(name)
        adapter.create(schema)
        try:
            adapter.write(schema, [[(number, number % 3, None) for number in range(500)]])
            assert len(rows_of(adapter, schema, batch_size=7)) == 500
            assert len(adapter.split(schema, 4)) == 4
            assert ask(adapter, f"HGETALL {name}:7") == {"id": "7", "customer_id": "1"}
            assert ask(adapter, f"ZRANGE {name} 0 1 WITHSCORES") == [("0", "0"), ("1", "1")]
            assert adapter.ping().version
        finally:
            adapter.drop(name)
