"""Commands: what their replies are as records, what is refused, what a statement may leave behind."""

from __future__ import annotations

import signal
import threading
import tracemalloc
from typing import Any

import pytest
from redis_asked import PAIR, ask, names, orders, rows_of
from redis_asked import foreign_keys as foreign_keys

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import StatementError, Unsupported
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type

pytestmark = pytest.mark.engines("redis")


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
    with pytest.raises(StatementError, match="killed"):  # it does not end by itself
        adapter.query("EVAL 'while true do end' 0")
    timer.join()
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
