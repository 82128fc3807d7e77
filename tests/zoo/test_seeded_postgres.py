"""A seed of PostgreSQL makes keys over the rows that are there, and references last: the tables are those that `create`
makes, and one that is stopped leaves no half of a table."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time

import pytest

from dbfleet import datasets, registry
from dbfleet.target import Target
from tests.zoo import databases
from tests.zoo.databases import Databases, ask, differing, url
from tests.zoo.walk import run

pytestmark = pytest.mark.engines("postgres")

KEYS = """
    SELECT conrelid::regclass::text FROM pg_constraint
    WHERE contype = 'p' AND connamespace = 'public'::regnamespace
"""
REFERENCES = "SELECT count(*) FROM pg_constraint WHERE contype = 'f'"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


def test_the_tables_are_as_they_are_created(dbs: Databases) -> None:
    created, seeded = dbs.new(), dbs.new()
    with registry.connect(created) as adapter:
        for schema in datasets.load("shop").schemas():
            adapter.create(schema)
    assert run("seed", url(created), "--rows", "200").code == 0, "empty tables are filled as they are"
    done = run("seed", url(seeded), "--rows", "200", "--verify")
    assert done.code == 0, done
    assert not (wrong := differing(seeded, created)), wrong
    assert ask(seeded, REFERENCES) == ask(created, REFERENCES) != [(0,)]
    again = run("seed", url(seeded), "--rows", "3000", "--reset", "--yes", "--verify")  # by two processes
    assert again.code == 0, again
    assert ask(seeded, REFERENCES) == ask(created, REFERENCES)
    told = [json.loads(line) for line in again.out.splitlines()]
    assert len(told) == 6
    assert not (wrong := differing_schema(seeded, created)), wrong
    assert run("seed", url(created), "--rows", "3000", "--reset", "--yes").code == 0
    assert run("diff", url(created), url(seeded)).code == 0


def differing_schema(one: Target, other: Target) -> set[str]:
    return set(databases.told(one)["schema"]) ^ set(databases.told(other)["schema"])


@pytest.mark.parametrize("failing", ["orders", "order_items"])
def test_the_failure_of_one_of_two_processes_ends_both(dbs: Databases, failing: str) -> None:
    """Each makes some of the collections."""
    target = dbs.new(f"""
        CREATE FUNCTION refused() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
            IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.{failing}') THEN
                RAISE EXCEPTION 'no room for {failing}';
            END IF;
        END $$;
        CREATE EVENT TRIGGER refused ON ddl_command_end EXECUTE FUNCTION refused();
    """)
    done = run("seed", url(target), "--rows", "20000")
    assert done.code == 5, done
    assert f"no room for {failing}" in done.err
    there = ask(target, TABLES)
    assert (failing,) not in there
    assert len(there) < 6
    assert sorted(ask(target, KEYS)) == sorted(there)


def test_one_that_is_stopped_leaves_whole_tables(dbs: Databases) -> None:
    target = dbs.new()
    command = [sys.executable, "-m", "dbfleet", "seed", url(target), "--rows", "60000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not ask(target, TABLES) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    there = ask(target, TABLES)
    assert 0 < len(there) < 6
    assert sorted(ask(target, KEYS)) == sorted(there)
    for (name,) in there:
        assert ask(target, f"SELECT count(*) > 0 FROM {name}") == [(True,)]
    assert run("seed", url(target), "--rows", "100").code == 2
    assert run("seed", url(target), "--rows", "100", "--reset", "--yes", "--verify").code == 0
    assert ask(target, REFERENCES) != [(0,)]
