"""Oracle's text of statements and its types, without a server."""

from __future__ import annotations

import pytest

from dbfleet.engines.oracle.text import split
from dbfleet.engines.oracle.types import Described, Made, made, read, select_expression
from dbfleet.errors import Unsupported, UsageError
from dbfleet.values import Column, Schema, Type

BLOCK = "declare x number; begin x := 1; end;"
TRIGGER = "create or replace trigger t before insert on a for each row begin :new.id := 1; end;"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("select 1 from dual;", ["select 1 from dual"]),
        ("select 1 from dual", ["select 1 from dual"]),
        ("select ';' from dual; select 2 from dual;", ["select ';' from dual", "select 2 from dual"]),
        ("select q'[it's;]' from dual; commit", ["select q'[it's;]' from dual", "commit"]),
        ("select 4\n/\n2 from dual", ["select 4", "2 from dual"]),
        ("select 4 / 2 from dual", ["select 4 / 2 from dual"]),
        (f"{BLOCK}\n/\nselect 1 from dual\n/\n", [BLOCK, "select 1 from dual"]),
        (f"{TRIGGER}\n/\ncommit", [TRIGGER, "commit"]),
        ("create table t (a number); drop table t", ["create table t (a number)", "drop table t"]),
        ("-- nothing;\nselect 1 from dual /* ; */;;\n", ["select 1 from dual"]),
    ],
)
def test_statements_are_taken_apart_as_sqlplus_does(text: str, expected: list[str]) -> None:
    found = split(text)
    assert [each.text for each in found] == expected
    assert all(text[each.start :].startswith(each.text) for each in found)


@pytest.mark.parametrize("text", ["", " \n", "-- only a comment", ";", "/"])
def test_empty_text_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        split(text)


def test_triggers_have_no_parameters() -> None:
    assert split(TRIGGER)[0].parameters == ()
    assert split("select :a, ':b', :A from dual")[0].parameters == ("a", "A")


@pytest.mark.parametrize(
    ("described", "type_", "native"),
    [
        (Described("c", "DATE"), Type.DATETIME, "DATE"),
        (Described("c", "NUMBER"), Type.DECIMAL, "NUMBER"),
        (Described("c", "NUMBER", precision=None, scale=0), Type.DECIMAL, "NUMBER(*,0)"),
        (Described("c", "NUMBER", precision=10, scale=0), Type.INT, "NUMBER(10)"),
        (Described("c", "NUMBER", precision=38, scale=0), Type.DECIMAL, "NUMBER(38)"),
        (Described("c", "FLOAT", precision=126), Type.DECIMAL, "FLOAT(126)"),
        (Described("c", "BOOLEAN"), Type.BOOL, "BOOLEAN"),
        (Described("c", "JSON"), Type.JSON, "JSON"),
        (Described("c", "NVARCHAR2", char_length=9), Type.TEXT, "NVARCHAR2(9)"),
        (Described("c", "VARCHAR2", 12, 12, "B"), Type.TEXT, "VARCHAR2(12 BYTE)"),
        (Described("c", "LONG RAW"), Type.BYTES, "LONG RAW"),
        (
            Described("c", "TIMESTAMP(6) WITH LOCAL TIME ZONE", scale=6),
            Type.INSTANT,
            "TIMESTAMP(6) WITH LOCAL TIME ZONE",
        ),
        (Described("c", "INTERVAL DAY(2) TO SECOND(6)"), Type.TEXT, "INTERVAL DAY(2) TO SECOND(6)"),
        (Described("c", "XMLTYPE"), Type.TEXT, "XMLTYPE"),
        (Described("c", "DATE", comment="dbfleet:date"), Type.DATE, "DATE"),
        (Described("c", "DATE", comment="dbfleet:nonsense"), Type.DATETIME, "DATE"),
    ],
)
def test_foreign_columns_are_described(described: Described, type_: Type, native: str) -> None:
    column = read(described).column
    assert (column.type, column.native) == (type_, native)


def test_type_without_a_text_is_refused_by_name() -> None:
    with pytest.raises(Unsupported, match="SDO_GEOMETRY"):
        select_expression(read(Described("c", "SDO_GEOMETRY")))


@pytest.mark.parametrize("precision", [39, 65])
def test_more_digits_than_a_number_has_are_a_number_of_any_precision(precision: int) -> None:
    column = Column("n", Type.DECIMAL, precision=precision, scale=2)
    assert made(column, Schema("t", (column,))) == Made('"n" NUMBER', None)
