"""Databases of MongoDB with every BSON type, kind of `_id`, collection and index that its manual lists, and what the
server itself says of a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from bson import decode, encode
from bson.binary import Binary
from bson.code import Code
from bson.codec_options import CodecOptions
from bson.datetime_ms import DatetimeMS
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from bson.regex import Regex
from bson.son import SON
from bson.timestamp import Timestamp

U = UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
ID = ObjectId("65a1b2c3d4e5f60718293a4b")
RAW: CodecOptions[Any] = CodecOptions(document_class=RawBSONDocument)


def odd(*elements: bytes) -> RawBSONDocument:
    """A document that no driver writes."""
    body = b"".join(elements) + b"\0"
    return RawBSONDocument((len(body) + 4).to_bytes(4, "little") + body)


def number(name: bytes, value: int) -> bytes:
    return b"\x10" + name + b"\0" + value.to_bytes(4, "little")


# --- values ---------------------------------------------------------------------------------------------------------


def _case(database: Any) -> None:
    """Row 2 of the issue: a document as an application writes it."""
    document = {
        "_id": ID, "friend": ID, "friends": [ID], "address": {"since": datetime(2020, 1, 1)},
        "bin": Binary(b"own", 128), "ref": DBRef("u", 7), "n": 1,
    }  # fmt: skip
    database.people.insert_many([document, {"_id": ObjectId(), "n": 2.5}])
    database.people.create_index("n", unique=True, name="one_n")
    database.people.create_index("at", expireAfterSeconds=3600, name="ttl")
    database.command("collMod", "people", validator={"n": {"$type": "number"}})


def _types(database: Any) -> None:
    values = [
        True, False, None, 1, Int64(1), 1.0, -1, 2**31 - 1, Int64(2**63 - 1), Int64(-(2**63)), 0.0, -0.0, 5e-324,
        1.7976931348623157e308, float("nan"), float("inf"), float("-inf"), "", "text \0 é 😀", ID, datetime(2020, 1, 1),
        DatetimeMS(2**62), DatetimeMS(-(2**62)), U, b"", b"\0\xff", Binary(U.bytes, 3), Binary(b"2", 2),
        Binary(b"m" * 16, 5), Binary(b"x", 128), Regex("^a", "im"), Code("f"), Code("f", {"a": 1}), Timestamp(1, 2),
        Timestamp(2**32 - 1, 2**32 - 1), MinKey(), MaxKey(), DBRef("u", 7), DBRef("u", ID, "base"), {}, [], {"a": {}},
        [[[]]], [1, "two", [3.5]], *map(Decimal128, ("0", "-0", "0E+3", "1.50", "1.5", "NaN", "sNaN", "-Infinity",
        "9.999999999999999999999999999999999E+6144", "1E-6176")),
    ]  # fmt: skip
    database.types.insert_many({"_id": place, "v": value} for place, value in enumerate(values))
    database.together.insert_one({f"v{place}": value for place, value in enumerate(values)})


def _numbers(database: Any) -> None:
    """The same number in each of its types, a zero of each sign, and a NaN that carries something."""
    nan = b"\x01v\0" + bytes([1, 2, 3, 0, 0, 0, 0xF8, 0x7F])
    database.command("insert", "numbers", documents=[
        {"_id": 1, "v": 1}, {"_id": 2, "v": Int64(1)}, {"_id": 3, "v": 1.0}, {"_id": 4, "v": Decimal128("1.0")},
        {"_id": 5, "v": -0.0}, odd(number(b"_id", 6), nan),
    ])  # fmt: skip


def _fields(database: Any) -> None:
    """Names and their order: dots, dollars, none, twice, and the same fields the other way round."""
    database.command("insert", "fields", documents=[
        odd(number(b"_id", 1), number(b"a", 1), number(b"a", 2), number(b"b", 3)),
        odd(number(b"_id", 2), number(b"a", 1), number(b"b", 2)),
        odd(number(b"_id", 3), number(b"b", 2), number(b"a", 1)),
        {"_id": 4, "a.b": 1, "$d": 2, "": 3, "😀": 4, "$oid": "no", "x": {"$date": 1, "$ref": 1, "y.z": {"$in": []}}},
        {"_id": 5, "deep": _deep(90)}, {"_id": 6, "arrays": [{"": [None]}]},
        odd(number(b"_id", 7), b"\x04a\0" + encode({"0": 1, "7": 2, "x": 3})),
    ])  # fmt: skip


def _deep(levels: int) -> dict[str, Any]:
    return {"d": _deep(levels - 1)} if levels else {}


def _old(database: Any) -> None:
    """What drivers wrote once: symbols, undefined, DBPointers, text that is not UTF-8, a regex with odd options."""
    database.command("insert", "old", documents=[
        odd(number(b"_id", 1), b"\x0es\0\2\0\0\0x\0", b"\x06u\0", b"\x0cp\0\2\0\0\0c\0" + bytes(12)),
        odd(number(b"_id", 2), b"\x02t\0\3\0\0\0\xff\xfe\0"),
        odd(number(b"_id", 3), b"\x0br\0a\0xsmi\0"),
        odd(number(b"_id", 4), b"\x08b\0\1", b"\x05b2\0\6\0\0\0\2\2\0\0\0xy"),
    ])  # fmt: skip


def _zero_timestamps(database: Any) -> None:
    """The server puts the time of now in the place of such a one at the top of a document that is inserted."""
    database.stamps.insert_many({"_id": place, "z": 1, "t": 1} for place in range(3))
    zeros = {"$set": {"t": Timestamp(0, 0), "in": {"t": Timestamp(0, 0)}, "text": "\x11t\0" + "\0" * 8}}
    database.stamps.update_many({"_id": {"$gt": 0}}, zeros)
    assert database.stamps.count_documents({"t": Timestamp(0, 0)}) == 2


def _keys(database: Any) -> None:
    keys: list[Any] = [
        1, 2.5, Int64(2**40), Decimal128("3.1"), "a", "", ID, datetime(2021, 1, 1), b"bytes", Binary(b"q", 5), U, True,
        False, None, {}, {"a": 1, "b": ID}, {"b": ID, "a": 1}, {"a": Int64(2)}, Timestamp(3, 4), MinKey(), MaxKey(),
        float("inf"), float("nan"), -0.0, Code("x"), Code("x", {"y": 1}), DatetimeMS(2**60), DBRef("u", 1),
    ]  # fmt: skip
    database.keys.insert_many({"v": 1, "_id": key} for key in keys)
    database.command("insert", "keys", documents=[
        odd(b"\x02_id\0\3\0\0\0\xff\xfe\0"), odd(b"\x0e_id\0\2\0\0\0s\0"), odd(b"\x0c_id\0\2\0\0\0c\0" + bytes(12)),
    ])  # fmt: skip


def _many_keys(database: Any) -> None:
    """Parts are ranges of `_id`, over all of its types."""
    kinds: list[Callable[[int], Any]] = [
        int, lambda n: n + 0.5, str, lambda n: ObjectId(f"{n:024x}"), lambda n: {"n": n},
        lambda n: Binary(b"%d" % n, 7), lambda n: DatetimeMS(n), lambda n: Decimal128(f"{n}.25"),
    ]  # fmt: skip
    for kind in kinds:
        database.many.insert_many({"_id": kind(place), "v": place} for place in range(3000))


# --- collections -----------------------------------------------------------------------------------------------------


def _empty(database: Any) -> None:
    database.create_collection("nothing")
    database.create_collection("checked", validator={"a": {"$exists": True}})
    database.checked.create_index("a")


def _capped(database: Any) -> None:
    database.create_collection("capped", capped=True, size=8192, max=7)
    database.capped.insert_many({"_id": 9 - place, "v": "x" * 100} for place in range(9))
    database.create_collection("by_size", capped=True, size=4096)
    database.by_size.insert_many({"v": place, "t": "x" * 200} for place in range(100))


def _long_capped(database: Any) -> None:
    """So many documents would go in parts, and lose their order."""
    database.create_collection("long", capped=True, size=8 << 20)
    database.long.insert_many({"_id": 30_000 - place} for place in range(25_000))


def _collation(database: Any) -> None:
    database.create_collection("german", collation={"locale": "de", "strength": 1, "caseLevel": True})
    database.german.insert_many({"_id": key, "v": key} for key in ("ä", "b", "Z", "c", "A", "Ü"))
    database.german.create_index("v", name="own")
    database.german.create_index("v", name="plain", collation={"locale": "simple"})
    database.german.create_index("v", name="french", collation={"locale": "fr", "backwards": True, "strength": 2})


def _clustered(database: Any) -> None:
    key = {"key": {"_id": 1}, "unique": True, "name": "by id"}
    database.create_collection("clustered", clusteredIndex=key)
    database.clustered.insert_many({"_id": place, "v": str(place)} for place in range(50))
    database.clustered.create_index("v")
    database.create_collection("going", clusteredIndex={"key": {"_id": 1}, "unique": True}, expireAfterSeconds=100_000)
    database.going.insert_many({"_id": datetime(2000, 1, day)} for day in range(1, 20))


def _series(database: Any) -> None:
    options: dict[str, Any] = {"timeField": "at", "metaField": "of", "granularity": "minutes"}
    database.create_collection("series", timeseries=options, expireAfterSeconds=300_000_000)
    at = datetime(2024, 1, 1)
    database.command("insert", "series", documents=[
        {"at": at, "of": {"b": 1, "a": 2}, "x": 1, "y": 2.5},
        {"y": 1, "x": ID, "at": at, "of": {"b": 1, "a": 2}, "_id": 1},
        {"at": datetime(2024, 3, 1), "n": None, "in": {"b": 1, "a": [1]}}, {"at": at, "of": 7}, {"at": at, "of": 7},
        {"of": 7, "z": -0.0, "at": at},
    ])  # fmt: skip
    database.series.create_index([("of.a", 1), ("at", -1)])
    database.create_collection("bare_series", timeseries={"timeField": "t"})
    database.bare_series.insert_one({"t": at, "v": 1})


def _validators(database: Any) -> None:
    schema = {"$jsonSchema": {"required": ["a"], "properties": {"a": {"bsonType": "int", "minimum": 1}}}}
    database.strict.insert_one({"_id": 1, "a": "not what the validator wants"})
    database.command("collMod", "strict", validator=schema)
    database.create_collection("moderate", validator=schema, validationLevel="moderate", validationAction="warn")
    database.create_collection("off", validator=schema, validationLevel="off")
    database.create_collection("words", validator=SON(
        [("$and", [{"v": {"$regex": "^a", "$options": "i"}}, {"w": Regex("x", "i")}]), ("r", {"$ne": DBRef("u", 7)}),
         ("d", {"$gt": datetime(2020, 1, 1)}), ("l", {"$lt": Int64(5)}), ("f", {"$lt": 5.0})]
    ))  # fmt: skip


def _gridfs(database: Any) -> None:
    import gridfs

    bucket = gridfs.GridFSBucket(database)
    bucket.upload_from_stream("a file", b"x" * 600_000, metadata={"by": ID})


def _names(database: Any) -> None:
    for name in ("with.dots", "emoji😀", "a-b", " ", "%2F", "ä", "x" * 150, 'quo"te\\', "UPPER", "upper"):
        database[name].insert_one({"_id": 1})
        database[name].create_index("v", name=f"index {name[:5]}")


# --- indexes ---------------------------------------------------------------------------------------------------------


def _indexes(database: Any) -> None:
    database.i.insert_many({"_id": n, "u": n, "a": [n, n + 1], "t": "word", "p": [n, n], "g": {"type": "Point",
                            "coordinates": [n, n]}, "o": {"x": n, "y": {"z": n}}} for n in range(20))  # fmt: skip
    every: list[tuple[Any, dict[str, Any]]] = [
        ([("u", 1)], {"unique": True}), ([("u", -1)], {}), ([("a", 1), ("u", -1)], {"name": "compound"}),
        ([("o.y.z", 1.0)], {}), ([("at", 1)], {"expireAfterSeconds": 60}), ([("at", -1)], {"expireAfterSeconds": 0}),
        ([("s", 1)], {"sparse": True, "unique": True}), ([("h", "hashed")], {}), ([("c", 1), ("h", "hashed")], {}),
        ([("q", 1)], {"partialFilterExpression": {"q": {"$gt": 1}, "w": {"$exists": True}, "r": {"$type": ["int"]}}}),
        ([("t", "text"), ("o.x", 1)], {"weights": {"t": 7}, "default_language": "german", "language_override": "lang"}),
        ([("p", "2d")], {"bits": 20, "min": -100.5, "max": 100}), ([("g", "2dsphere"), ("u", 1)], {}),
        ([("$**", 1)], {"wildcardProjection": {"o": 1}}), ([("o.$**", 1)], {}), ([("hid", 1)], {"hidden": True}),
        ([("low", 1)], {"collation": {"locale": "en", "strength": 2, "numericOrdering": True}}),
        ([("se", 1)], {"storageEngine": {"wiredTiger": {"configString": "internal_page_max=8kb"}}}),
        ([("o.x", -1)], {"prepareUnique": True}), ([("num", 5)], {"name": "five"}),
    ]  # fmt: skip
    for keys, options in every:
        name = options.pop("name", f"ix {len(options)} {keys[0][0]} {keys[-1][1]}")
        database.command("createIndexes", "i", indexes=[{"key": SON(keys), "name": name, **options}])


def _index_beside_text(database: Any) -> None:
    database.w.create_index([("$**", "text")], name="all text", weights={"title": 3, "$**": 1})
    database.w.insert_one({"_id": 1, "title": "some words", "lang": "none"})


KINDS: dict[str, Callable[[Any], None]] = {
    "a document as applications write it": _case,
    "every type": _types,
    "numbers": _numbers,
    "fields": _fields,
    "old types": _old,
    "timestamps of zero": _zero_timestamps,
    "keys of every type": _keys,
    "many keys of every type": _many_keys,
    "empty collections": _empty,
    "capped collections": _capped,
    "a long capped collection": _long_capped,
    "collations": _collation,
    "clustered collections": _clustered,
    "time series": _series,
    "validators": _validators,
    "GridFS": _gridfs,
    "names": _names,
    "indexes": _indexes,
    "text index over everything": _index_beside_text,
}


def told(database: Any) -> dict[str, Any]:
    """All that the server says of a database: each collection's options and indexes, undecoded, and its documents in
    the order of `_id`, of a capped one in that of its filling; and the server's own hash of each collection."""
    found: dict[str, Any] = {}
    entries: Any = database.command("listCollections", cursor={"batchSize": 1000}, codec_options=RAW)
    for entry in entries["cursor"]["firstBatch"]:
        name, options = entry["name"], entry["options"]
        if name.startswith("system."):
            continue
        found[name] = {"type": entry["type"], "options": options.raw}
        if entry["type"] == "view":
            continue
        indexes: Any = database.command("listIndexes", name, codec_options=RAW)
        found[name]["indexes"] = sorted(each.raw for each in indexes["cursor"]["firstBatch"])
        cursor = database.get_collection(name, codec_options=RAW).find()
        documents = [each.raw for each in (cursor if options.get("capped") else cursor.sort("_id", 1))]
        if entry["type"] == "timeseries":  # it does not keep the order of fields
            documents = sorted(b"".join(sorted(_elements(each))) for each in documents)
        found[name]["documents"] = documents
    hashes = database.command("dbHash")["collections"]
    return {**found, "hashes": {name: each for name, each in hashes.items() if not name.startswith("system.")}}


def _elements(raw: bytes) -> list[bytes]:
    return [encode({name: value}) for name, value in decode(raw).items()]
