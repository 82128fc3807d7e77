"""SQL Server's types as the double keeps them in SQLite, converts them and puts them on the wire.

Kept: integers and bit as integers, float as REAL, varbinary as BLOB, everything else as text that is exact: decimals
with all digits of their scale, times with all of theirs, datetimeoffset as its UTC text and its offset,
uniqueidentifier in upper case. How they compare is a collation of the same name, made in `store`.
"""

from __future__ import annotations

import datetime as dt
import re
import struct
import sys
import uuid
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any, Final

from pysqlbridge.tds import result as tds

from tests.doubles.sqlserver.faults import SqlError, conversion, overflow, refused

DEFAULT_COLLATION: Final = "SQL_Latin1_General_CP1_CI_AS"
BINARY_COLLATION: Final = "Latin1_General_100_BIN2"
MAX: Final = -1

# name: (system_type_id, user_type_id), as in sys.types
IDS: Final = {
    "image": 34, "text": 35, "uniqueidentifier": 36, "date": 40, "time": 41, "datetime2": 42, "datetimeoffset": 43,
    "tinyint": 48, "smallint": 52, "int": 56, "smalldatetime": 58, "real": 59, "money": 60, "datetime": 61,
    "float": 62, "sql_variant": 98, "ntext": 99, "bit": 104, "decimal": 106, "numeric": 108, "smallmoney": 122,
    "bigint": 127, "varbinary": 165, "varchar": 167, "binary": 173, "char": 175, "timestamp": 189, "nvarchar": 231,
    "nchar": 239, "xml": 241,
}  # fmt: skip
INTS: Final = {"tinyint": (0, 255, 1), "smallint": (-(2**15), 2**15 - 1, 2), "int": (-(2**31), 2**31 - 1, 4),
               "bigint": (-(2**63), 2**63 - 1, 8)}  # fmt: skip
FAMILY: Final = {
    **dict.fromkeys(INTS, "int"), "bit": "bit", "decimal": "decimal", "float": "float", "nvarchar": "text",
    "varchar": "text", "varbinary": "binary", "date": "date", "time": "time", "datetime2": "datetime",
    "datetimeoffset": "instant", "uniqueidentifier": "uuid",
}  # fmt: skip
PRECISIONS: Final = {"tinyint": 3, "smallint": 5, "int": 10, "bigint": 19, "bit": 1, "float": 53, "date": 10}
_WIDE: Final = Context(prec=80)


@dataclass(frozen=True)
class SqlType:
    """`size` is the length in characters or bytes (MAX), the precision, or the digits of a second."""

    word: str
    size: int = 0
    scale: int = 0

    @property
    def family(self) -> str:
        return FAMILY[self.word]

    def __str__(self) -> str:
        if self.word == "decimal":
            return f"decimal({self.size},{self.scale})"
        if self.family in ("text", "binary"):
            return f"{self.word}({'max' if self.size == MAX else self.size})"
        return f"{self.word}({self.size})" if self.family in ("time", "datetime", "instant") else self.word

    @property
    def kept_as(self) -> str:
        """The SQLite column's type and collation."""
        return {
            "int": "BIGINT", "bit": "BIGINT", "float": "REAL", "binary": "BLOB", "decimal": "TEXT COLLATE NUMBER",
            "uuid": "TEXT COLLATE GUID", "instant": "TEXT COLLATE INSTANT",
        }.get(self.family, "TEXT")  # fmt: skip

    @property
    def max_length(self) -> int:
        """As in sys.columns."""
        if self.word in INTS:
            return INTS[self.word][2]
        if self.size == MAX:
            return -1
        sizes = {"bit": 1, "float": 8, "date": 3, "time": 5, "datetime2": 8, "datetimeoffset": 10,
                 "uniqueidentifier": 16, "decimal": _decimal_bytes(self.size)}  # fmt: skip
        return sizes.get(self.word, self.size * 2 if self.word == "nvarchar" else self.size)

    @property
    def precision_and_scale(self) -> tuple[int, int]:
        """As in sys.columns."""
        if self.word == "decimal":
            return self.size, self.scale
        if self.word in ("time", "datetime2", "datetimeoffset"):
            digits = self.size + 1 if self.size else 0
            return {"time": 8, "datetime2": 19, "datetimeoffset": 26}[self.word] + digits, self.size
        return PRECISIONS.get(self.word, 0), 0


def named(word: str, sizes: list[int | None]) -> SqlType:
    """The type of a declaration: `nvarchar`, [None] is nvarchar(max)."""
    word = {
        "numeric": "decimal",
        "timestamptz": "datetimeoffset",
        "uuid": "uniqueidentifier",
        "utinyint": "tinyint",
    }.get(word, word)
    if word not in FAMILY:
        raise refused(f"the type {word}")
    size, scale = ([*sizes, None, None])[:2]
    if word in ("nvarchar", "varchar", "varbinary"):
        if not sizes:
            return SqlType(word, 1)
        if size is not None and not 1 <= size <= (4000 if word == "nvarchar" else 8000):
            raise SqlError(131, f"The size ({size}) given to the type '{word}' exceeds the maximum allowed.")
        return SqlType(word, MAX if size is None else size)
    if word == "decimal":
        precision, digits = (18 if size is None else size), scale or 0
        if not 1 <= precision <= 38 or digits > precision:
            raise SqlError(2750, f"Column or parameter: Specified column precision {precision} is greater than 38.")
        return SqlType(word, precision, digits)
    if word in ("time", "datetime2", "datetimeoffset"):
        return SqlType(word, 7 if size is None else size)
    if word == "float" and sizes and size != 53:
        raise refused(f"float({size})")
    return SqlType(word)


# --- conversions ---


def convert(value: Any, source: SqlType, target: SqlType, style: int = 0) -> Any:
    """A kept value as the target keeps it, by SQL Server's rules; refuses the ways between types that it lacks."""
    if value is None:
        return None
    if source.family == target.family and source.family in ("float", "uuid", "date", "bit"):
        return value
    if source.family == "text" or target.family == "text":
        if source.family == "text":
            return _from_text(value, source, target, style)
        return _to_text(value, source, target, style)
    way = _WAYS.get((source.family, target.family))
    if way is None:
        raise refused(f"the conversion of {source} to {target}")
    return way(value, source, target)


def _to_text(value: Any, source: SqlType, target: SqlType, style: int) -> str:
    if source.family == "binary" and target.word == "nvarchar":
        return fit(bytes(value).decode("utf-16-le", "surrogatepass"), target, cutting=True)
    if source.family in ("int", "decimal", "uuid", "date"):
        return fit(str(value), target, cutting=True)
    if source.family in ("time", "datetime") and style == 121:
        return fit(value, target, cutting=True)
    if source.family == "instant" and style == 126:
        return fit(_iso(value), target, cutting=True)
    raise refused(f"the conversion of {source} to {target} with style {style}")


def _iso(value: str) -> str:
    """A kept datetimeoffset, which is in UTC beside its offset, as ISO 8601 has it, in its own zone."""
    moment, offset = value[:-7], value[-6:]
    minutes = (int(offset[1:3]) * 60 + int(offset[4:])) * (-1 if offset[0] == "-" else 1)
    local = dt.datetime.fromisoformat(moment[:19]) + dt.timedelta(minutes=minutes)
    return f"{local.isoformat('T')}{moment[19:]}{offset}"


def _from_text(text: str, source: SqlType, target: SqlType, style: int) -> Any:
    if target.family == "text":
        return fit(text, target, cutting=True)
    if target.family == "binary":
        if style != 2:
            raise refused(f"the conversion of {source} to {target} with style {style}")
        if len(text) % 2 or not re.fullmatch(r"[0-9A-Fa-f]*", text):
            raise conversion(source.word, target.word)
        return bytes.fromhex(text)
    if target.family == "bit":
        known = {"true": 1, "false": 0, "1": 1, "0": 0}
        if text.lower() not in known:
            raise SqlError(245, f"Conversion failed when converting the {source.word} value '{text}' to data type bit.")
        return known[text.lower()]
    return _PARSE[target.family](text.strip(), source, target)


def _parse_int(text: str, source: SqlType, target: SqlType) -> int:
    if not re.fullmatch(r"[+-]?\d+", text):
        raise SqlError(
            245, f"Conversion failed when converting the {source.word} value '{text}' to data type {target.word}."
        )
    return _int(int(text), source, target)


def _int(value: int, source: SqlType, target: SqlType) -> int:
    if target.family == "bit":
        return int(bool(value))
    low, high, _ = INTS[target.word]
    if not low <= value <= high:
        raise overflow("expression", target.word)
    return value


def _parse_decimal(text: str, source: SqlType, target: SqlType) -> str:
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)", text):
        raise conversion(source.word, "numeric")
    return _decimal(text, source, target)


def _decimal(value: Any, source: SqlType, target: SqlType) -> str:
    found = Decimal(str(value)).quantize(Decimal(1).scaleb(-target.scale), ROUND_HALF_UP, _WIDE)
    if found.adjusted() >= target.size - target.scale and found:
        raise overflow(source.word, "numeric")
    text = format(found, "f")
    return text.removeprefix("-") if not found else text


def _parse_float(text: str, source: SqlType, target: SqlType) -> float:
    try:
        if not re.fullmatch(r"[+-]?[\d.]+([eE][+-]?\d+)?", text):
            raise ValueError
        value = float(text)
    except ValueError:
        raise conversion(source.word, "float") from None
    if value in (float("inf"), float("-inf")):
        raise overflow("expression", "float")
    if value and abs(value) < sys.float_info.min:
        raise refused("what a float nearer to zero than 2.2250738585072014e-308 becomes")
    return value


_DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")
_TIME: Final = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{1,7}))?")
_OFFSET: Final = re.compile(r"\s*([+-])(\d\d):(\d\d)|Z")


def _bad_date() -> SqlError:
    return SqlError(241, "Conversion failed when converting date and/or time from character string.")


def _parse_date(text: str, source: SqlType, target: SqlType) -> str:
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise _bad_date() from None


def _rounded(text: str, digits: int) -> tuple[int, int]:
    """Units of the target's digits since midnight, rounded half up as the server does; and whole days gained."""
    found = _TIME.fullmatch(text)
    if not found or int(found[1]) > 23 or int(found[2]) > 59 or int(found[3]) > 59:
        raise _bad_date()
    ticks = (int(found[1]) * 3600 + int(found[2]) * 60 + int(found[3])) * 10**7 + int((found[4] or "").ljust(7, "0"))
    unit = 10 ** (7 - digits)
    units = (ticks + unit // 2) // unit
    return units % (86400 * 10**digits), units // (86400 * 10**digits)


def _clock(units: int, digits: int) -> str:
    seconds, fraction = divmod(units, 10**digits)
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{text}.{fraction:0{digits}}" if digits else text


def _parse_time(text: str, source: SqlType, target: SqlType) -> str:
    return _clock(_rounded(text, target.size)[0], target.size)


def _parse_datetime(text: str, source: SqlType, target: SqlType) -> str:
    day, mark, rest = text[:10], text[10:11], text[11:]
    units, more = _rounded(rest, target.size) if mark in ("T", " ") and rest else (0, 0)
    if not _DATE.fullmatch(day) or (mark and not rest):
        raise _bad_date()
    try:
        found = dt.date.fromisoformat(day) + dt.timedelta(more)
    except (ValueError, OverflowError):
        raise _bad_date() from None
    return f"{found.isoformat()} {_clock(units, target.size)}"


def _parse_instant(text: str, source: SqlType, target: SqlType) -> str:
    found = _OFFSET.search(text, 10)
    minutes = 0
    if found:
        if found[1]:
            minutes = (int(found[2]) * 60 + int(found[3])) * (-1 if found[1] == "-" else 1)
        text = text[: found.start()]
    local = _parse_datetime(text.rstrip(), source, target)
    if not minutes:
        return f"{local} +00:00"
    base = dt.datetime.fromisoformat(local[:19]) - dt.timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    return f"{base.isoformat(' ')}{local[19:]} {sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"


def _parse_uuid(text: str, source: SqlType, target: SqlType) -> str:
    try:
        return str(uuid.UUID(text)).upper()
    except ValueError:
        raise SqlError(8169, "Conversion failed when converting from a character string to uniqueidentifier.") from None


_PARSE: Final = {
    "int": _parse_int, "decimal": _parse_decimal, "float": _parse_float, "date": _parse_date, "time": _parse_time,
    "datetime": _parse_datetime, "instant": _parse_instant, "uuid": _parse_uuid,
}  # fmt: skip
_WAYS: Final = {
    ("int", "int"): _int, ("int", "bit"): _int, ("bit", "int"): _int, ("int", "decimal"): _decimal,
    ("decimal", "int"): lambda v, s, t: _int(int(Decimal(v)), s, t), ("bit", "decimal"): _decimal,
    ("decimal", "decimal"): _decimal, ("int", "float"): lambda v, s, t: float(v),
    ("binary", "binary"): lambda v, s, t: v if t.size in (MAX, 0) else v[: t.size],
    ("time", "time"): _parse_time, ("datetime", "datetime"): _parse_datetime,
    ("date", "datetime"): _parse_datetime, ("datetime", "date"): lambda v, s, t: v[:10],
    ("datetime", "instant"): _parse_instant, ("instant", "instant"): lambda v, s, t: v if s == t else _refuse_instant(),
}  # fmt: skip


def _refuse_instant() -> Any:
    raise refused("datetimeoffset with fewer digits of a datetimeoffset")


def units(text: str) -> int:
    """What nvarchar counts: UTF-16's units."""
    return len(text) + sum(character > "\uffff" for character in text)


def fit(text: str, target: SqlType, *, cutting: bool = False) -> str:
    """The text, if the type has room for it; CAST cuts."""
    if target.size == MAX or units(text) <= target.size:
        return text
    if not cutting:
        raise SqlError(2628, f"String or binary data would be truncated. Truncated value: '{text[:20]}'.")
    raise refused(f"a text that {target} cuts")


def assign(value: Any, source: SqlType, target: SqlType) -> Any:
    """The value as INSERT and UPDATE store it: without a word only what the server converts so."""
    if value is None:
        return None
    if source.family == "text" and target.family == "text":
        return fit(value, target)
    if source.family == "binary" and target.family == "binary":
        if target.size != MAX and len(value) > target.size:
            raise SqlError(2628, "String or binary data would be truncated.")
        return value
    if source.family == "text" and target.family == "binary":
        raise SqlError(257, f"Implicit conversion from data type {source.word} to {target.word} is not allowed.")
    return convert(value, source, target)


# --- the wire ---


def _decimal_bytes(precision: int) -> int:
    return 5 if precision <= 9 else 9 if precision <= 19 else 13 if precision <= 28 else 17


@dataclass(frozen=True)
class _Numeric(tds.ColumnType):
    precision: int
    scale: int

    def type_info(self) -> bytes:
        return bytes([0x6A, _decimal_bytes(self.precision), self.precision, self.scale])

    def encode(self, value: Any) -> bytes:
        if value is None:
            return b"\0"
        try:
            number = int(Decimal(str(value)).scaleb(self.scale, _WIDE))
        except InvalidOperation:
            raise refused(f"the decimal {value}") from None
        length = _decimal_bytes(self.precision)
        return bytes([length, number >= 0]) + abs(number).to_bytes(length - 1, "little")


def _day(text: str) -> bytes:
    return (dt.date.fromisoformat(text).toordinal() - 1).to_bytes(3, "little")


def _ticks(text: str, digits: int) -> bytes:
    clock, _, fraction = text.partition(".")
    seconds = int(clock[:2]) * 3600 + int(clock[3:5]) * 60 + int(clock[6:8])
    count = seconds * 10**digits + int((fraction or "0").ljust(digits, "0")[:digits] or 0)
    return count.to_bytes(3 if digits <= 2 else 4 if digits <= 4 else 5, "little")


@dataclass(frozen=True)
class _Temporal(tds.ColumnType):
    code: int
    digits: int = 0

    def type_info(self) -> bytes:
        return bytes([0x28]) if self.code == 0x28 else bytes([self.code, self.digits])

    def encode(self, value: Any) -> bytes:
        if value is None:
            return b"\0"
        if self.code == 0x28:
            return b"\3" + _day(value)
        if self.code == 0x29:
            body = _ticks(value, self.digits)
        else:
            clock = value[11:].partition(" ")[0]
            body = _ticks(clock, self.digits) + _day(value[:10])
            if self.code == 0x2B:
                sign, hours, minutes = value[-6], value[-5:-3], value[-2:]
                offset = int(hours) * 60 + int(minutes)
                body += struct.pack("<h", -offset if sign == "-" else offset)
        return bytes([len(body)]) + body


@dataclass(frozen=True)
class _VarBinaryMax(tds.ColumnType):
    def type_info(self) -> bytes:
        return b"\xa5\xff\xff"

    def encode(self, value: Any) -> bytes:
        if value is None:
            return tds.PLP_NULL
        chunk = struct.pack("<I", len(value)) + value if value else b""
        return struct.pack("<Q", len(value)) + chunk + struct.pack("<I", 0)


@dataclass(frozen=True)
class _NVarCharMax(tds.ColumnType):
    def type_info(self) -> bytes:
        return b"\xe7\xff\xff" + tds.DEFAULT_COLLATION

    def encode(self, value: Any) -> bytes:
        if value is None:
            return tds.PLP_NULL
        data = value.encode("utf-16-le", "surrogatepass")
        return struct.pack("<Q", len(data)) + (struct.pack("<I", len(data)) + data if data else b"") + b"\0\0\0\0"


@dataclass(frozen=True)
class _VarChar(tds.ColumnType):
    size: int

    def type_info(self) -> bytes:
        return b"\xa7" + struct.pack("<H", self.size) + tds.DEFAULT_COLLATION

    def encode(self, value: Any) -> bytes:
        if value is None:
            return b"\xff\xff"
        data = value.encode("cp1252")
        return struct.pack("<H", len(data)) + data


def on_the_wire(type_: SqlType) -> tds.ColumnType:
    """How TDS carries the type's values."""
    if type_.word in INTS:
        return tds.Integer(INTS[type_.word][2])
    if type_.word in ("time", "datetime2", "datetimeoffset"):
        return _Temporal({"time": 0x29, "datetime2": 0x2A, "datetimeoffset": 0x2B}[type_.word], type_.size)
    if type_.word == "nvarchar":
        return _NVarCharMax() if type_.size == MAX else tds.NVarChar(type_.size)
    if type_.word == "varbinary":
        return _VarBinaryMax() if type_.size == MAX else tds.VarBinary(type_.size)
    if type_.word == "varchar":
        return _VarChar(max(type_.size, 1))
    if type_.word == "decimal":
        return _Numeric(type_.size, type_.scale)
    return {
        "bit": tds.Bit(), "float": tds.Float(8), "date": _Temporal(0x28), "uniqueidentifier": tds.UniqueIdentifier()
    }[type_.word]  # fmt: skip
