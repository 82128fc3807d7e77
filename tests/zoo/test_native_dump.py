"""A native dump of PostgreSQL: loaded there, the database is the same; elsewhere, it is read by the closed set."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.zoo import databases
from tests.zoo.databases import ZOO, Databases, ask, differing, run_sql, url
from tests.zoo.postgres_kinds import KINDS
from tests.zoo.test_native_diff import TABLE
from tests.zoo.walk import run

SPACES = ("s2", '"My S"', '"tenant-1"', '"Löhne"', '"a$b"')
TABLES = "SELECT schemaname, tablename FROM pg_tables WHERE schemaname !~ '^pg_|^inf' ORDER BY 1, 2"

pytestmark = pytest.mark.engines("postgres")


@pytest.mark.parametrize(
    ("kind", "format"),
    [*((kind, "jsonl") for kind in ("zoo", *KINDS)), ("zoo", "csv"), ("values at the ends", "csv")],
)
def test_a_native_dump_is_the_same_database_again(dbs: Databases, tmp_path: Path, kind: str, format: str) -> None:
    source, sink = dbs.new(KINDS.get(kind) or ZOO.read_text("utf-8")), dbs.new()
    dumped = run("dump", url(source), "--native", "-o", str(tmp_path / "dump"), "--format", format)
    assert dumped.code == 0, dumped
    loaded = run("load", url(sink), str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded
    assert not (wrong := differing(sink, source)), wrong
    again = run("load", url(sink), str(tmp_path / "dump"), "--mode", "replace", "--yes", "--verify")
    assert again.code == 0, again
    assert not (wrong := differing(sink, source)), wrong


def test_rows_go_natively_into_what_is_there(dbs: Databases, tmp_path: Path) -> None:
    source, sink = dbs.new(TABLE), dbs.new(TABLE)
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    run_sql(sink, "DELETE FROM t WHERE id = 1; UPDATE t SET n = 7 WHERE id = 2; INSERT INTO t (id) VALUES (3)")
    assert run("load", url(sink), str(tmp_path / "dump"), "--mode", "upsert").code == 0
    rows = "SELECT t::text FROM t WHERE id < 3 ORDER BY id"
    assert ask(sink, rows) == ask(source, rows)


@pytest.mark.parametrize("native", [False, True])
def test_a_schema_comes_back_by_whatever_name_it_has(dbs: Databases, tmp_path: Path, native: bool) -> None:
    script = "; ".join(f"CREATE SCHEMA {name}; CREATE TABLE {name}.t AS SELECT 1 AS id" for name in SPACES)
    source, sink = dbs.new(script), dbs.new()
    for _ in range(2):
        dumped = run("dump", url(source), "-o", str(tmp_path / "dump"), "--yes", *["--native"] * native)
        assert dumped.code == 0, dumped
        loaded = run("load", url(sink), str(tmp_path / "dump"), "--mode", "replace", "--yes", "--verify")
        assert loaded.code == 0, loaded
        assert ask(sink, TABLES) == ask(source, TABLES)


def test_elsewhere_it_is_read_by_the_closed_set(dbs: Databases, tmp_path: Path) -> None:
    source = dbs.new(TABLE, "UPDATE t SET d = '2020-02-03' WHERE id = 1")
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    loaded = run("load", f"sqlite:///{tmp_path}/x.db", str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded
    assert run("copy", url(source), f"sqlite:///{tmp_path}/y.db", "--verify").code == 0
    rows = []
    for name, array in (("x", "{1,2}"), ("y", "[1,2]")):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            rows.append(connection.execute("SELECT id, n, j, d, m, f, s, at, g, x, r FROM t ORDER BY id").fetchall())
            assert connection.execute("SELECT a FROM t WHERE id = 1").fetchone() == (array,)
    assert rows[0] == rows[1]
    run_sql(source, "UPDATE t SET d = 'infinity' WHERE id = 1")
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump"), "--yes").code == 0
    assert run("load", f"sqlite:///{tmp_path}/z.db", str(tmp_path / "dump")).code == 0
    with closing(sqlite3.connect(tmp_path / "z.db")) as connection:
        assert connection.execute("SELECT d FROM t WHERE id = 1").fetchone() == ("infinity",)
    manifest, schema = tmp_path / "dump/manifest.json", tmp_path / "dump/schema.json"
    before = schema.read_text("utf-8")
    as_date = before.replace('"native": "date"', '"native": "date", "shown": "date"')
    assert as_date != before  # as of a table so large that nobody has seen that value
    sums = [hashlib.sha256(text.encode()).hexdigest() for text in (before, as_date)]
    schema.write_text(as_date, "utf-8")
    manifest.write_text(manifest.read_text("utf-8").replace(*sums), "utf-8")
    refused = run("load", f"sqlite:///{tmp_path}/z2.db", str(tmp_path / "dump"))
    assert refused.code == 5, refused
    assert "column d holds infinity" in refused.err
    assert not (tmp_path / "z2.db").exists()


def test_a_dump_says_what_it_is(dbs: Databases, tmp_path: Path) -> None:
    source = dbs.new(TABLE)
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    manifest = json.loads((tmp_path / "dump/manifest.json").read_text("utf-8"))
    assert manifest["source"]["engine"] == "postgres"
    assert manifest["outline_sha256"]
    (tmp_path / "dump/outline.json").write_text('{"steps": []}', "utf-8")
    assert run("load", url(dbs.new()), str(tmp_path / "dump")).code == 2
    assert run("dump", f"sqlite:///{tmp_path}/no.db", "--native", "-o", str(tmp_path / "other")).code != 0
    assert run("dump", url(source), "t", "--native", "-o", "-").code == 2


def test_a_load_that_is_refused_leaves_nothing(dbs: Databases, tmp_path: Path) -> None:
    source, sink = dbs.new(TABLE), dbs.new("CREATE TABLE u (id int)")
    before = databases.told(sink)
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    run_sql(sink, "CREATE TYPE mood AS ENUM ('other')")
    assert run("load", url(sink), str(tmp_path / "dump")).code == 6
    run_sql(sink, "DROP TYPE mood")
    assert databases.told(sink) == before
