"""Which type of Oracle carries a column, how it is read back, and what the types of the dictionary are to us.

Where the type that is read back would not be the one that was given, the column's comment keeps it: `dbfleet:uuid`.
Lengths are those of MAX_STRING_SIZE=STANDARD, which every database has: 4000 bytes of text, 2000 of RAW.

    bool NUMBER(1) · int NUMBER(19) · decimal NUMBER(p,s) or NUMBER · float BINARY_DOUBLE · date DATE
    text VARCHAR2(n CHAR) up to 1000 characters (four bytes each fit), else CLOB · bytes RAW(n) or BLOB
    time VARCHAR2(15) · datetime TIMESTAMP(6) · instant TIMESTAMP(6) WITH TIME ZONE, in a key TIMESTAMP(6) in UTC, as a
    zone may not be in one (ORA-02329) · uuid VARCHAR2(36) · json CLOB with CHECK (… IS JSON)

A json document in a CLOB keeps its digits, and SQL's dot notation works on it. BOOLEAN and JSON of 23ai are read but
not made: older servers do not have them, and the JSON type keeps numbers as NUMBER, of 40 digits and below 1e126.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from dbfleet.engines.oracle.text import LEXIS
from dbfleet.errors import Unsupported
from dbfleet.narrow import BLANK, SINGLE, Narrow, by_name
from dbfleet.sql.relational import type_comment, typed_by_comment
from dbfleet.values import Column, Schema, Type

NAME_BYTES: Final = 128
VARCHAR_BYTES: Final = 4000
RAW_BYTES: Final = 2000
DIGITS: Final = 38
_KEY_BYTES: Final = 6000  # of an index entry; 6398 in blocks of 8 kB, less what each column costs


@dataclass(frozen=True, slots=True)
class Native:
    """A column of a table as the dictionary describes it, and what it is to us. `bare` is the same without what its
    comment keeps. As it is natively (`own`) it may be read and written by an expression (`reads`, of its name, and
    `writes`, of as many binds as `binds` make of a value)."""

    column: Column
    data_type: str  # without sizes: "TIMESTAMP WITH TIME ZONE"
    chars: int  # of a VARCHAR2
    generated: bool  # by an expression: never written
    always: bool = False  # an identity that takes no row's value
    invisible: bool = False  # to who does not name it
    bare: Column | None = None
    own: bool = False
    reads: str = ""
    writes: str = "{}"
    binds: tuple[Callable[[str], str], ...] = ()

    @property
    def name(self) -> str:
        """The column's name."""
        return self.column.name

    @property
    def is_lob(self) -> bool:
        """Whether it is a large object."""
        return self.data_type in LOBS


LOBS: Final = frozenset({"CLOB", "NCLOB", "BLOB", "LONG", "LONG RAW"})
EMPTY: Final = {"CLOB": "EMPTY_CLOB()", "NCLOB": "EMPTY_CLOB()", "BLOB": "EMPTY_BLOB()"}
"""The types with an empty value that is not NULL, and how it is written."""
SIZES: Final = re.compile(r"\(\d+\)")


@dataclass(frozen=True, slots=True)
class Described:
    """A row of the dictionary's columns."""

    name: str
    data_type: str
    data_length: int = 0
    char_length: int = 0
    char_used: str | None = None
    precision: int | None = None
    scale: int | None = None
    nullable: str = "Y"
    virtual: str = "NO"
    comment: str | None = None
    hidden: str = "NO"
    expression: int | None = None  # the length of its default's text, or of the expression that it is
    generation: str | None = None  # of an identity: ALWAYS or BY DEFAULT


def read(given: Described) -> Native:
    """What the dictionary's column is to us."""
    plain = SIZES.sub("", given.data_type)
    column = _READ.get(plain, _foreign)(given)
    bare = replace(column, nullable=given.nullable == "Y", native=_native(given))
    # The dictionary calls an XMLTYPE virtual too. Only a column with an expression is computed.
    generated = given.virtual == "YES" and given.expression is not None and plain != "XMLTYPE"
    if generated:
        bare = replace(bare, generated=True)
    column = typed_by_comment(bare, given.comment)
    always, invisible = given.generation == "ALWAYS", given.hidden == "YES"
    return Native(column, plain, given.char_length, generated, always, invisible, bare)


def _native(given: Described) -> str:
    match given.data_type:
        case "VARCHAR2" | "CHAR" if given.char_used:
            return f"{given.data_type}({given.char_length} {'CHAR' if given.char_used == 'C' else 'BYTE'})"
        case "NVARCHAR2" | "NCHAR":
            return f"{given.data_type}({given.char_length})"
        case "RAW":
            return f"RAW({given.data_length})"
        case "UROWID" if given.data_length:
            return f"UROWID({given.data_length})"
        case "NUMBER" if given.precision is not None:
            return f"NUMBER({given.precision}{f',{given.scale}' if given.scale else ''})"
        case "NUMBER" if given.scale is not None:
            return f"NUMBER(*,{given.scale})"
        case "FLOAT":
            return f"FLOAT({given.precision})"
    return given.data_type


def _number(given: Described) -> Column:
    if given.precision is None:
        # NUMBER(*,0) is INTEGER: 38 digits.
        return Column(given.name, Type.DECIMAL, precision=None if given.scale is None else DIGITS, scale=given.scale)
    if given.scale == 0 and given.precision <= 19:
        return Column(given.name, Type.INT)
    return Column(given.name, Type.DECIMAL, precision=given.precision, scale=given.scale)


def _text(given: Described) -> Column:
    return Column(given.name, Type.TEXT, length=given.char_length or None)


def _moment(given: Described) -> Column:
    type_ = Type.INSTANT if given.data_type.endswith("ZONE") else Type.DATETIME
    digits = given.scale if given.scale is not None else 6
    note = "digits of a second after the sixth are cut" if digits > 6 else None
    return Column(given.name, type_, fraction_digits=digits if digits < 6 else None, note=note)


def _foreign(given: Described) -> Column:
    return Column(given.name, Type.TEXT, note=f"{given.data_type.lower()}, as text")


_READ: Final[Mapping[str, Callable[[Described], Column]]] = {
    "NUMBER": _number,
    "FLOAT": lambda given: Column(given.name, Type.DECIMAL),
    "BINARY_DOUBLE": lambda given: Column(given.name, Type.FLOAT),
    "BINARY_FLOAT": lambda given: Column(given.name, Type.FLOAT),
    "BOOLEAN": lambda given: Column(given.name, Type.BOOL),
    **dict.fromkeys(("VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR"), _text),
    **dict.fromkeys(("CLOB", "NCLOB", "LONG"), lambda given: Column(given.name, Type.TEXT)),
    "RAW": lambda given: Column(given.name, Type.BYTES, length=given.data_length),
    **dict.fromkeys(("BLOB", "LONG RAW"), lambda given: Column(given.name, Type.BYTES)),
    "DATE": lambda given: Column(given.name, Type.DATETIME, fraction_digits=0),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE"), _moment),
    "JSON": lambda given: Column(given.name, Type.JSON),
}

_BY_NAME: Final = by_name({"binary_float": SINGLE, "char": BLANK, "nchar": BLANK})
_WHOLE_NUMBER: Final = re.compile(r"NUMBER\((\d+)\)").fullmatch


def narrow(native: str) -> Narrow:
    """What a native type holds less than its type of the closed set."""
    if found := _WHOLE_NUMBER(native):
        most: int = 10 ** int(found[1]) - 1
        return Narrow(-most, most)
    return _BY_NAME(native)


_EXPRESSIONS: Final[Mapping[str, str]] = {
    # The driver gives the time in the value's own zone without the zone; with a named zone it gives nothing.
    "TIMESTAMP WITH TIME ZONE": "SYS_EXTRACT_UTC({})",
    "TIMESTAMP WITH LOCAL TIME ZONE": "SYS_EXTRACT_UTC({})",
    "INTERVAL YEAR TO MONTH": "TO_CHAR({})",
    "INTERVAL DAY TO SECOND": "TO_CHAR({})",
    "ROWID": "ROWIDTOCHAR({})",
    "UROWID": "CAST({} AS VARCHAR2(4000))",
    "XMLTYPE": "XMLSERIALIZE(CONTENT {} AS CLOB)",
    "JSON": "JSON_SERIALIZE({} RETURNING CLOB)",
    "VECTOR": "FROM_VECTOR({} RETURNING CLOB)",
}


def select_expression(native: Native) -> str:
    """The expression by which a column is read. Unsupported for a type without a text (BFILE, objects, collections)."""
    name = LEXIS.quote(native.name)
    if native.reads:
        return native.reads.replace("{}", name)
    if native.data_type in _READ and native.data_type not in _EXPRESSIONS:
        return name
    expression = _EXPRESSIONS.get(native.data_type)
    if expression is None:
        raise Unsupported(f"column {native.name} has the type {native.data_type}, which cannot be read as a value")
    return expression.format(name)


def spelled(natives: Sequence[Native], first: int = 1) -> list[str]:
    """The expressions by which these columns are written, their binds numbered from the first."""
    found, number = [], first
    for native in natives:
        text = native.writes
        while "{}" in text:
            text = text.replace("{}", f":{number}", 1)
            number += 1
        found.append(text)
    return found


# --- what we make ---


@dataclass(frozen=True, slots=True)
class Made:
    """A column's definition, and the comment that keeps its type where it needs one."""

    definition: str
    comment: str | None


def made(column: Column, schema: Schema) -> Made:
    """The definition of a column of this schema. A decimal of more digits than a NUMBER has is one without a precision:
    a value that does not fit is refused when it comes."""
    if column.type is Type.DECIMAL and (column.precision or 0) > DIGITS:
        column = replace(column, precision=None, scale=None)
    keyed = {*schema.key, *(name for reference in schema.references for name in reference.columns)}
    described = _DESCRIBED[column.type](column, column.name in keyed, schema)
    back = replace(read(described).column, nullable=column.nullable)
    parts = [LEXIS.quote(column.name), _native(described)]
    if not column.nullable or column.name in schema.key:
        parts.append("NOT NULL")
    if column.type is Type.JSON:
        parts.append(f"CHECK ({LEXIS.quote(column.name)} IS JSON)")
    return Made(" ".join(parts), None if back == column else type_comment(column))


def _made_decimal(column: Column, keyed: bool, schema: Schema) -> Described:
    precision, scale = column.precision, column.scale
    if precision is None and scale is None:
        return Described(column.name, "NUMBER")
    precision = DIGITS if precision is None else precision
    if not 1 <= precision <= DIGITS or not -84 <= (scale or 0) <= 127:
        raise Unsupported(f"column {column.name}: Oracle's NUMBER has at most {DIGITS} digits, not {precision}")
    return Described(column.name, "NUMBER", precision=precision, scale=scale or 0)


def _made_text(column: Column, keyed: bool, schema: Schema) -> Described:
    if column.length is not None and (column.length <= VARCHAR_BYTES // 4 or keyed):
        return Described(column.name, "VARCHAR2", char_length=min(column.length, VARCHAR_BYTES), char_used="C")
    if keyed:
        return Described(column.name, "VARCHAR2", char_length=_share(schema, VARCHAR_BYTES), char_used="B")
    return Described(column.name, "CLOB")


def _made_bytes(column: Column, keyed: bool, schema: Schema) -> Described:
    if column.length is not None and (column.length <= RAW_BYTES or keyed):
        return Described(column.name, "RAW", data_length=min(column.length, RAW_BYTES))
    if keyed:
        return Described(column.name, "RAW", data_length=_share(schema, RAW_BYTES))
    return Described(column.name, "BLOB")


def _share(schema: Schema, most: int) -> int:
    """The bytes of a key's column without a declared length: so many that the key fits into an index entry."""
    columns = [schema.column(name) for name in schema.key]
    open_ended = [each for each in columns if each.type in (Type.TEXT, Type.BYTES) and each.length is None]
    return min(most, _KEY_BYTES // max(1, len(open_ended)))


def _made_moment(column: Column, keyed: bool, schema: Schema) -> Described:
    digits = min(6, 6 if column.fraction_digits is None else column.fraction_digits)
    zone = " WITH TIME ZONE" if column.type is Type.INSTANT and not keyed else ""
    return Described(column.name, f"TIMESTAMP({digits}){zone}", scale=digits)


_DESCRIBED: Final[Mapping[Type, Callable[[Column, bool, Schema], Described]]] = {
    Type.BOOL: lambda column, *_: Described(column.name, "NUMBER", precision=1, scale=0),
    Type.INT: lambda column, *_: Described(column.name, "NUMBER", precision=19, scale=0),
    Type.DECIMAL: _made_decimal,
    Type.FLOAT: lambda column, *_: Described(column.name, "BINARY_DOUBLE"),
    Type.TEXT: _made_text,
    Type.BYTES: _made_bytes,
    Type.DATE: lambda column, *_: Described(column.name, "DATE"),
    Type.TIME: lambda column, *_: Described(column.name, "VARCHAR2", char_length=15, char_used="C"),
    Type.DATETIME: _made_moment,
    Type.INSTANT: _made_moment,
    Type.UUID: lambda column, *_: Described(column.name, "VARCHAR2", char_length=36, char_used="C"),
    Type.JSON: lambda column, *_: Described(column.name, "CLOB"),
}
