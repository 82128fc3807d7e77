"""Nothing is written from a collection into itself, however it is spelled (CASES.md row 14)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.adapter import EngineSpec, Target
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


def test_seed_fills_no_database_twice(folder: Path) -> None:
    os.symlink("self.db", "link.db")
    ran = run("seed", "sqlite:///self.db", "sqlite:///link.db", "--rows", "5", "--yes")
    assert ran.code == 2, ran
    with closing(sqlite3.connect("self.db")) as connection:
        assert connection.execute("select count(*) from sqlite_schema where name = 'orders'").fetchone() == (0,)
