"""The control database's schema: one line of migrations, applied once, and left alone by who is too old."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from console_servers import WEB_PASSWORD
from django.core.management import call_command
from django.db import connection, connections

from dbfleet.console import schema
from dbfleet.console.desk import Desk
from dbfleet.errors import NotReady


def test_migrations_are_one_line_and_say_what_the_models_say(desk: Desk) -> None:
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    assert len(loader.graph.leaf_nodes("console")) == 1
    call_command("makemigrations", "console", check=True, dry_run=True, verbosity=0)


def test_the_numbers_of_migrations_are_different() -> None:
    folder = Path(schema.__file__).parent / "migrations"
    numbers = [path.name.partition("_")[0] for path in folder.glob("0*.py")]
    assert len(numbers) == len(set(numbers))


def test_a_schema_that_is_newer_is_left_alone(desk: Desk) -> None:
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO django_migrations (app, name, applied) VALUES ('console', '9999_later', now())")
    try:
        assert schema.look().newer == ("console.9999_later",)
        with pytest.raises(NotReady, match="9999_later"):
            schema.migrate(WEB_PASSWORD, lambda text: None)
        told: list[str] = []
        with pytest.raises(NotReady):
            schema.wait(told.append, timeout_s=0.1)
        assert "waiting for the upgrade" in told[0]
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE name = '9999_later'")
    assert schema.look().fits


def test_several_that_migrate_at_once_take_turns(desk: Desk) -> None:
    failed: list[BaseException] = []

    def run() -> None:
        try:
            schema.migrate(WEB_PASSWORD, lambda text: None)
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


def test_web_has_its_rights_and_no_others_while_a_worker_starts(desk: Desk) -> None:
    """Each worker and beat that starts gives web its account's rights anew."""
    over = threading.Event()

    def start_often() -> None:
        try:
            for _ in range(25):
                schema.migrate(WEB_PASSWORD, lambda text: None)
        finally:
            over.set()
            connections.close_all()

    starting = threading.Thread(target=start_often)
    starting.start()
    seen = set()
    with connection.cursor() as cursor:
        while not over.is_set():
            cursor.execute(
                "SELECT has_table_privilege('dbfleet_web', 'django_session', 'INSERT'), "
                "has_table_privilege('dbfleet_web', 'console_entry', 'UPDATE'), "
                "has_table_privilege('dbfleet_web', 'console_part', 'DELETE')"
            )
            seen.add(cursor.fetchone())
    starting.join()
    assert seen == {(True, False, False)}
