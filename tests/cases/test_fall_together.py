"""What a narrower column of the sink makes of values (CASES.md, row 6 and 13, and their kinds): keys that fall together
are refused rows, floats that a real would change are refused, blanks that pad a CHAR are none."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.target import Target
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("postgres")


@pytest.fixture
def server(target: Target, name: str) -> Iterator[Any]:
    with registry.connect(target) as adapter:
        yield adapter
        for collection in (name, f"{name}_b"):
            adapter.drop(collection)


def _run(adapter: Any, *statements: str) -> None:
    for statement in statements:
        adapter.query(statement).close()


def _rows(adapter: Any, statement: str) -> list[tuple[Any, ...]]:
    return [row for batch in adapter.query(statement) for row in batch]


def _source(name: str, columns: str, *rows: str) -> str:
    with closing(sqlite3.connect("a.db")) as connection:
        connection.execute(f"create table {name} ({columns})")
        for row in rows:
            connection.execute(f"insert into {name} values ({row})")
        connection.commit()
    return f"sqlite:///a.db#{name}"


TIMES = ("'2024-01-01 00:00:00.000001', 1", "'2024-01-01 00:00:00.000002', 2", "'2024-01-01 00:00:00.001000', 3")


@pytest.mark.parametrize("mode", ["insert", "upsert"])
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_keys_that_fall_together_are_refused_rows(target: Target, server: Any, name: str, mode: str, jobs: str) -> None:
    source = _source(name, "at datetime primary key, v int", *TIMES)
    _run(server, f"create table {name} (at timestamp(3) primary key, v int)")
    if mode == "upsert":
        _run(server, f"insert into {name} values ('2020-01-01', 9), ('2024-01-01', 8)")
    ran = run("copy", source, f"{target.url(reveal=True)}#{name}", "--mode", mode, "--verify", "--jobs", jobs)
    assert ran.code == 5, ran
    told = " ".join(ran.err.split())
    assert "1 of 3 rows were refused" in told
    assert "the key '2024-01-01T00:00:00.000002' is '2024-01-01T00:00:00.000001' to the sink" in told
    (record,) = [json.loads(line) for line in ran.out.splitlines()]
    assert (record["rows"], record["rejected"]) == (2, 1)
    found = _rows(server, f"select at::text, v from {name} where at > '2021-01-01' order by at")
    assert found == [("2024-01-01 00:00:00", 1), ("2024-01-01 00:00:00.001", 3)]


@pytest.mark.parametrize("mode", ["insert", "upsert"])
def test_a_load_of_keys_that_fall_together_is_refused(
    target: Target, server: Any, name: str, folder: Path, mode: str
) -> None:
    (folder / "t.csv").write_text("at,v\n2024-01-01T00:00:00.000001,1\n2024-01-01T00:00:00.000002,2\n")
    _run(server, f"create table {name} (at timestamp(3) primary key, v int)")
    ran = run("load", f"{target.url(reveal=True)}#{name}", "t.csv", "--mode", mode)
    assert (ran.code, _rows(server, f"select count(*) from {name}")) == (5, [(0,)])
    assert "which exists already" in ran.err


def test_the_same_key_twice_in_a_file_is_still_an_upsert_of_the_last(
    target: Target, server: Any, name: str, folder: Path
) -> None:
    (folder / "t.csv").write_text("at,v\n2024-01-01T00:00:00.001,1\n2024-01-01T00:00:00.001,2\n")
    _run(server, f"create table {name} (at timestamp(3) primary key, v int)")
    assert run("load", f"{target.url(reveal=True)}#{name}", "t.csv", "--mode", "upsert").code == 0
    assert _rows(server, f"select v from {name}") == [(2,)]


@pytest.mark.parametrize(
    ("declared", "value", "native", "why"),
    [
        ("double", "0.1234567890123", "real", "keeps floats of 32 bits"),
        ("double", "1e300", "real", "keeps floats of 32 bits"),
        ("decimal(10,4)", "1.2345", "numeric(10,2)", "keeps 2 decimals"),
        ("int", "70000", "smallint", "out of range"),
        ("text", "'abcdef'", "varchar(5)", "too long"),
        ("text", "'ab '", "char(5)", "ends in a blank"),
    ],
)
@pytest.mark.parametrize("way", ["copy", "load"])
def test_a_value_that_a_narrower_column_would_change_is_refused_by_its_column(
    target: Target, server: Any, name: str, folder: Path, declared: str, value: str, native: str, why: str, way: str
) -> None:
    source = _source(name, f"id int primary key, v {declared}", f"1, {value}")
    _run(server, f"create table {name} (id int primary key, v {native})")
    sink = f"{target.url(reveal=True)}#{name}"
    if way == "copy":
        assert "exact or refused" in run("copy", source, sink, "--dry-run").err
        ran = run("copy", source, sink, "--strict")
    else:
        assert run("dump", source, "-o", "d").code == 0
        ran = run("load", target.url(reveal=True), "d")
    assert ran.code == 5, ran
    assert why in ran.err
    assert "column v" in ran.err
    assert _rows(server, f"select count(*) from {name}") == [(0,)]


def test_a_real_takes_what_it_keeps(target: Target, server: Any, name: str) -> None:
    values = ("0.1", "0.5", "16777216.0", "3.4028235e38", "-1e-45", "9e999", "-9e999", "null")
    source = _source(name, "id int primary key, v double", *(f"{n}, {v}" for n, v in enumerate(values)))
    _run(server, f"create table {name} (id int primary key, v real)")
    sink = f"{target.url(reveal=True)}#{name}"
    assert run("copy", source, sink, "--verify", "--strict").code == 0
    assert run("diff", source, sink).code == 0


def test_a_float_is_compared_as_the_real_keeps_it_on_either_side(target: Target, server: Any, name: str) -> None:
    source = _source(name, "id int primary key, v double", "1, 0.10000000149011612", "2, 0.2", "3, 0.3")
    _run(
        server,
        f"create table {name} (id int primary key, v real)",
        f"insert into {name} values (1, 0.1), (2, 0.2), (3, 0.30001)",
    )
    sink = f"{target.url(reveal=True)}#{name}"
    for ends in ((source, sink), (sink, source)):
        ran = run("diff", *ends)
        assert (ran.code, len(ran.out.splitlines())) == (1, 1), ran
        assert "24 bits of precision" in ran.err
        assert json.loads(ran.out)["key"] == {"id": 3}


def test_diff_sync_writes_into_a_real_what_it_keeps(target: Target, server: Any, name: str) -> None:
    source = _source(name, "id int primary key, v double", "1, 0.1234567890123", "2, 0.2")
    _run(server, f"create table {name} (id int primary key, v real)", f"insert into {name} values (1, 0.5)")
    sink = f"{target.url(reveal=True)}#{name}"
    assert run("diff", source, sink, "--sync", "--yes").code == 0
    assert run("diff", source, sink).code == 0
    assert _rows(server, f"select v from {name} order by id") == [(0.12345679,), (0.2,)]


def test_blanks_that_pad_a_char_are_no_difference(target: Target, server: Any, name: str) -> None:
    source = _source(name, "k text primary key, v text", "'a', 'ab'", "'b', 'abcde'", "'c', ''", "'d', null")
    _run(server, f"create table {name} (k char(3) primary key, v char(5))")
    sink = f"{target.url(reveal=True)}#{name}"
    assert run("copy", source, sink, "--verify", "--strict").code == 0
    for ends in ((source, sink), (sink, source)):
        ran = run("diff", *ends)
        assert (ran.code, ran.out) == (0, b""), ran
        assert "blanks at its end are padding" in ran.err
    assert run("dump", sink, "-o", "d").code == 0
    _run(server, f"update {name} set v = 'abc' where k = 'a'")
    ran = run("diff", source, sink)
    assert (ran.code, json.loads(ran.out)["key"]) == (1, {"k": "a"}), ran
    assert run("diff", source, sink, "--sync", "--yes").code == 0
    assert run("diff", source, sink).code == 0


def test_a_char_goes_into_a_char_and_out_of_it(target: Target, server: Any, name: str, folder: Path) -> None:
    """By dbfleet's own types, as the two are not as long; and into a text, with its blanks."""
    _run(
        server,
        f"create table {name} (id int primary key, v char(5))",
        f"insert into {name} values (1, 'ab'), (2, 'abcde'), (3, '')",
        f"create table {name}_b (id int primary key, v char(9))",
    )
    url = target.url(reveal=True)
    assert run("copy", f"{url}#{name}", f"{url}#{name}_b", "--verify").code == 0
    assert _rows(server, f"select octet_length(v) from {name}_b") == [(9,)] * 3
    assert run("diff", f"{url}#{name}", f"{url}#{name}_b").code == 0
    assert run("copy", f"{url}#{name}", f"sqlite:///{folder}/b.db#{name}", "--verify").code == 0
    with closing(sqlite3.connect("b.db")) as connection:
        assert connection.execute(f"select v from {name} order by id").fetchall() == [
            ("ab   ",),
            ("abcde",),
            ("     ",),
        ]
    assert run("diff", f"{url}#{name}_b", f"sqlite:///{folder}/b.db#{name}").code == 0


def test_two_keys_that_differ_in_blanks_are_one_to_a_char(target: Target, server: Any, name: str) -> None:
    source = _source(name, "k text primary key, v int", "'a', 1", "'a   ', 2", "'b', 3")
    _run(server, f"create table {name} (k char(4) primary key, v int)")
    ran = run("copy", source, f"{target.url(reveal=True)}#{name}")
    assert ran.code == 5, ran
    assert "the key 'a   ' is 'a' to the sink" in ran.err
    assert _rows(server, f"select k, v from {name} order by k") == [("a   ", 1), ("b   ", 3)]
