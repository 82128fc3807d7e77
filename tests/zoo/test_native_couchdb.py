"""CouchDB to CouchDB: what the server says of the copy (leaf revisions with their histories and attachments, design
documents, settings) is what it says of the source. What is not carried is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.target import Target
from tests.zoo.couchdb_kinds import Server, fill, revised, server
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("couchdb")


class Pair:
    """Two prefixes of the server's databases."""

    def __init__(self, a: Target, b: Target, source: Server, sink: Server) -> None:
        self.a, self.b = a.url(reveal=True), b.url(reveal=True)
        self.source, self.sink = source, sink


@pytest.fixture(name="pair")
def two_prefixes(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pair]:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    a, b = target.with_(database="native_a_"), target.with_(database="native_b_")
    with server(a) as source, server(b) as sink:
        source.clean()
        sink.clean()
        yield Pair(a, b, source, sink)
        source.clean()
        sink.clean()


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def alike(pair: Pair) -> None:
    there, here = pair.source.told(), pair.sink.told()
    assert here.keys() == there.keys()
    for name, said in there.items():
        assert {**here[name], "documents": None} == {**said, "documents": None}, name
        assert here[name]["documents"].keys() == said["documents"].keys(), name
        for id_, leaves in said["documents"].items():
            assert here[name]["documents"][id_] == leaves, (name, id_)


@pytest.mark.parametrize("options", [("--verify",), ("--jobs", "1")])
def test_each_kind_is_the_same_in_another_database(pair: Pair, options: tuple[str, ...]) -> None:
    fill(pair.source)
    before = pair.source.told()
    copied = run("copy", pair.a, pair.b, "--strict", *options)
    assert copied.code == 0, copied
    alike(pair)
    assert pair.source.told() == before
    if "--verify" in options:
        assert left(copied) == []
    compared = run("diff", pair.a, pair.b)
    assert (compared.code, compared.out, compared.err) == (0, b"", ""), compared


def test_each_kind_takes_the_place_of_what_is_there(pair: Pair) -> None:
    fill(pair.source)
    for name in pair.source.names():
        pair.sink.make(name)
        pair.sink.bulk(name, [{"_id": "old", "v": 1}, {"_id": "_design/old", "views": {}}])
    refused = run("copy", pair.a, pair.b, "--mode", "replace", "--yes", "--strict")
    assert refused.code == 6, "the sink's own design documents go"
    copied = run("copy", pair.a, pair.b, "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    assert sorted(left(copied)) == [
        f"{name}: the design document _design/old: goes with what is replaced" for name in sorted(pair.source.names())
    ]
    alike(pair)
    assert run("copy", pair.a, pair.b, "--mode", "replace", "--yes", "--strict").code == 0


def test_documents_go_as_they_are_into_a_database_that_is_there(pair: Pair) -> None:
    for kind in ("ids", "bodies", "revisions", "attachments"):
        fill(pair.source, kind)
    for name in pair.source.names():
        pair.sink.make(name)
    copied = run("copy", pair.a, pair.b, "--verify", "--strict")
    assert copied.code == 0, copied
    there, here = pair.source.told(), pair.sink.told()
    assert {name: said["documents"] for name, said in here.items()} == {
        name: said["documents"] for name, said in there.items()
    }


def test_an_insert_says_what_is_there(pair: Pair) -> None:
    pair.source.make("t")
    pair.source.bulk("t", [{"_id": "a", "v": 1}, {"_id": "b", "v": 1}])
    pair.sink.make("t")
    pair.sink.revisions("t", [revised("a", "bb", "aa", deleted=True)])
    before = pair.sink.leaves("t", "a")
    copied = run("copy", pair.a, pair.b)
    assert copied.code == 5, copied
    assert "'a' is there already" in copied.err
    assert pair.sink.leaves("t", "a") == before


def test_documents_take_the_places_of_others(pair: Pair) -> None:
    """Whatever revisions and conflicts are there: what a write with revisions would have added to is purged."""
    fill(pair.source, "revisions")
    fill(pair.source, "attachments")
    for name in pair.source.names():
        pair.sink.make(name)
    pair.sink.revisions("revisions", [revised("gone", "aa"), revised("untouched", "aa")])
    if pair.sink.real:
        pair.sink.revisions("revisions", [
            revised("two", "bb", "aa", v="not b"), revised("two roots", "xx", "yy", "zz", v=9),
            revised("deleted leaf", "ff", "ee", "dd", "cc", "bb", "aa", v="later"),
        ])  # fmt: skip
        attached = {"x": {"content_type": "text/html", "data": "aGVsbG8="}}
        pair.sink.bulk("attachments", [{"_id": "one", "_attachments": attached}])
    copied = run("copy", pair.a, pair.b, "--mode", "upsert", "--verify")
    assert copied.code == 0, copied
    there, here = pair.source.told(), pair.sink.told()
    assert here["revisions"]["documents"].pop("untouched")
    assert {name: said["documents"] for name, said in here.items()} == {
        name: said["documents"] for name, said in there.items()
    }


def test_a_server_that_cannot_purge_refuses_what_would_take_a_place(pair: Pair) -> None:
    if pair.sink.real:
        return
    for each in (pair.source, pair.sink):
        each.make("t")
        each.bulk("t", [{"_id": "a", "v": each is pair.source}])
    copied = run("copy", pair.a, pair.b, "--mode", "upsert")
    assert (copied.code, "cannot purge" in copied.err) == (5, True), copied
    synced = run("diff", pair.a, pair.b, "--sync", "--yes")
    assert (synced.code, "cannot purge" in synced.err) == (5, True), synced


def test_a_native_dump_is_the_same_database_again(pair: Pair, tmp_path: Path) -> None:
    fill(pair.source)
    dumped = run("dump", pair.a, "--native", "-o", str(tmp_path / "dump"))
    assert dumped.code == 0, dumped
    for mode in ("insert", "replace"):
        loaded = run("load", pair.b, str(tmp_path / "dump"), "--verify", "--mode", mode, "--yes")
        assert loaded.code == 0, loaded
        alike(pair)


def test_a_native_dump_is_read_elsewhere(pair: Pair, tmp_path: Path) -> None:
    """The winners are rows; what is deleted is none."""
    fill(pair.source, "revisions")
    assert run("dump", pair.a, "--native", "-o", str(tmp_path / "dump")).code == 0
    loaded = run("load", f"sqlite:///{tmp_path}/a.db", str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded
    rows = [json.loads(line) for line in run("query", f"sqlite:///{tmp_path}/a.db",
            "SELECT _id, v FROM revisions ORDER BY _id").out.splitlines()]  # fmt: skip
    assert [row["_id"] for row in rows] == ["again", "deleted leaf", "old", "two", "two roots", "won by length"]
    assert [row["v"] for row in rows if row["_id"] in ("two", "two roots")] == ["c", 3]


def test_under_another_name_it_is_the_same(pair: Pair) -> None:
    for kind in ("attachments", "design documents"):
        fill(pair.source, kind)
        (name,) = pair.source.names()
        copied = run("copy", f"{pair.a}#{name}", f"{pair.b}#Other", "--verify", "--strict")
        assert copied.code == 0, copied
        (made,) = pair.sink.names()
        assert made == "z()(4f)ther"
        assert pair.sink.told()[made] == pair.source.told()[name]
        pair.source.clean()
        pair.sink.clean()


def test_rows_of_dbfleet_s_own_stay_what_they_are(pair: Pair) -> None:
    """The kept schema goes with them, and tells a database from one whose documents mean something else."""
    assert run("seed", pair.a, "--rows", "20").code == 0
    copied = run("copy", pair.a, pair.b, "--verify", "--strict")
    assert copied.code == 0, copied
    assert run("diff", pair.a, pair.b).code == 0
    renamed = run("copy", f"{pair.a}#orders", f"{pair.b}#orders2", "--verify", "--strict")
    assert renamed.code == 0, renamed
    described = [json.loads(run("describe", f"{pair.b}#{name}", "--format", "jsonl").out.splitlines()[0])
                 for name in ("orders", "orders2")]  # fmt: skip
    assert [each["collection"] for each in described] == ["orders", "orders2"]
    alike_names = pair.source.told().keys()
    assert pair.sink.told().keys() == {*alike_names, "orders2"}


# --- digest and diff -------------------------------------------------------------------------------------------------


def digests(url: str) -> dict[str, str]:
    return {each["collection"]: each["digest"]
            for each in map(json.loads, run("digest", url, "--native").out.splitlines())}  # fmt: skip


SAME: list[tuple[dict[str, Any], dict[str, Any], set[str]]] = [
    ({"v": 1}, {"v": 1.0}, {"v"}),
    ({"v": None}, {}, {"v"}),
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {"documents"}),
    ({"d": {"a": 1.0}}, {"d": {"a": 1}}, {"d"}),
]


@pytest.mark.parametrize(("one", "other", "fields"), SAME)
def test_what_the_closed_set_holds_the_same_differs(
    pair: Pair, one: dict[str, Any], other: dict[str, Any], fields: set[str]
) -> None:
    for each, body in ((pair.source, one), (pair.sink, other)):
        each.make("t")
        each.revisions("t", [revised("a", "aa", **body)])
    found = run("diff", pair.a, pair.b)
    assert found.code == 1, found
    (changed,) = map(json.loads, found.out.splitlines())
    assert (changed["key"], changed["change"]) == ({"_id": "a"}, "changed")
    assert set(changed["before"]) == set(changed["after"]) == fields
    assert digests(pair.a) != digests(pair.b)


def _unlike(pair: Pair) -> None:
    """Two databases that differ in everything a document has but its winner's fields."""
    data = {"x": {"content_type": "text/plain", "revpos": 1, "data": "aGVsbG8="}}
    for each in (pair.source, pair.sink):
        each.make("t")
        each.revisions("t", [revised("same", "bb", "aa", v=1), revised("conflict", "cc", "aa", v=1),
                             revised("revision", *(["cc", "aa"] if each is pair.source else ["bb", "aa"]), v=1),
                             revised("attachment", "aa", v=1, _attachments=data)])  # fmt: skip
    pair.source.revisions("t", [
        revised("conflict", "bb", "aa", v=2), revised("gone", "bb", "aa", deleted=True), revised("only here", "aa"),
        revised("attachment", "cc", "aa", v=1, _attachments={**data, "y": {**data["x"], "revpos": 2}}),
    ])  # fmt: skip


def test_diff_shows_revisions_conflicts_and_attachments(pair: Pair) -> None:
    _unlike(pair)
    found = {each["key"]["_id"]: each for each in map(json.loads, run("diff", pair.a, pair.b).out.splitlines())}
    assert {id_: each["change"] for id_, each in found.items()} == {
        "conflict": "changed", "revision": "changed", "attachment": "changed",
        "gone": "removed", "only here": "removed",
    }  # fmt: skip
    assert found["revision"]["before"]["_rev"] == "2-cc"
    assert found["revision"]["after"]["_rev"] == "2-bb"
    assert found["conflict"]["before"]["_conflicts"] == ["2-bb"]
    assert found["conflict"]["before"]["_conflicting"] == [{"v": 2}]
    assert found["conflict"]["after"] == {"_conflicts": None, "_conflicting": None,
                                          "_revisions": [{"start": 2, "ids": ["cc", "aa"]}]}  # fmt: skip
    assert set(found["attachment"]["before"]["_attachments"]) == {"x", "y"}
    assert (found["gone"]["before"]["_deleted"], found["gone"]["after"]) == (True, None)
    assert digests(pair.a) != digests(pair.b)


@pytest.mark.parametrize("way", ["written", "statements"])
def test_all_of_it_is_synced(pair: Pair, way: str) -> None:
    _unlike(pair)
    if pair.sink.real:
        pair.sink.revisions("t", [revised("only there", "aa"), revised("conflict", "dd", "aa", v=4)])
    else:  # which cannot purge
        for each in (pair.source, pair.sink):
            each.clean()
            each.make("t")
        data = {"x": {"content_type": "text/plain", "revpos": 1, "data": "aGVsbG8="}}
        pair.source.revisions("t", [revised("new", "bb", "aa", v=1), revised("conflict", "ee", "cc", "aa", v=1),
                                    revised("with", "aa", _attachments=data)])  # fmt: skip
        pair.sink.revisions("t", [] if way == "statements" else [revised("conflict", "cc", "aa", v=1)])
    if way == "written":
        synced = run("diff", pair.a, pair.b, "--sync", "--yes")
        assert synced.code == 0, synced
    else:
        for line in run("diff", pair.a, pair.b, "--sync").out.decode().splitlines():
            said = run("query", pair.b, line)
            assert said.code == 0, said
    alike(pair)


# --- what stays, and what a server refuses ---------------------------------------------------------------------------


def test_what_stays_is_named(pair: Pair) -> None:
    pair.source.make("t")
    pair.source.bulk("t", [{"_id": "a", "v": 1}])
    pair.source.ask("PUT", f"{pair.source.path('t')}/_local/mine", {"seq": 1})
    copied = run("copy", pair.a, pair.b, "--verify")
    assert copied.code == 0, copied
    if pair.source.real:  # the stand-in does not list them
        assert left(copied) == ["t: 1 local document: does not come along"]
        assert run("copy", pair.a, pair.b, "--strict", "--mode", "replace", "--yes").code == 6


def test_an_id_that_no_request_can_name_is_told(pair: Pair) -> None:
    """A path may hold bytes that are no UTF-8; the server's own answers say another character for them."""
    if not pair.source.real:
        return
    pair.source.make("t")
    pair.source.ask("PUT", f"{pair.source.path('t')}/%ED%A0%80", {"v": 1})
    copied = run("copy", pair.a, pair.b)
    assert (copied.code, "no UTF-8" in copied.err) == (5, True), copied


def test_a_document_that_is_too_deep_is_told(pair: Pair) -> None:
    pair.source.make("t")
    deep: Any = 1
    for _ in range(900):
        deep = [deep]
    body = json.dumps({"v": deep}).replace("1", "[" * 700 + "1" + "]" * 700)
    answer = pair.source._http.put(f"{pair.source._root}{pair.source.path('t')}/deep", data=body,
                                   headers={"Content-Type": "application/json"}, timeout=60)  # fmt: skip
    assert answer.status_code == 201, answer.text
    for command in (("copy", pair.a, pair.b), ("query", f"{pair.a}#t", "{}"), ("describe", f"{pair.a}#t")):
        ran = run(*command)
        assert (ran.code, "more levels than can be read" in ran.err) == (5, True), ran


def test_a_document_that_is_refused_is_a_refused_row(pair: Pair) -> None:
    """By a design document that validates in a database that is there; a copy that makes its own brings it last."""
    if not pair.sink.real:  # which validates nothing
        return
    pair.source.make("t")
    data = {"x": {"content_type": "text/plain", "data": "aGVsbG8="}}
    pair.source.bulk("t", [{"_id": "a", "v": 1}, {"_id": "b", "_attachments": data}, {"_id": "c", "v": 3}])
    pair.sink.make("t")
    only_c = "function(doc) { if (doc._id !== 'c') throw({forbidden: 'only c'}); }"
    pair.sink.bulk("t", [{"_id": "_design/checks", "validate_doc_update": only_c}])
    copied = run("copy", pair.a, pair.b)
    assert copied.code == 5, copied
    assert "only c" in copied.err
    assert set(pair.sink.told()["t"]["documents"]) == {"c", "_design/checks"}
