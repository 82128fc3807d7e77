"""From Python's values to text: a column of a batch for LOAD DATA or INSERT, and literals for the rest.

A column whose texts may hold a backslash, a tab or a line's end is looked at once, in one piece; only where one is
found are its values escaped one by one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date, datetime
from datetime import time as clock_time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.errors import ConstraintViolated
from dbfleet.values import Batch, Column, Type, decimal_text, json_text

Texts = Sequence[str | None]
Write = Callable[[Sequence[Any]], Texts]


def _write(convert: Callable[[Any], str]) -> Write:
    """A writer that converts every value; `convert` raises TypeError or AttributeError for None."""

    def write(values: Sequence[Any]) -> Texts:
        try:
            return list(map(convert, values))
        except (TypeError, AttributeError):
            return [None if value is None else convert(value) for value in values]

    return write


_BOOLS: Final = {True: "1", False: "0", None: None}


def _text(value: str) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _decimals(values: Sequence[Any]) -> Texts:
    found = [None if value is None else str(value) for value in values]
    # An exponent, NaN and infinities are rare; decimal_text takes three times as long as str.
    if any(text is not None and ("E" in text or not text[-1].isdigit()) for text in found):
        return [None if value is None else decimal_text(value) for value in values]
    return found


def _moments(digits: int, zoned: bool) -> Callable[[datetime], str]:
    """Date and time, cut to so many digits of a second: the server would round them."""
    end = 20 + digits if digits else 19

    def convert(value: datetime) -> str:
        if zoned and value.tzinfo is not UTC:
            value = value.astimezone(UTC)
        return value.isoformat(" ", "microseconds")[:end]

    return convert


def _clock(digits: int) -> Callable[[clock_time], str]:
    end = 9 + digits if digits else 8
    return lambda value: value.isoformat("microseconds")[:end]


_LONG_NUMBER: Final = re.compile(r"[\d.]{16}")


def _exact_json(value: Any) -> str:
    """JSON for MySQL's own type, which keeps numbers as doubles or 64-bit integers: another is refused, as it would
    come back as a different one."""
    text = json_text(value)
    if _LONG_NUMBER.search(text):
        json.loads(text, parse_float=_exact_float, parse_int=_exact_int)
    return text


def _exact_float(digits: str) -> float:
    number = float(digits)
    if Decimal(repr(number)) != Decimal(digits):
        raise ConstraintViolated(
            f"MySQL's JSON keeps numbers as doubles, and {digits} is none",
            hint="keep the document as text, or the number as text in it",
        )
    return number


def _exact_int(digits: str) -> int:
    number = int(digits)
    if not -(2**63) <= number < 2**64:
        _exact_float(digits)
    return number


def writer(column: Column, kind: str, arguments: str) -> tuple[Write, bool]:
    """How values of the column become text for a native column of this kind, and whether that text may need escapes.
    NULL stays None; bytes become hexadecimal digits."""
    digits = 6
    if kind in ("time", "datetime", "timestamp"):
        kept = int(arguments or 0)
        digits = kept if column.fraction_digits is None else min(kept, column.fraction_digits)
    match column.type:
        case Type.BOOL:
            return lambda values: list(map(_BOOLS.__getitem__, values)), False
        case Type.INT:
            return _write(int.__repr__), False
        case Type.DECIMAL:
            return _decimals, False
        case Type.FLOAT:
            return _write(lambda value: float.__repr__(float(value))), False
        case Type.BYTES:
            return _write(lambda value: value.hex()), False
        case Type.DATE:
            return _write(date.isoformat), False
        case Type.TIME:
            return _write(_clock(digits)), False
        case Type.DATETIME | Type.INSTANT:
            return _write(_moments(digits, column.type is Type.INSTANT)), False
        case Type.UUID:
            return _write(UUID.__str__), False
        case Type.JSON:
            convert = _exact_json if kind == "json" else json_text
            return lambda values: [None if value is None else convert(value) for value in values], True
        case _:
            return _write(_text), True


def refused(columns: Sequence[Column], writers: Iterable[Write], batch: Batch, exc: Exception) -> ConstraintViolated:
    """The first value that cannot be written, by its column's name."""
    for column, write, values in zip(columns, writers, zip(*batch, strict=True), strict=False):
        for value in values:
            try:
                "".join(text or "" for text in write([value])).encode()
            except Exception as reason:
                what = reason.message if isinstance(reason, ConstraintViolated) else f"{value!r:.60} is no such value"
                return ConstraintViolated(
                    f"column {column.name} ({column.type.value}): {what}", hint=getattr(reason, "hint", None)
                )
    return ConstraintViolated(f"a row cannot be written: {exc}")


def literal(value: Any, type_: Type | None) -> str:
    """The value as a literal of SQL: digits, or quoted digits, or text as hexadecimal digits. Nothing in a value can
    end its literal, whatever the session's sql_mode says of quotes and backslashes."""
    if value is None:
        return "NULL"
    match type_:
        case Type.BOOL:
            return "TRUE" if value else "FALSE"
        case Type.INT:
            return int.__repr__(value)
        case Type.DECIMAL:
            return decimal_text(value) if value.is_finite() else f"'{decimal_text(value)}'"
        case Type.FLOAT:
            text = float.__repr__(value)
            return text if "e" in text else text + "e0" if text[-1].isdigit() else f"'{text}'"
        case Type.BYTES:
            return f"X'{bytes(value).hex()}'"
        case Type.DATE | Type.UUID:
            return f"'{value}'"
        case Type.TIME:
            return f"'{value.isoformat()}'"
        case Type.DATETIME | Type.INSTANT:
            return f"'{_moments(6, type_ is Type.INSTANT)(value)}'"
    text = json_text(value) if type_ is Type.JSON else str(value)
    return f"_utf8mb4 X'{text.encode().hex()}'"
