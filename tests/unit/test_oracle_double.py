"""The wire double of Oracle: the whole suite passes through it, and it refuses what it does not know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from dbfleet import datasets, registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.examples import wide_rows, wide_schema
from dbfleet.fleet import Fleet
from dbfleet.values import Column, Schema, Type, digest_rows

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))
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


def test_what_was_committed_outlives_the_process(tmp_path: Path) -> None:
    """Tables with keys, references, comments and all types; not what a client had not committed when it ended."""
    import oracledb

    data = tmp_path / "data"
    shop = datasets.load("shop")
    with running(tmp_path, data=data) as url, opened(url) as adapter:
        for schema in shop.schemas():
            adapter.create(schema)
            adapter.write(schema, shop.batches(schema.name, seed=0, rows=50))
        wide = wide_schema("wide", adapter.spec)
        adapter.create(wide)
        adapter.write(wide, [wide_rows(adapter.spec, 60)])
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


def opened(url: str) -> Adapter:
    return registry.connect(Fleet.open("double", environ={"DBFLEET_CONFIG": ""}).target(url))


def contents(adapter: Adapter) -> dict[str, tuple[Schema, str]]:
    schemas = [adapter.describe(name) for name in adapter.collections()]
    return {each.name: (each, str(digest_rows(each.columns, adapter.scan(each)))) for each in schemas}


def connected(url: str) -> Any:
    import oracledb

    user, _, rest = url.removeprefix("oracle://").partition(":")
    password, _, dsn = rest.partition("@")
    return oracledb.connect(user=user, password=password, dsn=dsn)


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
        "alter table t add (a number)",
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
