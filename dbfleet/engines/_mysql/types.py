"""MySQL's and MariaDB's types: what a native type is in the closed set, and which one a column of ours gets.

A column's native type is read as the server spells it (`decimal(12,2) unsigned`): in `describe`, before a write, and
for the columns of a query that come straight from a table. SQLAlchemy writes the DDL. Reading needs no SQLAlchemy,
which would cost a plain query 0.3 seconds.

Text is utf8mb4 with a binary collation without padding: the keys 'a' and 'A', 'é' and 'e', 'a' and 'a ' are different,
as in every other engine. An index entry holds 3072 bytes, which is 768 characters: a text column of a key or a
reference that has no length of its own gets its share of that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from dbfleet.narrow import PADDED, SINGLE, Narrow, by_name, signed, unsigned
from dbfleet.sql.relational import Relational, typed_by_comment
from dbfleet.sql.text import Lexis
from dbfleet.values import Column, Schema, Type

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

KEY_BYTES: Final = 3072
DECIMAL_DIGITS: Final = 65
DECIMAL_SCALE: Final = 30
ROW_BYTES: Final = 60_000
"""Bytes that the texts of a row may have. All columns together may have 65 535, without the ends of long texts."""

_TYPES: Final[Mapping[str, Type]] = {
    **dict.fromkeys(("tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"), Type.INT),
    **dict.fromkeys(("decimal", "numeric"), Type.DECIMAL),
    **dict.fromkeys(("float", "double", "real"), Type.FLOAT),
    **dict.fromkeys(("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set"), Type.TEXT),
    **dict.fromkeys(("binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob"), Type.BYTES),
    "date": Type.DATE,
    "time": Type.TIME,
    "datetime": Type.DATETIME,
    "timestamp": Type.INSTANT,
    "bit": Type.INT,
    "json": Type.JSON,
    "uuid": Type.UUID,
}
GEOMETRIES: Final = frozenset(
    {"geometry", "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon"}
    | {"geometrycollection", "geomcollection"}
)
INTEGERS: Final = frozenset({"tinyint", "smallint", "mediumint", "int", "integer", "bigint", "year"})
BITS: Final[Mapping[str, int]] = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
TEXTS: Final = frozenset({"char", "varchar", "tinytext", "text", "mediumtext", "longtext"})
FLOATS: Final = frozenset({"float", "double", "real"})
WHOLE_CHARSETS: Final = frozenset(
    {"utf8mb4", "utf8mb3", "utf8", "ascii", "latin1", "utf16", "utf16le", "utf32", "ucs2"}
)  # fmt: skip
"""The character sets of which Unicode gives every text back as it was."""
narrow: Final = by_name(
    {
        **{name: signed(bits) for name, bits in BITS.items()},
        **{f"{name} unsigned": unsigned(bits) for name, bits in BITS.items()},
        "year": Narrow(only="0 and the years from 1901 to 2155"),
        "float": SINGLE,
        "char": PADDED,
        "binary": Narrow(only="values of its whole length"),
        **dict.fromkeys(("tinytext", "tinyblob"), Narrow(length=(1 << 8) - 1)),
        **dict.fromkeys(("text", "blob"), Narrow(length=(1 << 16) - 1)),
        **dict.fromkeys(("mediumtext", "mediumblob"), Narrow(length=(1 << 24) - 1)),
        "timestamp": Narrow(only="moments from 1970 to 2038"),
        "json": Narrow(only="numbers that are doubles, in json"),
    }
)
_SIZED: Final = re.compile(r"(\w+)\s*(?:\(([^)]*)\))?")


@dataclass(frozen=True, slots=True)
class Native:
    """A column as the server describes it. `kind` is the first word of its type. It is `generated` where it cannot be
    written; it `counts` where it counts up by itself; it is `touched` where an UPDATE of another column sets it."""

    column: Column
    kind: str
    arguments: str
    generated: bool = False
    counts: bool = False
    touched: bool = False
    expression: str = ""
    collation: str | None = None
    invisible: bool = False
    in_key: bool = False

    @property
    def ends_version(self) -> bool:
        """Whether MariaDB has added it to the unique keys of a system-versioned table, where rows of the past have the
        same keys."""
        return self.expression == "ROW END"

    @property
    def tells_version(self) -> bool:
        """Whether it says when a row's version began, or ended (MariaDB)."""
        return self.expression in ("ROW START", "ROW END")

    @property
    def charset(self) -> str:
        """The character set of its texts; empty where it has none."""
        return (self.collation or "").partition("_")[0]

    @property
    def wide(self) -> bool:
        """An integer that may be beyond 2**63: BIGINT UNSIGNED."""
        return self.kind == "bigint" and self.column.type is Type.DECIMAL


def words(native: str) -> tuple[str, str]:
    """The first word and the sizes of a type: ("decimal", "12,2") of `decimal(12,2) unsigned`."""
    found = _SIZED.match(native.lower())
    return (found[1], (found[2] or "").replace(" ", "")) if found else (native.lower(), "")


def read_type(column: Column, native: str) -> Column:
    """The column with what its native type says."""
    kind, arguments = words(native)
    column = replace(column, native=native)
    type_ = _TYPES.get(kind)
    if type_ is None:
        return replace(column, type=Type.TEXT, note=f"{kind}, as text")
    if kind in ("enum", "set"):
        return replace(column, type=type_, note=f"{kind}, as text")
    numbers = [int(number) for number in arguments.split(",") if number.isdigit()]
    if (kind, arguments) in (("tinyint", "1"), ("bit", "1")) and "unsigned" not in native.lower():
        return replace(column, type=Type.BOOL)
    if kind == "bigint" and "unsigned" in native.lower():
        return replace(column, type=Type.DECIMAL, precision=20, scale=0)  # up to 2**64 - 1
    if kind == "bit":
        # Up to 64 of them: a number without a sign.
        wide = {"type": Type.DECIMAL, "precision": 20, "scale": 0} if arguments == "64" else {"type": Type.INT}
        return replace(column, note="bits, as a number", **wide)
    if type_ is Type.DECIMAL and numbers:
        return replace(column, type=type_, precision=numbers[0], scale=numbers[1] if len(numbers) > 1 else 0)
    if kind in ("char", "varchar", "binary", "varbinary") and numbers:
        return replace(column, type=type_, length=numbers[0])
    if type_ in (Type.TIME, Type.DATETIME, Type.INSTANT):
        digits = numbers[0] if numbers else 0
        # All six digits are "as many as the engine keeps".
        return replace(column, type=type_, fraction_digits=None if digits == 6 else digits)
    return replace(column, type=type_)


def read_native(
    name: str,
    native: str,
    nullable: bool,
    *,
    extra: str,
    comment: str,
    expression: str = "",
    collation: str | None = None,
    in_key: bool = False,
    checked: bool = False,
) -> Native:
    """The column, from what information_schema.columns says of it. `checked`: MariaDB has a check that its text is
    JSON. A column with an expression is computed; EXTRA says GENERATED of an ordinary default too."""
    column = read_type(Column(name, Type.TEXT, nullable), native)
    if checked and column.type is Type.TEXT:
        column = replace(column, type=Type.JSON)
    column = typed_by_comment(column, comment)
    if expression:
        column = replace(column, generated=True)
    said = extra.lower()
    return Native(
        column,
        *words(native),
        generated=bool(expression),
        counts="auto_increment" in said,
        touched="on update" in said,
        expression=expression,
        collation=collation,
        invisible="invisible" in said,
        in_key=in_key,
    )


def kept_beside(comment: str | None) -> Mapping[str, Any]:
    """What a table's comment keeps of its schema: `edge`, `partition`."""
    if not (comment or "").startswith("dbfleet:"):
        return {}
    try:
        found = json.loads((comment or "")[len("dbfleet:") :])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


# --- DDL ------------------------------------------------------------------------------------------------------------

LEXIS: Final = Lexis(
    name_quotes=("`", "`"),
    double_quotes_text=True,
    backslash_escapes=True,
    backticks=True,
    hash_comments=True,
    dashes_need_space=True,
    compound=frozenset({"FUNCTION", "PROCEDURE", "TRIGGER", "EVENT", "PACKAGE"}),
)


def lexis(sql_mode: Iterable[str]) -> Lexis:
    """How statements are spelt under this sql_mode."""
    modes = set(sql_mode)
    return replace(
        LEXIS,
        double_quotes_text="ANSI_QUOTES" not in modes,
        backslash_escapes="NO_BACKSLASH_ESCAPES" not in modes,
    )


def relational(schema: Schema, *, mariadb: bool, native_uuid: bool) -> Relational:
    """How this server's tables carry this schema."""
    dialect = "mariadb" if mariadb else "mysql"
    options = {"engine": "InnoDB", "charset": "utf8mb4", "collate": collation(mariadb=mariadb)}
    return Relational(
        url=f"{dialect}+mysqlconnector://",
        lexis=LEXIS,
        types=lambda: _types(schema, native_uuid=native_uuid),
        read={},
        refine=_refine,
        table_options={f"{dialect}_{name}": value for name, value in options.items()},
    )


def collation(*, mariadb: bool) -> str:
    """The collation by code point, in which trailing spaces count."""
    return "utf8mb4_nopad_bin" if mariadb else "utf8mb4_0900_bin"


def _refine(column: Column, type_: TypeEngine[Any]) -> Column:
    """The column of a SQLAlchemy type, read from the type's text as the server's own types are."""
    return read_type(replace(column, note=None), column.native or "")


def _types(schema: Schema, *, native_uuid: bool) -> Mapping[Type, Callable[[Column, bool], TypeEngine[Any]]]:
    from sqlalchemy import types
    from sqlalchemy.dialects import mysql

    class Uuid(types.UserDefinedType[Any]):
        cache_ok = True

        def get_col_spec(self, **_: Any) -> str:
            return "UUID"

    keyed = {*schema.key, *(name for reference in schema.references for name in reference.columns)}
    share = _key_share(schema, keyed)
    wide = sum((column.length or 0) * (4 if column.type is Type.TEXT else 1) for column in schema.columns) > ROW_BYTES

    def text(column: Column, in_key: bool) -> TypeEngine[Any]:
        if in_key:
            return mysql.VARCHAR(min(column.length or share // 4, share // 4))
        if column.length is None or column.length * 4 > ROW_BYTES or (wide and column.length > 63):
            return mysql.LONGTEXT()
        return mysql.VARCHAR(column.length)

    def data(column: Column, in_key: bool) -> TypeEngine[Any]:
        if in_key:
            return mysql.VARBINARY(min(column.length or share, share))
        if column.length is None or column.length > ROW_BYTES or (wide and column.length > 255):
            return mysql.LONGBLOB()
        return mysql.VARBINARY(column.length)

    def decimal(column: Column, in_key: bool) -> TypeEngine[Any]:
        scale = column.scale or 0
        if column.precision is None:
            return mysql.DECIMAL(DECIMAL_DIGITS, DECIMAL_SCALE if column.scale is None else min(scale, DECIMAL_SCALE))
        if column.precision > DECIMAL_DIGITS or scale > DECIMAL_SCALE or scale < 0:
            return mysql.VARCHAR(share // 4) if in_key else mysql.LONGTEXT()  # as its digits; the comment says so
        return mysql.DECIMAL(column.precision, scale)

    def digits(column: Column) -> int:
        return 6 if column.fraction_digits is None else min(column.fraction_digits, 6)

    return {
        Type.BOOL: lambda column, in_key: mysql.TINYINT(1),
        Type.INT: lambda column, in_key: mysql.BIGINT(),
        Type.DECIMAL: decimal,
        Type.FLOAT: lambda column, in_key: mysql.DOUBLE(),
        Type.TEXT: text,
        Type.BYTES: data,
        Type.DATE: lambda column, in_key: types.DATE(),
        Type.TIME: lambda column, in_key: mysql.TIME(fsp=digits(column)),
        Type.DATETIME: lambda column, in_key: mysql.DATETIME(fsp=digits(column)),
        # TIMESTAMP ends in 2038 (MariaDB: 2106) and begins in 1970.
        Type.INSTANT: lambda column, in_key: mysql.DATETIME(fsp=digits(column)),
        Type.UUID: lambda column, in_key: (
            Uuid() if native_uuid else mysql.CHAR(36, charset="ascii", collation="ascii_bin")
        ),
        Type.JSON: lambda column, in_key: mysql.JSON(),
    }


def _key_share(schema: Schema, keyed: set[str]) -> int:
    """The bytes of an index entry that each text or bytes column without a length may take."""
    shares = []
    for names in (schema.key, *(reference.columns for reference in schema.references)):
        columns = [schema.column(name) for name in names]
        open_ended = [column for column in columns if column.type in (Type.TEXT, Type.BYTES) and column.length is None]
        taken = sum(_index_bytes(column) for column in columns if column not in open_ended)
        if open_ended:
            shares.append(max(4, (KEY_BYTES - taken) // len(open_ended)))
    return min([*shares, KEY_BYTES])


def _index_bytes(column: Column) -> int:
    if column.type is Type.TEXT:
        return 4 * (column.length or 0)
    if column.type is Type.BYTES:
        return column.length or 0
    return {Type.UUID: 36, Type.DECIMAL: 30}.get(column.type, 8)
