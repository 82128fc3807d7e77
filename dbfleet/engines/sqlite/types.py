"""How SQLite's columns carry the closed set: what they are declared as, what is stored, and names in SQL.

SQLite keeps the declared word as it was written. What the word holds decides the affinity: DECIMAL_TEXT(12,2) is text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from datetime import time as clock_time
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.columns import Convert
from dbfleet.values import VALUE_OF, Column, Type, decimal_text, json_text

DECLARED: Final[Mapping[Type, str]] = {
    Type.BOOL: "BOOLEAN",
    Type.INT: "INTEGER",
    Type.DECIMAL: "DECIMAL_TEXT",
    Type.FLOAT: "DOUBLE",
    Type.TEXT: "TEXT",
    Type.BYTES: "BLOB",
    Type.DATE: "DATE_TEXT",
    Type.TIME: "TIME_TEXT",
    Type.DATETIME: "DATETIME_TEXT",
    Type.INSTANT: "INSTANT_TEXT",
    Type.UUID: "UUID_TEXT",
    Type.JSON: "JSON_TEXT",
}
TYPES: Final = {word: type_ for type_, word in DECLARED.items()}
OURS: Final = {word: type_ for type_, word in DECLARED.items() if word.endswith("_TEXT")}

STORE: Final[Mapping[Type, Convert]] = {
    Type.DECIMAL: decimal_text,
    Type.FLOAT: lambda value: "NaN" if value != value else value,
    Type.DATE: date.isoformat,
    Type.TIME: lambda value: value.isoformat("microseconds"),
    Type.DATETIME: lambda value: value.isoformat("T", "microseconds"),
    Type.INSTANT: lambda value: datetime.isoformat(VALUE_OF[Type.INSTANT](value.isoformat()), "T", "microseconds"),
    Type.UUID: str,
    Type.JSON: json_text,
}
"""What is bound for a value of the types that sqlite3 does not bind as they are."""

_perhaps_half: Final = re.compile(r"\\u[dD][89a-fA-F]").search


def _document(text: str) -> Any:
    value = VALUE_OF[Type.JSON](text)
    if _perhaps_half(text):
        json_text(value).encode()  # half of a surrogate pair raises UnicodeEncodeError, which is a ValueError
    return value


FETCH: Final[Mapping[Type, Convert]] = {
    Type.BOOL: {0: False, 1: True}.__getitem__,
    Type.DECIMAL: Decimal,
    Type.FLOAT: float,
    Type.DATE: date.fromisoformat,
    Type.TIME: clock_time.fromisoformat,
    Type.DATETIME: datetime.fromisoformat,
    Type.INSTANT: datetime.fromisoformat,
    Type.UUID: UUID,
    Type.JSON: _document,
}
"""What makes the value of a stored one, by type. Instants are stored with +00:00, which reads back as UTC."""


def quote(name: str) -> str:
    """The name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def quoted(names: Iterable[str]) -> str:
    """The names in SQL, with commas."""
    return ", ".join(map(quote, names))


def declare(column: Column) -> str:
    """The declared type of the column in a table of ours."""
    word = DECLARED[column.type]
    if column.type is Type.DECIMAL and column.precision is not None:
        return f"{word}({column.precision},{column.scale or 0})"
    if column.type in (Type.TEXT, Type.BYTES) and column.length is not None:
        return f"{word}({column.length})"
    if column.fraction_digits is not None:
        return f"{word}({column.fraction_digits})"
    return word


def parse_declared(declared: str) -> tuple[str, list[int]]:
    """The word and the numbers of `DECIMAL_TEXT(12,2)`."""
    word, _, rest = declared.partition("(")
    return word.strip().upper(), [int(number) for number in re.findall(r"\d+", rest)]


def affinity(word: str) -> Type:
    """The type by SQLite's own rule (datatype3.html, 3.1), for a column without values."""
    if "INT" in word:
        return Type.INT
    if any(part in word for part in ("CHAR", "CLOB", "TEXT")):
        return Type.TEXT
    if "BLOB" in word or not word:
        return Type.BYTES
    if any(part in word for part in ("REAL", "FLOA", "DOUB")):
        return Type.FLOAT
    return Type.TEXT if "DATE" in word or "TIME" in word else Type.DECIMAL
