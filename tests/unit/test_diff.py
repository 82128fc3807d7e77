"""diff finds what differs, all of it and nothing else."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moving import VALUES, Pair, tables

from dbfleet.errors import NotFound, UsageError
from dbfleet.ops.copy import copy
from dbfleet.ops.diff import Counted, Difference, Watch, diff, sides
from dbfleet.ops.diff import comparison as op
from dbfleet.values import TEXT_OF, Column, Row, Schema, Type, digest_rows

ID = Column("id", Type.INT, False)
PEOPLE = Schema("people", (ID, Column("name", Type.TEXT), Column("score", Type.FLOAT)), ("id",))
SLOW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair.made(tmp_path)


def differences(pair: Pair, *names: str | None, **options: Any) -> list[Difference]:
    found = list(diff(pair.fleet, pair.a, pair.b, *names, **options))
    return [each for each in found if isinstance(each, Difference)]


def changes(found: list[Difference]) -> list[tuple[str, Any]]:
    return [(each.change, each.key and next(iter(each.key.values()))) for each in found]


def two(pair: Pair, a: list[Row], b: list[Row], schema: Schema = PEOPLE, theirs: Schema | None = None) -> None:
    pair.fill(pair.a, schema, a)
    pair.fill(pair.b, theirs or schema, b)


# --- properties -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


@SLOW
@given(tables())
def test_what_was_copied_does_not_differ(folder: Path, table: tuple[Schema, list[Row]]) -> None:
    pair, (schema, rows) = Pair.made(folder), table
    pair.fill(pair.a, schema, rows)
    with pair.open(pair.b) as sink:
        sink.drop("t")
    (copied,) = copy(pair.fleet, pair.a, pair.b, ["t"], verify=True)
    assert (copied.rows, copied.same) == (len(rows), True)
    assert differences(pair, "t") == []


@SLOW
@given(tables(keyed=True), st.data())
def test_exactly_the_changed_rows_are_found(folder: Path, table: tuple[Schema, list[Row]], data: st.DataObject) -> None:
    pair, (schema, rows) = Pair.made(folder), table
    order = data.draw(st.permutations(range(len(rows))))
    ways = {place: data.draw(st.sampled_from(["same", "same", "changed", "added", "removed"])) for place in order}
    expected, theirs, mine = [], [], []
    for place in order:
        row, way = rows[place], ways[place]
        other = row
        if way == "changed":
            column = data.draw(st.integers(len(schema.key), len(schema.columns) - 1))
            text_of = TEXT_OF[schema.columns[column].type]
            fresh = data.draw(st.none() | VALUES[schema.columns[column].type])
            texts = [None if value is None else text_of(value) for value in (fresh, row[column])]
            other = (*row[:column], fresh, *row[column + 1 :])
            way = "same" if texts[0] == texts[1] else way
        if way != "same":
            expected.append((way, row[: len(schema.key)]))
        mine += [row] if way != "added" else []
        theirs += [other] if way != "removed" else []
    two(pair, sorted(mine, key=repr), theirs, schema)
    found = [(each.change, tuple((each.key or {}).values())) for each in differences(pair, "t")]
    assert sorted(found, key=repr) == sorted(expected, key=repr)


@SLOW
@given(tables(keyed=False), st.data())
def test_without_a_key_rows_are_a_multiset(folder: Path, table: tuple[Schema, list[Row]], data: st.DataObject) -> None:
    pair, (schema, rows) = Pair.made(folder), table
    twice = data.draw(st.lists(st.sampled_from(rows), max_size=3)) if rows else []
    two(pair, rows, [*twice, *reversed(rows)], schema)
    found = differences(pair, "t")
    assert [each.change for each in found] == ["added"] * len(twice)
    assert all(each.key is None for each in found)


@SLOW
@given(tables(), st.data())
def test_digest_does_not_depend_on_order_parts_or_batches(
    folder: Path, table: tuple[Schema, list[Row]], data: st.DataObject
) -> None:
    pair, (schema, rows) = Pair.made(folder), table
    pair.fill(pair.a, schema, data.draw(st.permutations(rows)))
    expected = digest_rows(schema.columns, [rows])
    with pair.open(pair.a) as adapter:
        size = data.draw(st.integers(1, 40))
        assert digest_rows(schema.columns, adapter.scan(schema, batch_size=size)) == expected
        parts = [digest_rows(schema.columns, adapter.scan(schema, part)) for part in adapter.split(schema, 3)]
    assert sum(each.rows for each in parts) == expected.rows
    total = parts[0]
    for each in parts[1:]:
        total += each
    assert total == expected


# --- what is no difference, and what is one ---------------------------------------------------------------------------


def test_same_values_never_differ(pair: Pair) -> None:
    rows: list[Row] = [(1, "😀👩‍👩‍👧‍👦", 0.0), (2, "[/nope] [bold]", math.nan), (3, "e\u0301", -0.0), (4, "", None)]
    two(pair, rows, [(1, rows[0][1], -0.0), *rows[1:2], (3, "e\u0301", 0.0), rows[3]])
    assert differences(pair) == []


def test_values_that_only_look_the_same_differ(pair: Pair) -> None:
    pairs = [("", None), ("e\u0301", "é"), ("a", "a "), ("None", None), ("a", "A"), ("\u200b", ""), ("-", None)]
    two(pair, [(n, a, None) for n, (a, _) in enumerate(pairs)], [(n, b, None) for n, (_, b) in enumerate(pairs)])
    assert changes(differences(pair)) == [("changed", number) for number in range(len(pairs))]


@pytest.mark.parametrize(
    ("type_", "a", "b"),
    [
        (Type.INT, -1, -2),
        (Type.INT, 0, 2**61 - 1),
        (Type.INT, 2**53, 2**53 + 1),
        (Type.DECIMAL, Decimal("0.1"), Decimal("0.10000000000000000000000000001")),
        (Type.FLOAT, 0.1, 0.1 + 2**-56),
        (Type.FLOAT, 5e-324, 0.0),
        (Type.DATE, date(1, 1, 1), date(1, 1, 2)),
        (Type.DATETIME, datetime(1, 1, 1), datetime(1, 1, 1, microsecond=1)),
        (Type.JSON, {"a": 1}, {"a": "1"}),
        (Type.JSON, [], {}),
        (Type.BYTES, b"", None),
    ],
)
def test_the_smallest_change_is_found(pair: Pair, type_: Type, a: object, b: object) -> None:
    schema = Schema("t", (ID, Column("v", type_)), ("id",))
    two(pair, [(1, a), (2, a)], [(1, a), (2, b)], schema)
    (found,) = differences(pair)
    assert (found.change, found.key) == ("changed", {"id": 2})
    assert list(found.before or {}) == list(found.after or {}) == ["v"]


def test_records_hold_what_the_design_says(pair: Pair) -> None:
    two(pair, [(1, "Ann", 1.5), (2, "Bob", None)], [(1, "Anna", 1.5), (3, "Eve", 2.0)])
    assert differences(pair) == [
        Difference("people", {"id": 1}, "changed", {"name": "Ann"}, {"name": "Anna"}),
        Difference("people", {"id": 2}, "removed", {"id": 2, "name": "Bob", "score": None}, None),
        Difference("people", {"id": 3}, "added", None, {"id": 3, "name": "Eve", "score": 2.0}),
    ]


# --- schemas ------------------------------------------------------------------------------------------------------


def test_schemas_that_differ_are_told_and_the_rest_is_compared(pair: Pair) -> None:
    theirs = Schema(
        "people", (ID, Column("name", Type.TEXT), Column("score", Type.TEXT), Column("x", Type.INT)), ("id",)
    )
    two(pair, [(1, "Ann", 1.5), (2, "Bob", 1.0)], [(1, "Ann", "1.5", 7), (2, "Rob", "1.0", 8)], theirs=theirs)
    found = differences(pair)
    assert [(each.change, each.before, each.after) for each in found] == [
        ("schema", {"column": "score", "type": "float"}, {"column": "score", "type": "text"}),
        ("schema", None, {"column": "x", "type": "int"}),
        ("changed", {"name": "Bob"}, {"name": "Rob"}),
    ]


def test_keys_of_different_types_pair_by_their_text(pair: Pair) -> None:
    theirs = replace(PEOPLE, columns=(Column("id", Type.TEXT, False), *PEOPLE.columns[1:]))
    two(pair, [(1, "Ann", 1.5), (2, "Bob", 1.0)], [("2", "Bob", 1.0), ("1", "Ann", 2.5)], theirs=theirs)
    assert changes(differences(pair)) == [("schema", None), ("changed", 1)]


def test_a_collection_that_one_side_lacks(pair: Pair) -> None:
    pair.fill(pair.a, PEOPLE, [(1, "Ann", 1.5)])
    pair.fill(pair.b, replace(PEOPLE, name="others"), [])
    assert [(each.collection, each.change, each.before, each.after) for each in differences(pair)] == [
        ("others", "schema", None, {"collection": "others"}),
        ("people", "schema", {"collection": "people"}, None),
    ]
    with pytest.raises(NotFound) as caught:
        differences(pair, "people")
    assert caught.value.target == pair.b.name
    assert differences(pair, "people", "others")[0].change == "removed"


def test_two_empty_collections_are_the_same(pair: Pair) -> None:
    two(pair, [], [])
    assert differences(pair) == []


# --- options ------------------------------------------------------------------------------------------------------


def test_columns_ignore_where_and_limit(pair: Pair) -> None:
    two(pair, [(n, f"n{n}", 1.0) for n in range(9)], [(n, f"m{n}", 1.0 if n % 3 else 2.0) for n in range(9)])
    assert len(differences(pair)) == 9
    assert changes(differences(pair, columns=["score"])) == [("changed", 0), ("changed", 3), ("changed", 6)]
    assert changes(differences(pair, ignore=["name", "id"])) == [("changed", 0), ("changed", 3), ("changed", 6)]
    assert changes(differences(pair, columns=["score"], where="id > 2 and id <> 6")) == [("changed", 3)]
    assert changes(differences(pair, columns=["name"], where="score = 1 and id = 1")) == [("changed", 1)]
    assert len(differences(pair, limit=4)) == 4
    for wrong in ({"columns": ["scor"]}, {"where": "scor = 1"}, {"limit": 0}, {"columns": ["name"], "ignore": ["id"]}):
        with pytest.raises(UsageError):
            differences(pair, **wrong)


def test_stats_count(pair: Pair) -> None:
    two(
        pair, [(1, "a", 1.0), (2, "b", 1.0), (3, "c", 1.0)], [(2, "b", 1.0), (3, "x", 1.0), (4, "d", 1.0), (5, "", 1.0)]
    )
    assert list(diff(pair.fleet, pair.a, pair.b, stats=True)) == [Counted("people", 1, 2, 1, 1, 0)]


def test_many_rows_take_the_same_way_through_files(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op, "_ROWS_AT_ONCE", 50)
    monkeypatch.setattr(sides, "FEW", 100)
    rows: list[Row] = [(n, f"n{n}", n / 7) for n in range(3000)]
    two(pair, rows, [(n, name if n % 10 else "new", score) for n, name, score in reversed(rows) if n != 7])
    found = differences(pair)
    assert sorted(changes(found)) == sorted([("removed", 7), *(("changed", n) for n in range(0, 3000, 10))])


def test_coarser_digits_are_said(pair: Pair) -> None:
    said: list[str] = []

    class Heard(Watch):
        def said(self, text: str) -> None:
            said.append(text)

    fine = Schema("t", (ID, Column("at", Type.DATETIME)), ("id",))
    coarse = replace(fine, columns=(ID, Column("at", Type.DATETIME, fraction_digits=3)))
    two(pair, [(1, datetime(2024, 1, 1, 0, 0, 0, 123456))], [(1, datetime(2024, 1, 1, 0, 0, 0, 123000))], fine, coarse)
    assert differences(pair, watch=Heard()) == []
    said, made = said[:1], said[1:]  # the columns are declared with their digits, too
    assert ['is "at" DATETIME_TEXT(3) in' in text for text in made] == [True]
    assert "t.at" in said[0]
