"""Changes of rows as mongosh text: insertOne, updateOne or replaceOne, and deleteOne, by `_id`. Needs bson: imported
only behind a connection.

A value is written with the constructor that gives its BSON type in mongosh and here (NumberLong, NumberDecimal, Double,
ISODate, BinData, UUID): the document is the one that the bulk path stores, byte for byte.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from bson import decode
from bson.binary import Binary
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from dbfleet.adapter import Change
from dbfleet.engines.mongodb.documents import Layout
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.errors import Unsupported
from dbfleet.sql.changes import changed
from dbfleet.values import Row

Document = dict[str, Any]

_WHOLE: Final = 2**31


def statements(layout: Layout, changes: Iterable[Change]) -> Iterator[str]:
    """A statement for each change."""
    schema = layout.schema
    collection = f"db.getCollection({_text(schema.name)})"

    document = partial(decoded, layout)
    for change in changes:
        if change.before is None:
            assert change.after is not None
            yield f"{collection}.insertOne({literal(document(change.after))});"
            continue
        before = document(change.before)
        one = literal({"_id": before["_id"]})
        if change.after is None:
            yield f"{collection}.deleteOne({one});"
            continue
        after = document(change.after)
        fields = [layout.field(schema.names[place]) for place in changed(schema.columns, change)]
        if not fields:
            continue
        if any("." in field or field.startswith("$") for field in fields):  # they would be paths or operators
            yield f"{collection}.replaceOne({one}, {literal(after)});"
            continue
        update = {
            "$set": {field: after[field] for field in fields if field in after},
            "$unset": {field: "" for field in fields if field not in after},
        }
        yield f"{collection}.updateOne({one}, {literal({word: each for word, each in update.items() if each})});"


def decoded(layout: Layout, row: Row) -> Document:
    """The document that the bulk path stores for the row."""
    ((raw,), _) = layout.encoder().encode([row])
    return decode(raw, CODEC)


def literal(value: Any) -> str:
    """A BSON value as mongosh reads it."""
    write = _LITERAL.get(type(value))
    if write is None:
        raise Unsupported(f"mongosh text has no literal for {type(value).__name__}", hint="--yes writes it")
    return write(value)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=not value.isprintable())


def _float(value: float) -> str:
    if value != value or value in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[repr(value)]
    # A whole number alone would be an integer.
    return f"Double({value!r})" if value.is_integer() else repr(value)


def _datetime(value: datetime) -> str:
    value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return f'ISODate("{value.isoformat(timespec="milliseconds")}Z")'


def _flags(value: Regex[str]) -> str:
    return "".join(word for word, flag in _FLAGS.items() if value.flags & flag)


_FLAGS: Final = {"i": re.I, "l": re.L, "m": re.M, "s": re.S, "u": re.U, "x": re.X}
_LITERAL: Final[Mapping[type, Callable[[Any], str]]] = {
    type(None): lambda value: "null",
    bool: lambda value: "true" if value else "false",
    int: lambda value: repr(value) if -_WHOLE <= value < _WHOLE else f'NumberLong("{value}")',
    Int64: lambda value: f'NumberLong("{int(value)}")',
    float: _float,
    str: _text,
    Decimal128: lambda value: f'NumberDecimal("{value}")',
    datetime: _datetime,
    UUID: lambda value: f'UUID("{value}")',
    ObjectId: lambda value: f'ObjectId("{value}")',
    bytes: lambda value: f'BinData(0, "{base64.b64encode(value).decode()}")',
    Binary: lambda value: f'BinData({value.subtype}, "{base64.b64encode(value).decode()}")',
    list: lambda value: "[" + ", ".join(map(literal, value)) + "]",
    DBRef: lambda value: literal(value.as_doc().to_dict()),
    Regex: lambda value: f"BSONRegExp({_text(value.pattern)}, {_text(_flags(value))})",
    Code: lambda value: f"Code({_text(str(value))}{'' if value.scope is None else f', {literal(dict(value.scope))}'})",
    Timestamp: lambda value: f"Timestamp({{t: {value.time}, i: {value.inc}}})",
    MinKey: lambda value: "MinKey()",
    MaxKey: lambda value: "MaxKey()",
    dict: lambda value: "{" + ", ".join(f"{_text(name)}: {literal(each)}" for name, each in value.items()) + "}",
}
