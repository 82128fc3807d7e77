"""MySQL to MySQL and MariaDB to MariaDB: what SHOW CREATE, the server's checksums and its rows say of the copy is what
they say of the source. What is not carried is named, and refused by --strict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dbfleet.target import Target
from tests.zoo.mysql_databases import MySqlDatabases, differing, mysql_databases, zoo
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("mysql", "mariadb")


@pytest.fixture
def dbs(target: Target, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MySqlDatabases]:
    """New databases, which go after the test."""
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    with mysql_databases(target, name) as found:
        yield found


def url(target: Target) -> str:
    return target.url(reveal=True)


def left(ran: Ran) -> list[str]:
    return list(json.loads(ran.err[ran.err.index('{"receipt"') :])["left"])


def test_the_zoo_is_the_same_in_another_database(dbs: MySqlDatabases) -> None:
    source, sink = dbs.new(zoo(mariadb=dbs.mariadb)), dbs.new()
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert not (wrong := differing(sink, source)), wrong
