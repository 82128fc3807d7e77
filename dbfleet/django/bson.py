"""What MongoDB keeps of values that have no BSON type of their own, as dbfleet's adapter for MongoDB keeps them.

decimal   Decimal128; canonical text where its 34 digits are not enough.
uuid      Binary of subtype 4.
json      documents, arrays, numbers; canonical JSON as Binary of subtype 128 where BSON has no document for it.

Imported only where the database is MongoDB: it needs bson.
"""

from __future__ import annotations

import decimal
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from bson.binary import Binary, UuidRepresentation
from bson.decimal128 import Decimal128
from bson.int64 import Int64

from dbfleet.values import JSON_NULL, decimal_text, json_text, loads_json

_JSON: Final = 128
_DEEPEST: Final = 90


def stored_decimal(value: Decimal) -> Decimal128 | str:
    """The value as Decimal128, or as text."""
    try:
        return Decimal128(value)
    except decimal.DecimalException:
        return decimal_text(value)


def stored_uuid(value: UUID) -> Binary:
    """The value as Binary."""
    return Binary.from_uuid(value, UuidRepresentation.STANDARD)


def fetched_uuid(value: Binary) -> UUID:
    """The inverse of `stored_uuid`; uuids that old drivers stored in another order of bytes are refused."""
    return value.as_uuid(UuidRepresentation.STANDARD)


def stored_json(value: Any) -> Any:
    """The value as BSON: JSON_NULL at the top stays what it is, as None there is no value."""
    if value is JSON_NULL:
        return value
    try:
        return _stored(value, 0)
    except ValueError:
        return Binary(json_text(value).encode(), _JSON)


def _stored(value: Any, depth: int) -> Any:
    if isinstance(value, Mapping):
        if depth > _DEEPEST or {"$ref", "$id"} <= set(value) or any("\0" in name for name in value):
            raise ValueError
        return {name: _stored(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list | tuple):
        if depth > _DEEPEST:
            raise ValueError
        return [_stored(each, depth + 1) for each in value]
    if isinstance(value, Decimal):
        if value.is_finite() and abs(value.adjusted()) < 300 and Decimal(repr(float(value))) == value:
            return float(value)
        value = stored_decimal(value)
    elif isinstance(value, int) and not isinstance(value, bool) and not -(2**63) <= value < 2**63:
        value = stored_decimal(Decimal(value))
    else:
        return None if value is JSON_NULL else value
    if isinstance(value, str):  # digits that no number of BSON's holds: as text they would come back as text
        raise ValueError
    return value


def fetched_json(value: Any) -> Any:
    """The inverse of `stored_json`, with numbers as dbfleet has them. ValueError for what is no JSON: an ObjectId, a
    date."""
    if isinstance(value, Binary) and value.subtype == _JSON:
        return loads_json(value.decode())
    if isinstance(value, Mapping):
        return {name: fetched_json(each) for name, each in value.items()}
    if isinstance(value, list):
        return [fetched_json(each) for each in value]
    if isinstance(value, Int64):
        return int(value)
    if isinstance(value, Decimal128):
        return value.to_decimal()
    if value is None or value is JSON_NULL or isinstance(value, str | bool | int | float):
        return value
    raise ValueError(f"{type(value).__name__} in a json column: dbfleet reads it as Extended JSON, Django cannot")
