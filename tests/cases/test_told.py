"""What a refusal says: of a value that the closed set does not hold, and of what `--strict` finds would stay behind."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.adapter import Target
from tests.zoo.walk import run


@pytest.mark.engines("postgres")
def test_the_end_of_a_day_is_refused_as_a_time(target: Target, name: str, tmp_path: Path) -> None:
    with registry.connect(target) as adapter:
        adapter.query(f"create table {name} (id int primary key, at time)").close()
        adapter.query(f"insert into {name} values (1, '24:00:00')").close()
        try:
            ran = run("copy", f"{target.url(reveal=True)}#{name}", f"sqlite:///{tmp_path}/a.db")
        finally:
            adapter.drop(name)
    assert ran.code == 5
    assert "column at holds 24:00:00, which is no time before 24:00" in ran.err
    assert "years" not in ran.err


@pytest.mark.engines("sqlite")
def test_strict_says_once_that_it_does_not_come_along(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript("create table t (id integer primary key, n int check (n > 0) collate nocase)")
    ran = run("copy", f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db", "--strict")
    assert ran.code == 6
    refusal = " ".join(ran.err[ran.err.index("not all of it comes along") :].split())
    assert "t: 1 check" in refusal
    assert "does not come along" not in refusal
