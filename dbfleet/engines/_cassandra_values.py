"""Values as CQL keeps them, the driver's own types as plain values, and CQL text taken apart.

Kept in types of CQL's own: bool int decimal float text bytes date time uuid; datetime and instant are `timestamp`s,
which count milliseconds since 1970; json is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from dbfleet.engines._columns import Convert
from dbfleet.errors import Unsupported
from dbfleet.values import TEXT_OF, VALUE_OF, Column, Type

DECLARED: Final[Mapping[Type, str]] = {
    Type.BOOL: "boolean",
    Type.INT: "bigint",
    Type.DECIMAL: "decimal",
    Type.FLOAT: "double",
    Type.TEXT: "text",
    Type.BYTES: "blob",
    Type.DATE: "date",
    Type.TIME: "time",
    Type.DATETIME: "timestamp",
    Type.INSTANT: "timestamp",
    Type.UUID: "uuid",
    Type.JSON: "text",
}

FOREIGN: Final[Mapping[str, Type]] = {
    "ascii": Type.TEXT, "text": Type.TEXT, "varchar": Type.TEXT, "inet": Type.TEXT, "duration": Type.TEXT,
    "bigint": Type.INT, "int": Type.INT, "smallint": Type.INT, "tinyint": Type.INT, "varint": Type.INT,
    "counter": Type.INT, "boolean": Type.BOOL, "decimal": Type.DECIMAL, "double": Type.FLOAT, "float": Type.FLOAT,
    "blob": Type.BYTES, "date": Type.DATE, "time": Type.TIME, "timestamp": Type.INSTANT, "uuid": Type.UUID,
    "timeuuid": Type.UUID,
}  # fmt: skip
"""CQL's types by name; whatever is not here (lists, sets, maps, tuples, types of the user) is json."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001, the driver's timestamps have no zone
_MS: Final = timedelta(milliseconds=1)


def _milliseconds(value: datetime) -> int:
    """Truncated, not rounded: down to the millisecond that began, before 1970 too."""
    return (value - _EPOCH) // _MS


STORE: Final[Mapping[Type, Convert]] = {
    Type.JSON: TEXT_OF[Type.JSON],
    # Numbers, as the driver rounds datetimes through floats.
    Type.DATETIME: _milliseconds,
    Type.INSTANT: lambda value: _milliseconds(value.astimezone(UTC).replace(tzinfo=None)),
}


_HALF: Final = timedelta(microseconds=500)


def _to_millisecond(value: datetime) -> datetime:
    """The millisecond that the server sent: the driver counts seconds in a float, and gives .998993 for .999."""
    near = value + _HALF
    return near.replace(microsecond=near.microsecond // 1000 * 1000)


def _date(value: Any) -> date:
    found: date = value.date() if hasattr(value, "days_from_epoch") else value
    return found


FETCH: Final[Mapping[Type, Convert]] = {
    Type.DATE: _date,
    Type.TIME: lambda value: value.time() if hasattr(value, "nanosecond_time") else value,
    Type.DATETIME: _to_millisecond,
    Type.INSTANT: lambda value: _to_millisecond(value).replace(tzinfo=UTC),
    Type.JSON: VALUE_OF[Type.JSON],
}


def foreign_fetch(column: Column) -> Convert | None:
    """How a value of a column that dbfleet did not make is read."""
    if column.type is Type.JSON:
        return plain_value
    if column.native in ("inet", "duration"):
        return str
    return FETCH.get(column.type)


def literal_of(column: Column) -> Callable[[Any], str]:
    """A function from a value of the column to its literal in CQL."""
    store, write = STORE.get(column.type), _LITERAL[column.type]
    native = column.native or DECLARED[column.type]
    if column.type is Type.JSON and native not in ("text", "varchar", "ascii"):
        raise Unsupported(f"column {column.name} is {native}, which dbfleet reads and does not write")
    if column.type is Type.TEXT and native in ("inet", "duration"):
        return str if native == "duration" else write
    return lambda value: write(store(value) if store else value)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _float(value: float) -> str:
    if value != value:
        return "NaN"
    return repr(value) if value not in (float("inf"), float("-inf")) else ("Infinity" if value > 0 else "-Infinity")


_LITERAL: Final[Mapping[Type, Convert]] = {
    Type.BOOL: lambda value: "true" if value else "false",
    Type.INT: str,
    Type.DECIMAL: str,
    Type.FLOAT: _float,
    Type.TEXT: _quoted,
    Type.BYTES: lambda value: f"0x{value.hex()}",
    Type.DATE: lambda value: f"'{value.isoformat()}'",
    Type.TIME: lambda value: f"'{value.isoformat()}'",
    Type.DATETIME: str,
    Type.INSTANT: str,
    Type.UUID: str,
    Type.JSON: _quoted,
}
"""Of what is stored (see STORE): times are milliseconds."""


# --- answers ------------------------------------------------------------------------------------------------------


def plain_value(value: Any) -> Any:
    """A value of an answer as a plain Python value: collections nested, what Python cannot hold as CQL's text."""
    kind = type(value).__name__
    if kind == "datetime":
        return _to_millisecond(value).replace(tzinfo=UTC)
    if kind == "Date":
        try:
            return value.date()
        except (ValueError, OverflowError):
            return str(value)
    if kind == "Time":
        return str(value) if value.nanosecond % 1000 else value.time()
    if isinstance(value, Mapping) or kind in ("OrderedMap", "OrderedMapSerializedKey"):
        return {_key(key): plain_value(item) for key, item in value.items()}
    if hasattr(value, "_fields"):  # a type of the user's
        return {name: plain_value(item) for name, item in zip(value._fields, value, strict=True)}
    if kind in ("list", "tuple", "set", "frozenset", "SortedSet", "sortedset"):
        return [plain_value(item) for item in value]
    if kind in ("Duration", "DateRange", "IPv4Address", "IPv6Address"):
        return str(value)
    return value


def _key(value: Any) -> str:
    plain = plain_value(value)
    return plain if isinstance(plain, str) else str(plain)


# --- text ---------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|\$\$.*?\$\$|(?:--|//)[^\n]*|/\*.*?(?:\*/|\Z)|\bBEGIN\b|\bAPPLY\s+BATCH\b|;""",
    re.DOTALL | re.IGNORECASE,
)


def statements(text: str) -> list[str]:
    """The statements of a text, which semicolons separate, but not inside BEGIN … APPLY BATCH."""
    found, start, batch = [], 0, False
    for token in _TOKEN.finditer(text):
        word = token[0].upper()
        if word == "BEGIN":
            batch = True
        elif word.startswith("APPLY"):
            batch = False
        elif word == ";" and not batch:
            found.append(text[start : token.start()])
            start = token.end()
    found.append(text[start:])
    return [each.strip() for each in found if _TOKEN.sub(_without_comments, each).strip()]


def _without_comments(token: re.Match[str]) -> str:
    return "" if token[0][:2] in ("--", "//", "/*") else token[0]
