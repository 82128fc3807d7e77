"""A command that fails leaves nothing that it made: no file, no folder, no collection (CASES.md row 20); and what stays
behind is told."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbfleet.engines.sqlite.adapter import SqliteAdapter
from dbfleet.errors import StatementError, Unavailable
from dbfleet.values import Batch, Schema
from tests.zoo.walk import run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DBFLEET_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("a.db")) as connection:
        for name in "abc":
            connection.execute(f"create table {name} (id integer primary key, v text)")
            connection.execute(f"insert into {name} values (1, 'x'), (2, 'y')")
        connection.commit()
    return tmp_path


class Breaking:
    """The second row of `c` cannot be read: what is raised, if something is."""

    error: Exception | None = None


@pytest.fixture
def breaking(monkeypatch: pytest.MonkeyPatch) -> type[Breaking]:
    scan = SqliteAdapter.scan

    def broken(self: Any, schema: Schema, *given: Any, **options: Any) -> Iterator[Batch]:
        for batch in scan(self, schema, *given, **options):
            yield batch[:1] if Breaking.error else batch
        if schema.name == "c" and Breaking.error:
            raise Breaking.error

    monkeypatch.setattr(SqliteAdapter, "scan", broken)
    monkeypatch.setattr(SqliteAdapter, "encoded_scan", lambda *given: None, raising=False)
    monkeypatch.setattr(Breaking, "error", StatementError("the second row is damaged"))
    return Breaking


def test_a_copy_that_is_refused_in_its_third_collection_leaves_none(folder: Path, breaking: type[Breaking]) -> None:
    before = sorted(folder.iterdir())
    ran = run("copy", "sqlite:///a.db", "sqlite:///b.db")
    assert (ran.code, ran.out) == (5, b""), ran
    assert "nothing that it made is left" in ran.err
    assert sorted({*folder.iterdir()} - {folder / "state"}) == before
    breaking.error = None
    assert run("copy", "sqlite:///a.db", "sqlite:///b.db", "--verify").code == 0


def test_a_copy_whose_connection_is_lost_keeps_what_it_has(folder: Path, breaking: type[Breaking]) -> None:
    breaking.error = Unavailable("the server went away")
    ran = run("copy", "sqlite:///a.db", "sqlite:///b.db")
    assert ran.code == 3, ran
    told = " ".join(ran.err.split())
    assert "2 of 3 collections are done, 2 rows" in told
    assert "--resume goes on" in told
    breaking.error = None
    assert run("copy", "sqlite:///a.db", "sqlite:///b.db", "--resume").code == 0
    assert run("diff", "sqlite:///a.db#c", "sqlite:///b.db#c").code == 0


def test_what_was_there_before_stays(breaking: type[Breaking]) -> None:
    with closing(sqlite3.connect("b.db")) as connection:
        connection.executescript("create table mine (id integer primary key); insert into mine values (7)")
    assert run("copy", "sqlite:///a.db", "sqlite:///b.db").code == 5
    with closing(sqlite3.connect("b.db")) as connection:
        assert connection.execute("select name from sqlite_schema where type = 'table'").fetchall() == [("mine",)]


@pytest.mark.parametrize("place", ["dump", "some/where/dump"])
def test_a_dump_that_fails_leaves_no_folder(folder: Path, breaking: type[Breaking], place: str) -> None:
    before = sorted(folder.iterdir())
    assert run("dump", "sqlite:///a.db", "-o", place).code == 5
    assert sorted({*folder.iterdir()} - {folder / "state"}) == before
    (folder / "mine").mkdir()
    assert run("dump", "sqlite:///a.db", "-o", "mine").code == 5
    assert list((folder / "mine").iterdir()) == []


def test_a_load_that_is_refused_leaves_no_collection_and_no_file(folder: Path) -> None:
    assert run("dump", "sqlite:///a.db").code == 0
    (rows,) = folder.glob("*.dump/c.jsonl")
    rows.write_text(rows.read_text().replace('"id":2', '"id":1'))
    manifest = rows.parent / "manifest.json"
    found = json.loads(manifest.read_text())
    from hashlib import sha256

    for entry in found["collections"]:
        if entry["collection"] == "c":
            entry["sha256"] = sha256(rows.read_bytes()).hexdigest()
    manifest.write_text(json.dumps(found))
    ran = run("load", "sqlite:///b.db", str(rows.parent))
    assert ran.code == 5, ran
    assert not (folder / "b.db").exists()


def test_what_stays_behind_is_told_and_refused_by_strict(folder: Path, by_the_closed_set: None) -> None:
    with closing(sqlite3.connect("a.db")) as connection:
        connection.execute("create index c_some on c (v) where id > 1")
        connection.commit()
    told = "c: index c_some, of some rows only"
    assert told in run("copy", "sqlite:///a.db", "sqlite:///b.db").err
    ran = run("copy", "sqlite:///a.db", "sqlite:///c.db", "--strict")
    assert ran.code == 6, ran
    assert told in " ".join(ran.err.split())
    assert not (folder / "c.db").exists()
    ran = run("dump", "sqlite:///a.db", "-o", "d")
    assert told in ran.err
    assert any(told in text for text in json.loads((folder / "d" / "manifest.json").read_text())["left"])
    assert run("dump", "sqlite:///a.db", "-o", "e", "--strict").code == 6
    assert not (folder / "e").exists()
    assert run("load", "sqlite:///f.db", "d", "--verify").code == 0
