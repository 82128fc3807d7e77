"""MySQL to MySQL and MariaDB to MariaDB: what SHOW CREATE, the server's checksums and its rows say of the copy is what
they say of the source. What is not carried is named, and refused by --strict."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.target import Target
from tests.zoo.mysql_databases import MySqlDatabases, ask, differing, mysql_databases, run_sql, told, url, zoo
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("mysql", "mariadb")

MISSING = "does not come along"


@pytest.fixture
def dbs(target: Target, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MySqlDatabases]:
    """New databases, which go after the test."""
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with mysql_databases(target, name) as found:
        yield found


def receipt(ran: Ran) -> dict[str, Any]:
    return dict(json.loads(ran.err[ran.err.index('{"receipt"') :]))


def left(ran: Ran) -> list[str]:
    return list(receipt(ran)["left"])


def emptied(database: Target) -> None:
    names = [name for name, kind in ask(database, "show full tables") if kind != "SEQUENCE"]
    run_sql(database, *("delete from `{}`".format(name.replace("`", "``")) for name in names))


# --- a copy ---------------------------------------------------------------------------------------------------------


def test_the_zoo_is_the_same_in_another_database(dbs: MySqlDatabases) -> None:
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source)), wrong
    assert all(each["native"] for each in receipt(copied)["collections"])
    compared = run("diff", url(source), url(sink))
    assert (compared.code, compared.err) == (0, ""), compared
    past = ": the rows of the past, and since when its rows are as they are: do not come along"
    assert left(copied) == ([f"versions{past}", f"versions2{past}"] if dbs.mariadb else [])


def test_the_zoo_takes_the_place_of_what_is_there(dbs: MySqlDatabases) -> None:
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new(zoo(mariadb=dbs.mariadb))
    run_sql(sink, "delete from chi;\ndelete from par;\nupdate texts set c = 'zz';\ndrop table by_key;\n"
                  "alter table keyed drop key u;\nalter table computed drop column hid")  # fmt: skip
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source)), wrong


def test_rows_go_as_they_are_into_tables_that_are_there(dbs: MySqlDatabases) -> None:
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new(zoo(mariadb=dbs.mariadb))
    emptied(sink)
    filled = run("copy", url(source), url(sink), "--verify")
    assert filled.code == 0, filled
    assert all(each["native"] for each in receipt(filled)["collections"])
    assert not (wrong := differing(sink, source)), wrong
    run_sql(sink, CHANGES, "delete from bare")
    merged = run("copy", url(source), url(sink), *CHANGED, "--mode", "upsert", "--verify")
    assert merged.code == 0, merged
    assert run("copy", url(source), url(sink), "bare").code == 0
    assert not (wrong := differing(sink, source)), wrong


CHANGED = ("numbers", "texts", "times", "by_range", "by_enum", "computed")
CHANGES = """
    update numbers set f = 0.2, bit7 = b'1', bu = 1, x = 0.5, f2 = 1, y = 2000, dz = 4, bit64 = 1, iu = 3, d = 1
      where id < 8;
    delete from numbers where id > 8;
    update texts set e = 'x)y,z', cp = 'я', sj = 'x', gb = 'y', e0 = '', ls = null, vb = null, s = '', j = '1'
      where c <> 'x';
    update times set t0 = null, ts = '2001-01-01', n = 8, t = '01:00', dt = '2020-01-01', d = '0000-00-00';
    delete from by_range where id = 1;
    update by_enum set f = 3 where k <> 'm';
    update computed set hid = 99
"""


def test_rows_go_by_the_closed_set_into_a_table_of_other_types(dbs: MySqlDatabases) -> None:
    source = dbs.new("create table t (id int primary key, v varchar(5), n int);\ninsert into t values (1, 'x', 2)")
    sink = dbs.new("create table t (id bigint primary key, v text, n decimal(9), more int default 7)")
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "select * from t") == [(1, "x", 2, 7)]


@pytest.mark.parametrize("option", ["lines", "local_infile"])
def test_every_way_of_writing_stores_the_same(dbs: MySqlDatabases, option: str) -> None:
    """Without a digest the rows go as lines; where the server takes no LOCAL files they go by INSERT."""
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new()
    to = sink if option == "lines" else replace(sink, options={**sink.options, "local_infile": "off"})
    copied = run("copy", url(source), url(to))
    assert copied.code == 0, copied
    assert "native, by lines" in copied.err
    assert not (wrong := differing(sink, source)), wrong


MODE = "ANSI,STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH"


def test_the_server_s_own_mode_changes_nothing(dbs: MySqlDatabases, target: Target) -> None:
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new()
    root = target.with_(user="root")
    ((before,),) = ask(root, "select @@global.sql_mode")
    run_sql(root, f"set global sql_mode = '{MODE}'")
    try:
        copied = run("copy", url(source), url(sink), "--verify")
        same = run("diff", f"{url(source)}#times", f"{url(sink)}#times")
        by_key = run("diff", f"{url(source)}#by_enum", f"{url(sink)}#by_enum")
    finally:
        run_sql(root, f"set global sql_mode = '{before}'")
    assert (copied.code, same.code, by_key.code) == (0, 0, 0), (copied, same, by_key)
    assert not (wrong := differing(sink, source)), wrong


BESIDE = """
    create table par (id int primary key);
    create table {0} (id int auto_increment primary key, v varchar(9) unique, p int, n int, check (n > 0), key p (p),
      constraint {1} check (n <> 7), constraint {2} foreign key (p) references par (id),
      foreign key (p) references par (id) on delete cascade)
"""


def test_a_copy_under_another_name_beside_its_source(dbs: MySqlDatabases) -> None:
    database, same = dbs.new(BESIDE.format("t", "seven", "up")), "seven" if dbs.mariadb else "seven_1"
    expected = dbs.new(BESIDE.format("t2", same, "up_1"))
    for mode in ("insert", "replace"):
        copied = run("copy", f"{url(database)}#t", f"{url(database)}#t2", "--mode", mode, "--yes", "--verify")
        assert copied.code == 0, copied
        found = [line for line in told(database) if line.startswith("t2: ")]
        assert sorted(found) == sorted(line for line in told(expected) if line.startswith("t2: "))


def test_a_step_that_may_have_been_taken_is_not_taken_twice(dbs: MySqlDatabases) -> None:
    database = dbs.new(BESIDE.format("t", "seven", "up"))
    with registry.connect(database) as adapter:
        steps = adapter.outline(["t"]).steps  # type: ignore[attr-defined]
        later = [step for step in steps if step.stage in ("keys", "references")]
        assert [adapter.take(step, {}, again=True) for step in later] == [False] * 3  # type: ignore[attr-defined]


def test_names_that_are_taken_in_the_sink_are_told(dbs: MySqlDatabases) -> None:
    source = dbs.new("create table p (id int primary key);\ncreate table t (p int, constraint up foreign key (p) "
                     "references p (id))")  # fmt: skip
    sink = dbs.new("create table q (id int primary key);\ncreate table u (q int, constraint up foreign key (q) "
                   "references q (id))")  # fmt: skip
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert any("up is taken in the sink" in text for text in left(copied)), left(copied)
    assert "CONSTRAINT `up_1` FOREIGN KEY (`p`) REFERENCES `p` (`id`)" in "\n".join(told(sink))


# --- what does not come -----------------------------------------------------------------------------------------------

AROUND = """
    create table par (id int primary key, a int);
    insert into par values (1, 2);
    create table chi (id int primary key, p int, foreign key (p) references par (id));
    create view z_first as select chi.id, par.a from chi join par on par.id = chi.p;
    create view a_second as select * from z_first where id > 0 with cascaded check option;
    create trigger trg before insert on par for each row set new.a = new.a;
    create procedure pr() select 1;
    create function fu() returns int deterministic return 1;
    create event ev on schedule every 1 day do select 1;
    create table gone (id int);
    create view broken as select * from gone;
    drop table gone
"""


def test_what_is_not_carried_is_named_and_refused_by_strict(dbs: MySqlDatabases) -> None:
    source, sink = dbs.new(AROUND), dbs.new()
    refused = run("copy", url(source), url(sink), "--strict")
    assert refused.code == 6, refused
    assert ask(sink, "show tables") == []
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    said = [text for text in left(copied) if not text.startswith("view broken, which cannot be read: ")]
    assert sorted(said) == sorted(
        f"{each}: {MISSING}"
        for each in ("par: trigger trg", "view a_second", "view z_first", "function fu", "procedure pr", "event ev")
    )
    assert len(left(copied)) == len(said) + 1
    assert ask(sink, "select * from par") == [(1, 2)]


def test_views_go_as_views(dbs: MySqlDatabases) -> None:
    source, sink = dbs.new(AROUND), dbs.new()
    copied = run("copy", url(source), url(sink), "par", "chi", "a_second", "z_first", "--views", "--verify")
    assert copied.code == 0, copied
    assert left(copied) == [f"par: trigger trg: {MISSING}"]
    run_sql(source, "drop view broken")
    assert not (wrong := differing(sink, source, views=True)), wrong


def test_a_view_that_cannot_be_made_is_named(dbs: MySqlDatabases) -> None:
    copied = run("copy", url(dbs.new(AROUND)), url(dbs.new()), "z_first", "--views", "--verify")
    assert copied.code == 0, copied
    (said,) = left(copied)
    assert said.startswith("view z_first: ")
    assert said.endswith(MISSING)


def test_a_reference_to_what_is_not_in_the_sink_is_named(dbs: MySqlDatabases) -> None:
    source, alone = dbs.new(AROUND), dbs.new()
    copied = run("copy", url(source), url(alone), "chi", "--verify")
    assert copied.code == 0, copied
    assert left(copied) == [f"chi: foreign key chi_ibfk_1: par is not in the sink: {MISSING}"]


def test_a_reference_that_leads_nowhere_is_not_made(dbs: MySqlDatabases) -> None:
    """The server would take it: it does not look at the rows when it makes one quickly."""
    source, sink = dbs.new(AROUND), dbs.new("create table par (id int primary key, a int)")
    run_sql(source, "insert into chi values (1, 1)")
    copied = run("copy", url(source), url(sink), "chi", "--verify")
    assert copied.code == 5, copied
    assert "which no row of par has" in copied.err


def test_what_the_sink_has_not_lets_a_table_go_by_the_closed_set(
    dbs: MySqlDatabases, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dbfleet.engines._mysql.native import needs

    source = dbs.new("create table t (id int primary key, v varchar(9) collate utf8mb4_swedish_ci) engine=MyISAM;\n"
                     "insert into t values (1, 'x')")  # fmt: skip
    with registry.connect(source) as adapter:
        steps = adapter.outline(["t"]).steps  # type: ignore[attr-defined]
        assert {"storage engine MyISAM", "collation utf8mb4_swedish_ci"} <= {step.words for step in steps}
        assert adapter.lacking(steps) == {}  # type: ignore[attr-defined]
    there = needs._collations
    monkeypatch.setattr(needs, "_collations", lambda *asked: there(*asked) - {"utf8mb4_swedish_ci"})
    sink = dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    why = "t does not go as it is: it needs collation utf8mb4_swedish_ci, which is not on the server"
    assert any(text.startswith(why) for text in left(copied)), left(copied)
    assert ask(sink, "select * from t") == [(1, "x")]


# --- diff, sync, dump ----------------------------------------------------------------------------------------------


def differences(a: Target, b: Target, *options: str) -> list[dict[str, Any]]:
    ran = run("diff", url(a), url(b), *options)
    assert ran.code in (0, 1), ran
    return [json.loads(line) for line in ran.out.splitlines()]


def test_what_the_closed_set_cannot_say_differs(dbs: MySqlDatabases) -> None:
    script = """
        create table t (id int primary key, d datetime, t time, x double, e enum('', 'a'), b bit(3));
        insert into t values (1, '0000-00-00', '25:00:00', 0, '', b'1'), (2, '2020-01-01', '01:00', 1, 'a', b'1')"""
    a, b = dbs.new(script), dbs.new(script)
    assert differences(a, b) == []
    run_sql(b, "update t set d = '2024-00-00', t = '-01:00:00', x = -0e0, e = 0, b = 5 where id = 1;\n"
               "update t set d = '2021-01-01', x = 2 where id = 2")  # fmt: skip
    first, second = differences(a, b)
    zeros: list[dict[str, Any]] = [{}, {}] if dbs.mariadb else [{"x": "0"}, {"x": "-0"}]  # MariaDB has no -0
    assert first["before"] == {"d": "0000-00-00 00:00:00", "t": "25:00:00", "e": 1, "b": 1} | zeros[0]
    assert first["after"] == {"d": "2024-00-00 00:00:00", "t": "-01:00:00", "e": 0, "b": 5} | zeros[1]
    assert (second["before"], second["after"]) == (
        {"d": "2020-01-01T00:00:00", "x": 1},
        {"d": "2021-01-01T00:00:00", "x": 2},
    )


@pytest.mark.parametrize("way", ["written", "statements"])
def test_sync_keeps_every_value(dbs: MySqlDatabases, way: str) -> None:
    a, b = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new(zoo(mariadb=dbs.mariadb))
    run_sql(b, CHANGES, "insert into by_enum values ('a', '0000-00-00', 'x', 1)")
    for name in CHANGED:
        pair = (f"{url(a)}#{name}", f"{url(b)}#{name}")
        assert run("diff", *pair).code == 1, name
        if way == "written":
            synced = run("diff", *pair, "--sync", "--yes")
            assert synced.code == 0, synced
        else:
            run_sql(b, run("diff", *pair, "--sync").out.decode())
    assert not (wrong := differing(b, a)), wrong


def test_a_sync_that_sets_another_column_leaves_the_touched_one(dbs: MySqlDatabases) -> None:
    script = """create table t (id int primary key, created datetime default current_timestamp, n int,
        at timestamp(3) not null default current_timestamp(3) on update current_timestamp(3));
        insert into t values (1, '2020-01-01', 1, '2020-01-01')"""
    a, b = dbs.new(script), dbs.new(script)
    run_sql(b, "update t set n = 2, at = '2020-01-01'")
    printed = run("diff", url(a), url(b), "--sync").out.decode()
    run_sql(b, printed)
    assert not (wrong := differing(b, a)), (wrong, printed)
    run_sql(b, "update t set n = 2, created = now(), at = '2020-01-01'")
    assert run("diff", url(a), url(b), "--sync", "--yes").code == 0
    assert not (wrong := differing(b, a)), wrong


@pytest.mark.parametrize("format", ["jsonl", "csv"])
def test_a_native_dump_is_the_same_database_again(dbs: MySqlDatabases, tmp_path: Path, format: str) -> None:
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new()
    dumped = run("dump", url(source), "--native", "-o", str(tmp_path / "dump"), "--format", format)
    assert dumped.code == 0, dumped
    for mode in ("insert", "replace"):
        loaded = run("load", url(sink), str(tmp_path / "dump"), "--verify", "--mode", mode, "--yes")
        assert loaded.code == 0, loaded
        assert not (wrong := differing(sink, source)), wrong


def test_elsewhere_a_native_dump_is_read_by_the_closed_set(dbs: MySqlDatabases, tmp_path: Path) -> None:
    source = dbs.new("""
        create table t (id bigint unsigned primary key, d date, b bit(64), e enum('a'), f float, at timestamp);
        insert into t values (18446744073709551615, '2020-02-03', b'101', 'a', 0.5, '2020-02-03 01:02:03')""")
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    loaded = run("load", f"sqlite:///{tmp_path}/x.db", str(tmp_path / "dump"), "--verify")
    assert loaded.code == 0, loaded
    assert run("copy", url(source), f"sqlite:///{tmp_path}/y.db", "--verify").code == 0
    rows = []
    for name in ("x", "y"):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as connection:
            rows.append(connection.execute("select id, d, b, e, f, at from t").fetchall())
    assert rows[0] == rows[1]


def test_a_native_digest_is_that_of_the_copy_s_receipt(dbs: MySqlDatabases) -> None:
    a, b = dbs.new("create table t (id int primary key, d date);\ninsert into t values (1, '0000-00-00')"), dbs.new()
    (entry,) = receipt(run("copy", url(a), url(b), "--verify"))["collections"]
    for target in (a, b):
        (record,) = [json.loads(line) for line in run("digest", url(target), "--native").out.splitlines()]
        assert record["digest"] == entry["digest"]
    run_sql(b, "update t set d = '2024-00-00'")
    (record,) = [json.loads(line) for line in run("digest", url(b), "--native").out.splitlines()]
    assert record["digest"] != entry["digest"]


def test_a_load_that_is_refused_leaves_nothing(dbs: MySqlDatabases, tmp_path: Path) -> None:
    source = dbs.new(zoo(mariadb=dbs.mariadb))
    sink = dbs.new("create table other (id int)")
    assert run("dump", url(source), "--native", "-o", str(tmp_path / "dump")).code == 0
    file = tmp_path / "dump/times.jsonl"
    file.write_text(file.read_text("utf-8").replace("838:59:59", "a span"), "utf-8")
    before = told(sink)
    assert run("load", url(sink), str(tmp_path / "dump")).code != 0
    assert told(sink) == before
