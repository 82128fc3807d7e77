"""Values to the driver and back: what a column's bind is declared as, what its Python values become, what is fetched.

It avoids these traps of python-oracledb. NUMBER is fetched as float unless a variable says otherwise. A float is bound
as NUMBER, which has no NaN and fewer exponents. A datetime is bound as DATE, which has no fraction. The zone of a
TIMESTAMP WITH TIME ZONE is dropped on fetch (so it is read in UTC, see oracle.types) and on bind. LOBs come as
locators, with a round trip for each value, unless a variable asks for them as LONG.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from dbfleet.adapter import ResultColumn
from dbfleet.columns import converted
from dbfleet.engines.oracle.types import DIGITS, LOBS, Native
from dbfleet.errors import Unsupported
from dbfleet.narrow import is_single, single
from dbfleet.values import TEXT_OF, Batch, Column, Row, Type, json_text, loads_json, type_of


def output_type_handler(cursor: Any, metadata: Any) -> Any:
    """Numbers with all their digits, LOBs and JSON by value."""
    import oracledb

    kind = metadata.type_code
    if kind is oracledb.DB_TYPE_NUMBER:
        whole = metadata.scale == 0 and metadata.precision
        return cursor.var(int if whole else Decimal, arraysize=cursor.arraysize)
    if kind is oracledb.DB_TYPE_CLOB:
        return cursor.var(oracledb.DB_TYPE_LONG, arraysize=cursor.arraysize)
    if kind is oracledb.DB_TYPE_NCLOB:
        return cursor.var(oracledb.DB_TYPE_LONG_NVARCHAR, arraysize=cursor.arraysize)
    if kind is oracledb.DB_TYPE_BLOB:
        return cursor.var(oracledb.DB_TYPE_LONG_RAW, arraysize=cursor.arraysize)
    if kind is oracledb.DB_TYPE_JSON:
        return cursor.var(oracledb.DB_TYPE_VARCHAR, arraysize=cursor.arraysize)
    return None


# --- rows of a scan ---

_FETCHED: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.BOOL: bool,
    Type.INT: int,
    Type.DECIMAL: lambda value: value if isinstance(value, Decimal) else Decimal(str(value)),
    Type.FLOAT: float,
    Type.DATE: lambda value: value.date() if isinstance(value, datetime) else date.fromisoformat(value),
    Type.TIME: lambda value: value.time() if isinstance(value, datetime) else time.fromisoformat(value),
    Type.INSTANT: lambda value: value.replace(tzinfo=UTC),
    Type.UUID: lambda value: UUID(bytes=value) if isinstance(value, bytes) else UUID(value),
    Type.JSON: loads_json,
}


def reader(columns: Sequence[Column]) -> Callable[[Sequence[Row]], Batch]:
    """A function that makes values of these columns' types of fetched rows. The driver gives a BINARY_FLOAT as a
    double, with the noise of its last ten digits."""
    plan = [
        (place, single if column.native == "BINARY_FLOAT" and column.type is Type.FLOAT else _FETCHED[column.type])
        for place, column in enumerate(columns)
        if column.type in _FETCHED
    ]
    return lambda rows: converted(rows, plan)


# --- rows of a write ---


class Refused(ValueError):
    """Oracle's types cannot hold the value; the message says why."""


def _decimal(value: Decimal | int) -> Decimal:
    value = Decimal(value)
    if not value.is_finite():
        raise Refused(f"NUMBER holds no {value}")
    _, digits, _exponent = value.as_tuple()
    if len(digits) > DIGITS:
        text = "".join(map(str, digits)).strip("0")
        if len(text) > DIGITS:
            raise Refused(f"NUMBER holds {DIGITS} digits, and {value} has {len(text)}")
    if value and not -130 <= value.adjusted() <= 125:
        raise Refused(f"NUMBER holds no {value}")
    return value


def _int(value: int) -> int:
    if abs(value) >= 10**DIGITS:
        raise Refused(f"NUMBER holds {DIGITS} digits")
    return int(value)


def _single(value: float) -> float:
    if not is_single(value):
        raise Refused(f"BINARY_FLOAT keeps 32 bits: {value!r} has more digits, or is larger")
    return value


def _text(value: str) -> str:
    try:
        value.isascii() or value.encode()
    except UnicodeEncodeError:
        raise Refused("the text holds half of a character, which UTF-8 cannot") from None
    return value


_BOUND: Final[Mapping[Type, Callable[[Any], Any]]] = {
    Type.BOOL: int,
    Type.INT: _int,
    Type.DECIMAL: _decimal,
    Type.FLOAT: float,
    Type.TEXT: _text,
    Type.TIME: TEXT_OF[Type.TIME],
    Type.INSTANT: lambda value: value.astimezone(UTC).replace(tzinfo=None),
    Type.UUID: str,
    Type.JSON: lambda value: _text(json_text(value)),
}


def binder(column: Column, native: Native) -> Callable[[Any], Any]:
    """A function that makes of a value what is bound for this column. Refused for what the column cannot hold."""
    if column.type is Type.UUID and native.data_type == "RAW":
        return lambda value: value.bytes
    if column.type is Type.FLOAT and native.data_type == "BINARY_FLOAT":
        return _single
    if native.own and column.type is Type.DECIMAL:
        return Decimal  # of which the server itself has up to 40 digits
    return _BOUND.get(column.type, lambda value: value)


def binders(column: Column, native: Native) -> Sequence[Callable[[Any], Any]]:
    """The functions that make what is bound for this column: one for each bind of its expression."""
    return native.binds or (binder(column, native),)


def bind_type(column: Column, native: Native) -> Any:
    """The argument of setinputsizes. It is the same for every batch, so that the server parses the statement once."""
    import oracledb

    if native.data_type in LOBS:
        if column.type is Type.BYTES:
            return oracledb.DB_TYPE_LONG_RAW
        return oracledb.DB_TYPE_LONG_NVARCHAR if native.data_type == "NCLOB" else oracledb.DB_TYPE_LONG
    if column.type in (Type.BOOL, Type.INT, Type.DECIMAL):
        return oracledb.DB_TYPE_NUMBER
    if column.type is Type.FLOAT:
        return oracledb.DB_TYPE_BINARY_DOUBLE
    if (
        column.type is Type.DATE or native.data_type == "DATE"
    ):  # otherwise the server would convert the column, and not use its index
        return oracledb.DB_TYPE_DATE
    if column.type is Type.DATETIME:
        return oracledb.DB_TYPE_TIMESTAMP
    if column.type is Type.INSTANT:
        return oracledb.DB_TYPE_TIMESTAMP_TZ if "ZONE" in native.data_type else oracledb.DB_TYPE_TIMESTAMP
    if column.type is Type.BYTES or (column.type is Type.UUID and native.data_type == "RAW"):
        return oracledb.DB_TYPE_RAW
    if native.data_type in ("NVARCHAR2", "NCHAR"):
        return oracledb.DB_TYPE_NVARCHAR
    # A number is a VARCHAR2 of so many characters. Four bytes each: beyond 1000 the driver would bind a LONG.
    return max(1, min(native.chars or 1000, 1000))


# --- a statement of the user's ---


def parameter(value: object) -> tuple[Any, Any]:
    """A parameter's value as it is bound, and the type of the bind (None: the driver chooses)."""
    import oracledb

    match type_of(value):
        case Type.BOOL:
            return int(value), oracledb.DB_TYPE_NUMBER  # type: ignore[call-overload]
        case Type.FLOAT:
            return value, oracledb.DB_TYPE_BINARY_DOUBLE
        case Type.DATETIME:
            return value, oracledb.DB_TYPE_TIMESTAMP
        case Type.INSTANT:
            assert isinstance(value, datetime)
            return value.astimezone(UTC).replace(tzinfo=None), oracledb.DB_TYPE_TIMESTAMP_TZ
        case Type.TIME | Type.UUID | Type.JSON as found:
            return TEXT_OF[found](value), None
        case None if value is not None:
            raise Unsupported(f"a parameter cannot be a {type(value).__name__}")
    return value, None


def result_columns(description: Sequence[Any]) -> list[ResultColumn]:
    """The columns of a result, as the server describes them."""
    return [ResultColumn(each.name, _result_type(each), _result_native(each)) for each in description]


def _result_type(found: Any) -> Type | None:
    import oracledb

    if found.type_code is oracledb.DB_TYPE_NUMBER:
        return Type.INT if found.scale == 0 and 0 < (found.precision or 0) <= 19 else Type.DECIMAL
    if getattr(found, "is_json", False):
        return Type.JSON
    return _RESULT_TYPES.get(found.type_code.name.removeprefix("DB_TYPE_"))


_RESULT_TYPES: Final[Mapping[str, Type]] = {
    **dict.fromkeys(("VARCHAR", "NVARCHAR", "CHAR", "NCHAR", "CLOB", "NCLOB", "LONG", "LONG_NVARCHAR"), Type.TEXT),
    **dict.fromkeys(("RAW", "LONG_RAW", "BLOB"), Type.BYTES),
    **dict.fromkeys(("BINARY_DOUBLE", "BINARY_FLOAT"), Type.FLOAT),
    **dict.fromkeys(("DATE", "TIMESTAMP"), Type.DATETIME),
    **dict.fromkeys(("TIMESTAMP_TZ", "TIMESTAMP_LTZ"), Type.INSTANT),
    "BOOLEAN": Type.BOOL,
    "JSON": Type.JSON,
}


def _result_native(found: Any) -> str:
    name = str(found.type_code.name).removeprefix("DB_TYPE_").replace("_", " ")
    return {"VARCHAR": "VARCHAR2", "NVARCHAR": "NVARCHAR2", "TIMESTAMP TZ": "TIMESTAMP WITH TIME ZONE",
            "TIMESTAMP LTZ": "TIMESTAMP WITH LOCAL TIME ZONE"}.get(name, name)  # fmt: skip


def lenient(columns: Sequence[ResultColumn]) -> Callable[[Sequence[Row]], Batch]:
    """A function that makes plain values of fetched rows. What the closed set lacks is nested JSON or text."""
    special = {Type.JSON: loads_json, Type.INSTANT: _FETCHED[Type.INSTANT], None: plain}
    plan = [(place, special[column.type]) for place, column in enumerate(columns) if column.type in special]
    return lambda rows: converted(rows, plan)


def plain(value: Any) -> Any:
    """A value of a type outside the closed set: a list of a vector or collection, the fields of an object, an interval
    as Oracle writes it, else a text."""
    if value is None or isinstance(value, str | bytes | int | float | Decimal | date):
        return value
    if isinstance(value, timedelta):
        return _interval(value)
    kind = getattr(value, "type", None)
    if kind is not None and hasattr(kind, "iscollection"):
        if kind.iscollection:
            return [plain(each) for each in value.aslist()]
        return {attribute.name: plain(getattr(value, attribute.name)) for attribute in kind.attributes}
    if hasattr(value, "years") and hasattr(value, "months"):
        sign = "-" if value.years < 0 or value.months < 0 else "+"
        return f"{sign}{abs(value.years):02}-{abs(value.months):02}"
    if hasattr(value, "tolist") or hasattr(value, "typecode"):
        return list(value)
    return str(value)


def _interval(value: timedelta) -> str:
    sign, whole = ("-", -value) if value < timedelta(0) else ("+", value)
    minutes, seconds = divmod(whole.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{sign}{whole.days:02} {hours:02}:{minutes:02}:{seconds:02}.{whole.microseconds:06}"
