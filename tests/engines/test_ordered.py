"""Lines in the order of the key, where an adapter has them: the rows of a scan, in the order that diff expects."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.plugin import Make
from dbfleet.ops._compare import comparable
from dbfleet.ops._merge import order_of, value_of
from dbfleet.values import Column, Row, Schema, Type


def lines(adapter: Adapter, schema: Schema) -> list[bytes] | None:
    ordered: Any = getattr(adapter, "ordered", None)
    found = ordered(schema) if ordered else None
    if found is None:
        return None
    chunks = list(found)
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    return b"".join(chunks).split(b"\n")[:-1]


def test_lines_read_back_as_the_rows_of_a_scan(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(wide_schema(name, adapter.spec))
    adapter.write(schema, [wide_rows(adapter.spec, 300)])
    found = lines(adapter, schema)
    if found is None:
        return
    rows: list[Row] = [
        tuple(value_of(column, cell) for column, cell in zip(schema.columns, line.split(b"\t"), strict=True))
        for line in found
    ]
    scanned = sorted((row for batch in adapter.scan(schema) for row in batch), key=lambda row: int(row[0]))
    same = comparable(schema.columns, [adapter.spec])
    assert same(rows) == same(scanned)
    assert adapter.ping().version


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        (Type.INT, [-5, 0, 3, 20, 100, 2**53 + 1]),
        (Type.TEXT, ["A", "B", "Z", "a", "a ", "a\x01", "ab", "b", "é", "日", "😀", "\ufffd"]),
        (Type.DATE, [date(1, 1, 1), date(1969, 12, 31), date(2024, 2, 29), date(9999, 12, 31)]),
        (Type.UUID, [UUID(int=5), UUID(int=2**127), UUID("00000000-0000-1000-0000-000000000000"), UUID(int=2**64)]),
    ],
    ids=["int", "text", "date", "uuid"],
)
def test_lines_are_in_the_order_of_the_key(
    adapter: Adapter, made: Make, name: str, type_: Type, values: list[object]
) -> None:
    columns = (Column("v", Type.INT), Column("k", type_, False, length=40 if type_ is Type.TEXT else None))
    key = (Column("k", type_, False), Column("n", Type.INT, False))
    schema = made(Schema(name, (*columns, key[1]), ("k", "n")))
    adapter.write(schema, [[(7, value, number) for value in reversed(values) for number in (2, 11, 1)]])
    read = Schema(name, (*key, columns[0]), ("k", "n"))
    found = lines(adapter, read)
    if found is None:
        return
    order = order_of(key)
    assert len(found) == len(values) * 3
    assert found == sorted(found, key=order)
