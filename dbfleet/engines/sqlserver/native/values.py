"""A table's schema by the server's own texts and bytes: each value is what the server gives, and stores again as the
same value.

Columns of which the closed set has every value keep their types: bits, integers, decimals, floats, texts, bytes, dates,
uniqueidentifier, times with six digits of a second at most. money goes as a decimal with its four digits: the driver's
own text of it may have two. datetimeoffset is text, as it has an offset; so are seven digits of a second, and datetime,
in steps of 1/300 second. hierarchyid and the geometries go as their own bytes, which hold what no text of them does
(the SRID, Z and M). A sql_variant says its type before its value. What nobody can write is left out: a rowversion, the
set of the sparse columns.

https://learn.microsoft.com/en-us/sql/t-sql/functions/cast-and-convert-transact-sql has the styles: 121 and 126 have all
digits of a second, 3 all 17 digits of a float, 2 all four digits of money, and hexadecimal digits of bytes. Text that
is not Unicode goes as Unicode, so of a code page that has a character twice (932) the server keeps the one that it
takes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Final

from dbfleet.engines.sqlserver.tables import Table, reads_back
from dbfleet.engines.sqlserver.types import Forms, Native, text_literal
from dbfleet.values import Column, Schema, Type

_MAX: Final = "nvarchar(max)"
_TIME: Final = "nvarchar(40)"
_FIXED: Final[Mapping[str, tuple[Type, Forms]]] = {
    "money": (Type.DECIMAL, Forms("CONVERT(decimal(19,4), {})", "decimal(19,4)")),
    "smallmoney": (Type.DECIMAL, Forms("CONVERT(decimal(10,4), {})", "decimal(10,4)")),
    "real": (Type.FLOAT, Forms("{}", "float(53)")),
    "datetime": (Type.TEXT, Forms("CONVERT(nvarchar(40), {}, 121)", _TIME, "CONVERT(datetime, {}, 121)")),
    "smalldatetime": (Type.TEXT, Forms("CONVERT(nvarchar(40), {}, 121)", _TIME, "CONVERT(smalldatetime, {}, 121)")),
    "json": (Type.TEXT, Forms("CONVERT(nvarchar(max), {})", _MAX)),
    "xml": (Type.TEXT, Forms("CONVERT(nvarchar(max), {})", _MAX, "CONVERT(xml, {}, 1)")),
    **{
        word: (
            Type.BYTES,
            Forms(f"CONVERT({size}, {{}})", _MAX, f"CONVERT({word}, CONVERT({size}, {{}}, 2))"),
        )
        for word, size in (
            ("hierarchyid", "varbinary(892)"), ("geometry", "varbinary(max)"), ("geography", "varbinary(max)")
        )
    },
}  # fmt: skip
_ALL_DIGITS: Final = 7
_SHOWN: Final = frozenset({Type.TIME, Type.DATETIME, Type.INSTANT, Type.JSON})

_PROPERTY: Final = "CONVERT(nvarchar(128), SQL_VARIANT_PROPERTY({{0}}, N'{}'))"
_VARIANT: Final = Forms(
    " + N'|' + ".join(
        [
            _PROPERTY.format("BaseType"),
            *(_PROPERTY.format(word) for word in ("Precision", "Scale", "MaxLength")),
            f"COALESCE({_PROPERTY.format('Collation')}, N'')",
            f"CASE {_PROPERTY.format('BaseType')} "
            + " ".join(
                f"WHEN N'{word}' THEN CONVERT(nvarchar(max), CONVERT({as_}, {{0}}), {style})"
                for word, as_, style in (
                    ("float", "float(53)", 3), ("real", "real", 3), ("money", "money", 2),
                    ("smallmoney", "smallmoney", 2), ("datetime", "datetime", 121),
                    ("smalldatetime", "smalldatetime", 121), ("date", "date", 121), ("time", "time(7)", 121),
                    ("datetime2", "datetime2(7)", 121), ("datetimeoffset", "datetimeoffset(7)", 126),
                    ("binary", "varbinary(8000)", 2), ("varbinary", "varbinary(8000)", 2),
                )
            )
            + " ELSE CONVERT(nvarchar(max), {0}) END",
        ]
    ),
    "sql_variant",
)  # fmt: skip
"""`datetime2|27|7|8||2024-01-01 …`: the type, its precision, scale, length in bytes and collation, the value."""
_STYLES: Final = {"datetime": ", 121", "smalldatetime": ", 121", "datetimeoffset": ", 126"}


def native(schema: Schema, table: Table, anew: Collection[str]) -> Schema:
    """The schema with its columns as the server's texts and bytes. `anew` are the columns that the server computes
    anew for each reader, and sets of the sparse columns: they are no values of a row."""
    columns = [
        _as_it_is(table.columns[column.name], column).column
        for column in schema.columns
        if table.columns[column.name].word != "timestamp" and column.name not in anew
    ]
    return replace(schema, columns=tuple(columns), native=True)


def as_it_is(table: Table, schema: Schema) -> Table:
    """The table with those columns as they are which the native schema has so."""
    found = dict(table.columns)
    for column in schema.columns:
        own = _as_it_is(table.native(column.name), column)
        if own.column.type is column.type:
            found[own.column.name] = own
    return replace(table, columns=found)


def _as_it_is(there: Native, described: Column) -> Native:
    """The column as its server has it. What dbfleet keeps beside a column is no part of that."""
    type_, forms = _form(there)
    bare = _bare(there)
    made = replace(bare, generated=there.computed)
    if type_ is not bare.type:
        made = Column(bare.name, type_, bare.nullable, native=bare.native, generated=there.computed)
    if there.word in ("money", "smallmoney"):
        made = replace(made, precision=19 if there.word == "money" else 10, scale=4)
    shown = described.shown or described.type
    if made.type is Type.TEXT and shown in _SHOWN:
        made = replace(made, shown=shown)
    return replace(there, column=made, forms=forms)


def _bare(there: Native) -> Column:
    """The column by its declared type alone."""
    found = reads_back(there.column.name, there.native)
    return replace(found, nullable=there.column.nullable, note=None)


def _form(there: Native) -> tuple[Type, Forms | None]:
    if there.word in _FIXED:
        return _FIXED[there.word]
    if there.word == "sql_variant":
        return Type.TEXT, _VARIANT
    if there.word == "datetimeoffset":
        forms = Forms("CONVERT(nvarchar(40), {}, 126)", _TIME, f"CONVERT({there.native}, {{}}, 126)")
        return Type.TEXT, forms
    if there.word in ("time", "datetime2") and there.scale == _ALL_DIGITS:
        return Type.TEXT, Forms("CONVERT(nvarchar(40), {}, 121)", _TIME, f"CONVERT({there.native}, {{}}, 121)")
    return _bare(there).type, None


def variant_literal(text: str) -> str:
    """A sql_variant of what a scan gives for one, in Transact-SQL: of the same type, with the same value."""
    return f"CONVERT(sql_variant, {variant_value(text)})"


def variant_value(text: str) -> str:
    """The same value by its own type."""
    word, precision, scale, length, collation, value = text.split("|", 5)
    sizes = {
        **dict.fromkeys(("decimal", "numeric"), f"({precision},{scale})"),
        **dict.fromkeys(("time", "datetime2", "datetimeoffset"), f"({scale})"),
        **dict.fromkeys(("char", "varchar", "binary", "varbinary"), f"({max(int(length or 0), 1)})"),
        **dict.fromkeys(("nchar", "nvarchar"), f"({max(int(length or 0) // 2, 1)})"),
        "float": "(53)",
    }
    if word in ("binary", "varbinary"):
        spelt = f"0x{value}"
    else:
        spelt = text_literal(value) + (f" COLLATE {collation}" if collation else "")
    return f"CONVERT({word}{sizes.get(word, '')}, {spelt}{_STYLES.get(word, '')})"


def variant_select(expression: str) -> str:
    """The expression that gives a sql_variant as such a text."""
    return _VARIANT.select.format(expression)
