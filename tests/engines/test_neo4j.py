"""What Neo4j does that surprises, and what its adapter promises beyond the contract."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from datetime import date
from typing import Any

import pytest

from dbfleet import registry
from dbfleet.adapter import Adapter
from dbfleet.conformance.plugin import Make
from dbfleet.errors import AuthFailed, StatementError, Unavailable
from dbfleet.fleet import Fleet
from dbfleet.ops.shell import shell
from dbfleet.target import Target
from dbfleet.values import Column, Reference, Row, Schema, Type

pytestmark = pytest.mark.engines("neo4j")

ID = Column("id", Type.INT, nullable=False)


def rows(adapter: Adapter, statement: str, **params: object) -> list[Row]:
    with adapter.query(statement, params) as result:
        return [row for batch in result for row in batch]


def family(made: Make, name: str) -> tuple[Schema, Schema]:
    parent = made(Schema(name, (ID, Column("name", Type.TEXT)), ("id",)))
    columns = (ID, Column("customer_id", Type.INT))
    child = made(Schema(f"{name}_o", columns, ("id",), (Reference(("customer_id",), name, ("id",)),)))
    return parent, child


def test_references_become_relationships(adapter: Adapter, made: Make, name: str) -> None:
    parent, child = family(made, name)
    adapter.write(parent, [[(1, "Ann"), (2, "Bob")]])
    adapter.write(child, [[(10, 1), (11, 1), (12, 2), (13, None), (14, 99)]])
    found = rows(adapter, f"MATCH (o:{child.name})-[:CUSTOMER]->(c:{name}) RETURN o.id, c.name ORDER BY o.id")
    assert found == [(10, "Ann"), (11, "Ann"), (12, "Bob")]
    assert child.name in adapter.collections()
    assert "CUSTOMER" not in adapter.collections()


def test_upsert_moves_the_relationship(adapter: Adapter, made: Make, name: str) -> None:
    parent, child = family(made, name)
    adapter.write(parent, [[(1, "Ann"), (2, "Bob")]])
    adapter.write(child, [[(10, 1)]])
    for _ in range(2):
        adapter.write(child, [[(10, 2)]], mode="upsert")
    assert rows(adapter, f"MATCH (:{child.name})-[:CUSTOMER]->(c) RETURN c.name") == [("Bob",)]
    adapter.write(parent, [[(2, "Rob")]], mode="upsert")
    assert rows(adapter, f"MATCH (:{child.name})-[:CUSTOMER]->(c) RETURN c.name") == [("Rob",)]


def test_rows_may_refer_to_later_rows_of_their_own_collection(adapter: Adapter, made: Make, name: str) -> None:
    schema = Schema(name, (ID, Column("boss_id", Type.INT)), ("id",), (Reference(("boss_id",), name, ("id",)),))
    made(schema)
    adapter.write(schema, [[(1, 2), (2, 3), (3, None)]])
    assert rows(adapter, f"MATCH (a:{name})-[:BOSS]->(b) RETURN a.id, b.id ORDER BY a.id") == [(1, 2), (2, 3)]


def test_edge_to_nobody_is_refused(adapter: Adapter, made: Make, name: str) -> None:
    made(Schema(name, (ID,), ("id",)))
    columns = (Column("src", Type.INT, False), Column("dst", Type.INT, False))
    references = (Reference(("src",), name, ("id",)), Reference(("dst",), name, ("id",)))
    edge = made(Schema(f"{name}_e", columns, ("src", "dst"), references, edge=True))
    adapter.write(Schema(name, (ID,), ("id",)), [[(1,), (2,)]])
    written = adapter.write(edge, [[(1, 2), (1, 99), (2, 1)]])
    assert (written.rows, [each.row for each in written.rejected]) == (2, [(1, 99)])
    again = adapter.write(edge, [[(1, 2), (2, 2)]])
    assert (again.rows, [each.row for each in again.rejected]) == (1, [(1, 2)])
    assert adapter.write(edge, [[(1, 2), (2, 2)]], mode="upsert").rows == 2
    assert adapter.count(edge.name) == 3


def test_graph_values_are_plain(adapter: Adapter, made: Make, name: str) -> None:
    parent, child = family(made, name)
    adapter.write(parent, [[(1, "Ann")]])
    adapter.write(child, [[(10, 1)]])
    ((node, relationship, path),) = rows(adapter, f"MATCH p = (o:{child.name})-[r]->(c) RETURN c, r, p")
    assert (node["_labels"], node["id"], node["name"]) == ([name], 1, "Ann")
    assert relationship["_type"] == "CUSTOMER"
    assert relationship["_to"] == node["_id"]
    assert [each.get("_type", each.get("_labels")) for each in path] == [[child.name], "CUSTOMER", [name]]


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("duration('P1DT2H')", "P1DT2H"),
        ("point({x: 1, y: 2})", {"srid": 7203, "x": 1.0, "y": 2.0}),
        ("localtime('12:00:00.123456789')", "12:00:00.123456789"),
        ("time('12:00+02:00')", "12:00:00.000000000+02:00"),
        ("[1, 'a', null]", [1, "a", None]),
        ("{a: {b: 1}}", {"a": {"b": 1}}),
    ],
)
def test_other_types_are_nested_json_or_neo4js_own_text(adapter: Adapter, expression: str, value: Any) -> None:
    assert rows(adapter, f"RETURN {expression}") == [(value,)]


@pytest.mark.parametrize("word", ["KNOWS", "Date", "Node", "list"])
def test_a_relationship_is_one_at_any_depth_whatever_its_type_is_called(adapter: Adapter, name: str, word: str) -> None:
    made = f"CREATE (a:{name} {{n: 1}})-[r:{word} {{on: date('2024-02-29')}}]->(b:{name})"
    statement = f"{made} WITH a, b, r RETURN r, collect(r) AS listed, {{one: r}} AS mapped"
    try:
        ((plain, listed, mapped),) = rows(adapter, statement)
        assert (plain["_type"], plain["on"]) == (word, date(2024, 2, 29))
        assert (listed, mapped) == ([plain], {"one": plain})
    finally:
        rows(adapter, f"MATCH (x:{name}) DETACH DELETE x")


def test_several_statements_answer_one_after_another(adapter: Adapter) -> None:
    with adapter.query("RETURN 'a;b'; // c;\nRETURN $n", {"n": 2}) as first:
        assert [row for batch in first for row in batch] == [("a;b",)]
        second = first.following()
        assert second is not None
        assert [row for batch in second for row in batch] == [(2,)]
        assert second.following() is None


def test_what_dbfleet_did_not_make_is_sampled(adapter: Adapter, name: str) -> None:
    try:
        list(
            adapter.query(f"CREATE (:`{name}` {{a: 1, b: 'x'}})-[:`{name}_R` {{w: 1.5}}]->(:`{name}` {{a: 2, l: [1]}})")
        )
        schema = adapter.describe(name)
        assert {(column.name, column.type) for column in schema.columns} == {
            ("_id", Type.TEXT), ("a", Type.INT), ("b", Type.TEXT), ("l", Type.JSON),
        }  # fmt: skip
        assert sorted(row[1:] for batch in adapter.scan(schema) for row in batch) == [(1, "x", None), (2, None, [1])]
        edge = adapter.describe(f"{name}_R")
        assert edge.edge
        assert [row[2] for batch in adapter.scan(edge) for row in batch] == [1.5]
    finally:
        adapter.drop(name)


def test_dropped_collections_are_not_listed(adapter: Adapter, made: Make, name: str) -> None:
    """db.labels() still lists them."""
    schema = made(Schema(name, (ID,), ("id",)))
    adapter.write(schema, [[(1,)]])
    adapter.drop(name)
    assert name not in adapter.collections()


def test_wrong_password_database_and_port(target: Target) -> None:
    with pytest.raises(AuthFailed):
        registry.connect(target.with_(password="wrong"))
    with pytest.raises(AuthFailed):
        registry.connect(target.with_(database="nope"))
    with pytest.raises(Unavailable):
        registry.connect(target.with_(port=1), timeout_s=2)


def test_syntax_error_says_where(adapter: Adapter) -> None:
    with pytest.raises(StatementError, match="line 1"):
        adapter.query("MATCH (n RETURN n")


def test_shell_in_the_container_is_logged_in(fleet: Fleet, target: Target) -> None:
    if fleet.record(target.name).get("runtime") != "docker":
        pytest.skip("no such runtime in this run")
    command = shell(fleet, target.name)
    assert command is not None
    assert target.password
    assert target.password not in " ".join(command.argv)
    ran = subprocess.run(
        command.argv, input="SHOW CURRENT USER YIELD user;\n", capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    assert "neo4j" in ran.stdout


def test_the_driver_brings_no_libraries_for_values_that_are_never_sent(target: Target) -> None:
    code = (
        "import sys; from dbfleet import registry; from dbfleet.fleet import Fleet\n"
        "with registry.connect(Fleet.open().target(sys.argv[1])) as adapter: adapter.ping()\n"
        "sys.exit('pyarrow' in sys.modules or 'pandas' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, target.url(reveal=True)], check=True, timeout=60)


def test_a_result_of_nodes_holds_one_page_of_them(adapter: Adapter, made: Make, name: str) -> None:
    schema = made(Schema(name, (Column("id", Type.INT, nullable=False), Column("v", Type.TEXT)), ("id",)))
    adapter.write(schema, [[(number, "x" * 300) for number in range(20_000)]])
    tracemalloc.start()
    try:
        with adapter.query(f"MATCH (x:`{name}`) RETURN x", batch_size=500) as result:
            assert sum(len(batch) for batch in result) == 20_000
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 6e6, f"{peak / 1e6:.1f} MB held"
