"""A value of any shape as one that JSON holds: what has no form of its own there is its canonical text."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Set
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any, Final

from dbfleet.values import TEXT_OF, Type, json_text

_TEXTS: Final[Mapping[type, Callable[[Any], str]]] = {
    bytes: TEXT_OF[Type.BYTES],
    bytearray: lambda value: TEXT_OF[Type.BYTES](bytes(value)),
    datetime: lambda value: TEXT_OF[Type.INSTANT if value.tzinfo is not None else Type.DATETIME](value),
    date: TEXT_OF[Type.DATE],
    time: lambda value: TEXT_OF[Type.TIME](value) if value.tzinfo is None else value.isoformat(),
    uuid.UUID: TEXT_OF[Type.UUID],
}


def json_of(value: Any) -> Any:
    """Lists of values and maps by text, at any depth. A set's order is that of its values' texts."""
    kind = type(value)
    if value is None or kind in (bool, int, str, float, Decimal):
        return value
    if kind in _TEXTS:
        return _TEXTS[kind](value)
    if isinstance(value, Mapping):
        return {_key(key): json_of(item) for key, item in value.items()}
    if isinstance(value, Set):
        return sorted(map(json_of, value), key=json_text)
    if isinstance(value, list | tuple):
        return [json_of(item) for item in value]
    return value


def _key(value: Any) -> str:
    plain = json_of(value)
    return plain if isinstance(plain, str) else json_text(plain)
