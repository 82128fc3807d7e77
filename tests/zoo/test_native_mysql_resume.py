"""A native copy between two MySQL or MariaDB databases that was killed, in each of its stages, goes on with --resume
and ends as if it had not been. No server calls a test at a statement of DDL, so each stage is held by a lock."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.errors import StatementError
from dbfleet.target import Target
from tests.zoo.mysql_databases import MySqlDatabases, ask, asked, differing, mysql_databases, run_sql, url
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("mysql")  # how a copy goes on is the same for MariaDB, and takes a minute

SOURCE = """
    create table large (id int primary key, small int, v varchar(20), key v (v), check (id > 0),
      constraint named foreign key (small) references small (id) on delete cascade,
      constraint up check (id <> 7000000), foreign key (small) references small (id));
    create table other (id int primary key, w int, key other_w (w));
    create table small (id int auto_increment primary key, e enum('a', 'b') default 'a', at datetime)
      auto_increment=500;
    create table untouched (a int, b text);
    insert into small values (1, 'a', '0000-00-00'), (2, 'b', null), (3, '', null);
    insert into untouched values (1, 'x'), (1, 'x');
    insert into other values (1, 1);
    insert into large with recursive n (id) as (select 0 union all select id + 1 from n where id < 249)
      select a.id * 250 + b.id + 1, b.id % 3 + 1, b.id from n a, n b
"""
HELD_S = 60


@pytest.fixture
def dbs(target: Target, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MySqlDatabases]:
    """New databases, which go after the test."""
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with mysql_databases(target, name) as found:
        yield found


def awaited(what: Callable[[], Any], process: subprocess.Popen[bytes]) -> Any:
    """What it gives at last; the copy must run until then."""
    deadline = time.monotonic() + HELD_S
    while not (found := what()):
        assert process.poll() is None, process.stderr and process.stderr.read()
        if time.monotonic() > deadline:
            pytest.fail("it does not come so far")
        time.sleep(0.001)
    return found


class Watched:
    """A connection to the sink that sees which tables the copy has made, and locks one."""

    def __init__(self, sink: Target, adapter: Any) -> None:
        self._sink, self._adapter = sink, adapter

    def table(self, *columns: str) -> str | None:
        """The table with these columns that the copy has made."""
        names = ", ".join(f"'{each}'" for each in columns)
        rows = asked(self._adapter, "select table_name from information_schema.columns where table_schema = "
                     f"'{self._sink.database}' and (table_name like '\\\\_dbfleet\\\\_new%' or table_name in ('large', "
                     f"'small', 'other')) and column_name in ({names}) group by table_name having count(*) = "
                     f"{len(columns)} order by table_name like '\\\\_dbfleet%' desc")  # fmt: skip
        return rows[0][0] if rows else None

    def held(self, statement: str) -> None:
        asked(self._adapter, statement)


STAGES = ("rows", "index", "reference", "table")


@contextmanager
def hanging(sink: Target, stage: str, command: list[str], *, staged: bool) -> Iterator[subprocess.Popen[bytes]]:
    """Start the copy. Until the end of the block it hangs in this stage."""
    with registry.connect(sink.with_(user="root")) as one, registry.connect(sink.with_(user="root")) as two:
        process = subprocess.Popen(command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        first, second = Watched(sink, one), Watched(sink, two)

        def made(watched: Watched, *columns: str) -> str:
            def there() -> str | None:
                name = watched.table(*columns)
                return name if name and name.startswith("_dbfleet") == staged else None

            return str(awaited(there, process))

        if stage == "table":
            made(first, "id", "w")
            first.held("flush tables with read lock")
        elif stage == "rows":
            first.held(f"lock tables `{made(first, 'id', 'small', 'v')}` read")
        elif stage == "index":
            large = made(first, "id", "small", "v")
            first.held("start transaction")
            first.held(f"select * from `{large}` limit 1")
        else:
            other = made(first, "id", "w")
            first.held("start transaction")
            first.held(f"select * from `{other}` limit 1")
            large = made(second, "id", "small", "v")
            keyed = f"select 1 from information_schema.statistics where table_schema = '{sink.database}' " \
                    f"and table_name = '{large}' and index_name = 'v'"  # fmt: skip
            awaited(lambda: asked(two, keyed), process)
            second.held("start transaction")
            second.held(f"select * from `{large}` limit 1")
            first.held("rollback")
        waiting = "select 1 from information_schema.processlist where state like 'Waiting for %' and db = '{}'"
        with registry.connect(sink.with_(user="root")) as three:
            awaited(lambda: asked(three, waiting.format(sink.database)), process)
            time.sleep(0.2)  # the other worker does what it can
            yield process
            theirs = f"select id from information_schema.processlist where db = '{sink.database}' and user <> 'root'"
            while found := asked(three, theirs):
                for (each,) in found:
                    with contextlib.suppress(StatementError):  # it has ended by itself
                        asked(three, f"kill {each}")


def killed(source: Target, sink: Target, stage: str, *options: str) -> None:
    """Start a copy, wait until it hangs in this stage, and kill it with its workers, and its statements."""
    command = [sys.executable, "-m", "dbfleet", "copy", url(source), url(sink), *options]
    with hanging(sink, stage, command, staged="replace" in options) as process:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert process.stderr is not None
        process.stderr.close()


@pytest.mark.parametrize(("stage", "verify"), [*((stage, ()) for stage in STAGES), ("rows", ("--verify",))])
def test_a_copy_that_was_killed_goes_on(dbs: MySqlDatabases, stage: str, verify: tuple[str, ...]) -> None:
    source, sink = dbs.new("set foreign_key_checks = 0;\n" + SOURCE), dbs.new()
    killed(source, sink, stage, *verify)
    resumed = run("copy", url(source), url(sink), "--resume", *verify)
    assert resumed.code == 0, resumed
    assert not (wrong := differing(sink, source)), wrong
    assert run("copy", url(source), url(sink), "--resume").code == 2, "the journal is gone, and the rows are there"


@pytest.mark.parametrize("stage", ["rows", "reference"])
def test_a_replacement_that_was_killed_goes_on(dbs: MySqlDatabases, stage: str) -> None:
    source, sink = dbs.new(SOURCE), dbs.new(SOURCE)
    run_sql(sink, "delete from large where id > 10;\nalter table large drop key v")
    killed(source, sink, stage, "--mode", "replace", "--yes")
    assert ask(sink, "select count(*) from large") == [(10,)]
    resumed = run("copy", url(source), url(sink), "--resume")
    assert resumed.code == 0, resumed
    assert not (wrong := differing(sink, source)), wrong
    assert ask(sink, "show tables like '\\_dbfleet%'") == []
