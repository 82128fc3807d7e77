"""The shape of documents: which kinds of BSON values are where in them, at any depth; and the $jsonSchema that
documents of this shape match. Needs bson: imported only behind a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from bson.binary import Binary
from bson.code import Code
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp

from dbfleet.engines.mongodb.encode import NATIVE_OBJECT_ID

_KINDS: Final[Mapping[type, str]] = {
    bool: "bool",
    int: "int",
    Int64: "long",
    float: "double",
    Decimal128: "decimal",
    str: "string",
    ObjectId: NATIVE_OBJECT_ID,
    datetime: "date",
    DatetimeMS: "date beyond year 9999",
    UUID: "uuid",
    bytes: "binData",
    dict: "object",
    DBRef: "dbRef",
    list: "array",
    Regex: "regex",
    Code: "javascript",
    Timestamp: "timestamp",
    MinKey: "minKey",
    MaxKey: "maxKey",
}
PLAIN: Final = frozenset({"bool", "int", "long", "double", "string", "object", "array", "null"})
"""Kinds that JSON has too."""
_MOST_NODES: Final = 1500
_DEEPEST: Final = 30


def kind_of(value: Any) -> str:
    """The kind of a BSON value. A Binary has its subtype in the name, where it is not the usual one."""
    if type(value) is Binary:
        return f"binData {value.subtype}"
    return _KINDS.get(type(value), "object") if value is not None else "null"


class Shape:
    """The kinds of the values in one place, and what is inside of documents and arrays there."""

    __slots__ = ("fields", "items", "kinds")

    def __init__(self) -> None:
        self.kinds: set[str] = set()
        self.fields: dict[str, Shape] = {}
        self.items: Shape | None = None

    def look(self, value: Any, depth: int = 0) -> None:
        """Add the kinds of this value and of what is inside."""
        self.kinds.add(kind_of(value))
        if depth > _DEEPEST:
            return
        if type(value) is dict:
            for name, each in value.items():
                shape = self.fields.get(name)
                if shape is None:
                    shape = self.fields[name] = Shape()
                shape.look(each, depth + 1)
        elif type(value) is list:
            if self.items is None:
                self.items = Shape()
            for each in value:
                self.items.look(each, depth + 1)

    def everything(self) -> Iterator[Shape]:
        """This shape and all that are inside."""
        yield self
        for each in (*self.fields.values(), *([self.items] if self.items else [])):
            yield from each.everything()

    def inside(self) -> set[str]:
        """All kinds, at any depth."""
        return {kind for each in self.everything() for kind in each.kinds}

    def schema(self) -> dict[str, Any] | None:
        """The $jsonSchema that such values match as far as they hold only what JSON has too; None where it would be too
        large."""
        parts = [*self.everything()]
        # $jsonSchema does not find a field without a name.
        if len(parts) > _MOST_NODES or any("" in each.fields for each in parts):
            return None
        return self.as_schema()

    def as_schema(self) -> dict[str, Any]:
        """The $jsonSchema, however large."""
        found: dict[str, Any] = {"bsonType": sorted(PLAIN & (self.kinds | {"null"}))}
        if "object" in self.kinds:
            found["properties"] = {name: each.as_schema() for name, each in self.fields.items()}
            found["additionalProperties"] = False
        if "array" in self.kinds and self.items is not None:
            found["items"] = self.items.as_schema()
        elif "array" in self.kinds:
            found["maxItems"] = 0
        return found
