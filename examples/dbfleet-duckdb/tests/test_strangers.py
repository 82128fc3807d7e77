"""What a stranger's DuckDB file holds: carried exactly, told as text or json with a note, or refused by name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.errors import AlreadyExists, ConstraintViolated, StatementError, Unavailable, UsageError
from dbfleet.extras import Default, Index
from dbfleet.native import BEYOND
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type


@pytest.fixture
def place(tmp_path: Path) -> Target:
    return Target("file", "duckdb", "duckdb", database=str(tmp_path / "stranger.duckdb"), create=True)


@pytest.fixture
def file(place: Target) -> Iterator[Adapter]:
    with registry.connect(place) as adapter:
        yield adapter


def run(file: Adapter, *texts: str) -> list[Row]:
    """The rows of the last statement."""
    rows: list[Row] = []
    for text in texts:
        with file.query(text) as result:
            rows = [row for batch in result for row in batch]
    return rows


def only(file: Adapter, native: str, *values: str) -> tuple[Column, list[Any]]:
    """A table with one column of the type: how it is described, and what a scan gives."""
    run(file, f"create table one (v {native})", *(f"insert into one values ({value})" for value in values))
    schema = file.describe("one")
    return schema.columns[0], [row[0] for batch in file.scan(schema) for row in batch]


EXACT: list[tuple[str, str, Type, Any]] = [
    ("hugeint", "'170141183460469231731687303715884105727'", Type.DECIMAL, Decimal(2**127 - 1)),
    ("hugeint", "'-170141183460469231731687303715884105728'", Type.DECIMAL, Decimal(-(2**127))),
    ("uhugeint", "'340282366920938463463374607431768211455'", Type.DECIMAL, Decimal(2**128 - 1)),
    ("ubigint", "18446744073709551615", Type.DECIMAL, Decimal(2**64 - 1)),
    ("bigint", "-9223372036854775808", Type.INT, -(2**63)),
    ("utinyint", "255", Type.INT, 255),
    ("decimal(38,0)", "'-99999999999999999999999999999999999999'", Type.DECIMAL, Decimal(-(10**38) + 1)),
    ("decimal(38,38)", "'0.12345678901234567890123456789012345678'", Type.DECIMAL,
     Decimal("0.12345678901234567890123456789012345678")),
    ("real", "0.1", Type.FLOAT, 0.1),
    ("double", "'-0.0'", Type.FLOAT, -0.0),
    ("double", "'-infinity'", Type.FLOAT, float("-inf")),
    ("varchar", "'a' || chr(0) || '😀'", Type.TEXT, "a\0😀"),
    ("blob", r"'\x00\xFF'", Type.BYTES, b"\0\xff"),
    ("timestamp_s", "'2024-02-29 13:05:00'", Type.DATETIME, datetime(2024, 2, 29, 13, 5)),
    ("timestamp_ms", "'2024-02-29 13:05:00.123'", Type.DATETIME, datetime(2024, 2, 29, 13, 5, 0, 123000)),
    ("timestamptz", "'2024-02-29 13:05:00.5+05:30'", Type.INSTANT, datetime(2024, 2, 29, 7, 35, 0, 500000, tzinfo=UTC)),
    ("date", "'0001-01-01'", Type.DATE, date(1, 1, 1)),
    ("date", "'9999-12-31'", Type.DATE, date(9999, 12, 31)),
    ("time", "'23:59:59.999999'", Type.TIME, time(23, 59, 59, 999999)),
    ("json", """'{"b": 1.50, "a": null}'""", Type.JSON, {"b": Decimal("1.50"), "a": None}),
]  # fmt: skip


@pytest.mark.parametrize(("native", "value", "type_", "expected"), EXACT, ids=[f"{e[0]} {e[1]}" for e in EXACT])
def test_a_type_with_a_like_is_carried_exactly(
    file: Adapter, native: str, value: str, type_: Type, expected: Any
) -> None:
    column, values = only(file, native, value, "null")
    assert (column.type, column.note) == (type_, None)
    assert repr(values) == repr([expected, None])


def test_nan_is_nan(file: Adapter) -> None:
    column, values = only(file, "double", "'nan'")
    assert column.type is Type.FLOAT
    assert str(values) == "[nan]"


TOLD: list[tuple[str, str, Type, str, Any]] = [
    ("interval", "interval '1 month 2 days 03:04:05.000006'", Type.TEXT, "interval, as text",
     "1 month 2 days 03:04:05.000006"),
    ("bit", "'0101'", Type.TEXT, "bit, as text", "0101"),
    ("enum('a', 'it''s')", "'it''s'", Type.TEXT, "enum, as text", "it's"),
    ("timetz", "'10:00:00+05:30'", Type.TEXT, "time with time zone, as text", "10:00:00+05:30"),
    ("timestamp_ns", "'2024-01-01 00:00:00.123456789'", Type.TEXT, "timestamp_ns, as text",
     "2024-01-01 00:00:00.123456789"),
    ("time_ns", "'10:00:00.123456789'", Type.TEXT, "time_ns, as text", "10:00:00.123456789"),
    ("integer[]", "[1, null]", Type.JSON, "integer[], as json", [1, None]),
    ("integer[2]", "[1, 2]", Type.JSON, "integer[2], as json", [1, 2]),
    ("struct(a integer, d date[])", "{'a': 1, 'd': ['infinity'::date]}", Type.JSON,
     "struct(a integer, d date[]), as json", {"a": 1, "d": ["infinity"]}),
    ("map(varchar, decimal(38,2))", "map {'k': 12345678901234567890123456789.25}", Type.JSON,
     "map(varchar, decimal(38,2)), as json", {"k": Decimal("12345678901234567890123456789.25")}),
    ("date", "'infinity'", Type.TEXT, f"date, as text: {BEYOND}", "infinity"),
    ("date", "'0044-03-15 (BC)'", Type.TEXT, f"date, as text: {BEYOND}", "0044-03-15 (BC)"),
    ("timestamp", "'-infinity'", Type.TEXT, f"timestamp, as text: {BEYOND}", "-infinity"),
    ("timestamp", "'20000-01-01 00:00:00'", Type.TEXT, f"timestamp, as text: {BEYOND}", "20000-01-01 00:00:00"),
    ("timestamptz", "'infinity'", Type.TEXT, f"timestamp with time zone, as text: {BEYOND}", "infinity"),
    ("time", "'24:00:00'", Type.TEXT, f"time, as text: {BEYOND}", "24:00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("native", "value", "type_", "note", "expected"), TOLD, ids=[f"{e[0]} {e[1]}" for e in TOLD])
def test_a_type_without_a_like_is_told_and_carried(
    file: Adapter, native: str, value: str, type_: Type, note: str, expected: Any
) -> None:
    column, values = only(file, native, value, "null")
    assert (column.type, column.note) == (type_, note)
    assert values == [expected, None]
    # A table that is made of it has the type again, and takes the values.
    there = Schema("again", (column,))
    file.create(there)
    file.write(there, [[(value,) for value in values]])
    assert file.describe("again").columns[0].native == column.native
    assert run(file, "select count(*) from (from one except from again)") == [(0,)]


def test_a_plain_query_shows_what_python_has_no_value_for(file: Adapter) -> None:
    text = (
        "select 'infinity'::date as d, '24:00:00'::time as t, interval '1 month' as i, [1.5, null] as l, "
        "0.1::real as r, "
        "timestamp_ns '2024-01-01 00:00:00.123456789' as n, date '2024-02-29' as e, 1 as d"
    )
    with file.query(text) as result:
        assert [column.name for column in result.columns] == ["d", "t", "i", "l", "r", "n", "e", "d"]
        rows = [row for batch in result for row in batch]
    assert rows == [
        ("infinity", "24:00:00", "1 month", [Decimal("1.5"), None], 0.1, "2024-01-01 00:00:00.123456789",
         date(2024, 2, 29), 1)
    ]  # fmt: skip


def test_a_structs_colon_is_no_parameter(file: Adapter) -> None:
    with file.query("select {'a':b, 'c': :n} as s from (select 1 as b)", {"n": 2}) as result:
        assert list(result) == [[({"a": 1, "c": 2},)]]


def test_several_statements_share_the_connection(file: Adapter) -> None:
    with file.query("create temp table t (a int); insert into t values (1), (2); select sum(a) from t") as result:
        second = result.following()
        assert second is not None
        assert second.affected == 2
        third = second.following()
        assert third is not None
        assert list(third) == [[(3,)]]


def test_generated_columns_are_read_and_not_written(file: Adapter) -> None:
    run(file, "create table g (a integer primary key, b integer default 7, c integer generated always as (a * 2))")
    schema = file.describe("g")
    assert [column.generated for column in schema.columns] == [False, False, True]
    file.write(schema, [[(1, 2, None)]])
    assert list(file.scan(schema)) == [[(1, 2, 2)]]


def test_keys_references_indexes_and_defaults_are_described(file: Adapter) -> None:
    run(
        file,
        "create sequence s",
        "create table p (a integer, b varchar, primary key (b, a))",
        "create table c (id integer default nextval('s'), a integer, b varchar default 'it''s', "
        "n integer check (n > 0), made timestamptz default now(), unique (n), foreign key (b, a) references p (b, a))",
        'create index "odd, name" on c (a, b)',
        "create index e on c ((a + 1))",
    )
    assert file.describe("p").key == ("b", "a")
    schema = file.describe("c")
    assert schema.references == (Reference(("b", "a"), "p", ("b", "a")),)
    found: Any = file
    extras = found.extras("c")
    assert set(extras.has) == {
        Default("b", "it's"), Default("made", None), Index("c_n_key", ("n",), True), Index("odd, name", ("a", "b")),
    }  # fmt: skip
    assert sorted(extras.left) == [
        "a check: CHECK((n > 0))", "default of id, an expression: nextval('s')", "index e, over an expression",
    ]  # fmt: skip


def test_what_is_no_collection_is_left_by_name(file: Adapter) -> None:
    run(
        file, "create schema other", "create table other.t (a int)", "create sequence s", "create macro m(a) as a + 1",
        "create type mood as enum ('a')", "create view v as select 1 as a", "create temp table mine (a int)",
    )  # fmt: skip
    assert file.collections() == ["v"]
    found: Any = file
    assert found.left() == ["macro m", "sequence s", "table other.t: only the schema main is read", "type mood"]


def test_a_decimal_is_never_rounded(file: Adapter) -> None:
    schema = Schema("d", (Column("v", Type.DECIMAL, precision=5, scale=2),))
    file.create(schema)
    file.write(schema, [[(Decimal("1.50000"),)]])
    with pytest.raises(StatementError, match=r"column v has 2 digits behind the point, 1\.555 has more"):
        file.write(schema, [[(Decimal("1.555"),)]])
    with pytest.raises(StatementError):
        file.write(schema, [[(Decimal("1000"),)]])
    assert file.count("d") == 1


def test_a_table_that_refers_to_itself_takes_rows_in_any_order(file: Adapter) -> None:
    columns = (Column("id", Type.INT, False), Column("boss", Type.INT))
    schema = Schema("staff", columns, ("id",), (Reference(("boss",), "staff", ("id",)),))
    file.create(schema)
    file.write(schema, [[(1, 2), (2, None)]])
    assert file.describe("staff").references == schema.references


def test_a_table_that_others_refer_to_stays(file: Adapter) -> None:
    run(file, "create table p (a integer primary key)", "create table c (a integer references p (a))")
    with pytest.raises(ConstraintViolated):
        file.drop("p")
    with pytest.raises(AlreadyExists):
        run(file, "create table P (a integer)")


def test_a_row_that_refers_and_is_referred_to_is_not_replaced(file: Adapter) -> None:
    """DuckDB takes such a row out and puts it in again. Where it no longer does, the quirk goes."""
    columns = (Column("id", Type.INT, False), Column("up", Type.INT))
    schemas = [
        Schema(name, columns, ("id",), (Reference(("up",), above, ("id",)),) if above else ())
        for name, above in (("top", ""), ("middle", "top"), ("low", "middle"))
    ]
    for schema in schemas:
        file.create(schema)
        file.write(schema, [[(1, 1 if schema.references else None)]])
    with pytest.raises(ConstraintViolated):
        file.write(schemas[1], [[(1, 1), (2, 1)]], mode="upsert")
    assert file.count("middle") == 1
    assert file.write(schemas[0], [[(1, 7), (2, 1)]], mode="upsert").rows == 2


def test_a_date_that_came_after_the_description_is_refused_by_name(file: Adapter) -> None:
    schema = Schema("d", (Column("v", Type.DATE),))
    file.create(schema)
    run(file, "insert into d values ('infinity')")
    with pytest.raises(StatementError, match="d: column v holds infinity, which is no date"):
        list(file.scan(schema))


def test_a_file_that_is_none_or_not_there_is_unavailable(place: Target, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="no file"):
        registry.connect(place.with_(create=False))
    (tmp_path / "text.db").write_text("no database " * 500, "utf-8")
    with pytest.raises(Unavailable, match="not a valid DuckDB"):
        registry.connect(place.with_(database=str(tmp_path / "text.db")), timeout_s=1)
    with pytest.raises(UsageError, match="no option acces"):
        registry.connect(place.with_(options={"acces": "x"}))


def test_a_scan_goes_on_while_others_write(file: Adapter) -> None:
    schema = Schema("t", (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",))
    file.create(schema)
    file.write(schema, [[(number, "x" * 100) for number in range(50_000)]])
    scan = file.scan(schema, batch_size=10)
    next(scan)
    file.write(schema, [[(-1, "new")]])
    assert 10 + sum(map(len, scan)) == 50_000
    assert file.count("t") == 50_001


def test_a_statement_says_how_many_rows_it_changed(file: Adapter) -> None:
    run(file, "create table t (a integer)")
    for text, affected in (("insert into t values (1), (2)", 2), ("update t set a = 3 where a = 1", 1)):
        with file.query(text) as result:
            assert (result.affected, list(result.columns), list(result)) == (affected, [], [])
    assert run(file, 'delete from t returning a as "Count"') == [(3,), (2,)]
    assert run(file, 'select 5 as "Count"') == [(5,)]
