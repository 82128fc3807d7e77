"""A seed of PostgreSQL makes keys over the rows that are there, and references last: the tables are those that `create`
makes, and one that is stopped leaves no half of a table."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from dbfleet import datasets, registry
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
    again = run("seed", url(seeded), "--rows", "100", "--reset", "--yes", "--verify")
    assert again.code == 0, again
    assert ask(seeded, REFERENCES) == ask(created, REFERENCES)


def test_one_that_is_stopped_leaves_whole_tables(dbs: Databases) -> None:
    target = dbs.new()
    command = [sys.executable, "-m", "dbfleet", "seed", url(target), "--rows", "60000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while ("products",) not in ask(target, TABLES) and time.monotonic() < until:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    finally:
        process.kill()
        process.communicate()
    there = ask(target, TABLES)
    assert ("customers",) in there
    assert ("follows",) not in there
    assert sorted(ask(target, KEYS)) == sorted(there)
    for (name,) in there:
        assert ask(target, f"SELECT count(*) > 0 FROM {name}") == [(True,)]
    assert run("seed", url(target), "--rows", "100").code == 2
    assert run("seed", url(target), "--rows", "100", "--reset", "--yes", "--verify").code == 0
    assert ask(target, REFERENCES) != [(0,)]
