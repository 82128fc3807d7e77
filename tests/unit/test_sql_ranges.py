"""Parts of a table as ranges of its key, and CREATE TABLE by the kit of relational engines."""

from __future__ import annotations

from dbfleet.adapter import WHOLE
from dbfleet.columns import last_of_each_key
from dbfleet.sql import ddl, ranges
from dbfleet.values import Column, Reference, Schema, Type

ID = Column("id", Type.INT, False)


def test_ranges_meet_at_the_bounds_and_are_everything_together() -> None:
    assert ranges.offsets(10, 3) == [3, 6]
    assert ranges.parts([("a", 1), ("b", 2)]) == [
        {"below": ["a", 1]},
        {"from": ["a", 1], "below": ["b", 2]},
        {"from": ["b", 2]},
    ]


def test_a_bound_that_comes_again_is_one_bound_and_none_is_the_whole() -> None:
    assert ranges.parts([(1,), (1,)]) == [{"below": [1]}, {"from": [1]}]
    assert ranges.parts([]) == [WHOLE]


def test_a_range_is_a_where_clause_with_bound_values() -> None:
    assert ranges.clause(WHOLE, "a", "?") == ("", [])
    assert ranges.clause({"from": [1, 2], "below": [3, 4]}, "a, b", "?, ?") == (
        " WHERE (a, b) >= (?, ?) AND (a, b) < (?, ?)",
        [1, 2, 3, 4],
    )


def test_table_lines_hold_columns_key_and_references() -> None:
    columns = (ID, Column("a b", Type.TEXT), Column("c", Type.INT, False))
    schema = Schema("t", columns, ("id",), (Reference(("c",), "o", ("k",)),))
    lines = list(ddl.table_lines(schema, '"{}"'.format, lambda column: column.type.upper()))
    assert lines == [
        '"id" INT NOT NULL',
        '"a b" TEXT',
        '"c" INT NOT NULL',
        'PRIMARY KEY ("id")',
        'FOREIGN KEY ("c") REFERENCES "o" ("k")',
    ]
    assert len(list(ddl.table_lines(schema, str, lambda column: "x", references=()))) == 4


def test_of_the_rows_with_one_key_the_last_one_stays() -> None:
    schema = Schema("t", (Column("v", Type.TEXT), ID), ("id",))
    rows = [("a", 1), ("b", 2), ("c", 1)]
    assert last_of_each_key(schema, rows) == [("c", 1), ("b", 2)]
    distinct = rows[:2]
    assert last_of_each_key(schema, distinct) is distinct
