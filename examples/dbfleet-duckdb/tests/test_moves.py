"""What a user does with a DuckDB file, alone and beside an embedded PostgreSQL: every verb that moves rows."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with a fleet of two: a file and a server."""
    found = tmp_path_factory.mktemp("project")
    (found / "dbfleet.toml").write_text("[targets.duckdb]\n[targets.postgres]\n", "utf-8")
    return found


@pytest.fixture(scope="module")
def run(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """`dbfleet` in the project. What it started is taken down at the end."""
    environ = {
        **os.environ,
        "DBFLEET_STATE_DIR": tempfile.mkdtemp(prefix="dbf"),  # a short path: a socket's may have 107 characters
        "DBFLEET_RUNTIME": "process",
        "DBFLEET_FLEET": "duck",
    }

    def call(*arguments: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "dbfleet", *arguments]
        done = subprocess.run(argv, cwd=folder, env=environ, capture_output=True, text=True, timeout=120)
        assert done.returncode == expect, f"{done.stdout[-2000:]}\n{done.stderr}"
        return done

    yield call
    call("down", "--volumes", "--yes")


@pytest.fixture(scope="module")
def seeded(run: Run) -> Run:
    run("up", "--timeout", "60")
    run("seed", "duckdb", "postgres", "--rows", "300", "--verify")
    return run


def test_the_engine_is_listed_and_described(run: Run) -> None:
    listed = {json.loads(line)["engine"]: json.loads(line) for line in run("engines").stdout.splitlines()}
    assert listed["duckdb"]["title"] == "DuckDB"
    assert "sqlite" in listed


def test_a_file_that_was_seeded_is_the_same_as_a_server(seeded: Run) -> None:
    assert seeded("diff", "postgres", "duckdb").stdout == ""
    changed = "update orders set status = 'lost' where id = 1"
    seeded("query", "duckdb", changed)
    assert '"collection":"orders"' in seeded("diff", "postgres", "duckdb", expect=1).stdout
    assert seeded("query", "duckdb", "select status from orders where id = :n", "--param", "n:int=1").stdout == (
        '{"status":"lost"}\n'
    )


def test_a_server_is_copied_into_a_file_and_back(seeded: Run, folder: Path) -> None:
    seeded("copy", "postgres", "duckdb:///copy.duckdb", "--verify")
    assert seeded("diff", "postgres", "duckdb:///copy.duckdb").stdout == ""
    seeded("copy", "duckdb:///copy.duckdb", "duckdb:///again.duckdb", "--verify")
    assert seeded("diff", "duckdb:///again.duckdb", "duckdb:///copy.duckdb").stdout == ""
    seeded("copy", "duckdb:///copy.duckdb#orders", "duckdb:///copy.duckdb#orders_2", "--verify")
    seeded("copy", "duckdb:///copy.duckdb#orders_2", "postgres", "--verify")
    assert seeded("diff", "postgres.orders_2", "duckdb:///copy.duckdb#orders").stdout == ""
    seeded("copy", "postgres", "duckdb:///copy.duckdb", "order_items", "--mode", "upsert")


def test_a_dump_is_loaded_into_another_file(seeded: Run, folder: Path) -> None:
    seeded("dump", "duckdb", "--output", "dump")
    seeded("load", "duckdb:///loaded.duckdb", "dump", "--verify")
    assert seeded("diff", "duckdb", "duckdb:///loaded.duckdb").stdout == ""


def test_files_of_rows_are_loaded(run: Run, folder: Path) -> None:
    (folder / "people.csv").write_text("id,name,born\n1,Ada,1815-12-10\n2,,\n", "utf-8")
    run("load", "duckdb:///people.duckdb", "people.csv")
    assert run("query", "duckdb:///people.duckdb", "from people order by id").stdout == (
        '{"id":1,"name":"Ada","born":"1815-12-10"}\n{"id":2,"name":null,"born":null}\n'
    )


def test_a_file_that_another_process_has_is_told(run: Run, folder: Path) -> None:
    import duckdb

    with duckdb.connect(str(folder / "held.duckdb")):
        assert "lock" in run("query", "duckdb:///held.duckdb", "select 1", expect=3).stderr
