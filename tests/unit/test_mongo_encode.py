"""Rows as BSON are, byte for byte, what the driver makes of the same documents. No server."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from bson import encode
from bson.decimal128 import Decimal128
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.engines.mongodb.documents import Layout
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.values import Column, Schema, Type

_MIDNIGHT = time(0)
_TO_DRIVER: dict[Type, Any] = {
    Type.DECIMAL: lambda value: Decimal128(value),
    Type.DATE: lambda value: datetime.combine(value, _MIDNIGHT),
    Type.TIME: lambda value: value.isoformat().rstrip("0") if value.microsecond else value.isoformat(),
}
_VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.BOOL: st.booleans(),
    Type.INT: st.integers(-(2**63), 2**63 - 1) | st.integers(-(2**31) - 2, 2**31 + 2),
    Type.DECIMAL: st.decimals(places=4, min_value=-(10**20), max_value=10**20)
    | st.decimals(allow_nan=False, min_value=-(10**9), max_value=10**9, places=0)
    | st.sampled_from([Decimal("0"), Decimal("-0.00"), Decimal("1E+5"), Decimal("1E-9"), Decimal("9" * 34)]),
    Type.FLOAT: st.floats(allow_nan=False),
    Type.TEXT: st.text(st.characters(exclude_categories=["Cs"])),
    Type.BYTES: st.binary(),
    Type.DATE: st.dates(),
    Type.TIME: st.times(),
    Type.DATETIME: st.datetimes(),
    Type.INSTANT: st.datetimes(timezones=st.just(UTC)),
    Type.UUID: st.uuids(),
}


def expected(field: str, type_: Type, value: Any) -> dict[str, Any]:
    return {} if value is None else {field: _TO_DRIVER.get(type_, lambda value: value)(value)}


@pytest.mark.parametrize("type_", list(_VALUES), ids=lambda type_: type_.value)
@given(data=st.data())
def test_every_type(type_: Type, data: st.DataObject) -> None:
    schema = Schema("c", (Column("id", Type.INT, False), Column("v é", type_)), ("id",))
    values = data.draw(st.lists(st.none() | _VALUES[type_], min_size=1, max_size=5))
    # Few values many times take another way than many different ones.
    for repeated in (values, values * 100):
        rows = list(enumerate(repeated))
        documents, ids = Layout(schema).encoder().encode(rows)
        assert documents == [
            encode({"_id": number} | expected("v é", type_, value), codec_options=CODEC) for number, value in rows
        ]
        assert ids == [encode({"_id": number}, codec_options=CODEC)[4:-1] for number, _ in rows]


def test_a_compound_key() -> None:
    columns = (Column("a", Type.INT, False), Column("v", Type.TEXT), Column("b", Type.UUID, False))
    layout = Layout(Schema("c", columns, ("b", "a")))
    key = UUID(int=7)
    (document,), (element,) = layout.encoder().encode([(1, None, key)])
    assert document == encode({"_id": {"b": key, "a": 1}}, codec_options=CODEC)
    assert element == document[4:-1]
    assert layout.ids([(key, 1)]) == [{"b": key, "a": 1}]


def test_no_key_and_no_columns() -> None:
    assert Layout(Schema("c", (Column("v", Type.INT),))).encoder().encode([(None,), (1,)])[0] == [
        encode({}),
        encode({"v": 1}),
    ]


@pytest.mark.parametrize(("digits", "kept"), [(0, 0), (2, 120000), (3, 123000), (6, 123000), (None, 123000)])
def test_fractions_of_a_second_are_cut_to_the_column_and_to_milliseconds(digits: int | None, kept: int) -> None:
    schema = Schema("c", (Column("v", Type.DATETIME, fraction_digits=digits),))
    at = datetime(1969, 12, 31, 23, 59, 59, 123999)
    (document,), _ = Layout(schema).encoder().encode([(at,)])
    assert document == encode({"v": at.replace(microsecond=kept)})


@pytest.mark.parametrize(
    ("type_", "value"),
    [(Type.TEXT, "\ud800"), (Type.TEXT, 5), (Type.INT, "5"), (Type.DATE, "2024-01-01"), (Type.JSON, {1: 2}),
     (Type.UUID, "x"), (Type.FLOAT, "x"), (Type.INSTANT, datetime(2024, 1, 1)), (Type.BYTES, "x"), (Type.DECIMAL, "x")],
)  # fmt: skip
def test_what_is_not_of_the_columns_type_is_an_error_that_write_rejects(type_: Type, value: Any) -> None:
    from dbfleet.engines.mongodb.write import _BAD_VALUES

    with pytest.raises(_BAD_VALUES):
        Layout(Schema("c", (Column("v", type_),))).encoder().encode([(value,)])


def test_dates_are_not_datetimes() -> None:
    schema = Schema("c", (Column("v", Type.DATE),))
    assert Layout(schema).encoder().encode([(date(1, 1, 1),)])[0] == [encode({"v": datetime(1, 1, 1)})]
