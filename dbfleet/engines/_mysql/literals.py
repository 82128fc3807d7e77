"""Python's values as the server's text: a column of a batch for writing, and literals for all else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.engines._mysql.geometry import geometry_bytes
from dbfleet.engines._mysql.types import GEOMETRIES
from dbfleet.errors import ConstraintViolated
from dbfleet.narrow import single
from dbfleet.values import Batch, Column, Type, decimal_text, json_text

Texts = Sequence[str]
Write = Callable[[Sequence[Any]], Texts]
"""Makes texts of a column's values, none of which is None."""


def _each(convert: Callable[[Any], str]) -> Write:
    return lambda values: list(map(convert, values))


def _texts(values: Sequence[Any]) -> Texts:
    "".join(values)  # raises TypeError for what is no text
    return values


def _decimals(values: Sequence[Any]) -> Texts:
    texts = list(map(str, values))
    # An exponent, NaN and infinities are rare; decimal_text takes three times as long as str.
    joined = "".join(texts)
    return list(map(decimal_text, values)) if "E" in joined or "N" in joined or "I" in joined else texts


class _Days(dict[int, str]):
    """ISO dates by ordinal, made when they are asked for. A batch has few, so a datetime's text takes half the time."""

    def __missing__(self, ordinal: int) -> str:
        if len(self) >= 50_000:
            self.clear()
        text = self[ordinal] = date.fromordinal(ordinal).isoformat()
        return text


_DAYS: Final = _Days()


_TENS: Final = [f"{number:02}" for number in range(60)]


def _moments(digits: int, zoned: bool) -> Write:
    """Dates with times, cut to so many digits of a second, as the server would round them. isoformat takes 2.4 times as
    long."""
    days, tens = _DAYS, _TENS

    def write(values: Sequence[Any]) -> Texts:
        if zoned:
            values = [value if value.tzinfo is UTC else value.astimezone(UTC) for value in values]
        found = [
            f"{days[v.toordinal()]} {tens[v.hour]}:{tens[v.minute]}:{tens[v.second]}.{v.microsecond:06}" for v in values
        ]
        return found if digits == 6 else [text[: 20 + digits if digits else 19] for text in found]

    return write


def _clock(digits: int) -> Write:
    end = 9 + digits if digits else 8
    return lambda values: [value.isoformat("microseconds")[:end] for value in values]


def _years(values: Sequence[Any]) -> Texts:
    # The server makes 1970 to 2069 of 1 to 99, and of a 0 that has not four digits.
    for value in values:
        if value and not 1901 <= value <= 2155:
            raise ConstraintViolated(f"{value} is no year of a YEAR column: 1901 to 2155, or 0")
    return [f"{value:04}" for value in values]


def _singles(values: Sequence[Any]) -> Texts:
    """Numbers; ConstraintViolated for one that a FLOAT would change."""
    found = []
    for value in values:
        kept = value
        if value - value == 0.0:  # NaN and infinities the server refuses itself
            try:
                kept = single(value)
            except OverflowError:
                kept = None
        if kept != value:
            raise ConstraintViolated(
                f"{value!r} has more digits, or is larger, than a FLOAT of 32 bits keeps",
                hint="make the column DOUBLE, or round the values",
            )
        # The shortest text of the greatest number is a little greater than it.
        found.append(float.__repr__(max(-_MOST, min(float(value), _MOST)) if abs(value) < _BEYOND else float(value)))
    return found


_MOST: Final = 3.4028234663852886e38
_BEYOND: Final = 3.41e38


def _trimmed(values: Sequence[Any]) -> Texts:
    """Texts; ConstraintViolated for one with blanks at its end, which a CHAR drops without a warning."""
    for value in values:
        if value.endswith(" "):
            raise ConstraintViolated(
                f"{value!r:.60} ends in a blank, which a CHAR column drops", hint="make the column VARCHAR"
            )
    return _texts(values)


def _filled(length: int) -> Write:
    def write(values: Sequence[Any]) -> Texts:
        """Bytes; ConstraintViolated for short ones, which a BINARY fills with zeros without a warning."""
        for value in values:
            if len(value) < length:
                raise ConstraintViolated(
                    f"{len(value)} bytes, which a BINARY({length}) column fills with zeros",
                    hint="make the column VARBINARY",
                )
        return [value.hex() for value in values]

    return write


_LONG_NUMBER: Final = re.compile(r"[\d.]{16}")


def _exact_json(value: Any) -> str:
    """JSON for MySQL's own type, which keeps numbers as doubles or 64-bit integers. ConstraintViolated for another
    number, which would come back as a different one."""
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
    """What makes texts of the column's values for a native column of this kind, and whether these may need escapes.
    Bytes become hexadecimal digits."""
    if kind in GEOMETRIES and column.type is Type.TEXT:
        return _each(lambda value: geometry_bytes(value).hex()), False
    digits = 6
    if kind in ("time", "datetime", "timestamp"):
        kept = int(arguments or 0)
        digits = kept if column.fraction_digits is None else min(kept, column.fraction_digits)
    match column.type:
        case Type.BOOL:
            return _each(_BOOLS.__getitem__), False
        case Type.INT:
            return _years if kind == "year" else _each(int.__repr__), False
        case Type.DECIMAL:
            return _decimals, False
        case Type.FLOAT:
            return _singles if kind == "float" else _each(lambda value: float.__repr__(float(value))), False
        case Type.BYTES:
            return _filled(int(arguments or 1)) if kind == "binary" else _each(lambda value: value.hex()), False
        case Type.DATE:
            return _each(date.isoformat), False
        case Type.TIME:
            return _clock(digits), False
        case Type.DATETIME | Type.INSTANT:
            return _moments(digits, column.type is Type.INSTANT), False
        case Type.UUID:
            return _each(UUID.__str__), False
        case Type.JSON:
            return _each(_exact_json if kind == "json" else json_text), True
        case _:
            return _trimmed if kind == "char" else _texts, True


_BOOLS: Final = {True: "1", False: "0"}


def refused(columns: Sequence[Column], writers: Iterable[Write], batch: Batch, exc: Exception) -> ConstraintViolated:
    """The error for the first value that cannot be written, by its column's name."""
    for column, write, values in zip(columns, writers, zip(*batch, strict=True), strict=False):
        for value in values:
            try:
                if value is not None:
                    write([value])[0].encode()
            except Exception as reason:
                what = reason.message if isinstance(reason, ConstraintViolated) else f"{value!r:.60} is no such value"
                return ConstraintViolated(
                    f"column {column.name} ({column.type.value}): {what}", hint=getattr(reason, "hint", None)
                )
    return ConstraintViolated(f"a row cannot be written: {exc}")


def spelt(text: str) -> str:
    """The text in quotes where that means the same in every sql_mode, else as hexadecimal digits."""
    if text.isprintable() and "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    return f"_utf8mb4 X'{text.encode().hex()}'"


def literal(value: Any, type_: Type | None) -> str:
    """The value as a literal of SQL: digits, quoted digits, or text as hexadecimal digits. Nothing in a value can end
    its literal, whatever the session's sql_mode says of quotes and backslashes."""
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
            return f"'{_moments(6, type_ is Type.INSTANT)([value])[0]}'"
    text = json_text(value) if type_ is Type.JSON else str(value)
    return f"_utf8mb4 X'{text.encode().hex()}'"
