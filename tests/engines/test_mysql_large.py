"""Large values in MySQL and MariaDB: in batches bounded in bytes, past the packet's limit, within a small server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import BATCH_BYTES, Adapter, Condition
from dbfleet.conformance.plugin import Make
from dbfleet.engines._mysql import large as large_values
from dbfleet.errors import ConstraintViolated
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Row, Schema, Type

pytestmark = pytest.mark.engines("mysql", "mariadb")

ID = Column("id", Type.INT, False)
SIZE = 100_000_000
PATTERN = bytes(range(256)) * 4096


def _schema(name: str) -> Schema:
    return Schema(name, (ID, Column("data", Type.BYTES), Column("t", Type.TEXT), Column("j", Type.JSON)), ("id",))


def _data(size: int) -> bytes:
    """With everything in it that a file of LOAD DATA gives a meaning."""
    return (PATTERN * (size // len(PATTERN) + 1))[:size]


def _sums(batches: Iterator[Batch]) -> dict[int, tuple[int, str]]:
    found = {}
    for batch in batches:
        for row in batch:
            value = row[1] if row[1] is not None else (row[2] or "").encode()
            found[row[0]] = len(value), hashlib.md5(value, usedforsecurity=False).hexdigest()
    return found


def _sum(value: bytes) -> tuple[int, str]:
    return len(value), hashlib.md5(value, usedforsecurity=False).hexdigest()


def test_a_value_of_100_mb_goes_in_and_out(adapter: Any, made: Make, name: str) -> None:
    """Three times the packet that the stack allows; written and read by a server that has five times its size."""
    schema = made(_schema(name))
    data = _data(SIZE)
    assert adapter.write(schema, iter([[(1, data, "é😀", {"a": ["é", 1]})], [(2, b"", None, None)]])).rows == 2
    assert _sums(adapter.scan(schema)) == {1: _sum(data), 2: _sum(b"")}
    (row,) = adapter.get(schema, [(1,)])
    assert row[2:] == ("é😀", {"a": ["é", 1]})


@pytest.mark.parametrize("first", [True, False])
def test_huge_values_come_in_slices(
    adapter: Any, made: Make, name: str, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Whether the first rows tell of them or the table's averages; the characters of a text are never cut."""
    monkeypatch.setattr(large_values, "HUGE", 1000)
    monkeypatch.setattr(large_values, "_SLICE", 401)
    monkeypatch.setattr(large_values, "_SUSPECT", 99)
    schema = made(_schema(name))
    small: list[Row] = [(number, b"s", None, None) for number in range(10, 40)]
    huge = [
        (1 if first else 1000, _data(1001), "é😀" * 500, [1]),
        (2 if first else 2000, b"", "x" * 1203, None),
        (3 if first else 3000, _data(1203), None, {}),
    ]
    adapter.write(schema, [small, huge])
    if not first:
        list(adapter.query(f"ANALYZE TABLE `{name}`"))
    assert adapter.lines(schema) is None
    assert adapter.ordered(schema) is None
    batches = list(adapter.scan(schema))
    assert sorted(row for batch in batches for row in batch) == sorted([*small, *huge])
    assert [len(batch) for batch in batches[-3:]] == [1, 1, 1]
    assert sorted(adapter.get(schema, [(huge[1][0],), (10,), (huge[2][0],)])) == sorted([small[0], *huge[1:]])
    wanted = tuple(Condition("=", column="id", value=number) for number in (2, 2000))
    part = adapter.narrow(schema, Condition("or", wanted))
    assert [row for batch in adapter.scan(schema, part) for row in batch] == [huge[1]]
    adapter.delete(schema, [row[:1] for row in huge])
    assert adapter.lines(schema) is not None


def test_large_bytes_are_the_same_on_every_way(adapter: Any, made: Make, name: str, target: Target) -> None:
    schema = made(_schema(name))
    twin = made(replace(_schema(f"{name}_t")))
    large = [(1, _data(9_000_000), "x\t\n\\", None), (2, b"\\N", None, [1]), (3, _data(2_000_001), "é" * 100, {})]
    rows = [*large, (4, None, None, None), (5, _data(1_500_000), None, None)]
    for mode in ("insert", "upsert"):
        assert adapter.write(schema, [rows], mode=mode).rows == 5
        assert [row for batch in adapter.scan(schema) for row in batch] == rows
    with registry.connect(target) as reader:
        lines: Any = reader
        assert adapter.write_lines(twin, lines.lines(schema)) is None or adapter.count(twin.name) == 5
    if not adapter.count(twin.name):  # MySQL's own JSON takes no lines
        plain = Schema(twin.name, schema.columns[:3], ("id",))
        with registry.connect(target) as reader:
            lines = reader
            assert adapter.write_lines(plain, lines.lines(replace(plain, name=name))).rows == 5
    assert [row[:3] for batch in adapter.scan(twin) for row in batch] == [row[:3] for row in rows]
    assert b"".join(adapter.lines(schema)).count(b"\\\\x") == 4


def test_batches_of_large_values_are_small(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(_schema(name))
    rows = [(number, _data(700_000), None, None) for number in range(40)]
    adapter.write(schema, [rows[:20], rows[20:]])
    for ask in (lambda: adapter.scan(schema), lambda: adapter.query(f"select * from `{name}`")):
        sizes = [sum(len(row[1]) for row in batch) for batch in ask()]
        assert sum(sizes) == 40 * 700_000
        assert max(sizes) <= BATCH_BYTES + 2 * 700_000, sizes


def test_without_local_files_a_value_beyond_the_packet_is_refused_by_its_name(
    adapter: Adapter, made: Make, name: str, target: Target
) -> None:
    schema = made(_schema(name))
    with registry.connect(replace(target, options={**target.options, "local_infile": "off"})) as writer:
        with pytest.raises(ConstraintViolated, match=rf"{name}\.data.*id 7.*40,000,000 bytes"):
            writer.write(schema, [[(6, b"small", None, None), (7, _data(40_000_000), None, None)]])
        assert writer.count(name) == 0
        assert writer.write(schema, [[(8, _data(3_000_000), "t", None)]]).rows == 1
