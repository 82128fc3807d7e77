"""Documents of every BSON type, by the driver, through every verb; what comes to another MongoDB is the same BSON, or
its column's note says what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from bson import encode
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
from bson.timestamp import Timestamp
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dbfleet import registry
from dbfleet.engines.mongodb.values import CODEC, exact, from_exact
from dbfleet.target import Target
from dbfleet.values import JSON_NULL, Column, Schema, Type, json_text, loads_json
from tests.zoo.walk import Ran, run, walk

pytestmark = pytest.mark.engines("mongodb")

U = UUID("f81d4fae-7dec-11d0-a765-00a0c91e6bf6")
EVERY: dict[str, Any] = {
    "bool": True,
    "int": 7,
    "long_of_a_small_number": Int64(7),
    "long": Int64(-(2**63)),
    "double": 2.5,
    "whole_double": 3.0,
    "nan": float("nan"),
    "inf": float("-inf"),
    "minus_zero": -0.0,
    "tiny": 5e-324,
    "huge": 1.7976931348623157e308,
    "decimal": Decimal128("1.50"),
    "decimal_nan": Decimal128("NaN"),
    "decimal_inf": Decimal128("-Infinity"),
    "decimal_huge": Decimal128("9.999999999999999999999999999999999E+6144"),
    "string": "text \u0000 é 😀",
    "empty": "",
    "object_id": ObjectId(),
    "date": datetime(2020, 1, 1, 12, 30, 15, 123000),
    "date_before_year_1": DatetimeMS(-(2**60)),
    "date_beyond_9999": DatetimeMS(2**60),
    "uuid": U,
    "uuid_legacy": Binary(U.bytes, 3),
    "bytes": b"\x00\xff",
    "no_bytes": b"",
    "binary_128": Binary(b"user", 128),
    "binary_2": Binary(b"old", 2),
    "binary_5": Binary(b"m" * 16, 5),
    "regex": Regex("^a", "im"),
    "code": Code("return 1"),
    "code_with_scope": Code("return a", {"a": Int64(1), "d": datetime(2020, 1, 1)}),
    "timestamp": Timestamp(2**32 - 1, 1),
    "min_key": MinKey(),
    "max_key": MaxKey(),
    "dbref": DBRef("users", ObjectId()),
    "dbref_elsewhere": DBRef("users", 7, "base", extra=1),
    "null": None,
    "object": {"b": 1, "a": {"c": [1, 2.5, "x", None, True]}},
    "array": [1, "two", [3.5]],
    "no_object": {},
    "no_array": [],
    "nested": {"id": ObjectId(), "at": [datetime(2020, 1, 1)], "n": Int64(1), "d": Decimal128("1.0"), "w": 1.0},
    "a.dot": 1,
    "$dollar": 2,
    "looks_extended": {"$oid": "no"},
    "looks_like_a_reference": {"$ref": 1, "$id": 2, "x": ObjectId()},
    "": "no name",
    "😀": "emoji",
}
KEYS: list[Any] = [
    1, Int64(5), Int64(2**40), 2.5, "a", "", ObjectId(), Decimal128("3.1"), datetime(2021, 1, 1), Binary(b"q", 5), U,
    True, None, {"a": 1, "b": ObjectId()}, {}, 6.0, Timestamp(3, 4), MinKey(), MaxKey(), float("inf"), b"bytes",
]  # fmt: skip


@pytest.fixture(name="here")
def a_database_of_its_own(target: Target) -> Iterator[Any]:
    with registry.connect(target.with_(database="dbfleet_zoo_a")) as found:
        found._client.drop_database("dbfleet_zoo_a")  # type: ignore[attr-defined]
        yield found
        found._client.drop_database("dbfleet_zoo_a")  # type: ignore[attr-defined]


@pytest.fixture(name="there")
def another_database(target: Target) -> Iterator[Any]:
    with registry.connect(target.with_(database="dbfleet_zoo_b")) as found:
        found._client.drop_database("dbfleet_zoo_b")  # type: ignore[attr-defined]
        yield found
        found._client.drop_database("dbfleet_zoo_b")  # type: ignore[attr-defined]


def raw(adapter: Any, name: str) -> list[bytes]:
    """The documents as the server has them, in the order of their keys."""
    options: Any = CodecOptions(document_class=RawBSONDocument)
    return [each.raw for each in adapter._database.get_collection(name, options).find().sort("_id", 1)]


def url(adapter: Any) -> str:
    return str(adapter.target.url(reveal=True))


def failed(ran: dict[str, Ran]) -> dict[str, tuple[int, str]]:
    return {verb: (each.code, each.err) for verb, each in ran.items() if each.code}


def odd(name: str, *elements: bytes) -> RawBSONDocument:
    """A document that no driver writes."""
    body = b"".join(elements) + b"\0"
    return RawBSONDocument((len(body) + 4).to_bytes(4, "little") + body)


def test_every_type_goes_through_every_verb_and_stays_what_it_is(here: Any, there: Any, tmp_path: Path) -> None:
    here._database.every.insert_one({"_id": 1, **EVERY})
    ran = walk(url(here), "every", tmp_path, statement="db.every.find()", sink=url(there))
    assert failed(ran) == {}
    assert raw(there, "every") == raw(here, "every")


def test_each_type_alone_is_exact(here: Any, there: Any) -> None:
    names = {f"c{number}": name for number, name in enumerate(EVERY)}
    for collection, name in names.items():
        here._database[collection].insert_many({"_id": number, "v": EVERY[name]} for number in range(3))
    copied = run("copy", url(here), url(there), "--strict", "--verify", "--yes")
    assert copied.code == 0, copied.err
    same = {name: raw(there, each) == raw(here, each) for each, name in names.items() if EVERY[name] is not None}
    assert [name for name, is_same in same.items() if not is_same] == []


def test_keys_of_every_type_go_to_another_mongodb(here: Any, there: Any, tmp_path: Path) -> None:
    here._database.keys.insert_many({"_id": key, "v": key} for key in KEYS)
    ran = walk(url(here), "keys", tmp_path, statement="db.keys.find()", sink=url(there))
    assert failed(ran) == {}
    assert raw(there, "keys") == raw(here, "keys")
    back = run("load", url(there), str(tmp_path / "dump"), "--mode", "replace", "--yes", "--verify")
    assert back.code == 0, back.err
    assert raw(there, "keys") == raw(here, "keys")


def test_what_no_column_says_comes_along(here: Any, there: Any, tmp_path: Path) -> None:
    base = here._database
    base.numbers.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 2.5}, {"_id": 3, "n": Int64(2**60)}, {"_id": 4}])
    base.doubles.insert_many([{"_id": 1, "n": 1}, {"_id": 2, "n": 1.0}])
    base.longs.insert_many([{"_id": 1, "n": 1}, {"_id": Int64(2), "n": Int64(1)}])
    base.nulls.insert_many([{"_id": 1, "a": None, "o": None}, {"_id": 2, "o": {"x": None}}, {"_id": 3, "a": "x"}])
    base.order.insert_many([{"_id": 1, "a": 1, "b": {"y": 1, "x": 2}}, {"_id": 2, "b": {"x": 1, "y": 2}, "a": 2}])
    base.binaries.insert_many([{"_id": 1, "v": Binary(b"1", 0)}, {"_id": 2, "v": Binary(b"1", 6)}, {"_id": 3, "v": U}])
    base.zeros.insert_many(
        {"_id": n, "v": Decimal128(v)} for n, v in enumerate(["1.50", "-0", "1E+3", "0E-10", "sNaN"])
    )
    names = sorted(base.list_collection_names())
    for mode in ("insert", "upsert", "replace"):
        copied = run("copy", url(here), url(there), "--strict", "--verify", "--mode", mode, "--yes")
        assert copied.code == 0, copied.err
        assert [raw(there, name) for name in names] == [raw(here, name) for name in names]
        assert run("diff", url(here), url(there)).code == 0
    # The copy of a copy, too.
    with registry.connect(there.target.with_(database="dbfleet_zoo_c")) as third:
        third._client.drop_database("dbfleet_zoo_c")  # type: ignore[attr-defined]
        try:
            copied = run("copy", url(there), url(third), "--strict", "--verify")
            assert copied.code == 0, copied.err
            assert [raw(third, name) for name in names] == [raw(here, name) for name in names]
        finally:
            third._client.drop_database("dbfleet_zoo_c")  # type: ignore[attr-defined]
    # Elsewhere it is told.
    assert run("copy", url(here), f"sqlite:///{tmp_path}/n.db", "numbers", "--strict").code == 6
    assert "double, int, long, as decimal" in run("dump", url(here), "numbers", "-o", str(tmp_path / "d")).err


def test_a_null_of_a_collection_that_dbfleet_made_is_not_a_missing_field(here: Any, there: Any) -> None:
    schema = Schema("made", (Column("id", Type.INT, False), Column("j", Type.JSON)), ("id",))
    here.create(schema)
    here.write(schema, [[(1, JSON_NULL), (2, None), (3, {"a": None})]])
    assert run("copy", url(here), url(there), "--strict", "--verify").code == 0
    (rows,) = there.scan(there.describe("made"))
    assert rows == [(1, JSON_NULL), (2, None), (3, {"a": None})]


def test_a_broken_view_hides_nothing_else(here: Any, there: Any, tmp_path: Path) -> None:
    here._database.z.insert_one({"_id": 1, "a": 1})
    here._database.command("create", "broken", viewOn="z", pipeline=[{"$project": {"x": {"$divide": [1, 0]}}}])
    found = run("describe", url(here))
    assert (found.code, b'"z"' in found.out, "broken: " in found.err) == (5, True, True)
    for verb in (("digest", url(here)), ("diff", url(here), url(there))):
        assert "broken: " in run(*verb).err
    copied = run("copy", url(here), url(there), "--verify")
    assert (copied.code, "view broken: does not come along" in copied.err) == (0, True)
    assert raw(there, "z") == raw(here, "z")
    assert run("copy", url(here), url(there), "--mode", "replace", "--yes", "--strict").code == 6


def test_a_dump_of_nothing_is_loaded(here: Any, tmp_path: Path) -> None:
    assert run("dump", url(here), "-o", str(tmp_path / "d")).code == 0
    assert run("load", url(here), str(tmp_path / "d"), "--verify").code == 0
    assert run("load", f"sqlite:///{tmp_path}/n.db", str(tmp_path / "d")).code == 0


def test_rows_of_a_view_are_those_of_a_collection(here: Any, there: Any) -> None:
    here._database.base.insert_many([{"_id": 1, "a": [1, 2.5]}, {"_id": 2, "a": [None, Int64(3)]}])
    here._database.command("create", "seen", viewOn="base", pipeline=[{"$unwind": "$a"}])
    here._database.command("create", "empty", viewOn="gone", pipeline=[])
    assert [column.name for column in here.describe("empty").columns] == ["_id"]
    assert run("copy", url(here), url(there), "seen", "empty", "--verify").code == 0
    found = list(there._database.seen.find({}, {"_id": 0}).sort([("__id", 1), ("a", 1)]))
    right = [(1, 1), (1, 2.5), (2, None), (2, Int64(3))]
    assert [encode(each) for each in found] == [encode({"__id": of, "a": value}) for of, value in right]


def test_what_drivers_do_not_see_is_told(here: Any, there: Any, tmp_path: Path) -> None:
    number = b"\x10_id\0\1\0\0\0"
    twice = odd("twice", number, b"\x10a\0\1\0\0\0", b"\x10a\0\2\0\0\0", b"\x10b\0\2\0\0\0")
    old = odd("old", number, b"\x0es\0\2\0\0\0x\0", b"\x06u\0")
    here._database.command("insert", "twice", documents=[twice])
    here._database.command("insert", "old", documents=[old])
    notes = {column.name: column.note for name in ("twice", "old") for column in here.describe(name).columns}
    assert notes == {
        "_id": None,
        "a": "twice in a document, the last value of it",
        "b": None,
        "s": "string, symbol, as text",
        "u": "undefined, as text and null",
    }
    for name in ("twice", "old"):
        assert run("copy", url(here), f"sqlite:///{tmp_path}/{name}.db", name, "--strict").code == 6
        assert run("copy", url(here), url(there), name, "--strict", "--verify").code == 0
        assert raw(there, name) == raw(here, name)


def test_one_document_in_thousands_is_told_however_deep(here: Any, there: Any) -> None:
    plain = {"list": [{"x": 1.5, "y": {"z": ["text", None, True]}}]}
    here._database.late.insert_many({"_id": number, "a": plain} for number in range(3000))
    assert here.describe("late").column("a").note is None
    here._database.late.insert_one({"_id": 9999, "a": {"list": [{"y": {"z": [ObjectId()]}}]}})
    column = here.describe("late").column("a")
    assert column.note is not None
    assert "objectId" in column.note
    assert run("copy", url(here), url(there), "--strict", "--verify").code == 0
    assert raw(there, "late") == raw(here, "late")


def test_names_of_collections(here: Any, there: Any, tmp_path: Path) -> None:
    names = ["with.dots", "emoji😀", "a-b", "select", " ", "%2F", "ä", "UPPER", "x" * 150]
    for name in names:
        here._database[name].insert_one({"_id": 1, "v": ObjectId()})
    statement = "db.getCollection('emoji😀').find()"
    assert failed(walk(url(here), "emoji😀", tmp_path, statement=statement, sink=url(there))) == {}
    copied = run("copy", url(here), url(there), "--verify", "--mode", "replace", "--yes")
    assert copied.code == 0, copied.err
    assert here.collections() == there.collections() == sorted(names)
    assert [raw(there, name) for name in names] == [raw(here, name) for name in names]


def test_kinds_of_collections_go_and_what_is_left_is_told(here: Any, there: Any, tmp_path: Path) -> None:
    base = here._database
    base.create_collection("capped", capped=True, size=100_000, max=50)
    base.create_collection("checked", validator={"v": {"$type": "int"}}, validationAction="warn")
    base.create_collection("german", collation={"locale": "de"})
    base.create_collection("series", timeseries={"timeField": "t", "metaField": "m"})
    for name in ("capped", "checked", "german"):
        base[name].insert_one({"_id": 1, "v": 1})
    base.series.insert_one({"t": datetime(2020, 1, 1), "m": "x", "v": 1})
    base.command("create", "seen", viewOn="checked", pipeline=[{"$match": {"v": 1}}])
    base.checked.create_index("v", unique=True, name="v_u")
    base.checked.create_index("at", expireAfterSeconds=60, name="ttl")
    base.checked.create_index([("v", -1), ("w", 1)], partialFilterExpression={"v": {"$gt": 1}}, name="part")
    base.checked.create_index([("s", "text")], name="words")
    base["system.js"].insert_one({"_id": "f", "value": Code("function() {}")})
    assert here.extras("capped").left == ("the cap at 100,096 bytes or 50 documents",)
    assert tuple(map(str, here.extras("checked").has)) == (
        "the validator (warn)",
        "unique index v_u (v 1)",
        "TTL index ttl (at 1, after 60 seconds)",
        "partial index part (v -1, w 1)",
        "index words (s text)",
    )
    assert here.extras("german").left == ("the collation de (strength 3)",)
    assert here.extras("series").left[0] == "the time series by t, meta m: its documents are copied"
    assert here.extras("seen").left == ("the view's definition, of checked by $match: its rows are copied",)
    assert here.left() == ("functions of the server: f",)
    for name in ("series", "seen"):
        folder = tmp_path / name
        folder.mkdir()
        assert failed(walk(url(here), name, folder, statement=f"db.{name}.find()", sink=url(there))) == {}
    assert run("copy", url(here), url(there), "capped", "checked", "german", "--verify").code == 0
    assert run("diff", url(here), url(there)).code == 0
    for mode in ("replace", "upsert"):
        copied = run("copy", url(here), url(there), "checked", "--mode", mode, "--yes", "--strict")
        assert copied.code == 0, copied.err
        assert sorted(map(repr, there.extras("checked").has)) == sorted(map(repr, here.extras("checked").has))
        assert there.extras("checked").left == here.extras("checked").left
    elsewhere = run("copy", url(here), f"sqlite:///{tmp_path}/checked.db", "checked")
    assert "unique index v_u (v 1): not into SQLite" in elsewhere.err
    assert "unique index v_u (v 1)" in run("dump", url(here), "checked", "-o", str(tmp_path / "checked")).err


def test_the_last_collection_takes_what_is_kept_beside_it_along(here: Any) -> None:
    here._database.users.insert_one({"_id": 1})
    schema = here.describe("users")
    from dataclasses import replace

    for name in ("a", "b"):
        here.create(replace(schema, name=name))
    here.drop("a")
    assert here.describe("b").key == ("_id",)
    here.drop("b")
    assert here._database.list_collection_names() == ["users"]


def test_an_empty_collection_is_the_same_as_an_empty_table(here: Any, tmp_path: Path) -> None:
    import sqlite3

    here._database.create_collection("users")
    table = sqlite3.connect(tmp_path / "t.db")
    table.execute("create table users (id integer primary key, name text)")
    table.commit()
    sides = url(here), f"sqlite:///{tmp_path}/t.db"
    for a, b in (sides, sides[::-1]):
        assert (run("diff", f"{a}#users", f"{b}#users").code) == 0
    table.execute("insert into users values (1, 'x')")
    table.commit()
    table.close()
    assert run("diff", f"{sides[0]}#users", f"{sides[1]}#users").code == 1


def test_an_empty_collection_takes_the_rows_of_a_table_and_keeps_what_it_has(here: Any, tmp_path: Path) -> None:
    import sqlite3

    table = sqlite3.connect(tmp_path / "t.db")
    table.execute("create table users (id integer primary key, name text, born date)")
    table.execute("insert into users values (1, 'x', '2024-02-29'), (2, null, null)")
    table.commit()
    table.close()
    source, users = f"sqlite:///{tmp_path}/t.db", here._database.users
    assert run("dump", source, "-o", str(tmp_path / "dump")).code == 0
    for command in (("copy", source, url(here), "--verify"), ("load", url(here), str(tmp_path / "dump"), "--verify")):
        here.drop("users")
        here._database.create_collection("users", validator={"name": {"$ne": "y"}})
        users.create_index("name", name="mine")
        ran = run(*command)
        assert ran.code == 0, ran
        assert run("diff", source, url(here)).code == 0
        assert {"mine", "_id_"} <= set(users.index_information())
        assert users.options()["validator"] == {"name": {"$ne": "y"}}


def test_where_and_diff_by_object_ids(here: Any, there: Any) -> None:
    ids = [ObjectId() for _ in range(5)]
    for adapter in (here, there):
        adapter._database.users.insert_many({"_id": each, "n": number} for number, each in enumerate(ids))
    there._database.users.update_one({"_id": ids[2]}, {"$set": {"n": 9}})
    same = run("diff", url(here), url(there), "--where", f"_id = '{ids[1]}'")
    assert (same.code, same.out) == (0, b"")
    found = run("diff", url(here), url(there), "--where", f"_id >= '{ids[1]}'")
    assert found.code == 1
    assert [json.loads(line)["key"] for line in found.out.splitlines()] == [{"_id": str(ids[2])}]


_SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**31), 2**31 - 1), st.integers(-(2**63), 2**63 - 1).map(Int64),
    st.floats(allow_nan=False), st.just(float("nan")),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8), st.binary(max_size=8),
    st.binary(min_size=12, max_size=12).map(ObjectId), st.uuids(),
    st.tuples(st.binary(max_size=8), st.sampled_from([1, 5, 6, 7, 8, 128, 255])).map(lambda pair: Binary(*pair)),
    st.integers(-(2**63), 2**63 - 1).map(DatetimeMS),
    st.tuples(st.integers(0, 2**32 - 1), st.integers(0, 2**32 - 1)).map(lambda pair: Timestamp(*pair)),
    st.decimals(allow_nan=False).filter(lambda each: -6000 < (each.adjusted() if each.is_finite() else 0) < 6000)
    .map(lambda each: Decimal128(f"{each:.20e}") if each.is_finite() else Decimal128(each)),
    st.sampled_from([MinKey(), MaxKey(), Code("x"), Code("x", {"a": 1}), Regex("a", "i")]),
)  # fmt: skip
_NAMES = st.one_of(st.sampled_from(["a", "b.c", "$oid", "$date", "$ref", "$id", "$bson", ""]), st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=4))  # fmt: skip
_VALUES = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=3), max_leaves=8
)


@pytest.mark.engines
@settings(max_examples=300, derandomize=True, deadline=None, suppress_health_check=list(HealthCheck))
@given(_VALUES)
def test_bson_is_the_same_when_it_comes_back_from_json(value: Any) -> None:
    def bson(what: Any) -> bytes:
        return encode({"v": what}, codec_options=CODEC)

    from bson import decode

    seen = decode(bson(value), CODEC)["v"]  # as a scan sees it
    assert bson(from_exact(exact(seen))) == bson(seen)
    # A json text has its names in order; so has this document.
    assert bson(from_exact(loads_json(json_text(exact(seen))))) == bson(by_name(seen))


def by_name(value: Any) -> Any:
    """Its fields in the order of their names, but where all of its bytes are kept."""
    if type(value) is list:
        return list(map(by_name, value))
    if type(value) is not dict or any(name.startswith("$") for name in value):
        return value
    return {name: by_name(value[name]) for name in sorted(value)}
