"""Cassandra to Cassandra: what the server says of the copy (DESCRIBE, its JSON and bytes of every value) is what it
says of the source. What is not carried is named, and refused by --strict."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.outline import Step
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Schema, Type
from tests.zoo.cassandra_kinds import KINDS, rows, said
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("cassandra")


class Keyspaces:
    """Keyspaces that go after the test."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._opened: list[Any] = []

    def new(self, *statements: str) -> Any:
        """An adapter of a new keyspace, in which these have been run."""
        name = f"dbfleet_native_{len(self._opened)}"
        with registry.connect(self._target) as cleaner:
            _run(cleaner, f"DROP KEYSPACE IF EXISTS {name}")
        adapter: Any = registry.connect(self._target.with_(database=name, create=True))
        self._opened.append(adapter)
        for statement in statements:
            _run(adapter, statement)
        return adapter

    def drop(self) -> None:
        for adapter in self._opened:
            _run(adapter, f"DROP KEYSPACE IF EXISTS {adapter.target.database}")
            adapter.close()


@pytest.fixture(name="keyspaces")
def keyspaces_of_its_own(target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keyspaces]:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    made = Keyspaces(target)
    yield made
    made.drop()


def _run(adapter: Any, statement: str) -> list[Any]:
    return list(adapter._session.rows(statement))


def url(adapter: Any) -> str:
    return str(adapter.target.url(reveal=True))


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def alike(sink: Any, source: Any) -> None:
    there, here = said(source), said(sink)
    assert here[0] == there[0]
    assert here[1] == there[1]


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_the_same_in_another_keyspace(keyspaces: Keyspaces, kind: str, tmp_path: Path) -> None:
    source, sink = keyspaces.new(*KINDS[kind]), keyspaces.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied.err
    assert "native" in copied.err
    alone = ["CREATE TYPE alone (n tinyint)"] if kind == "collections" else []
    for statement in alone:  # what no table needs is named
        assert "the type alone: does not come along" in copied.err
        _run(sink, statement)
    alike(sink, source)
    compared = run("diff", url(source), url(sink))
    assert (compared.code, compared.out, compared.err) == (0, b"", "")
    digests = [
        [json.loads(line)["digest"] for line in run("digest", url(each), "--native").out.splitlines()]
        for each in (source, sink)
    ]
    assert digests[0] == digests[1]


def test_each_kind_takes_the_place_of_what_is_there(keyspaces: Keyspaces) -> None:
    source, sink = keyspaces.new(*KINDS["keys"]), keyspaces.new()
    _run(sink, 'CREATE TABLE orders (id int PRIMARY KEY, "P" text)')
    _run(sink, "INSERT INTO orders (id) VALUES (1)")
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied.err
    alike(sink, source)
    _run(sink, "DELETE FROM orders WHERE \"P\" = 'a' AND q = 1 AND c = -7")
    _run(sink, "UPDATE orders SET st = 'other' WHERE \"P\" = 'static' AND q = 3")
    _run(sink, "INSERT INTO orders (\"P\", q, st) VALUES ('static', 9, 'more')")
    merged = run("copy", url(source), url(sink), "--mode", "upsert", "--verify")
    assert merged.code == 0, merged.err
    _run(sink, "DELETE FROM orders WHERE \"P\" = 'static' AND q = 9")
    alike(sink, source)


def test_rows_go_as_they_are_into_tables_that_are_there(keyspaces: Keyspaces) -> None:
    source, sink = keyspaces.new(*KINDS["types"]), keyspaces.new(KINDS["types"][0])
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied.err
    alike(sink, source)
    again = run("copy", url(source), url(sink))
    assert (again.code, "exist" in again.err or "rows" in again.err) == (2, True), again


def test_nanoseconds_stay_where_another_column_is_converted(keyspaces: Keyspaces, tmp_path: Path) -> None:
    """By a rule, into a table that is there, and from a native dump into one."""
    source, sink = keyspaces.new(
        "CREATE TABLE a (id int, c time, x int, t time, PRIMARY KEY (id, c))",
        "INSERT INTO a (id, c, x, t) VALUES (1, '13:30:54.234567890', 7, '23:59:59.999999999')",
        "INSERT INTO a (id, c) VALUES (1, '13:30:54.234567891')",
    ), keyspaces.new()  # fmt: skip
    expected = [row[:-1] for row in _run(source, "SELECT c, t, x FROM a")]
    for way in (("--rule", "x: type=text"), ("--mode", "upsert")):
        copied = run("copy", url(source), url(sink), *way, "--verify")
        assert copied.code == 0, copied.err
        assert [row[:-1] for row in _run(sink, "SELECT c, t, x FROM a")] == expected
        assert [x for (x,) in _run(sink, "SELECT x FROM a")] == ["7", None]
        _run(sink, "TRUNCATE a")
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "d")).code == 0
    _run(sink, "DROP TABLE a")
    _run(sink, "CREATE TABLE a (id int, c time, x bigint, t time, PRIMARY KEY (id, c))")
    loaded = run("load", url(sink), str(tmp_path / "d"), "--verify")
    assert loaded.code == 0, loaded.err
    assert [row[:-1] for row in _run(sink, "SELECT c, t, x FROM a")] == expected


def test_types_of_one_name_and_other_fields_are_others(keyspaces: Keyspaces) -> None:
    source = keyspaces.new(*KINDS["collections"])
    sink = keyspaces.new("CREATE TYPE inner (x int, z text)")
    copied = run("copy", url(source), url(sink))
    assert copied.code == 0, copied.err
    assert "nested does not go as it is: it needs type" in copied.err
    assert run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--strict").code == 6
    one = keyspaces.new("CREATE TYPE t (x int)", "CREATE TABLE a (id int PRIMARY KEY, v frozen<t>)",
                        "INSERT INTO a (id, v) VALUES (1, {x: 1})")  # fmt: skip
    other = keyspaces.new("CREATE TYPE t (x bigint)", "CREATE TABLE a (id int PRIMARY KEY, v frozen<t>)")
    assert run("copy", url(one), url(other)).code in (5, 6), "its bytes are no value of the other type"
    assert rows(other, "a") == []


def test_what_the_closed_set_holds_the_same_differs(keyspaces: Keyspaces) -> None:
    table = "CREATE TABLE a (id int PRIMARY KEY, d decimal, t time, n int, l list<decimal>)"
    one = keyspaces.new(
        table, "INSERT INTO a (id, d, t, n, l) VALUES (1, 1.0, '00:00:00.000000001', blobAsInt(0x), [1.0])"
    )
    other = keyspaces.new(table, "INSERT INTO a (id, d, t, l) VALUES (1, 1.00, '00:00:00.000000002', [1.0])")
    compared = run("diff", url(one), url(other))
    assert compared.code == 1, compared
    (line,) = compared.out.splitlines()
    assert json.loads(line)["key"] == {"id": 1}
    assert json.loads(line)["before"] == {"d": "0x000000010a", "t": "0x0000000000000001", "n": "0x"}
    assert json.loads(line)["after"] == {"d": "0x0000000264", "t": "0x0000000000000002", "n": None}
    where = run("diff", url(one), url(other), "--where", "id = 1")
    assert where.code == 1, where
    digests = {json.loads(run("digest", url(each), "--native").out)["digest"] for each in (one, other)}
    assert len(digests) == 2
    synced = run("diff", url(one), url(other), "--sync", "--yes")
    assert synced.code in (0, 1), synced
    assert rows(other, "a") == rows(one, "a")


def test_sync_keeps_every_value_and_prints_statements_that_do_the_same(keyspaces: Keyspaces) -> None:
    kinds = [*KINDS["types"], *KINDS["collections"], *KINDS["keys"]]
    made = [each for each in kinds if each.startswith(("CREATE", "ALTER"))]
    source, sink = keyspaces.new(*kinds), keyspaces.new(*made)
    _run(sink, "INSERT INTO scalars (id, v_text) VALUES (99, 'goes')")
    _run(sink, "INSERT INTO scalars (id, v_text) VALUES (1, 'other')")
    _run(sink, "INSERT INTO orders (\"P\", q, st) VALUES ('goes', 3, 'x')")
    printed = run("diff", url(source), url(sink), "--sync")
    statements = printed.out.decode()
    assert "scalars" in statements, printed
    synced = run("diff", url(source), url(sink), "--sync", "--yes")
    assert run("diff", url(source), url(sink)).code == 0, synced
    alike(sink, source)
    other = keyspaces.new(*made)
    _run(other, "INSERT INTO scalars (id, v_text) VALUES (99, 'goes')")
    _run(other, "INSERT INTO scalars (id, v_text) VALUES (1, 'other')")
    _run(other, "INSERT INTO orders (\"P\", q, st) VALUES ('goes', 3, 'x')")
    script = statements.replace(f'"{sink.target.database}"', f'"{other.target.database}"')
    written = run("query", url(other), script)
    assert written.code == 0, written
    alike(other, source)


@pytest.mark.parametrize("kind", ["types", "collections", "keys"])
def test_a_native_dump_is_the_same_keyspace_again(keyspaces: Keyspaces, tmp_path: Path, kind: str) -> None:
    source, sink = keyspaces.new(*KINDS[kind]), keyspaces.new()
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "d")).code == 0
    loaded = run("load", url(sink), str(tmp_path / "d"), "--verify")
    assert loaded.code == 0, loaded.err
    if kind == "collections":
        _run(sink, "CREATE TYPE alone (n tinyint)")
    alike(sink, source)


def test_elsewhere_a_native_dump_is_read_by_the_closed_set(keyspaces: Keyspaces, tmp_path: Path) -> None:
    source = keyspaces.new(
        "CREATE TYPE t (x int)",
        "CREATE TABLE a (id int PRIMARY KEY, d decimal, t time, l list<frozen<t>>, ts timestamp, i inet, du duration, "
        "m map<date, blob>, v vector<float, 2>)",
        "INSERT INTO a (id, d, t, l, ts, i, du, m, v) VALUES (1, 1.50, '00:00:00.000000001', [{x: 1}], "
        "'2020-01-01T00:00:00.001Z', '::1', 1mo2d, {'2020-01-01': 0xff}, [1.5, 2])",
        "INSERT INTO a (id) VALUES (2)",
    )
    _run(source, "CREATE TABLE hits (id int PRIMARY KEY, n counter)")
    _run(source, "UPDATE hits SET n = n + 3 WHERE id = 1")
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "d")).code == 0
    loaded = run("load", f"sqlite:///{tmp_path}/x.db", str(tmp_path / "d"), "--verify")
    assert loaded.code == 0, loaded.err
    assert run("copy", url(source), f"sqlite:///{tmp_path}/y.db", "--verify").code == 0
    compared = run("diff", f"sqlite:///{tmp_path}/x.db", f"sqlite:///{tmp_path}/y.db")
    assert (compared.code, compared.out) == (0, b"")


def test_what_is_not_carried_is_named(keyspaces: Keyspaces) -> None:
    source, sink = keyspaces.new(
        "CREATE TABLE hits (id int PRIMARY KEY, n counter)",
        "UPDATE hits SET n = n + 3 WHERE id = 1",
        "CREATE TABLE old (id int PRIMARY KEY, t text, n int) WITH COMPACT STORAGE",
        "INSERT INTO old (id, t) VALUES (1, 'x')",
        "CREATE TABLE ends (id int PRIMARY KEY, t text) WITH default_time_to_live = 9000",
        "INSERT INTO ends (id, t) VALUES (1, 'x') USING TTL 5000",
    ), keyspaces.new()  # fmt: skip
    told = (
        "hits does not go as it is: it needs the counter n, which can be counted, not set",
        "old does not go as it is: it needs COMPACT STORAGE, which cannot be made",
        "ends: the time to live of values in 1 rows (they get the table's 9,000 seconds anew): does not come along",
    )
    planned = run("copy", url(source), url(sink), "--dry-run")
    assert all(text in planned.err + planned.out.decode() for text in told), planned
    assert run("copy", url(source), url(sink), "--strict").code == 6
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied.err
    assert set(told) <= {text.partition(" (")[0] if "COMPACT" in text or "counter" in text else text
                         for text in left(copied)}, left(copied)  # fmt: skip
    assert _run(sink, "SELECT id, n FROM hits") == [(1, 3)]
    ((rest,),) = _run(sink, "SELECT TTL(t) FROM ends")
    assert 8000 < rest <= 9000


def test_a_counter_is_not_written_into_a_table_that_is_there(keyspaces: Keyspaces) -> None:
    table = "CREATE TABLE hits (id int PRIMARY KEY, n counter)"
    source, sink = keyspaces.new(table, "UPDATE hits SET n = n + 3 WHERE id = 1"), keyspaces.new(table)
    copied = run("copy", url(source), url(sink))
    assert copied.code == 6, copied
    assert "column n is a counter, which can be counted and not be set" in copied.err
    assert rows(sink, "hits") == []


def test_under_another_name_beside_its_source(keyspaces: Keyspaces) -> None:
    source = keyspaces.new(*KINDS["indexes"])
    copied = run("copy", f"{url(source)}#searched", f"{url(source)}#found", "--verify")
    assert copied.code == 0, copied.err
    assert rows(source, "found") == rows(source, "searched")
    assert len(_run(source, "SELECT index_name FROM system_schema.indexes WHERE keyspace_name = "
                            f"'{source.target.database}' AND table_name = 'found'")) == 8  # fmt: skip


def test_what_dbfleet_made_keeps_its_schema(keyspaces: Keyspaces) -> None:
    source, sink = keyspaces.new(), keyspaces.new()
    schema = Schema(
        "ours", (Column("id", Type.INT, False), Column("at", Type.DATETIME), Column("j", Type.JSON),
                 Column("d", Type.DECIMAL)), ("id",), (Reference(("id",), "ours", ("id",)),),
    )  # fmt: skip
    source.create(schema)
    source.write(schema, [[(1, datetime(2020, 1, 1), {"a": "it's"}, Decimal("1.50")), (2, None, None, None)]])
    copied = run("copy", f"{url(source)}#ours", f"{url(sink)}#yours", "--verify", "--strict")
    assert copied.code == 0, copied.err
    found = sink.describe("yours")
    assert (found.columns, found.references[0].collection) == (schema.columns, "yours")
    assert rows(sink, "yours") == rows(source, "ours")
    for statement in ("DROP d", "ADD by_others duration"):
        _run(sink, f"ALTER TABLE yours {statement}")
    changed = sink.describe("yours")
    assert changed.columns[:3] == schema.columns[:3]
    assert (changed.names[3:], changed.columns[3].native) == (("by_others",), "duration")
    assert [row for batch in sink.scan(changed) for row in batch if row[0] == 2] == [(2, None, None, None)]


def test_views_are_told_and_what_the_server_forbids_is_named(keyspaces: Keyspaces) -> None:
    """This server has materialized views and SASI indexes switched off, as Cassandra 5 is delivered."""
    sink = keyspaces.new()
    step = Step("views", "view", "", "materialized view v", "CREATE MATERIALIZED VIEW …", shared=True)
    sasi = Step("keys", "index", "t", "index i (a) USING 'org.apache.cassandra.index.sasi.SASIIndex'",
                "… USING 'org.apache.cassandra.index.sasi.SASIIndex'", makes=(("index", "i"),))  # fmt: skip
    assert set(sink.lacking([step, sasi]).values()) == {"the server forbids", "the server forbids SASI indexes"}


KILLED = """
import os, signal, sys
from dbfleet.cli.exit import main
from dbfleet.engines.cassandra.native import rows, take
stage, calls = sys.argv[1], []
def dying(before, now, after):
    def call(self, *arguments, **options):
        if now(*arguments):
            calls.append(0)
            if len(calls) > after:
                os.killpg(0, signal.SIGKILL)
        return before(self, *arguments, **options)
    return call
if stage == "rows":
    rows._Writing._bound = dying(rows._Writing._bound, lambda *_: True, 700)
else:
    take.Taker.take = dying(take.Taker.take, lambda step, called: step.stage == stage, 1)
main(sys.argv[2:])
"""
"""A command that kills itself and its workers in the second step of a stage, or in the middle of the rows."""


@pytest.mark.parametrize("stage", ["rows", "keys", "collections"])
def test_a_copy_that_was_killed_goes_on(keyspaces: Keyspaces, stage: str) -> None:
    source, sink = keyspaces.new(*KINDS["indexes"], "CREATE TABLE many (id int PRIMARY KEY, t text)"), keyspaces.new()
    source.write(source.describe("many"), [[(number, f"text {number}") for number in range(1000)]])
    dead = subprocess.run(
        [sys.executable, "-c", KILLED, stage, "copy", url(source), url(sink)],
        start_new_session=True, capture_output=True, check=False,
    )  # fmt: skip
    assert dead.returncode == -signal.SIGKILL, dead
    _run(source, "DELETE FROM many WHERE id = 7")
    resumed = run("copy", url(source), url(sink), "--resume", "--verify")
    assert resumed.code == 0, resumed
    alike(sink, source)
