"""The wire double of Oracle: the whole suite passes through it, and it refuses what it does not know."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    from dbfleet import registry
    from dbfleet.fleet import Fleet

    with registry.connect(Fleet.open("double", environ={"DBFLEET_CONFIG": ""}).target(url)) as adapter:
        assert adapter.ping().product == "dbfleet wire double for Oracle"


@pytest.mark.parametrize(
    "statement",
    [
        "select sysdate from dual",
        "select 1 + 1 from dual",
        "select upper('a') from dual",
        "select * from dual",
        "select a from (select 1 a from dual) group by a",
        "select null from dual",
        "create index i on t (a)",
        "begin execute immediate 'drop table t'; end;",
        "select * from user_tables",
        "select 1 from dual union all select 2 from dual",
        "alter session set nls_language = 'GERMAN'",
        "truncate table t",
    ],
)
def test_double_refuses_what_it_does_not_know(url: str, statement: str) -> None:
    import oracledb

    user, _, rest = url.removeprefix("oracle://").partition(":")
    password, _, dsn = rest.partition("@")
    with (
        oracledb.connect(user=user, password=password, dsn=dsn) as connection,
        connection.cursor() as cursor,
        pytest.raises(oracledb.DatabaseError, match=r"ORA-(03001|00900)"),
    ):
        cursor.execute(statement)
