"""drift as a user types it: records, exit codes, and what is refused."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing

import pytest
from command_line import Shell

FIELDS = [
    "left", "right", "collection", "state", "rows", "added", "removed", "changed", "unsettled", "healed",
    "confirmed_at", "verified_through", "schema", "digest", "why", "differences",
]  # fmt: skip
A, B = "shop", "sqlite:///b.db"


@pytest.fixture
def shops(shell: Shell) -> Shell:
    """shop.db, and b.db with the same people."""
    with closing(sqlite3.connect(shell.folder / "shop.db")) as a, closing(sqlite3.connect(shell.folder / "b.db")) as b:
        a.backup(b)
    return shell


def change(shell: Shell, statement: str) -> None:
    with closing(sqlite3.connect(shell.folder / "b.db")) as connection, connection:
        connection.execute(statement)


def test_what_is_the_same_ends_with_0_and_says_through_when(shops: Shell) -> None:
    ran = shops("drift", A, B)
    assert ran.code == 0, ran.err
    record = json.loads(ran.out)
    assert list(record) == FIELDS
    assert (record["left"], record["collection"], record["state"], record["rows"]) == ("shop", "people", "ok", 3)
    assert record["verified_through"].endswith("Z")
    assert record["confirmed_at"] is None


def test_what_drifts_ends_with_1_and_is_told(shops: Shell) -> None:
    change(shops, "update people set age = 8 where id = 3")
    ran = shops("drift", A, B, "--confirm", "100ms")
    assert ran.code == 1
    assert "1 row differs; read again in 0 s" in ran.err
    record = json.loads(ran.out)
    assert record["differences"] == [{"key": {"id": 3}, "change": "changed", "before": {"age": 7}, "after": {"age": 8}}]
    assert (record["state"], record["changed"], record["verified_through"]) == ("drift", 1, None)
    assert shops("drift", A, B, "--ignore", "age").code == 0
    assert shops("drift", "shop.people", "sqlite:///b.db#people", "--where", "id < 3").code == 0
    none_kept = json.loads(shops("drift", A, B, "people", "--confirm", "0", "--limit", "0").out)
    assert (none_kept["changed"], none_kept["differences"]) == (1, [])


def test_a_server_that_does_not_answer_ends_with_3_and_is_on_record(shops: Shell) -> None:
    ran = shops("drift", A, "postgresql://me:secret@127.0.0.1:1/x", "people")
    assert ran.code == 3
    record = json.loads(ran.out)
    assert (record["state"], record["collection"]) == ("cannot tell", "people")
    assert record["why"]
    assert "dbfleet: " in ran.err
    assert "secret" not in ran.err + ran.out


def test_drift_of_one_collection_weighs_more_than_another_that_cannot_be_read(shops: Shell) -> None:
    change(shops, "delete from people where id = 1")
    ran = shops("drift", A, B, "people", "nowhere", "--confirm", "0")
    assert ran.code == 1
    assert "neither side has a collection 'nowhere'" in ran.err
    assert shops("drift", A, B, "nowhere").code == 5


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--settled", "soon"], "no length of time"),
        (["--confirm", "-5s"], "no length of time"),
        (["--settled", "60s:age"], "people.age holds no time"),
        (["--columns", "age", "--ignore", "name"], "only one can choose"),
        (["--where", "nothing = 1"], "no column nothing"),
        (["--limit", "-1"], "less than 0"),
        (["--timeout", "0"], "less than 0.001"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_ends_with_2(shops: Shell, arguments: list[str], text: str) -> None:
    ran = shops("drift", A, B, *arguments)
    assert (ran.code, ran.out) == (2, "")
    assert text in ran.err


def test_collections_are_named_in_one_way(shops: Shell) -> None:
    assert shops("drift", "shop.people", B, "people").code == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_wait(shops: Shell, number: int) -> None:
    change(shops, "delete from people where id = 1")
    with shops.start("drift", A, B, "--confirm", "1h") as child:
        assert child.stderr is not None
        assert b"read again in 3600 s" in child.stderr.readline()
        child.send_signal(number)
        out, _ = child.communicate()
    assert (child.returncode, out) == (128 + number, b"")
