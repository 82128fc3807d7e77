"""BSON values and ours, one by one. Imported only behind a connection: it needs bson.

decimal   Decimal128 holds 34 digits. A decimal or integer that needs more is kept as the text of its digits
          (`decimal128` and `integer` give str then), so a column of numbers loses none.
json      documents, arrays, int32/int64, double where the double's shortest text is the number, else Decimal128. What
          BSON has no document for (a key with U+0000, more than 90 levels, 35 digits, `$ref` with `$id`, which drivers
          take for a DBRef) is kept whole as Binary of subtype 128, its canonical JSON.
plain     a query's values: ObjectId as its hex text, dates as instants, Decimal128 as Decimal, Binary as bytes, and
          relaxed Extended JSON for what Python has no plain form for (regex, MinKey, Timestamp, Code, DBRef).
extended  the same inside a json column, where only JSON may stand: dates, ObjectIds and Binary as Extended JSON too.
"""

from __future__ import annotations

import base64
import decimal
import json
import struct
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from bson import decode, encode, json_util
from bson.binary import Binary, UuidRepresentation
from bson.codec_options import CodecOptions, DatetimeConversion
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from dbfleet.values import JSON_NULL, VALUE_OF, Type, decimal_text, float_text, json_text

CODEC: Final[CodecOptions[dict[str, Any]]] = CodecOptions(
    uuid_representation=UuidRepresentation.STANDARD,
    # Naive UTC: half the time of aware values, and rows need both kinds.
    tz_aware=False,
    # A BSON date reaches to the year 292 million; outside of Python's years it comes as DatetimeMS instead of failing.
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
    # The server takes text that is not UTF-8; one such value must not stop a scan.
    unicode_decode_error_handler="backslashreplace",
)

INT64_MIN: Final = -(2**63)
INT64_MAX: Final = 2**63 - 1
JSON_SUBTYPE: Final = 128
_MOST: Final = 10**34  # Decimal128's coefficient is below
_DEEPEST: Final = 90  # MongoDB documents 100 levels; the row and its array take some
_EXACT: Final = decimal.Context(prec=40, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)
_unpack = struct.Struct("<QQ").unpack
_RELAXED: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.RELAXED, uuid_representation=UuidRepresentation.STANDARD, tz_aware=True
)
_CANONICAL: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    uuid_representation=UuidRepresentation.STANDARD,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)


# --- numbers ------------------------------------------------------------------------------------------------------


def decimal128(value: Decimal) -> Decimal128 | str:
    """The value as Decimal128, every digit and trailing zero kept; as canonical text where 34 digits are not enough."""
    try:
        return Decimal128(value)
    except decimal.DecimalException:
        return decimal_text(value)


def integer(value: int) -> int | Decimal128 | str:
    """The value as BSON integer, Decimal128 or text: the first that holds it."""
    return value if INT64_MIN <= value <= INT64_MAX else decimal128(Decimal(value))


def from_decimal128(value: Decimal128) -> Decimal:
    """The exact Decimal. 1.3 µs; `to_decimal` takes 6.2 µs."""
    low, high = _unpack(value.bid)
    if high & 0x6000_0000_0000_0000 == 0x6000_0000_0000_0000:  # NaN, infinities, and what counts as zero
        return value.to_decimal()
    number = (high & 0x1_FFFF_FFFF_FFFF) << 64 | low
    if not number or number >= _MOST:
        return value.to_decimal()
    exponent = ((high >> 49) & 0x3FFF) - 6176
    found = Decimal(-number if high >> 63 else number)
    return found.scaleb(exponent, _EXACT) if exponent else found


# --- json columns -------------------------------------------------------------------------------------------------


class _NoDocument(Exception):
    """BSON has no document for this JSON value."""


def stored_json(value: Any) -> Any:
    """The BSON value that a json value is stored as."""
    try:
        return _stored(value, 0)
    except _NoDocument:
        return Binary(json_text(value).encode(), JSON_SUBTYPE)


def _stored(value: Any, depth: int) -> Any:
    kind = type(value)
    if kind is str or kind is bool or kind is float or value is None:
        return value
    if kind is dict:
        if depth > _DEEPEST or ("$ref" in value and "$id" in value):
            raise _NoDocument
        found = {}
        for key, each in value.items():
            if "\0" in key:
                raise _NoDocument
            found[key] = _stored(each, depth + 1)
        return found
    if isinstance(value, list | tuple):
        if depth > _DEEPEST:
            raise _NoDocument
        return [_stored(each, depth + 1) for each in value]
    if value is JSON_NULL:
        return None
    if isinstance(value, Decimal):
        # A JSON number is a double to whoever uses MongoDB, where that loses nothing.
        if value.is_finite() and abs(value.adjusted()) < 300 and Decimal(repr(float(value))) == value:
            return float(value)
        value = decimal128(value)
    elif isinstance(value, int):
        value = integer(value)
    if isinstance(value, str):  # digits that no BSON number holds: as text they would come back as text
        raise _NoDocument
    return value


_SCALARS: Final = frozenset({str, int, float, bool, type(None)})


def fetched_json(value: Any) -> Any:
    """The json value: the inverse of `stored_json`. Other BSON values become Extended JSON."""
    if type(value) is Binary and value.subtype == JSON_SUBTYPE:
        try:
            return VALUE_OF[Type.JSON](value.decode())
        except ValueError:
            pass  # somebody's own subtype 128
    return extended(value)


def extended(value: Any) -> Any:
    """JSON data for any BSON value; numbers stay numbers with all their digits."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is dict:
        return {key: each if type(each) in _SCALARS else extended(each) for key, each in value.items()}
    if kind is list:
        return [each if type(each) in _SCALARS else extended(each) for each in value]
    if kind is Int64:
        return int(value)
    if kind is Decimal128:
        return from_decimal128(value)
    if kind is DBRef:
        return extended(value.as_doc().to_dict())
    if kind is datetime:
        return {"$date": _instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    return relaxed(value)


# --- columns whose json says every BSON type ------------------------------------------------------------------------


def exact(value: Any) -> Any:
    """JSON data that says the BSON type of every value, also when it comes back from a text. A number stays a number
    where its text tells the type: an int32 or int64 by its size, a double by its fraction."""
    kind = type(value)
    if kind is str or kind is bool or kind is int:
        return value
    if value is None:
        return None
    if kind is float:
        plain = 1e-4 <= abs(value) < 1e16 and not value.is_integer()
        return value if plain else {"$numberDouble": float_text(value) if value else repr(value)}
    if kind is Int64:
        return int(value) if not -(2**31) <= value < 2**31 else {"$numberLong": str(value)}
    if kind is Decimal128:
        return {"$numberDecimal": str(value)}
    if kind is dict:
        if any(key.startswith("$") for key in value):  # it would be taken for Extended JSON
            return {_RAW: base64.b64encode(encode(value, codec_options=CODEC)).decode()}
        return {key: exact(each) for key, each in value.items()}
    if kind is list:
        return [exact(each) for each in value]
    return extended(value) if kind is datetime else canonical(value)


def from_exact(value: Any) -> Any:
    """The inverse of `exact`. ValueError or TypeError for what it never gives."""
    kind = type(value)
    if kind is dict:
        if list(value) == [_RAW]:
            return decode(base64.b64decode(value[_RAW], validate=True), CODEC)
        if any(key.startswith("$") for key in value):
            return from_extended(json.loads(json_text(value)))
        return {key: from_exact(each) for key, each in value.items()}
    if kind is list or kind is tuple:
        return [from_exact(each) for each in value]
    if value is JSON_NULL:
        return None
    if isinstance(value, Decimal):
        found = float(value)
        return found if Decimal(repr(found)) == value else decimal128(value)
    return integer(value) if kind is int else value


_RAW: Final = "$bson"
"""The name that stands for a document with names that Extended JSON uses itself; its value is the document's bytes."""


# --- results of queries -------------------------------------------------------------------------------------------


def _instant(value: datetime) -> datetime:
    return value.replace(tzinfo=UTC)


def relaxed(value: Any) -> Any:
    """Relaxed Extended JSON, as plain data: what `--ejson` shows."""
    return json.loads(json_util.dumps(value, json_options=_RELAXED))


def canonical(value: Any) -> Any:
    """Canonical Extended JSON, as plain data: what survives JSON with its BSON type (see `from_extended`)."""
    return json.loads(json_util.dumps(value, json_options=_CANONICAL))


def from_extended(value: Any) -> Any:
    """The BSON value of Extended JSON data."""
    return json_util.loads(json.dumps(value), json_options=_CANONICAL)


def from_extended_values(value: Any) -> Any:
    """The same for data in which BSON values stand beside Extended JSON."""
    if isinstance(value, list):
        return [from_extended_values(each) for each in value]
    if not isinstance(value, dict):
        return value
    return json_util.object_hook({key: from_extended_values(each) for key, each in value.items()}, _CANONICAL)


_PLAIN: Final[dict[type, Callable[[Any], Any]]] = {
    Int64: int,
    Decimal128: from_decimal128,
    datetime: _instant,
    ObjectId: str,
    Binary: bytes,
    DBRef: lambda value: plain(value.as_doc().to_dict()),
    dict: lambda value: plain_document(value),
    list: lambda value: [plain(each) for each in value],
}
_AS_IT_IS: Final = frozenset({str, int, float, bool, type(None), bytes, UUID})


def plain(value: Any) -> Any:
    """The BSON value as a value of a query's result."""
    kind = type(value)
    if kind in _AS_IT_IS:
        return value
    convert = _PLAIN.get(kind)
    return convert(value) if convert else relaxed(value)


def plain_document(document: dict[str, Any]) -> dict[str, Any]:
    """The document as a record of a query's result."""
    return {key: each if type(each) in _AS_IT_IS else plain(each) for key, each in document.items()}
