"""The native lane beside the options that choose, read otherwise, overlook or go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dbfleet.target import Target
from tests.zoo.databases import Databases, ask, run_sql, url
from tests.zoo.test_native_diff import TABLE, differences
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("postgres")

TABLES = """
    CREATE DOMAIN pos AS int CHECK (value > 0);
    CREATE TABLE a (id int PRIMARY KEY, at timestamptz, p pos);
    CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a ON DELETE CASCADE, r int4range);
    INSERT INTO a VALUES (1, 'infinity', 1), (2, '2020-01-01', 2);
    INSERT INTO b VALUES (1, 1, '[1,5)');
    CREATE VIEW seen AS SELECT id FROM a;
"""


def types(target: Target, table: str) -> dict[str, str]:
    columns = f"information_schema.columns WHERE table_name = '{table}'"
    return dict(ask(target, f"SELECT column_name, coalesce(domain_name, data_type) FROM {columns}"))


def test_a_collection_that_a_rule_reads_goes_by_the_closed_set_and_the_others_as_they_are(dbs: Databases) -> None:
    source, sink = dbs.new(TABLES), dbs.new()
    done = run("copy", url(source), url(sink), "--rule", "a.at: infinity=null")
    assert done.code == 0, done
    assert "a does not go as it is: a rule reads it otherwise" in done.err
    assert ask(sink, "SELECT id, at IS NULL FROM a ORDER BY id") == [(1, True), (2, False)]
    assert types(sink, "a")["p"] != "pos"
    assert types(sink, "b")["r"] == "int4range"


def test_what_is_excluded_stays_with_the_references_to_it(dbs: Databases) -> None:
    source, sink = dbs.new(TABLES), dbs.new()
    done = run("copy", url(source), url(sink), "--exclude", "a", "--exclude", "seen", "--views")
    assert done.code == 0, done
    assert "a is not in the sink: does not come along" in done.err
    tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace"
    assert ask(sink, tables) == [("b",)]
    assert ask(sink, "SELECT r::text FROM b") == [("[1,5)",)]


def test_what_only_the_lane_can_read_is_no_reason_to_leave_it_out(dbs: Databases) -> None:
    source, sink = dbs.new(TABLES), dbs.new()
    done = run("copy", url(source), url(sink), "--keep-going", "--verify")
    assert done.code == 0, done
    assert ask(sink, "SELECT at::text FROM a WHERE id = 1") == [("infinity",)]


def test_what_cannot_be_read_further_on_is_left_out_and_named(dbs: Databases) -> None:
    """A value whose label somebody has deleted from the catalogue: only who reads that row meets it."""
    source, sink = dbs.new(TABLES), dbs.new()
    run_sql(
        source,
        """
        INSERT INTO a SELECT n, now(), 1 FROM generate_series(3, 3000) n;
        CREATE TYPE mood AS ENUM ('sad', 'ok');
        CREATE TABLE c (id int PRIMARY KEY, m mood);
        INSERT INTO c SELECT n, CASE n WHEN 15000 THEN 'ok' ELSE 'sad' END::mood FROM generate_series(1, 20000) n;
        CREATE TABLE d (id int PRIMARY KEY, c int REFERENCES c);
        INSERT INTO d VALUES (1, 15000);
        DELETE FROM pg_enum WHERE enumlabel = 'ok';
        """,
    )
    done = run("copy", url(source), url(sink), "--keep-going", "--verify")
    assert done.code == 8, done
    assert "c: invalid internal value for enum" in done.err
    assert "c cannot be read: does not come along" in done.err
    assert ask(sink, "SELECT count(*) FROM a") == [(3000,)]
    references = "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'"
    assert ask(sink, references) == [("b",)]
    assert ask(sink, "SELECT to_regclass('c'), (SELECT c FROM d)") == [(None, 15000)]


def test_what_is_overlooked_is_compared_by_the_closed_set(dbs: Databases) -> None:
    a, b = dbs.new(TABLE), dbs.new(TABLE)
    run_sql(a, "UPDATE t SET d = '2020-01-03' WHERE id = 1")
    run_sql(b, "UPDATE t SET d = '2020-01-03', n = n + 0.000001 WHERE id = 1")
    assert [each["after"] for each in differences(url(a), url(b))] == [{"n": 1.500001}]
    assert differences(url(a), url(b), "--tolerance", "1e-3") == []


def test_a_native_dump_leaves_out_what_is_excluded(dbs: Databases, tmp_path: Path) -> None:
    source, sink = dbs.new(TABLES), dbs.new()
    dumped = run("dump", url(source), "--native", "-o", str(tmp_path / "d"), "--exclude", "a")
    assert dumped.code == 0, dumped
    manifest = json.loads((tmp_path / "d/manifest.json").read_text("utf-8"))
    assert [each["collection"] for each in manifest["collections"]] == ["b"]
    loaded = run("load", url(sink), str(tmp_path / "d"), "--verify")
    assert loaded.code == 0, loaded
    assert "a is not in the sink: does not come along" in loaded.err
