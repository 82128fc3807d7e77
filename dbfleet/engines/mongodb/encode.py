"""Rows to BSON, column by column. Imported only behind a connection: it needs bson.

An element is a type byte, a name, a value (https://bsonspec.org/spec.html); a document is its length, its elements and
a zero. So a column's elements are made in one go, and a document is a join of one of each: 4 µs for a row of twelve
columns, where dicts and the driver's encoder take 6. A field that is NULL is an element of no bytes. What is rare or
nested is left to the driver's encoder; a test holds the rest to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from struct import Struct
from typing import Any, Final

from bson import encode
from bson.binary import Binary
from bson.objectid import ObjectId

from dbfleet.columns import cut
from dbfleet.engines.mongodb.values import CODEC, INT64_MAX, INT64_MIN, decimal128, from_exact, integer, stored_json
from dbfleet.values import Column, Row, Schema, Type, time_text

Elements = Callable[[Sequence[Any]], list[bytes]]
"""Makes a column's elements of its values."""
One = Callable[[Any], bytes]
"""Makes the element of a value that is not NULL."""

NATIVE_OBJECT_ID: Final = "objectId"
"""Column.native of text that is an ObjectId in MongoDB, and is stored as one again."""
_BSON: Final = "bson ("
JSON_KINDS: Final = frozenset({"object", "array", "array, object"})
"""Column.native of json in a collection that dbfleet did not make: its null is a missing field."""
_KIND: Final = re.compile(r"int|long|double|decimal|string|symbol|undefined|uuid|binData( [0-9]{1,3})?")
_BINARY: Final = re.compile(r"binData ([0-9]{1,3})")


def bson_native(kinds: Iterable[str]) -> str:
    """Column.native of json that says the BSON type of every value (mongodb.values.exact)."""
    return f"{_BSON}{', '.join(sorted(kinds))})"


def is_bson(column: Column) -> bool:
    """Whether the column is json that says every BSON type: `bson_native`."""
    return column.type is Type.JSON and (column.native or "").startswith(_BSON)


def kept_beside(column: Column) -> bool:
    """Whether the native type says something that the type does not."""
    native = column.native or ""
    if native in (NATIVE_OBJECT_ID, "long") or native in JSON_KINDS or is_bson(column):
        return True
    kinds = native.split(", ")
    return (len(kinds) > 1 or native.startswith("binData ")) and all(map(_KIND.fullmatch, kinds))


_length = Struct("<i").pack
_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - BSON's datetimes have no zone
_EPOCH_UTC: Final = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_DAY: Final = _EPOCH.toordinal()
_DAY_MS: Final = 86_400_000
_GLANCE: Final = 60
_REMEMBERED: Final = 20_000
_REPEATING: Final = frozenset({Type.TEXT, Type.DATE, Type.TIME})
"""Types whose equal values have equal elements. Equal decimals may differ in their zeros."""


class Raw:
    """A document that is BSON already, for the driver's encoder to copy."""

    __slots__ = ("raw",)
    _type_marker = 101  # bson's own sign for such a class

    def __init__(self, raw: bytes) -> None:
        self.raw = raw


FIXED: Final = {1: 8, 6: 0, 7: 12, 8: 1, 9: 8, 10: 0, 16: 4, 17: 8, 18: 8, 19: 16, 127: 0, 255: 0}
"""The bytes of a value, by the byte of its type."""
_COUNTED: Final = {2: 4, 3: 0, 4: 0, 5: 5, 13: 4, 14: 4, 12: 16, 15: 0}
"""For values that begin with their length: the bytes to be added to it."""
_REGEX: Final = 11


def elements(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The document's elements at the top, each behind its name."""
    place = 4
    while kind := raw[place]:
        end = raw.index(0, place) + 1
        name = raw[place + 1 : end - 1]
        if kind == _REGEX:
            end = raw.index(0, raw.index(0, end) + 1) + 1
        elif kind in FIXED:
            end += FIXED[kind]
        else:
            end += int.from_bytes(raw[end : end + 4], "little") + _COUNTED[kind]
        yield name, raw[place:end]
        place = end


def id_element(raw: bytes) -> bytes:
    """The element of the document's `_id`; no bytes where it has none. The server keeps it first, a view may not."""
    return next((element for name, element in elements(raw) if name == b"_id"), b"")


def renamed_id(raw: bytes, name: bytes | None) -> bytes:
    """The document with its `_id` under this name, or without it."""
    element = id_element(raw)
    if not element:
        return raw
    other = b"" if name is None else element[:1] + name + element[4:]
    return document(raw[4:-1].replace(element, other, 1))


def document(elements: bytes) -> bytes:
    """A document of these elements."""
    return b"%b%b\0" % (_length(len(elements) + 5), elements)


class Encoder:
    """Documents of a schema's rows. `field` names a column's field; `key` are the columns that `_id` is made of."""

    def __init__(self, schema: Schema, key: Sequence[str], field: Callable[[str], str]) -> None:
        self._compound = len(key) > 1
        makers = {column.name: _elements(column, field(column.name)) for column in schema.columns}
        places = {name: place for place, name in enumerate(schema.names)}
        self._key = [(places[name], makers[name]) for name in key if name in makers]
        self._others = [(place, makers[name]) for name, place in places.items() if name not in key]

    def encode(self, rows: Sequence[Row]) -> tuple[list[bytes], list[bytes]]:
        """The rows' documents, `_id` first; and the elements of their `_id`, by which an upsert finds them."""
        columns = list(zip(*rows, strict=True))
        ids = [make(columns[place]) for place, make in self._key]
        others = [make(columns[place]) for place, make in self._others]
        if self._compound and ids:
            ids = [[b"\x03_id\0%b" % each for each in _documents(ids)]]
        return _documents([*ids, *others]), ids[0] if ids else []


def _documents(columns: Sequence[Sequence[bytes]]) -> list[bytes]:
    """A document of each row's elements."""
    bodies = list(map(b"".join, zip(*columns, strict=True)))
    sizes = list(map(len, bodies))
    if len(sizes) and min(sizes) == max(sizes):  # as where all are numbers
        template = _length(sizes[0] + 5).replace(b"%", b"%%") + b"%b\0"
        return list(map(template.__mod__, bodies))
    return list(map(b"%b%b\0".__mod__, zip(map(_LENGTHS.__getitem__, sizes), bodies, strict=True)))


class _Lengths(dict[int, bytes]):
    """The packed length of a document by that of its elements; most are below some thousand."""

    def __missing__(self, size: int) -> bytes:
        packed = _length(size + 5)
        if size < _REMEMBERED:
            self[size] = packed
        return packed


_LENGTHS: Final = _Lengths()


# --- elements -----------------------------------------------------------------------------------------------------


def _elements(column: Column, field: str) -> Elements:
    if "\0" in field:
        raise ValueError("a name in MongoDB holds no NUL character")
    name = field.encode()
    if column.type is Type.INT:
        return _integers(name, field, wide=column.native == "long")
    if column.type is Type.DECIMAL:
        return _decimals(name, field)
    if column.type is Type.TEXT and column.native == NATIVE_OBJECT_ID:
        return _each(_by_driver(field, _object_id))
    if column.type is Type.BYTES and (binary := _BINARY.fullmatch(column.native or "")):
        subtype = int(binary[1])
        return _each(_by_driver(field, lambda value: Binary(value, subtype)))
    if is_bson(column):
        return _each(_by_driver(field, from_exact))
    one = _ONE[column.type](name, field)
    shorter = cut(column, 6 if column.type is Type.TIME else 3)
    return _each((lambda value: one(shorter(value))) if shorter else one, repeats=column.type in _REPEATING)


def _each(one: One, *, repeats: bool = False) -> Elements:
    """With `repeats`, equal values have equal elements. Where a column holds few values many times, each is made
    once."""

    def elements(values: Sequence[Any]) -> list[bytes]:
        if repeats and 3 * len(set(values[:_GLANCE])) < len(values[:_GLANCE]):
            distinct = set(values)
            if 3 * len(distinct) < len(values):
                made = {value: b"" if value is None else one(value) for value in distinct}
                return list(map(made.__getitem__, values))
        if None in values:
            return [b"" if value is None else one(value) for value in values]
        return list(map(one, values))

    return elements


def _by_driver(field: str, convert: Callable[[Any], Any]) -> One:
    """The element as the driver encodes it: its document without the length and the zero around it."""
    return lambda value: encode({field: convert(value)}, codec_options=CODEC)[4:-1]


def _integers(name: bytes, field: str, *, wide: bool = False) -> Elements:
    """int32 where it is large enough, as in every driver; int64 (`wide`: always); beyond that what the driver makes."""
    head32, head64 = b"\x10" + name + b"\0", b"\x12" + name + b"\0"
    pack32, pack64 = Struct(f"<{len(head32)}si").pack, Struct(f"<{len(head64)}sq").pack
    widest = _by_driver(field, integer)
    least, most = (0, -1) if wide else (-0x8000_0000, 0x7FFF_FFFF)

    def elements(values: Sequence[Any]) -> list[bytes]:
        has_null = None in values
        numbers = [value for value in values if value is not None] if has_null else values
        if numbers and (min(numbers) < INT64_MIN or max(numbers) > INT64_MAX):
            return _each(widest)(values)
        if has_null:
            return [
                b"" if value is None
                else pack32(head32, value) if least <= value <= most
                else pack64(head64, value)
                for value in values
            ]  # fmt: skip
        return [pack32(head32, value) if least <= value <= most else pack64(head64, value) for value in values]

    return elements


def _bools(name: bytes, _field: str) -> One:
    yes, no = b"\x08" + name + b"\0\1", b"\x08" + name + b"\0\0"
    return lambda value: yes if value else no


def _floats(name: bytes, _field: str) -> One:
    head = b"\x01" + name + b"\0"
    pack = Struct(f"<{len(head)}sd").pack
    return lambda value: pack(head, value)


def _texts(name: bytes, _field: str) -> One:
    head = b"\x02" + name + b"\0"

    def one(value: str) -> bytes:
        data = value.encode()
        return b"%b%b%b\0" % (head, _length(len(data) + 1), data)

    return one


def _bytes(name: bytes, _field: str) -> One:
    head = b"\x05" + name + b"\0"
    return lambda value: b"%b%b\0%b" % (head, _length(len(value)), value)


def _uuids(name: bytes, _field: str) -> One:
    head = b"\x05" + name + b"\0" + _length(16) + b"\x04"
    return lambda value: head + value.bytes


class _ByText(dict[str, bytes]):
    """Elements of decimals by their text, which has the zeros that equal decimals may differ in. Prices come again and
    again, and a look-up takes a third of the time."""

    def __init__(self, make: Callable[[str], bytes]) -> None:
        self._make = make

    def __missing__(self, text: str) -> bytes:
        if len(self) >= _REMEMBERED:
            self.clear()
        element = self[text] = self._make(text)
        return element


def _decimals(name: bytes, field: str) -> Elements:
    head = b"\x13" + name + b"\0"
    pack = Struct(f"<{len(head)}sQQ").pack
    otherwise = _by_driver(field, decimal128)

    def make(text: str) -> bytes:
        whole, _, fraction = text.partition(".")
        try:
            number = int(whole + fraction)
        except ValueError:  # an exponent, NaN, Infinity
            return otherwise(Decimal(text))
        if 0 < number <= 0xFFFF_FFFF_FFFF_FFFF:
            return pack(head, number, (6176 - len(fraction)) << 49)
        return otherwise(Decimal(text))

    made = _ByText(make)

    def elements(values: Sequence[Any]) -> list[bytes]:
        if None in values:
            return [b"" if value is None else made[decimal_str(value)] for value in values]
        return list(map(made.__getitem__, map(decimal_str, values)))

    return elements


decimal_str: Final = Decimal.__str__


def _dates(name: bytes, _field: str) -> One:
    head = b"\x09" + name + b"\0"
    pack = Struct(f"<{len(head)}sq").pack
    return lambda value: pack(head, (date.toordinal(value) - _EPOCH_DAY) * _DAY_MS)


def _moments(epoch: datetime) -> Callable[[bytes, str], One]:
    """Whole milliseconds since the epoch; the rest is cut off."""

    def ones(name: bytes, _field: str) -> One:
        head = b"\x09" + name + b"\0"
        pack = Struct(f"<{len(head)}sq").pack

        def one(value: datetime) -> bytes:
            since = value - epoch
            return pack(head, since.days * _DAY_MS + since.seconds * 1000 + since.microseconds // 1000)

        return one

    return ones


def _times(name: bytes, field: str) -> One:
    text = _texts(name, field)
    return lambda value: text(time_text(value))


def _object_id(value: str) -> ObjectId | str:
    return ObjectId(value) if len(value) == 24 and value == value.lower() and ObjectId.is_valid(value) else value


_ONE: Final[Mapping[Type, Callable[[bytes, str], One]]] = {
    Type.BOOL: _bools,
    Type.FLOAT: _floats,
    Type.TEXT: _texts,
    Type.BYTES: _bytes,
    Type.DATE: _dates,
    Type.TIME: _times,
    Type.DATETIME: _moments(_EPOCH),
    Type.INSTANT: _moments(_EPOCH_UTC),
    Type.UUID: _uuids,
    Type.JSON: lambda _name, field: _by_driver(field, stored_json),
}
