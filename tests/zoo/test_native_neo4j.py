"""Neo4j to Neo4j: graphs as they are, proven by the server's own Cypher over every node, relationship, constraint and
index."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest

from dbfleet import registry
from dbfleet.engines.neo4j.native import outline, take
from dbfleet.outline import Step
from dbfleet.target import Target
from tests.zoo.neo4j_kinds import KINDS, ask, emptied, fill, graph, rules, told
from tests.zoo.walk import Ran, run

pytestmark = pytest.mark.engines("neo4j")

Pair = tuple[Target, Target]


@pytest.fixture(name="pair")
def two_graphs(neo4j_servers: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pair:
    """Two empty databases."""
    monkeypatch.setenv("DBFLEET_STATE_DIR", str(tmp_path / "state"))
    for each in neo4j_servers:
        emptied(each)
    return neo4j_servers


def url(target: Target) -> str:
    return target.url(reveal=True)


def left_of(ran: Ran) -> list[str]:
    found: list[str] = json.loads(ran.err[ran.err.index('{"receipt"') :])["left"]
    return found


def records(ran: Ran) -> list[dict[str, object]]:
    return [json.loads(line) for line in ran.out.splitlines()]


# --- copy ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "options"), [*((kind, ("--verify",)) for kind in KINDS), ("alike", ("--jobs", "1"))])
def test_a_graph_is_the_same(pair: Pair, kind: str, options: tuple[str, ...]) -> None:
    source, sink = pair
    fill(source, KINDS[kind])
    before = told(source)
    copied = run("copy", url(source), url(sink), "--strict", *options)
    assert copied.code == 0, copied
    assert told(sink) == before == told(source), "and nothing else is left in either"
    if "--verify" in options:
        assert left_of(copied) == []
    compared = run("diff", url(source), url(sink))
    assert (compared.code, compared.out, compared.err) == (0, b"", ""), compared


@pytest.mark.parametrize(
    "change",
    [
        "MATCH (n:N {n: 1}) SET n.n = 1.0", "MATCH (n:N {n: 1}) SET n:More",
        "MATCH (n:N {n: 1})-[r:SELF {w: 1}]->() DELETE r",
        "MATCH (a:N {n: 1}) CREATE (a)-[:R]->(a)", "MATCH (n) WHERE labels(n) = [] WITH n LIMIT 1 DETACH DELETE n",
        "MATCH ()-[r:SELF {w: 1}]->() SET r.w = [1]",
    ],
)  # fmt: skip
def test_a_graph_that_is_not_the_same_is_seen(pair: Pair, change: str) -> None:
    """By what these tests compare with, by diff and by digests."""
    source, sink = pair
    fill(source, KINDS["relationships"])
    assert run("copy", url(source), url(sink)).code == 0
    assert _digests(source) == _digests(sink)
    fill(sink, [change])
    assert graph(sink) != graph(source)
    assert run("diff", url(source), url(sink)).code == 1
    assert _digests(source) != _digests(sink)


def _digests(target: Target) -> dict[object, object]:
    return {each["collection"]: each["digest"] for each in records(run("digest", url(target), "--native"))}


def test_all_of_it_at_once(pair: Pair) -> None:
    source, sink = pair
    for kind in ("labels", "relationships", "alike", "names"):
        fill(source, KINDS[kind])
    copied = run("copy", url(source), url(sink), "--verify", "--strict")
    assert copied.code == 0, copied
    assert told(sink) == told(source)


def test_into_a_database_that_holds_other_things(pair: Pair) -> None:
    """They stay, and where a name is taken another one is found and told."""
    source, sink = pair
    fill(source, KINDS["indexes"])
    fill(sink, ["CREATE (:Other {id: 1})-[:OF]->(:Other {id: 2}), (:Other:More)",
                "CREATE INDEX composite FOR (n:Other) ON (n.id)", "CREATE INDEX of_nothing FOR (n:Other) ON (n.k)",
                "CREATE CONSTRAINT one FOR (n:More) REQUIRE n.k IS UNIQUE"])  # fmt: skip
    others = rules(sink)
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert sorted(left_of(copied)) == [
        "P: the name index composite is taken in the sink, where it is called index composite_1 now",
        "P: the name index one is taken in the sink, where it is called index one_1 now",
        "the range index of_nothing, which has a name that is taken there: does not come along",
    ]
    assert set(others) <= set(rules(sink))
    both = set(rules(source)) | set(others)
    assert len(rules(sink)) == len(both) - 1, "but for the lookup indexes, which both have, and for of_nothing"
    assert ask(sink, "MATCH (n) RETURN count(n)") == [[ask(source, "MATCH (n) RETURN count(n)")[0][0] + 3]]
    assert ask(sink, "MATCH (:Other)-[r]->(:Other) RETURN type(r)") == [["OF"]]


def test_an_insert_beside_nodes_of_the_label_is_refused(pair: Pair) -> None:
    source, sink = pair
    fill(source, KINDS["the case"])
    fill(sink, ["CREATE (:P {id: 7})"])
    before = told(sink)
    copied = run("copy", url(source), url(sink))
    assert copied.code == 2, copied
    assert told(sink) == before


@pytest.mark.parametrize("kind", ["the case, keyed", "labels", "relationships", "names", "indexes"])
def test_a_graph_takes_the_place_of_another(pair: Pair, kind: str) -> None:
    source, sink = pair
    fill(source, KINDS[kind])
    fill(sink, KINDS[kind])
    fill(sink, ["MATCH (n) WITH n LIMIT 2 SET n.more = 1", "CREATE (:Untouched {n: 1})-[:STAYS]->(:Untouched)"])
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    fill(sink, ["MATCH (n:Untouched) DETACH DELETE n"])
    assert told(sink) == told(source)


def test_nodes_that_others_hang_on_are_not_replaced(pair: Pair) -> None:
    source, sink = pair
    fill(source, KINDS["the case"])
    fill(sink, ["CREATE (:P {id: 9})-[:HANGS]->(:Z)"])
    before = told(sink)
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes")
    assert copied.code == 5, copied
    assert "HANGS" in copied.err
    assert told(sink) == before


def test_keyed_nodes_are_merged_and_new_relationships_find_them(pair: Pair) -> None:
    source, sink = pair
    key = "CREATE CONSTRAINT pid FOR (p:P) REQUIRE p.id IS UNIQUE"
    fill(source, [key, "CREATE (a:P {id: 1, v: 'new'})-[:K {w: 1}]->(b:P:Q {id: 2}), (a)-[:K]->(:P {id: 3})"])
    fill(sink, [key, "CREATE (a:P:Old {id: 1, v: 'old', gone: 1})-[:OTHER]->(:P {id: 4})"])
    copied = run("copy", url(source), url(sink), "P", "K", "--mode", "upsert", "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "MATCH (p:P) RETURN labels(p), properties(p) ORDER BY p.id") == [
        [["P"], {"id": 1, "v": "new"}], [["P", "Q"], {"id": 2}], [["P"], {"id": 3}], [["P"], {"id": 4}],
    ]  # fmt: skip
    found = ask(sink, "MATCH (a)-[r]->(b) RETURN a.id, type(r), b.id ORDER BY b.id")
    assert found == [[1, "K", 2], [1, "K", 3], [1, "OTHER", 4]]
    again = run("copy", url(source), url(sink), "P", "K", "--mode", "upsert")
    assert again.code == 6, "relationships have no key"


def test_one_label_of_several_comes_with_the_others(pair: Pair) -> None:
    source, sink = pair
    fill(source, KINDS["labels"])
    copied = run("copy", url(source), url(sink), "C", "A", "--verify")
    assert copied.code == 0, copied
    every = "MATCH (n) WHERE n:A OR n:C RETURN labels(n), properties(n)"
    assert sorted(map(repr, ask(sink, every))) == sorted(map(repr, ask(source, every)))
    assert ask(sink, "MATCH (n) WHERE NOT n:A AND NOT n:C RETURN n") == []


def test_a_label_under_another_name(pair: Pair) -> None:
    source, sink = pair
    fill(source, KINDS["indexes"])
    copied = run("copy", f"{url(source)}#P", f"{url(sink)}#P 2", "--verify")
    assert copied.code == 0, copied
    assert ask(sink, "MATCH (n) RETURN labels(n), n.id") == [[["P 2"], 1]]
    assert all(":`P`" not in text for text in rules(sink))
    assert sum(":`P 2`" in text for text in rules(sink)) == sum(":`P`" in text for text in rules(source))


def test_relationships_whose_nodes_do_not_come_are_refused_by_name(pair: Pair) -> None:
    source, sink = pair
    fill(source, KINDS["the case"])
    copied = run("copy", url(source), url(sink), "K")
    assert copied.code == 5, copied
    assert "a node that the relationship connects is not there" in copied.err
    assert ask(sink, "MATCH (n) RETURN n") == []


def test_relationships_that_nobody_sees_are_named(pair: Pair) -> None:
    source, sink = pair
    fill(source, ["CREATE (:K {id: 1})-[:K]->(:K {id: 2})"])
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    assert left_of(copied) == ["K: 1 relationships of a type that has the same name as this label: does not come along"]
    assert run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--strict").code == 6
    fill(sink, ["MATCH (a:K {id: 1}), (b:K {id: 2}) CREATE (b)-[:K]->(a)"])
    refused = run("copy", url(source), url(sink), "--mode", "replace", "--yes")
    assert (refused.code, "nodes of K have relationships K" in refused.err) == (5, True), refused


def test_rows_of_dbfleet_s_own_go_with_what_others_hung_on_them(pair: Pair) -> None:
    source, sink = pair
    assert run("seed", url(source), "--rows", "200").code == 0
    fill(source, ["MATCH (c:customers) WITH c ORDER BY c.id LIMIT 3 CREATE (c)-[:LIKES {n: 1}]->(:Cat {n: c.id})",
                  "CREATE INDEX mine FOR (c:customers) ON (c.city)"])  # fmt: skip
    copied = run("copy", url(source), url(sink), "--verify", "--strict")
    assert copied.code == 0, copied
    assert told(sink) == told(source)
    assert run("diff", url(source), url(sink)).code == 0
    for names in (["customers", "Cat", "LIKES"], ["customers", "orders", "Cat", "LIKES"]):
        beside = run("copy", url(source), url(sink), *names, "--mode", "replace", "--yes")
        assert (beside.code, "replace " in beside.err) == (5, True), "relationships of rows that stay would go"
    assert told(sink) == told(source)
    fill(sink, ["MATCH (c:Cat) DETACH DELETE c", "DROP INDEX mine"])
    fill(source, ["MATCH (c:Cat) DETACH DELETE c"])
    copied = run("copy", url(source), url(sink), "--mode", "replace", "--yes", "--verify")
    assert copied.code == 0, copied
    assert told(sink) == told(source)


def test_what_rows_of_dbfleet_s_own_have_besides_is_named(pair: Pair) -> None:
    source, sink = pair
    assert run("seed", url(source), "--rows", "30").code == 0
    fill(source, ["MATCH (c:customers) WITH c ORDER BY c.id LIMIT 1 SET c:VIP, c.more = 1", "CREATE (:VIP {n: 1})",
                  "CREATE (c:CUSTOMER {n: 1})-[:CUSTOMER]->(c)-[:PRODUCT]->(c)-[:customers]->(c), (:follows)",
                  "CREATE INDEX one FOR ()-[r:customers]-() ON (r.w)",
                  "CREATE INDEX two FOR ()-[r:PRODUCT]-() ON (r.w)"])  # fmt: skip
    copied = run("copy", url(source), url(sink), "--verify")
    assert copied.code == 0, copied
    hidden = "relationships of a type that has the same name as this label"
    assert sorted(left_of(copied)) == [
        f"{text}: does not come along"
        for text in (
            "1 relationships PRODUCT that are of no row's reference, as others of this type are",
            f"CUSTOMER: 1 {hidden}",
            "customers: 1 of its nodes are nodes of VIP too, and become two rows",
            f"customers: 1 {hidden}",
            "customers: the property more, which its schema does not have",
            "customers: the range index one",
            "follows: 1 nodes of a label that has the same name as these relationships",
        )
    ]
    assert ask(sink, "MATCH (c:CUSTOMER) RETURN labels(c), c.n") == [[["CUSTOMER"], 1]]
    assert ask(sink, "SHOW INDEXES YIELD name, type WHERE type = 'RANGE' AND name IN ['one', 'two'] RETURN name") == [
        ["two"]
    ]
    assert ask(sink, "MATCH (v:VIP) RETURN labels(v), v.n") == [[["VIP"], 1]]


def test_constraints_of_another_edition_are_lacking() -> None:
    class Community:
        def rows(self, _: str) -> list[list[str]]:
            return [["community"]]

    kinds = [
        "UNIQUENESS",
        "RELATIONSHIP_UNIQUENESS",
        "NODE_KEY",
        "NODE_PROPERTY_EXISTENCE",
        "RELATIONSHIP_PROPERTY_TYPE",
    ]
    steps = [Step("keys", f"{outline.CONSTRAINT}{kind}", "P", kind, "CREATE") for kind in kinds]
    found = take.lacking(Community(), steps)  # type: ignore[arg-type]
    assert found == {step.mark: "needs the Enterprise Edition" for step in steps[2:]}


# --- diff ---------------------------------------------------------------------------------------------------------


def test_diff_sees_what_the_closed_set_cannot(pair: Pair) -> None:
    a, b = pair
    keyed = "CREATE CONSTRAINT pid FOR (p:P) REQUIRE p.id IS UNIQUE"
    for each in pair:
        fill(
            each, [keyed, "CREATE (:P {id: 1, n: 1})-[:K {w: 1}]->(:P:Q {id: 2, at: localtime('01:00')}), (:P {id: 3})"]
        )
    fill(b, [
        "MATCH (p:P {id: 1}) SET p.n = 1.0", "MATCH (p:P {id: 2}) REMOVE p:Q SET p.at = time('01:00Z')",
        "MATCH (p:P {id: 3}) SET p.id = 4",
    ])  # fmt: skip
    found = run("diff", f"{url(a)}#P", f"{url(b)}#P")
    assert found.code == 1
    told_by_key = {repr(each["key"]): (each["change"], each["before"], each["after"]) for each in records(found)}
    assert told_by_key == {
        "{'id': 1}": ("changed", {"n": 1}, {"n": 1.0}),
        "{'id': 2}": ("changed", {"labels": ["Q"], "at": "01:00:00"}, {"labels": [], "at": "01:00:00+00:00"}),
        "{'id': 3}": ("removed", {"id": 3, "labels": []}, None),
        "{'id': 4}": ("added", None, {"id": 4, "labels": []}),
    }
    related = run("diff", f"{url(a)}#K", f"{url(b)}#K")
    assert sorted(str(each["change"]) for each in records(related)) == ["added", "removed"]
    assert {each["key"] for each in records(related)} == {None}


@pytest.mark.parametrize("way", ["written", "statements"])
def test_keyed_nodes_are_synced(pair: Pair, way: str) -> None:
    a, b = pair
    for each in pair:
        fill(each, ["CREATE CONSTRAINT FOR (p:All) REQUIRE p.id IS UNIQUE"])
    fill(a, [KINDS["values"][0], "MATCH (n:All) SET n:`M'o``re`"])
    if way == "statements":  # Cypher has no literal for bytes
        fill(a, ["MATCH (n:All) REMOVE n.bytes, n.nobytes"])
    fill(a, ["CREATE (:All {id: 2}), (:All {id: 4, n: 1})"])
    fill(b, ["CREATE (:All:Gone {id: 4, gone: 1}), (:All {id: 3})"])
    ends = f"{url(a)}#All", f"{url(b)}#All"
    if way == "written":
        synced = run("diff", *ends, "--sync", "--yes")
        assert synced.code == 0, synced
    else:
        for line in run("diff", *ends, "--sync").out.decode().splitlines():
            said = run("query", url(b), line)
            assert said.code == 0, said
    assert graph(b) == graph(a)


def test_nodes_without_a_key_are_not_synced(pair: Pair) -> None:
    a, b = pair
    fill(a, ["CREATE (:P {id: 1})-[:K]->(:P {id: 2})"])
    fill(b, ["CREATE (:P {id: 1})-[:K]->(:P {id: 3})"])
    for name in ("P", "K"):
        assert run("diff", f"{url(a)}#{name}", f"{url(b)}#{name}", "--sync", "--yes").code == 6


# --- dumps --------------------------------------------------------------------------------------------------------


def dumped(source: Target, folder: Path) -> str:
    ran = run("dump", url(source), "--native", "-o", str(folder))
    assert ran.code == 0, ran
    return str(folder)


@pytest.mark.parametrize(
    ("kind", "mode"),
    [
        *((kind, "insert") for kind in KINDS if kind not in ("alike", "labels", "relationships", "indexes")),
        ("labels of nodes that can be told apart", "replace"),
    ],
)
def test_a_native_dump_is_the_same_graph_again(pair: Pair, tmp_path: Path, kind: str, mode: str) -> None:
    source, sink = pair
    fill(source, KINDS[kind])
    if mode == "replace":
        fill(sink, KINDS[kind])
        fill(sink, ["MATCH (n) WITH n LIMIT 2 SET n.more = 1"])
    loaded = run("load", url(sink), dumped(source, tmp_path / "d"), "--verify", "--mode", mode, "--yes")
    assert loaded.code == 0, loaded
    assert told(sink) == told(source)


def test_of_nodes_that_are_alike_a_dump_does_not_say_which(pair: Pair, tmp_path: Path) -> None:
    source, sink = pair
    fill(source, KINDS["alike"])
    loaded = run("load", url(sink), dumped(source, tmp_path / "d"), "--rejected", str(tmp_path / "r.jsonl"))
    assert loaded.code == 5, loaded
    assert "nodes are alike" in loaded.err


def test_a_native_dump_is_read_elsewhere(pair: Pair, tmp_path: Path) -> None:
    source, _ = pair
    fill(source, KINDS["the case, keyed"])
    loaded = run("load", f"sqlite:///{tmp_path}/a.db", dumped(source, tmp_path / "d"), "--verify")
    assert loaded.code == 0, loaded
    rows = records(run("query", f"sqlite:///{tmp_path}/a.db", "SELECT * FROM K"))
    ends = [{"labels": ["P"], "properties": {"id": number}} for number in (1, 2)]
    assert [(row["from"], row["to"], row["properties"]) for row in rows] == [(*ends, {"w": 1})]


def test_unlabelled_nodes_are_a_collection_elsewhere_too(pair: Pair, tmp_path: Path) -> None:
    source, _ = pair
    fill(source, ["CREATE ({v: 1}), ({v: 2}), (:P {v: 3})"])
    copied = run("copy", url(source), f"sqlite:///{tmp_path}/a.db", "--verify")
    assert copied.code == 0, copied
    assert records(run("query", f"sqlite:///{tmp_path}/a.db", 'SELECT v FROM "(no label)" ORDER BY v')) == [
        {"v": 1}, {"v": 2},
    ]  # fmt: skip
    with contextlib.closing(registry.connect(source)) as adapter:
        assert adapter.count("(no label)") == 2
