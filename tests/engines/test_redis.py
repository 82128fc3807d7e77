"""What is Redis's own about rows: how they are kept, what is refused, what others may do meanwhile."""

from __future__ import annotations

import random
import threading
from typing import Any

import pytest
from redis_asked import ID, PAIR, ask, orders, rows_of
from redis_asked import foreign_keys as foreign_keys

from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import (
    AlreadyExists,
    NotFound,
    StatementError,
    Unsupported,
)
from dbfleet.values import Column, Reference, Row, Schema, Type

pytestmark = pytest.mark.engines("redis")


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
    with pytest.raises(Unsupported, match="keep their names"):
        adapter.write(schema, [[("elsewhere:3", "1")]])
