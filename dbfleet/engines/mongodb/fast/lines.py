"""The documents of a collection as lines of COPY's text, for comparing and copying them as bytes (Ordered,
ReadsLines).

A page of raw BSON is taken apart by one regular expression that is made for the schema: its columns' elements, in
their order, each of which may be missing. No document becomes a dict and no value an object of the driver's: 4.3 µs a
row of thirteen columns, where decoding it takes 9.3. A page that holds anything else (another order of fields, another
type, a field that is no column, U+0000 in a text) is decoded as everywhere else. Bytes and json have no pattern, as
only their length says where they end.

`ordered` has the order of `_id`'s index, which is BSON's own. It is that of the key where all `_id` are of one kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from struct import Struct, unpack
from typing import Any, Final

from bson import decode_all

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines.mongodb import tables
from dbfleet.engines.mongodb.documents import Layout
from dbfleet.engines.mongodb.encode import NATIVE_OBJECT_ID
from dbfleet.engines.mongodb.read import keys_are, pages, rows_of
from dbfleet.engines.mongodb.session import Session
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.lines import NULL, escape, joined, needs_escapes
from dbfleet.values import Batch, Column, Schema, Type, decimal_text

Cells = Sequence[bytes]

_AT_ONCE: Final = 5000
"""Documents of a page."""
_KINDS: Final[Mapping[Type, tuple[str, ...]]] = {
    Type.INT: ("int", "long"),
    Type.TEXT: ("string",),
    Type.DATE: ("date",),
    Type.UUID: ("binData",),
}
"""What `$type` says of `_id`, by the type of a key whose order we know."""

_EPOCH_DAY: Final = date(1970, 1, 1).toordinal()
_DAY_MS: Final = 86_400_000


def lines(session: Session, schema: Schema, part: Part) -> Iterator[bytes] | None:
    """The part's rows; None where a column has no fixed form in BSON."""
    with session.translated():
        layout = tables.layout(session, schema)
    render = renderer(layout)
    return None if render is None else _lines(session, layout, part, render)


def ordered(session: Session, schema: Schema) -> Iterator[bytes] | None:
    """All rows in the order of their key; None where that is not the order of `_id`."""
    if len(schema.key) != 1:
        return None
    with session.translated():
        if not tables.is_stored(session, schema.name) or tables.layout(session, schema).key != schema.key:
            return None
        kinds = _KINDS.get(schema.column(schema.key[0]).type)
        if kinds is None or not keys_are(session.database[schema.name], session.logical, kinds):
            return None
    return lines(session, schema, WHOLE)


def _lines(session: Session, layout: Layout, part: Part, render: Callable[[bytes], bytes]) -> Iterator[bytes]:
    with pages(session, layout.schema.name, part, _AT_ONCE) as documents:
        while True:
            with session.translated():
                page = next(documents, None)
                if page is None:
                    return
                try:
                    chunk = render(page)
                except Odd:
                    chunk = row_lines(layout.schema, rows_of(layout, decode_all(page, CODEC)))
            if chunk:
                yield chunk


class Odd(Exception):
    """A page holds what the fast way does not know."""


def renderer(layout: Layout) -> Callable[[bytes], bytes] | None:
    """A function from a page to its lines, which raises Odd for a page that it does not know; None for a schema with
    columns that have no fixed form."""
    schema = layout.schema
    if any(column.type not in _COLUMNS or column.native == NATIVE_OBJECT_ID for column in schema.columns):
        return None
    if any(name not in schema.names for name in layout.key):
        return None
    # A document begins with its length, and ends with a zero; so does the one that a compound key is.
    parts: list[bytes] = [b".{4}", *([b"\x03_id\0.{4}"] if layout.compound else [])]
    makers = []
    place = 0
    if not layout.key:
        parts.append(b"\x07_id\0.{12}")
    for number, column in enumerate((*map(schema.column, layout.key), *_stored_order(layout)), 1):
        pattern, groups, make = _COLUMNS[column.type]
        name = re.escape(layout.field(column.name).encode()) + b"\0"
        if column.name in layout.key:  # it is always there
            pattern = pattern.removesuffix(b"?").replace(b"|\x0aNAME", b"")
        parts.append(pattern.replace(b"NAME", name))
        makers.append((schema.names.index(column.name), place, groups, make))
        place += groups
        if layout.compound and number == len(layout.key):
            parts.append(b"\0")
    makers.sort()
    documents = re.compile(b"".join(parts) + b"\0", re.DOTALL)

    def lines(page: bytes) -> bytes:
        scanner = documents.scanner(page)  # type: ignore[attr-defined]
        found, end = [], 0
        for match in iter(scanner.match, None):
            found.append(match.groups(b""))
            end = match.end()
        if end != len(page):
            raise Odd
        if not found:
            return b""
        columns: list[Any] = list(zip(*found, strict=True))
        cells = [make(*columns[place : place + groups]) for _, place, groups, make in makers]
        return joined(cells)

    return lines


def _stored_order(layout: Layout) -> list[Column]:
    """The columns behind the key, as documents have them: in the order of the schema that they were written with."""
    order = {name: place for place, name in enumerate(layout.names)}
    others = [column for column in layout.schema.columns if column.name not in layout.key]
    return sorted(others, key=lambda column: order.get(column.name, len(order)))


# --- columns of elements --------------------------------------------------------------------------------------------


def _integers(short: Cells, long: Cells) -> Cells:
    if b"" not in short:
        return [b"%d" % each for each in unpack(f"<{len(short)}i", b"".join(short))]
    if b"" not in long:
        return [b"%d" % each for each in unpack(f"<{len(long)}q", b"".join(long))]
    return [
        b"%d" % int.from_bytes(one or other, "little", signed=True) if one or other else NULL
        for one, other in zip(short, long, strict=True)
    ]


_BOOLS: Final = {b"\0": b"f", b"\x01": b"t", b"": NULL}


def _bools(values: Cells) -> Cells:
    return list(map(_BOOLS.__getitem__, values))


def _texts(lengths: Cells, texts: Cells) -> Cells:
    together = b"".join(texts)
    sizes = b"".join(lengths)
    present = len(sizes) // 4
    # A text that holds U+0000 was cut there, and is shorter than it says.
    if sum(unpack(f"<{present}i", sizes)) != len(together) + present:
        raise Odd
    if not together.isascii():
        try:
            together.decode()
        except UnicodeDecodeError:
            raise Odd from None
    if needs_escapes(together):
        texts = escape(b"\0".join(texts)).split(b"\0")
    if present < len(texts):
        return [text if length else NULL for length, text in zip(lengths, texts, strict=True)]
    return texts


_PAIR: Final = Struct("<QQ")
_CENTS: Final = (6176 - 2) << 49
"""The high half of a positive Decimal128 with two digits behind the point and fewer than 20 in all."""
_MOST: Final = 10**34


def _decimals(values: Cells) -> Cells:
    return [NULL if not value else _decimal(value) for value in values]


def _decimal(value: bytes) -> bytes:
    low, high = _PAIR.unpack(value)
    if high == _CENTS:
        return b"%d.%02d" % divmod(low, 100)
    if high & 0x6000_0000_0000_0000 == 0x6000_0000_0000_0000:
        raise Odd
    number = (high & 0x1_FFFF_FFFF_FFFF) << 64 | low
    if number >= _MOST:
        raise Odd
    exponent = ((high >> 49) & 0x3FFF) - 6176
    sign = b"-" if high >> 63 and number else b""
    if -40 < exponent < 0:
        digits = b"%0*d" % (1 - exponent, number)
        return sign + digits[:exponent] + b"." + digits[exponent:]
    if 0 <= exponent < 40:
        return sign + b"%d" % (number * 10**exponent)
    raise Odd


def _floats(values: Cells) -> Cells:
    if b"" not in values:
        return list(map(_float, unpack(f"<{len(values)}d", b"".join(values))))
    return [_float(unpack("<d", value)[0]) if value else NULL for value in values]


def _float(value: float) -> bytes:
    if value - value:
        return b"NaN" if value != value else b"Infinity" if value > 0 else b"-Infinity"
    text = repr(value)
    return (text[:-2] if text.endswith(".0") else text).encode()


class _Days(dict[int, bytes]):
    """ISO dates by days since 1970."""

    def __missing__(self, day: int) -> bytes:
        if len(self) > 50_000:
            self.clear()
        try:
            found = self[day] = date.fromordinal(day + _EPOCH_DAY).isoformat().encode()
        except (ValueError, OverflowError):
            raise Odd from None
        return found


class _Seconds(dict[int, bytes]):
    """Times by seconds of a day, behind a blank."""

    def __missing__(self, second: int) -> bytes:
        minutes, seconds = divmod(second, 60)
        found = self[second] = b" %02d:%02d:%02d" % (*divmod(minutes, 60), seconds)
        return found


_DAYS: Final = _Days()
_SECONDS: Final = _Seconds()
_MILLIS: Final = [(f".{number:03}".rstrip("0") if number else "").encode() for number in range(1000)]


def _numbers(values: Cells) -> Sequence[int | None]:
    if b"" not in values:
        return unpack(f"<{len(values)}q", b"".join(values))
    return [int.from_bytes(value, "little", signed=True) if value else None for value in values]


def _dates(values: Cells) -> Cells:
    days = _DAYS
    return [NULL if number is None else days[number // _DAY_MS] for number in _numbers(values)]


def _moments(zone: bytes) -> Callable[[Cells], Cells]:
    ends = [milli + zone for milli in _MILLIS]

    def moments(values: Cells) -> Cells:
        days, seconds, numbers = _DAYS, _SECONDS, _numbers(values)
        if b"" in values:
            return [
                NULL if n is None else days[n // 86_400_000] + seconds[n // 1000 % 86_400] + ends[n % 1000]
                for n in numbers
            ]
        return [days[n // 86_400_000] + seconds[n // 1000 % 86_400] + ends[n % 1000] for n in numbers]  # type: ignore[operator]

    return moments


def _uuids(values: Cells) -> Cells:
    found = []
    for value in values:
        text = value.hex()
        cell = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}".encode()
        found.append(cell if value else NULL)
    return found


def _one(kind: bytes, value: bytes) -> bytes:
    """An element that may be missing, or null."""
    return b"(?:" + kind + b"NAME" + value + b"|\x0aNAME)?"


_COLUMNS: Final[Mapping[Type, tuple[bytes, int, Callable[..., Cells]]]] = {
    Type.BOOL: (_one(b"\x08", b"(.)"), 1, _bools),
    Type.INT: (b"(?:\x10NAME(.{4})|\x12NAME(.{8})|\x0aNAME)?", 2, _integers),
    Type.DECIMAL: (_one(b"\x13", b"(.{16})"), 1, _decimals),
    Type.FLOAT: (_one(b"\x01", b"(.{8})"), 1, _floats),
    Type.TEXT: (_one(b"\x02", b"(.{4})([^\0]*)\0"), 2, _texts),
    Type.DATE: (_one(b"\x09", b"(.{8})"), 1, _dates),
    Type.TIME: (_one(b"\x02", b"(.{4})([^\0]*)\0"), 2, _texts),
    Type.DATETIME: (_one(b"\x09", b"(.{8})"), 1, _moments(b"")),
    Type.INSTANT: (_one(b"\x09", b"(.{8})"), 1, _moments(b"+00")),
    Type.UUID: (_one(b"\x05", b"\x10\0\0\0\x04(.{16})"), 1, _uuids),
}
"""By type: the element's pattern, how many groups it has, and what makes cells of these."""


# --- and of rows ----------------------------------------------------------------------------------------------------


def row_lines(schema: Schema, rows: Batch) -> bytes:
    """The lines of rows that are decoded already."""
    plan = [_CELL[column.type] for column in schema.columns]
    return b"".join(
        b"\t".join([NULL if value is None else cell(value) for cell, value in zip(plan, row, strict=True)]) + b"\n"
        for row in rows
    )


def _number(value: Decimal) -> bytes:
    text = str(value)
    return (decimal_text(value) if "E" in text else text).encode()


def _text(value: Any) -> bytes:
    return escape(str(value).encode())


def _moment(value: datetime) -> bytes:
    text = value.replace(tzinfo=None).isoformat(" ")
    return (text.rstrip("0") if "." in text else text).encode() + (b"+00" if value.tzinfo else b"")


_CELL: Final[Mapping[Type, Callable[[Any], bytes]]] = {
    Type.BOOL: lambda value: b"t" if value else b"f",
    Type.INT: lambda value: b"%d" % value,
    Type.DECIMAL: _number,
    Type.FLOAT: _float,
    Type.TEXT: _text,
    Type.DATE: _text,
    Type.TIME: _text,
    Type.DATETIME: _moment,
    Type.INSTANT: _moment,
    Type.UUID: _text,
}
