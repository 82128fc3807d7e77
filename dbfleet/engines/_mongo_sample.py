"""The schema of a collection that dbfleet did not make, from its documents. Needs pymongo: behind a connection only.

Each top-level field is a column, nullable but for `_id`, which is the key. A thousand documents propose the types; then
the server itself looks for one that deviates (a `$jsonSchema` match over the whole collection, 2 µs a document), and
what it finds widens the types, until none does. So a scan meets no surprise but by a document that was written since.
Where that takes more than a minute the sample stands, and each column's note says so.

    bool · int, long: int · double, int and double: float · numbers of other kinds together: decimal · string: text
    objectId: text · date: instant · binData: bytes, uuid if all are · object, array, anything else, a mix: json

Inside json, what JSON has no word for is relaxed Extended JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
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
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from dbfleet.engines._mongo_encode import NATIVE_OBJECT_ID
from dbfleet.values import Column, Schema, Type

Document = dict[str, Any]

_SAMPLE: Final = 1000
_ROUNDS: Final = 50
_PATIENCE_MS: Final = 60_000
_ONLY_SAMPLED: Final = "by a sample of the documents"

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
    Binary: "binData",
    bytes: "binData",
    dict: "object",
    DBRef: "object",
    list: "array",
    Regex: "regex",
    Code: "javascript",
    Timestamp: "timestamp",
    MinKey: "minKey",
    MaxKey: "maxKey",
}
_NUMBERS: Final = frozenset({"int", "long", "double", "decimal"})
_TYPES: Final[tuple[tuple[frozenset[str], Type], ...]] = (
    (frozenset({"bool"}), Type.BOOL),
    (frozenset({"int", "long"}), Type.INT),
    (frozenset({"int", "double"}), Type.FLOAT),
    (_NUMBERS, Type.DECIMAL),
    (frozenset({"string"}), Type.TEXT),
    (frozenset({NATIVE_OBJECT_ID}), Type.TEXT),
    (frozenset({"date"}), Type.INSTANT),
    (frozenset({"uuid"}), Type.UUID),
    (frozenset({"uuid", "binData"}), Type.BYTES),
)
"""The first whose kinds hold all that were seen; else json."""

_READABLE: Final[Mapping[Type, tuple[str, ...]]] = {
    Type.BOOL: ("bool",),
    Type.INT: ("int", "long"),
    Type.FLOAT: ("double", "int"),
    Type.DECIMAL: tuple(sorted(_NUMBERS)),
    Type.INSTANT: ("date",),
    Type.UUID: ("binData",),
    Type.BYTES: ("binData",),
}
"""BSON types, by the server's names, that a scan reads as the type; text: see `_deviating`; json: all."""


def describe(collection: Collection[Document], info: Mapping[str, Any]) -> Schema:
    """The collection's schema; of an empty one `_id` alone. A view has no key: its `_id` may repeat."""
    stored = info["type"] == "collection"
    seen: dict[str, set[str]] = {"_id": set()} if stored else {}
    sample = collection.aggregate([{"$sample": {"size": _SAMPLE}}])
    _look(chain(collection.find().limit(_SAMPLE // 10), sample), seen)
    note = None if _verified(collection, seen) else _ONLY_SAMPLED
    columns = tuple(_column(name, kinds, note, nullable=not stored or name != "_id") for name, kinds in seen.items())
    return Schema(collection.name, columns, ("_id",) if stored else ())


def _look(documents: Iterable[Document], seen: dict[str, set[str]]) -> int:
    """Add what kinds of values the fields hold; how many there were before that were not there."""
    before = sum(map(len, seen.values())) + len(seen)
    for document in documents:
        for name, value in document.items():
            kinds = seen.setdefault(name, set())
            if value is not None:
                kinds.add(_KINDS.get(type(value), "object"))
    return sum(map(len, seen.values())) + len(seen) - before


def _verified(collection: Collection[Document], seen: dict[str, set[str]]) -> bool:
    """Widen until no document deviates. False where the server gave up, or cannot say."""
    for _ in range(_ROUNDS):
        try:
            found = collection.find(_deviating(seen)).limit(_SAMPLE).max_time_ms(_PATIENCE_MS)
            documents = list(found)
        except OperationFailure:
            return False
        if not documents:
            return True
        if not _look(documents, seen):
            return False
    return False


def _deviating(seen: Mapping[str, set[str]]) -> Document:
    """What matches the documents that a scan by these kinds could not read."""
    properties: Document = {}
    clauses: list[Document] = []
    for name, kinds in seen.items():
        type_ = _type(kinds)
        if type_ is Type.JSON:
            properties[name] = {}
            continue
        readable = _READABLE.get(type_) or ((NATIVE_OBJECT_ID,) if NATIVE_OBJECT_ID in kinds else ("string", "symbol"))
        # Nothing but null so far: any value is news.
        properties[name] = {"bsonType": [*(readable if kinds else ()), "null", "undefined"]}
        if name and "." not in name and not name.startswith("$"):
            clauses += _beyond(name, type_)
    schema = {"$jsonSchema": {"properties": properties, "additionalProperties": False}}
    return {"$or": [{"$nor": [schema]}, *clauses]}


def _beyond(name: str, type_: Type) -> Iterator[Document]:
    """What $jsonSchema cannot say: a Binary's subtype, by the order of Binary (length, subtype, bytes), and a year."""
    if type_ is Type.UUID:
        between = {"$gte": Binary(b"\0" * 16, 4), "$lte": Binary(b"\xff" * 16, 4)}
        yield {name: {"$type": "binData", "$not": between}}
    elif type_ is Type.INSTANT:
        yield {name: {"$type": "date", "$not": {"$gte": datetime.min, "$lte": datetime.max}}}  # noqa: DTZ901


def _type(kinds: set[str]) -> Type:
    if not kinds:
        return Type.TEXT
    return next((type_ for known, type_ in _TYPES if kinds <= known), Type.JSON)


def _column(name: str, kinds: set[str], note: str | None, *, nullable: bool) -> Column:
    type_ = _type(kinds)
    native = ", ".join(sorted(kinds)) or ("null" if nullable else NATIVE_OBJECT_ID)
    if native == NATIVE_OBJECT_ID:
        note = ", ".join(filter(None, ("ObjectId, as text", note)))
    elif type_ is Type.JSON and not kinds <= {"object", "array"}:
        note = ", ".join(filter(None, ("values of several types, or of one that has no other, as Extended JSON", note)))
    return Column(name, type_, nullable, native=native, note=note)
