"""Values as CQL keeps them, and the driver's own types as plain values.

Kept in types of CQL's own: bool int decimal float text bytes date time uuid; datetime and instant are `timestamp`s,
which count milliseconds since 1970; json is text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from dbfleet.columns import Convert, converted
from dbfleet.errors import Unsupported
from dbfleet.narrow import SINGLE, Narrow, by_name, is_single, signed, single
from dbfleet.native import day_text, json_of
from dbfleet.values import TEXT_OF, VALUE_OF, Batch, Column, Knowing, Row, Type, json_text

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

narrow: Final = by_name(
    {
        "tinyint": signed(8),
        "smallint": signed(16),
        "int": signed(32),
        "float": SINGLE,
        "varint": Narrow(only="whole numbers"),
    }
)

STATIC: Final = " static"
"""What Column.native ends with, where a partition has one value of the column."""
_AGAIN: Final = frozenset(FOREIGN) - {"duration", "counter"}
"""The types that `create` gives to a column again. Values of other types, such as lists and types of the user, are read
and not written."""

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001, the driver's timestamps have no zone
_MS: Final = timedelta(milliseconds=1)


def _milliseconds(value: datetime) -> int:
    """Milliseconds since 1970. Digits beyond them are truncated, never rounded up, before 1970 too."""
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
"""What a copy does with values of these types."""
NUMBERS: Final = ("bigint", "int", "smallint", "tinyint", "varint")
_READ_ONLY: Final = ("duration", "counter")
_LONGEST_EXPONENT: Final = 100_000


def _decimal(value: Any) -> Decimal:
    number = Decimal(value)
    if abs(number.as_tuple().exponent) > _LONGEST_EXPONENT:  # type: ignore[arg-type]
        raise ValueError("its exponent has too many digits")
    return number


FETCH: Final[Mapping[Type, Convert]] = {
    # The driver gives its own Date and Time.
    Type.DATE: lambda value: value.date(),
    Type.TIME: lambda value: value.time(),
    Type.DATETIME: lambda value: value.replace(tzinfo=None),
    Type.INSTANT: lambda value: value.replace(tzinfo=UTC),
    Type.DECIMAL: _decimal,
    Type.JSON: VALUE_OF[Type.JSON],
}
"""How values are read. ValueError, TypeError or OverflowError for a value that Python's type does not hold."""


def cql_type(column: Column) -> str | None:
    """The column's type in CQL, where it is known."""
    return column.native.removesuffix(STATIC) if column.native else None


def is_static(column: Column) -> bool:
    """Whether a partition has one value of the column."""
    return (column.native or "").endswith(STATIC)


def keeps(column: Column) -> bool:
    """EngineSpec.keeps_native: whether `create` makes a column of the same type, which holds the same values."""
    return FOREIGN.get(cql_type(column) or "") is column.type and cql_type(column) in _AGAIN


class Rows(Knowing):
    """A batch, and its columns of times as the driver gave them: those have nanoseconds."""

    __slots__ = ("times",)

    def __init__(self, rows: Batch, times: Mapping[str, Sequence[Any]]) -> None:
        super().__init__(rows)
        self.times = times

    def again(self, rows: Batch) -> Batch:
        """A time that is another one now has no nanoseconds: whoever writes it looks."""
        return Rows(rows, self.times)


def foreign_fetch(column: Column) -> Convert | None:
    """How a value is read where dbfleet did not make the column; None where it is taken as it is."""
    if column.type is Type.JSON:
        return json_value
    if cql_type(column) in ("inet", "duration"):
        return str
    if cql_type(column) == "float":  # the driver gives a double, with the noise of its last ten digits
        return single
    return FETCH.get(column.type)


def json_value(value: Any) -> Any:
    """A collection, a tuple, a vector or a value of a user's type in a json column."""
    return json_of(plain_value(value))


def read_only(column: Column) -> str | None:
    """Why dbfleet reads the column and does not write it; None where it writes it."""
    native = cql_type(column) or DECLARED[column.type]
    if native in _READ_ONLY or (column.type is Type.JSON and native not in ("text", "varchar", "ascii")):
        return f"column {column.name} is {native}, which dbfleet reads and does not write"
    return None


def store_of(columns: Sequence[Column]) -> Callable[[Sequence[Row]], Batch]:
    """A function from rows to what the driver binds, by the table's own types."""
    plan: list[tuple[int, Convert]] = []
    for place, column in enumerate(columns):
        if column.type in STORE:
            plan.append((place, STORE[column.type]))
        elif column.type is Type.FLOAT and cql_type(column) == "float":
            plan.append((place, _float(column.name)))
        elif column.type is Type.DECIMAL:
            plan.append((place, (_integer if cql_type(column) in NUMBERS else _finite)(column.name)))
    return lambda rows: converted(rows, plan)


def _float(name: str) -> Convert:
    def convert(value: float) -> float:
        if not is_single(value):
            raise Unsupported(f"column {name}: a float keeps 32 bits: {value!r} has more digits, or is larger")
        return value

    return convert


def _finite(name: str) -> Convert:
    """Cassandra's decimal has no NaN and no infinity, which the driver refuses without the column's name."""

    def convert(value: Decimal) -> Decimal:
        if not value.is_finite():
            raise Unsupported(f"column {name}: Cassandra's decimal has no {value}")
        return value

    return convert


def _integer(name: str) -> Convert:
    finite = _finite(name)

    def convert(value: Decimal) -> int:
        number = int(finite(value))
        if number != value:
            raise Unsupported(f"column {name}: {value} is no integer")
        return number

    return convert


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
    if isinstance(value, tuple) and type(value) is not tuple:  # a value of a user's type is a named tuple
        named: Any = value
        return {name: plain_value(item) for name, item in named._asdict().items()}
    if kind in ("list", "tuple", "set", "frozenset", "SortedSet", "sortedset"):
        return [plain_value(item) for item in value]
    if kind in ("Duration", "DateRange", "IPv4Address", "IPv6Address", "FarTimestamp"):
        return str(value)
    return value


def key_text(value: Any) -> str:
    """The key of a map as text."""
    plain = json_of(plain_value(value))
    return plain if isinstance(plain, str) else json_text(plain)
