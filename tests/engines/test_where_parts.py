"""--where asked of the engines: what comes back is all that is meant, and where it can be said exactly no more."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from dbfleet.abilities import Narrows
from dbfleet.adapter import Adapter
from dbfleet.conformance.held import needed
from dbfleet.conformance.plugin import Make
from dbfleet.fidelity import coarsened
from dbfleet.ops.diff import expression
from dbfleet.values import Column, Row, Schema, Type

COLUMNS = (
    Column("id", Type.INT, False),
    Column("name", Type.TEXT, length=40),
    Column("paid", Type.BOOL),
    Column("total", Type.DECIMAL, precision=12, scale=2),
    Column("on", Type.DATE),
    Column("at", Type.INSTANT),
)
NAMES = ["anna", "Anna", "anna ", 'it\'s \\ "x"', "", None, "😀", "NULL"]
MOMENT = datetime(2024, 2, 29, 13, 5, 0, 123456, tzinfo=UTC)


def rows() -> list[Row]:
    return [
        (
            number,
            NAMES[number % len(NAMES)],
            (True, False, None)[number % 3],
            None if number % 7 == 3 else Decimal(number * 125 - 4000).scaleb(-2),
            None if number % 5 == 4 else date(1969 + number % 80, 12, 31),
            None if number % 11 == 5 else MOMENT.replace(second=number % 60, microsecond=number * 1000 + number),
        )
        for number in range(200)
    ]


EXACT = [
    "id = 17", "id < 10 or id >= 190", "id in (3, 5, 500)", "not id between 5 and 190", "5 > id", "paid", "not paid",
    "paid = false", "total is null", "on < '1990-01-01'",
    "on = DATE '2000-12-31' or on is null", "not (id > 4 and paid)", "not (id > 4 or paid is null)", "id <> 4",
]  # fmt: skip
MORE = [
    "paid is null", "paid is not null and id > 100", "name = 'anna'", "name in ('anna', 'it''s \\ \"x\"')",
    "name = ''", "name is null", "name <> 'anna'",
    "not name = 'anna'", "name > 'a'", "name like 'a%'", "total > 100", "total = 12.5", "not total <= -3.75",
    "total between 10 and 20.25", "at >= '2024-02-29T13:05:30Z'", "at < '2024-02-29T13:05:30.5Z' and id > 3",
    "at > '2024-02-29T13:05:10Z' or id = 3", "at = '2024-02-29T13:05:07.130456Z'", "at is null", "total = id",
    "at <= '2024-02-29T13:05:30.123Z'", "(paid or id < 50) is true", "(paid) is not true", "total > 99999999999",
    "id > 99999999999999999999", "total = 1.23456", "name = 'anna' or total > 100", "paid and name like 'A%'",
]  # fmt: skip


@pytest.mark.engines("sqlite", "postgres", "mysql", "mariadb", "mongodb", "sqlserver", "oracle")
def test_asked_rows_are_all_that_are_meant(adapter: Adapter, made: Make, name: str) -> None:
    ask = needed(adapter, Narrows).narrow
    schema = made(Schema(name, COLUMNS, ("id",)))
    adapter.write(schema, [rows()])
    described = adapter.describe(name)
    read = Schema(name, tuple(described.column(column.name) for column in COLUMNS), ("id",))
    scanned = [row for batch in adapter.scan(read) for row in batch]
    cut = coarsened(read.columns, adapter.spec) or (lambda row: row)
    asked = 0
    for text in (*EXACT, *MORE):
        test = expression.parse(text, read.columns)
        meant = sorted(row[0] for row in scanned if test(cut(row)) is True)
        condition = expression.narrowed(text, read.columns, adapter.spec, [adapter.spec])
        part = ask(read, condition) if condition else None
        if part is None:
            continue
        asked += 1
        got = sorted(row[0] for batch in adapter.scan(read, part) for row in batch)
        assert set(meant) <= set(got), text
        if text in EXACT:
            assert meant == got, text
    assert asked >= len(EXACT) - 4
