"""Neo4j's reader: what the server refuses in sessions whose access mode is READ, and dbfleet by the statement's plan,
on the real server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dbfleet.adapter import Adapter
from dbfleet.errors import AuthFailed, StatementError
from dbfleet.fleet import READER, Fleet
from dbfleet.target import Target
from tests.engines.hostile import passed, same_to_both, shop

pytestmark = pytest.mark.engines("neo4j")

CSV = "LOAD CSV FROM 'http://127.0.0.1:7474/' AS line"

REFUSED = (
    # nodes and relationships
    "CREATE (:x)", "MERGE (:x {a: 1})", "MATCH (n:orders) SET n.status = 'x'", "MATCH (n:orders) REMOVE n.status",
    "MATCH (n:orders) SET n:x", "MATCH (n:orders) DETACH DELETE n", "MATCH ()-[r]->() DELETE r",
    "MATCH (a:orders), (b:customers) WITH a, b LIMIT 1 CREATE (a)-[:X]->(b)",
    "FOREACH (i IN [1] | CREATE (:x))", "CALL { CREATE (:x) }", "CALL () { CREATE (:x) } RETURN 1",
    "UNWIND range(1, 3) AS i CALL (i) { CREATE (:x) } IN TRANSACTIONS OF 1 ROWS",
    "UNWIND range(1, 3) AS i CALL (i) { CREATE (:x) } IN 2 CONCURRENT TRANSACTIONS OF 1 ROWS",
    "MATCH (n:orders) CALL (n) { DETACH DELETE n } IN TRANSACTIONS", "RETURN 1 AS a UNION CREATE (:x) RETURN 1 AS a",
    "RETURN 1; CREATE (:x)", "/* RETURN 1; */ // x\n CREATE (:x)", "USE neo4j CREATE (:x)", "PROFILE CREATE (:x)",
    "CYPHER runtime=slotted CREATE (:x)", "CYPHER 5 CREATE (:x)", "BEGIN", "COMMIT", ":begin",
    # schema
    "CREATE INDEX a FOR (n:x) ON (n.a)", "CREATE FULLTEXT INDEX a FOR (n:x) ON EACH [n.a]", "DROP INDEX hostile_text",
    "CREATE CONSTRAINT a FOR (n:x) REQUIRE n.a IS UNIQUE", "DROP CONSTRAINT hostile_key",
    "CREATE VECTOR INDEX v FOR (n:x) ON (n.a) OPTIONS {indexConfig: {`vector.dimensions`: 2, "
    "`vector.similarity_function`: 'cosine'}}",
    # users and databases
    "CREATE USER x SET PASSWORD 'secret123'", "CREATE OR REPLACE USER x SET PASSWORD 'secret123'",
    "ALTER USER neo4j SET PASSWORD 'secret123'", "ALTER USER dbfleet_ro SET PASSWORD 'secret123'",
    "ALTER USER neo4j SET PASSWORD CHANGE NOT REQUIRED", "ALTER CURRENT USER SET PASSWORD FROM 'a' TO 'secret123'",
    "DROP USER neo4j", "DROP USER x IF EXISTS", "RENAME USER neo4j TO x", "CREATE DATABASE x", "DROP DATABASE neo4j",
    "STOP DATABASE neo4j", "ALTER DATABASE neo4j SET ACCESS READ ONLY", "CREATE ALIAS x FOR DATABASE neo4j",
    "CREATE COMPOSITE DATABASE x", "GRANT ROLE admin TO dbfleet_ro", "DENY WRITE ON GRAPH * TO PUBLIC",
    "ENABLE SERVER 'x'",
    "DEALLOCATE DATABASES FROM SERVER 'x'", "USE system CREATE USER x SET PASSWORD 'secret123'",
    "USE system MATCH (n) RETURN n",
    # procedures that write
    "CALL db.createLabel('x')", "CALL db.createProperty('hostile')", "CALL db.createRelationshipType('HOSTILE')",
    "MATCH (n:orders) WITH n LIMIT 1 CALL db.create.setNodeVectorProperty(n, 'a', [1.0])", "CALL dbms.upgrade()",
    "CALL db.index.vector.createNodeIndex('v', 'x', 'a', 2, 'cosine')",
    # what the server would let pass
    "TERMINATE TRANSACTIONS 'neo4j-transaction-1'", "TERMINATE TRANSACTION 'neo4j-transaction-1' YIELD message",
    "SHOW TRANSACTIONS YIELD transactionId AS id TERMINATE TRANSACTIONS id YIELD message RETURN message",
    "CALL dbms.killConnection('bolt-1')", "CALL dbms.killConnections(['bolt-1'])",
    "CALL `dbms`.`killConnection`('bolt-1')",
    "CALL dbms.listConnections() YIELD connectionId AS id CALL dbms.killConnection(id) YIELD message RETURN message",
    "RETURN COUNT { CALL dbms.killConnection('bolt-1') YIELD username RETURN 1 }",
    "CALL { CALL dbms.killConnection('bolt-1') YIELD username RETURN 1 AS a UNION RETURN 2 AS a } RETURN a",
    "CALL db.clearQueryCaches()", "USE neo4j CALL db.clearQueryCaches()", "RETURN COLLECT { CALL db.clearQueryCaches() "
    "YIELD value RETURN value }",
    "CALL db.prepareForReplanning(1)", "CALL db.resampleIndex('hostile_text')", "CALL db.resampleOutdatedIndexes()",
    "CALL db.stats.clear('QUERIES')", "CALL db.stats.collect('QUERIES')", "CALL db.stats.stop('QUERIES')",
    "CALL tx.setMetaData({dbfleet: 'x'})", "CALL dbms.setConfigValue('db.logs.query.enabled', 'OFF')",
    "CALL apoc.cypher.doIt('CREATE (:x)', {})", "CALL dbms.scheduler.jobs()",
    f"{CSV} RETURN line", f"{CSV} CREATE (:x)", f"MATCH (n:orders) CALL (n) {{ {CSV} RETURN line }} RETURN line",
    f"RETURN EXISTS {{ {CSV} RETURN 1 }}", f"RETURN 1 AS a UNION ALL {CSV} RETURN 1 AS a",
    "LOAD CSV WITH HEADERS FROM 'file:///etc/passwd' AS line RETURN line", f"/* x */ {CSV} RETURN line",
    f"UNWIND [1] AS i CALL (i) {{ {CSV} RETURN line }} IN 2 CONCURRENT TRANSACTIONS RETURN line",
    f"CYPHER runtime=slotted {CSV} RETURN line", f"PROFILE {CSV} RETURN line", f"USE neo4j {CSV} RETURN line",
    f"EXPLAIN {CSV} RETURN line", "PROFILE MATCH (n) RETURN count(n)",
)  # fmt: skip

HARMLESS = {
    "MATCH (n:orders) RETURN count(n)": "reads",
    "MATCH (n:orders) CALL (n) { RETURN n.id AS i } IN TRANSACTIONS RETURN count(i)": "reads, in several transactions",
    "EXPLAIN CREATE (:x)": "is not run",
    "CYPHER runtime=slotted MATCH (n:orders) RETURN count(n)": "reads",
    "USE neo4j MATCH (n:orders) RETURN count(n)": "reads",
    "CALL db.index.fulltext.queryNodes('hostile_text', 'a') YIELD node RETURN count(node)": "reads",
    "CALL db.awaitIndexes(1)": "waits",
    "CALL db.labels()": "reads",
    "CALL db.schema.visualization()": "reads",
    "CALL db.stats.retrieve('GRAPH COUNTS')": "reads",
    "CALL dbms.components()": "reads",
    "CALL dbms.listConfig('auth')": "reads",
    "CALL dbms.listConnections()": "reads who else is there",
    "CALL dbms.queryJmx('java.lang:type=Runtime') YIELD name": "reads",
    "CALL tx.getMetaData()": "of one's own transaction",
    "SHOW CURRENT USER": "reads",
    "SHOW DATABASES": "reads",
    "SHOW INDEXES": "reads",
    "SHOW SETTINGS": "reads",
    "SHOW TRANSACTIONS": "reads who else is there",
    "SHOW USERS": "reads",
}
REFUSED_BY_THE_PLAN = [
    text for text in REFUSED if "LOAD CSV" in text and "CREATE" not in text and "PROFILE" not in text
]


def rows(adapter: Adapter, text: str) -> list[Any]:
    with adapter.query(text) as result:
        return [row for batch in result for row in batch]


def state(owner: Adapter) -> object:
    """What there is besides the rows: relationships, the schema, the names that were ever used, users, databases, and
    whether queries are being collected."""
    texts = (
        "MATCH ()-[r]->() RETURN type(r), count(r)", "MATCH (n) RETURN labels(n), count(n)", "CALL db.labels()",
        "CALL db.propertyKeys()", "CALL db.relationshipTypes()", "SHOW USERS YIELD user, passwordChangeRequired",
        "SHOW INDEXES YIELD name, type, entityType, labelsOrTypes, properties",
        "CALL db.stats.status() YIELD section, status",
        "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties",
        "SHOW DATABASES YIELD name, access, currentStatus",
    )  # fmt: skip
    return [sorted(map(str, rows(owner, text))) for text in texts]


@pytest.fixture
def world(fleet: Fleet, target: Target) -> Iterator[Adapter]:
    """The target with data and indexes, and with nodes that dbfleet did not make. Gives its owner."""
    with shop(fleet, target), fleet.connect(target) as owner:
        for text in (
            "CREATE (:hostile {id: 1, v: 'one'})-[:KNOWS]->(:hostile {id: 2, v: 'two'})",
            "CREATE FULLTEXT INDEX hostile_text FOR (n:customers) ON EACH [n.name]",
            "CREATE CONSTRAINT hostile_key FOR (n:hostile) REQUIRE n.id IS UNIQUE",
        ):
            rows(owner, text)
        try:
            yield owner
        finally:
            for text in ("MATCH (n:hostile) DETACH DELETE n", "DROP INDEX hostile_text", "DROP CONSTRAINT hostile_key"):
                rows(owner, text)


def test_no_statement_of_a_reader_changes_anything(fleet: Fleet, target: Target, world: Adapter) -> None:
    assert sorted(passed(fleet, target, {text: text for text in (*REFUSED, *HARMLESS)}, state)) == sorted(HARMLESS)


def test_the_reader_reads_everything(fleet: Fleet, target: Target, world: Adapter) -> None:
    same_to_both(fleet, target)
    with fleet.connect(fleet.reader(target)) as reader:
        assert reader.identity() == world.identity()  # type: ignore[attr-defined]
        assert reader.left() == world.left()  # type: ignore[attr-defined]
        assert reader.extras("hostile") == world.extras("hostile")  # type: ignore[attr-defined]


def test_the_reader_reads_collections_that_were_made_after_it(
    fleet: Fleet, target: Target, adapter: Adapter, name: str
) -> None:
    rows(adapter, f"CREATE (:{name} {{v: 'x'}})")
    try:
        with fleet.connect(fleet.reader(target)) as reader:
            assert [*reader.scan(reader.describe(name))] == [[("x",)]]
    finally:
        adapter.drop(name)


@pytest.mark.parametrize("text", REFUSED_BY_THE_PLAN)
def test_the_plan_is_read_before_anything_is_fetched(fleet: Fleet, target: Target, text: str) -> None:
    """The address is one that answers: without the plan's refusal these give its page."""
    with fleet.connect(fleet.reader(target)) as reader, pytest.raises(StatementError, match="LOAD CSV reads files"):
        reader.query(text)


def test_profile_says_what_is_there_instead(fleet: Fleet, target: Target) -> None:
    with fleet.connect(fleet.reader(target)) as reader, pytest.raises(StatementError, match="PROFILE") as told:
        reader.query("PROFILE RETURN 1")
    assert "EXPLAIN" in str(told.value.hint)


def test_params_are_bound_for_a_reader_too(fleet: Fleet, target: Target) -> None:
    with fleet.connect(fleet.reader(target)) as reader, reader.query("RETURN $n + 1 AS n", {"n": 1}) as result:
        assert [row for batch in result for row in batch] == [(2,)]


def test_somebodys_server_is_read_by_its_own_user(fleet: Fleet, target: Target) -> None:
    foreign = fleet.target(target.url(reveal=True))
    with fleet.connect(fleet.reader(foreign)) as reader, pytest.raises(StatementError, match="Writing in read access"):
        reader.query("CREATE (:x)")


def test_a_statement_of_a_reader_is_cancelled(fleet: Fleet, target: Target) -> None:
    outcome: list[BaseException] = []
    with fleet.connect(fleet.reader(target)) as reader:

        def run() -> None:
            try:
                reader.query(reader.spec.examples["slow"])
            except BaseException as exc:
                outcome.append(exc)

        thread = threading.Thread(target=run)
        thread.start()
        while thread.is_alive():
            reader.cancel()
            thread.join(0.1)
        assert isinstance(outcome[0], StatementError)


def test_the_account_gets_its_password_back(fleet: Fleet, target: Target, adapter: Adapter) -> None:
    rows(adapter, f"ALTER USER {READER} SET PASSWORD 'Another4Password'")
    with pytest.raises(AuthFailed) as told, fleet.connect(fleet.reader(target)):
        pass
    assert f"up {target.name}" in str(told.value.hint)
    for _ in range(2):
        adapter.make_reader(READER, fleet.secret("ro"))  # type: ignore[attr-defined]
        with fleet.connect(fleet.reader(target)) as reader:
            assert reader.ping().version
