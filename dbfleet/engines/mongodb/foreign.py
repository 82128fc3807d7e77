"""The schema of a collection that dbfleet did not make, from its documents. Needs pymongo: behind a connection only.

Each top-level field is a column, nullable but for `_id`, which is the key. A thousand documents propose the types. Then
the server itself looks for documents that deviate (a `$jsonSchema` match over the whole collection, 2 µs a document);
these widen the types, until none deviates. Then the same is done for what is inside of documents and arrays. So only a
document that was written since can surprise a scan. Where this takes more than a minute, the types of the sample are
taken, and each column's note says so.

    bool · int, long: int · double, int and double: float · numbers of other kinds together: decimal · string: text
    objectId: text · date: instant · binData: bytes, uuid if all are · object, array, anything else, a mix: json

A json column that holds, at any depth, what JSON has not is of the native type `bson (…)`: Extended JSON that says
every type exactly (`values.exact`), so that MongoDB gets its own values back out of a dump. A note says what is not
kept as it is: whole numbers among doubles, symbols, fields that a document has twice. A copy to another MongoDB keeps
these too, as it takes the documents as they are (`documents.Documents`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from itertools import chain
from typing import Any, Final

from bson.binary import Binary
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from dbfleet.engines.mongodb.encode import NATIVE_OBJECT_ID, bson_native
from dbfleet.engines.mongodb.shape import PLAIN, Shape
from dbfleet.values import Column, Schema, Type

Document = dict[str, Any]

_SAMPLE: Final = 1000
_ROUNDS: Final = 50
_PATIENCE_MS: Final = 60_000
ONLY_SAMPLED: Final = "by a sample of the documents"

_NUMBERS: Final = frozenset({"int", "long", "double", "decimal"})
_OLD: Final = ("symbol", "undefined")
"""Kinds that drivers read as text, and as null."""
_TYPES: Final[tuple[tuple[frozenset[str], Type], ...]] = (
    (frozenset({"bool"}), Type.BOOL),
    (frozenset({"int", "long"}), Type.INT),
    (frozenset({"int", "double"}), Type.FLOAT),
    (_NUMBERS, Type.DECIMAL),
    (frozenset({"string", "symbol"}), Type.TEXT),
    (frozenset({NATIVE_OBJECT_ID}), Type.TEXT),
    (frozenset({"date"}), Type.INSTANT),
    (frozenset({"uuid"}), Type.UUID),
    (frozenset({"uuid", "binData"}), Type.BYTES),
)
"""A column has the first type whose kinds include all that were seen, else json."""

_READABLE: Final[Mapping[Type, tuple[str, ...]]] = {
    Type.BOOL: ("bool",),
    Type.INT: ("int", "long"),
    Type.FLOAT: ("double", "int"),
    Type.DECIMAL: tuple(sorted(_NUMBERS)),
    Type.INSTANT: ("date",),
    Type.UUID: ("binData",),
    Type.BYTES: ("binData",),
}
"""BSON types, by the server's names, that a scan reads as the type. For text see `_deviating`; json takes all."""

Seen = dict[str, Shape]


def describe(collection: Collection[Document], info: Mapping[str, Any]) -> Schema:
    """The collection's schema; only `_id` where there are no documents. A view has no key, as its `_id` may repeat."""
    stored = info["type"] == "collection"
    seen: Seen = {"_id": Shape()} if stored else {}
    sample = list(collection.aggregate([{"$sample": {"size": _SAMPLE}}]))
    everything = len(sample) < _SAMPLE
    _look(chain(collection.find().limit(_SAMPLE // 10), sample), seen)
    del sample
    whole = _verified(collection, seen)
    twice = _twice(collection)
    inside = everything or (whole and _verified_inside(collection, seen))
    columns = []
    seen = seen or {"_id": Shape()}
    for name, shape in seen.items():
        notes = []
        if name in twice:
            notes.append("twice in a document, the last value of it")
        # No expression of the server's tells a Binary's subtype, and none has a field without a name.
        unseen = not everything and (_type(shape.kinds) is Type.BYTES or not name)
        if not whole or unseen or (shape.kinds & {"object", "array"} and not inside):
            notes.append(ONLY_SAMPLED)
        columns.append(_column(name, shape, notes, nullable=not stored or name != "_id"))
    return Schema(collection.name, tuple(columns), ("_id",) if stored else ())


def _look(documents: Iterable[Document], seen: Seen) -> int:
    """Add the kinds of values that the fields hold; how many of these are new."""
    before = sum(len(each.kinds) for each in seen.values()) + len(seen)
    for document in documents:
        for name, value in document.items():
            shape = seen.get(name)
            if shape is None:
                shape = seen[name] = Shape()
            shape.look(value)
    return sum(len(each.kinds) for each in seen.values()) + len(seen) - before


def _verified(collection: Collection[Document], seen: Seen) -> bool:
    """Widen the types until no document deviates. False where the server gave up, or cannot tell."""
    for _ in range(_ROUNDS):
        documents = _found(collection, _deviating(seen))
        if documents is None:
            return False
        if not documents:
            return True
        if not _look(documents, seen) and not _look_for_old_kinds(collection, seen):
            return False
    return False


def _verified_inside(collection: Collection[Document], seen: Seen) -> bool:
    """The same for what is inside of documents and arrays, as far as it is like JSON."""
    for _ in range(_ROUNDS):
        properties = {}
        for name, shape in seen.items():
            if _type(shape.kinds) is Type.JSON and shape.inside() <= PLAIN:
                properties[name] = shape.schema()
        if None in properties.values():
            return False
        if not properties:
            return True
        documents = _found(collection, {"$nor": [{"$jsonSchema": {"properties": properties}}]})
        if not documents:
            return documents is not None
        before = sum(len(each.kinds) for shape in seen.values() for each in shape.everything())
        _look(documents, seen)
        if sum(len(each.kinds) for shape in seen.values() for each in shape.everything()) == before:
            return False
    return False


def _found(collection: Collection[Document], filter: Document) -> list[Document] | None:
    try:
        return list(collection.find(filter).limit(_SAMPLE).max_time_ms(_PATIENCE_MS))
    except OperationFailure:
        return None


def _look_for_old_kinds(collection: Collection[Document], seen: Seen) -> bool:
    """Whether there are symbols or undefined values that were not seen yet."""
    news = False
    for name, shape in seen.items():
        if not name or "." in name or name.startswith("$"):
            continue
        for kind in _OLD:
            if kind not in shape.kinds and collection.find_one({name: {"$type": kind}}, {"_id": 1}) is not None:
                shape.kinds.add(kind)
                news = True
    return news


def _twice(collection: Collection[Document]) -> set[str]:
    """Top-level fields that a document has more than once: drivers read the last."""
    names = {"$map": {"input": {"$objectToArray": "$$ROOT"}, "in": "$$this.k"}}
    differs = {"$expr": {"$ne": [{"$size": names}, {"$size": {"$setUnion": [names, []]}}]}}
    pipeline: list[Document] = [{"$match": differs}, {"$limit": _SAMPLE}, {"$project": {"_id": 0, "names": names}}]
    try:
        found = list(collection.aggregate(pipeline, maxTimeMS=_PATIENCE_MS))
    except OperationFailure:
        return set()
    return {name for each in found for name in each["names"] if each["names"].count(name) > 1}


def _deviating(seen: Seen) -> Document:
    """The filter for documents that a scan by these kinds could not read."""
    properties: Document = {}
    clauses: list[Document] = []
    for name, shape in seen.items():
        kinds = shape.kinds - {"null"}
        type_ = _type(kinds)
        if type_ is Type.JSON or not name:
            properties[name] = {}
            continue
        plain = kinds - {"undefined"}
        readable = _READABLE.get(type_) or ((NATIVE_OBJECT_ID,) if NATIVE_OBJECT_ID in kinds else ("string",))
        # Only null so far, so any value deviates.
        properties[name] = {"bsonType": [*(readable if plain else ()), "null", *(kinds & {*_OLD})]}
        if name and "." not in name and not name.startswith("$"):
            clauses += _beyond(name, type_)
    schema = {"$jsonSchema": {"properties": properties, "additionalProperties": False}}
    return {"$or": [{"$nor": [schema]}, *clauses]}


def _beyond(name: str, type_: Type) -> Iterator[Document]:
    """What $jsonSchema cannot say: a Binary's subtype, by the order of Binary (length, subtype, bytes); and a year."""
    if type_ is Type.UUID:
        between = {"$gte": Binary(b"\0" * 16, 4), "$lte": Binary(b"\xff" * 16, 4)}
        yield {name: {"$type": "binData", "$not": between}}
    elif type_ is Type.INSTANT:
        yield {name: {"$type": "date", "$not": {"$gte": datetime.min, "$lte": datetime.max}}}  # noqa: DTZ901


def _type(kinds: set[str]) -> Type:
    plain = {kind.partition(" ")[0] if kind.startswith("binData") else kind for kind in kinds - {"null", "undefined"}}
    if not plain:
        return Type.TEXT
    return next((type_ for known, type_ in _TYPES if plain <= known), Type.JSON)


def _column(name: str, shape: Shape, notes: list[str], *, nullable: bool) -> Column:
    kinds = shape.kinds - {"null"}
    type_ = _type(kinds)
    native = ", ".join(sorted(kinds)) or ("null" if nullable else NATIVE_OBJECT_ID)
    if type_ is Type.JSON and (inside := shape.inside() - {"null"}) and not (inside <= PLAIN and kinds <= _NESTED):
        native = bson_native(inside)
        notes = [f"{', '.join(sorted(inside - {'object', 'array'}))} as Extended JSON", *notes]
    elif native == NATIVE_OBJECT_ID:
        notes = ["ObjectId, as text", *notes]
    elif type_ is Type.BYTES and native != "binData":
        notes = [f"{native}, as bytes", *notes]
    elif type_ in (Type.FLOAT, Type.DECIMAL) and len(kinds) > 1:
        notes = [f"{native}, as {type_}", *notes]
    elif kinds & {*_OLD}:
        notes = [f"{native}, as {type_} and null" if "undefined" in kinds else f"{native}, as {type_}", *notes]
    return Column(name, type_, nullable, native=native, note=", ".join(notes) or None)


_NESTED: Final = frozenset({"object", "array"})
