"""SQL Server's types: how a column is declared, how a declared one is read, and literals.

https://learn.microsoft.com/en-us/sql/t-sql/data-types/data-types-transact-sql

The text of a key is compared by code units (Latin1_General_100_BIN2), all other text as the database does. What the
declared type does not say is kept in the column's extended property `dbfleet`: `json`, `decimal`, `text(5000)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from dbfleet.bounds import fitted
from dbfleet.errors import Unsupported
from dbfleet.narrow import BLANK, FILLED, SINGLE, Narrow, by_name, signed, unsigned
from dbfleet.sql.relational import type_comment, typed_by_comment
from dbfleet.sql.text import Lexis
from dbfleet.values import Column, Type

LEXIS: Final = Lexis(name_quotes=("[", "]"), brackets=True, nested_comments=True)
PROPERTY: Final = "dbfleet"
KEY_COLLATION: Final = "Latin1_General_100_BIN2"
NAME_LENGTH: Final = 128
KEY_BYTES: Final = 900
"""Bytes of a clustered index's key."""
DIGITS: Final = 38
SCALE: Final = 8
"""Digits behind the point of a decimal column without a precision: decimal(38,8)."""

_TIMES: Final = {Type.TIME: "time", Type.DATETIME: "datetime2", Type.INSTANT: "datetimeoffset"}
_PLAIN: Final = {
    Type.BOOL: "bit",
    Type.INT: "bigint",
    Type.FLOAT: "float(53)",
    Type.DATE: "date",
    Type.UUID: "uniqueidentifier",
    Type.JSON: "nvarchar(max)",
}


def _held(column: Column) -> Column:
    """The column as it is made: a decimal of more digits than there are is one of as many as there are, and a value
    that does not fit is refused when it comes."""
    precision, scale = column.precision or 0, column.scale or 0
    if column.type is not Type.DECIMAL or precision <= DIGITS or not 0 <= scale <= precision:
        return column
    precision, scale = fitted(precision, scale, DIGITS)
    return replace(column, precision=precision, scale=scale)


def declare(column: Column, keyed: bool) -> str:
    """The column's type in SQL Server's words. `keyed`: a key or a reference holds it."""
    column = _held(column)
    if column.type in _PLAIN:
        if keyed and column.type is Type.JSON:
            raise Unsupported(f"column {column.name}: SQL Server has no index over JSON, so it cannot be a key")
        return _PLAIN[column.type]
    if column.type in _TIMES:
        digits = 6 if column.fraction_digits is None else min(column.fraction_digits, 7)
        return f"{_TIMES[column.type]}({digits})"
    if column.type is Type.DECIMAL:
        precision, scale = (DIGITS, SCALE) if column.precision is None else (column.precision, column.scale or 0)
        if not 1 <= precision <= DIGITS or not 0 <= scale <= precision:
            raise Unsupported(
                f"column {column.name}: SQL Server has no decimal({precision},{scale}), it has {DIGITS} digits at most"
            )
        return f"decimal({precision},{scale})"
    if column.type is Type.BYTES:
        return f"varbinary({_size(column, keyed, 8000, KEY_BYTES)})"
    collate = f" COLLATE {KEY_COLLATION}" if keyed else ""
    return f"nvarchar({_size(column, keyed, 4000, KEY_BYTES // 2)}){collate}"


def _size(column: Column, keyed: bool, most: int, most_of_key: int) -> str:
    if keyed:
        return str(min(column.length or most_of_key, most))
    return str(column.length) if column.length and column.length <= most else "max"


def kept_beside(column: Column, read: Column) -> str | None:
    """What the extended property must say for the column that was read to become the given one again."""
    column = _held(column)
    same = replace(read, nullable=column.nullable, native=None, note=None)
    return None if same == replace(column, native=None, note=None) else type_comment(column).partition(":")[2]


@dataclass(frozen=True, slots=True)
class Forms:
    """How values go as they are between two servers: the expression that gives one, as what OPENJSON reads it, and the
    expression that makes the column's value of that."""

    select: str
    json_type: str
    from_json: str = "{}"


@dataclass(frozen=True, slots=True)
class Native:
    """A column as the server has it: what it is to us, the word of its type ("nvarchar"), the whole type
    ("nvarchar(20)") and its collation. An `identity` column has values of its own unless told otherwise. A `computed`
    one always has: by an expression, a row's version, the bound of a period, or the set of the sparse columns. `forms`
    are those of a value that goes as it is (the ability Native)."""

    column: Column
    word: str
    native: str
    collation: str | None = None
    identity: bool = False
    computed: bool = False
    scale: int = 0
    forms: Forms | None = None

    @property
    def select(self) -> str:
        """The expression of the column's value, in a form that pymssql can carry."""
        name = LEXIS.quote(self.column.name)
        return (self.forms.select if self.forms else _SELECT.get(self.word, "{}")).format(name)

    @property
    def json_type(self) -> str:
        """The type that OPENJSON reads the value as, which loses nothing on the way to the column."""
        return self.forms.json_type if self.forms else _JSON_TYPE.get(self.word, self.native)

    @property
    def from_json(self) -> str:
        """The expression that makes the column's value of one of `json_type`."""
        return self.forms.from_json if self.forms else _FROM_JSON.get(self.word, "{}")


_TYPE_OF: Final[Mapping[str, Type]] = {
    "bit": Type.BOOL,
    **dict.fromkeys(("tinyint", "smallint", "int", "bigint"), Type.INT),
    **dict.fromkeys(("decimal", "numeric", "money", "smallmoney"), Type.DECIMAL),
    **dict.fromkeys(("float", "real"), Type.FLOAT),
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar", "text", "ntext"), Type.TEXT),
    **dict.fromkeys(("binary", "varbinary", "image", "timestamp"), Type.BYTES),
    "date": Type.DATE,
    "time": Type.TIME,
    **dict.fromkeys(("datetime", "datetime2", "smalldatetime"), Type.DATETIME),
    "datetimeoffset": Type.INSTANT,
    "uniqueidentifier": Type.UUID,
    "json": Type.JSON,
}
narrow: Final = by_name(
    {
        "tinyint": unsigned(8),
        "smallint": signed(16),
        "int": signed(32),
        "real": SINGLE,
        "char": BLANK,
        "nchar": BLANK,
        "binary": FILLED,
        "datetime": Narrow(rounds="in steps of 1/300 second"),
        "smalldatetime": Narrow(rounds="to the minute"),
    }
)
_SELECT: Final = {
    # FreeTDS would guess the code page of text that is not Unicode.
    **dict.fromkeys(("char", "varchar", "text", "ntext", "xml", "json", "vector"), "CONVERT(nvarchar(max), {})"),
    "sql_variant": "CONVERT(nvarchar(4000), {})",  # the driver knows none of its types
    "hierarchyid": "{}.ToString()",
    **dict.fromkeys(("geography", "geometry"), "{}.STAsText()"),
    "timestamp": "CONVERT(varbinary(8), {})",
    "image": "CONVERT(varbinary(max), {})",
}
_LONG_TEXT: Final = "nvarchar(max)"
_JSON_TYPE: Final = {
    **dict.fromkeys(("char", "varchar", "nchar", "nvarchar", "text", "ntext", "xml", "json", "vector"), _LONG_TEXT),
    **dict.fromkeys(("binary", "varbinary", "image", "hierarchyid", "geography", "geometry"), _LONG_TEXT),
    "sql_variant": "nvarchar(4000)",
    **dict.fromkeys(("datetime", "smalldatetime"), "datetime2(6)"),
    "float": "float(53)",
}
_FROM_JSON: Final = {
    **dict.fromkeys(("binary", "varbinary", "image"), "CONVERT(varbinary(max), {}, 2)"),
    "hierarchyid": "hierarchyid::Parse({})",
    "geography": "geography::STGeomFromText({}, 4326)",
    "geometry": "geometry::STGeomFromText({}, 0)",
}
_NOTES: Final = {
    "timestamp": "rowversion, as bytes",
    "geography": "geography, as WKT text",
    "geometry": "geometry, as WKT text",
    "datetime": "in steps of 1/300 second",
}


def read_native(
    name: str,
    word: str,
    length: int,
    precision: int,
    scale: int,
    nullable: bool,
    *,
    collation: str | None = None,
    identity: bool = False,
    computed: bool = False,
    beside: str | None = None,
) -> Native:
    """A column of sys.columns: `length` counts bytes, -1 is max; `beside` is its extended property."""
    type_ = _TYPE_OF.get(word)
    native = word
    sizes: dict[str, Any] = {}
    note = _NOTES.get(word) or (f"{word}, as text" if type_ is None else None)
    if word in ("decimal", "numeric"):
        native, sizes = f"{word}({precision},{scale})", {"precision": precision, "scale": scale}
    elif word in ("money", "smallmoney"):
        sizes = {"precision": precision, "scale": 4}
    elif word in ("time", "datetime2", "datetimeoffset"):
        native = f"{word}({scale})"
        if scale < 6:
            sizes = {"fraction_digits": scale}
        elif scale > 6:
            note = "the seventh digit of a second is not read"
    elif word in ("datetime", "smalldatetime"):
        sizes = {"fraction_digits": 3 if word == "datetime" else 0}
    elif word in ("char", "varchar", "nchar", "nvarchar", "binary", "varbinary"):
        count = length // 2 if word[0] == "n" else length
        native = f"{word}({'max' if length < 0 else count})"
        sizes = {"length": count} if length >= 0 else {}
    elif word == "timestamp":
        sizes = {"length": 8}
    computed = computed or word == "timestamp"
    column = Column(name, type_ or Type.TEXT, nullable, native=native, note=note, **sizes)
    if beside:
        column = typed_by_comment(column, f"dbfleet:{beside}")
    if computed:
        column = replace(column, generated=True)
    return Native(column, word, native, collation, identity, computed, scale)


_UNSAFE: Final = re.compile(r"\\\r?\n|\0")


def text_literal(text: str) -> str:
    """The text as a value in a batch.

    Two texts do not survive in quotes. A backslash before a line's end continues the literal on the next line, and is
    lost. At U+0000 the driver ends the batch. Such a text is given as its bytes.
    """
    if _UNSAFE.search(text):
        return f"CONVERT(nvarchar(max), 0x{text.encode('utf-16-le').hex()})"
    return "N'" + text.replace("'", "''") + "'"
