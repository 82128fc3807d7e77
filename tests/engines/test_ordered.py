"""Lines in the order of the key, where an adapter has them: the rows of a scan, in the order that diff expects."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from uuid import UUID

import pytest

from dbfleet.abilities import Ordered
from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Make
from dbfleet.lines import order_of, value_of
from dbfleet.ops.diff.compare import comparable
from dbfleet.values import Column, Row, Schema, Type


def lines(adapter: Adapter, schema: Schema) -> list[bytes]:
    found = needed(adapter, Ordered).ordered(schema)
    if found is None:
        pytest.skip("declined for this schema")
    chunks = list(found)
    assert all(chunk.endswith(b"\n") for chunk in chunks)
    return b"".join(chunks).split(b"\n")[:-1]


def test_lines_read_back_as_the_rows_of_a_scan(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(wide_schema(name, adapter.spec))
    adapter.write(schema, [wide_rows(adapter.spec, 300)])
    found = lines(adapter, schema)
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
    if not adapter.spec.limits.trailing_blanks_in_key:
        values = [value for value in values if value != "a "]  # the same key as "a"
    columns = (Column("v", Type.INT), Column("k", type_, False, length=40 if type_ is Type.TEXT else None))
    key = (Column("k", type_, False), Column("n", Type.INT, False))
    schema = made(Schema(name, (*columns, key[1]), ("k", "n")))
    adapter.write(schema, [[(7, value, number) for value in reversed(values) for number in (2, 11, 1)]])
    read = Schema(name, (*key, columns[0]), ("k", "n"))
    found = lines(adapter, read)
    order = order_of(key)
    assert len(found) == len(values) * 3
    assert found == sorted(found, key=order)


def test_lines_of_plain_types_read_back_as_the_rows_of_a_scan(adapter: Adapter, made: Make, name: str) -> None:
    wide = wide_schema(name, adapter.spec)
    kept = [place for place, column in enumerate(wide.columns) if column.type not in (Type.JSON, Type.BYTES)]
    schema = made(Schema(name, tuple(wide.columns[place] for place in kept), ("id",)))
    adapter.write(schema, [[tuple(row[place] for place in kept) for row in wide_rows(adapter.spec, 300)]])
    found = lines(adapter, schema)
    rows = [
        tuple(value_of(column, cell) for column, cell in zip(schema.columns, line.split(b"\t"), strict=True))
        for line in found
    ]
    scanned = sorted((row for batch in adapter.scan(schema) for row in batch), key=lambda row: int(row[0]))
    same = comparable(schema.columns, [adapter.spec])
    assert same(rows) == same(scanned)


def test_digits_of_a_second_are_cut_as_asked(adapter: Adapter, made: Make, name: str) -> None:
    columns = (Column("id", Type.INT, False), Column("at", Type.INSTANT), Column("on", Type.DATETIME))
    schema = made(Schema(name, columns, ("id",)))
    moments = [datetime(1969, 12, 31, 23, 59, 59, 500999), datetime(2024, 1, 1, 0, 0, 0, 999), datetime(2024, 1, 1)]
    rows = [(number, moment.replace(tzinfo=UTC), moment) for number, moment in enumerate(moments)]
    adapter.write(schema, [rows])
    coarse = replace(schema, columns=(columns[0], *(replace(each, fraction_digits=3) for each in columns[1:])))
    found = lines(adapter, coarse)
    cells = [line.split(b"\t") for line in found]
    assert [cell for cell, *_ in cells] == [b"0", b"1", b"2"]
    assert [on for *_, on in cells] == [b"1969-12-31 23:59:59.5", b"2024-01-01 00:00:00", b"2024-01-01 00:00:00"]
    assert [at for _, at, _ in cells] == [on + b"+00" for *_, on in cells]
