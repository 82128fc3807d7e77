"""What stays behind is told, stands in the receipt and is refused by --strict where the sink's collection was there
before, too: a time to live belongs to the rows, whoever made the table (CASES.md, rows 3 and 5, and their kinds)."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.engines.redis.connect import dialer
from dbfleet.target import Target
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("redis")

TOLD = {
    "string": ("SET {}:1 tok EX 3600", "the time to live of 1 key"),
    "stream": ("XGROUP CREATE {}:1 g $ MKSTREAM", "consumer group g of "),
}


@pytest.fixture
def server(target: Target, name: str) -> Iterator[Any]:
    with registry.connect(target) as adapter:
        yield adapter
        adapter.query(f"DEL {name}:1 {name}:2").close()


@pytest.mark.parametrize("kind", TOLD)
@pytest.mark.parametrize("mode", ["insert", "upsert", "replace"])
def test_what_belongs_to_the_rows_is_told_for_a_table_that_was_there(
    target: Target, server: Any, name: str, kind: str, mode: str
) -> None:
    command, told = TOLD[kind]
    server.query(command.format(name)).close()
    columns = "key text primary key, value text" if kind == "string" else "key text primary key, type text, value json"
    with closing(sqlite3.connect("b.db")) as connection:
        connection.execute(f'create table "{name}" ({columns})')
        if mode != "insert":
            connection.execute(f"insert into \"{name}\"(key) values ('other')")
        connection.commit()
    ends = (f"{target.url(reveal=True)}#{name}", f"sqlite:///b.db#{name}", "--mode", mode, "--yes")
    strict = run("copy", *ends, "--strict")
    assert (strict.code, told in strict.err or kind == "stream") == (6, True), strict  # its json is refused before
    ran = run("copy", *ends, "--verify")
    assert ran.code == 0, ran
    (receipt,) = [json.loads(line) for line in ran.err.splitlines() if line.startswith('{"receipt"')]
    assert told in " ".join(receipt["left"])


def test_what_has_nothing_besides_its_rows_is_exact_enough(target: Target, server: Any, name: str) -> None:
    server.query(f"SET {name}:1 tok").close()
    with closing(sqlite3.connect("b.db")) as connection:
        connection.execute(f'create table "{name}" (key text primary key, value text)')
        connection.commit()
    ends = (f"{target.url(reveal=True)}#{name}", f"sqlite:///b.db#{name}")
    assert run("copy", *ends, "--strict", "--verify").code == 0


def _all(target: Target, commands: list[str]) -> None:
    wire, _ = dialer(target, 10)()
    wire.ask_all([command.split() for command in commands])
    wire.close()


@pytest.mark.parametrize(
    ("sampled", "other", "value"),
    [
        ("string", "RPUSH {}:z a b", ("list", '["a","b"]')),
        ("string", "HSET {}:z f v", ("hash", '{"f":"v"}')),
        ("hash", "SET {}:z tok", ("string", '"tok"')),
        ("list", "SADD {}:z a", ("set", '["a"]')),
    ],
)
def test_a_value_of_another_type_behind_the_sample_is_what_it_is(
    target: Target, server: Any, name: str, sampled: str, other: str, value: tuple[str, str]
) -> None:
    """One key in thousands, into SQLite, by a dump, and compared."""
    one = {"string": "SET {}:{} v", "hash": "HSET {}:{} f v", "list": "RPUSH {}:{} v"}[sampled]
    commands = [one.format(name, number) for number in range(3000)]
    _all(target, [*commands, other.format(name)])
    url = f"{target.url(reveal=True)}#{name}"
    try:
        ran = run("copy", url, f"sqlite:///b.db#{name}", "--verify")
        assert ran.code == 0, ran
        assert run("dump", url, "-o", "d").code == 0
        assert run("load", "sqlite:///c.db", "d", "--verify").code == 0
        assert run("diff", url, f"sqlite:///c.db#{name}").code == 0
        for file in ("b.db", "c.db"):
            with closing(sqlite3.connect(file)) as connection:
                found = connection.execute(f"select type, value from \"{name}\" where key like '%z'").fetchall()
                assert found == [value]
                assert connection.execute(f'select count(*) from "{name}"').fetchone() == (3001,)
    finally:
        _all(target, [f"DEL {name}:{key}" for key in [*range(3000), "z"]])
