"""Cassandra to Cassandra: what the server says of the copy (DESCRIBE, its JSON and bytes of every value) is what it
says of the source. What is not carried is named, and refused by --strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.target import Target
from tests.zoo.cassandra_kinds import KINDS, rows, said
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("cassandra")


class Keyspaces:
    """Keyspaces that go after the test."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._opened: list[Any] = []

    def new(self, *statements: str) -> Any:
        """An adapter of a new keyspace, in which these have been run."""
        name = f"dbfleet_native_{len(self._opened)}"
        with registry.connect(self._target) as cleaner:
            _run(cleaner, f"DROP KEYSPACE IF EXISTS {name}")
        adapter: Any = registry.connect(self._target.with_(database=name, create=True))
        self._opened.append(adapter)
        for statement in statements:
            _run(adapter, statement)
        return adapter

    def drop(self) -> None:
        for adapter in self._opened:
            _run(adapter, f"DROP KEYSPACE IF EXISTS {adapter.target.database}")
            adapter.close()


@pytest.fixture(name="keyspaces")
def keyspaces_of_its_own(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyspaces]:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    made = Keyspaces(target)
    yield made
    made.drop()


def _run(adapter: Any, statement: str) -> list[Any]:
    return list(adapter._session.rows(statement))


def url(adapter: Any) -> str:
    return str(adapter.target.url(reveal=True))


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def alike(sink: Any, source: Any) -> None:
    there, here = said(source), said(sink)
    assert here[0] == there[0]
    assert here[1] == there[1]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_the_same_in_another_keyspace(keyspaces: Keyspaces, kind: str, tmp_path: Path) -> None:
    source, sink = keyspaces.new(*KINDS[kind]), keyspaces.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied.err
    assert "native" in copied.err
    alone = ["CREATE TYPE alone (n tinyint)"] if kind == "collections" else []
    for statement in alone:  # what no table needs is named
        assert "the type alone: does not come along" in copied.err
        _run(sink, statement)
    alike(sink, source)
    compared = run("diff", url(source), url(sink))
    assert (compared.code, compared.out) == (0, b""), compared.out
    digests = [run("digest", url(each), "--native").out.splitlines() for each in (source, sink)]
    assert [[json.loads(line)["digest"] for line in each] for each in digests][0] == [
        json.loads(line)["digest"] for line in digests[1]
    ]
