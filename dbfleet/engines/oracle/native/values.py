"""A table's schema by the server's own texts and bytes: each value is what the server gives, and stores again as the
same value.

Columns of which the closed set has every value keep their types: numbers, texts, bytes. Dates and times are texts, as
they have years before Christ, nine digits of a second and the names of zones; so are intervals and the addresses of
rows. A LOB that is empty is no NULL here: a second expression asks for it, as the driver gives None for both.

    DATE, TIMESTAMP      2024-02-29 13:05:00.123   -0044-03-15 00:00:00
    … WITH TIME ZONE     2024-02-29 13:05:00.123+02:00, and in UTC where its zone has a name: 2024-02-29 11:05:00.123Z
                         Europe/Berlin. An hour that comes twice in a year is told apart so
    … WITH LOCAL …       2024-02-29 11:05:00.123Z
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

from dbfleet.engines.oracle.tables import Table
from dbfleet.engines.oracle.types import EMPTY, Native
from dbfleet.values import Column, Schema, Type

PLAIN: Final = frozenset(
    {
        "NUMBER", "FLOAT", "BINARY_FLOAT", "BINARY_DOUBLE", "BOOLEAN", "VARCHAR2", "CHAR", "NVARCHAR2", "NCHAR", "CLOB",
        "NCLOB", "LONG", "RAW", "LONG RAW", "BLOB",
    }
)  # fmt: skip
"""Types whose values go as they are."""
SPELLED: Final = frozenset(
    {
        "DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIMESTAMP WITH LOCAL TIME ZONE", "INTERVAL YEAR TO MONTH",
        "INTERVAL DAY TO SECOND", "ROWID", "UROWID",
    }
)  # fmt: skip
"""Types whose values go as texts."""
CARRIED: Final = PLAIN | SPELLED
"""All that is carried."""
CLOSED: Final = frozenset({"XMLTYPE", "JSON", "VECTOR"})
"""Types that go as texts of the closed set: as such they lose how the server stores them. Of all others, objects,
collections, REF, ANYDATA and BFILE, no expression of SQL makes a text that it takes again."""

_SHORT: Final = 64
_ROWID: Final = 4000
_DIGITS: Final = re.compile(r"TIMESTAMP\((\d+)\)")
_MIDNIGHT: Final = " 00:00:00"


def native(schema: Schema, table: Table) -> Schema:
    """The schema with its columns as the server's texts and bytes."""
    own = as_it_is(table)
    columns = tuple(own.column(name).column for name in schema.names)
    return replace(schema, columns=columns, native=True)


def as_it_is(table: Table) -> Table:
    """The table with its columns as they are natively."""
    return replace(table, columns={name: _native(each) for name, each in table.columns.items()})


def _native(given: Native) -> Native:
    bare, closed = given.bare or given.column, given.column.type
    kind = given.data_type
    if kind not in CARRIED:
        return given
    if kind == "NUMBER" and closed is Type.BOOL:
        return _boolean(given, bare)
    if kind not in SPELLED:
        shown = bare.type if kind in EMPTY else None
        if closed is not bare.type and bare.type is Type.TEXT:
            shown = closed
        return replace(given, own=True, column=replace(bare, note=None, shown=shown))
    if kind == "ROWID":
        return _text(given, bare, "ROWIDTOCHAR({})", "CHARTOROWID({})", _ROWID)
    if kind == "UROWID":
        return _text(given, bare, "CAST({} AS VARCHAR2(4000))", "CAST({} AS UROWID)", _ROWID)
    if kind.startswith("INTERVAL"):
        return _text(given, bare, "TO_CHAR({})", f"TO_{'YM' if kind.endswith('MONTH') else 'DS'}INTERVAL({{}})")
    return _moment(given, bare, closed)


def _text(given: Native, bare: Column, reads: str, writes: str, length: int = _SHORT) -> Native:
    column = Column(bare.name, Type.TEXT, bare.nullable, length=length, native=bare.native, generated=bare.generated)
    return replace(
        given, own=True, column=column, bare=column, data_type="VARCHAR2", chars=length, reads=reads, writes=writes
    )


def _boolean(given: Native, bare: Column) -> Native:
    """A NUMBER(1) that dbfleet made for a bool may hold -9 to 9."""
    reads = "CASE WHEN {} = 0 THEN 'f' WHEN {} = 1 THEN 't' ELSE TO_CHAR({}) END"
    found = _text(given, bare, reads, "TO_NUMBER({})")
    column = replace(found.column, shown=Type.BOOL)
    return replace(found, column=column, binds=(lambda text: {"f": "0", "t": "1"}.get(text, text),))


def _moment(given: Native, bare: Column, closed: Type) -> Native:
    digits = _DIGITS.match(bare.native or "")
    fraction = f".FF{digits[1]}" if digits and digits[1] != "0" else ""
    form = f"SYYYY-MM-DD HH24:MI:SS{fraction}"
    match given.data_type:
        case "DATE":
            reads, writes = f"LTRIM(TO_CHAR({{}}, '{form}'))", f"TO_DATE({{}}, '{form}')"
            binds = (str,)
            if closed is Type.DATE:
                reads = f"REPLACE({reads}, '{_MIDNIGHT}')"
                binds = (_with_time,)  # type: ignore[assignment]
        case "TIMESTAMP":
            reads, writes, binds = f"LTRIM(TO_CHAR({{}}, '{form}'))", f"TO_TIMESTAMP({{}}, '{form}')", (str,)
        case "TIMESTAMP WITH LOCAL TIME ZONE":  # the session is in UTC
            reads = f"LTRIM(TO_CHAR({{}}, '{form}\"Z\"'))"
            writes, binds = f"TO_TIMESTAMP_TZ({{}}, '{form}TZH:TZM')", (_in_utc,)  # type: ignore[assignment]
        case _:
            reads = (
                f"CASE WHEN SUBSTR(TO_CHAR({{}}, 'TZR'), 1, 1) IN ('+', '-') THEN LTRIM(TO_CHAR({{}}, '{form}TZH:TZM'))"
                f" ELSE LTRIM(TO_CHAR(SYS_EXTRACT_UTC({{}}), '{form}\"Z\"')) || TO_CHAR({{}}, ' TZR') END"
            )
            writes = f"TO_TIMESTAMP_TZ({{}}, '{form}TZH:TZM') AT TIME ZONE {{}}"
            binds = (_in_utc, _zone)  # type: ignore[assignment]
    found = _text(given, bare, reads, writes)
    return replace(found, column=replace(found.column, shown=closed), binds=binds)


def _with_time(text: str) -> str:
    return text if " " in text else text + _MIDNIGHT


def _in_utc(text: str) -> str:
    moment, utc, _ = text.partition("Z")
    return f"{moment}+00:00" if utc else text


def _zone(text: str) -> str:
    _, utc, zone = text.partition("Z")
    return zone.strip() or "+00:00" if utc else text[-6:]
