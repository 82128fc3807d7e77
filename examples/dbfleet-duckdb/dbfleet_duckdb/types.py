"""How DuckDB's columns carry the closed set: what is declared, read and bound, and literals.

A value is read in the form that loses nothing. The driver makes a date of 9999 of infinity, 32 days of an interval of a
month and two days, and cuts nanoseconds: such types are read as DuckDB's own text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from dbfleet.columns import Convert, unrounded
from dbfleet.native import BEYOND
from dbfleet.sql.dialect import Carried, Dialect
from dbfleet.sql.relational import type_comment, typed_by_comment
from dbfleet.sql.text import Lexis, text_literal
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Type, decimal_text
from dbfleet_duckdb.connect import translate

LEXIS: Final = Lexis(escape_strings=True, dollar_quotes=True, colons_behind_words=True, compound=frozenset())
quote: Final = LEXIS.quote
DIGITS: Final = 38
"""Of a DECIMAL at most."""


def _time(text: str) -> time:
    if text.startswith("24"):  # newer Pythons make 00:00 of it
        raise ValueError(text)
    return time.fromisoformat(text)


@dataclass(frozen=True, slots=True)
class Kind:
    """How a type of DuckDB's is carried: as which type of the closed set, by which SQL it is read (`{c}` is the
    column), and what makes a value of what the driver then gives. A list of values is bound as an `array`, each as
    `bind` makes it, and goes through `cast` to the column's own type. `digits` are those of a second."""

    type: Type
    read: str = "{c}"
    fetch: Convert | None = None
    array: str = "VARCHAR"
    bind: Convert | None = None
    cast: str = ""
    digits: int | None = None
    precision: int | None = None
    note: str | None = None


_TEXT: Final = "{c}::VARCHAR"
_WHOLE: Final = Kind(Type.DECIMAL, _TEXT, Decimal, bind=decimal_text, precision=39)
_DATETIME: Final = Kind(Type.DATETIME, _TEXT, datetime.fromisoformat, "TIMESTAMP")
_JSON: Final = Kind(Type.JSON, _TEXT, VALUE_OF[Type.JSON], bind=TEXT_OF[Type.JSON])
_INTEGERS: Final = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER")
_WORDS: Final = ("INTERVAL", "BIT", "ENUM", "TIME WITH TIME ZONE", "TIME_NS", "TIMESTAMP_NS", "GEOMETRY")
KINDS: Final[Mapping[str, Kind]] = {
    "BOOLEAN": Kind(Type.BOOL, array="BOOLEAN"),
    **dict.fromkeys(_INTEGERS, Kind(Type.INT, array="HUGEINT")),
    "UBIGINT": replace(_WHOLE, precision=20),
    **dict.fromkeys(("HUGEINT", "UHUGEINT"), _WHOLE),
    "DECIMAL": Kind(Type.DECIMAL, bind=decimal_text),
    "FLOAT": Kind(Type.FLOAT, _TEXT, float, "DOUBLE"),  # its own shortest text: 0.1, not the double next to it
    "DOUBLE": Kind(Type.FLOAT, array="DOUBLE"),
    "VARCHAR": Kind(Type.TEXT),
    "BLOB": Kind(Type.BYTES, array="BLOB"),
    "DATE": Kind(Type.DATE, _TEXT, date.fromisoformat, "DATE"),
    "TIME": Kind(Type.TIME, _TEXT, _time, "TIME"),
    "TIMESTAMP": _DATETIME,
    "TIMESTAMP_S": replace(_DATETIME, digits=0),
    "TIMESTAMP_MS": replace(_DATETIME, digits=3),
    "TIMESTAMP WITH TIME ZONE": Kind(Type.INSTANT, _TEXT, VALUE_OF[Type.INSTANT], "TIMESTAMPTZ"),
    "UUID": Kind(Type.UUID, bind=str),
    "JSON": _JSON,
    **{word: Kind(Type.TEXT, _TEXT, note=f"{word.lower()}, as text") for word in _WORDS},
}
_NESTED: Final = ("STRUCT", "MAP", "UNION", "TUPLE", "VARIANT")
DECLARED: Final[Mapping[Type, str]] = {
    Type.BOOL: "BOOLEAN", Type.INT: "BIGINT", Type.FLOAT: "DOUBLE", Type.TEXT: "VARCHAR", Type.BYTES: "BLOB",
    Type.DATE: "DATE", Type.TIME: "TIME", Type.DATETIME: "TIMESTAMP", Type.INSTANT: "TIMESTAMP WITH TIME ZONE",
    Type.UUID: "UUID", Type.JSON: "JSON", Type.DECIMAL: "VARCHAR",
}  # fmt: skip


def kind_of(native: str) -> Kind:
    """How the type is carried that DuckDB calls so: DECIMAL(12,2), ENUM('a', 'b'), STRUCT(a INTEGER)[]."""
    base = native.partition("(")[0]
    if native.endswith("]") or base in _NESTED:
        return replace(_JSON, read="to_json({c})::VARCHAR", cast="::JSON", note=f"{native.lower()}, as json")
    return KINDS.get(base) or Kind(Type.TEXT, _TEXT, note=f"{native.lower()}, as text")


def described(name: str, native: str, nullable: bool = True, comment: str | None = None) -> Column:
    """The column as the catalogue tells it, and our own comment."""
    kind = kind_of(native)
    numbers = native[8:-1].split(",") if native.startswith("DECIMAL(") else [kind.precision or "", "0"]
    precision, scale = (int(number) if numbers[0] else None for number in numbers)
    column = Column(name, kind.type, nullable, precision, scale, None, kind.digits, native, kind.note)
    return typed_by_comment(column, comment)


def keeps_native(column: Column) -> bool:
    """Whether a table of ours has the column's own type of DuckDB's: what is carried in another one's form, and whole
    numbers beyond BIGINT. Other engines have types of the same names, in other letters or carried otherwise."""
    if column.native is None:
        return False
    kind = kind_of(column.native)
    known = column.native.partition("(")[0] in KINDS or kind.type is Type.JSON
    as_ours = column.type is kind.type and column.note == kind.note and (kind.note or kind.precision) is not None
    return known and (as_ours or (column.type is Type.TEXT and (column.note or "").endswith(BEYOND)))


def declare(column: Column) -> str:
    """The type that a column is made with. A decimal of more digits than DuckDB has, or of as many as there are, is
    text."""
    if keeps_native(column):
        return str(column.native)
    if column.type is Type.DECIMAL and column.precision is not None:
        precision, scale = column.precision, column.scale or 0
        return f"DECIMAL({precision},{scale})" if 0 <= scale <= precision <= DIGITS else "VARCHAR"
    return DECLARED[column.type]


def comment(column: Column) -> str | None:
    """What is kept beside the column; None where it is described as it is."""
    made = described(column.name, declare(column), column.nullable)
    return None if keeps_native(column) or made == column else type_comment(column)


def carried(column: Column, native: str) -> Carried:
    """How a column is read and bound. Its comment, or its values, may say that it is something else than its type is:
    then it is read and bound as text."""
    kind = kind_of(native)
    if kind.type is not column.type:
        fetch = None if column.type is Type.TEXT else VALUE_OF[column.type]
        kind = Kind(column.type, _TEXT, fetch, bind=TEXT_OF[column.type])
    bind = unrounded(column) if native.startswith("DECIMAL") else kind.bind
    return Carried(kind.read, kind.fetch, f"{{v}}{kind.cast}::{native}", bind, kind.array)


def literal(column: Column, native: str, value: Any) -> str:
    """A value as SQL."""
    text = "".join(f"\\x{byte:02X}" for byte in value) if isinstance(value, bytes) else TEXT_OF[column.type](value)
    return f"{text_literal(text)}{kind_of(native).cast}::{native}"


DIALECT: Final = Dialect(
    lexis=LEXIS,
    declare=declare,
    carried=carried,
    literal=literal,
    translate=translate,
    placeholder="${}".format,
    numbered=True,
    interrupt=lambda cursor: cursor.interrupt(),
)
