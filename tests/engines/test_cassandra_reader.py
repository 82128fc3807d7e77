"""Cassandra's reader: what a role with SELECT on one keyspace is refused, on the real server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.errors import AuthFailed, StatementError, Unsupported
from dbfleet.fleet import READER, Fleet
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("cassandra")

WORLD = """
CREATE KEYSPACE elsewhere WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1};
CREATE TABLE elsewhere.things (id int PRIMARY KEY, v text);
INSERT INTO elsewhere.things (id, v) VALUES (1, 'one');
CREATE TABLE counted (id int PRIMARY KEY, n counter);
UPDATE counted SET n = n + 1 WHERE id = 1;
CREATE TYPE pair (a int, b int);
CREATE TABLE paired (id int PRIMARY KEY, p frozen<pair>, v text);
INSERT INTO paired (id, p, v) VALUES (1, {a: 1, b: 2}, 'one');
CREATE INDEX paired_by_v ON paired (v)
"""
END = "DROP KEYSPACE elsewhere; DROP TABLE counted; DROP TABLE paired; DROP TYPE pair"

REFUSED = (
    # rows
    "INSERT INTO orders (id) VALUES (1000001)", "INSERT INTO orders (id) VALUES (1000001) IF NOT EXISTS",
    "INSERT INTO orders JSON '{\"id\": 1000001}'", "INSERT INTO orders (id) VALUES (1000001) USING TTL 60",
    "UPDATE orders SET status = 'x' WHERE id = 1", "UPDATE orders SET status = 'x' WHERE id = 1 IF EXISTS",
    "UPDATE orders SET status = 'x' WHERE id = 1 IF status = 'y'", "UPDATE counted SET n = n + 1 WHERE id = 1",
    "DELETE FROM orders WHERE id = 1", "DELETE FROM orders WHERE id = 1 IF EXISTS",
    "DELETE status FROM orders WHERE id = 1", "TRUNCATE orders", "TRUNCATE TABLE counted",
    "BEGIN BATCH INSERT INTO orders (id) VALUES (1000001); APPLY BATCH",
    "BEGIN UNLOGGED BATCH DELETE FROM orders WHERE id = 1; APPLY BATCH",
    "BEGIN COUNTER BATCH UPDATE counted SET n = n + 1 WHERE id = 1; APPLY BATCH",
    "BEGIN BATCH INSERT INTO elsewhere.things (id) VALUES (2); DELETE FROM orders WHERE id = 1; APPLY BATCH",
    # schema
    "DROP TABLE orders", "ALTER TABLE orders ADD x int", "ALTER TABLE orders DROP status",
    "ALTER TABLE orders WITH comment = 'x'", "ALTER TABLE orders WITH default_time_to_live = 1",
    "CREATE TABLE x (id int PRIMARY KEY)", "CREATE TABLE elsewhere.x (id int PRIMARY KEY)",
    "CREATE TABLE system.x (id int PRIMARY KEY)", "CREATE INDEX ON orders (status)", "DROP INDEX paired_by_v",
    "CREATE CUSTOM INDEX ON orders (status) USING 'sai'", "CREATE TYPE x (a int)", "ALTER TYPE pair ADD c int",
    "DROP TYPE pair", "CREATE MATERIALIZED VIEW v AS SELECT * FROM paired WHERE v IS NOT NULL AND id IS NOT NULL "
    "PRIMARY KEY (v, id)",
    "CREATE FUNCTION f (a int) RETURNS NULL ON NULL INPUT RETURNS int LANGUAGE java AS 'return a;'",
    "CREATE AGGREGATE g (int) SFUNC f STYPE int", "CREATE TRIGGER t ON orders USING 'x'",
    "CREATE KEYSPACE x WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    "ALTER KEYSPACE dbfleet WITH durable_writes = false", "DROP KEYSPACE dbfleet", "DROP KEYSPACE elsewhere",
    # roles and rights
    "CREATE ROLE x WITH LOGIN = true", "CREATE ROLE x WITH SUPERUSER = true",
    "CREATE USER x WITH PASSWORD 'x' SUPERUSER",
    "ALTER ROLE dbfleet_ro WITH SUPERUSER = true", "ALTER ROLE dbfleet_ro WITH LOGIN = false",
    "ALTER ROLE dbfleet_ro WITH ACCESS TO ALL DATACENTERS", "ALTER ROLE dbfleet_ro WITH OPTIONS = {'a': 'b'}",
    "ALTER ROLE dbfleet WITH PASSWORD = 'x'", "ALTER ROLE dbfleet WITH LOGIN = false", "DROP ROLE dbfleet_ro",
    "DROP ROLE dbfleet", "GRANT MODIFY ON KEYSPACE dbfleet TO dbfleet_ro",
    "GRANT SELECT ON ALL KEYSPACES TO dbfleet_ro",
    "GRANT SELECT ON KEYSPACE dbfleet TO dbfleet_ro", "GRANT ALL ON ALL ROLES TO dbfleet_ro",
    "GRANT dbfleet TO dbfleet_ro", "REVOKE SELECT ON KEYSPACE dbfleet FROM dbfleet_ro", "LIST ALL PERMISSIONS",
    "LIST ALL PERMISSIONS OF dbfleet", "LIST ROLES OF dbfleet", "ADD IDENTITY 'x' TO ROLE 'dbfleet_ro'",
    "DROP IDENTITY 'x'",
    "INSERT INTO system_auth.roles (role, is_superuser) VALUES ('dbfleet_ro', true)",
    "UPDATE system_auth.role_permissions SET permissions = permissions + {'MODIFY'} WHERE role = 'dbfleet_ro' "
    "AND resource = 'data/dbfleet'",
    "SELECT * FROM system_auth.roles", "SELECT * FROM system_auth.role_permissions",
    # what is not its own
    "SELECT * FROM elsewhere.things", "INSERT INTO elsewhere.things (id) VALUES (2)",
    "USE elsewhere; SELECT * FROM things",
    "UPDATE system.local SET cluster_name = 'x' WHERE key = 'local'", "TRUNCATE system.local",
    "TRUNCATE system_traces.sessions", "DELETE FROM system_schema.tables WHERE keyspace_name = 'dbfleet'",
    "UPDATE system_views.settings SET value = 'x' WHERE name = 'cluster_name'", "SELECT * FROM system_views.settings",
    "SELECT * FROM system_views.clients", "SELECT * FROM system_views.system_properties",
    "SELECT * FROM system_distributed.repair_history", "TRUNCATE system_distributed.repair_history",
    "SELECT * FROM system.prepared_statements", "SELECT * FROM system.batches",
)  # fmt: skip

HARMLESS = {
    "SELECT id FROM orders LIMIT 1": "reads",
    "SELECT JSON id FROM orders LIMIT 1": "reads",
    "SELECT writetime(status) FROM orders LIMIT 1": "reads",
    "SELECT * FROM paired WHERE v = 'one' ALLOW FILTERING": "reads",
    "SELECT key, cluster_name FROM system.local": "reads what every driver reads",
    "SELECT table_name FROM system_schema.tables LIMIT 1": "reads what every driver reads",
    "SELECT * FROM system_virtual_schema.tables LIMIT 1": "reads what every driver reads",
    "SELECT * FROM system.size_estimates LIMIT 1": "reads how large tables are, those of other keyspaces too",
    "SELECT * FROM system_traces.sessions": "reads what was traced",
    "DESCRIBE TABLE orders": "reads",
    "DESCRIBE FULL SCHEMA": "reads, the schemas of other keyspaces too",
    "LIST ROLES": "lists its own",
    "LIST USERS": "lists its own",
    "USE system": "of one's own session",
    "USE elsewhere": "of one's own session",
}


def asked(adapter: Adapter, *statements: str) -> list[Any]:
    return [adapter._session.rows(statement) for statement in statements]  # type: ignore[attr-defined]


def state(owner: Adapter) -> object:
    """Every schema, role and right, and what is beside the collections."""
    system = ("keyspaces", "tables", "columns", "indexes", "types", "functions", "aggregates", "views", "triggers")
    tables = [f"SELECT JSON * FROM system_schema.{name}" for name in system]
    tables += [f"SELECT JSON * FROM system_auth.{name}" for name in ("roles", "role_members", "role_permissions")]
    tables += ["SELECT JSON * FROM elsewhere.things", "SELECT cluster_name, release_version FROM system.local"]
    return [sorted(map(str, rows)) for rows in asked(owner, *tables)]


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[Adapter]:
    """The target with data, counters and a type, and another keyspace. Gives its owner."""
    with shop(fleet, target), fleet.connect(target) as owner:
        asked(owner, *WORLD.split(";"))
        try:
            yield owner
        finally:
            asked(owner, *END.split(";"))


def test_no_statement_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: Adapter) -> None:
    assert sorted(passed(fleet, target, {text: text for text in (*REFUSED, *HARMLESS)}, state)) == sorted(HARMLESS)


def test_the_reader_reads_everything(fleet: Fleet, target: Target, world: Adapter) -> None:
    same_to_both(fleet, target)
    with fleet.connect(fleet.reader(target)) as reader:
        assert reader.identity() == world.identity()  # type: ignore[attr-defined]
        assert reader.extras("paired") == world.extras("paired")  # type: ignore[attr-defined]


def test_the_reader_reads_collections_that_were_made_after_it(
    fleet: Fleet, target: Target, adapter: Adapter, name: str
) -> None:
    asked(adapter, f"CREATE TABLE {name} (id int PRIMARY KEY, v text)", f"INSERT INTO {name} (id, v) VALUES (1, 'x')")
    try:
        with fleet.connect(fleet.reader(target)) as reader:
            assert [*reader.scan(reader.describe(name))] == [[(1, "x")]]
    finally:
        adapter.drop(name)


def test_a_reader_that_has_changed_its_own_password_is_let_in_again_by_up(
    fleet: Fleet, target: Target, adapter: Adapter
) -> None:
    """In Cassandra every role may do that: nothing but its own login is lost."""
    with fleet.connect(fleet.reader(target)) as reader:
        asked(reader, f"ALTER ROLE {READER} WITH PASSWORD = 'Another4Password'")
    with pytest.raises(AuthFailed) as told, fleet.connect(fleet.reader(target)):
        pass
    assert f"up {target.name}" in str(told.value.hint)
    adapter.make_reader(READER, fleet.secret("ro"))  # type: ignore[attr-defined]
    with fleet.connect(fleet.reader(target)) as reader:
        assert reader.ping().version


def test_a_role_without_the_right_to_make_roles_makes_none(fleet: Fleet, target: Target) -> None:
    with fleet.connect(fleet.reader(target)) as reader, pytest.raises(StatementError, match="sufficient privileges"):
        reader.make_reader("dbfleet_x", "Some4Password")  # type: ignore[attr-defined]


def test_a_reader_makes_no_keyspace(fleet: Fleet, target: Target) -> None:
    elsewhere = fleet.reader(target).with_(database="dbfleet_nowhere")
    with pytest.raises(AuthFailed, match="no keyspace"):
        registry.connect(elsewhere)


def test_an_account_that_may_do_more_is_none_for_reading_only(target: Target) -> None:
    with pytest.raises(Unsupported, match=r"not enforced: .*is a superuser"):
        registry.connect(target.with_(read_only=True))


def test_the_account_loses_what_it_was_given_besides(fleet: Fleet, target: Target, adapter: Adapter) -> None:
    before = asked(adapter, f"LIST ALL PERMISSIONS OF {READER}", "LIST ROLES")
    for right in ("GRANT MODIFY ON KEYSPACE dbfleet TO {}", "GRANT dbfleet TO {}"):
        asked(adapter, right.format(READER))
        adapter.make_reader(READER, fleet.secret("ro"))  # type: ignore[attr-defined]
        assert asked(adapter, f"LIST ALL PERMISSIONS OF {READER}", "LIST ROLES") == before
    # Last, and in the last test of the account: the server remembers for two seconds who is a superuser.
    asked(adapter, f"ALTER ROLE {READER} WITH SUPERUSER = true")
    adapter.make_reader(READER, fleet.secret("ro"))  # type: ignore[attr-defined]
    assert asked(adapter, f"LIST ALL PERMISSIONS OF {READER}", "LIST ROLES") == before
