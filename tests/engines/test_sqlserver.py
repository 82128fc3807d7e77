"""SQL Server's own surprises, and the driver's; on whatever answers at --url, the wire double included."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.errors import (
    AuthFailed,
    ConstraintViolated,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
)
from dbfleet.extras import Default, Extra, Identity, Index
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Schema, Type, digest_rows

pytestmark = pytest.mark.engines("sqlserver")

ID = Column("id", Type.INT, False)
PAIR = (ID, Column("v", Type.TEXT))


def results(adapter: Adapter, text: str, params: dict[str, object] | None = None) -> list[tuple[list[Any], list[str]]]:
    """The rows and the messages of each result."""
    found = []
    result = adapter.query(text, params, batch_size=2)
    while result is not None:
        rows = [row for batch in result for row in batch]
        found.append((rows, result.messages))
        result = result.following()  # type: ignore[assignment]
    return found


def value(adapter: Adapter, text: str, params: dict[str, object] | None = None) -> Any:
    return results(adapter, text, params)[0][0][0][0]


# --- batches ---


def test_go_ends_a_batch_and_repeats_it(adapter: Adapter) -> None:
    found = results(
        adapter, "select 1 as a\nGO\nselect 2 as b\n  go 2 -- twice\n/* GO\nGO */ select N'\nGO\n' as c\nGO\n"
    )
    assert [rows for rows, _ in found] == [[(1,)], [(2,)], [(2,)], [("\nGO\n",)]]


def test_each_result_has_the_messages_that_came_with_it(adapter: Adapter) -> None:
    found = results(adapter, "print 'one'; select 1 as a; print 'two'; select 2 as b\nGO\nprint 'three'")
    assert found == [([(1,)], ["one", "two"]), ([(2,)], []), ([], ["three"])]


def test_nothing_but_go_is_empty(adapter: Adapter) -> None:
    with pytest.raises(UsageError):
        adapter.query("-- nothing\nGO 3\nGO")


def test_error_has_the_servers_number_and_the_line_in_the_whole_text(adapter: Adapter) -> None:
    with pytest.raises(StatementError) as caught:
        results(adapter, "select 1 as a\nGO\nselect 2 as b;\nselect from x\n")
    assert caught.value.code
    assert "line 4: select from x" in str(caught.value)
    assert value(adapter, "select 1 as a") == 1


def test_statement_with_a_nul_is_refused_before_the_driver_cuts_it(adapter: Adapter) -> None:
    with pytest.raises(StatementError):
        adapter.query("select 1 as a --\0 drop table x")


# --- parameters ---


@pytest.mark.parametrize(
    "given",
    [
        True, 5, -(2**63), 2**70, 1.5, -1e-300, Decimal("-1.25"), Decimal("12345678901234567890.123456"), b"", b"a'\0",
        date(2024, 2, 29), time(1, 2, 3, 4), datetime(2024, 1, 1, 0, 0, 0, 1), datetime(2024, 1, 1, tzinfo=UTC),
        UUID(int=5), "", "x" * 9000, "it's", "back\\\nslash", "back\\\r\nslash", "--\n/*",
    ],
    ids=lambda given: repr(given)[:30],
)  # fmt: skip
def test_parameter_arrives_as_it_is(adapter: Adapter, given: object) -> None:
    assert value(adapter, "select :given as v", {"given": given}) == given


def test_instant_as_a_parameter_comes_back_in_utc(adapter: Adapter) -> None:
    given = datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    found = value(adapter, "select :given as v", {"given": given})
    assert (found, found.tzinfo) == (given, UTC)


def test_backslash_before_a_lines_end_in_a_batch_with_parameters(adapter: Adapter) -> None:
    """It continues a literal on the next line: once, not once more on the way into sp_executesql."""
    assert value(adapter, "select :n as n -- a comment that ends in \\\n", {"n": 1}) == 1


# --- tables ---


def test_dot_names_a_schema_where_there_is_one(adapter: Adapter, name: str) -> None:
    results(adapter, f"create schema [{name}]")
    schema = Schema(f"{name}.orders", PAIR, ("id",))
    adapter.create(schema)
    try:
        adapter.write(schema, [[(1, "x")]])
        assert f"{name}.orders" in adapter.collections()
        assert "orders" not in adapter.collections()
        assert adapter.describe(f"{name}.orders").key == ("id",)
        assert results(adapter, f"select * from [{name}].[orders]")[0][0] == [(1, "x")]
    finally:
        adapter.drop(f"{name}.orders")


def test_types_are_declared_natively_and_described_back(adapter: Adapter, made: Make, name: str) -> None:
    columns = (
        ID,
        Column("amount", Type.DECIMAL, False, precision=12, scale=2),
        Column("any", Type.DECIMAL),
        Column("code", Type.TEXT, length=20),
        Column("long", Type.TEXT, length=5000),
        Column("hash", Type.BYTES, length=16),
        Column("at", Type.INSTANT, fraction_digits=3),
        Column("doc", Type.JSON),
    )
    schema = made(Schema(name, columns, ("id",)))
    found = adapter.describe(name)
    assert found.columns == columns
    assert [column.native for column in found.columns] == [
        "bigint", "decimal(12,2)", "decimal(38,8)", "nvarchar(20)", "nvarchar(max)", "varbinary(16)",
        "datetimeoffset(3)", "nvarchar(max)",
    ]  # fmt: skip
    assert schema.key == found.key


def test_fraction_of_a_second_is_cut_not_rounded(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("at", Type.DATETIME, fraction_digits=3)), ("id",)))
    adapter.write(schema, [[(1, datetime(2024, 1, 1, 23, 59, 59, 999999))]])
    assert list(adapter.get(schema, [(1,)])) == [(1, datetime(2024, 1, 1, 23, 59, 59, 999000))]


def test_decimal_that_does_not_fit_is_refused_not_rounded(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("d", Type.DECIMAL, precision=5, scale=2)), ("id",)))
    for beyond in (Decimal("1.005"), Decimal("1234.5"), Decimal("NaN")):
        with pytest.raises(StatementError):
            adapter.write(schema, [[(1, beyond)]])
    assert adapter.count(name) == 0


@pytest.mark.parametrize("odd", [5e-324, float("nan"), float("inf")])
def test_float_that_the_server_cannot_hold_is_refused(adapter: Adapter, made: Make, name: str, odd: float) -> None:
    schema = made(Schema(name, (ID, Column("f", Type.FLOAT)), ("id",)))
    with pytest.raises(StatementError):
        adapter.write(schema, [[(1, odd)]])


def test_text_that_is_too_long_is_refused_not_cut(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT, length=5)), ("id",)))
    with pytest.raises(StatementError):
        adapter.write(schema, [[(1, "abcdef")]])
    assert adapter.write(schema, [[(1, "abc😀")]]).rows == 1


def test_half_a_surrogate_pair_is_refused(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    with pytest.raises(StatementError):
        adapter.write(schema, [[(1, "a\ud800")]])
    assert adapter.write(schema, [[(1, "a")]]).rows == 1


def test_upsert_never_takes_a_key_for_one_without_its_blanks(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("k", Type.TEXT, False, length=20), Column("v", Type.INT)), ("k",)))
    adapter.write(schema, [[("a", 1)]])
    with pytest.raises(ConstraintViolated):
        adapter.write(schema, [[("a ", 2)]], mode="upsert")
    assert list(adapter.get(schema, [("a ",)])) == []
    assert list(adapter.get(schema, [("a",)])) == [("a", 1)]


def test_reference_has_the_type_of_the_key_it_names(adapter: Adapter, made: Make, name: str) -> None:
    """The server refuses a reference of another length or collation; a schema from elsewhere may well have one."""
    made(Schema(name, (Column("code", Type.TEXT, False, length=40), Column("v", Type.INT)), ("code",)))
    columns = (ID, Column("code", Type.TEXT))
    child = made(Schema(f"{name}_c", columns, ("id",), (Reference(("code",), name, ("code",)),)))
    found = adapter.describe(child.name)
    assert found.column("code").native == "nvarchar(40)"
    assert found.columns == child.columns


def test_temporary_names_and_nul_are_no_collections(adapter: Adapter) -> None:
    for name in ("#gone", "##gone", "a\0b", ""):
        with pytest.raises((Unsupported, NotFound)):
            adapter.create(Schema(name, PAIR, ("id",)) if name else Schema(" ", (Column("", Type.INT),)))


def test_rows_as_literals_are_the_rows_as_json(adapter: Adapter, made: Make, name: str) -> None:
    """The way for servers whose JSON is not SQL Server's gives the same rows."""
    schema = made(wide_schema(name, adapter.spec))
    rows = wide_rows(adapter.spec, 60)
    adapter.write(schema, [rows])
    expected = digest_rows(schema.columns, adapter.scan(schema))
    before = adapter._session.reads_json  # type: ignore[attr-defined]
    adapter._session.reads_json = False  # type: ignore[attr-defined]
    try:
        adapter.write(schema, [rows[:30]], mode="upsert")
        other = made(wide_schema(f"{name}_2", adapter.spec))
        adapter.write(other, [rows])
        assert len(list(adapter.get(other, [(number,) for number in range(50, 70)]))) == 10
    finally:
        adapter._session.reads_json = before  # type: ignore[attr-defined]
    assert digest_rows(schema.columns, adapter.scan(schema)) == expected
    assert digest_rows(schema.columns, adapter.scan(other)) == expected


# --- the connection ---


def test_second_statement_waits_until_the_rows_of_the_first_are_read(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x") for number in range(100)]])
    scan = adapter.scan(schema, batch_size=10)
    next(scan)
    with pytest.raises(StatementError):
        adapter.ping()
    scan.close()  # type: ignore[attr-defined]
    assert adapter.ping().version


def test_reader_that_was_dropped_is_no_reader(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, PAIR, ("id",)))
    adapter.write(schema, [[(number, "x" * 200) for number in range(1000)]])
    result = adapter.query(f"select * from [{name}]", batch_size=10)
    next(iter(result))
    del result
    assert adapter.count(name) == 1000


# --- what a table has besides its rows ---


def _add(adapter: Adapter, schema: Schema, extra: Extra) -> None:
    adapter.add_extra(schema, extra)  # type: ignore[attr-defined]


def test_unique_index_lets_in_any_number_of_nulls(adapter: Adapter, made: Make, name: str) -> None:
    columns = (ID, Column("a", Type.TEXT, length=20), Column("b", Type.INT))
    schema = made(Schema(name, columns, ("id",)))
    _add(adapter, schema, Index("both", ("a", "b"), True))
    adapter.write(schema, [[(1, None, None), (2, None, None), (3, "x", None), (4, "x", None), (5, "x", 1)]])
    with pytest.raises(ConstraintViolated):
        adapter.write(schema, [[(6, "x", 1)]])
    assert adapter.count(name) == 5


def test_index_over_what_has_no_end_is_refused(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("note", Type.TEXT)), ("id",)))
    with pytest.raises(Unsupported, match="nvarchar"):
        _add(adapter, schema, Index("notes", ("note",)))


def test_default_takes_the_place_of_another(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT, length=20)), ("id",)))
    for text in ("first", "back\\\nslash"):
        _add(adapter, schema, Default("v", text))
    results(adapter, f"insert into [{name}] ([id]) values (1)")
    assert list(adapter.get(schema, [(1,)])) == [(1, "back\\\nslash")]


def test_sequence_goes_with_its_table(adapter: Adapter, name: str) -> None:
    schema = Schema(name, PAIR, ("id",))
    for greatest, by_another_hand in ((7, True), (2, False), (None, False)):
        adapter.create(schema)
        adapter.write(schema, [[(greatest, "x")] if greatest else []])
        _add(adapter, schema, Identity("id"))
        for _ in range(2):
            results(adapter, f"insert into [{name}] ([v]) values (N'new')")
        news = sorted(row[0] for batch in adapter.scan(schema) for row in batch if row[1] == "new")
        assert news == [(greatest or 0) + 1, (greatest or 0) + 2]
        if by_another_hand:  # the sequence stays behind, and is made anew
            results(adapter, f"drop table [{name}]")
        else:
            adapter.drop(name)
    results(adapter, f"create sequence [dbo].[dbfleet:{name}:id] as bigint start with 1")
    results(adapter, f"drop sequence if exists [dbo].[dbfleet:{name}:id]")


def test_cancel_keeps_the_connection(connect: Connect) -> None:
    adapter = connect()
    timer = threading.Timer(0.5, adapter.cancel)
    timer.start()
    with pytest.raises(StatementError):  # it waits, and ends without an error where nobody stops it
        results(adapter, adapter.spec.examples["slow"])
    timer.join()
    assert value(adapter, "select 1 as a") == 1


def test_login_that_fails_says_why(target: Target) -> None:
    for _ in range(2):  # the driver loses the server's words the second time
        with pytest.raises(AuthFailed):
            registry.connect(target.with_(password="wrong"))
        with pytest.raises(AuthFailed, match="no database dbfleet_nowhere"):
            registry.connect(target.with_(database="dbfleet_nowhere", create=False))
        with pytest.raises(Unavailable) as caught:
            registry.connect(target.with_(host="127.0.0.1", port=1), timeout_s=3)
        assert not isinstance(caught.value, AuthFailed)


def test_unknown_option_is_a_usage_error(target: Target) -> None:
    with pytest.raises(UsageError, match="encryptoin"):
        registry.connect(target.with_(options={"encryptoin": "off"}))


def test_sequence_goes_on_behind_rows_that_brought_their_own_values(adapter: Any, name: str) -> None:
    schema = Schema(name, PAIR, ("id",))
    adapter.create(schema)
    try:
        adapter.add_extra(schema, Identity("id"))
        adapter.write(schema, [[(1, "a"), (41, "b")]])
        assert adapter.count_on(name) == []
        results(adapter, f"insert into [{name}] ([v]) values (N'next')")
        assert value(adapter, f"select max([id]) as m from [{name}]") == 42
        adapter.delete(schema, [(41,), (42,)])
        assert adapter.count_on(name) == []  # never back
        results(adapter, f"insert into [{name}] ([v]) values (N'more')")
        assert value(adapter, f"select max([id]) as m from [{name}]") == 43
    finally:
        adapter.drop(name)


def test_plain_table_leaves_nothing_behind(adapter: Any, name: str) -> None:
    schema = Schema(name, (Column("id", Type.TEXT, False, length=20), Column("v", Type.TEXT)), ("id",))
    adapter.create(schema)
    try:
        assert adapter.extras(name).left == ()
        assert adapter.lost([name, f"{name}_nowhere"]) == []
        assert not [text for text in adapter.left() if name in text]
    finally:
        adapter.drop(name)
