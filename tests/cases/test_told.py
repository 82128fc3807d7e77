"""What a refusal says: of a value that the closed set does not hold, and of what `--strict` finds would stay behind."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.engines.postgres import describe
from dbfleet.target import Target
from tests.zoo.walk import run


@pytest.mark.engines("postgres")
def test_the_end_of_a_day_is_told_to_be_a_text(target: Target, name: str, tmp_path: Path) -> None:
    with registry.connect(target) as adapter:
        adapter.query(f"create table {name} (id int primary key, at time)").close()
        adapter.query(f"insert into {name} values (1, '24:00:00')").close()
        try:
            ran = run("copy", f"{target.url(reveal=True)}#{name}", f"sqlite:///{tmp_path}/a.db")
            strict = run("copy", f"{target.url(reveal=True)}#{name}", f"sqlite:///{tmp_path}/b.db", "--strict")
        finally:
            adapter.drop(name)
    assert (ran.code, strict.code) == (0, 6)
    assert "as text: infinity, 24:00:00 or a year outside 1 to 9999" in ran.err


@pytest.mark.engines("postgres")
def test_minute_24_of_a_large_table_is_no_end_of_a_day(
    target: Target, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(describe, "_EXACTLY", 0)
    with registry.connect(target) as adapter:
        adapter.query(f"create table {name} (at timestamptz, t timestamp, a time)").close()
        adapter.query(
            f"insert into {name} select d, d, d::time from generate_series(timestamptz '2020-01-01 10:24:00+00', "
            "'2020-01-09 10:24:00+00', '1 hour') d"
        ).close()
        adapter.query(f"analyze {name}").close()
        try:
            assert [column.note for column in adapter.describe(name).columns] == [None] * 3
            adapter.query(f"update {name} set a = '24:00'").close()
            adapter.query(f"analyze {name}").close()
            assert [column.note is None for column in adapter.describe(name).columns] == [True, True, False]
        finally:
            adapter.drop(name)


@pytest.mark.engines("postgres")
@pytest.mark.parametrize("statistics", [False, True])
def test_dates_that_are_none_of_ours_come_along_to_another_postgres(
    target: Target, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, statistics: bool
) -> None:
    if statistics:  # of a large table: it is not read for it
        monkeypatch.setattr(describe, "_EXACTLY", 0)
    url = target.url(reveal=True)
    other = target.with_(database=f"{name}_two").url(reveal=True)
    with registry.connect(target) as adapter:
        adapter.query(
            f"create table {name} (id int primary key, d date, t timestamp(3), z timestamptz, a time)"
        ).close()
        adapter.query(
            f"insert into {name} values (1, 'infinity', '-infinity', 'infinity', '24:00'), "
            "(2, '4713-01-01 BC', '0044-03-15 BC', '20000-01-01 UTC', '12:00'), "
            "(3, '2020-01-01', '2020-01-01', null, null)"
        ).close()
        adapter.query(f"create database {name}_two").close()
        adapter.query(f"analyze {name}").close()
        try:
            assert run("copy", f"{url}#{name}", other, "--verify", "--strict").code == 0
            assert run("diff", f"{url}#{name}", f"{other}#{name}").code == 0
            assert run("dump", url, name, "-o", str(tmp_path / "dump")).code == 0
            assert run("load", other, str(tmp_path / "dump"), "--mode", "replace", "--yes", "--verify").code == 0
            with registry.connect(target.with_(database=f"{name}_two")) as there:
                result = there.query(f"select t from {name} order by id")
                found = [row[0] for batch in result for row in batch]
                natives = [column.native for column in there.describe(name).columns]
        finally:
            adapter.drop(name)
            adapter.query(f"drop database {name}_two with (force)").close()
    assert [str(each) for each in found] == ["-infinity", "0044-03-15 00:00:00 BC", "2020-01-01 00:00:00"]
    assert natives == ["integer", "date", "timestamp(3) without time zone", "timestamp with time zone",
                       "time without time zone"]  # fmt: skip


@pytest.mark.engines("sqlite")
def test_a_key_in_which_rows_hold_null_is_none(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_the_closed_set: None
) -> None:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript(
            "create table t (k text primary key, v int); insert into t values (null, 1), (null, 1), ('a', 3);"
            "create table p (a int, b text not null, primary key (a, b)); insert into p values (null, 'x');"
            "create table i (id integer primary key, v int); insert into i values (null, 1);"
            "create table w (k text primary key) without rowid; insert into w values ('a');"
        )
    source, sink = f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db"
    assert run("copy", source, sink, "--strict").code == 6
    ran = run("copy", source, sink, "--verify")
    assert ran.code == 0
    said = " ".join(ran.err.split())
    assert "t: primary key k, in which rows hold NULL: does not come along" in said
    assert "p: primary key a, b, in which rows hold NULL: does not come along" in said
    assert "i: primary key" not in said
    assert run("diff", source, sink).code == 0
    described = [json.loads(line) for line in run("describe", sink).out.splitlines()]
    assert {each["collection"] for each in described if each["key"]} == {"i", "w"}


@pytest.mark.engines("sqlite")
def test_strict_says_once_that_it_does_not_come_along(
    target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_the_closed_set: None
) -> None:
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript("create table t (id integer primary key, n int check (n > 0) collate nocase)")
    ran = run("copy", f"sqlite:///{tmp_path}/a.db", f"sqlite:///{tmp_path}/b.db", "--strict")
    assert ran.code == 6
    refusal = " ".join(ran.err[ran.err.index("not all of it comes along") :].split())
    assert "t: 1 check" in refusal
    assert "does not come along" not in refusal
