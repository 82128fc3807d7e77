"""The control database of each release is brought to this one's schema, and holds all that it held."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from console_servers import Console
from psycopg import sql

RELEASES = sorted((Path(__file__).parent / "releases").glob("*.sql"))


def held(database: str) -> dict[str, int]:
    """How many rows each table has."""
    with psycopg.connect(database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        count = sql.SQL("SELECT count(*) FROM {}")
        found = {name: connection.execute(count.format(sql.Identifier(name))).fetchone() for (name,) in tables}
        return {name: row[0] for name, row in found.items() if row}


@pytest.fixture(params=RELEASES, ids=[each.stem for each in RELEASES])
def released(console: Console, request: Any) -> Iterator[str]:
    """The URL of a database as the release left it."""
    control = console.fleet.service("control")
    name = sql.Identifier("released")
    with psycopg.connect(control.url(reveal=True), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(name))
        try:
            database = control.with_(database="released").url(reveal=True)
            with psycopg.connect(database) as connection:
                connection.execute(request.param.read_bytes())
            yield database
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))


def test_a_release_is_on_record() -> None:
    assert RELEASES


def test_who_comes_before_the_upgrade_is_told_what_is_missing(console: Console, released: str) -> None:
    def told() -> str:
        done = subprocess.run(
            [sys.executable, "-m", "dbfleet", "jobs"], cwd=console.folder, capture_output=True, text=True,
            env={**console.environment, "DBFLEET_CONTROL_URL": released},
        )  # fmt: skip
        assert done.returncode == 3
        return done.stderr

    assert "the console is older than this dbfleet" in told()
    with psycopg.connect(released) as connection:
        connection.execute("DELETE FROM django_migrations WHERE app = 'console'")
    assert "the console has not finished its first start" in told()


def test_the_database_of_a_release_becomes_this_ones(console: Console, released: str) -> None:
    environment = {**console.environment, "DBFLEET_CONTROL_URL": released}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *words], env=environment, cwd=console.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    before = held(released)
    assert before["console_entry"]
    assert before["console_receipt"]
    assert before["console_token"] == 2
    run("dbfleet.console", "migrate")
    after = held(released)
    own = {"django_migrations", "django_content_type", "auth_permission"}  # these grow with the models
    assert {name: after.get(name) for name in before.keys() - own} == {
        name: rows for name, rows in before.items() if name not in own
    }
    assert json.loads(run("dbfleet", "receipts", "verify", "--format", "jsonl"))["entries"] == before["console_entry"]
    schedules = [json.loads(line) for line in run("dbfleet", "schedule", "ls", "--format", "jsonl").splitlines()]
    assert {each["schedule"] for each in schedules} == {
        "health", "drift postgres sqlite", "dump postgres", "drill sqlite", "nightly",
    }  # fmt: skip
    jobs = run("dbfleet", "jobs", "--all", "--format", "jsonl").splitlines()
    assert len(jobs) == before["console_job"]
    drifted = next(each["job"] for each in map(json.loads, jobs) if each["verdict"] == "drift")
    assert '"id": 7' in run("dbfleet", "jobs", "show", str(drifted), "--format", "json").replace('"id":7', '"id": 7')
    # The web's account has its rights again, which no dump of the database holds.
    with psycopg.connect(released) as connection:
        rights = "SELECT has_table_privilege('dbfleet_web', 'console_entry', %s)"
        assert connection.execute(rights, ["INSERT"]).fetchone() == (True,)
        assert connection.execute(rights, ["UPDATE"]).fetchone() == (False,)
