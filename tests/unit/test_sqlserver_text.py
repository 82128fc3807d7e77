"""SQL Server's text: batches, literals, declared types, and what the driver's errors become; without a server."""

from __future__ import annotations

import pytest

from dbfleet.engines.sqlserver.errors import number_and_message, translate, translate_connecting
from dbfleet.engines.sqlserver.query import batches, parse
from dbfleet.engines.sqlserver.types import declare, kept_beside, read_native, text_literal
from dbfleet.errors import AuthFailed, ConstraintViolated, NotFound, Unavailable, Unsupported, UsageError
from dbfleet.values import Column, Type


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1", ["select 1"]),
        ("select 1;\nselect 2\nGO\nselect 3", ["select 1;\nselect 2\n", "select 3"]),
        ("a\r\ngo\r\nb\r\nGo 2\r\n", ["a\r\n", "b\r\n", "b\r\n"]),
        ("GO\nGO 5\n-- nothing\nGO", []),
        ("select 'x\nGO\ny'", ["select 'x\nGO\ny'"]),
        ("/* x\nGO\n/* y\nGO */ */ z", ["/* x\nGO\n/* y\nGO */ */ z"]),
        ("select [a\nGO\n]", ["select [a\nGO\n]"]),
        ("select go from x", ["select go from x"]),
        ("a\n  GO  3  -- thrice\nb", ["a\n  "] * 3 + ["b"]),
        ("a\ngo home\nb", ["a\ngo home\nb"]),
    ],
)  # fmt: skip
def test_go_ends_batches(text: str, expected: list[str]) -> None:
    assert [batch.text for batch in batches(text)] == expected


def test_batch_knows_where_it_starts() -> None:
    text = "a\nGO\n\nb :n"
    first, second = batches(text)
    assert (first.start, text[second.start :], second.parameters) == (0, "\nb :n", ("n",))


def test_go_has_a_limit() -> None:
    with pytest.raises(UsageError):
        list(batches("a\nGO 999999999\n"))


def test_parameters_are_those_that_are_given() -> None:
    parse("select :a\nGO\nselect ':b', :c, [:d], geography::Point(1, 2, 3)", {"a": 1, "c": 2}, 10)
    for params in ({"a": 1}, {"a": 1, "c": 2, "b": 3}):
        with pytest.raises(UsageError):
            parse("select :a\nGO\nselect ':b', :c", params, 10)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "N''"),
        ("it's", "N'it''s'"),
        ("a\\b", "N'a\\b'"),
        ("a\\\nb", "CONVERT(nvarchar(max), 0x61005c000a006200)"),
        ("\0", "CONVERT(nvarchar(max), 0x0000)"),
    ],
)
def test_literal_says_the_whole_text(text: str, expected: str) -> None:
    assert text_literal(text) == expected


@pytest.mark.parametrize(
    ("column", "keyed", "expected", "kept"),
    [
        (Column("c", Type.TEXT), False, "nvarchar(max)", None),
        (Column("c", Type.TEXT, length=20), False, "nvarchar(20)", None),
        (Column("c", Type.TEXT, length=4001), False, "nvarchar(max)", "text(4001)"),
        (Column("c", Type.TEXT), True, "nvarchar(450) COLLATE Latin1_General_100_BIN2", "text"),
        (Column("c", Type.DECIMAL, precision=9), False, "decimal(9,0)", "decimal(9)"),
        (Column("c", Type.DATETIME, fraction_digits=0), False, "datetime2(0)", None),
        (Column("c", Type.TIME), False, "time(6)", None),
        (Column("c", Type.BYTES, length=9000), False, "varbinary(max)", "bytes(9000)"),
    ],
)
def test_columns_are_declared_and_what_is_lost_is_kept_beside(
    column: Column, keyed: bool, expected: str, kept: str | None
) -> None:
    declared = declare(column, keyed)
    word, _, rest = declared.partition(" ")[0].partition("(")
    sizes = [-1 if size == "max" else int(size) for size in rest.rstrip(")").split(",") if size] or [0]
    scale = sizes[0] if word in ("time", "datetime2") else sizes[-1]
    length = sizes[0] * 2 if word == "nvarchar" and sizes[0] > 0 else sizes[0]
    read = read_native("c", word, length, sizes[0], scale, True)
    assert (declared, kept_beside(column, read.column)) == (expected, kept)
    again = read_native("c", word, length, sizes[0], scale, True, beside=kept)
    assert again.column == column


@pytest.mark.parametrize(
    ("precision", "scale", "made"),
    [(39, 2, "decimal(38,2)"), (39, 1, "decimal(38,1)"), (65, 30, "decimal(38,6)"), (50, 45, "decimal(38,33)"),
     (65, 0, "decimal(38,0)"), (40, 40, "decimal(38,38)")],
)  # fmt: skip
def test_a_decimal_of_more_digits_keeps_those_before_the_point_first(precision: int, scale: int, made: str) -> None:
    assert declare(Column("c", Type.DECIMAL, precision=precision, scale=scale), False) == made


def test_a_decimal_that_no_server_has_is_unsupported() -> None:
    with pytest.raises(Unsupported):
        declare(Column("c", Type.DECIMAL, precision=10, scale=12), False)


@pytest.mark.parametrize(
    ("word", "type_", "note"),
    [
        ("money", Type.DECIMAL, None),
        ("real", Type.FLOAT, None),
        ("smalldatetime", Type.DATETIME, None),
        ("timestamp", Type.BYTES, "rowversion, as bytes, generated"),
        ("xml", Type.TEXT, "xml, as text"),
        ("sql_variant", Type.TEXT, "sql_variant, as text"),
        ("hierarchyid", Type.TEXT, "hierarchyid, as text"),
        ("geography", Type.TEXT, "geography, as WKT text"),
        ("cursor of tomorrow", Type.TEXT, "cursor of tomorrow, as text"),
    ],
)
def test_foreign_types_are_read_and_noted(word: str, type_: Type, note: str | None) -> None:
    column = read_native("c", word, 8, 19, 4, True).column
    assert (column.type, column.remark) == (type_, note)


def driver_error(number: int, text: bytes, line: int = 0) -> Exception:
    kind = type("MSSQLDatabaseException", (Exception,), {"__module__": "pymssql._mssql"})
    error = kind((number, text))
    error.number, error.line = number, line  # type: ignore[attr-defined]
    return error  # type: ignore[no-any-return]


GLUE = b"DB-Lib error message 20018, severity 16:\nGeneral SQL Server error: Check messages from the SQL Server\n"


def test_servers_words_are_told_from_the_drivers() -> None:
    assert number_and_message(driver_error(208, b"Invalid object name 'x'." + GLUE)) == (
        208,
        "Invalid object name 'x'.",
    )


@pytest.mark.parametrize(
    ("number", "kind"), [(208, NotFound), (2627, ConstraintViolated), (0, Unavailable), (20004, Unavailable)]
)
def test_numbers_are_our_errors(number: int, kind: type[Exception]) -> None:
    assert type(translate(driver_error(number, b"words" + GLUE))) is kind


def test_error_has_its_line_in_the_whole_text() -> None:
    whole = "select 1\nGO\nselect 2\nselect from x"
    found = translate(driver_error(156, b"Incorrect syntax" + GLUE, line=2), whole=whole, start=12)
    assert str(found) == "Incorrect syntax (line 4: select from x)"


def test_number_that_is_left_over_from_an_earlier_login_counts_for_nothing() -> None:
    text = (
        b"DB-Lib error message 20009, severity 9:\nUnable to connect\nNet-Lib error during Connection refused (111)\n"
    )
    found = translate_connecting(driver_error(18456, text))
    assert type(found) is Unavailable
    assert str(found) == "cannot connect: Unable to connect: Connection refused"
    assert type(translate_connecting(driver_error(18456, GLUE))) is AuthFailed


def test_error_that_is_not_the_drivers_is_left_alone() -> None:
    assert translate(ValueError("x")) is None
    assert translate_connecting(OSError("x")) is None
