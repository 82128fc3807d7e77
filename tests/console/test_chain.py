"""The chain: whatever is done to it shows."""

from __future__ import annotations

import threading

import psycopg
import pytest
from console_servers import WEB_PASSWORD, Console
from django.db import connection, connections
from django.db.utils import Error as DatabaseError

from dbfleet.console import chain
from dbfleet.console.desk import Desk
from dbfleet.console.models import Entry, Receipt


def write(count: int) -> None:
    for number in range(count):
        chain.receipt({"number": number, "text": "a\0b \ud83d ü"}, who="me", kind="copy", target="a", same=True, rows=3)


def tamper(statement: str) -> None:
    """As somebody who has the owner's account and knows about the trigger."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(statement)
        cursor.execute("SET session_replication_role = origin")


def test_a_chain_that_nobody_touched_is_whole(desk: Desk) -> None:
    assert desk.verify() == {"ok": True, "entries": 0, "head": chain.START, "wrong": None, "why": None}
    write(5)
    found = desk.verify()
    assert found["ok"]
    assert found["entries"] == 5
    assert found["head"] == Entry.objects.get(seq=5).hash


@pytest.mark.parametrize(
    ("statement", "wrong"),
    [
        ("UPDATE console_entry SET body = replace(body, '\"number\":2', '\"number\":7') WHERE seq = 3", 3),
        ("UPDATE console_entry SET who = 'you' WHERE seq = 1", 1),
        ("UPDATE console_entry SET at = at + interval '1 microsecond' WHERE seq = 4", 4),
        ("UPDATE console_entry SET hash = repeat('0', 64) WHERE seq = 2", 2),
        ("DELETE FROM console_receipt WHERE entry_id = 2; DELETE FROM console_entry WHERE seq = 2", 2),
        ("UPDATE console_receipt SET same = false WHERE entry_id = 3", 3),
        ("UPDATE console_receipt SET kind = 'load' WHERE entry_id = 5", 5),
    ],
)
def test_the_first_entry_that_does_not_fit_is_named(desk: Desk, statement: str, wrong: int) -> None:
    write(5)
    tamper(statement)
    found = desk.verify()
    assert not found["ok"]
    assert found["wrong"] == wrong
    assert str(wrong) in found["why"]


def test_an_entry_that_is_rewritten_with_a_right_hash_breaks_the_next_one(desk: Desk) -> None:
    write(3)
    entry = Entry.objects.get(seq=2)
    entry.who = "you"
    entry.hash = chain.hash_of(entry)
    tamper(f"UPDATE console_entry SET who = 'you', hash = '{entry.hash}' WHERE seq = 2")
    assert desk.verify()["wrong"] == 3


def test_that_the_end_was_cut_off_shows_by_a_head_that_was_written_down(desk: Desk) -> None:
    write(4)
    head = desk.verify()["head"]
    tamper("DELETE FROM console_receipt WHERE entry_id = 4; DELETE FROM console_entry WHERE seq = 4")
    assert desk.verify()["ok"]
    assert desk.verify(head)["wrong"] == 4


def test_entries_that_come_at_once_make_one_chain(desk: Desk) -> None:
    def run() -> None:
        write(10)
        connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert desk.verify()["entries"] == 50
    assert desk.verify()["ok"]


@pytest.mark.parametrize(
    "statement", ["UPDATE console_entry SET who = 'x'", "DELETE FROM console_entry", "TRUNCATE console_entry CASCADE"]
)
def test_not_even_the_owner_s_account_changes_an_entry_by_mistake(desk: Desk, statement: str) -> None:
    write(1)
    with pytest.raises(DatabaseError, match="never changed or removed"), connection.cursor() as cursor:
        cursor.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE console_entry SET who = 'x'",
        "DELETE FROM console_entry",
        "TRUNCATE console_entry CASCADE",
        "UPDATE console_receipt SET same = true",
        "DELETE FROM console_receipt",
        "ALTER TABLE console_entry DISABLE TRIGGER ALL",
        "DROP TABLE console_entry CASCADE",
        "SET session_replication_role = replica",
        "CREATE TABLE mine (a int)",
        "UPDATE console_part SET result = '{}'",
        "DELETE FROM console_copyjournal",
        "INSERT INTO django_migrations (app, name, applied) VALUES ('x', 'y', now())",
        "CREATE ROLE other",
        "COPY (SELECT 1) TO PROGRAM 'true'",
    ],
)
def test_the_web_s_account_may_not(desk: Desk, console: Console, statement: str) -> None:
    write(1)
    control = console.fleet.service("control")
    with (
        psycopg.connect(
            host=control.host, port=control.port, user="dbfleet_web", password=WEB_PASSWORD, dbname="dbfleet"
        ) as web,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        web.execute(statement)
    assert Receipt.objects.count() == 1


def test_the_web_s_account_may_add_and_read(desk: Desk, console: Console) -> None:
    control = console.fleet.service("control")
    with psycopg.connect(
        host=control.host, port=control.port, user="dbfleet_web", password=WEB_PASSWORD, dbname="dbfleet"
    ) as web:
        web.execute(
            "INSERT INTO console_entry (seq, at, kind, who, role, token, target, body, previous, hash) "
            "VALUES (1, now(), 'x', 'x', '', '', '', '{}', '', '')"
        )
        assert web.execute("SELECT count(*) FROM console_entry").fetchone() == (1,)


def test_the_web_s_account_makes_no_command_but_of_a_schedule_that_has_it(desk: Desk, console: Console) -> None:
    desk.add_schedule("command", {"command": ["ls", "a"]}, every="1h", name="known")
    desk.add_schedule("health", {}, every="1h", name="other")
    control = console.fleet.service("control")
    insert = (
        "INSERT INTO console_job (kind, arguments, source, target, state, made_by, made_at, cancel_asked_by, rows, "
        "verdict, error, hint, trouble, resumes, schedule_id) SELECT 'command', {}, '', '', 'waiting', 'web:ada', "
        "now(), '', 0, '', '', '', '', false, id FROM console_schedule WHERE name = 'known'"
    )
    with psycopg.connect(
        host=control.host, port=control.port, user="dbfleet_web", password=WEB_PASSWORD, dbname="dbfleet",
        autocommit=True,
    ) as web:  # fmt: skip
        for statement in (
            insert.format('\'{"command": ["down", "--volumes", "--yes"]}\'::jsonb'),
            "UPDATE console_schedule SET kind = 'command' WHERE name = 'other'",
            "UPDATE console_schedule SET arguments = '{\"command\": [\"down\"]}' WHERE name = 'known'",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="command line alone"):
                web.execute(statement)
        web.execute(insert.format("arguments"))
        web.execute("UPDATE console_schedule SET paused = true WHERE name = 'known'")
        web.execute("UPDATE console_job SET cancel_asked_by = 'web:ada' WHERE kind = 'command'")
