"""The canonical encoding and the digest, pinned: every engine and every faster path is held to these bytes."""

from __future__ import annotations

import math
import pickle
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from hashlib import md5
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.values import (
    JSON_NULL,
    TEXT_OF,
    VALUE_OF,
    Column,
    Digest,
    Reference,
    Schema,
    Type,
    decimal_text,
    digest_rows,
    json_text,
    loads_json,
    row_bytes,
    type_of,
)

GOLDEN: list[tuple[Type, Any, str]] = [
    (Type.BOOL, True, "true"),
    (Type.INT, -(2**63), "-9223372036854775808"),
    (Type.INT, True, "1"),
    (Type.DECIMAL, Decimal("1.500"), "1.5"),
    (Type.DECIMAL, Decimal("-0.00"), "0"),
    (Type.DECIMAL, Decimal("1E+5"), "100000"),
    (Type.DECIMAL, Decimal("1E-7"), "0.0000001"),
    (Type.DECIMAL, Decimal("100"), "100"),
    (Type.DECIMAL, Decimal("12345678901234567890123456789012345678.5"), "12345678901234567890123456789012345678.5"),
    (Type.DECIMAL, Decimal("NaN"), "NaN"),
    (Type.FLOAT, 1.0, "1.0"),
    (Type.FLOAT, -0.0, "0.0"),
    (Type.FLOAT, 1e300, "1e+300"),
    (Type.FLOAT, -math.inf, "-Infinity"),
    (Type.FLOAT, math.nan, "NaN"),
    (Type.TEXT, "é\n😀", "é\n😀"),
    (Type.BYTES, b"\xff\x00", "/wA="),
    (Type.BYTES, b"", ""),
    (Type.DATE, date(1, 2, 3), "0001-02-03"),
    (Type.TIME, time(13, 5), "13:05:00"),
    (Type.TIME, time(13, 5, 0, 250000), "13:05:00.25"),
    (Type.DATETIME, datetime(2024, 2, 29, 0, 0, 0, 1), "2024-02-29T00:00:00.000001"),
    (Type.INSTANT, datetime(2024, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=2))), "2024-02-29T23:30:00Z"),
    (Type.UUID, UUID("F81D4FAE-7DEC-11D0-A765-00A0C91E6BF6"), "f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
    (Type.JSON, {"b": [1.0, Decimal("2.50"), None, True], "a": "é\n"}, '{"a":"é\\n","b":[1,2.5,null,true]}'),
    (Type.JSON, 2**60, str(2**60)),
    (Type.JSON, JSON_NULL, "null"),
]


@pytest.mark.parametrize(("type_", "value", "text"), GOLDEN, ids=lambda part: str(part)[:40])
def test_canonical_text(type_: Type, value: object, text: str) -> None:
    assert TEXT_OF[type_](value) == text
    if text != "NaN" and value is not True:
        assert VALUE_OF[type_](text) == value or type_ is Type.JSON


def test_row_is_length_prefixed_in_the_order_of_names_and_null_is_apart() -> None:
    columns = [Column("b", Type.TEXT), Column("a", Type.INT), Column("c", Type.TEXT)]
    assert row_bytes(columns)(("é", 17, None)) == b"2:172:\xc3\xa9-"
    assert row_bytes(columns)(("", None, "-")) == b"-0:1:-"


def test_digest_is_the_sum_of_the_first_eight_bytes() -> None:
    columns = [Column("a", Type.INT)]
    first, second = (int.from_bytes(md5(data).digest()[:8], "big") for data in (b"1:1", b"1:2"))
    assert digest_rows(columns, [[(1,)], [(2,)]]) == Digest(2, (first + second) % 2**64)
    assert str(Digest(2, 255)) == "2:00000000000000ff"


ROWS = st.lists(st.tuples(st.integers(), st.text(), st.none() | st.floats(allow_nan=False), st.booleans()), max_size=30)


@given(ROWS, st.randoms(use_true_random=False), st.integers(1, 7))
def test_digest_needs_no_order_and_adds_up(rows: list[Any], random: Any, size: int) -> None:
    columns = [Column("a", Type.INT), Column("b", Type.TEXT), Column("c", Type.FLOAT), Column("d", Type.BOOL)]
    whole = digest_rows(columns, [rows])
    random.shuffle(rows)
    parts = [digest_rows(columns, [rows[start : start + size]]) for start in range(0, len(rows), size)]
    assert sum(parts, Digest()) == whole
    turned = [columns[place] for place in (3, 1, 0, 2)]
    assert digest_rows(turned, [[(row[3], row[1], row[0], row[2]) for row in rows]]) == whole


SCALARS = st.none() | st.booleans() | st.integers() | st.text() | st.decimals(allow_nan=False, allow_infinity=False)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner)))
def test_json_reads_back_equal(value: Any) -> None:
    text = json_text(JSON_NULL if value is None else value)
    assert json_text(loads_json(text)) == text
    assert "\n" not in text


def test_json_keeps_every_digit() -> None:
    text = '{"big":9007199254740993,"exact":0.1000000000000000055511151231257827021181583404541015625}'
    assert json_text(loads_json(text)) == text


@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_decimal_text_is_exact_and_plain(value: Decimal) -> None:
    text = TEXT_OF[Type.DECIMAL](value)
    assert Decimal(text) == value
    assert "E" not in text


def test_types_of_plain_values() -> None:
    assert type_of(True) is Type.BOOL
    assert type_of(1) is Type.INT
    assert type_of(date(2024, 1, 1)) is Type.DATE
    assert type_of(datetime(2024, 1, 1)) is Type.DATETIME
    assert type_of(datetime(2024, 1, 1, tzinfo=UTC)) is Type.INSTANT
    assert type_of(None) is None
    assert type_of(object()) is None


def test_json_null_is_one_object_across_processes() -> None:
    assert pickle.loads(pickle.dumps(JSON_NULL)) is JSON_NULL


def test_schema_survives_json_data() -> None:
    schema = Schema(
        "follows",
        (Column("a", Type.INT, False), Column("b", Type.INT, False), Column("p", Type.DECIMAL, precision=9, scale=2)),
        ("a", "b"),
        (Reference(("a",), "people", ("id",)), Reference(("b",), "people", ("id",))),
        edge=True,
        partition=("a",),
    )
    assert Schema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize(
    ("column", "note"),
    [
        (Column("x", Type.INT, generated=True), "generated"),
        (Column("x", Type.TEXT, note="enum, as text", generated=True), "enum, as text, generated"),
        (Column("x", Type.TEXT, note="enum, as text"), "enum, as text"),
        (Column("x", Type.TEXT, note="autogenerated"), "autogenerated"),
    ],
)
def test_that_a_column_is_generated_stands_in_its_note_on_disk(column: Column, note: str) -> None:
    data = Schema("t", (column,)).to_dict()
    assert data["columns"][0]["note"] == note
    found = Schema.from_dict(data).columns[0]
    assert (found.note, found.generated) == (column.note, column.generated)


def test_schema_refuses_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="twice"):
        Schema("x", (Column("a", Type.INT), Column("a", Type.INT)))
    with pytest.raises(ValueError, match="no column"):
        Schema("x", (Column("a", Type.INT),), ("b",))


@pytest.mark.parametrize("text", ["1E+5000", "-1E+4000", "12E+3998", "1E-5000", "7.101391649994914E+16", "5.00"])
def test_a_decimal_of_any_size_stands_in_json_with_all_its_digits(text: str) -> None:
    value = Decimal(text)
    assert json_text({"a": [value]}) == f'{{"a":[{decimal_text(value)}]}}'
