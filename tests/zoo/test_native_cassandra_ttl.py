"""`copy --keep-ttl` from Cassandra to Cassandra: the server says of each value of the copy when it was written and when
it ends, and says the same as of the source's."""

from __future__ import annotations

import time
from typing import Any

import pytest

from dbfleet.target import Target
from tests.zoo.cassandra_kinds import rows
from tests.zoo.test_native_cassandra import Keyspaces, _run, keyspaces_of_its_own, left, url
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("cassandra")

keyspaces = keyspaces_of_its_own

ROWS = [
    "CREATE TABLE a (p int, c int, s text static, sm map<text, int> static, t text, n int, st set<int>, "
    "m map<int, text>, f frozen<list<int>>, PRIMARY KEY (p, c)) WITH default_time_to_live = 77777",
    "INSERT INTO a (p, c, t, n, f) VALUES (1, 1, 'x', 1, [1, 2]) USING TIMESTAMP 1000000 AND TTL 5000",
    "UPDATE a USING TIMESTAMP 2000000 AND TTL 0 SET n = 2 WHERE p = 1 AND c = 1",
    "UPDATE a USING TIMESTAMP 3000000 AND TTL 600 SET st = st + {1, 2} WHERE p = 1 AND c = 1",
    "UPDATE a USING TIMESTAMP 4000000 AND TTL 900 SET st = st + {3}, m[1] = 'one' WHERE p = 1 AND c = 1",
    "UPDATE a USING TIMESTAMP 5000000 AND TTL 0 SET m[0] = 'none' WHERE p = 1 AND c = 1",
    "INSERT INTO a (p, c, t) VALUES (1, 2, 'y')",
    "INSERT INTO a (p, c) VALUES (1, 3)",
    "UPDATE a USING TIMESTAMP 6000000 AND TTL 800 SET s = 'static', sm = {'a': 1} WHERE p = 1",
    "UPDATE a USING TIMESTAMP 7000000 AND TTL 0 SET sm['b'] = 2 WHERE p = 1",
    "UPDATE a USING TIMESTAMP 8000000 SET s = 'alone' WHERE p = 2",
]
_TIMES = ", ".join(f"{word}({name})" for name in ("s", "sm", "t", "n", "st", "m", "f") for word in ("WRITETIME", "TTL"))


def ends(adapter: Any) -> list[tuple[Any, ...]]:
    """What the server says of all values' times, as of one moment."""
    prepared = adapter._session.prepare(f"SELECT p, c, {_TIMES} FROM a")
    statement = prepared.bind(())
    statement.now_in_seconds = _MOMENT
    with adapter._session.as_bytes(frozenset(column[2] for column in prepared.result_metadata)):
        return list(adapter._session.driver.execute(statement))


_MOMENT = int(time.time())


def test_values_end_when_they_do_at_the_source(keyspaces: Keyspaces) -> None:
    source, sink = keyspaces.new(*ROWS), keyspaces.new()
    copied = run("copy", url(source), url(sink), "--keep-ttl", "--verify", "--strict")
    assert copied.code == 0, copied.err
    assert left(copied) == []
    assert rows(sink, "a") == rows(source, "a")
    assert ends(sink) == ends(source)
    assert len({str(row) for row in ends(sink)}) == 4
    _run(sink, "TRUNCATE a")
    refused = run("copy", url(source), url(sink), "--keep-ttl")
    assert (refused.code, "--mode replace" in refused.err) == (2, True), refused
    replaced = run(
        "copy", url(source), url(sink), "--keep-ttl", "--mode", "replace", "--yes", "--jobs", "2", "--verify"
    )
    assert replaced.code == 0, replaced.err
    assert ends(sink) == ends(source)


def test_a_row_ends_with_its_values(keyspaces: Keyspaces) -> None:
    """And what ends while it is copied is no difference."""
    source, sink = keyspaces.new("CREATE TABLE a (p int PRIMARY KEY, t text, n int)"), keyspaces.new()
    for number in range(100):
        _run(source, f"INSERT INTO a (p, t) VALUES ({number}, 'x') USING TTL {3 + number % 9}")
        _run(source, f"UPDATE a USING TTL 1 SET n = 1 WHERE p = {number}")
    copied = run("copy", url(source), url(sink), "--keep-ttl", "--verify")
    assert copied.code == 0, copied.err
    while _run(source, "SELECT p FROM a"):
        time.sleep(1)
    assert _run(sink, "SELECT p FROM a") == []


def test_what_has_no_times_of_its_own_is_named(keyspaces: Keyspaces, target: Target) -> None:
    source, sink = keyspaces.new(
        "CREATE TYPE t (x int, y int)",
        "CREATE TABLE a (p int PRIMARY KEY, l list<int>, u t, v text)",
        "INSERT INTO a (p, l, u, v) VALUES (1, [1, 2], {x: 1, y: 2}, 'v') USING TIMESTAMP 1000000 AND TTL 5000",
        "UPDATE a USING TIMESTAMP 2000000 AND TTL 9000 SET l = l + [3], u.x = 2 WHERE p = 1",
        "CREATE TABLE bare (p int, c int, PRIMARY KEY (p, c))",
        "INSERT INTO bare (p, c) VALUES (1, 2)",
        "CREATE TABLE hits (p int PRIMARY KEY, n counter)",
        "UPDATE hits SET n = n + 1 WHERE p = 1",
    ), keyspaces.new()  # fmt: skip
    assert run("copy", url(source), url(sink), "--keep-ttl", "--strict").code == 6
    copied = run("copy", url(source), url(sink), "--keep-ttl", "--verify")
    assert copied.code == 0, copied.err
    told = "\n".join(left(copied))
    assert "a: the times of the single elements of l (all have those of the last): does not come along" in told
    assert "a: the times of the single fields of u (all have those of the last): does not come along" in told
    assert "bare: when its rows were written and when they end, which CQL does not tell without values" in told
    assert "hits does not go as it is: its times do not come along" in told
    assert rows(sink, "a") == rows(source, "a")
    assert _run(sink, "SELECT WRITETIME(l), WRITETIME(u), WRITETIME(v) FROM a") == [
        ([2000000] * 3, [2000000] * 2, 1000000)
    ]
    elsewhere = run("copy", url(source), "sqlite:///x.db", "--keep-ttl")
    assert (elsewhere.code, "no value keeps its time to live" in elsewhere.err) == (6, True)


def test_a_copy_with_times_that_was_cut_off_goes_on(keyspaces: Keyspaces) -> None:
    """Nothing is deleted before it is written again: what was deleted later would win over what was written before."""
    source, sink = keyspaces.new(*ROWS), keyspaces.new()
    schema = source.native("a")
    source.keep_times()
    timed = source.native("a")
    assert (timed.key, timed.names) == ((), (*schema.names, "written", "ends"))
    step = next(step for step in source.outline(["a"]).steps if step.stage == "collections")
    sink.take(step, {})
    sink.write(timed, source.scan(timed), alone=True)
    sink.clear(timed, {})
    assert sink.count("a") == 0
    sink.write(timed, source.scan(timed), alone=True)
    assert ends(sink) == ends(source)
