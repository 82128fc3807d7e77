"""diff --sync --yes proves what it wrote (CASES.md row 18)."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.zoo.walk import run


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DBFLEET_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        with closing(sqlite3.connect(f"{name}.db")) as connection:
            connection.executescript(
                "create table t (id integer primary key, v text); create table other (id integer primary key, v text);"
                "insert into t values (1, 'x'), (2, 'y'); insert into other values (1, 'x');"
            )
    return tmp_path


def change(file: str, script: str) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(script)


@pytest.mark.parametrize("trigger", ["update t set v = upper(new.v) where id = new.id", "update other set v = 'z'"])
def test_what_a_trigger_has_changed_is_exit_1(trigger: str) -> None:
    change("b.db", f"create trigger g after update on t begin {trigger}; end; pragma recursive_triggers = off;")
    change("a.db", "update t set v = 'new' where id = 2")
    ran = run("diff", "sqlite:///a.db", "sqlite:///b.db", "--sync", "--yes")
    assert ran.code == 1, ran
    assert "is not like" in ran.err
    assert "1 row" in " ".join(ran.err.split())
    assert b'"changed":1' in ran.out
    assert run("diff", "sqlite:///a.db", "sqlite:///b.db").code == 1


def test_what_is_like_a_is_exit_0() -> None:
    change("a.db", "update t set v = 'new' where id = 2; insert into t values (3, null); delete from t where id = 1")
    ran = run("diff", "sqlite:///a.db", "sqlite:///b.db", "--sync", "--yes")
    assert (ran.code, ran.err.count("not like")) == (0, 0), ran
    assert run("diff", "sqlite:///a.db", "sqlite:///b.db").code == 0
