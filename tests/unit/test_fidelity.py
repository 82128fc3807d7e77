"""What an engine keeps of a column, by the specs alone: made anew, in a column that is there, and seen by two sides."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.fidelity import alike, coarsened, coarser, conversion, kept, kept_in
from dbfleet.spec import EngineSpec, Fidelity, Limits
from dbfleet.values import JSON_NULL, Column, Type

POSTGRES = registry.spec("postgres")
BY_VALUE = "json by its value: spaces, order and repeated keys of its text go"


def other(**changes: Any) -> EngineSpec:
    return replace(POSTGRES, name="other", title="Other", **changes)


def rounding(*types: Type, **limits: Any) -> EngineSpec:
    return other(types={**POSTGRES.types, **dict.fromkeys(types, Fidelity.ROUNDED)}, limits=Limits(**limits))


def test_a_native_type_is_exact_between_two_of_one_engine_only() -> None:
    interval = Column("x", Type.TEXT, native="interval", note="interval, as text")
    assert kept(interval, POSTGRES, POSTGRES).keeping == "exact"
    assert kept(interval, POSTGRES, other()).keeping == "as text"
    assert kept_in(replace(interval, name="y"), interval, POSTGRES, POSTGRES).keeping == "exact"


def test_a_generated_column_arrives_as_a_plain_one_which_is_noted() -> None:
    found = kept(Column("x", Type.INT, generated=True), POSTGRES, other())
    assert (found.keeping, found.note) == ("exact", "generated")


@pytest.mark.parametrize(
    ("source", "sink", "keeping", "note"),
    [
        ("mongodb", "postgres", "rounded", "the order of an object's fields goes"),
        ("mongodb", "mysql", "rounded", "the order of an object's fields goes"),
        ("mongodb", "sqlite", "rounded", "the order of an object's fields goes"),  # json that we write is sorted
        ("mongodb", "couchdb", "exact", None),
        ("couchdb", "postgres", "exact or refused", "no U+0000"),  # the order of fields says nothing there
        ("mariadb", "couchdb", "exact", BY_VALUE),
        ("mariadb", "mysql", "exact or refused", f"no number that is no double, {BY_VALUE}"),
    ],
)
def test_what_goes_of_json_is_told(source: str, sink: str, keeping: str, note: str | None) -> None:
    column = Column("x", Type.JSON)
    found = kept(column, registry.spec(source), registry.spec(sink))
    assert (found.keeping, found.note) == (keeping, note)
    there = kept_in(column, column, registry.spec(source), registry.spec(sink))
    assert (there.keeping, there.note) == (keeping, note)


@pytest.mark.parametrize(
    ("column", "there", "keeping"),
    [
        (Column("x", Type.INT), Column("x", Type.DECIMAL), "exact"),
        (Column("x", Type.DECIMAL, scale=0), Column("x", Type.INT), "exact or refused"),
        (Column("x", Type.DECIMAL, precision=18, scale=0), Column("x", Type.INT), "exact"),
        (Column("x", Type.DECIMAL, scale=2), Column("x", Type.INT), "refused"),
        (Column("x", Type.INT), Column("x", Type.TEXT), "as text"),
        (Column("x", Type.TEXT), Column("x", Type.INT), "refused"),
        (Column("x", Type.INSTANT), Column("x", Type.INSTANT, fraction_digits=3), "rounded"),
        (Column("x", Type.INSTANT, fraction_digits=3), Column("x", Type.INSTANT, fraction_digits=3), "exact"),
    ],
)
def test_a_column_goes_into_one_that_is_there(column: Column, there: Column, keeping: str) -> None:
    assert kept_in(there, column, POSTGRES, other()).keeping == keeping


def test_an_int_is_like_a_decimal_without_digits_behind_the_point() -> None:
    assert alike(Column("x", Type.INT), Column("x", Type.DECIMAL, scale=0))
    assert not alike(Column("x", Type.INT), Column("x", Type.DECIMAL))
    assert not alike(Column("x", Type.TEXT), Column("x", Type.UUID))


def test_rows_are_converted_where_types_differ_and_null_stays() -> None:
    columns = (Column("a", Type.INT), Column("b", Type.DECIMAL), Column("c", Type.TEXT))
    assert conversion(columns, columns) is None
    change = conversion(columns, (Column("a", Type.TEXT), Column("b", Type.INT), Column("c", Type.TEXT)))
    assert change is not None
    assert change([(1, Decimal(2), "x"), (None, None, None)]) == [("1", 2, "x"), (None, None, None)]


def test_the_side_that_keeps_less_is_named_with_what_it_keeps() -> None:
    at, text, price, data = (Column("x", each) for each in (Type.INSTANT, Type.TEXT, Type.DECIMAL, Type.JSON))
    millis = rounding(Type.INSTANT, fraction_digits=3)
    assert coarser((at, at), (POSTGRES, millis)) == (1, "3 digits of a second")
    assert coarser((at, at), (POSTGRES, POSTGRES)) is None
    assert coarser((text, text), (rounding(empty_text_is_null=True), POSTGRES)) == (0, "empty text is NULL")
    assert coarser((data, data), (POSTGRES, rounding(json_null_is_null=True))) == (1, "the JSON null is NULL")
    digits = rounding(Type.DECIMAL, decimal_digits=34)
    assert coarser((price, price), (digits, POSTGRES)) == (0, "34 digits")


def test_values_are_cut_never_rounded() -> None:
    columns = (
        Column("at", Type.DATETIME),
        Column("price", Type.DECIMAL),
        Column("t", Type.TEXT),
        Column("j", Type.JSON),
    )
    spec = rounding(
        Type.DATETIME,
        Type.DECIMAL,
        fraction_digits=3,
        decimal_digits=3,
        empty_text_is_null=True,
        json_null_is_null=True,
    )
    cut = coarsened(columns, spec)
    assert cut is not None
    row = (datetime(2024, 1, 1, 0, 0, 0, 999_999), Decimal("1.999"), "", JSON_NULL)
    assert cut(row) == (datetime(2024, 1, 1, 0, 0, 0, 999_000), Decimal("1.99"), None, None)
    assert coarsened(columns, POSTGRES) is None
