"""Oracle's types as the double has them: what a column holds, and what a value becomes when it is put into one.

A value is the bytes that go over the wire, None for NULL; no bytes at all are NULL too, as in Oracle.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Final

from tests.doubles.oracle import wire
from tests.doubles.oracle.sql import ColumnDefinition, OraError, refused


@dataclass(frozen=True, slots=True)
class Kind:
    """A type: its code on the wire, how many bytes, digits and characters it holds."""

    code: int
    size: int
    precision: int = 0
    scale: int = 0
    chars: int = 0
    is_json: bool = False

    @property
    def family(self) -> str:
        return _FAMILIES.get(self.code, "other")


_FAMILIES: Final = {
    wire.VARCHAR: "text",
    wire.CHAR: "text",
    wire.LONG: "text",
    wire.CLOB: "text",
    wire.RAW: "bytes",
    wire.LONG_RAW: "bytes",
    wire.BLOB: "bytes",
    wire.NUMBER: "number",
    wire.BINARY_DOUBLE: "double",
    wire.DATE: "moment",
    wire.TIMESTAMP: "moment",
    wire.TIMESTAMP_TZ: "moment",
}
ANY_NUMBER: Final = Kind(wire.NUMBER, 22, 0, -127)
_MOMENT_SIZE: Final = {wire.DATE: 7, wire.TIMESTAMP: 11, wire.TIMESTAMP_TZ: 13}


def text_kind(chars: int) -> Kind:
    return Kind(wire.VARCHAR, max(chars, 1) * 4, chars=max(chars, 1))


@dataclass(slots=True)
class Column:
    """A column of a table, and what the dictionary says of it."""

    name: str
    kind: Kind
    data_type: str
    nullable: bool
    unit: str | None
    is_json: bool
    comment: str | None = None
    default: str | None = None  # its text


def column(given: ColumnDefinition) -> Column:
    """ORA-00902 for a type that the double has not; ORA-00910, ORA-01727 and the like beyond its limits."""
    kind, data_type, unit = _kind(given)
    return Column(given.name, kind, data_type, given.nullable, unit, given.is_json, default=given.default)


def _kind(given: ColumnDefinition) -> tuple[Kind, str, str | None]:
    first = given.numbers[0] if given.numbers else None
    match given.type:
        case "NUMBER":
            if first is None:
                return ANY_NUMBER, "NUMBER", None
            scale = given.numbers[1] if len(given.numbers) > 1 else 0
            if not 1 <= first <= 38:
                raise OraError(1727, "numeric precision specifier is out of range (1 to 38)")
            if not -84 <= scale <= 127:
                raise OraError(1728, "numeric scale specifier is out of range (-84 to 127)")
            return Kind(wire.NUMBER, 22, first, scale), "NUMBER", None
        case "BINARY_DOUBLE":
            return Kind(wire.BINARY_DOUBLE, 8), "BINARY_DOUBLE", None
        case "VARCHAR2":
            if first is None or not 1 <= first <= 4000:
                raise OraError(910, "specified length too long for its datatype")
            size = min(first * 4, 4000) if given.unit == "CHAR" else first
            return Kind(wire.VARCHAR, size, chars=first), "VARCHAR2", given.unit[0]
        case "RAW":
            if first is None or not 1 <= first <= 2000:
                raise OraError(910, "specified length too long for its datatype")
            return Kind(wire.RAW, first), "RAW", None
        case "CLOB" | "BLOB":
            code = wire.CLOB if given.type == "CLOB" else wire.BLOB
            return Kind(code, 4000, is_json=given.is_json), given.type, None
        case "DATE":
            return Kind(wire.DATE, 7), "DATE", None
        case "TIMESTAMP" | "TIMESTAMP WITH TIME ZONE":
            digits = 6 if first is None else first
            code = wire.TIMESTAMP if given.type == "TIMESTAMP" else wire.TIMESTAMP_TZ
            return (
                Kind(code, _MOMENT_SIZE[code], scale=digits),
                f"TIMESTAMP({digits}){given.type[9:]}",
                None,
            )
    raise OraError(902, "invalid datatype")


def stored(value: bytes | None, bound: int, into: Column, where: str) -> bytes | None:
    """The value, bound as a type of this code, as the column keeps it. ORA-01438, ORA-12899 and the like."""
    if not value:
        if not into.nullable:
            raise OraError(1400, f"cannot insert NULL into ({where})")
        return None
    found = converted(value, bound, into.kind)
    kind = into.kind
    if kind.code == wire.NUMBER and kind.precision:
        return _fitted(found, kind)
    if kind.code == wire.VARCHAR:
        length = len(found.decode()) if into.unit == "C" else len(found)
        if length > kind.chars or len(found) > 4000:
            raise OraError(12899, f"value too large for column {where} (actual: {length}, maximum: {kind.chars})")
    elif kind.code == wire.RAW and len(found) > kind.size:
        raise OraError(12899, f"value too large for column {where} (actual: {len(found)}, maximum: {kind.size})")
    elif into.is_json:
        try:
            json.loads(found)
        except ValueError:
            raise OraError(2290, f"check constraint (JSON of {where}) violated") from None
    return found


def converted(value: bytes, bound: int, kind: Kind) -> bytes:
    """The value of one type as another has it; only where Oracle converts by itself without loss."""
    source, target = _FAMILIES.get(bound, "other"), kind.family
    if source == target:
        if target == "number":
            return _normal(value)
        if target == "moment":
            return _moment(value, kind)
        return value
    if source == "text" and target == "number":
        try:
            return wire.number(Decimal(value.decode()))
        except (InvalidOperation, ValueError):
            raise OraError(1722, "unable to convert string value containing a letter to a number") from None
    if source == "number" and target == "double":
        return wire.double(float(wire.decimal_of(value)))
    raise refused(f"how to turn {source} into {target}")


def _normal(data: bytes) -> bytes:
    """One number, one sequence of bytes: without the zeros that a client may leave at the end."""
    if data[0] & 0x80:
        return data.rstrip(b"\x01") if data[-1] == 1 and len(data) > 1 else data
    body = data[:-1] if data[-1] == 102 else data
    short = body.rstrip(b"\x65")
    return short + b"\x66" if len(short) < 21 else short


def _fitted(data: bytes, kind: Kind) -> bytes:
    high = (
        data[0] - 193
    )  # of a number that is not negative: how many digits of base 100 stand before the point, less one
    if kind.scale == 0 and (data == b"\x80" or (high >= len(data) - 2 and 2 * (high + 1) <= kind.precision)):
        return data  # a whole number of few digits, as most are
    value = wire.rounded(wire.decimal_of(data), kind.scale)
    if value.copy_abs().scaleb(kind.scale, wire.EXACT) >= Decimal(10) ** kind.precision:
        raise OraError(1438, f"value {value} greater than specified precision ({kind.precision}, {kind.scale}) allowed")
    return wire.number(value)


def _moment(data: bytes, kind: Kind) -> bytes:
    """DATE has 7 bytes, TIMESTAMP 4 more for nanoseconds, WITH TIME ZONE 2 more; the session is in UTC."""
    nanoseconds = int.from_bytes(data[7:11], "big") if len(data) > 7 else 0
    zone = data[11:13] if len(data) > 11 else b"\x14\x3c"
    if kind.code == wire.DATE:
        if nanoseconds:
            raise refused("how a fraction of a second is dropped")
        return data[:7]
    unit = 10 ** (9 - kind.scale)
    if nanoseconds % unit:
        raise refused(f"how a moment is rounded to {kind.scale} digits of a second")
    found = data[:7] + nanoseconds.to_bytes(4, "big")
    return found + zone if kind.code == wire.TIMESTAMP_TZ else found
