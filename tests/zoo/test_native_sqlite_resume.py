"""A native copy between files of SQLite that was killed goes on with --resume and ends as if it had not been."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.zoo.test_native_sqlite import ask, catalog, do, held, url, whole
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("sqlite")

SLOW = "instr(zeroblob(20000000), zeroblob(9000000 + length(v)) || x'01') >= 0"
"""What SQLite computes for longer than anybody waits."""

SOURCE = f"""
    CREATE TABLE small(id INTEGER PRIMARY KEY AUTOINCREMENT, v TEXT UNIQUE);
    CREATE TABLE large(id INTEGER PRIMARY KEY, small INT REFERENCES small ON DELETE CASCADE, v TEXT,
                       up INT REFERENCES large, CHECK (v <> 'slow' OR {SLOW}));
    CREATE TABLE keyless(a, b); CREATE TABLE zlast(a TEXT PRIMARY KEY) WITHOUT ROWID;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) INSERT INTO small SELECT i, i FROM n;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 21000)
    INSERT INTO large SELECT i, i % 100 + 1, i, i FROM n;
    INSERT INTO keyless(rowid, a, b) SELECT id * 3, id, x'ff' FROM small; INSERT INTO zlast SELECT v FROM small;
    INSERT INTO small VALUES (900, 'gone'); DELETE FROM small WHERE id = 900; PRAGMA user_version = 5;
    CREATE TRIGGER stamped AFTER INSERT ON small BEGIN UPDATE large SET v = 'stamped' WHERE id = 1; END;
""" + "".join(f"CREATE INDEX large_{number} ON large(v, small + {number});" for number in range(30))  # fmt: skip

STEPS = {
    "tables": ("name = 'zlast'", "name LIKE '\\_dbfleet\\_new\\_%\\_3' ESCAPE '\\'"),
    "indexes": ("name = 'large_3'", "name LIKE '\\_dbfleet\\_new\\_%' ESCAPE '\\' AND sql LIKE '%small + 3)'"),
}
"""What is in the sink's catalog then, where nothing is replaced and where something is."""


@contextmanager
def copying(source: Path, sink: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A copy that runs, and is killed with its workers at the end of the block."""
    command = [sys.executable, "-m", "dbfleet", "copy", url(source), url(sink), *options]
    process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def killed_at_a_row(source: Path, sink: Path, *options: str) -> None:
    """Kill a copy that hangs at a row of the large table."""
    do(source, "PRAGMA ignore_check_constraints = ON; UPDATE large SET v = 'slow' WHERE id = 2500")
    with copying(source, sink, *options) as process:
        deadline = time.monotonic() + 30
        while "large" not in waiting(sink):
            if time.monotonic() > deadline:
                pytest.fail("the large table is not begun")
            time.sleep(0.05)
        time.sleep(2)  # the rows of the others, and some of its own
        assert process.poll() is None, "the copy does not hang"
    do(source, "UPDATE large SET v = id WHERE id = 2500")


def waiting(sink: Path) -> str:
    """The statements of what the copy has made, in one text."""
    if not sink.exists():
        return ""
    return " ".join(text for (text,) in ask(sink, "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL"))


def killed_after(step: str, source: Path, sink: Path, *options: str) -> bool:
    """Lock the sink once the step is taken, and kill the copy that waits; whether it was so fast."""
    with copying(source, sink, *options) as process:
        deadline = time.monotonic() + 30
        while not sink.exists() or sink.stat().st_size == 0:
            time.sleep(0.001)
        with closing(sqlite3.connect(sink, isolation_level=None, timeout=0)) as connection:
            while time.monotonic() < deadline and process.poll() is None:
                try:
                    if connection.execute(f"SELECT 1 FROM sqlite_schema WHERE {STEPS[step][bool(options)]}").fetchall():
                        connection.execute("BEGIN IMMEDIATE")
                        time.sleep(0.3)
                        return process.poll() is None
                except sqlite3.OperationalError:  # the copy writes
                    continue
    return False


def same(sink: Path, source: Path) -> None:
    assert catalog(sink) == catalog(source)
    assert held(sink) == held(source)
    assert ask(sink, "SELECT name, seq FROM sqlite_sequence") == [("small", 900)]
    assert ask(sink, "PRAGMA user_version") == [(5,)]
    assert whole(sink) == [("ok",)]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    do(tmp_path / "source.db", SOURCE)
    return tmp_path / "source.db"


def old(sink: Path) -> None:
    """A sink that holds the same tables, with other rows, other indexes."""
    do(sink, SOURCE + "UPDATE large SET v = 'old'; DELETE FROM keyless; DROP INDEX large_3")


@pytest.mark.parametrize("options", [(), ("--verify",)])
def test_a_copy_that_was_killed_at_a_row_goes_on(source: Path, tmp_path: Path, options: tuple[str, ...]) -> None:
    sink = tmp_path / "sink.db"
    killed_at_a_row(source, sink, *options)
    again = run("copy", url(source), url(sink), *options)
    assert (again.code, "--resume" in again.err) == (2, True), again
    resumed = run("copy", url(source), url(sink), "--resume", *options)
    assert resumed.code == 0, resumed
    same(sink, source)
    assert run("copy", url(source), url(sink), "--resume").code == 2, "the journal is gone, and the rows are there"


def test_a_replacement_that_was_killed_at_a_row_goes_on(source: Path, tmp_path: Path) -> None:
    sink = tmp_path / "sink.db"
    old(sink)
    before = held(sink)
    killed_at_a_row(source, sink, "--mode", "replace", "--yes")
    assert {name: rows for name, rows in held(sink).items() if "_dbfleet" not in name} == before
    resumed = run("copy", url(source), url(sink), "--resume", "--yes")
    assert resumed.code == 0, resumed
    same(sink, source)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("replacing", [False, True])
def test_a_copy_that_was_killed_after_a_step_goes_on(source: Path, tmp_path: Path, step: str, replacing: bool) -> None:
    options = ("--mode", "replace", "--yes") if replacing else ()
    for number in range(5):
        sink = tmp_path / f"sink{number}.db"
        if replacing:
            old(sink)
        if killed_after(step, source, sink, *options):
            break
    else:
        pytest.fail("each copy was through before it could be stopped")
    resumed = run("copy", url(source), url(sink), "--resume", "--yes")
    assert resumed.code == 0, resumed
    same(sink, source)
