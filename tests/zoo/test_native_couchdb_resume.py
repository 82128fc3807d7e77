"""A native copy between two CouchDBs that is killed, and gone on with; and what a part of a database is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import WHOLE, Adapter
from dbfleet.target import Target
from tests.zoo.couchdb_kinds import Server, fill, revised
from tests.zoo.gate import Gate
from tests.zoo.test_native_couchdb import Pair, alike, two_prefixes
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("couchdb")

__all__ = ["two_prefixes"]


@pytest.fixture(name="gate")
def way_to_the_sink(pair: Pair, target: Target) -> Iterator[Gate]:
    gate = Gate(target.with_(database="native_b_"))
    yield gate
    gate.close()


def many(server: Server) -> None:
    server.make("many")
    server.revisions("many", [
        revised(f"{number:05}", "bb", "aa", text="x" * 4000, n=number, deleted=number % 10 == 0)
        for number in range(300)
    ])  # fmt: skip
    fill(server, "design documents")


def killed(pair: Pair, gate: Gate, *options: str) -> None:
    """Start a copy, and kill it with its workers when a part of the documents is there."""
    gate.most = 700_000
    command = [sys.executable, "-m", "dbfleet", "copy", pair.a, gate.target.url(reveal=True), *options]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        assert gate.shut.wait(60)
        assert process.poll() is None
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    gate.most = None


def test_a_copy_that_was_killed_goes_on(pair: Pair, gate: Gate) -> None:
    many(pair.source)
    killed(pair, gate, "--verify")
    assert 0 < pair.sink.ask("GET", pair.sink.path("many"))["doc_count"] < 270
    again = run("copy", pair.a, gate.target.url(reveal=True))
    assert again.code == 2, again
    assert "--resume" in again.err
    resumed = run("copy", pair.a, gate.target.url(reveal=True), "--resume", "--verify")
    assert resumed.code == 0, resumed
    alike(pair)


def test_after_a_kill_a_copy_begins_anew(pair: Pair, gate: Gate) -> None:
    many(pair.source)
    killed(pair, gate)
    again = run("copy", pair.a, gate.target.url(reveal=True), "--mode", "replace", "--yes", "--verify")
    assert again.code == 0, again
    alike(pair)


@pytest.fixture(name="opened")
def adapter_of_the_source(pair: Pair, target: Target) -> Iterator[Any]:
    fill(pair.source, "revisions")
    fill(pair.source, "design documents")
    with registry.connect(target.with_(database="native_a_")) as opened:
        yield opened


def _ids(adapter: Adapter, schema: Any, part: Any) -> set[str]:
    return {row[0] for batch in adapter.scan(schema, part) for row in batch}


def test_parts_have_each_document_once_and_are_cleared_each(pair: Pair, opened: Any) -> None:
    schema = opened.native("revisions")
    everything = _ids(opened, schema, WHOLE)
    assert {"gone", "gone twice", "two"} <= everything
    parts = opened.split(schema, 3)
    assert len(parts) == (3 if pair.source.real else 1)
    found = [_ids(opened, schema, part) for part in parts]
    assert set().union(*found) == everything
    assert sum(map(len, found)) == len(everything)
    opened.clear(schema, parts[0])
    assert _ids(opened, schema, WHOLE) == everything - found[0]


def test_cleared_as_a_whole_its_design_documents_stay(pair: Pair, opened: Any) -> None:
    before = pair.source.told()["designs"]
    opened.clear(opened.native("designs"), WHOLE)
    after = pair.source.told()["designs"]
    designs = {id_: said for id_, said in before["documents"].items() if id_.startswith("_design/")}
    assert after == {**before, "documents": designs}


def test_a_document_that_goes_leaves_nothing(pair: Pair, opened: Any) -> None:
    if not pair.source.real:
        return
    schema = opened.native("revisions")
    assert opened.delete(schema, [("two",), ("gone",), ("never was",)]) == 2
    assert not {"two", "gone"} & _ids(opened, schema, WHOLE)
    assert not list(opened.get(schema, [("two",)]))
