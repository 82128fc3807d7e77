"""A column that the source's server computed is a plain one of what is made of it: its values are written, and `diff
--sync` goes on writing them. Also where the engine keeps the schema beside the data."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from dbfleet import registry
from dbfleet.target import Target
from tests.zoo.walk import run


@pytest.fixture
def source(target: Target, name: str) -> Iterator[str]:
    """A file with a table of that name; what the target gets of it is dropped."""
    with closing(sqlite3.connect("a.db")) as connection, connection:
        connection.execute(f"create table {name} (id integer primary key, n int, twice int as (n * 2) stored)")
        connection.execute(f"insert into {name} (id, n) values (1, 5), (2, 7)")
    yield f"sqlite:///a.db#{name}"
    with registry.connect(target) as adapter:
        adapter.drop(name)


@pytest.mark.usefixtures("by_the_closed_set")  # from one SQLite file to another it stays generated
@pytest.mark.parametrize("way", ["load", "copy"])
def test_a_generated_column_becomes_a_plain_one(target: Target, name: str, source: str, way: str) -> None:
    url = target.url(reveal=True)
    if way == "load":
        assert run("dump", source, "-o", "a.dump").code == 0
        ran = run("load", url, "a.dump", "--verify")
    else:
        ran = run("copy", source, url, "--verify")
    assert ran.code == 0, ran
    with registry.connect(target) as adapter:
        schema = adapter.describe(name)
        assert [column.name for column in schema.columns if column.generated] == []
        stored = {
            row[schema.names.index("id")]: row[schema.names.index("twice")] for row in adapter.get(schema, [(1,)])
        }
        assert stored == {1: 10}
    assert run("query", "sqlite:///a.db", f"update {name} set n = 50 where id = 1").code == 0
    ran = run("diff", source, f"{url}#{name}", "--sync", "--yes")
    assert run("diff", source, f"{url}#{name}").code == 0, ran
