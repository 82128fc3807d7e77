"""The adapter over a DB-API 2.0 driver, on the simplest engine that there is: sqlite3, with rows bound as VALUES."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbfleet import errors, registry
from dbfleet.adapter import WHOLE, Change, Condition
from dbfleet.columns import unrounded
from dbfleet.extras import Default, Identity, Index
from dbfleet.sql import catalog, ddl
from dbfleet.sql.dbapi import DbapiAdapter
from dbfleet.sql.dialect import MARK, Carried, Dialect
from dbfleet.sql.files import InFile
from dbfleet.sql.text import Lexis, text_literal
from dbfleet.target import Target
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Reference, Row, Schema, Type

LEXIS = Lexis()
DECLARED = {Type.INT: "INTEGER", Type.TEXT: "TEXT", Type.DECIMAL: "TEXT"}


def translate(exc: BaseException) -> errors.DbfleetError | None:
    if isinstance(exc, sqlite3.IntegrityError):
        return errors.ConstraintViolated(str(exc))
    return errors.StatementError(str(exc)) if isinstance(exc, sqlite3.Error) else None


def carried(column: Column, native: str) -> Carried:
    if column.type is Type.DECIMAL:
        return Carried("({c})", VALUE_OF[Type.DECIMAL], "CAST({v} AS TEXT)", TEXT_OF[Type.DECIMAL])
    return Carried()


DIALECT = Dialect(
    lexis=LEXIS,
    declare=lambda column: DECLARED[column.type],
    carried=carried,
    literal=lambda column, native, value: text_literal(TEXT_OF[column.type](value)),
    translate=translate,
    most_values=7,
)


class Plain(DbapiAdapter, InFile):
    """Only what an engine has to say."""

    dialect = DIALECT

    def version(self) -> str:
        return str(self.ask("SELECT sqlite_version()")[0][0])

    def collections(self) -> Sequence[str]:
        return [name for (name,) in self.ask("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY 1")]

    def natives(self, name: str) -> Mapping[str, str]:
        found = dict(self.ask(f"SELECT name, type FROM pragma_table_info({MARK})", [name]))
        if not found:
            raise errors.NotFound(name)
        return found

    def create_statements(self, schema: Schema) -> Iterable[str]:
        lines = ddl.table_lines(schema, LEXIS.quote, DIALECT.declare)
        yield f"CREATE TABLE {LEXIS.quote(schema.name)} ({', '.join(lines)})"


SCHEMA = Schema(
    "t",
    (Column("a", Type.INT, False), Column("b", Type.TEXT, False), Column("v", Type.DECIMAL)),
    ("a", "b"),
)
ROWS: list[Row] = [(number, "xy"[number % 2], Decimal(number) / 4 if number % 3 else None) for number in range(20)]


@pytest.fixture
def open_file(tmp_path: Path) -> Iterator[Callable[[], Plain]]:
    opened: list[Plain] = []
    target = Target("file", "sqlite", "sqlite", database=str(tmp_path / "plain.db"), create=True)

    def open_it() -> Plain:
        connection = sqlite3.connect(str(target.database), isolation_level=None)
        opened.append(Plain(registry.spec("sqlite"), target, connection))
        return opened[-1]

    yield open_it
    for each in opened:
        each.close()


@pytest.fixture
def plain(open_file: Callable[[], Plain]) -> Plain:
    adapter = open_file()
    adapter.create(SCHEMA)
    adapter.write(SCHEMA, [ROWS[:12], [], ROWS[12:]])
    return adapter


def scanned(adapter: Plain, part: Mapping[str, Any] = WHOLE) -> list[Row]:
    return sorted(row for batch in adapter.scan(SCHEMA, part, batch_size=3) for row in batch)


def test_what_was_written_is_scanned_in_bounded_batches(plain: Plain) -> None:
    assert scanned(plain) == ROWS
    assert max(map(len, plain.scan(SCHEMA, batch_size=3))) == 3
    assert plain.count("t") == 20
    assert plain.ping().version == sqlite3.sqlite_version


def test_the_parts_of_a_split_are_the_whole_and_each_row_is_in_one(plain: Plain) -> None:
    parts = plain.split(SCHEMA, 3)
    assert len(parts) == 3
    assert sorted(row for part in parts for row in scanned(plain, part)) == ROWS
    assert plain.split(replace(SCHEMA, key=()), 3) == [WHOLE]


def test_rows_are_found_and_deleted_by_their_keys(plain: Plain) -> None:
    keys = [(number, "xy"[number % 2]) for number in range(1, 9)]
    assert sorted(plain.get(SCHEMA, [*keys, (99, "x")])) == ROWS[1:9]
    assert plain.delete(SCHEMA, [*keys, (1, "x")]) == 8
    assert plain.count("t") == 12
    assert plain.delete(SCHEMA, []) == 0


def test_a_refused_row_leaves_nothing_of_its_write(plain: Plain) -> None:
    with pytest.raises(errors.ConstraintViolated) as refused:
        plain.write(SCHEMA, [[(50, "x", None)], [ROWS[0]]])
    assert (refused.value.engine, refused.value.target) == ("sqlite", "file")
    assert plain.count("t") == 20


def test_an_upsert_replaces_the_row_of_a_key_and_the_last_one_stays(plain: Plain) -> None:
    written = plain.write(SCHEMA, [[(0, "x", Decimal(1)), (0, "x", Decimal(2)), (30, "x", None)]], mode="upsert")
    assert written.rows == 3
    assert [row for row in scanned(plain) if row[0] in (0, 30)] == [(0, "x", Decimal(2)), (30, "x", None)]
    only_key = Schema("k", (Column("a", Type.INT, False),), ("a",))
    plain.create(only_key)
    for _ in range(2):
        plain.write(only_key, [[(1,)]], mode="upsert")
    assert plain.count("k") == 1


def test_a_generated_column_is_not_written(plain: Plain) -> None:
    plain.query("create table g (a integer primary key, b integer generated always as (a * 2))")
    schema = Schema("g", (Column("a", Type.INT, False), Column("b", Type.INT, generated=True)), ("a",))
    plain.write(schema, [[(1, None), (2, None)]])
    assert [row for (row,) in plain.scan(schema, batch_size=1)] == [(1, 2), (2, 4)]


def test_a_condition_is_a_part(plain: Plain) -> None:
    part = plain.narrow(SCHEMA, Condition("=", column="b", value="y"))
    assert part is not None
    assert [row[0] for row in scanned(plain, part)] == list(range(1, 20, 2))
    assert [row[0] for row in scanned(plain, {**part, "from": ["18", "x"]})] == [19]
    assert plain.narrow(SCHEMA, Condition("=", column="b", value=MARK)) is None


def test_changes_are_statements_that_query_runs(plain: Plain) -> None:
    changes = [Change(ROWS[0], None), Change(ROWS[1], (1, "y", None)), Change(None, (40, "'", Decimal("0.10")))]
    result: Any = plain.query("\n".join(plain.statements(SCHEMA, changes)))
    while result:
        assert (result.affected, list(result.columns), list(result)) == (1, [], [])
        result = result.following()
    assert scanned(plain) == [(1, "y", None), *ROWS[2:], (40, "'", Decimal("0.10"))]


def test_half_of_a_surrogate_pair_has_no_literal(plain: Plain) -> None:
    with pytest.raises(errors.Unsupported, match=r"column b: .* has no literal"):
        list(plain.statements(SCHEMA, [Change(None, (1, "\ud800", None))]))
    assert plain.narrow(SCHEMA, Condition("=", column="b", value="\ud800")) is None


def test_parameters_are_bound_and_an_error_comes_at_once(plain: Plain) -> None:
    with plain.query(
        "select a, ':n' as n from t where a > :low and a < :high order by a", {"low": 3, "high": 6}
    ) as result:
        assert [column.name for column in result.columns] == ["a", "n"]
        assert list(result) == [[(4, ":n"), (5, ":n")]]
    with pytest.raises(errors.UsageError, match="no parameter :other"):
        plain.query("select 1", {"other": 1})
    with pytest.raises(errors.StatementError, match="syntax"):
        plain.query("selec 1")


def test_a_value_that_is_none_of_its_type_is_refused_by_name(plain: Plain) -> None:
    plain.query("insert into t values (60, 'x', 'much')")
    with pytest.raises(errors.StatementError, match="t: column v holds much, which is no decimal"):
        scanned(plain)


def test_a_half_read_scan_can_be_closed_and_a_closed_adapter_is_unavailable(plain: Plain) -> None:
    scan: Any = plain.scan(SCHEMA, batch_size=1)
    next(scan)
    scan.close()
    begun = plain.scan(SCHEMA, batch_size=1)
    next(begun)
    plain.close()
    plain.close()
    for use in (plain.ping, plain.identity, lambda: plain.query("select 1"), lambda: list(begun)):
        with pytest.raises(errors.Unavailable):
            use()


def test_a_driver_that_formats_by_percent_gets_each_percent_of_ours_twice(plain: Plain) -> None:
    said: list[tuple[Any, ...]] = []

    class Cursor:
        description = None
        rowcount = -1

        def execute(self, *statement: Any) -> None:
            said.append(statement)

        def close(self) -> None:
            pass

    class Formatting(Plain):
        dialect = replace(DIALECT, percent=True, placeholder=lambda number: "%s")

    adapter = Formatting(plain.spec, plain.target, sqlite3.connect(":memory:", isolation_level=None), Cursor())
    adapter._questions.close()
    adapter._questions = Cursor()
    adapter.ask(f"SELECT '%' || {MARK}", [1])
    adapter.ask("SELECT '%'")
    adapter.query("select '%', :n", {"n": 1})
    adapter.query("select '%'")
    adapter.close()
    assert said == [("SELECT '%%' || %s", [1]), ("SELECT '%'",), ("select '%%', %s", (1,)), ("select '%'",)]


def test_an_engine_with_lists_binds_one_a_column(plain: Plain) -> None:
    ways = [Carried(element="BIGINT"), Carried(bound="{v}::DATE", bind=str, element="VARCHAR")]
    assert list(plain._given(ways, [0, 2], [(1, "-", 3), (4, "-", None)])) == [
        (
            f"SELECT unnest(CAST({MARK} AS BIGINT[])), unnest(CAST({MARK} AS VARCHAR[]))::DATE",
            [[1, 4], ["3", None]],
        )
    ]


def test_extras_are_statements(plain: Plain) -> None:
    quote, literal = LEXIS.quote, plain.literals(SCHEMA)
    index = Index("i", ("b", "v"), True)
    assert ddl.extra_statement(SCHEMA, index, quote, literal) == 'CREATE UNIQUE INDEX "i" ON "t" ("b", "v")'
    default = Default("b", "it's")
    said = ddl.extra_statement(SCHEMA, default, quote, literal)
    assert said == """ALTER TABLE "t" ALTER COLUMN "b" SET DEFAULT 'it''s'"""
    now = ddl.extra_statement(SCHEMA, Default("v", None), quote, literal)
    assert now.endswith("SET DEFAULT CURRENT_TIMESTAMP")
    with pytest.raises(errors.Unsupported, match="identity a: only a new table"):
        ddl.extra_statement(SCHEMA, Identity("a"), quote, literal)


def test_comments_keep_what_the_table_cannot_say() -> None:
    itself = Reference(("b",), "t", ("a",))
    schema = replace(SCHEMA, edge=True, references=(itself,))
    kept, typed = ddl.comment_statements(
        schema, LEXIS.quote, lambda column: "it's" if column.name == "v" else None, loose=[itself]
    )
    assert typed == """COMMENT ON COLUMN "t"."v" IS 'it''s'"""
    start, end = 'COMMENT ON TABLE "t" IS \'', "'"
    comment = kept.removeprefix(start).removesuffix(end)
    assert catalog.schema("t", schema.columns, ["a", "b"], [], comment) == schema
    assert not list(ddl.comment_statements(SCHEMA, LEXIS.quote, lambda column: None))


def test_a_column_with_a_date_that_python_has_not_is_text(plain: Plain) -> None:
    plain.query("create table d (a text, b text)")
    schema = Schema("d", (Column("a", Type.DATE), Column("b", Type.DATE), Column("c", Type.INT)))
    assert catalog.in_bounds(schema, plain.ask, LEXIS.quote) == schema
    plain.query("insert into d values ('infinity', '2024-02-29')")
    assert [column.type for column in catalog.in_bounds(schema, plain.ask, LEXIS.quote).columns] == [
        Type.TEXT, Type.DATE, Type.INT,
    ]  # fmt: skip
    assert catalog.in_bounds(SCHEMA, plain.ask, LEXIS.quote) is SCHEMA


def test_extras_are_told_and_what_has_no_record_is_said_in_words() -> None:
    indexes = [Index("i", ("a",)), Index("e", ())]
    defaults = [("a", "7"), ("b", None), ("v", "NULL"), ("b", "upper('x')")]
    found = catalog.extras(SCHEMA, indexes, defaults, ["CHECK (a > 0)"])
    assert found.has == (Index("i", ("a",)), Default("a", "7"))
    assert found.left == (
        "index e, over an expression", "a check: CHECK (a > 0)", "default of b, an expression: upper('x')",
    )  # fmt: skip


def test_a_decimal_that_a_server_would_round_is_refused_by_name() -> None:
    text_of = unrounded(Column("v", Type.DECIMAL, precision=5, scale=2))
    assert text_of(Decimal("1.50000")) == "1.5"
    with pytest.raises(errors.StatementError, match=r"column v has 2 digits behind the point, 1\.555 has more"):
        text_of(Decimal("1.555"))


def test_a_half_read_result_that_is_closed_ends_its_statement(plain: Plain) -> None:
    result = plain.query("SELECT a FROM t ORDER BY a", batch_size=2)
    next(iter(result))
    result.close()
    assert plain._statements.fetchone() is None


def test_an_old_result_that_is_closed_does_not_end_the_statement_of_a_newer_one(plain: Plain) -> None:
    older = plain.query("SELECT a FROM t", batch_size=2)
    next(iter(older))
    newer = plain.query("SELECT a FROM t ORDER BY a", batch_size=2)
    older.close()
    assert sum(map(len, newer)) == len(ROWS)


def test_a_refusal_says_whose_it_is_and_one_of_the_source_stays_the_sources(plain: Plain) -> None:
    plain.query("UPDATE t SET v = 'none of ours' WHERE a = 3").close()
    with pytest.raises(errors.StatementError) as refused:
        scanned(plain)
    assert (refused.value.engine, refused.value.target) == ("sqlite", "file")
    with pytest.raises(errors.NotFound) as missing:
        list(plain.scan(replace(SCHEMA, name="nowhere")))
    assert missing.value.target == "file"

    def rows() -> Iterator[list[Row]]:
        raise errors.StatementError("the source's own")
        yield []

    with pytest.raises(errors.StatementError) as foreign:
        plain.write(SCHEMA, rows())
    assert (foreign.value.engine, foreign.value.target) == (None, None)
