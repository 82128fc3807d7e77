"""Driver's values for which JSON or Python has no type: any nesting becomes what JSON can hold, and a value without a
JSON form becomes its canonical text. Days outside the years of Python's dates become text."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Set
from dataclasses import replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from dbfleet.values import TEXT_OF, Column, Type, json_text

_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    bytes: TEXT_OF[Type.BYTES],
    bytearray: lambda value: TEXT_OF[Type.BYTES](bytes(value)),
    datetime: lambda value: TEXT_OF[Type.INSTANT if value.tzinfo is not None else Type.DATETIME](value),
    date: TEXT_OF[Type.DATE],
    time: lambda value: TEXT_OF[Type.TIME](value) if value.tzinfo is None else value.isoformat(),
    uuid.UUID: TEXT_OF[Type.UUID],
}
BEYOND: Final = "infinity, 24:00:00 or a year outside 1 to 9999 is among its values"
"""The end of the note of a column that is carried as text because it holds dates or times that Python does not have."""
BOUNDS: Final[Mapping[Type, tuple[str, str]]] = {
    Type.DATE: ("0001-01-01", "9999-12-31"),
    Type.TIME: ("00:00:00", "23:59:59.999999"),
    Type.DATETIME: ("0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"),
    Type.INSTANT: ("0001-01-01 00:00:00+00", "9999-12-31 23:59:59.999999+00"),
}
"""The first and the last value of each type that Python has, as SQL spells them."""
_DAYS_TO_1970: Final = 719_528
"""From the first day of the year 0."""


def json_of(value: Any) -> Any:
    """The value as JSON data: lists, and maps with text keys, at any depth. A set becomes a list, sorted by the text of
    its values."""
    kind = type(value)
    if value is None or kind in (bool, int, str, float, Decimal):
        return value
    if kind in _TEXTS:
        return _TEXTS[kind](value)
    if isinstance(value, Mapping):
        return {_key(key): json_of(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(map(json_of, value), key=json_text)
    if isinstance(value, list | tuple):
        return [json_of(item) for item in value]
    return value


def _key(value: Any) -> str:
    plain = json_of(value)
    return plain if isinstance(plain, str) else json_text(plain)


def beyond(column: Column, native: str | None = None) -> Column:
    """The column of dates or times as one of text: it holds a value outside of BOUNDS. `native` is the name of its type
    in the note, where that is not the column's own."""
    note = f"{native or column.native or column.type}, as text: {BEYOND}"
    return replace(column, type=Type.TEXT, fraction_digits=None, note=note)


def day_text(days: int) -> str:
    """The date that is `days` days after 1970-01-01 (before it, if negative) in the proleptic Gregorian calendar.

    It counts in eras of 400 years, and in years that begin in March
    (http://howardhinnant.github.io/date_algorithms.html).
    """
    era, day = divmod(days + _DAYS_TO_1970 - 60, 146_097)
    year = (day - day // 1460 + day // 36_524 - day // 146_096) // 365
    rest = day - (365 * year + year // 4 - year // 100)
    month = (5 * rest + 2) // 153
    number = rest - (153 * month + 2) // 5 + 1
    month, year = (month + 3, year) if month < 10 else (month - 9, year + 1)
    year += era * 400
    sign = "-" if year < 0 else "+" if year > 9999 else ""
    return f"{sign}{abs(year):04}-{month:02}-{number:02}"
