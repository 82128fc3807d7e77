"""Values of each type in which engines differ, and which of them an engine's declared limits allow."""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.spec import EngineSpec, Fidelity
from dbfleet.values import JSON_NULL, Column, Row, Schema, Type

VALUES: Final[Mapping[Type, tuple[Any, ...]]] = {
    Type.BOOL: (True, False),
    Type.INT: (0, 1, -1, 2**31, -(2**31) - 1, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63)),
    Type.DECIMAL: (
        Decimal("0"),
        Decimal("1.10"),
        Decimal("-0.01"),
        Decimal("0.1"),
        Decimal("12345678901234567890.12345678"),  # 28 digits
        Decimal("-12345678901234567890123.45678901234"),  # 34 digits: Decimal128's
        Decimal("123456789012345678901234567890.12345678"),  # 38 digits: SQL's usual most
        Decimal("1E+5"),
    ),
    Type.FLOAT: (
        0.0,
        -0.0,
        1.0,
        0.1,
        1 / 3,
        -2.5e-300,
        1.7976931348623157e308,
        5e-324,
        2.0**53 + 2,
        7.101391649994914e16,  # its shortest text is exactly between two floats
        math.nan,
        math.inf,
        -math.inf,
    ),
    Type.TEXT: (
        "",
        " ",
        "plain",
        "trailing  ",
        "NULL",
        "\\N",
        'it\'s "quoted" \\ and \\n',
        "tab\tnew\nline\rreturn",
        "é è ü ß ñ",
        "日本語 العربية עברית",
        "emoji 😀👩‍👩‍👧‍👦",
        "e\u0301",  # two code points, not é
        "\u200b\ufeff",
        "[/nope] [bold]",
        "a\0b",
        "0.10",
        "x" * 4000,
    ),
    Type.BYTES: (b"", b"\0", b"\xff\xfe\0\x01", bytes(range(256)), b"'\\\"\n", b"x" * 5000),
    Type.DATE: (date(2024, 2, 29), date(1, 1, 1), date(9999, 12, 31), date(1582, 10, 10), date(1969, 12, 31)),
    Type.TIME: (time(0, 0), time(23, 59, 59, 999999), time(13, 5, 0, 250000), time(0, 0, 0, 1)),
    Type.DATETIME: (
        datetime(2024, 2, 29, 13, 5),
        datetime(2024, 1, 1, 0, 0, 0, 999999),
        datetime(1, 1, 1),
        datetime(9999, 12, 31, 23, 59, 59, 999999),
        datetime(1969, 12, 31, 23, 59, 59, 500001),
        datetime(2024, 3, 31, 2, 30),  # does not exist in Berlin
    ),
    Type.INSTANT: (
        datetime(2024, 2, 29, 13, 5, tzinfo=UTC),
        datetime(2024, 2, 29, 13, 5, 0, 123456, timezone(timedelta(hours=5, minutes=30))),
        datetime(1969, 12, 31, 23, 59, 59, 500001, tzinfo=UTC),
        datetime(1000, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
    ),
    Type.UUID: (
        UUID(int=0),
        UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6"),
        UUID("ffffffff-ffff-4fff-bfff-ffffffffffff"),
    ),
    Type.JSON: (
        {},
        [],
        {"street": "Rue de l'Église", "geo": {"lat": 48.5, "lon": -2.25}, "tags": ["a", "", None, True, 1]},
        [[], {}, [{"deep": [1, 2]}]],
        {"big": 2**53 + 1, "exact": Decimal("1.5"), "neg": -7},
        {"a.b": 1, "$c": 2, "": 3, "é": "😀", 'quote"d': "\\"},
        "text",
        17,
        True,
        JSON_NULL,
    ),
}


def examples(type_: Type, spec: EngineSpec) -> list[Any]:
    """The values of the type that this engine declares that it keeps, exactly or rounded."""
    limits = spec.limits
    if spec.fidelity(type_) is Fidelity.REFUSED:
        return []
    kept = []
    for value in VALUES[type_]:
        if type_ is Type.FLOAT and limits.finite_floats and not math.isfinite(value):
            continue
        if type_ is Type.FLOAT and not limits.subnormal_floats and 0 < abs(value) < sys.float_info.min:
            continue
        if type_ is Type.TEXT and not limits.nul_in_text and "\0" in value:
            continue
        if type_ is Type.TEXT and limits.text_length is not None and len(value) > limits.text_length:
            continue
        if type_ is Type.INT and limits.int_bits is not None and value.bit_length() >= limits.int_bits and value > 0:
            continue
        if (
            type_ is Type.DECIMAL
            and spec.fidelity(type_) is not Fidelity.ROUNDED
            and _digits(value) > (limits.decimal_digits or math.inf)
        ):
            continue
        if type_ is Type.DECIMAL and -value.as_tuple().exponent > (
            math.inf if limits.decimal_scale is None else limits.decimal_scale
        ):
            continue
        year = getattr(value, "year", None)
        if year is not None and not limits.first_year <= year <= limits.last_year:
            continue
        kept.append(value)
    return kept


def _digits(value: Decimal) -> int:
    digits, exponent = len(value.as_tuple().digits), int(value.as_tuple().exponent)
    return max(digits + max(exponent, 0), -exponent)


def types_of(spec: EngineSpec) -> list[Type]:
    """The types that the engine does not refuse."""
    return [type_ for type_ in Type if spec.fidelity(type_) is not Fidelity.REFUSED]


def wide_schema(name: str, spec: EngineSpec) -> Schema:
    """An int key and one nullable column of each type that the engine keeps."""
    columns = [Column(f"c_{type_.value}", type_) for type_ in types_of(spec)]
    return Schema(name, (Column("id", Type.INT, nullable=False), *columns), ("id",))


def wide_rows(spec: EngineSpec, rows: int) -> list[Row]:
    """Rows of `wide_schema`: every example of every type, in turn, with some NULLs. The first row is all NULL but for
    its key."""
    values = [[None, *examples(type_, spec)] for type_ in types_of(spec)]
    return [(number, *(column[number % len(column)] for column in values)) for number in range(rows)]
