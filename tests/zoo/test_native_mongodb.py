"""MongoDB to MongoDB: what the server says of the copy (options, indexes, documents as bytes, its own hashes) is what
it says of the source. What is not carried is named, and refused by --strict."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from bson import Code, encode
from bson.datetime_ms import DatetimeMS
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.objectid import ObjectId

from dbfleet import registry
from dbfleet.engines.mongodb.native import take
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Schema, Type
from tests.zoo.mongodb_kinds import ID, KINDS, number, odd, told
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("mongodb")


class Bases:
    """Databases that go after the test."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._opened: list[Any] = []

    def new(self, kind: str | None = None) -> Any:
        """An adapter of a new database, filled with that kind."""
        name = f"dbfleet_native_{len(self._opened)}"
        adapter: Any = registry.connect(self._target.with_(database=name))
        self._opened.append(adapter)
        adapter._client.drop_database(name)
        if kind:
            KINDS[kind](adapter._database)
        return adapter

    def drop(self) -> None:
        for adapter in self._opened:
            adapter._client.drop_database(adapter._database.name)
            adapter.close()


@pytest.fixture(name="bases")
def databases_of_its_own(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bases]:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    made = Bases(target)
    yield made
    made.drop()


def url(adapter: Any) -> str:
    return str(adapter.target.url(reveal=True))


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def alike(sink: Any, source: Any) -> None:
    there, here = told(source._database), told(sink._database)
    assert here.keys() == there.keys()
    for name in there:
        assert here[name] == there[name], name


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_the_same_in_another_database(bases: Bases, kind: str) -> None:
    source, sink = bases.new(kind), bases.new()
    copied = run("copy", url(source), url(sink), "--verify", "--strict")
    assert copied.code == 0, copied
    alike(sink, source)
    assert left(copied) == []
    compared = run("diff", url(source), url(sink))
    assert (compared.code, compared.out, compared.err) == (0, b"", "")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_the_place_of_what_is_there(bases: Bases, kind: str) -> None:
    source, sink = bases.new(kind), bases.new(kind)
    for name in sink.native_collections():
        sink._database[name].delete_many({})
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify", "--strict")
    assert copied.code == 0, copied
    alike(sink, source)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_go_as_they_are_into_collections_that_are_there(bases: Bases, kind: str) -> None:
    source, sink = bases.new(kind), bases.new(kind)
    names = sink.native_collections()
    for name in names:
        sink._database[name].delete_many({})
    sinks_own = {name: sink._database.command("collMod", name, validationLevel="off") for name in names
                 if kind == "validators"}  # fmt: skip
    copied = run("copy", url(source), url(sink), "--verify", "--strict")
    assert copied.code == 0, copied
    for name in sinks_own:
        assert told(sink._database)[name]["documents"] == told(source._database)[name]["documents"]
    if not sinks_own:
        alike(sink, source)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_native_dump_is_the_same_database_again(bases: Bases, tmp_path: Path, kind: str, format: str) -> None:
    source, sink = bases.new(kind), bases.new()
    dumped = run("dump", url(source), "--native", "-o", str(tmp_path / "dump"), "--format", format)
    assert dumped.code == 0, dumped
    for mode in ("insert", "replace"):
        loaded = run("load", url(sink), str(tmp_path / "dump"), "--mode", mode, "--yes", "--verify")
        assert loaded.code == 0, loaded
        alike(sink, source)


def test_the_very_same_document_and_what_stands_around_it(bases: Bases, tmp_path: Path) -> None:
    source, sink, again = bases.new("a document as applications write it"), bases.new(), bases.new()
    copied = run("copy", url(source), url(sink), "--strict", "--verify")
    assert copied.code == 0, copied
    alike(sink, source)
    (entry,) = json.loads(copied.err[copied.err.index('{"receipt"') :])["collections"]
    assert (entry["native"], entry["same"]) == (True, True)
    assert sorted(entry["extras"]) == ["TTL index ttl (at 1, after 3,600 seconds)", "the validator",
                                       "unique index one_n (n 1)"]  # fmt: skip
    for target in (source, sink):
        (record,) = [json.loads(line) for line in run("digest", url(target), "--native").out.splitlines()]
        assert record["digest"] == entry["digest"]
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "d")).code == 0
    assert run("load", url(again), str(tmp_path / "d"), "--verify").code == 0
    alike(again, source)


SAME = [
    ({"n": 1}, {"n": 1.0}), ({"n": 1}, {"n": Int64(1)}), ({"n": 0.0}, {"n": -0.0}), ({"i": ID}, {"i": str(ID)}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({"n": None}, {}), ({"c": Code("x")}, {"c": Code("x", {})}),
    ({"d": {"a": 1, "b": 2}}, {"d": {"b": 2, "a": 1}}),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_what_the_closed_set_holds_the_same_differs(bases: Bases, one: Any, other: Any) -> None:
    a, b = bases.new(), bases.new()
    for base, document in ((a, one), (b, other)):
        base._database.t.insert_one({"_id": ID, **document})
    found = run("diff", url(a), url(b))
    assert found.code == 1, found
    (changed,) = map(json.loads, found.out.splitlines())
    assert (changed["key"], changed["change"]) == ({"_id": str(ID)}, "changed")
    assert changed["before"] != changed["after"]
    digests = [json.loads(run("digest", url(base), "--native").out)["digest"] for base in (a, b)]
    assert digests[0] != digests[1]


def test_only_fields_that_differ_are_shown(bases: Bases) -> None:
    a, b = bases.new(), bases.new()
    a._database.t.insert_many([{"_id": 1, "n": 1, "s": "x", "d": {"at": ID}}, {"_id": 2, "v": 1}, {"_id": 5, "v": 1.5}])
    b._database.t.insert_many([{"_id": 1, "n": 1.0, "s": "x", "d": {"at": None}, "m": 1}, {"_id": 10, "v": ID}])
    b._database.t.insert_one({"_id": 5, "v": 1.5})
    found = [json.loads(line) for line in run("diff", url(a), url(b)).out.splitlines()]
    assert [(each["key"]["_id"], each["change"]) for each in found] == [(1, "changed"), (2, "removed"), (10, "added")]
    assert found[0]["before"] == {"n": {"$numberInt": "1"}, "d": {"at": {"$oid": str(ID)}}, "m": None}
    assert found[0]["after"] == {"n": {"$numberDouble": "1.0"}, "d": {"at": None}, "m": 1}
    assert (found[1]["before"], found[2]["after"]) == ({"_id": 2, "v": 1}, {"_id": 10, "v": str(ID)})
    a._database.u.insert_one({"_id": 1, "n": 1, "s": "x"})
    b._database.u.insert_one({"_id": 1, "s": "x", "n": 1})
    sides = f"{url(a)}#u", f"{url(b)}#u"
    (ordered,) = map(json.loads, run("diff", *sides).out.splitlines())
    assert (ordered["before"], ordered["after"]) == ({"document": ["_id", "n", "s"]}, {"document": ["_id", "s", "n"]})
    for choice in (("--where", "s = 'x'"), ("--columns", "n"), ("--ignore", "s")):
        assert run("diff", *sides, *choice).code == 0, choice


@pytest.mark.parametrize("kind", ["every type", "numbers", "fields", "keys of every type", "old types"])
def test_sync_keeps_every_value(bases: Bases, kind: str) -> None:
    a, b = bases.new(kind), bases.new(kind)
    for name in b.native_collections():
        some = b._database[name].find_one({}, {"_id": 1})["_id"]
        b._database[name].delete_one({"_id": some})
        b._database[name].update_many({}, {"$set": {"v": "other"}})
        b._database[name].insert_one({"_id": "only here"})
    synced = run("diff", url(a), url(b), "--sync", "--yes")
    assert synced.code == 0, synced
    alike(b, a)


def test_statements_keep_every_value_that_has_a_literal(bases: Bases) -> None:
    a, b = bases.new("every type"), bases.new()
    a._database.drop_collection("together")
    odd_ones = DatetimeMS(2**62), DatetimeMS(-(2**62)), Decimal128("sNaN")
    far = [each["_id"] for each in a._database.types.find() if each["v"] in odd_ones]
    a._database.types.delete_many({"_id": {"$in": far}})
    a._database.types.insert_one({"_id": {"at": ID}, "$d": 1, "a.b": {"$ref": "x", "$id": 1}})
    b._database.types.insert_many([{"_id": 3}, {"_id": {"at": ID}, "v": 1}])
    printed = run("diff", url(a), url(b), "--sync")
    assert printed.code == 1, printed
    assert run("query", url(b), printed.out.decode()).code == 0
    alike(b, a)


def test_sync_prints_statements_that_do_the_same(bases: Bases) -> None:
    a, b = bases.new("a document as applications write it"), bases.new("a document as applications write it")
    a._database.people.update_one({"_id": ID}, {"$set": {"n": Int64(7), "x.y": 1, "f": 2.0, "s": "it's"}})
    b._database.people.insert_one({"n": 5})
    printed = run("diff", url(a), url(b), "--sync")
    assert printed.code == 1, printed
    ran = run("query", url(b), printed.out.decode())
    assert ran.code == 0, ran
    alike(b, a)
    a._database.command("insert", "people", documents=[odd(number(b"_id", 1), number(b"n", 8), number(b"n", 9))])
    refused = run("diff", url(a), url(b), "--sync")
    assert (refused.code, "--yes writes it" in refused.err) == (6, True)
    assert run("diff", url(a), url(b), "--sync", "--yes").code == 0
    alike(b, a)


def test_upsert_wins_by_key_and_keeps_the_rest(bases: Bases) -> None:
    source, sink = bases.new("keys of every type"), bases.new("keys of every type")
    sink._database.keys.update_many({}, {"$set": {"v": 2, "w": 3}})
    sink._database.keys.insert_one({"_id": "only here", "v": 9})
    copied = run("copy", url(source), url(sink), "--mode", "upsert", "--verify", "--strict")
    assert copied.code == 0, copied
    sink._database.keys.delete_one({"_id": "only here"})
    alike(sink, source)


def test_views_are_told_and_made_with_views(bases: Bases) -> None:
    source, sink, bare = bases.new("a document as applications write it"), bases.new(), bases.new()
    base = source._database
    base.command("create", "a_view", viewOn="z_view", pipeline=[{"$match": {"n": {"$regex": "^a", "$options": "i"}}}])
    base.command("create", "z_view", viewOn="people", pipeline=[{"$project": {"n": 1}}])
    base.command("create", "french", viewOn="people", pipeline=[], collation={"locale": "fr"})
    refused = run("copy", url(source), url(bare), "--strict")
    assert refused.code == 6, refused
    assert bare.collections() == []
    copied = run("copy", url(source), url(bare), "--verify")
    assert left(copied) == [f"view {name}: does not come along" for name in ("a_view", "french", "z_view")]
    copied = run("copy", url(source), url(sink), "--views", "--strict", "--verify")
    assert copied.code == 0, copied
    alike(sink, source)
    assert run("copy", url(source), url(sink), "--views", "--mode", "replace", "--yes", "--strict").code == 0
    sink._database.drop_collection("a_view")
    sink._database.command("create", "a_view", viewOn="other", pipeline=[])
    again = run("copy", url(source), url(sink), "--views", "--mode", "replace", "--yes")
    assert "a_view is there already and is another one" in again.err


def test_what_else_a_database_has_is_named(bases: Bases) -> None:
    source, sink = bases.new("a document as applications write it"), bases.new()
    source._database["system.js"].insert_one({"_id": "f", "value": Code("function() {}")})
    source._database.command("createUser", "reads", pwd="x", roles=["read"])
    source._database.command("createRole", "own", privileges=[], roles=[])
    try:
        copied = run("copy", url(source), url(sink), "--verify")
    finally:
        source._database.command("dropUser", "reads")
        source._database.command("dropRole", "own")
    assert left(copied) == [f"{what}: does not come along" for what in ("functions of the server: f", "users: reads",
                                                                        "roles: own")]  # fmt: skip


def test_a_copy_under_another_name_beside_its_source(bases: Bases) -> None:
    base = bases.new("indexes")
    for mode in ("insert", "replace"):
        copied = run("copy", f"{url(base)}#i", f"{url(base)}#j", "--mode", mode, "--yes", "--verify")
        assert copied.code == 0, copied
        found = told(base._database)
        assert found["i"] == found["j"]


def test_what_dbfleet_made_keeps_its_schema(bases: Bases) -> None:
    source, sink = bases.new(), bases.new()
    par = Schema("par", (Column("id", Type.INT, False), Column("d", Type.DATE)), ("id",))
    columns = (Column("par", Type.INT, False), Column("no", Type.INT, False), Column("t", Type.TIME))
    child = Schema("child", columns, ("par", "no"), (Reference(("par",), "par", ("id",)),))
    for schema in (par, child):
        source.create(schema)
    source.write(par, [[(1, None), (2, None)]])
    source.write(child, [[(1, 1, None), (2, 1, None)]])
    for mode in ("insert", "upsert", "replace"):
        copied = run("copy", url(source), url(sink), "--mode", mode, "--yes", "--verify", "--strict")
        assert copied.code == 0, copied
        alike(sink, source)
        assert [sink.describe(name) for name in ("par", "child")] == [
            source.describe(name) for name in ("par", "child")
        ]
    foreign = bases.new()
    foreign._database.par.insert_one({"_id": 5, "d": "no date"})
    copied = run("copy", url(foreign), url(sink), "par", "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    assert sink.describe("par").column("d").type is Type.TEXT
    assert sink.describe("child") == source.describe("child")


def test_rows_of_another_meaning_go_by_the_closed_set(bases: Bases) -> None:
    """Documents whose fields another schema reads are not put beside it as they are."""
    source, sink = bases.new(), bases.new()
    source._database.t.insert_many([{"_id": 1, "v": 1}, {"_id": 2, "v": 2}])
    sink.create(Schema("t", (Column("_id", Type.INT, False), Column("v", Type.DECIMAL)), ("_id",)))
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert [dict(each) for each in sink._database.t.find({}, {"v": {"$type": "$v"}})] == [
        {"_id": 1, "v": "decimal"}, {"_id": 2, "v": "decimal"},
    ]  # fmt: skip


def test_an_account_that_may_read_and_write(bases: Bases) -> None:
    source, sink = bases.new("validators"), bases.new()
    sink._database.command("createUser", "writes", pwd="x", roles=["readWrite"])
    try:
        target = sink.target.with_(user="writes", password="x", options={"authSource": sink._database.name})
        by_them = str(target.url(reveal=True))
        copied = run("copy", url(source), by_them, "--verify")
        assert copied.code == 5, copied
        assert "Document failed validation" in copied.err
        source._database.strict.delete_many({})
        source._database.other.create_index("at", expireAfterSeconds=5)
        copied = run("copy", url(source), by_them, "--mode", "replace", "--yes", "--verify", "--strict")
        assert copied.code == 0, copied
        alike(sink, source)
    finally:
        sink._database.command("dropUser", "writes")


def test_a_user_who_sees_no_options_goes_by_the_closed_set(bases: Bases) -> None:
    source, sink = bases.new("a document as applications write it"), bases.new()
    name = source._database.name
    source._database.command("createRole", "finds", roles=[], privileges=[
        {"resource": {"db": name, "collection": "people"}, "actions": ["find"]},
    ])  # fmt: skip
    source._database.command("createUser", "finder", pwd="x", roles=["finds"])
    try:
        target = source.target.with_(user="finder", password="x", options={"authSource": name})
        copied = run("copy", str(target.url(reveal=True)), url(sink), "people", "--verify")
        assert copied.code == 0, copied
        assert "native" not in copied.err.partition("{")[0]
        assert [encode(each) for each in sink._database.people.find()] == [
            encode(each) for each in source._database.people.find()
        ]
    finally:
        source._database.command("dropUser", "finder")
        source._database.command("dropRole", "finds")


KILLED = """
import os, signal, sys
from dbfleet.cli.exit import main
from dbfleet.engines.mongodb.native import rows, take
stage, calls = sys.argv[1], []
def dying(before, now):
    def call(self, *arguments, **options):
        if now(*arguments):
            calls.append(0)
            if len(calls) > (3 if stage == "rows" else 1):
                os.killpg(0, signal.SIGKILL)
        return before(self, *arguments, **options)
    return call
if stage == "rows":
    rows.NativeSink.send = dying(rows.NativeSink.send, lambda load: True)
else:
    take.Taker.take = dying(take.Taker.take, lambda step, called: step.stage == stage)
main(sys.argv[2:])
"""
"""A command that kills itself and its workers in the second step of a stage, or in the middle of the rows."""


@pytest.mark.parametrize("stage", ["rows", "keys", "after", "collections"])
@pytest.mark.parametrize("mode", ["insert", "replace"])
def test_a_copy_that_was_killed_goes_on(bases: Bases, stage: str, mode: str) -> None:
    source, sink = bases.new("many keys of every type"), bases.new()
    for kind in ("capped collections", "indexes", "a document as applications write it", "time series"):
        KINDS[kind](source._database)
    source._database.i.create_index("at2", expireAfterSeconds=5)
    if mode == "replace":
        KINDS["capped collections"](sink._database)
        KINDS["indexes"](sink._database)
        sink._database.i.delete_many({"_id": {"$gt": 3}})
    before = sink._database.i.count_documents({})
    options = ("--mode", mode, "--yes")
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, stage, "copy", url(source), url(sink), *options],
        start_new_session=True, capture_output=True, check=False,
    )  # fmt: skip
    assert dead.returncode == -signal.SIGKILL, dead
    assert mode == "insert" or sink._database.i.count_documents({}) == before
    resumed = run("copy", url(source), url(sink), "--resume", *options, "--verify")
    assert resumed.code == 0, resumed
    alike(sink, source)


def test_expired_documents_are_there_until_the_copy_is_proven(bases: Bases) -> None:
    source, sink = bases.new(), bases.new()
    steps = bases.new("indexes").outline(["i"]).steps
    assert {step.stage for step in steps if "expireAfterSeconds" in step.text} == {"after"}
    source._database.t.insert_many({"_id": n, "v": ObjectId()} for n in range(10))
    assert run("copy", url(source), url(sink), "--verify", "--strict").code == 0


def test_elsewhere_a_native_dump_is_read_by_the_closed_set(bases: Bases, tmp_path: Path) -> None:
    source = bases.new("a document as applications write it")
    KINDS["time series"](source._database)
    source.create(Schema("ours", (Column("id", Type.INT, False), Column("d", Type.DECIMAL)), ("id",)))
    source.write(source.describe("ours"), [[(1, Decimal("1.50")), (2, None)]])
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "d")).code == 0
    loaded = run("load", f"sqlite:///{tmp_path}/x.db", str(tmp_path / "d"), "--verify")
    assert loaded.code == 0, loaded
    assert run("copy", url(source), f"sqlite:///{tmp_path}/y.db", "--verify").code == 0
    compared = run("diff", f"sqlite:///{tmp_path}/x.db", f"sqlite:///{tmp_path}/y.db")
    assert (compared.code, compared.out) == (0, b"")


def test_what_the_server_cannot_have_goes_by_the_closed_set(bases: Bases, monkeypatch: pytest.MonkeyPatch) -> None:
    source, sink = bases.new("time series"), bases.new()
    source._database.t.insert_one({"_id": 1, "n": 1.0})
    monkeypatch.setitem(take._SINCE, "timeseries", (99, 0))  # type: ignore[index]
    refused = run("copy", url(source), url(sink), "--strict")
    assert refused.code == 6, refused
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    why = f"does not go as it is: it needs time series, which are not on the server ({url_of_errors(sink)})"
    assert f"series {why}" in left(copied), left(copied)
    assert told(sink._database)["series"]["type"] == "collection"
    assert sink._database.series.count_documents({}) == 6
    assert told(sink._database)["t"] == told(source._database)["t"]
    monkeypatch.setattr(take, "_FIRST", (99, 0))
    assert not source.carries()
    assert run("dump", url(source), "--native", "-o", "nowhere").code == 6


def url_of_errors(adapter: Any) -> str:
    return f"mongodb://{adapter.target.host}:{adapter.target.port}/{adapter.target.database}"
