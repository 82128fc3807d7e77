"""Lines made of raw BSON say what the documents do; a page that is not as the schema has it is never guessed at."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import decode_all, encode
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from hypothesis import given
from hypothesis import strategies as st
from moving import VALUES

from dbfleet.engines.mongodb.documents import Layout
from dbfleet.engines.mongodb.fast.lines import Odd, renderer, row_lines
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.lines import value_of
from dbfleet.ops.diff.compare import comparable
from dbfleet.registry import spec
from dbfleet.values import Column, Row, Schema, Type

TYPES = [type_ for type_ in Type if type_ not in (Type.JSON, Type.BYTES)]
WIDE = Schema("t", (Column("id", Type.INT, False), *(Column(f"c {type_}", type_) for type_ in TYPES)), ("id",))
SMALL = Schema("t", (Column("id", Type.INT, False), Column("a", Type.TEXT), Column("b", Type.INT)), ("id",))


def values(schema: Schema, lines: bytes) -> list[Row]:
    return [
        tuple(value_of(column, cell) for column, cell in zip(schema.columns, line.split(b"\t"), strict=True))
        for line in lines.split(b"\n")[:-1]
    ]


@given(st.lists(st.tuples(*(st.none() | VALUES[type_] for type_ in TYPES)), min_size=1, max_size=20))
def test_lines_are_the_rows(rows: list[Row]) -> None:
    layout = Layout(WIDE, WIDE)
    rows = [(number - 3, *row) for number, row in enumerate(rows)]
    documents, _ = layout.encoder().encode(rows)
    render = renderer(layout)
    assert render is not None
    page = b"".join(documents)
    stored = layout.rows(decode_all(page, CODEC))
    same = comparable(WIDE.columns, [spec("mongodb")])
    assert same(values(WIDE, row_lines(WIDE, stored))) == same(rows)
    try:
        lines = render(page)
    except Odd:  # rightly so: U+0000, digits beyond Decimal128
        return
    assert same(values(WIDE, lines)) == same(rows)


@pytest.mark.parametrize(
    "document",
    [
        {"_id": 1, "b": 1, "a": "x"},
        {"_id": 1, "a": "x", "b": 1, "more": 2},
        {"_id": 1, "a": 5},
        {"_id": "1", "a": "x"},
        {"_id": 1, "a": "nul\0", "b": 7},
        {"_id": 1, "a": "crafted\0\x10b\0\x07\0\0\0\0\x02a\0", "b": 7},
        {"_id": 1, "a": "x", "b": 1.5},
        {"a": "x"},
        {"_id": 1, "a": {"b": 1}},
    ],
    ids=str,
)
def test_what_is_not_as_the_schema_has_it_is_odd(document: dict[str, Any]) -> None:
    render = renderer(Layout(SMALL, SMALL))
    assert render is not None
    plain = encode({"_id": 1, "a": "x", "b": 1})
    for page in (encode(document), plain + encode(document), encode(document) + plain):
        with pytest.raises(Odd):
            render(page)


def test_forms_that_differ_and_mean_the_same() -> None:
    render = renderer(Layout(SMALL, SMALL))
    assert render is not None
    page = (
        encode({"_id": Int64(1), "a": None}) + encode({"_id": -2, "a": "", "b": Int64(2**53 + 1)}) + encode({"_id": 3})
    )
    assert render(page) == b"1\t\\N\t\\N\n-2\t\t9007199254740993\n3\t\\N\t\\N\n"


def test_values_are_written_as_postgresql_writes_them() -> None:
    row = {
        "_id": 1, "c bool": True, "c int": -5, "c decimal": Decimal128("-12.50"), "c float": 2.0,
        "c text": "tab\tback\\slash\nline", "c date": datetime(2024, 2, 29), "c time": "13:05:00.25",
        "c datetime": datetime(1969, 12, 31, 23, 59, 59, 500000),
        "c instant": datetime(2024, 2, 29, 13, 5, tzinfo=UTC),
    }  # fmt: skip
    render = renderer(Layout(WIDE, WIDE))
    assert render is not None
    assert render(encode(row)) == (
        b"1\tt\t-5\t-12.50\t2\ttab\\tback\\\\slash\\nline\t2024-02-29\t13:05:00.25\t1969-12-31 23:59:59.5\t"
        b"2024-02-29 13:05:00+00\t\\N\n"
    )


@pytest.mark.parametrize("type_", [Type.JSON, Type.BYTES], ids=str)
def test_what_has_no_fixed_form_goes_the_plain_way(type_: Type) -> None:
    schema = Schema("t", (Column("id", Type.INT, False), Column("v", type_)), ("id",))
    assert renderer(Layout(schema, schema)) is None
