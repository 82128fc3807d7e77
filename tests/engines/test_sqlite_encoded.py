"""SQLite's fast path writes, byte for byte, what the formats make of its values, whatever stands in a column."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet import formats, registry
from dbfleet.target import Target

WORDS = ("DECIMAL_TEXT(9,2)", "DATE_TEXT", "TIME_TEXT(6)", "DATETIME_TEXT", "INSTANT_TEXT", "UUID_TEXT", "BOOLEAN",
         "INTEGER", "DOUBLE", "TEXT", "BLOB", "")  # fmt: skip

# What we store, what others store, what nobody should.
VALUES = (
    None, 0, 1, 2, -5, 2**63 - 1, 0.0, 1.0, 0.1, -0.0, float("inf"), 1e300, b"", b"\xff", "", "x", '"\n\x00', "NULL",
    "12.5", "12.50", "-0", "-0.5", "0", "007", "1E+3", ".5", "5.", "NaN", "-Infinity", "1" * 50,
    "2024-02-29", "2024-02-30", "20240229", "2024-W01-1", "0001-01-01",
    "13:05:00.250000", "13:05:00", "13:05", "25:00:00.000000", "13:05:00.25+00", "13:05:00,250000", "13:05:00.123+00",
    "2024-02-29T13:05:00.250000", "2024-02-29T13:05:00.000000", "2024-02-29 13:05:00.250000", "2024-02-29T13:05",
    "2024-02-29T13:05:00.250000+00:00", "2024-02-29T13:05:00.000000+00:00", "2024-02-30T13:05:00.000000+00:00",
    "2024-02-29T13:05:00.250000+02:00", "2024-02-29T13:05:00Z", "2024-W01-1T13:05:00.250000+00:00",
    "2024-02-29T13:05:00,250000+00:00", "2024-02-29T13:05:00.250+00:00",
    "abcdef00-0000-0000-0000-000000000001", "ABCDEF00-0000-0000-0000-000000000001", "abcdef00000000000000000000000001",
)  # fmt: skip


@pytest.fixture
def target(tmp_path: Path) -> Target:
    with closing(sqlite3.connect(tmp_path / "odd.db")) as connection, connection:
        columns = ", ".join(f"c{place} {word}" for place, word in enumerate(WORDS))
        connection.execute(f"create table odd ({columns})")
        marks = ", ".join("?" * len(WORDS))
        connection.executemany(f"insert into odd values ({marks})", [(value,) * len(WORDS) for value in VALUES])
        connection.execute("create table document (j JSON_TEXT)")
    return Target("odd", "sqlite", "sqlite", database=str(tmp_path / "odd.db"))


@pytest.mark.parametrize(
    "statement",
    ["select * from odd", "select c0, c0, 1 as c0_2, c0 from odd", "select 1 where 0", "values (1, 'x')",
     "with t as (select c4 from odd) select * from t", "select count(*), c4 || '' as \"a{b}\\\" from odd"],
)  # fmt: skip
def test_the_fast_path_is_the_plain_one(target: Target, statement: str) -> None:
    with registry.connect(target) as adapter:
        chunks = adapter.encoded(statement, None, "jsonl")  # type: ignore[attr-defined]
        assert chunks is not None
        fast = b"".join(chunks)
        with adapter.query(statement) as result:
            assert fast.splitlines() == b"".join(formats.encode("jsonl", [result])).splitlines()


@pytest.mark.parametrize(
    ("statement", "word"),
    [
        ("select 1", "csv"),
        ("select 1; select 2", "jsonl"),
        ("select * from document", "jsonl"),
        ("delete from odd", "jsonl"),
        ("with t as (select 1) delete from odd", "jsonl"),
        ("select * from nowhere", "jsonl"),
        ("pragma user_version", "jsonl"),
    ],
)
def test_what_it_is_not_for_is_left_to_the_plain_path(target: Target, statement: str, word: str) -> None:
    with registry.connect(target) as adapter:
        assert adapter.encoded(statement, None, word) is None  # type: ignore[attr-defined]
        assert adapter.count("odd") == len(VALUES)
