"""The wire double of SQL Server: the whole suite passes through it, and it refuses what it does not know."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, StatementError
from dbfleet.values import Column, Schema, Type

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
from tests.doubles.filled import contents, fill, opened  # noqa: E402
from tests.doubles.sqlserver.running import running  # noqa: E402


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("double")) as found:
        yield found


@pytest.fixture(scope="module")
def adapter(url: str) -> Iterator[Adapter]:
    with opened(url) as found:
        run(found, "create table dbo.t (id bigint not null, k nvarchar(9) collate Latin1_General_100_BIN2 not null, "
                   "v nvarchar(9) null, d decimal(9,2) null, primary key (id))")  # fmt: skip
        run(found, "insert into dbo.t (id, k, v, d) values (1, N'k', N'v', 1.5)")
        run(found, "create index [by_v] on [dbo].[t] ([v])")
        yield found


def run(adapter: Adapter, statement: str) -> list[object]:
    with adapter.query(statement) as result:
        return [row for batch in result for row in batch]


def code(adapter: Adapter, statement: str) -> str | None:
    with pytest.raises(StatementError) as caught:
        run(adapter, statement)
    return caught.value.code


def test_conformance_suite_passes_through_the_double(url: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance",
               "tests/engines/test_sqlserver.py", "--url", url]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


def test_indexes_and_defaults_go_there_and_back_in_a_copy(tmp_path: Path, url: str) -> None:
    made, back = tmp_path / "made.db", tmp_path / "back.db"
    with closing(sqlite3.connect(made)) as connection:
        connection.executescript(
            "create table there_and_back (id integer primary key, code varchar(20), n integer not null default 7);"
            "create unique index by_code on there_and_back (code, n);"
            "create index by_n on there_and_back (n, id);"
            "insert into there_and_back values (41, 'x', 1), (3, null, 2), (4, null, 2)"
        )
    command = [sys.executable, "-m", "dbfleet", "copy"]
    environ = {**os.environ, "DBFLEET_STATE_DIR": str(tmp_path), "DBFLEET_CONFIG": ""}
    for source, sink in ((f"sqlite:///{made}", url), (url, f"sqlite:///{back}")):
        done = subprocess.run([*command, source, sink, "there_and_back", "--yes", "--verify"], cwd=ROOT, env=environ,
                              capture_output=True, text=True, timeout=100, check=False)  # fmt: skip
        assert done.returncode == 0, done.stderr
        for each in ("unique index by_code (code, n)", "index by_n (n, id)", "identity id", "default of n: '7'"):
            assert f'"{each}"' in done.stderr
    with closing(sqlite3.connect(back)) as connection, pytest.raises(sqlite3.IntegrityError):
        connection.execute("insert into there_and_back (id, code, n) values (5, 'x', 1)")


def test_what_was_committed_outlives_the_process(tmp_path: Path) -> None:
    """Databases, tables with keys, references and all types; not what no client had committed at the end."""
    data = tmp_path / "data"
    with running(tmp_path, data=data) as url, opened(url) as adapter:
        fill(adapter)
        before = contents(adapter)
        adapter.drop("reviews")
        for _ in range(2):
            run(adapter, "if db_id('other') is null create database other")
        session = opened(url)
        run(session, "begin transaction; delete from follows")
    session.close()
    before.pop("reviews")
    for _ in range(2):
        with running(tmp_path, data=data) as url:
            with opened(url) as adapter:
                assert contents(adapter) == before
                again = Schema("again", (Column("id", Type.INT, False),), ("id",))
                adapter.create(again)
                adapter.write(again, [[(1,)]])
                adapter.drop("again")
                assert run(adapter, "select db_id('other') as n") == [(3,)]
            with opened(url.replace("/dbfleet", "/other")) as adapter:
                assert list(adapter.collections()) == []


def test_a_database_that_was_half_made_is_made_anew(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(tmp_path, data=data):
        pass
    sqlite3.connect(data / "7.sqlite").execute("create table t (a)").connection.close()
    with running(tmp_path, data=data) as url, opened(url) as adapter:
        assert not (data / "7.sqlite").exists()
        assert list(adapter.collections()) == []


def test_double_calls_itself_one(adapter: Adapter) -> None:
    assert adapter.ping().product == "dbfleet wire double for SQL Server"


@pytest.mark.parametrize(
    "statement",
    [
        "select getdate() as now",
        "select 1 + 1 as two",
        "select upper(v) as v from dbo.t",
        "select v from dbo.t group by v",
        "select v from dbo.t order by v",
        "select * from dbo.t for json path",
        "select * from dbo.t where v like N'a%'",
        "select * from dbo.t where v > N'a'",
        "select * from dbo.t with (nolock)",
        "select distinct v from dbo.t",
        "select * from dbo.t cross join dbo.t as u",
        "select 1 as a union all select 2",
        "with c as (select 1 as a) select a from c",
        "select case when 1 = 1 then 1 else 0 end as a",
        "select @@rowcount as n",
        "select serverproperty('Edition') as e",
        "select * from sys.sysprocesses",
        "select cast(N'abcdef' as nvarchar(3)) as cut",
        "select * from openjson(N'{}') with (a int '$.a')",
        "insert into dbo.t select * from dbo.t",
        "insert into dbo.t (id, k) output inserted.id values (5, N'x')",
        "merge into dbo.t using dbo.t as s on 1 = 1 when matched then delete",
        "create table #t (a int)",
        "create table dbo.u (a money)",
        "create table dbo.u (a int null check (a > 0))",
        "create table dbo.u (a int null, b as (a * 2))",
        "create table dbo.u (a rowversion null)",
        "alter table [dbo].[t] with nocheck add foreign key ([id]) references [dbo].[t] ([id])",
        "alter table [dbo].[t] add unique nonclustered ([v])",
        "alter table [dbo].[t] add constraint [c] check ([d] > 0)",
        "create type [dbo].[y] from int not null",
        "create partition function [f] (int) as range left for values (1)",
        "exec sys.sp_addextendedproperty N'a', N'b', N'SCHEMA', N'dbo', N'TABLE', N't', N'INDEX', N'by_v'",
        "dbcc checkident (N'[dbo].[t]')",
        "create table dbo.u (a uuid)",
        "create index i on dbo.t (v)",
        "create index [i] on [dbo].[t] ([v]) where [id] > 5",
        "create unique index [i] on [dbo].[t] ([v])",
        "create clustered index [i] on [dbo].[t] ([v])",
        "alter table [dbo].[t] add default newid() for [v]",
        "alter table [dbo].[t] add default (N'x') for [v]",
        "alter table [dbo].[t] add default N'a' + N'b' for [v]",
        "alter table [dbo].[t] add constraint [c] default N'x' for [v]",
        "create sequence [dbo].[s]",
        "create sequence [dbo].[s] as bigint start with 1 increment by 2",
        "drop sequence [dbo].[s]",
        "select next value for [dbo].[s] as n",
        "select max(v) as v from dbo.t",
        "create view dbo.w as select 1 as a",
        "alter table dbo.t add x int",
        "truncate table dbo.t",
        "if 1 = 1 select 1 as a",
        "while 1 = 1 print 'x'",
        "begin try select 1 as a end try begin catch end catch",
        "exec sp_who",
        "save transaction x",
        "waitfor time '10:00'",
    ],
)
def test_what_the_double_does_not_know_is_refused(adapter: Adapter, statement: str) -> None:
    with pytest.raises(DbfleetError):
        run(adapter, statement)
    assert run(adapter, "select count(*) as n from dbo.t") == [(1,)]


@pytest.mark.parametrize(
    ("statement", "number"),
    [
        ("select * from dbo.nowhere", "208"),
        ("select nothing from dbo.t", "207"),
        ("select x.id from dbo.t", "4104"),
        ("select id from dbo.t as a inner join dbo.t as b on a.id = b.id", "209"),
        ("select * from dbo.t where k = v", "468"),
        ("select @n as n", "137"),
        ("select cast(N'x' as bigint) as n", "245"),
        ("select cast(N'x' as decimal(9,2)) as n", "8114"),
        ("select cast(N'12345678.5' as decimal(9,2)) as n", "8115"),
        ("select cast(N'2024-02-30' as date) as d", "241"),
        ("select cast(N'x' as uniqueidentifier) as u", "8169"),
        ("select from dbo.t", "156"),
        ("selec 1", "102"),
        ("select 'x", "105"),
        ("create table dbo.t (a int null)", "2714"),
        ("create table dbo.u (a int null, A int null)", "2705"),
        ("create table nowhere.u (a int null)", "2760"),
        ("create table dbo.u (a nvarchar(max) not null, primary key (a))", "1919"),
        ("create table dbo.u (a int null, foreign key (a) references dbo.t (id))", "1778"),
        ("create table dbo.u (a int null, foreign key (a) references dbo.nowhere (id))", "1767"),
        ("insert into dbo.t (id, k) values (1, N'x')", "2627"),
        ("insert into dbo.t (id, k) values (2, NULL)", "515"),
        ("insert into dbo.t (id) values (2)", "515"),
        ("insert into dbo.t (id, k) values (2, N'0123456789')", "2628"),
        ("drop table dbo.nowhere", "3701"),
        ("create index [by_v] on [dbo].[t] ([id])", "1913"),
        ("create index [i] on [dbo].[nowhere] ([v])", "1088"),
        ("create index [i] on [dbo].[t] ([nothing])", "207"),
        ("alter table [dbo].[nowhere] add default 1 for [v]", "4902"),
        ("alter table [dbo].[t] add default next value for [dbo].[s] for [id]", "208"),
        ("alter table [dbo].[t] drop constraint [nothing]", "3728"),
        ("alter table [dbo].[t] add primary key clustered ([id])", "1779"),
        ("set identity_insert dbo.t on", "8106"),
        ("dbcc checkident (N'[dbo].[t]', reseed, 5)", "7997"),
        ("create sequence [dbo].[t] as bigint start with 1", "2714"),
        ("create sequence [nowhere].[s] as bigint start with 1", "2760"),
        ("commit", "3902"),
        ("rollback", "3903"),
        ("use nowhere", "911"),
        ("exec nothing", "2812"),
        ("kill 9999", "6106"),
    ],
)
def test_errors_have_the_servers_numbers(adapter: Adapter, statement: str, number: str) -> None:
    assert code(adapter, statement) == number


def test_blanks_at_the_end_of_a_text_are_nothing(adapter: Adapter) -> None:
    assert run(adapter, "select id from dbo.t where k = N'k   '") == [(1,)]
    assert run(adapter, "select id from dbo.t where k = N'K'") == []
    assert run(adapter, "select id from dbo.t where v = N'V '") == [(1,)]


def test_indexes_defaults_and_sequences_hold(adapter: Adapter) -> None:
    run(adapter, "create table dbo.x (id bigint not null, v nvarchar(9) null, primary key (id))")
    try:
        run(adapter, "create sequence [dbo].[s] as bigint start with 5")
        run(adapter, "alter table [dbo].[x] add default next value for [dbo].[s] for [id]")
        run(adapter, "alter table [dbo].[x] add default N'it''s' for [v]")
        assert code(adapter, "alter table [dbo].[x] add default N'y' for [v]") == "1781"
        assert code(adapter, "drop sequence if exists [dbo].[s]") == "3729"
        run(adapter, "insert into dbo.x (v) values (N'own')")
        run(adapter, "insert into dbo.x (id) values (1)")
        assert run(adapter, "select * from dbo.x order by id") == [(1, "it's"), (5, "own")]
        run(adapter, "create unique index [u] on [dbo].[x] ([v]) where [v] is not null")
        assert code(adapter, "insert into dbo.x (id, v) values (2, N'OWN')") == "2601"
        assert code(adapter, "insert into dbo.x (id, v) values (1, N'z')") == "2627"
        run(adapter, "insert into dbo.x (id, v) values (2, NULL)")
        run(adapter, "insert into dbo.x (id, v) values (3, NULL)")
        run(adapter, "insert into dbo.t (id, k, v) values (2, N'l', N'V ')")
        assert code(adapter, "create unique index [u] on [dbo].[t] ([v]) where [v] is not null") == "1505"
    finally:
        run(adapter, "delete from dbo.t where id = 2")
        run(adapter, "drop table dbo.x")
        run(adapter, "drop sequence if exists [dbo].[s]")


def test_transaction_is_rolled_back_whole(adapter: Adapter) -> None:
    run(adapter, "begin transaction")
    run(adapter, "insert into dbo.t (id, k) values (7, N'x')")
    assert code(adapter, "insert into dbo.t (id, k) values (7, N'x')") == "2627"
    assert run(adapter, "select count(*) as n, @@trancount as t from dbo.t") == [(2, 1)]
    run(adapter, "rollback")
    assert run(adapter, "select count(*) as n, @@trancount as t from dbo.t") == [(1, 0)]
