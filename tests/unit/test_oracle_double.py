"""The wire double of Oracle: the whole suite passes through it, and it refuses what it does not know."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from dbfleet.errors import Unavailable
from dbfleet.values import Column, Schema, Type

ROOT = Path(__file__).parents[2]
SMALL = Schema("lines", (Column("id", Type.INT, False),), ("id",))
sys.path.insert(0, str(ROOT))
from tests.cli.tcp_proxy import Proxy  # noqa: E402
from tests.doubles.filled import contents, fill, opened  # noqa: E402
from tests.doubles.oracle.running import running  # noqa: E402


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running(tmp_path_factory.mktemp("double")) as found:
        yield found


def test_conformance_suite_passes_through_the_double(url: str) -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/conformance",
               "tests/engines/test_oracle.py", "--url", url]  # fmt: skip
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout[-5000:]


def test_double_calls_itself_one(url: str) -> None:
    with opened(url) as adapter:
        assert adapter.ping().product == "dbfleet wire double for Oracle"


_SILENT = """
import os, socket, sys, threading
from dbfleet import registry
from dbfleet.fleet import Fleet
fleet = Fleet.open()
listener = socket.create_server(("127.0.0.1", 0))
silent = fleet.target(f"oracle://u:p@127.0.0.1:{listener.getsockname()[1]}/x")
threading.Thread(target=registry.connect, args=(silent,), kwargs={"timeout_s": 60}, daemon=True).start()
talking, _ = listener.accept()
talking.recv(1)
with registry.connect(fleet.target(sys.argv[1]), timeout_s=10) as adapter:
    print(adapter.ping().version, flush=True)
os._exit(0)
"""


def test_a_host_that_is_silent_keeps_no_other_waiting(url: str) -> None:
    """Also where it is the first that the process connects to."""
    ran = subprocess.run([sys.executable, "-c", _SILENT, url], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout


def test_what_was_committed_outlives_the_process(tmp_path: Path) -> None:
    """Tables with keys, references, comments and all types; not what a client had not committed when it ended."""
    import oracledb

    data = tmp_path / "data"
    with running(tmp_path, data=data) as url, opened(url) as adapter:
        fill(adapter)
        before = contents(adapter)
        adapter.drop("reviews")
        session = connected(url)
        session.cursor().execute('delete from "follows"')
    with suppress(oracledb.Error):
        session.close()
    before.pop("reviews")
    for _ in range(2):
        with running(tmp_path, data=data) as url, opened(url) as adapter:
            assert contents(adapter) == before
            again = Schema("again", (Column("id", Type.INT, False),), ("id",))
            adapter.create(again)
            adapter.write(again, [[(1,)]])
            adapter.drop("again")


def connected(url: str) -> Any:
    import oracledb

    user, _, rest = url.removeprefix("oracle://").partition(":")
    password, _, dsn = rest.partition("@")
    return oracledb.connect(user=user, password=password, dsn=dsn)


def test_ctrl_c_stops_the_statement_and_leaves_the_connection(url: str) -> None:
    before = signal.getsignal(signal.SIGINT)
    with opened(url) as adapter:
        threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
        with pytest.raises(KeyboardInterrupt):
            adapter.query("begin dbms_session.sleep(30); end;")
        adapter.query("begin dbms_session.sleep(1.5); end;").close()  # no haste any more
        assert adapter.ping().product
    assert signal.getsignal(signal.SIGINT) is before


def test_ctrl_c_in_a_snapshot_on_a_dead_line_does_not_wait_for_the_server(url: str) -> None:
    head, _, rest = url.rpartition(":")
    port, _, service = rest.partition("/")
    with opened(url) as adapter:
        adapter.create(SMALL)
        adapter.write(SMALL, [[(number,) for number in range(2000)]])
    with Proxy(int(port)) as proxy:
        adapter = opened(f"{head}:{proxy.port}/{service}")
        interrupting = threading.Timer(0.5, os.kill, (os.getpid(), signal.SIGINT))

        def read() -> None:
            with adapter.snapshot():  # type: ignore[attr-defined]
                batches = adapter.scan(SMALL, batch_size=100)
                next(batches)
                proxy.go_silent()
                interrupting.start()
                list(batches)

        with pytest.raises(KeyboardInterrupt):  # the line stays dead: whoever waits for the server waits for ever
            read()
        with pytest.raises(Unavailable):
            adapter.ping()
        adapter.close()
    with opened(url) as adapter:
        assert adapter.count("lines") == 2000
        adapter.drop("lines")


def test_ctrl_c_in_a_dump_on_a_dead_line_ends_it(url: str, tmp_path: Path) -> None:
    head, _, rest = url.rpartition(":")
    port, _, service = rest.partition("/")
    went_silent = threading.Event()
    with opened(url) as adapter:
        adapter.create(SMALL)

    def stall() -> None:
        proxy.go_silent()
        went_silent.set()

    with Proxy(int(port)) as proxy:
        proxy.after(6500, stall)  # 4500 are the login's
        command = [sys.executable, "-m", "dbfleet", "dump", f"{head}:{proxy.port}/{service}", "-o", str(tmp_path / "d")]
        with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as child:
            assert went_silent.wait(30)
            time.sleep(0.3)
            child.send_signal(signal.SIGINT)
            _, said = child.communicate(timeout=20)
    assert (child.returncode, said) == (130, "dbfleet: interrupted\n")
    with opened(url) as adapter:
        adapter.drop(SMALL.name)


def test_a_copy_there_and_back_brings_indexes_defaults_and_identities(url: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as connection:
        connection.executescript(
            "create table goods (id integer primary key, code varchar(20) unique default 'it''s', note text, "
            "price decimal(12, 2) default -0.25, good boolean default true);"
            "create index goods_price on goods (price, code); create index goods_note on goods (note);"
            "insert into goods (code, note) values ('a', 'x'), ('b', 'y');"
        )
    receipts = [copied(f"sqlite:///{tmp_path}/a.db", url), copied(url, f"sqlite:///{tmp_path}/b.db")]
    came = {
        "unique index goods_code_key (code)", "index goods_price (price, code)", "identity id",
        "default of code: \"it's\"", "default of price: '-0.25'", "default of good: 'true'",
    }  # fmt: skip
    for receipt in receipts:
        (record,) = (each for each in receipt["collections"] if each["collection"] == "goods")
        assert record["same"]
        assert came <= set(record["extras"])
    assert receipts[0]["left"] == ["goods: index goods_note (note): note is a CLOB in Oracle, which takes no index"]
    with opened(url) as adapter:
        adapter.query('insert into "goods" ("code") values (\'c\')').close()
        adapter.drop("goods")


def copied(source: str, sink: str) -> Any:
    """The receipt."""
    command = [sys.executable, "-m", "dbfleet", "copy", source, sink, "--verify", "--yes"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stderr.splitlines()[-1])


@pytest.mark.parametrize(
    "statement",
    [
        "select sysdate from dual",
        "select 1 + 1 from dual",
        "select upper('a') from dual",
        "select * from dual",
        "select a from (select 1 a from dual) group by a",
        "select null from dual",
        "create bitmap index i on t (a)",
        "create index i on t (upper(a))",
        "create sequence s increment by 2",
        "create sequence s increment by 1 minvalue 1 maxvalue 9 nocycle nocache noorder",
        "select case when 1 = 1 then to_date('Monday', 'DAY') end from dual",
        "alter table t add (a number)",
        "alter table t add constraint c primary key (a)",
        "alter table t add check (a > 1)",
        "alter table t modify (a default sysdate)",
        "begin execute immediate 'drop table t'; end;",
        "select * from user_tables",
        "select 1 from dual union all select 2 from dual",
        "alter session set nls_language = 'GERMAN'",
        "truncate table t",
    ],
)
def test_double_refuses_what_it_does_not_know(url: str, statement: str) -> None:
    import oracledb

    with (
        connected(url) as connection,
        connection.cursor() as cursor,
        pytest.raises(oracledb.DatabaseError, match=r"ORA-(03001|00900)"),
    ):
        cursor.execute(statement)
