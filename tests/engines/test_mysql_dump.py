"""MySQL's and MariaDB's rows as a dump has them, made from the wire's own bytes: held to the plain path."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from typing import Any

import pytest

from dbfleet.errors import Unsupported
from dbfleet.formats import _exact
from dbfleet.values import JSON_NULL, Column, Digest, Schema, Type, digest_rows

pytestmark = pytest.mark.engines("mysql", "mariadb")

ODD = "odd 100%b"


@pytest.fixture
def odd(adapter: Any) -> Iterator[Any]:
    """Runs statements; the table they make goes again."""

    def run(text: str) -> None:
        for _ in adapter.query(text):
            pass

    adapter.drop(ODD)
    yield run
    adapter.drop(ODD)


def both(adapter: Any) -> bytes:
    """The fast path gives the plain path's bytes and digest."""
    schema = adapter.describe(ODD)
    plain = b""
    for word in ("csv", "jsonl"):
        found: list[Digest] = []
        fast = b"".join(adapter.encoded_scan(schema, word, found.append))
        plain = b"".join(_exact.encode(word, schema, adapter.scan(schema)))
        assert fast == plain
        assert sum(found, Digest()) == digest_rows(schema.columns, adapter.scan(schema))
    return plain


def test_names_with_percent_signs_and_documents_before_every_other_field(adapter: Any) -> None:
    schema = Schema(
        ODD,
        (
            Column("%b j", Type.JSON),
            Column("100%b", Type.INT, False),
            Column('q"%%', Type.TEXT),
            Column("j%s", Type.JSON),
            Column("f", Type.FLOAT),
        ),
        ("100%b",),
    )
    adapter.drop(ODD)
    adapter.create(schema)
    rows = [
        ({"b": 1, "a": [1.5, "%b"]}, 1, 'a"%\\', JSON_NULL, -0.0),
        (None, 2, None, None, 1e300),
        (JSON_NULL, 3, "é\n,", {"x": "y"}, 0.1),
    ]
    adapter.write(schema, [rows])
    try:
        assert both(adapter).count(b"\n") == 3
    finally:
        adapter.drop(ODD)


def test_a_batch_of_nothing_but_nulls(adapter: Any) -> None:
    schema = Schema(ODD, (Column("id", Type.INT, False), *(Column(f"c {t}", t) for t in Type)), ("id",))
    adapter.drop(ODD)
    adapter.create(schema)
    adapter.write(schema, [[(n, *[None] * len(Type)) for n in range(1500)]])
    try:
        both(adapter)
    finally:
        adapter.drop(ODD)


def test_what_a_table_of_somebody_elses_holds(adapter: Any, odd: Any) -> None:
    odd(
        f"create table `{ODD}` (id int zerofill primary key, y year, z decimal(8,3) zerofill, n decimal(8,3), "
        "m decimal(8), b bit(9), one tinyint(1), t time(3), d datetime(2), s timestamp(6) null, e enum('a','b'), "
        "k set('a','b'), c char(5), v varbinary(9), r float, l longtext)"
    )
    odd(
        f"insert into `{ODD}` values (1, 2024, 1.5, -0.001, -0, b'101', 1, '10:00:00.120', '2024-02-29 10:00:00.50', "
        "'2024-02-28 10:00:00.000001', 'a', 'a,b', 'x  ', '', 0.1, ''), "
        "(2, 1901, 0, 0, 7, b'0', 0, '00:00:00', '1000-01-01 00:00:00', null, 'b', '', 'é', 0x00ff0a, -1e30, '\"\\n')"
    )
    both(adapter)


@pytest.mark.parametrize(
    ("type_", "value"), [("date", "2023-02-29"), ("date", "2024-00-01"), ("datetime", "0000-00-00 00:00:00"),
                         ("time", "25:00:00"), ("time", "-01:00:00"), ("tinyint(1)", "5")]
)  # fmt: skip
def test_what_a_scan_refuses_is_refused_by_its_column(adapter: Any, odd: Any, type_: str, value: str) -> None:
    odd(f"create table `{ODD}` (id int primary key, odd {type_})")
    odd("set sql_mode = 'ALLOW_INVALID_DATES'")
    odd(f"insert into `{ODD}` values (1, null), (2, '{value}')")
    schema = adapter.describe(ODD)
    for read in (lambda: adapter.scan(schema), lambda: adapter.encoded_scan(schema, "jsonl")):
        with pytest.raises(Unsupported, match=r"odd 100%b\.odd .* holds '" + value):
            for _ in read():
                pass


def test_leap_days_are_dates(adapter: Any) -> None:
    schema = Schema(ODD, (Column("d", Type.DATE, False), Column("t", Type.TIME)), ("d",))
    adapter.drop(ODD)
    adapter.create(schema)
    adapter.write(schema, [[(date(2024, 2, 29), time(0, 0, 0, 1)), (date(2000, 2, 29), None)]])
    try:
        assert b"2024-02-29" in both(adapter)
    finally:
        adapter.drop(ODD)
