"""diff --sync makes B like A: by its statements and by writing, whatever differs, and never half."""

from __future__ import annotations

import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moving import VALUES, Pair, tables

from dbfleet.errors import Unsupported, UsageError
from dbfleet.ops.diff import Difference, diff
from dbfleet.ops.diff.sync import Sync, Synced
from dbfleet.values import Column, Reference, Row, Schema, Type

ID = Column("id", Type.INT, False)
PEOPLE = Schema("people", (ID, Column("name", Type.TEXT), Column("score", Type.FLOAT)), ("id",))
SLOW = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair.made(tmp_path)


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as found:
        yield Path(found)


def differences(pair: Pair, **options: Any) -> list[Any]:
    return [each for each in diff(pair.fleet, pair.a, pair.b, **options) if isinstance(each, Difference)]


def statements(pair: Pair, **options: Any) -> list[str]:
    with Sync(pair.fleet, pair.a, pair.b, **options) as changes:
        found = list(changes.statements())
        assert changes.differs is bool(found)
        return found


def run(pair: Pair, found: list[str]) -> None:
    if found:
        with pair.open(pair.b) as adapter:
            result = adapter.query("\n".join(found))
            while following := result.following():
                result = following


def write(pair: Pair, **options: Any) -> list[Synced]:
    with Sync(pair.fleet, pair.a, pair.b, **options) as changes:
        return list(changes.write())


@SLOW
@given(tables(keyed=True), st.data())
@pytest.mark.parametrize("by", ["statements", "writing"])
def test_afterwards_nothing_differs(
    folder: Path, by: str, table: tuple[Schema, list[Row]], data: st.DataObject
) -> None:
    pair, (schema, rows) = Pair.made(folder), table
    theirs = []
    for row in rows:
        way = data.draw(st.sampled_from(["same", "changed", "removed"]))
        if way == "changed" and len(schema.columns) > len(schema.key):
            place = data.draw(st.integers(len(schema.key), len(schema.columns) - 1))
            row = (*row[:place], data.draw(st.none() | VALUES[schema.columns[place].type]), *row[place + 1 :])
        theirs += [row] if way != "removed" else []
    cut = data.draw(st.integers(0, len(rows)))
    pair.fill(pair.a, schema, rows[cut:])
    pair.fill(pair.b, schema, theirs)
    if by == "statements":
        run(pair, statements(pair))
    else:
        write(pair)
    assert differences(pair) == []
    assert statements(pair) == []


def test_statements_say_what_changes_and_no_more(pair: Pair) -> None:
    pair.fill(pair.a, PEOPLE, [(1, "it's", 1.5), (2, "b", None), (3, "c", 0.1)])
    pair.fill(pair.b, PEOPLE, [(2, "b", 2.0), (3, "c", 0.1), (4, "d", 1.0)])
    assert statements(pair) == [
        'DELETE FROM "people" WHERE "id" = 4;',
        'INSERT INTO "people" ("id", "name", "score") VALUES (1, \'it\'\'s\', 1.5);',
        'UPDATE "people" SET "score" = NULL WHERE "id" = 2;',
    ]
    (record,) = write(pair)
    assert (record.collection, record.added, record.removed, record.changed) == ("people", 1, 1, 1)


def test_only_what_is_compared_is_changed(pair: Pair) -> None:
    pair.fill(pair.a, PEOPLE, [(1, "new", 1.0), (2, "two", 2.0)])
    pair.fill(pair.b, PEOPLE, [(1, "old", 7.0)])
    write(pair, columns=["name"])
    assert pair.rows(pair.b, PEOPLE) == [(1, "new", 7.0), (2, "two", 2.0)]
    write(pair, ignore=["name"])
    assert pair.rows(pair.b, PEOPLE) == [(1, "new", 1.0), (2, "two", 2.0)]


def test_parents_come_first_and_go_last(pair: Pair) -> None:
    parents = Schema(
        "b_parents", (ID, Column("boss", Type.INT)), ("id",), (Reference(("boss",), "b_parents", ("id",)),)
    )
    children = Schema(
        "a_kids", (ID, Column("up", Type.INT, False)), ("id",), (Reference(("up",), "b_parents", ("id",)),)
    )
    for target, bosses, kids in (
        (pair.a, [(5, 9), (9, 5), (1, 1)], [(1, 5), (2, 9), (3, 1)]),
        (pair.b, [(1, 2), (2, 3), (3, 2)], [(1, 2), (3, 3), (4, 3)]),
    ):
        with pair.open(target) as adapter:
            adapter.create(parents)
            adapter.write(parents, [[(number, None) for number, _ in bosses]])
            adapter.write(parents, [bosses], mode="upsert")
            adapter.create(children)
            adapter.write(children, [kids])
    found = statements(pair)
    with pair.open(pair.b) as adapter:
        for statement in found:  # one by one: SQLite checks each reference at a statement's end
            adapter.query(statement).close()
    assert differences(pair) == []


@pytest.mark.parametrize("way", ["statements", "written"])
def test_a_new_row_may_refer_to_what_a_change_brings(pair: Pair, way: str) -> None:
    """By a unique column that is no key; and in a circle, as before."""
    tables = (
        "CREATE TABLE z_par (id INTEGER PRIMARY KEY NOT NULL, code TEXT UNIQUE)",
        "CREATE TABLE a_kid (id INTEGER PRIMARY KEY NOT NULL, code TEXT REFERENCES z_par (code))",
        "CREATE TABLE c_one (id INTEGER PRIMARY KEY NOT NULL, code TEXT UNIQUE, other INTEGER REFERENCES c_two (id))",
        "CREATE TABLE c_two (id INTEGER PRIMARY KEY NOT NULL, code TEXT REFERENCES c_one (code))",
    )
    rows = (
        (pair.a, ("z_par VALUES (1, 'x'), (2, 'y')", "a_kid VALUES (1, 'x'), (2, 'y')", "c_one VALUES (1, 'k', NULL)",
                  "c_two VALUES (5, 'k')", "c_one VALUES (2, 'l', 5)")),
        (pair.b, ("z_par VALUES (1, 'w')", "a_kid VALUES (2, NULL)", "c_one VALUES (1, 'k', NULL), (2, 'l', NULL)")),
    )  # fmt: skip
    for target, filling in rows:
        with pair.open(target) as adapter:
            for statement in (*tables, *(f"INSERT INTO {each}" for each in filling)):
                adapter.query(statement).close()
    if way == "written":
        write(pair)
    else:
        with pair.open(pair.b) as adapter:
            for statement in statements(pair):
                adapter.query(statement).close()
    assert differences(pair) == []


def test_writing_keeps_references(pair: Pair) -> None:
    people = Schema("people", (ID, Column("boss", Type.INT)), ("id",), (Reference(("boss",), "people", ("id",)),))
    pair.fill(pair.a, people, [(number, number - 1 if number else None) for number in range(3000)])
    pair.fill(pair.b, people, [(number, number - 1 if number > 5000 else None) for number in range(5000, 8000)])
    (record,) = write(pair)
    assert (record.added, record.removed, record.rejected) == (3000, 3000, 0)
    assert differences(pair) == []


def test_what_cannot_be_done_right_is_refused_before_anything_is_written(pair: Pair) -> None:
    keyless = Schema("bag", (Column("text", Type.TEXT),))
    pair.fill(pair.a, PEOPLE, [(1, "a", 1.0)])
    pair.fill(pair.b, PEOPLE, [])
    for schema, theirs in (
        (keyless, keyless),
        (PEOPLE, None),
        (None, PEOPLE),
        (PEOPLE, Schema("other", PEOPLE.columns[:2], ("id",))),
        (PEOPLE, Schema("other", (ID, Column("name", Type.INT), PEOPLE.columns[2]), ("id",))),
    ):
        for target, each in ((pair.a, schema), (pair.b, theirs)):
            if each is not None:
                pair.fill(target, Schema("other", each.columns, each.key), [])
        with pytest.raises(Unsupported, match="other") as refused:
            write(pair)
        assert refused.value.hint or schema is keyless
        assert pair.rows(pair.b, PEOPLE) == []
        for target in (pair.a, pair.b):
            with pair.open(target) as adapter:
                adapter.drop("other")
    with pytest.raises(UsageError, match="--where"):
        write(pair, where="score > 1")
    write(pair, where="id > 1")
    assert pair.rows(pair.b, PEOPLE) == []
    write(pair, where="id = 1")
    assert pair.rows(pair.b, PEOPLE) == [(1, "a", 1.0)]


def test_columns_that_one_side_lacks_can_be_ignored(pair: Pair) -> None:
    wider = Schema("people", (*PEOPLE.columns, Column("more", Type.TEXT)), ("id",))
    pair.fill(pair.a, PEOPLE, [(1, "a", 1.0), (2, "b", 2.0)])
    pair.fill(pair.b, wider, [(1, "x", 1.0, "kept")])
    with pytest.raises(Unsupported, match=r"people\.more"):
        write(pair)
    write(pair, ignore=["more"])
    assert pair.rows(pair.b, wider) == [(1, "a", 1.0, "kept"), (2, "b", 2.0, None)]


def test_memory_is_flat(pair: Pair) -> None:
    pair.fill(pair.a, PEOPLE, [(number, "x" * 400, 1.0) for number in range(20_000)])
    pair.fill(pair.b, PEOPLE, [(number, "y", 1.0) for number in range(10_000)])
    with Sync(pair.fleet, pair.a, pair.b) as changes:
        tracemalloc.start()
        assert sum(1 for _ in changes.statements()) == 20_000
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 8_000_000
