"""What is MongoDB's own: documents of others, numbers beyond BSON's, limits of a command, mongosh's records, logins.

pytest tests/engines/test_mongodb.py --url mongodb://user:password@host/database
"""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from bson import encode
from bson.binary import Binary
from bson.code import Code
from bson.dbref import DBRef
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.min_key import MinKey
from bson.objectid import ObjectId
from bson.regex import Regex
from bson.timestamp import Timestamp
from pymongo.collection import Collection

from dbfleet import registry
from dbfleet.conformance.plugin import Connect, Make
from dbfleet.engines.mongodb.adapter import MongodbAdapter
from dbfleet.engines.mongodb.errors import translate
from dbfleet.errors import (
    AuthFailed,
    ConstraintViolated,
    NotFound,
    StatementError,
    Unavailable,
    Unsupported,
    UsageError,
)
from dbfleet.target import Target
from dbfleet.values import JSON_NULL, Column, Row, Schema, Type, json_text

pytestmark = pytest.mark.engines("mongodb")

ID = Column("id", Type.INT, False)
WHEN = datetime(2024, 2, 29, 13, 5, tzinfo=UTC)


@pytest.fixture
def foreign(adapter: MongodbAdapter, name: str) -> Iterator[Collection[dict[str, Any]]]:
    """A collection that dbfleet did not make."""
    collection = adapter._database[name]
    yield collection
    collection.drop()


def documents(adapter: MongodbAdapter, statement: str, **params: object) -> list[dict[str, Any]]:
    with adapter.query(statement, params) as result:
        return [row[0] for batch in result for row in batch]


def rows_of(adapter: MongodbAdapter, schema: Schema) -> list[Row]:
    return [row for batch in adapter.scan(schema) for row in batch]


# --- how rows lie in documents ---


def test_a_row_is_a_document_that_mongodb_users_would_write(adapter: MongodbAdapter, made: Make, name: str) -> None:
    columns = (
        ID,
        Column("price", Type.DECIMAL),
        Column("day", Type.DATE),
        Column("at", Type.INSTANT),
        Column("clock", Type.TIME),
        Column("ref", Type.UUID),
        Column("address", Type.JSON),
        Column("note", Type.TEXT),
        Column("big", Type.INT),
    )
    schema = made(Schema(name, columns, ("id",)))
    ref = UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    address = {"street": "Rue", "geo": {"lat": Decimal("48.5")}}
    row = (1, Decimal("1.50"), date(2024, 2, 29), WHEN, WHEN.time(), ref, address, None, 2**40)
    adapter.write(schema, [[row]])
    assert adapter._database[name].find_one() == {
        "_id": 1,
        "price": Decimal128("1.50"),
        "day": datetime(2024, 2, 29),
        "at": WHEN.replace(tzinfo=None),
        "clock": "13:05:00",
        "ref": ref,
        "address": {"street": "Rue", "geo": {"lat": 48.5}},
        "big": 2**40,
    }


def test_a_compound_key_is_a_sub_document_in_key_order(adapter: MongodbAdapter, made: Make, name: str) -> None:
    columns = (Column("a", Type.INT, False), Column("$b", Type.TEXT, False), Column("_id", Type.INT))
    schema = made(Schema(name, columns, ("$b", "a")))
    adapter.write(schema, [[(1, "x", 7)]])
    found: Any = adapter._database[name].find_one()
    assert found == {"_id": {"_$b": "x", "a": 1}, "__id": 7}
    assert list(found["_id"]) == ["_$b", "a"]
    assert rows_of(adapter, schema) == [(1, "x", 7)]
    assert list(adapter.get(schema, [("x", 1)])) == [(1, "x", 7)]
    adapter.write(schema, [[(1, "x", 8)]], mode="upsert")
    assert rows_of(adapter, schema) == [(1, "x", 8)]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_column_names_that_look_like_operators(adapter: MongodbAdapter, made: Make, name: str, mode: Any) -> None:
    columns = (ID, Column("$set", Type.INT), Column("a.b", Type.INT), Column("", Type.INT))
    schema = made(Schema(name, columns, ("id",)))
    assert adapter.write(schema, [[(1, 2, 3, 4)]], mode=mode).rejected == []
    assert rows_of(adapter, schema) == [(1, 2, 3, 4)]


def test_a_column_named_id_without_a_key_is_no_id(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("_id", Type.INT),)))
    assert adapter.write(schema, [[(1,), (1,)]]).rows == 2
    assert rows_of(adapter, schema) == [(1,), (1,)]


@pytest.mark.parametrize(
    "value",
    [
        Decimal("1" * 40 + ".5"),
        Decimal("1E+7000"),
        Decimal("1E-6200"),
        Decimal("NaN"),
        Decimal("-Infinity"),
        Decimal("-0.00"),
        Decimal("9" * 34),
        Decimal("-1E-30"),
        Decimal(2**64),
        Decimal(-(2**113)),
    ],
)
def test_decimals_beyond_decimal128_are_kept(adapter: MongodbAdapter, made: Make, name: str, value: Decimal) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.DECIMAL)), ("id",)))
    assert adapter.write(schema, [[(1, value), (2, Decimal("1.10"))]]).rejected == []
    found: dict[int, Any] = dict(rows_of(adapter, schema))
    assert found[1] == value or (value.is_nan() and found[1].is_nan())
    assert str(found[2]) == "1.10"


def test_integers_beyond_64_bits_are_kept(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.INT)), ("id",)))
    rows = [(1, 2**64 - 1), (2, -(10**40)), (3, None), (4, 5)]
    assert adapter.write(schema, [rows]).rows == 4
    assert rows_of(adapter, schema) == rows


@pytest.mark.parametrize(
    "value",
    [
        {"$ref": "x", "$id": 1},
        {"$ref": "x", "$id": 1, "$db": None, "more": [1]},
        {"$ref": "#/definitions/x"},
        {"$date": "not a date", "$oid": 5},
        {"a\0b": 1},
        {"big": 10**40, "digits": Decimal("0." + "1" * 40)},
        {"n": Decimal("0.1"), "m": Decimal("1E+400"), "i": 2**70},
        [Decimal("1.10"), -0.0, 1e300, float("inf")],
        {"_id": [None, {"": {"": []}}]},
        None,
    ],
    ids=str,
)
def test_json_that_bson_cannot_nest_comes_back_equal(
    adapter: MongodbAdapter, made: Make, name: str, value: Any
) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.JSON)), ("id",)))
    for mode in ("insert", "upsert"):
        assert adapter.write(schema, [[(1 if mode == "insert" else 2, value)]], mode=mode).rejected == []
    for _, found in rows_of(adapter, schema):
        assert found is None if value is None else json_text(found) == json_text(value)


@pytest.mark.parametrize("levels", [80, 95, 150, 250])
def test_json_is_kept_however_deep(adapter: MongodbAdapter, made: Make, name: str, levels: int) -> None:
    value: Any = 1
    for _ in range(levels):
        value = {"a": value}
    schema = made(Schema(name, (ID, Column("v", Type.JSON)), ("id",)))
    assert adapter.write(schema, [[(1, value)]]).rejected == []
    assert rows_of(adapter, schema) == [(1, value)]


def test_null_and_the_json_document_null_differ(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.JSON)), ("id",)))
    adapter.write(schema, [[(1, None), (2, JSON_NULL)]])
    assert rows_of(adapter, schema) == [(1, None), (2, JSON_NULL)]


def test_a_document_that_was_changed_by_hand_is_named(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.INT)), ("id",)))
    adapter.write(schema, [[(1, 1), (2, 2)]])
    adapter.query(f'db.{name}.updateOne({{_id: 2}}, {{$set: {{v: "two"}}}})')
    with pytest.raises(StatementError, match="_id 2 holds str 'two' in v, which is int"):
        rows_of(adapter, schema)


# --- writing ---


def test_refused_rows_come_back_and_the_others_are_stored(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    rows: list[Row] = [
        (1, "stays"),
        (1, "again"),
        (None, "no key"),
        (2, "\ud800"),
        (3, "x" * 17_000_000),
        (4, 5.5j),
        (5, "stays"),
    ]
    written = adapter.write(schema, [rows])
    assert written.rows == 2
    assert sorted(row for row in rows_of(adapter, schema)) == [(1, "stays"), (5, "stays")]
    reasons = {rejected.row: rejected.reason for rejected in written.rejected}
    assert "E11000 duplicate key" in reasons[(1, "again")]
    assert "the key id is null" in reasons[(None, "no key")]
    assert "surrogates" in reasons[(2, "\ud800")]
    assert "too large" in reasons[rows[4]]
    assert len(reasons) == 5


def test_batches_larger_than_a_command_are_stored(adapter: MongodbAdapter, made: Make, name: str) -> None:
    """A command takes 16 MiB; these are 30 MB in one batch, then another."""
    schema = made(Schema(name, (ID, Column("v", Type.TEXT)), ("id",)))
    batches = [[(start + number, "x" * 1_000_000) for number in range(30)] for start in (0, 30)]
    assert adapter.write(schema, batches).rows == 60
    assert adapter.count(name) == 60
    assert adapter.write(schema, batches[:1], mode="upsert").rows == 30


# --- what others made ---


def test_foreign_documents_are_described_by_their_values(
    adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]
) -> None:
    ref = UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
    first = {"_id": ObjectId(), "n": 1, "f": 1.5, "mix": 1, "t": "x", "w": WHEN, "u": ref, "b": b"x", "sub": {"a": 1}}
    second = {"_id": ObjectId(), "n": Int64(2**40), "f": 1, "mix": "two", "extra": Decimal128("1.5"), "nul": None}
    foreign.insert_many([first, second])
    schema = adapter.describe(foreign.name)
    types = {column.name: column.type for column in schema.columns}
    assert types == {
        "_id": Type.TEXT,
        "n": Type.INT,
        "f": Type.FLOAT,
        "mix": Type.JSON,
        "t": Type.TEXT,
        "w": Type.INSTANT,
        "u": Type.UUID,
        "b": Type.BYTES,
        "sub": Type.JSON,
        "extra": Type.DECIMAL,
        "nul": Type.TEXT,
    }
    assert schema.key == ("_id",)
    assert (schema.column("_id").native, schema.column("_id").nullable) == ("objectId", False)
    rows = {row[0]: dict(zip(schema.names, row, strict=True)) for row in rows_of(adapter, schema)}
    assert rows[str(first["_id"])] | {"extra": None, "nul": None} == {
        **first, "_id": str(first["_id"]), "extra": None, "nul": None,
    }  # fmt: skip
    assert rows[str(second["_id"])]["f"] == 1.0
    assert rows[str(second["_id"])]["mix"] == "two"
    (row,) = adapter.get(schema, [(str(first["_id"]),)])
    assert row[schema.names.index("n")] == 1


def test_a_late_deviation_widens_the_described_types(
    adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]
) -> None:
    """One document in 20 000 is beyond any sample, and neither missed nor a surprise to the scan."""
    foreign.insert_many({"_id": number, "v": number, "u": UUID(int=number), "w": WHEN} for number in range(20_000))
    foreign.insert_one({"_id": "odd", "v": "text", "u": Binary(b"x", 0), "late": True})
    foreign.database.command(
        "insert",
        foreign.name,
        documents=[{"_id": 1.5, "v": Int64(2**62), "w": MinKey()}, {"_id": None, "v": Regex("x")}],
    )
    schema = adapter.describe(foreign.name)
    found = {column.name: column.type for column in schema.columns}
    assert found == {"_id": Type.JSON, "v": Type.JSON, "u": Type.BYTES, "w": Type.JSON, "late": Type.BOOL}
    # No expression of the server's tells a Binary's subtype.
    assert [column.name for column in schema.columns if "sample" in (column.note or "")] == ["u"]
    assert len(rows_of(adapter, schema)) == 20_003
    parts = adapter.split(schema, 4)
    assert len(parts) > 1
    assert sum(len(batch) for part in parts for batch in adapter.scan(schema, part)) == 20_003
    assert [row[1] for row in adapter.get(schema, [("odd",)])] == ["text"]


def test_dates_beyond_the_year_9999_do_not_stop_a_scan(
    adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]
) -> None:
    from bson.datetime_ms import DatetimeMS

    foreign.insert_many([{"_id": 1, "w": WHEN}, {"_id": 2, "w": DatetimeMS(2**55)}])
    schema = adapter.describe(foreign.name)
    assert schema.column("w").type is Type.JSON
    assert rows_of(adapter, schema)[1][1] == {"$date": {"$numberLong": str(2**55)}}
    assert documents(adapter, f"db.{foreign.name}.find({{_id: 2}}, {{_id: 0}})") == [
        {"w": {"$date": {"$numberLong": str(2**55)}}}
    ]


def test_text_that_is_not_utf8_is_shown_escaped(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]) -> None:
    from bson.raw_bson import RawBSONDocument

    foreign.insert_one(RawBSONDocument(encode({"_id": 1, "t": "a?b"}).replace(b"a?b", b"a\xffb")))
    assert rows_of(adapter, adapter.describe(foreign.name)) == [(1, "a\\xffb")]
    assert documents(adapter, f"db.{foreign.name}.find()") == [{"_id": 1, "t": "a\\xffb"}]


def test_object_ids_are_stored_as_such_again(adapter: MongodbAdapter, foreign: Any, made: Make, name: str) -> None:
    """A copy from MongoDB to MongoDB changes no ObjectId into text."""
    ids = [ObjectId() for _ in range(3)]
    foreign.insert_many({"_id": each} for each in ids)
    source = adapter.describe(foreign.name)
    sink = made(Schema(f"{name}_copy", source.columns, source.key))
    adapter.write(sink, adapter.scan(source))
    assert [each["_id"] for each in adapter._database[sink.name].find().sort("_id")] == ids
    assert sorted(rows_of(adapter, adapter.describe(sink.name))) == sorted((str(each),) for each in ids)


def test_views_and_capped_collections_can_be_read(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.INT)), ("id",)))
    adapter.write(schema, [[(number, number % 3) for number in range(100)]])
    view = f"{name}_v"
    adapter.query(f'db.createView("{view}", "{name}", [{{$match: {{v: 1}}}}, {{$project: {{_id: 0}}}}])')
    try:
        found = adapter.describe(view)
        assert (found.names, found.key) == (("v",), ())
        assert adapter.count(view) == len(rows_of(adapter, found)) == 33
        assert len(adapter.split(found, 4)) == 1
    finally:
        adapter.drop(view)


def test_names_that_mongodb_keeps_are_refused(adapter: MongodbAdapter) -> None:
    for odd in ("_dbfleet", "system.users", "a$b", "a\0b", ""):
        with pytest.raises(Unsupported):
            adapter.create(Schema(odd, (ID,), ("id",)))
    assert "_dbfleet" not in adapter.collections()


# --- mongosh ---


def test_values_of_a_result_are_plain(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]) -> None:
    object_id = ObjectId()
    foreign.insert_one(
        {"_id": object_id, "d": Decimal128("1.50"), "l": Int64(2**60), "w": WHEN, "r": Regex("a", "i"), "m": MinKey(),
         "b": Binary(b"x", 5), "s": [{"w": WHEN}], "n": None}
    )  # fmt: skip
    (found,) = documents(adapter, f"db.{foreign.name}.find()")
    assert found == {
        "_id": str(object_id),
        "d": Decimal("1.50"),
        "l": 2**60,
        "w": WHEN,
        "r": {"$regularExpression": {"pattern": "a", "options": "i"}},
        "m": {"$minKey": 1},
        "b": b"x",
        "s": [{"w": WHEN}],
        "n": None,
    }
    assert (type(found["l"]), type(found["b"])) == (int, bytes)


def test_extended_json_for_all_values(
    connect: Connect, adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]
) -> None:
    other = connect()
    assert isinstance(other, MongodbAdapter)
    other.ejson = True
    foreign.insert_one({"_id": ObjectId("507f1f77bcf86cd799439011"), "w": WHEN, "d": Decimal128("1.50")})
    assert documents(other, f"db.{foreign.name}.find()") == [
        {
            "_id": {"$oid": "507f1f77bcf86cd799439011"},
            "w": {"$date": "2024-02-29T13:05:00Z"},
            "d": {"$numberDecimal": "1.50"},
        }
    ]


def test_json_lines_of_any_bson_are_those_of_the_formats(
    adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]
) -> None:
    """Values and shapes that no column of ours has."""
    from bson.datetime_ms import DatetimeMS

    from dbfleet import formats

    values = [
        Decimal128("0.00"), Decimal128("-0.5"), Decimal128("0.005"), Decimal128("100"), Decimal128("9" * 34),
        Decimal128("12.30E-30"),
        ObjectId(), Int64(5), Decimal128("1.50"), Decimal128("NaN"), Decimal128("1E+5"), WHEN,
        WHEN.replace(microsecond=120000), DatetimeMS(2**55), Regex("a", "i"), MinKey(), Timestamp(1, 2), Code("f"),
        DBRef("c", WHEN), Binary(b"x", 5), b"y", UUID(int=7), float("nan"), -0.0, 1e300, "%s \"é\" \0 😀", None, True,
        {"a": [{"b": WHEN}, Decimal128("2.0")], "%": 1, 'q"': {}}, [],
    ]  # fmt: skip
    foreign.insert_many(
        {"_id": number, f"f{number % 3}%": value, "v": value} for number, value in enumerate(values * 30)
    )
    c = foreign.name
    for statement in (f"db.{c}.find()", f"db.{c}.aggregate([{{$sort: {{_id: -1}}}}])", f'{{"find": "{c}"}}'):
        fast = adapter.encoded(statement, {}, "jsonl")
        assert fast is not None
        with adapter.query(statement) as result:
            assert b"".join(fast) == b"".join(formats.encode("jsonl", [result]))
    assert adapter.encoded(f"db.{foreign.name}.insertOne({{}})", {}, "jsonl") is None
    assert adapter.encoded(f"db.{foreign.name}.find()", {}, "csv") is None
    assert foreign.count_documents({}) == len(values) * 30


def test_what_mongosh_prints_is_one_record(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]) -> None:
    c = f"db.{foreign.name}"
    expected: list[tuple[str, list[dict[str, Any]], int | None]] = [
        (f"{c}.insertOne({{_id: 1, s: 'a'}})", [{"acknowledged": True, "insertedId": 1}], 1),
        (
            f"{c}.insertMany([{{_id: 2, s: 'b'}}, {{_id: 3, s: 'a'}}])",
            [{"acknowledged": True, "insertedIds": {"0": 2, "1": 3}}],
            2,
        ),
        (f"{c}.countDocuments({{s: 'a'}})", [{"countDocuments": 2}], None),
        (f"{c}.estimatedDocumentCount()", [{"estimatedDocumentCount": 3}], None),
        (f"{c}.count({{s: 'b'}})", [{"count": 1}], None),
        (f"{c}.find().skip(1).count()", [{"count": 3}], None),
        (f"{c}.find().skip(1).size()", [{"size": 2}], None),
        (f"{c}.find({{}}, {{s: 1}}).sort({{_id: -1}}).limit(1)", [{"_id": 3, "s": "a"}], None),
        (f"{c}.findOne({{_id: 99}})", [], None),
        (f"{c}.distinct('s')", [{"value": "a"}, {"value": "b"}], None),
        (f"{c}.aggregate({{$match: {{s: 'a'}}}}, {{$count: 'n'}})", [{"n": 2}], None),
        (
            f"{c}.updateMany({{s: 'a'}}, {{$set: {{s: 'c'}}}})",
            [{"acknowledged": True, "insertedId": None, "matchedCount": 2, "modifiedCount": 2, "upsertedCount": 0}],
            2,
        ),
        (
            f"{c}.replaceOne({{_id: 9}}, {{s: 'z'}}, {{upsert: true}})",
            [{"acknowledged": True, "insertedId": 9, "matchedCount": 0, "modifiedCount": 0, "upsertedCount": 1}],
            1,
        ),
        (
            f"{c}.findOneAndUpdate({{_id: 9}}, {{$inc: {{n: 1}}}}, {{returnDocument: 'after'}})",
            [{"_id": 9, "s": "z", "n": 1}],
            1,
        ),
        (f"{c}.findOneAndDelete({{_id: 9}}, {{projection: {{s: 1}}}})", [{"_id": 9, "s": "z"}], 1),
        (f"{c}.deleteOne({{_id: 3}})", [{"acknowledged": True, "deletedCount": 1}], 1),
        (f"{c}.createIndex({{s: 1, n: -1}})", [{"createIndex": "s_1_n_-1"}], None),
        (f"{c}.renameCollection('{foreign.name}_x')", [{"ok": 1.0}], None),
        (f"{c}_x.drop()", [{"drop": True}], None),
        (f"{c}_x.drop()", [{"drop": False}], None),
        ("db.runCommand('ping')", [{"ok": 1.0}], None),
        ('{"ping": 1}', [{"ok": 1.0}], None),
    ]
    for statement, records, affected in expected:
        with adapter.query(statement) as result:
            assert [row[0] for batch in result for row in batch] == records, statement
            assert result.affected == affected, statement


def test_several_statements_follow_each_other(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]) -> None:
    other = f"{adapter._database.name}_other"
    result = adapter.query(f"db.{foreign.name}.insertOne({{_id: 1}}); use {other}\ndb\nshow collections; db.getName()")
    assert result.affected == 1
    found = []
    while following := result.following():
        found.append((following.messages, [row[0] for batch in following for row in batch]))
        result = following
    assert found == [
        ([f"switched to db {other}"], []),
        ([], [{"db": other}]),
        ([], []),
        ([], [{"getName": other}]),
    ]


def test_commands_stream_their_cursor(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]) -> None:
    foreign.insert_many({"_id": number} for number in range(500))
    assert len(documents(adapter, f'{{"find": "{foreign.name}", "batchSize": 10}}')) == 500
    assert len(documents(adapter, f"db.runCommand({{aggregate: '{foreign.name}', pipeline: [], cursor: {{}}}})")) == 500


@pytest.mark.parametrize("statement", ["db.{c}.find()", "db.{c}.aggregate([])", '{{"find": "{c}"}}'])
def test_a_result_holds_one_batch(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]], statement: str) -> None:
    """20 MB of documents pass in less than 6 MB: a getMore that names no size gets 16 MB."""
    foreign.insert_many({"_id": number, "v": f"{number:06}" * 170} for number in range(20_000))
    tracemalloc.start()
    try:
        with adapter.query(statement.format(c=foreign.name), batch_size=500) as result:
            assert sum(len(batch) for batch in result) == 20_000
        held = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert held < 6e6, f"{held / 1e6:.1f} MB"


def test_a_rename_takes_the_schema_along(adapter: MongodbAdapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (ID, Column("v", Type.DECIMAL, precision=9, scale=2)), ("id",)))
    adapter.query(f"db.{name}.renameCollection('{name}_new')")
    try:
        assert adapter.describe(f"{name}_new").column("v") == schema.column("v")
    finally:
        adapter.drop(f"{name}_new")


@pytest.mark.parametrize(
    ("statement", "error"),
    [
        ("db.{c}.insertMany([{{_id: 1}}, {{_id: 2}}, {{_id: 1}}])", ConstraintViolated),
        ("db.{c}.insertOne({{_id: 0}})", ConstraintViolated),
        ("db.{c}.bulkWrite([{{insertOne: {{document: {{_id: 0}}}}}}])", ConstraintViolated),
        ('{{"insert": "{c}", "documents": [{{"_id": 0}}]}}', ConstraintViolated),
        ("db.{c}.updateOne({{}}, {{a: 1}})", StatementError),
        ("db.{c}.replaceOne({{}}, {{$set: {{a: 1}}}})", StatementError),
        ("db.{c}.find({{$nope: 1}})", StatementError),
        ("db.{c}.find({{}}, {{}}, {{nope: 1}})", StatementError),
        ("db.{c}.aggregate([{{$nope: 1}}])", StatementError),
        ("db.{c}.find().count().limit(1)", StatementError),
        ("db.runCommand({{nope: 1}})", StatementError),
    ],
)
def test_errors_of_statements(
    adapter: MongodbAdapter, foreign: Collection[dict[str, Any]], statement: str, error: type[Exception]
) -> None:
    foreign.insert_one({"_id": 0})
    with pytest.raises(error) as caught:
        documents(adapter, statement.format(c=foreign.name))
    assert caught.value.engine == "mongodb"  # type: ignore[attr-defined]
    assert "\n" not in str(caught.value)


def test_a_refused_batch_says_how_much_was_stored(adapter: MongodbAdapter, foreign: Collection[dict[str, Any]]) -> None:
    with pytest.raises(ConstraintViolated, match=r"\(2 stored\)"):
        adapter.query(f"db.{foreign.name}.insertMany([{{_id: 1}}, {{_id: 2}}, {{_id: 1}}, {{_id: 3}}])")


# --- connecting ---


def test_connecting_leaves_no_cursor_open(connect: Connect, foreign: Collection[dict[str, Any]]) -> None:
    def open_cursors() -> set[int]:
        found = foreign.database.client.admin.aggregate([{"$currentOp": {"idleCursors": True}}])
        return {each["cursor"]["cursorId"] for each in found if each["type"] == "idleCursor"}

    foreign.insert_one({"_id": 1})
    before = open_cursors()
    connect().close()
    assert open_cursors() <= before


def test_a_scan_can_be_cancelled(connect: Connect, foreign: Collection[dict[str, Any]]) -> None:
    """`cancel` finds by its session what runs, and stops nothing else."""
    adapter, other = connect(), connect()
    assert isinstance(adapter, MongodbAdapter)
    foreign.insert_many({"_id": number} for number in range(100))
    timer = threading.Timer(0.5, adapter.cancel)
    timer.start()
    with pytest.raises(StatementError):
        adapter.query(adapter.spec.examples["slow"])
    timer.join()
    assert other.ping().version
    adapter.cancel()  # nothing runs


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"password": "wrong"}, AuthFailed),
        ({"user": "nobody", "password": "x"}, AuthFailed),
        ({"user": None, "password": None}, AuthFailed),
        ({"port": 1}, Unavailable),
        ({"host": "nowhere.invalid"}, Unavailable),
        ({"options": {"authSouce": "admin"}}, UsageError),
        ({"options": {"tls": "maybe"}}, UsageError),
        ({"database": "a b"}, UsageError),
    ],
)
def test_connections_that_fail(target: Target, change: dict[str, Any], error: type[Exception]) -> None:
    if target.user is None and error is AuthFailed:
        pytest.skip("no login in this run")
    with pytest.raises(error) as caught:
        registry.connect(target.with_(**change), timeout_s=3)
    assert type(caught.value) is error
    if target.password:
        assert target.password not in str(caught.value) + str(caught.value.__cause__)


def test_who_may_read_one_collection_can_do_that(
    adapter: MongodbAdapter, target: Target, foreign: Collection[dict[str, Any]], made: Make, name: str
) -> None:
    schema = made(Schema(f"{name}_other", (ID,), ("id",)))
    foreign.insert_many({"_id": number} for number in range(10))
    database, word = adapter._database, f"u{name}"
    privilege = {"resource": {"db": database.name, "collection": foreign.name}, "actions": ["find"]}
    database.command("createRole", word, privileges=[privilege], roles=[])
    try:
        database.command("createUser", word, pwd="secret", roles=[word])
        with registry.connect(target.with_(user=word, password="secret", options={})) as reader:
            assert reader.collections() == [foreign.name]
            assert len(rows_of(reader, reader.describe(foreign.name))) == reader.count(foreign.name) == 10  # type: ignore[arg-type]
            reader.cancel()
            with pytest.raises(StatementError, match=r"not authorized on .* to execute command insert$"):
                reader.query(f"db.{foreign.name}.insertOne({{}})")
            with pytest.raises(NotFound):
                reader.count(schema.name)
    finally:
        database.command("dropUser", word)
        database.command("dropRole", word)


def test_clustered_capped_and_timeseries_collections_can_be_read(adapter: MongodbAdapter, name: str) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "clustered": {"clusteredIndex": {"key": {"_id": 1}, "unique": True}},
        "capped": {"capped": True, "size": 100_000},
        "timeseries": {"timeseries": {"timeField": "t"}},
    }
    for kind, options in kinds.items():
        collection = adapter._database.create_collection(f"{name}_{kind}", **options)
        try:
            collection.insert_many({"_id": number, "t": WHEN, "v": number} for number in range(500))
            schema = adapter.describe(collection.name)
            assert schema.key == (() if kind == "timeseries" else ("_id",))
            assert adapter.count(collection.name) == len(rows_of(adapter, schema)) == 500
            parts = adapter.split(schema, 3)
            assert sum(len(batch) for part in parts for batch in adapter.scan(schema, part)) == 500
        finally:
            collection.drop()


def test_an_unknown_option_names_the_nearest(target: Target) -> None:
    with pytest.raises(UsageError) as caught:
        registry.connect(target.with_(options={"authSouce": "admin"}))
    assert (str(caught.value), caught.value.hint) == ("unknown option authSouce", "did you mean authSource?")


def test_another_drivers_error_is_not_translated() -> None:
    assert translate(ValueError("somebody else's")) is None
