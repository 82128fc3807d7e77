"""Values as CQL keeps them, the driver's own types as plain values, and CQL text taken apart.

Kept in types of CQL's own: bool int decimal float text bytes date time uuid; datetime and instant are `timestamp`s,
which count milliseconds since 1970; json is text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from dbfleet.columns import Convert, converted
from dbfleet.errors import Unsupported
from dbfleet.native import day_text, json_of
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Row, Type, json_text

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
    "bigint": Type.INT, "int": Type.INT, "smallint": Type.INT, "tinyint": Type.INT, "varint": Type.DECIMAL,
    "counter": Type.INT, "boolean": Type.BOOL, "decimal": Type.DECIMAL, "double": Type.FLOAT, "float": Type.FLOAT,
    "blob": Type.BYTES, "date": Type.DATE, "time": Type.TIME, "timestamp": Type.INSTANT, "uuid": Type.UUID,
    "timeuuid": Type.UUID,
}  # fmt: skip
"""CQL's types by name; whatever is not here (lists, sets, maps, tuples, types of the user) is json."""

STATIC: Final = " static"
"""What Column.native ends with, where a partition has one value of the column."""
_AGAIN: Final = frozenset(FOREIGN) - {"duration", "counter"}
"""Types that a table which is made of such columns has again. Of the others, lists and types of the user among them,
no value is written."""

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


NOTES: Final[Mapping[str, str]] = {
    "inet": "as text",
    "duration": "as text",
    "time": "nanoseconds are cut to microseconds",
    "counter": "a counter, as a plain number",
}
"""What becomes of values of these types."""
NUMBERS: Final = ("bigint", "int", "smallint", "tinyint", "varint")
_READ_ONLY: Final = ("duration", "counter")
_LONGEST_EXPONENT: Final = 100_000


def _date(value: Any) -> date:
    found: date = value.date() if hasattr(value, "days_from_epoch") else value
    return found


def _decimal(value: Any) -> Decimal:
    found = Decimal(value)
    if abs(found.as_tuple().exponent) > _LONGEST_EXPONENT:  # type: ignore[arg-type]
        raise ValueError("its exponent has too many digits")
    return found


FETCH: Final[Mapping[Type, Convert]] = {
    Type.DATE: _date,
    Type.TIME: lambda value: value.time() if hasattr(value, "nanosecond_time") else value,
    Type.DATETIME: lambda value: value.replace(tzinfo=None),
    Type.INSTANT: lambda value: value.replace(tzinfo=UTC),
    Type.DECIMAL: _decimal,
    Type.JSON: VALUE_OF[Type.JSON],
}
"""ValueError, TypeError or OverflowError for a value that Python's type does not hold."""


def cql_type(column: Column) -> str | None:
    """The column's type in CQL, where it is known."""
    return column.native.removesuffix(STATIC) if column.native else None


def is_static(column: Column) -> bool:
    return (column.native or "").endswith(STATIC)


def keeps(column: Column) -> bool:
    """EngineSpec.keeps_native: whether a table is made with a column of the same type, that holds the same values."""
    return FOREIGN.get(cql_type(column) or "") is column.type and cql_type(column) in _AGAIN


class Rows(list[Row]):
    """A batch, and of columns of times what the driver gave: they have nanoseconds."""

    __slots__ = ("times",)

    def __init__(self, rows: Batch, times: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(rows)
        self.times = times


def foreign_fetch(column: Column) -> Convert | None:
    """How a value of a column that dbfleet did not make is read."""
    if column.type is Type.JSON:
        return json_value
    if cql_type(column) in ("inet", "duration"):
        return str
    return FETCH.get(column.type)


def json_value(value: Any) -> Any:
    """A collection, a tuple, a vector or a value of a user's type in a json column."""
    return json_of(plain_value(value))


def read_only(column: Column) -> str | None:
    """Why dbfleet reads a column of somebody's table and does not write it."""
    native = cql_type(column) or DECLARED[column.type]
    if native in _READ_ONLY or (column.type is Type.JSON and native not in ("text", "varchar", "ascii")):
        return f"column {column.name} is {native}, which dbfleet reads and does not write"
    return None


def store_of(columns: Sequence[Column]) -> Callable[[Sequence[Row]], Batch]:
    """A function that makes of rows what the driver binds, by the table's own types."""
    plan: list[tuple[int, Convert]] = []
    for place, column in enumerate(columns):
        if column.type in STORE:
            plan.append((place, STORE[column.type]))
        elif column.type is Type.DECIMAL and cql_type(column) in NUMBERS:
            plan.append((place, _integer))
    return lambda rows: converted(rows, plan)


def _integer(value: Decimal) -> int:
    found = int(value)
    if found != value:
        raise Unsupported(f"{value} is no integer")
    return found


def literal_of(column: Column) -> Callable[[Any], str]:
    """A function from a value of the column to its literal in CQL."""
    store, write = STORE.get(column.type), _LITERAL[column.type]
    native = cql_type(column) or DECLARED[column.type]
    why = read_only(column)
    if why and native != "duration":
        raise Unsupported(why)
    if column.type is Type.TEXT and native == "duration":
        return str
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
        return value.replace(tzinfo=UTC)
    if kind == "Date":
        try:
            return value.date()
        except (ValueError, OverflowError):
            return day_text(value.days_from_epoch)
    if kind == "Time":
        return str(value) if value.nanosecond % 1000 else value.time()
    if isinstance(value, Mapping) or kind in ("OrderedMap", "OrderedMapSerializedKey"):
        return {key_text(key): plain_value(item) for key, item in value.items()}
    if hasattr(value, "_fields"):  # a type of the user's
        return {name: plain_value(item) for name, item in zip(value._fields, value, strict=True)}
    if kind in ("list", "tuple", "set", "frozenset", "SortedSet", "sortedset"):
        return [plain_value(item) for item in value]
    if kind in ("Duration", "DateRange", "IPv4Address", "IPv6Address", "FarTimestamp"):
        return str(value)
    return value


def key_text(value: Any) -> str:
    """The key of a map as text."""
    plain = json_of(plain_value(value))
    return plain if isinstance(plain, str) else json_text(plain)


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
