"""A column of the wire's texts is read in one piece; the plain definition is one value at a time."""

from __future__ import annotations

from typing import Any

import pytest

from dbfleet.engines._mysql.values import reader
from dbfleet.engines._mysql.wire import Field
from dbfleet.values import Type

FIELD = Field("d", "t", "c", "c", 45, 253, 0, 0)

TEXTS: dict[Type, list[bytes | None]] = {
    Type.BOOL: [b"0", b"1"],
    Type.INT: [b"0", b"-9223372036854775808", b"18446744073709551615", b"007"],
    Type.DECIMAL: [b"0.00", b"-12345678901234567890.123456789", b"7"],
    Type.FLOAT: [b"0.1", b"-0", b"1.7976931348623157e308", b"5e-324"],
    Type.TEXT: ["é\0".encode(), b"", "😀".encode(), b"a"],
    Type.BYTES: [b"\0\xff", b""],
    Type.DATE: [b"0001-01-01", b"9999-12-31"],
    Type.TIME: [b"00:00:00", b"23:59:59.999999"],
    Type.DATETIME: [b"2024-02-29 23:59:59.000001", b"2024-02-29 00:00:00"],
    Type.INSTANT: [b"2024-02-29 23:59:59.000001", b"1000-01-01 00:00:00"],
    Type.UUID: [b"00000000-0000-0000-0000-000000000000", b"ffffffff-ffff-4fff-bfff-ffffffffffff"],
    Type.JSON: [b"null", b'{"a": [1, 2.50, "x"]}'],
}


def exactly(values: Any) -> list[tuple[type, str]]:
    return [(type(value), repr(value)) for value in values]


@pytest.mark.parametrize("type_", Type)
def test_column_is_read_as_its_values_one_by_one(type_: Type) -> None:
    read, given = reader(type_, FIELD), TEXTS[type_]
    for column in ([], [None], given, [None, *given], [*given, None, None], [None, *given, None, *given]):
        assert exactly(read(column)) == exactly(read([value])[0] for value in column)


@pytest.mark.parametrize("text", [b"", b"x", b"2024-02-30", b"1\0", b"\xff"])
@pytest.mark.parametrize("type_", [Type.INT, Type.DECIMAL, Type.FLOAT, Type.DATE, Type.TIME, Type.INSTANT, Type.UUID])
def test_text_that_is_no_value_is_refused_among_others_and_nulls(type_: Type, text: bytes) -> None:
    read, good = reader(type_, FIELD), TEXTS[type_]
    for column in ([text], [*good, text], [None, *good, text], [text, None]):
        with pytest.raises((ValueError, ArithmeticError)):
            read(column)
