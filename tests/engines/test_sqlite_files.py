"""SQLite's file: which one it is, what stands beside it when a process ends, and what a swap does with its schema."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Swap
from dbfleet.errors import ConstraintViolated, DbfleetError, Unavailable
from dbfleet.extras import Index
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Schema, Type

pytestmark = pytest.mark.engines("sqlite")


def _open(path: Path | str, **more: Any) -> Any:
    target = Target("s", "sqlite", "sqlite", database=str(path), create=True)
    return registry.connect(target, **more)


def _schema(name: str) -> Schema:
    columns = (Column("id", Type.INT, False), Column("boss", Type.INT), Column("v", Type.TEXT))
    return Schema(name, columns, ("id",), (Reference(("boss",), name, ("id",)),))


def _staged(adapter: Any, name: str = "_dbfleet_people") -> Schema:
    schema = _schema(name)
    adapter.create(schema)
    adapter.write(schema, [[(1, None, "new"), (2, 1, "new")]])
    return schema


def _run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-m", "dbfleet", *arguments], cwd=folder, capture_output=True, check=False)


def test_identity_is_the_file_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.db"
    with _open(file) as adapter:
        _staged(adapter)
        found = adapter.identity()
    (tmp_path / "link.db").symlink_to(file)
    os.link(file, tmp_path / "hard.db")
    shutil.copy(file, tmp_path / "copy.db")
    monkeypatch.chdir(tmp_path)
    for spelled in ("a.db", "./a.db", "../" + tmp_path.name + "/a.db", "link.db", "hard.db"):
        with _open(spelled) as adapter:
            assert adapter.identity() == found, spelled
    with _open("copy.db") as adapter:
        assert adapter.identity() != found


def test_a_copy_leaves_one_whole_file(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
        adapter.write(_schema("people"), [[(number, None, "x" * 100) for number in range(5000)]])
    assert os.listdir(tmp_path) == ["a.db"]
    ran = _run("copy", "sqlite:///a.db", "sqlite:///b.db", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert sorted(os.listdir(tmp_path)) == ["a.db", "b.db"]
    with closing(sqlite3.connect(tmp_path / "b.db")) as connection:
        assert connection.execute("SELECT count(*) FROM people").fetchone() == (5000,)


def test_a_connection_that_was_cancelled_and_half_read_leaves_one_file(tmp_path: Path) -> None:
    adapter = _open(tmp_path / "a.db")
    adapter.create(_schema("people"))
    adapter.write(_schema("people"), [[(number, None, "x") for number in range(3000)]])
    half = adapter.scan(_schema("people"))
    next(half)
    result = adapter.query("SELECT * FROM people", batch_size=10)
    next(iter(result))
    adapter.cancel()
    adapter.close()
    assert os.listdir(tmp_path) == ["a.db"]
    with pytest.raises(Unavailable):
        next(half)


def test_cancel_before_and_after_a_statement_does_nothing_to_the_next(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        for _ in range(3):
            adapter.cancel()
            assert [list(batch) for batch in adapter.query("SELECT 1")] == [[(1,)]]
        adapter.cancel()
        adapter.create(_schema("people"))
        adapter.cancel()
        assert adapter.write(_schema("people"), [[(1, None, "x")]]).rows == 1


def test_cancel_stops_a_running_statement_and_the_connection_goes_on(tmp_path: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with _open(tmp_path / "a.db") as adapter:
        stopping = threading.Event()

        def cancel() -> None:
            while not stopping.wait(0.02):
                adapter.cancel()

        thread = threading.Thread(target=cancel)
        thread.start()
        try:
            with pytest.raises(DbfleetError, match="interrupted"):
                adapter.query(endless)
        finally:
            stopping.set()
            thread.join()
        assert list(adapter.query("SELECT 1")) == [[(1,)]]


def test_a_wait_for_another_writer_ends_by_its_timeout(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with _open(tmp_path / "a.db", timeout_s=0.3) as adapter:
            with pytest.raises(Unavailable, match="locked"):
                adapter.write(_schema("people"), [[(1, None, "x")]])
            other.execute("COMMIT")
            assert adapter.write(_schema("people"), [[(1, None, "x")]]).rows == 1


def test_a_writer_waits_for_another_and_goes_on_after_it(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
    with closing(sqlite3.connect(tmp_path / "a.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        timer = threading.Timer(0.5, other.execute, ("COMMIT",))
        with _open(tmp_path / "a.db", timeout_s=60) as adapter:
            timer.start()
            assert adapter.write(_schema("people"), [[(1, None, "x")]]).rows == 1
            assert not other.in_transaction
        timer.join()


def test_a_snapshot_shows_one_moment(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter, _open(tmp_path / "a.db") as other:
        adapter.create(_schema("people"))
        with adapter.snapshot():
            other.write(_schema("people"), [[(1, None, "x")]])
            assert adapter.count("people") == 0
        assert adapter.count("people") == 1


def test_a_collection_goes_beside_itself_in_a_file_without_a_log(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript("CREATE TABLE t(id integer primary key); INSERT INTO t VALUES (1), (2)")
    ran = _run("copy", "sqlite:///a.db#t", "sqlite:///./a.db#t2", folder=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert os.listdir(tmp_path) == ["a.db"]


# --- swap ---


def test_references_from_outside_hold_to_the_new_table(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
        adapter.write(_schema("people"), [[(1, None, "old")]])
        adapter.query("CREATE TABLE pets(id int, owner int REFERENCES People(id))")
        adapter.query("INSERT INTO pets VALUES (1, 1)")
        adapter.swap([Swap(_staged(adapter), "people")])
        adapter.query("INSERT INTO pets VALUES (2, 2)")
        for statement in ("INSERT INTO pets VALUES (3, 3)", "DELETE FROM people WHERE id = 1"):
            with pytest.raises(ConstraintViolated):
                adapter.query(statement)


def test_rows_outside_that_refer_to_none_of_the_new_ones_refuse_the_swap(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
        adapter.write(_schema("people"), [[(9, None, "old")]])
        adapter.query("CREATE TABLE pets(id int, owner int REFERENCES people(id))")
        adapter.query("CREATE VIEW v AS SELECT * FROM people")
        adapter.query("INSERT INTO pets VALUES (1, 9)")
        staged = _staged(adapter)
        with pytest.raises(ConstraintViolated, match="pets"):
            adapter.swap([Swap(staged, "people")])
        assert adapter.count("people") == adapter.count("v") == 1
        assert adapter.leftovers() == ["_dbfleet_people"]


def test_views_and_triggers_that_name_the_table_read_the_new_one(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
        for statement in (
            "CREATE VIEW old_names AS SELECT v FROM people",
            "CREATE VIEW broken AS SELECT * FROM nowhere",
            "CREATE VIEW twice AS SELECT v FROM old_names UNION ALL SELECT v FROM old_names",
            "CREATE TABLE log(n int)",
            "CREATE TRIGGER tell AFTER INSERT ON log BEGIN UPDATE people SET v = 'told' WHERE id = new.n; END",
            "CREATE TRIGGER instead INSTEAD OF INSERT ON old_names BEGIN INSERT INTO log VALUES (2); END",
        ):
            adapter.query(statement)
        before = list(adapter.query("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')"))
        adapter.swap([Swap(_staged(adapter), "people")])
        after = list(adapter.query("SELECT type, name, sql FROM sqlite_schema WHERE type IN ('view', 'trigger')"))
        assert sorted(after[0]) == sorted(before[0])
        adapter.query("INSERT INTO old_names VALUES ('x')")
        assert list(adapter.query("SELECT v FROM twice ORDER BY v")) == [[("new",), ("new",), ("told",), ("told",)]]


def test_what_was_swapped_is_as_if_it_had_been_made_so(tmp_path: Path) -> None:
    with _open(tmp_path / "a.db") as adapter:
        adapter.create(_schema("people"))
        made = list(adapter.query("SELECT sql FROM sqlite_schema"))
        staged = _staged(adapter)
        adapter.query("UPDATE _dbfleet_people SET v = id")
        adapter.add_extra(staged, Index("staged_v", ("v",), True))
        adapter.swap([Swap(staged, "people", {"staged_v": "people_v"})])
        index = 'CREATE UNIQUE INDEX "people_v" ON "people" ("v")'
        assert list(adapter.query("SELECT sql FROM sqlite_schema ORDER BY type DESC")) == [[*made[0], (index,)]]
        assert adapter.describe("people").references == _schema("people").references
