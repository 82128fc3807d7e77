"""Nothing is written from a collection into itself, however it is spelled (CASES.md row 14)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from tests.zoo.walk import run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DBFLEET_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("self.db")) as connection:
        connection.execute("pragma journal_mode = wal")  # else nobody writes while somebody reads
        connection.executescript("create table t (id integer primary key, v text); insert into t values (1, 'x')")
    return tmp_path


def spellings(target: Target, spec: EngineSpec, folder: Path) -> list[str]:
    """Other URLs of the same database."""
    if spec.embedded:
        os.symlink("self.db", "link.db")
        os.link("self.db", "hard.db")
        (folder / "sub").mkdir()
        return ["sqlite:///hard.db", "sqlite:///self.db", "sqlite:///./self.db", f"sqlite:///{folder}/self.db",
                "sqlite:///sub/../self.db", "sqlite3:///self.db", "sqlite:///link.db"]  # fmt: skip
    found = [
        target.with_(scheme=scheme)
        for scheme in spec.schemes
        if scheme[-1] != "s" and "+" not in scheme and scheme != "unix"
    ]
    if target.host == "127.0.0.1":
        found.append(target.with_(host="localhost"))
    return [each.url(reveal=True) for each in found]


def test_a_database_is_not_copied_into_itself(target: Target, spec: EngineSpec, folder: Path, name: str) -> None:
    others = spellings(target, spec, folder)
    url = "sqlite:///self.db" if spec.embedded else target.url(reveal=True)
    names = [] if spec.embedded else [name]
    if not spec.embedded:
        assert run("copy", "sqlite:///self.db#t", f"{url}#{name}").code == 0
    one = names[0] if names else "t"
    try:
        before = run("digest", f"{url}#{one}").out.split(b'"digest"')[1]
        for other in others:
            ran = run("copy", url, other, *names, "--mode", "replace", "--yes", "--verify")
            assert ran.code == 2, (other, ran)
            assert "Nothing was written" in ran.err
            assert run("copy", f"{url}#{one}", f"{other}#{one}", "--mode", "replace", "--yes").code == 2, other
            assert run("copy", url, other, *names, "--dry-run").code == 2, other
            assert run("diff", f"{url}#{one}", f"{other}#{one}", "--sync", "--yes").code == 2, other
            assert run("diff", f"{url}#{one}", f"{other}#{one}").code == 0, other
        assert run("digest", f"{url}#{one}").out.split(b'"digest"')[1] == before
        for _ in range(2):
            ran = run("copy", f"{url}#{one}", f"{others[-1]}#{one}_2", "--mode", "replace", "--yes", "--verify")
            assert ran.code == 0, ran
        assert run("digest", f"{url}#{one}_2").out.split(b'"digest"')[1] == before
    finally:
        if not spec.embedded:
            with registry.connect(target) as cleaner:
                cleaner.drop(name)
                cleaner.drop(f"{name}_2")


@pytest.mark.engines("sqlite", "postgres")
def test_another_name_of_the_same_collection_is_the_same_collection(
    target: Target, spec: EngineSpec, folder: Path, name: str
) -> None:
    """Capitals in SQLite, the schema before a name in PostgreSQL: neither copied into itself nor made beside itself."""
    url = "sqlite:///self.db" if spec.embedded else target.url(reveal=True)
    one = "t" if spec.embedded else name
    other = "T" if spec.embedded else f"public.{name}"
    assert spec.embedded or run("copy", "sqlite:///self.db#t", f"{url}#{name}").code == 0
    try:
        for mode in ("insert", "upsert", "replace"):
            ran = run("copy", f"{url}#{one}", f"{url}#{other}", "--mode", mode, "--yes")
            assert ran.code == 2, ran
            assert "are the same collection" in " ".join(ran.err.split())
        with closing(sqlite3.connect("new.db")) as connection:
            connection.executescript("create table n (id integer primary key, v text); insert into n values (5, 'new')")
        assert run("copy", "sqlite:///new.db#n", f"{url}#{other}").code == 2, "it has rows"
        (folder / "n.jsonl").write_text('{"id":5,"v":"new"}\n')
        for words in (("copy", "sqlite:///new.db#n", f"{url}#{other}"), ("load", f"{url}#{other}", "n.jsonl")):
            ran = run(*words, *(("--key", "id") if words[0] == "load" else ()), "--mode", "replace", "--yes")
            assert ran.code == 0, ran
            assert run("digest", f"{url}#{one}").out.count(b'"rows":1,') == 1
        assert run("copy", "sqlite:///new.db#n", f"{url}#{other}", "--mode", "upsert", "--resume").code == 0
    finally:
        if not spec.embedded:
            with registry.connect(target) as cleaner:
                cleaner.drop(name)


@pytest.mark.engines("postgres")
def test_another_search_path_makes_no_other_collection(target: Target, name: str) -> None:
    url = target.url(reveal=True)
    elsewhere = target.with_(options={**target.options, "options": f"-csearch_path={name}"}).url(reveal=True)
    with registry.connect(target) as adapter:
        adapter.query(f"create schema {name}").close()
        adapter.query(f"create table {name}.t as select 1 as id").close()
        try:
            for words in (
                (f"{url}#{name}.t", f"{elsewhere}#t"),
                (f"{elsewhere}#t", f"{url}#{name}.t"),
                (url, elsewhere, f"{name}.t"),
            ):
                ran = run("copy", *words, "--mode", "replace", "--yes")
                assert ran.code == 2, ran
                assert "are the same collection" in " ".join(ran.err.split())
        finally:
            adapter.query(f"drop schema {name} cascade").close()


@pytest.mark.engines("postgres")
def test_what_is_read_with_its_parent_is_replaced_without_waiting_for_ourselves(target: Target, name: str) -> None:
    """The source's own moment holds the table that the swap has to lock."""
    url = target.url(reveal=True)
    with registry.connect(target) as adapter:
        adapter.query(f"create table {name} (id int primary key)").close()
        adapter.query(f"create table {name}_1 (primary key (id)) inherits ({name})").close()
        adapter.query(f"insert into {name}_1 values (1)").close()
        try:
            ran = run("copy", f"{url}#{name}", f"{url}#{name}_1", "--mode", "replace", "--yes")
            assert ran.code == 0, ran
            assert list(adapter.scan(adapter.describe(f"{name}_1"))) == [[(1,)]]
        finally:
            adapter.query(f"drop table if exists {name}_1, {name}").close()


@pytest.mark.engines("postgres")
def test_whoever_holds_a_table_open_is_told_of_and_nothing_is_replaced(
    target: Target, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbfleet.engines.postgres import swap

    monkeypatch.setattr(swap, "_WAIT_S", 1)
    url = target.url(reveal=True)
    assert run("copy", "sqlite:///self.db#t", f"{url}#{name}").code == 0
    with registry.connect(target) as adapter, registry.connect(target) as holder:
        try:
            with holder.snapshot():  # type: ignore[attr-defined]
                holder.count(name)
                ran = run("copy", "sqlite:///self.db#t", f"{url}#{name}", "--mode", "replace", "--yes")
                assert ran.code == 5, ran
                assert "somebody has held" in ran.err
                assert "nothing was replaced" in ran.err
            assert adapter.count(name) == 1
            assert adapter.leftovers() == []  # type: ignore[attr-defined]
        finally:
            adapter.drop(name)


def test_seed_fills_no_database_twice(folder: Path) -> None:
    os.symlink("self.db", "link.db")
    ran = run("seed", "sqlite:///self.db", "sqlite:///link.db", "--rows", "5", "--yes")
    assert ran.code == 2, ran
    with closing(sqlite3.connect("self.db")) as connection:
        assert connection.execute("select count(*) from sqlite_schema where name = 'orders'").fetchone() == (0,)
