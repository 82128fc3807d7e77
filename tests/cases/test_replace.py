"""Replace is a swap: whatever ends a copy or a load, the old rows are there or the new ones, and nothing else."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.abilities import Swaps
from dbfleet.errors import ConstraintViolated, StatementError
from dbfleet.fleet import Fleet
from dbfleet.ops import _staging
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Schema
from tests.zoo.walk import Ran, run

_OLD = [(number, f"old {number}") for number in range(50)]
_NEW = [(number, f"new {number}") for number in range(100, 3100)]


@pytest.fixture
def sink(target: Target, spec: EngineSpec, name: str) -> Iterator[str]:
    """Its URL; it holds the collection with the old rows, and one that refers to it where it checks references."""
    if Swaps not in spec.abilities:
        pytest.skip("undeclared by the spec")
    url = target.url(reveal=True)
    source(f"{name}.db", name, _OLD)
    ok("copy", f"sqlite:///{name}.db", url)
    yield url
    with registry.connect(target) as cleaner:
        for each in (f"{name}_c", name):
            cleaner.drop(each)


def source(file: str, name: str, rows: list[tuple[int, str]]) -> None:
    """A SQLite file with the rows, an index, and a collection that refers to it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(
            f"create table {name} (id integer primary key, v text, at date); create index {name}_i on {name} (v);"
            f"create table {name}_c (id integer primary key, parent integer references {name} (id));"
        )
        connection.executemany(f"insert into {name} values (?, ?, '2024-05-06')", rows)
        connection.executemany(f"insert into {name}_c values (?, ?)", [(key, key) for key, _ in rows])
        connection.commit()


def ok(*arguments: str) -> Ran:
    ran = run(*arguments)
    assert ran.code == 0, ran
    return ran


def rows(url: str, name: str) -> list[tuple[int, str]]:
    fleet = Fleet.open()
    with fleet.connect(fleet.target(url)) as adapter:
        found = [row[:2] for batch in adapter.scan(adapter.describe(name)) for row in batch]
        assert adapter.count(f"{name}_c") == len(found)
    return sorted(found)


def left(url: str) -> list[str]:
    fleet = Fleet.open()
    with fleet.connect(fleet.target(url)) as adapter:
        return _staging.leftovers(adapter)


def test_rows_are_replaced_with_what_refers_to_them(sink: str, name: str) -> None:
    source("new.db", name, _NEW)
    for _ in range(2):
        ran = ok("copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes", "--verify")
        assert json.loads(ran.err.splitlines()[-1])["same"] is True
        assert rows(sink, name) == _NEW
        assert left(sink) == []


def test_a_copy_that_fails_in_the_middle_leaves_the_old_rows(
    sink: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last row of the last collection cannot be read."""
    from dbfleet.engines.sqlite.adapter import SqliteAdapter

    scan = SqliteAdapter.scan

    def broken(self: Any, schema: Schema, *given: Any, **options: Any) -> Iterator[Batch]:
        for batch in scan(self, schema, *given, **options):
            yield batch[:-1]
        if schema.name == f"{name}_c":
            raise StatementError("the last row is damaged")

    monkeypatch.setattr(SqliteAdapter, "scan", broken)
    source("new.db", name, _NEW)
    ran = run("copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes")
    monkeypatch.setattr(SqliteAdapter, "scan", scan)
    assert ran.code == 5, ran
    assert "nothing was replaced" in ran.err
    assert ran.out == b""
    assert rows(sink, name) == _OLD
    assert left(sink) == []


def test_a_load_that_fails_in_the_middle_leaves_the_old_rows(sink: str, name: str, folder: Path) -> None:
    dump = folder / "new.jsonl"
    lines = [json.dumps({"id": key, "v": text, "at": "2024-05-06"}) for key, text in _NEW]
    dump.write_text("\n".join([*lines, lines[0]]) + "\n")
    ran = run("load", f"{sink}#{name}_c", str(dump), "--key", "id", "--mode", "replace", "--yes", "--verify")
    assert ran.code == 5, ran
    assert rows(sink, name) == _OLD
    assert left(sink) == []
    dump.write_text("\n".join(lines[:50]) + "\n")
    ok("load", f"{sink}#{name}_c", str(dump), "--key", "id", "--mode", "replace", "--yes", "--verify")
    assert rows(sink, name) == _OLD


def test_what_is_not_what_was_read_replaces_nothing(sink: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The proof comes before the names are exchanged."""
    from dbfleet.ops.copy import worker
    from dbfleet.values import Digest

    found: Any = worker._read_back

    def another(*given: Any) -> tuple[Digest, Any]:
        digest, slots = found(*given)
        return digest + Digest(0, 1), slots

    monkeypatch.setattr(worker, "_read_back", another)
    source("new.db", name, _NEW)
    ran = run("copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes", "--verify")
    assert ran.code == 1, ran
    assert "nothing was replaced" in ran.err
    assert rows(sink, name) == _OLD
    assert left(sink) == []


def test_a_swap_that_is_refused_changes_nothing(sink: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*given: object) -> None:
        raise ConstraintViolated("a view holds it")

    fleet = Fleet.open()
    with fleet.connect(fleet.target(sink)) as adapter:
        monkeypatch.setattr(type(adapter), "swap", refuse)
    source("new.db", name, _NEW)
    ran = run("copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes")
    assert ran.code == 5, ran
    assert "a view holds it" in ran.err
    assert "nothing was replaced" in ran.err
    assert rows(sink, name) == _OLD
    assert left(sink) == []


def test_a_kill_at_any_moment_leaves_the_old_rows_or_the_new_ones(sink: str, name: str) -> None:
    source("new.db", name, _NEW)
    command = [sys.executable, "-m", "dbfleet", "copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes"]
    began = time.monotonic()
    subprocess.run(command, check=True, capture_output=True)
    took = time.monotonic() - began
    moments = random.Random(8)
    for resume in (False, True, False):
        ok("copy", f"sqlite:///{name}.db", sink, "--mode", "replace", "--yes")
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        ) as child:
            time.sleep(took * moments.uniform(0.5, 1.0))
            os.killpg(child.pid, signal.SIGKILL)
        assert rows(sink, name) in (_OLD, _NEW)
        ok("copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes", *(["--resume"] if resume else []))
        assert rows(sink, name) == _NEW
        assert left(sink) == []


def test_what_nobody_goes_on_with_is_cleaned_by_the_next_command(sink: str, name: str) -> None:
    """And what a running command has staged is not."""
    ours = Fleet.open()
    with ours.connect(ours.target(sink)) as adapter:
        schema = adapter.describe(name)
        with _staging.claimed(ours) as word:
            (staged,) = _staging.staged([schema], word).values()
            adapter.create(staged)
            assert _staging.clean(ours, adapter) == []
            assert left(sink) == [staged.name]
            lock = _staging.lock_file(ours, word)
        lock.touch()  # as a kill leaves it
        source("new.db", name, _NEW)
        ok("copy", "sqlite:///new.db", sink, "--mode", "replace", "--yes")
        assert left(sink) == []
