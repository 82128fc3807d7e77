"""The line format: what is written in it reads back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dbfleet.errors import StatementError
from dbfleet.lines import (
    NULL,
    bytes_cell,
    bytes_of,
    escape,
    joined,
    needs_escapes,
    order_of,
    rows_in,
    unescape,
    value_of,
)
from dbfleet.values import Column, Type


@given(st.text())
def test_an_escaped_text_stays_one_cell_and_reads_back(text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    cell = escape(data)
    assert unescape(cell) == data
    assert not set(cell) & set(b"\b\f\n\r\t\v")
    assert needs_escapes(data) == (cell != data)


@given(st.binary())
def test_bytes_read_back(data: bytes) -> None:
    assert bytes_of(bytes_cell(data)) == data
    assert value_of(Column("x", Type.BYTES), bytes_cell(data)) == data


def test_a_cell_is_null_or_a_value_or_refused_by_its_column() -> None:
    assert value_of(Column("x", Type.TEXT), NULL) is None
    assert value_of(Column("x", Type.TEXT), escape(b"\\N")) == "\\N"
    assert value_of(Column("x", Type.BOOL), b"t") is True
    with pytest.raises(StatementError, match="column x holds infinity"):
        value_of(Column("x", Type.DATE), b"infinity")


def test_lines_are_cells_of_columns_and_ordered_by_the_key_s_cells() -> None:
    chunk = joined([[b"9", b"10"], [b"a", NULL]])
    assert (chunk, rows_in(chunk)) == (b"9\ta\n10\t\\N\n", 2)
    for key in ([Column("x", Type.INT)], [Column("x", Type.INT), Column("y", Type.TEXT)]):
        nine, ten = map(order_of(key), chunk.splitlines())
        assert nine < ten
