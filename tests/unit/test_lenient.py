"""What diff overlooks where it was asked to: on the way by lines, by buckets, without a key, and with --sync."""

from __future__ import annotations

import math
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moving import Pair

from dbfleet.errors import UsageError
from dbfleet.ops.diff import Counted, Difference, Watch, diff
from dbfleet.ops.diff.lenient import Lenient, lenient
from dbfleet.ops.diff.sync import Sync
from dbfleet.values import Column, Row, Schema, Type


def overlooking(tolerance: str | None = None, *, case: bool = False, blanks: bool = False) -> Lenient:
    return lenient(tolerance=tolerance, ignore_case=case, ignore_trailing_blanks=blanks)


def schema(type_: Type, key: Type | None = Type.INT) -> Schema:
    if key is None:
        return Schema("t", (Column("v", type_),))
    return Schema("t", (Column("id", key, False), Column("v", type_)), ("id",))


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair.made(tmp_path)


def different(pair: Pair, made: Schema, a: list[Row], b: list[Row], wish: Lenient, **options: Any) -> list[Any]:
    pair.fill(pair.a, made, a)
    pair.fill(pair.b, made, b)
    found = list(diff(pair.fleet, pair.a, pair.b, "t", lenient=wish, **options))
    return [(each.change, each.key) for each in found if isinstance(each, Difference)]


@pytest.mark.parametrize(
    ("type_", "a", "b", "tolerance", "same"),
    [
        (Type.FLOAT, 0.1 + 0.2, 0.3, "1e-9", True),
        (Type.FLOAT, 1.0, 1.1, "0.1", True),
        (Type.FLOAT, 1.0, 1.1, "0.0999999", False),
        (Type.FLOAT, 1e10, 1e10 + 1, "1e-9", False),
        (Type.FLOAT, 1e10, 1e10 + 1, "1e-7%", True),
        (Type.FLOAT, 100.0, 99.0, "1%", True),
        (Type.FLOAT, 100.0, 98.9, "1%", False),
        (Type.FLOAT, -1.0, 1.0, "1", False),
        (Type.FLOAT, math.inf, math.inf, "1", True),
        (Type.FLOAT, math.inf, 1e308, "100%", False),
        (Type.FLOAT, math.nan, 1.0, "1", False),
        (Type.FLOAT, math.nan, math.nan, "1", True),
        (Type.FLOAT, None, 0.0, "1", False),
        (Type.DECIMAL, Decimal("1." + "0" * 40 + "1"), Decimal(1), "1e-41", True),
        (Type.DECIMAL, Decimal("1." + "0" * 40 + "1"), Decimal(1), "1e-42", False),
        (Type.INT, 2**62, 2**62 + 2, "1", False),
        (Type.INT, 2**62, 2**62 + 1, "1", True),
        (Type.INT, None, 1, "5", False),
        (Type.TEXT, "1.0", "1.1", "1", False),
    ],
)
def test_numbers_that_are_near_are_the_same(
    pair: Pair, type_: Type, a: Any, b: Any, tolerance: str, same: bool
) -> None:
    found = different(pair, schema(type_), [(1, a), (2, a)], [(1, b), (2, a)], overlooking(tolerance))
    assert found == ([] if same else [("changed", {"id": 1})])


def test_a_tolerance_is_of_no_key(pair: Pair) -> None:
    assert different(pair, schema(Type.INT), [(1, 1)], [(2, 1)], overlooking("5")) == [
        ("removed", {"id": 1}),
        ("added", {"id": 2}),
    ]


def test_without_a_key_numbers_have_to_be_equal_which_is_told(pair: Pair) -> None:
    said: list[str] = []

    class Telling(Watch):
        def said(self, text: str) -> None:
            said.append(text)

    found = different(pair, schema(Type.FLOAT, None), [(1.0,)], [(1.1,)], overlooking("1"), watch=Telling())
    assert [change for change, _ in found] == ["removed", "added"]
    assert any("no key" in text for text in said)


@pytest.mark.parametrize(
    ("a", "b", "wish", "same"),
    [
        ("Straße", "STRASSE", overlooking(case=True), True),
        ("a ", "A", overlooking(case=True), False),
        ("a  ", "a", overlooking(blanks=True), True),
        ("a\t", "a", overlooking(blanks=True), False),
        (" a", "a", overlooking(blanks=True), False),
        ("a ", "A", overlooking(case=True, blanks=True), True),
        ("", "  ", overlooking(blanks=True), True),
        (None, "", overlooking(blanks=True), False),
    ],
)
@pytest.mark.parametrize("key", [Type.INT, None])
def test_texts_are_the_same_but_for_what_is_overlooked(
    pair: Pair, a: str | None, b: str | None, wish: Lenient, same: bool, key: Type | None
) -> None:
    before: Row = (1, a) if key else (a,)
    after: Row = (1, b) if key else (b,)
    assert (different(pair, schema(Type.TEXT, key), [before], [after], wish) == []) is same


def test_rows_are_paired_by_what_is_left_of_their_keys(pair: Pair) -> None:
    made = schema(Type.INT, Type.TEXT)
    a: list[Row] = [("Ada ", 1), ("bob", 2), ("c", 3)]
    b: list[Row] = [("ADA", 1), ("BOB", 9), ("d", 3)]
    found = different(pair, made, a, b, overlooking(case=True, blanks=True))
    assert found == [("changed", {"id": "bob"}), ("removed", {"id": "c"}), ("added", {"id": "d"})]
    assert len(different(pair, made, a, b, overlooking())) == 6


def test_rows_whose_keys_become_one_are_told_apart_by_the_rest(pair: Pair) -> None:
    made = schema(Type.INT, Type.TEXT)
    rows: list[Row] = [("a", 1), ("A", 2)]
    assert different(pair, made, rows, [("A", 1), ("a", 2)], overlooking(case=True)) == []
    assert different(pair, made, rows, [("A", 1)], overlooking(case=True)) == [("removed", {"id": "A"})]


def test_what_is_overlooked_is_counted_as_the_same(pair: Pair) -> None:
    pair.fill(pair.a, schema(Type.FLOAT), [(1, 1.0), (2, 2.0)])
    pair.fill(pair.b, schema(Type.FLOAT), [(1, 1.01), (2, 3.0)])
    (counted,) = diff(pair.fleet, pair.a, pair.b, "t", stats=True, lenient=overlooking("0.1"))
    assert counted == Counted("t", same=1, added=0, removed=0, changed=1)


def test_a_sync_leaves_what_is_overlooked(pair: Pair) -> None:
    pair.fill(pair.a, schema(Type.FLOAT), [(1, 1.0), (2, 2.0)])
    pair.fill(pair.b, schema(Type.FLOAT), [(1, 1.01), (2, 3.0)])
    with Sync(pair.fleet, pair.a, pair.b, "t", lenient=overlooking("0.1")) as changes:
        (done,) = changes.write()
    assert (done.changed, done.added, done.removed, changes.unlike) == (1, 0, 0, {})
    assert pair.rows(pair.b, schema(Type.FLOAT)) == [(1, 1.01), (2, 2.0)]


@given(
    a=st.dictionaries(st.integers(0, 20), st.none() | st.floats(-10, 10), max_size=12),
    b=st.dictionaries(st.integers(0, 20), st.none() | st.floats(-10, 10), max_size=12),
    tolerance=st.sampled_from(["0", "0.5", "3", "10%", "200%"]),
)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rows_differ_as_arithmetic_says(
    pair: Pair, a: dict[int, float | None], b: dict[int, float | None], tolerance: str
) -> None:
    found = different(pair, schema(Type.FLOAT), list(a.items()), list(b.items()), overlooking(tolerance))

    def same(mine: float | None, yours: float | None) -> bool:
        if mine is None or yours is None:
            return mine is yours
        one, two = Decimal(repr(mine)), Decimal(repr(yours))
        most = Decimal(tolerance.rstrip("%"))
        if tolerance.endswith("%"):
            most = most / 100 * max(abs(one), abs(two))
        return abs(one - two) <= most

    expected = {("removed", key) for key in a.keys() - b.keys()} | {("added", key) for key in b.keys() - a.keys()}
    expected |= {("changed", key) for key in a.keys() & b.keys() if not same(a[key], b[key])}
    assert {(change, key["id"]) for change, key in found} == expected


@pytest.mark.parametrize("text", ["", "x", "-1", "1e", "nan", "inf", "1 2", "%", "1%%", "0x1"])
def test_a_tolerance_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no number"):
        overlooking(text)
