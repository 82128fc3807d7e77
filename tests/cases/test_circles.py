"""References that point forward: a row to one after it in its own collection, two collections to each other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.abilities import Swaps, carrying
from dbfleet.spec import Capability, EngineSpec
from dbfleet.target import Target
from tests.zoo.walk import run


@pytest.fixture
def circle(
    target: Target, spec: EngineSpec, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A SQLite file: a tree whose roots come last by key, and two tables that refer to each other."""
    if Swaps not in spec.abilities or Capability.REFERENCES not in spec.capabilities:
        pytest.skip("undeclared by the spec")
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DBFLEET_CONFIG", "")
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("source.db")) as connection:
        connection.executescript(
            f"create table {name}_t (id integer primary key, up integer references {name}_t (id));"
            f"insert into {name}_t values (9, null), (1, 9), (2, 1), (3, 2);"
            f"create table {name}_a (id integer primary key, b integer references {name}_b (id));"
            f"create table {name}_b (id integer primary key, a integer references {name}_a (id));"
            f"insert into {name}_a values (1, 1); insert into {name}_b values (1, 1);"
        )
    yield "sqlite:///source.db"
    with registry.connect(target) as cleaner:
        if native := carrying(cleaner):  # which has made the circle here, too
            native.remove([f"{name}_{each}" for each in "tba"])
        for each in "tba":
            cleaner.drop(f"{name}_{each}")


def test_a_copy_holds_them_and_is_replaced_by_itself(circle: str, target: Target, name: str) -> None:
    url = target.url(reveal=True)
    names = [f"{name}_{each}" for each in "tab"]
    for mode in ("insert", "replace", "replace", "upsert"):
        ran = run("copy", circle, url, *names, "--mode", mode, "--yes", "--verify")
        assert ran.code == 0, (mode, ran)
        for each in names:
            assert run("diff", f"{circle}#{each}", f"{url}#{each}").code == 0
    described = run("describe", f"{url}#{name}_t").out.decode()
    assert f'"references":"{name}_t.id"' in described


def test_a_dump_of_them_is_loaded_twice(circle: str, target: Target, name: str) -> None:
    url = target.url(reveal=True)
    assert run("dump", circle, "-o", "dump").code == 0
    for mode in ("insert", "replace"):
        ran = run("load", url, "dump", "--mode", mode, "--yes", "--verify")
        assert ran.code == 0, (mode, ran)
        assert run("diff", f"{circle}#{name}_t", f"{url}#{name}_t").code == 0


@pytest.mark.usefixtures("by_the_closed_set")  # from one SQLite file to another it goes as it is
def test_a_row_that_refers_to_nothing_is_still_refused(circle: str, target: Target, name: str) -> None:
    url = target.url(reveal=True)
    with closing(sqlite3.connect("source.db")) as connection:
        connection.execute(f"insert into {name}_t values (4, 77)")
        connection.commit()
    ran = run("copy", circle, url, f"{name}_t")
    assert ran.code == 5, ran
    assert f'"{name}_t"' not in run("ls", url).out.decode()
