"""Graphs that others made, with every type of property that Neo4j has, through every verb."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dbfleet.adapter import Adapter
from dbfleet.target import Target
from dbfleet.values import Column, Schema, Type
from tests.zoo.walk import Ran, codes, run, walk

pytestmark = pytest.mark.engines("neo4j")

PROPERTIES = """{
  id: 1, big: 9223372036854775807, b: true, f: 1.5, nan: NaN, s: "it's \U0001f600 \\u0000", empty: '',
  d: date('2024-02-29'), far: date('-0044-03-15'), t: localtime('13:05:00.25'), zt: time('12:00+02:00'),
  dt: localdatetime('2024-02-29T13:05:00.123456'), fine: localdatetime('2024-02-29T13:05:00.123456789'),
  i: datetime('2024-02-29T13:05:00Z'), zi: datetime('2024-02-29T13:05:00[Europe/Berlin]'),
  edge: datetime('9999-12-31T23:59:59-18:00'), dur: duration('P1M2DT3.5S'), p: point({x: 1, y: 2}),
  w: point({longitude: 1, latitude: 2, height: 3}), li: [1, 2], ls: ['a', 'b'], ld: [date('2024-01-01')],
  lf: [1.5, NaN], lb: [true], lp: [point({x: 1, y: 2})], bytes: $bytes
}"""


@pytest.fixture
def graph(adapter: Adapter, name: str) -> Iterator[str]:
    """`:NAME_P` nodes without a constraint, `:NAME_K` relationships between them; gone after the test."""
    yield name
    for (label,) in _rows(adapter, "CALL db.labels() YIELD label WHERE label STARTS WITH $n RETURN label", n=name):
        adapter.drop(label)
    for (label,) in _rows(adapter, "CALL db.relationshipTypes() YIELD relationshipType AS t WHERE t STARTS WITH $n "
                                   "RETURN t", n=name):  # fmt: skip
        adapter.drop(label)
    for (constraint,) in _rows(adapter, "SHOW CONSTRAINTS YIELD name WHERE name STARTS WITH $n RETURN name", n=name):
        _rows(adapter, f"DROP CONSTRAINT `{constraint}`")


def _rows(adapter: Adapter, statement: str, **params: object) -> list[Any]:
    with adapter.query(statement, params) as result:
        return [row for batch in result for row in batch]


def _records(ran: Ran) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ran.out.splitlines()]


def test_every_type_of_property(adapter: Adapter, target: Target, graph: str, tmp_path: Path) -> None:
    _rows(adapter, f"CREATE (:{graph} {PROPERTIES})", bytes=b"\x00\xff")
    _rows(adapter, f"CREATE (:{graph} {{id: 2, big: -9223372036854775808, mixed: 30}}), (:{graph} {{mixed: 'thirty'}})")
    ran = walk(target.url(reveal=True), graph, tmp_path, statement=f"MATCH (x:`{graph}`) RETURN x")
    assert set(codes(ran).values()) == {0}, codes(ran)
    (first, *_) = _records(run("query", f"sqlite:///{tmp_path}/copied.db", f'select * from "{graph}" where id = 1'))
    assert first["big"] == 9223372036854775807
    assert (first["far"], first["fine"]) == ("-0044-03-15", "2024-02-29T13:05:00.123456789")
    assert (first["dur"], first["zt"]) == ("P1M2DT3.5S", "12:00:00+02:00")
    assert first["ld"] == ["2024-01-01"]
    schema = adapter.describe(graph)
    types = {column.name: column.type for column in schema.columns}
    assert (types["bytes"], types["li"], types["t"]) == (Type.BYTES, Type.JSON, Type.TIME)
    exact = {column.name for column in schema.columns if not column.note}
    assert exact == {"id", "big", "b", "f", "nan", "s", "empty", "d", "t", "dt", "i", "bytes"}
    mixed = [row[schema.names.index("mixed")] for batch in adapter.scan(schema) for row in batch]
    assert sorted(map(str, mixed)) == ["30", "None", "thirty"]


def test_a_plain_query_shows_what_python_cannot_hold(adapter: Adapter) -> None:
    statement = (
        "RETURN date('-0044-03-15') AS d, [date('+12024-01-01')] AS l, "
        "{a: datetime('9999-12-31T23:59:59-18:00')} AS m, "
        "localdatetime('-999999999-01-01T00:00:00.000000001') AS far"
    )
    assert _rows(adapter, statement) == [
        (
            "-0044-03-15",
            ["+12024-01-01"],
            {"a": "9999-12-31T23:59:59-18:00"},
            "-999999999-01-01T00:00:00.000000001",
        )
    ]


@pytest.mark.parametrize("keyed", [True, False])
def test_relationships_lead_to_the_keys_of_their_ends(
    adapter: Adapter, target: Target, graph: str, tmp_path: Path, keyed: bool
) -> None:
    """Into SQLite as references, and into the same server as relationships again, also by way of a dump."""
    nodes, edges = f"{graph}_P", f"{graph}_K"
    if keyed:
        _rows(adapter, f"CREATE CONSTRAINT {graph}_c FOR (p:{nodes}) REQUIRE p.id IS UNIQUE")
    _rows(adapter, f"CREATE (a:{nodes} {{id: 1}})-[:{edges} {{w: 1}}]->(b:{nodes} {{id: 2}}), (b)-[:{edges}]->(b)")
    url = target.url(reveal=True)
    edge = adapter.describe(edges)
    assert edge.edge
    assert [each.collection for each in edge.references] == [nodes, nodes]
    assert adapter.describe(nodes).key == (("id",) if keyed else ("_id",))
    sqlite = f"sqlite:///{tmp_path}/copied.db"
    assert run("copy", url, sqlite, nodes, edges, "--verify").code == 0
    own = "id" if keyed else "_id"
    joined = (
        f'select a.id a, b.id b, k.w w from "{edges}" k join "{nodes}" a on a.{own} = k._from '
        f'join "{nodes}" b on b.{own} = k._to order by 1'
    )
    assert [tuple(each.values()) for each in _records(run("query", sqlite, joined))] == [(1, 2, 1), (2, 2, None)]
    assert run("dump", url, nodes, edges, "-o", str(tmp_path / "dump")).code == 0
    adapter.drop(edges)
    adapter.drop(nodes)
    again = run("load", url, str(tmp_path / "dump"))
    assert again.code == 0, again
    found = _rows(adapter, f"MATCH (a:{nodes})-[k:{edges}]->(b:{nodes}) RETURN a.id, b.id, k.w ORDER BY a.id")
    assert found == [(1, 2, 1), (2, 2, None)]
    for each in (nodes, edges):
        assert run("diff", f"{url}#{each}", f"{sqlite}#{each}").code == 0
    assert run("copy", sqlite, url, nodes, edges, "--mode", "replace", "--yes", "--verify").code == 0
    assert _rows(adapter, f"MATCH (:{nodes})-[k:{edges}]->(:{nodes}) RETURN count(k)") == [(2,)]


def test_what_a_copy_leaves_or_changes_is_named(adapter: Adapter, target: Target, graph: str, tmp_path: Path) -> None:
    """Nodes with several labels, relationships between labels without one in common, indexes; nodes without a label
    are a collection."""
    one, two, kind = f"{graph}_A", f"{graph}_B", f"{graph}_R"
    _rows(adapter, f"CREATE (a:{one} {{v: 1}})-[:{kind}]->(b:{two} {{v: 2}})-[:{kind}]->(a), (:{one}:{two} {{v: 3}})")
    _rows(adapter, f"CREATE INDEX {graph}_i FOR (x:{one}) ON (x.v)")
    unlabelled: Any = _rows(adapter, "CREATE (x {v: 4}) RETURN elementId(x)")
    try:
        reading: Any = adapter
        assert "(no label)" in adapter.collections()
        assert (4,) in [row for batch in adapter.scan(Schema("(no label)", (Column("v", Type.INT),))) for row in batch]
        left = " ".join(reading.extras(one).left)
        assert two in left
        assert f"{graph}_i" in left
        edge = adapter.describe(kind)
        assert not edge.edge
        assert {column.name for column in edge.columns if column.note} == {"_from", "_to"}
        strict = run("copy", target.url(reveal=True), f"sqlite:///{tmp_path}/s.db", one, two, kind, "--strict")
        assert strict.code == 6
    finally:
        _rows(adapter, "MATCH (x) WHERE elementId(x) = $id DELETE x", id=unlabelled[0][0])
        _rows(adapter, f"DROP INDEX {graph}_i")


def test_relationships_between_nodes_of_many_labels_are_rows_too(
    adapter: Adapter, target: Target, graph: str, tmp_path: Path
) -> None:
    """Without references, as no label has all of their ends; between nodes without a label, from a node to itself,
    several between the same two."""
    one, two, kind = f"{graph}_A", f"{graph}_B", f"{graph}_R"
    _rows(
        adapter,
        f"CREATE (a:{one} {{v: 1}})-[:{kind} {{w: 1}}]->(b:{two} {{v: 2}})-[:{kind} {{w: 2}}]->(a), "
        f"(b)-[:{kind} {{w: 3}}]->(b), (a)-[:{kind}]->(b), (a)-[:{kind}]->(b), "
        f"(b)-[:{kind} {{w: 4}}]->(c {{of: '{graph}'}})",
    )
    try:
        (tmp_path / kind).mkdir()
        ran = walk(
            target.url(reveal=True), kind, tmp_path / kind, statement=f"MATCH ()-[x:{kind}]->() RETURN x.w, type(x)"
        )
        assert {verb: (each.code, each.err) for verb, each in ran.items() if each.code} == {}
        found = _records(run("query", f"sqlite:///{tmp_path}/{kind}/copied.db", f'select w from "{kind}" order by w'))
        assert [each["w"] for each in found] == [None, None, 1, 2, 3, 4]
        assert adapter.count(kind) == 6
    finally:
        _rows(adapter, f"MATCH (x) WHERE x.of = '{graph}' DETACH DELETE x")


def test_ends_without_a_label_in_common_are_found_by_the_element_id(
    adapter: Adapter, target: Target, graph: str, tmp_path: Path
) -> None:
    """Also of a label that has a key of its own; one whose relationships lead to keys has none beside it."""
    one, two, far, kind, plain = (f"{graph}_{word}" for word in ("A", "B", "C", "R", "S"))
    for label in (one, far):
        _rows(adapter, f"CREATE CONSTRAINT {label}_c FOR (x:{label}) REQUIRE x.id IS UNIQUE")
    _rows(
        adapter,
        f"CREATE (a:{one} {{id: 1}})-[:{kind} {{w: 1}}]->(a), (a)-[:{kind} {{w: 2}}]->(b:{two} {{v: 2}}), "
        f"(b)-[:{kind} {{w: 3}}]->(a), (:{far} {{id: 1}})-[:{plain}]->(:{far} {{id: 2}})",
    )
    assert (adapter.describe(one).key, adapter.describe(one).names) == (("id",), ("_id", "id"))
    assert (adapter.describe(two).key, adapter.describe(far).names) == (("_id",), ("id",))
    sqlite = f"sqlite:///{tmp_path}/copied.db"
    ran = run("copy", target.url(reveal=True), sqlite, one, two, kind, "--verify")
    assert ran.code == 0, ran
    assert "_id of a row of one of them" in " ".join(ran.err.split())
    nodes = f"select _id, 'a' n from \"{one}\" union all select _id, 'b' from \"{two}\""
    joined = f'select k.w, f.n f, t.n t from "{kind}" k join ({nodes}) f on f._id = k._from join ({nodes}) t on t._id = k._to order by 1'  # noqa: E501
    found = [tuple(each.values()) for each in _records(run("query", sqlite, joined))]
    assert found == [(1, "a", "a"), (2, "a", "b"), (3, "b", "a")]


def test_relationships_of_a_type_that_is_called_as_a_label_are_told(
    adapter: Adapter, target: Target, graph: str, tmp_path: Path
) -> None:
    both = f"{graph}_K"
    _rows(adapter, f"CREATE (:{both} {{id: 1}})-[:{both} {{w: 1}}]->(:{both} {{id: 2}})")
    told = "1 relationships of a type that has the same name as this label"
    reading: Any = adapter
    assert told in reading.extras(both).left
    url, sink = target.url(reveal=True), f"sqlite:///{tmp_path}/k.db"
    assert run("copy", url, sink, both, "--strict").code == 6
    assert told in run("copy", url, sink, both).err
    assert told in run("dump", url, both, "-o", str(tmp_path / "d")).err


def test_names_of_properties_that_are_ours_too(adapter: Adapter, target: Target, graph: str, tmp_path: Path) -> None:
    _rows(adapter, f"CREATE (a:{graph} {{_id: 7, _from: 'x', `a.b``c`: 1, `\U0001f600`: 2, `select`: 3}})"
                   f"-[:{graph}_R {{_from: 1, _to: 2}}]->(a)")  # fmt: skip
    for each in (graph, f"{graph}_R"):
        folder = tmp_path / each
        folder.mkdir()
        ran = walk(target.url(reveal=True), each, folder, statement=f"MATCH (x:`{graph}`) RETURN x")
        assert set(codes(ran).values()) == {0}, codes(ran)
    assert adapter.describe(graph).names[:3] == ("_id_", "_from", "_id")


def test_a_value_that_is_not_of_its_column_is_refused_by_name(
    adapter: Adapter, target: Target, graph: str, tmp_path: Path
) -> None:
    """A query has changed what dbfleet made."""
    path = tmp_path / "people.csv"
    path.write_text("id,name,price\n1,Ann,1.25\n2,Bob,2.5\n")
    url = target.url(reveal=True)
    assert run("load", f"{url}#{graph}", str(path)).code == 0
    _rows(adapter, f"MATCH (x:{graph} {{id: 2}}) SET x.name = 5")
    ran = run("digest", f"{url}#{graph}")
    assert ran.code == 5
    assert f"{graph}.name: 5" in ran.err


def test_a_list_of_lists_and_half_a_pair_of_surrogates_are_refused(
    adapter: Adapter, target: Target, graph: str, tmp_path: Path
) -> None:
    url = target.url(reveal=True)
    assert run("query", url, f"CREATE (:{graph} {{l: [[1]]}})").code == 5
    for line in ('{"id": 1, "v": "\\ud83d"}', '{"id": 1, "\\ud83d": 2}'):
        path = tmp_path / "half.jsonl"
        path.write_text(line + "\n")
        assert run("load", f"{url}#{graph}", str(path)).code == 2


def test_what_a_transaction_does_not_hold_is_refused_by_name(adapter: Adapter, graph: str) -> None:
    """Before it is sent: 300 MB of heap for one value end a small server."""
    schema = Schema(graph, (Column("id", Type.INT, False), Column("v", Type.TEXT)), ("id",))
    adapter.create(schema)
    written = adapter.write(schema, [[(1, "x"), (2, "x" * 100_000_000), (3, "x" * 3_000_000)]])
    assert written.rows == 2
    ((reason),) = [each.reason for each in written.rejected]
    assert f"{graph}.v of key (2,): 100,000,000 bytes" in reason
    assert sorted(len(row[1]) for batch in adapter.scan(schema) for row in batch) == [1, 3_000_000]
