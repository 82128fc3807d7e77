"""What goes over the wire: TNS packets, TTC's integers and texts, and Oracle's own bytes of a number and a moment.

Only what python-oracledb's thin mode sends and expects, at the field version of Oracle Database 19c: no fast
authentication, no out-of-band breaks, no explicit end of response. Oracle's bytes of NUMBER, DATE, TIMESTAMP,
BINARY_DOUBLE and RAW sort as their values do, which is why the engine stores them as they come.
"""

from __future__ import annotations

import decimal
import struct
from collections.abc import Callable
from decimal import Decimal
from typing import Final

VARCHAR: Final = 1
NUMBER: Final = 2
LONG: Final = 8
DATE: Final = 12
RAW: Final = 23
LONG_RAW: Final = 24
CHAR: Final = 96
BINARY_DOUBLE: Final = 101
CLOB: Final = 112
BLOB: Final = 113
TIMESTAMP: Final = 180
TIMESTAMP_TZ: Final = 181

NAMES: Final = {
    VARCHAR: "VARCHAR2",
    NUMBER: "NUMBER",
    LONG: "LONG",
    DATE: "DATE",
    RAW: "RAW",
    LONG_RAW: "LONG RAW",
    CHAR: "CHAR",
    BINARY_DOUBLE: "BINARY_DOUBLE",
    CLOB: "CLOB",
    BLOB: "BLOB",
    TIMESTAMP: "TIMESTAMP",
    TIMESTAMP_TZ: "TIMESTAMP WITH TIME ZONE",
}

DATA: Final = 6
MARKER: Final = 12
BREAK: Final = b"\x01\x00\x01"
RESET: Final = b"\x01\x00\x02"

MAX_STRING: Final = 32767
"""Binds that may be longer than this many bytes come after a row's others."""


def ub(number: int) -> bytes:
    """TTC's integer: how many bytes, then the bytes."""
    if number == 0:
        return b"\0"
    size = (number.bit_length() + 7) // 8
    return bytes([size]) + number.to_bytes(size, "big")


def raw(data: bytes | None) -> bytes:
    """Bytes after their length, in chunks when they are long; nothing at all is NULL."""
    if not data:
        return b"\0"
    if len(data) <= 252:
        return bytes([len(data)]) + data
    parts = [b"\xfe"]
    for start in range(0, len(data), MAX_STRING):
        chunk = data[start : start + MAX_STRING]
        parts += (ub(len(chunk)), chunk)
    return b"".join(parts) + b"\0"


def counted(text: str | bytes) -> bytes:
    """A text after its length, said twice."""
    data = text.encode() if isinstance(text, str) else text
    return ub(len(data)) + (raw(data) if data else b"")


class Reader:
    """A request that is being read; `more` gives the next packet's bytes where it spans several."""

    def __init__(self, data: bytes, more: Callable[[], bytes]) -> None:
        self._data = bytearray(data)
        self._place = 0
        self._more = more

    def take(self, size: int) -> bytes:
        end = self._place + size
        if end > len(self._data):
            del self._data[: self._place]
            self._place, end = 0, size
            while end > len(self._data):
                self._data += self._more()
        found = bytes(self._data[self._place : end])
        self._place = end
        return found

    def u1(self) -> int:
        return self.take(1)[0]

    def skip(self, *kinds: str) -> None:
        """Read past fields: "1" is one byte, "n" an integer."""
        for kind in kinds:
            self.u1() if kind == "1" else self.ub()

    def ub(self) -> int:
        return int.from_bytes(self.take(self.u1() & 0x7F), "big")

    def raw(self) -> bytes | None:
        size = self.u1()
        if size in (0, 255):
            return None
        if size != 254:
            return self.take(size)
        parts = []
        while chunk := self.ub():
            parts.append(self.take(chunk))
        return b"".join(parts)

    def counted(self) -> bytes:
        return (self.raw() or b"") if self.ub() else b""


# --- values in Oracle's bytes ---

EXACT: Final = decimal.Context(prec=80, Emin=-999, Emax=999)
"""Python's own arithmetic rounds to 28 digits, even in abs()."""


def number(value: Decimal | int) -> bytes:
    """NUMBER's bytes: an exponent of 100, then digits of base 100; complemented where it is negative."""
    sign, digits, exponent = Decimal(value).as_tuple()
    assert isinstance(exponent, int)
    pairs = list(digits)
    if exponent % 2:
        pairs.append(0)
        exponent -= 1
    if len(pairs) % 2:
        pairs.insert(0, 0)
    hundreds = [pairs[place] * 10 + pairs[place + 1] for place in range(0, len(pairs), 2)]
    high = exponent // 2 + len(hundreds) - 1
    while hundreds and hundreds[-1] == 0:
        hundreds.pop()
    while hundreds and hundreds[0] == 0:
        hundreds.pop(0)
        high -= 1
    if not hundreds:
        return b"\x80"
    if not sign:
        return bytes([high + 193] + [digit + 1 for digit in hundreds])
    return bytes([62 - high] + [101 - digit for digit in hundreds] + ([102] if len(hundreds) < 20 else []))


def decimal_of(data: bytes) -> Decimal:
    """The value of NUMBER's bytes, every digit kept."""
    if data == b"\x80":
        return Decimal(0)
    if data[0] & 0x80:
        high, hundreds, sign = data[0] - 193, [byte - 1 for byte in data[1:]], 0
    else:
        body = data[1:-1] if data[-1] == 102 else data[1:]
        high, hundreds, sign = 62 - data[0], [101 - byte for byte in body], 1
    digits = [digit for pair in hundreds for digit in divmod(pair, 10)]
    return Decimal((sign, tuple(digits), 2 * (high - len(hundreds) + 1)))


def double(value: float) -> bytes:
    """BINARY_DOUBLE's bytes; Oracle has one zero and one NaN."""
    if value == 0:
        value = 0.0
    if value != value:
        return b"\xff\xf8" + bytes(6)
    bits = int.from_bytes(struct.pack(">d", value), "big")
    bits = bits ^ 0xFFFF_FFFF_FFFF_FFFF if bits >> 63 else bits | 1 << 63
    return bits.to_bytes(8, "big")


def float_of(data: bytes) -> float:
    bits = int.from_bytes(data, "big")
    bits = bits ^ (1 << 63) if bits >> 63 else bits ^ 0xFFFF_FFFF_FFFF_FFFF
    found: float = struct.unpack(">d", bits.to_bytes(8, "big"))[0]
    return found


def rounded(value: Decimal, scale: int) -> Decimal:
    """As Oracle rounds: half away from zero."""
    return value.quantize(Decimal(1).scaleb(-scale), rounding=decimal.ROUND_HALF_UP, context=EXACT)
