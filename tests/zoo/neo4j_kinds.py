"""Graphs of every kind for the tests of Neo4j, and what the server's own Cypher says that a database holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

import neo4j

from dbfleet.target import Target

_ALL: Final = """{
  id: 1, big: 9223372036854775807, small: -9223372036854775808, b: true, f: 1.0, one: 1, tiny: 5e-324, huge: 1.7e308,
  minus: -0.0, zero: 0.0, nan: NaN, inf: Infinity, ninf: -Infinity, s: "it's \U0001f600 \\u0000 \\"", empty: '',
  d: date('2024-02-29'), far: date('-999999999-01-01'), late: date('+999999999-12-31'),
  t: localtime('13:05:00.000000001'), midnight: localtime('00:00'), zt: time('12:00:00.123456789+02:00'),
  zts: time('12:00-18:00'), dt: localdatetime('2024-02-29T13:05:00.123456789'),
  fardt: localdatetime('-999999999-01-01T00:00:00.000000001'), i: datetime('2024-02-29T13:05:00Z'),
  off: datetime('2024-02-29T13:05:00.000000001-17:59'), zi: datetime('2024-02-29T13:05:00[Europe/Berlin]'),
  fold: datetime('2024-10-27T02:30:00+01:00[Europe/Berlin]'),
  fold2: datetime('2024-10-27T02:30:00+02:00[Europe/Berlin]'),
  edge: datetime('9999-12-31T23:59:59-18:00'), old: datetime('-0044-03-15T12:00[Europe/Rome]'),
  dur: duration('P1M2DT3.5S'), neg: duration('-P1Y2M-3DT-4.000000001S'), nodur: duration('PT0S'),
  days: duration({months: 9999999999, days: -1, seconds: 5, nanoseconds: 999999999}),
  p: point({x: 1, y: -0.0}), p3: point({x: 1, y: 2, z: 1e300}), w: point({longitude: -180, latitude: 90}),
  w3: point({longitude: 1, latitude: 2, height: 3}), li: [1, -2], lf: [1.0, NaN, Infinity], ls: ['a', '', 'b'],
  lb: [true, false], ld: [date('2024-01-01'), date('-0001-01-01')], lt: [localtime('01:00')],
  lzt: [time('01:00+01:00')], ldt: [localdatetime('2024-01-01T00:00')],
  lzdt: [datetime('2024-01-01T00:00Z'), datetime('2024-01-01T00:00[Asia/Tokyo]')],
  ldur: [duration('P1D'), duration('PT24H')], lp: [point({x: 1, y: 2}), point({x: 3, y: 4})], none: [],
  bytes: $bytes, nobytes: $nobytes
}"""

KINDS: Final[Mapping[str, Sequence[str]]] = {
    "the case": ["CREATE (:P {id: 1})-[:K {w: 1}]->(:P {id: 2})", "CREATE ({v: 1}), (:P:Q {id: 3})"],
    "the case, keyed": [
        "CREATE CONSTRAINT pid FOR (p:P) REQUIRE p.id IS UNIQUE",
        "CREATE (:P {id: 1})-[:K {w: 1}]->(:P {id: 2})", "CREATE (), (:P:Q {id: 3})",
    ],
    "values": [f"CREATE (:All {_ALL})", f"CREATE (a {_ALL})-[:R {_ALL}]->(:All {{id: 2}})"],
    "labels": [
        "CREATE (:A {n: 1}), (:B:A {n: 1}), (:A:B:C {n: 1}), (:C {n: 1}), (:B:C {n: 1}), (:C:A {n: 2})",
        "CREATE (:A), (:A), (:A:B), (:A:B), (), (), ({n: 1})",
        "MATCH (a:A:B:C), (b) WHERE size(labels(b)) < 3 CREATE (a)-[:R]->(b), (b)-[:S {n: 1}]->(a)",
    ],
    "labels of nodes that can be told apart": [
        "CREATE (:A {n: 1}), (:B:A {n: 2}), (:A:B:C {n: 3}), ({n: 4}), (:A:B {t: 1}), (:A:B {t: 1}), (:A), (:A), ()",
        "MATCH (a {n: 3}), (b) WHERE b.n < 9 CREATE (a)-[:R]->(b), (b)-[:R]->(a), (b)-[:R {w: 1}]->(b), (b)-[:R]->(b)",
    ],
    "relationships": [
        "CREATE (a:N {n: 1}), (b:N {n: 2}), (a)-[:R]->(b), (a)-[:R]->(b), (a)-[:R {w: 1}]->(b), (b)-[:R]->(a), "
        "(a)-[:SELF {w: 1.0}]->(a), (a)-[:SELF {w: 1}]->(a), (b)-[:SELF]->(b)",
        "MATCH (a:N {n: 1}) CREATE (a)-[:OUT]->(:M)-[:OUT]->()-[:OUT]->()-[:OUT]->(a)",
    ],
    "alike": [
        "CREATE (a:T {v: 1}), (b:T {v: 1}), (c:T {v: 1}), (x:U {n: 1}), (y:U {n: 2}), (a)-[:R]->(x), (b)-[:R]->(y), "
        "(b)-[:R]->(y), (c)-[:R]->(a), (d), (e), (d)-[:R]->(e), (e)-[:R]->(x)",
    ],
    "names": [
        "CREATE (:`a b``c` {`x y``z`: 1, `\U0001f600`: 2, `_dbfleet`: 3, `select`: 4, labels: 5, properties: 6})"
        "-[:`ty``pe \U0001f600` {`from`: 1, to: 2}]->(:Übung:`a.b:c` {`'\"\\\\`: 1})",
        "CREATE (:P:p:`a/b`:`..`:`a#b?c=d`:`%41`)-[:`x/y#z` {n: 1}]->(:`new\nline`)-[:r]->(:con)<-[:R]-(:p)",
        "CREATE CONSTRAINT `name ``1``` FOR (n:`a b``c`) REQUIRE (n.`x y``z`, n.`select`) IS UNIQUE",
        "CREATE INDEX `\U0001f600 FOR (x)` FOR ()-[r:`ty``pe \U0001f600`]-() ON (r.`from`)",
        "CREATE FULLTEXT INDEX many FOR (n:`a b``c`|Übung|`a.b:c`) ON EACH [n.`x y``z`, n.b]",
    ],
    "indexes": [
        "CREATE (:P {id: 1, k: 'a', t: 'text', p: point({x: 1, y: 2}), v: [1.0, 2.0, 3.0]})-[:R {id: 1, w: 2}]->(:Q)",
        "CREATE CONSTRAINT one FOR (n:P) REQUIRE n.id IS UNIQUE",
        "CREATE CONSTRAINT two FOR (n:P) REQUIRE (n.id, n.k) IS UNIQUE",
        "CREATE CONSTRAINT rel FOR ()-[r:R]-() REQUIRE r.id IS UNIQUE",
        "CREATE INDEX FOR (n:P) ON (n.k)", "CREATE INDEX composite FOR (n:P) ON (n.k, n.t)",
        "CREATE TEXT INDEX txt FOR (n:P) ON (n.t)", "CREATE POINT INDEX pt FOR (n:P) ON (n.p) OPTIONS {indexConfig: "
        "{`spatial.cartesian.min`: [-10.0, -10.0], `spatial.cartesian.max`: [10.0, 10.0]}}",
        "CREATE FULLTEXT INDEX ft FOR (n:P|Q|Nothing) ON EACH [n.t, n.k] OPTIONS {indexConfig: "
        "{`fulltext.analyzer`: 'english', `fulltext.eventually_consistent`: true}}",
        "CREATE FULLTEXT INDEX ftr FOR ()-[r:R|OTHER]-() ON EACH [r.w]", "CREATE INDEX relw FOR ()-[r:R]-() ON (r.w)",
        "CREATE TEXT INDEX reltxt FOR ()-[r:R]-() ON (r.w)", "CREATE POINT INDEX relpt FOR ()-[r:R]-() ON (r.p)",
        "CREATE VECTOR INDEX vec FOR (n:P) ON (n.v) OPTIONS {indexConfig: "
        "{`vector.dimensions`: 3, `vector.similarity_function`: 'euclidean'}}",
        "CREATE VECTOR INDEX relvec FOR ()-[r:R]-() ON (r.v) OPTIONS {indexConfig: {`vector.dimensions`: 2}}",
        "CREATE INDEX of_nothing FOR (n:Nothing) ON (n.x)",
        "CREATE CONSTRAINT of_nothing_either FOR (n:Nothing) REQUIRE n.y IS UNIQUE",
    ],
}  # fmt: skip


@contextmanager
def client(target: Target) -> Iterator[Any]:
    """A session of the driver's."""
    with (
        neo4j.GraphDatabase.driver(
            f"bolt://{target.host}:{target.port}", auth=(target.user, target.password), notifications_min_severity="OFF"
        ) as driver,
        driver.session() as session,
    ):
        yield session


def fill(target: Target, statements: Sequence[str], **params: object) -> None:
    """Run the statements."""
    with client(target) as session:
        for statement in statements:
            given = {"bytes": b"\x00\xff\x7f", "nobytes": b"", **params}
            session.run(statement, {name: value for name, value in given.items() if f"${name}" in statement}).consume()
        session.run("CALL db.awaitIndexes(300)").consume()


def ask(target: Target, statement: str, **params: object) -> list[Any]:
    """The rows of a statement; what the driver cannot make of a value is Bolt's own."""
    with client(target) as session:
        return [list(tuple.__iter__(record)) for record in session.run(statement, params)]


def emptied(target: Target) -> None:
    """Nothing is left in the database."""
    with client(target) as session:
        session.run("MATCH (n) CALL (n) { DETACH DELETE n } IN TRANSACTIONS OF 10000 ROWS").consume()
        for (name,) in list(session.run("SHOW CONSTRAINTS YIELD name RETURN name")):
            session.run(f"DROP CONSTRAINT {_quoted(name)}").consume()
        for (name,) in list(session.run("SHOW INDEXES YIELD name, type WHERE type <> 'LOOKUP' RETURN name")):
            session.run(f"DROP INDEX {_quoted(name)}").consume()


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


_PROPERTIES: Final = (
    "[k IN keys(x) | [k, valueType(x[k]), CASE WHEN valueType(x[k]) STARTS WITH 'LIST' "
    "THEN [v IN x[k] | [valueType(v), coalesce(toStringOrNull(v), '')]] ELSE coalesce(toStringOrNull(x[k]), '') END]]"
)


def graph(target: Target) -> tuple[list[str], list[str]]:
    """All nodes and all relationships, in words that are the same for equal graphs and, as far as five steps from each
    node tell it, for no others: which of nodes that are alike is connected to what is seen too."""
    nodes = ask(target, f"MATCH (x) RETURN elementId(x), labels(x), {_PROPERTIES}, properties(x)")
    edges = ask(
        target,
        f"MATCH (a)-[x]->(b) RETURN elementId(a), elementId(b), type(x), {_PROPERTIES}, properties(x)",
    )
    said = {element: repr((sorted(labels), _told(typed, held))) for element, labels, typed, held in nodes}
    kinds = [(a, b, repr((type_, _told(typed, held)))) for a, b, type_, typed, held in edges]
    for _ in range(5):
        around: dict[str, list[str]] = {element: [] for element in said}
        for a, b, kind in kinds:
            around[a].append(f"> {kind} {said[b]}")
            around[b].append(f"< {kind} {said[a]}")
        said = {
            element: f"{text.partition(' #')[0] if _ else text} #{_sum([text, *sorted(around[element])])}"
            for element, text in said.items()
        }
    return sorted(said.values()), sorted(f"{kind} {_sum([said[a]])} {_sum([said[b]])}" for a, b, kind in kinds)


def _told(typed: Any, held: Any) -> str:
    """The properties as the server's Cypher tells them, and as Bolt has those that it does not tell (bytes)."""
    return repr((sorted(map(repr, typed)), sorted((name, _value(value)) for name, value in held.items())))


def _value(value: Any) -> str:
    raw = getattr(value, "raw_data", value)
    if type(raw).__name__ == "Structure":
        return repr((bytes(raw.tag), list(raw.fields)))
    if isinstance(raw, list):
        return repr([_value(item) for item in raw])
    return f"{type(raw).__name__} {raw!r}"


def _sum(texts: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:20]


def rules(target: Target) -> list[str]:
    """All constraints and indexes, by the server's own statements that make them."""
    found = ask(target, "SHOW CONSTRAINTS YIELD createStatement RETURN createStatement")
    found += ask(target, "SHOW INDEXES YIELD createStatement, state, owningConstraint "
                         "RETURN createStatement, state, owningConstraint")  # fmt: skip
    return sorted(map(repr, found))


def told(target: Target) -> tuple[list[str], list[str], list[str]]:
    """All that a database holds."""
    return (*graph(target), rules(target))
