"""The table: aligned by what the eye sees, nothing cut, nothing that moves the cursor."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from dbfleet import formats
from dbfleet.adapter import ResultColumn
from dbfleet.errors import StatementError
from dbfleet.formats import Page, Plain
from dbfleet.formats._width import shown, width, wrap
from dbfleet.values import Type


def table(
    columns: str,
    *rows: Sequence[Any],
    cells: int | None = None,
    coloured: bool = False,
    batches: Iterable[list[tuple[Any, ...]]] | None = None,
    types: Mapping[str, Type] | None = None,
) -> list[str]:
    result = Plain(
        [ResultColumn(each, (types or {}).get(each)) for each in columns.split()],
        [list(map(tuple, rows))] if batches is None else batches,
    )
    return b"".join(formats.encode("table", [result], Page(cells, coloured))).decode().splitlines()


def test_numbers_stand_right_and_text_left() -> None:
    assert table("id name", [1, "a"], [100, "bcd"], [None, "e"]) == [
        "  id │ name",
        "─────┼─────",
        "   1 │ a",
        " 100 │ bcd",
        "NULL │ e",
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "NULL"),
        ("", '""'),
        ("NULL", '"NULL"'),
        ('""', '"\\"\\""'),
        ('"', '"\\""'),
        ("null", "null"),
        ('say "x"', 'say "x"'),
        ("two\nlines\tand\r", "two\\nlines\\tand\\r"),
        ("\x1b[31mred\x1b[0m\x07", "\\x1b[31mred\\x1b[0m\\x07"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b", "\\x9b"),
        ("\u2028", "\\u2028"),
        ("no\xa0break", "no\xa0break"),
    ],
)
def test_text_is_shown_and_never_sent_to_the_terminal(value: Any, text: str) -> None:
    assert table("t", [value])[2].rstrip() == text.rstrip()


def test_a_column_name_is_shown_like_text() -> None:
    result = Plain([ResultColumn("a\x1b[1m")], [[(1,)]])
    assert b"\x1b" not in b"".join(formats.encode("table", [result]))


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("plain", 5),
        ("日本", 4),
        ("é", 1),
        ("e\u0301", 1),
        ("🎉", 2),
        ("👍🏽", 2),
        ("👩‍👩‍👧", 2),
        ("🇩🇪", 2),
        ("❤️", 2),
        ("한국", 4),
        ("\u1112\u1161\u11ab", 2),
        ("ﷺ", 1),
        ("", 0),
    ],
)
def test_width_is_counted_in_terminal_cells(text: str, cells: int) -> None:
    assert width(text) == cells


def test_wide_characters_keep_the_columns_straight() -> None:
    lines = table("a b", ["日本", 1], ["x", 2], ["🎉🎉🎉", 3])
    assert len({width(line[: line.index("│")]) for line in lines if "│" in line}) == 1


# --- a terminal ---


def test_a_table_that_fits_is_not_wrapped() -> None:
    assert max(map(width, table("a b", ["x" * 40, "y" * 37], cells=80))) == 80


def test_what_does_not_fit_is_wrapped_and_nothing_is_lost() -> None:
    text = "the quick brown fox jumps over the lazy dog " * 4
    lines = table("id text", [1, text], [2, "short"], cells=60)
    assert max(map(width, lines)) <= 60
    assert "".join(line.split("│ ")[1].ljust(55) for line in lines[2:-1]).split() == text.split()
    assert lines[-1] == " 2 │ short"


def test_numbers_and_dates_are_never_wrapped() -> None:
    lines = table("n t", [10**30, "word " * 20], cells=60)
    assert str(10**30) in lines[2]


def test_too_many_columns_become_records_with_a_line_a_field() -> None:
    lines = table(" ".join(f"column_{n}" for n in range(20)), range(20), range(20, 40), cells=80)
    assert lines[0].startswith("── 1 ")
    assert lines[1] == "column_0  │ 0"
    assert lines[21].startswith("── 2 ")
    assert len(lines) == 42


def test_records_wrap_long_values_and_lose_nothing() -> None:
    text = "x" * 500
    lines = table("a b " + " ".join(f"filler_{n}" for n in range(12)), ["y", text, *range(12)], cells=40)
    assert max(map(width, lines)) <= 40
    assert "".join(lines).count("x") == 500


def test_a_value_of_many_lines_makes_records() -> None:
    assert table("id text", [1, "word " * 500], cells=80)[0].startswith("── 1 ")


def test_a_narrow_terminal_still_shows_everything() -> None:
    lines = table("identifier text", [12345, "abcdefghijklmnopqrstuvwxyz" * 2], cells=10)
    assert re.sub(r"[^a-z]", "", "".join(lines)).count("abcdefghijklmnopqrstuvwxyz") == 2


def test_without_a_terminal_no_line_is_wrapped() -> None:
    assert len(table("t", ["x" * 1000])) == 3


# --- a stream ---


def test_a_page_that_needs_wider_columns_opens_with_the_header_again() -> None:
    lines = table("n", batches=[[(1,)] * 1000, [(2,)] * 1000, [(10**9,)] * 1000])
    assert [place for place, line in enumerate(lines) if line.strip() == "n"] == [0, 2002]
    assert len(lines) == 3000 + 4


def test_widths_never_shrink() -> None:
    lines = table("n", batches=[[(10**9,)] * 1000, [(1,)] * 1000])
    assert len(lines) == 2002
    assert {len(line) for line in lines} == {10}


def test_rows_that_came_before_an_error_are_shown() -> None:
    def batches() -> Iterable[list[tuple[int]]]:
        yield [(1,)]
        raise StatementError("division by zero")

    chunks = formats.encode("table", [Plain([ResultColumn("n")], batches())])
    assert next(iter(chunks)).decode().splitlines() == ["n", "─", "1"]
    with pytest.raises(StatementError):
        next(iter(chunks))


def test_documents_get_a_new_header_when_their_fields_change() -> None:
    batches = [[({"a": 1},)] * 1000, [({"a": 1, "b": None},)]]
    result = Plain([ResultColumn("document")], batches, documents=True)
    lines = b"".join(formats.encode("table", [result])).decode().splitlines()
    assert lines[0] == "a"
    assert lines[-3:] == ["a │ b", "──┼─────", "1 │ NULL"]


def test_a_missing_field_is_blank_where_a_null_is_not() -> None:
    result = Plain([ResultColumn("document")], [[({"a": None},), ({"b": 1},)]], documents=True)
    lines = b"".join(formats.encode("table", [result])).decode().splitlines()
    assert lines[2:] == ["NULL │", "     │ 1"]


# --- colours ---


def test_colours_are_only_where_they_are_understood() -> None:
    assert not any("\x1b" in line for line in table("a", [None]))
    lines = table("a", [None], ["x"], coloured=True)
    assert lines[0] == "\x1b[1ma\x1b[0m"
    assert lines[2] == "\x1b[2mNULL\x1b[0m"


# --- wrapping ---


@given(some.text(), some.integers(2, 40))
def test_wrapping_loses_nothing_and_keeps_within_the_width(text: str, cells: int) -> None:
    text = shown(text)
    lines = wrap(text, cells)
    assert "".join(lines) == text
    assert all(width(line) <= cells for line in lines if "\u200d" not in line)
