"""Values of many megabytes: stored and read whole, or refused by name before they are sent; the server lives on."""

from __future__ import annotations

from typing import Any

import pytest
from redis_asked import ask, orders

from dbfleet.adapter import BATCH_BYTES, Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import NotFound
from dbfleet.values import Column, Row, Schema, Type

ID = Column("id", Type.INT, False)
MB = 1 << 20


def _rows(adapter: Adapter, schema: Schema) -> list[Row]:
    return sorted(row for batch in adapter.scan(schema) for row in batch)


@pytest.mark.engines("mongodb", "redis")
@pytest.mark.parametrize("type_", [Type.TEXT, Type.BYTES])
def test_a_value_of_100_mb_is_stored_or_refused_by_name(adapter: Adapter, made: Make, name: str, type_: Type) -> None:
    schema = made(Schema(name, (ID, Column("big", type_)), ("id",)))
    value: Any = "x" * (100 * MB) if type_ is Type.TEXT else b"\xff" * (100 * MB)
    small: Any = "small" if type_ is Type.TEXT else b"small"
    written = adapter.write(schema, [[(1, small), (17, value), (2, small)]])
    if written.rejected:
        (rejected,) = written.rejected
        assert rejected.row[0] == 17
        for word in (name, "17", "big", "104,857,6"):
            assert word in rejected.reason
        assert _rows(adapter, schema) == [(1, small), (2, small)]
    else:
        assert _rows(adapter, schema) == [(1, small), (2, small), (17, value)]
    assert adapter.ping().version


@pytest.mark.engines("mongodb", "redis")
def test_a_value_of_12_mb_is_stored_and_read(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("big", Type.TEXT)), ("id",)))
    value = "ü" * (6 * MB)
    assert adapter.write(schema, [[(1, value)], [(2, value[1:]), (3, "x")]]).rows == 3
    assert _rows(adapter, schema) == [(1, value), (2, value[1:]), (3, "x")]
    assert list(adapter.get(schema, [(2,)])) == [(2, value[1:])]


@pytest.mark.engines("redis")
def test_a_large_row_is_as_whole_as_a_small_one(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(orders(name))
    big, other = "b" * (5 * MB), "o" * (5 * MB)
    assert adapter.write(schema, [[(1, 5, big), (2, 5, "small")]]).rows == 2
    again = adapter.write(schema, [[(1, 6, other)]])
    assert [(each.row[0], each.reason) for each in again.rejected] == [(1, f"ERR {name}:1 exists")]
    assert sorted(ask(adapter, f"SMEMBERS {name}:by:customer_id:5")) == ["1", "2"]
    assert adapter.write(schema, [[(1, 6, other), (3, None, big)]], mode="upsert").rows == 2
    assert ask(adapter, f"SMEMBERS {name}:by:customer_id:5") == ["2"]
    assert ask(adapter, f"SMEMBERS {name}:by:customer_id:6") == ["1"]
    assert _rows(adapter, schema) == [(1, 6, other), (2, 5, "small"), (3, None, big)]
    assert adapter.delete(schema, [(1,), (3,)]) == 2
    assert ask(adapter, f"KEYS {name}*") != []
    assert _rows(adapter, schema) == [(2, 5, "small")]
    with pytest.raises(NotFound):
        adapter.write(orders(f"{name}_nowhere"), [[(1, 5, big)]])


@pytest.mark.engines("redis")
def test_large_rows_without_a_key_and_in_the_way_of_others(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("v", Type.TEXT),)))
    big = "b" * (5 * MB)
    assert adapter.write(schema, [[(big,), ("s",), (big,)]]).rows == 3
    assert _rows(adapter, schema) == [(big,), (big,), ("s",)]
    keyed = made(Schema(f"{name}_k", (ID, Column("v", Type.TEXT)), ("id",)))
    ask(adapter, f"SET {name}_k:1 theirs")
    for mode in ("insert", "upsert"):
        refused = adapter.write(keyed, [[(1, big)]], mode=mode).rejected  # type: ignore[arg-type]
        assert len(refused) == 1
    assert ask(adapter, f"GET {name}_k:1") == ["theirs"]
    ask(adapter, f"DEL {name}_k:1")


@pytest.mark.engines("redis")
def test_keys_of_others_are_read_in_batches_that_are_bounded_in_bytes(adapter: Adapter, name: str) -> None:
    value = "v" * MB
    for number in range(20):
        ask(adapter, f"SET {name}:{number} :value", value=value)
    try:
        schema = adapter.describe(name)
        sizes = [sum(len(row[1]) for row in batch) for batch in adapter.scan(schema)]
        assert sum(sizes) == 20 * MB
        assert max(sizes) <= BATCH_BYTES
    finally:
        adapter.drop(name)
