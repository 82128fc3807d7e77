"""Neo4j: nodes for rows, relationships for references and edges (https://neo4j.com/docs/cypher-manual/5/).

Driver: neo4j; with the package neo4j-rust-ext, which it finds by itself, packing and unpacking is several times faster.
URLs: `bolt://user@host:7687/database` (also `neo4j://` and the `+s`, `+ssc` forms; `neo4j://` asks the server for its
own address, which a published port of a container is not). The schema is kept beside the data in `:_dbfleet` nodes.

A row is a node with the collection's name as its label, and a uniqueness constraint holds its key. Each reference is a
property, so that it comes back as a column, and a relationship too, named after its column: `customer_id` makes
`(:orders)-[:CUSTOMER]->(:customers)`. The rows of an edge collection are relationships with its name, between the nodes
that its two references name; a row whose ends are not there is refused.

A write is committed in batches, as one transaction lives in the server's heap. One UNWIND of 10 000 rows takes a fifth
of the time of ten with 1 000 rows. What a batch refuses comes back row by row.

Oddities: labels that nothing has any more are still listed by the server, so a collection is there when it has a node
or a kept schema. After three wrong passwords the server refuses the right one too, for some seconds. The driver's
`execute_query` tries again for 30 s, so it is not used: everything but a swap is auto-commit. A missing property and a
null one are the same. To Cypher bytes are a list of integers. The driver raises for a whole record when it cannot make
one of its values (years outside 1 to 9999); `neo4j.wire` reads what was sent.

Another Neo4j gets graphs as they are (`neo4j.native`), where "same" is said too.

Graphs that dbfleet did not make (`neo4j.foreign`): a label's key is the key of a unique constraint, or the column
`_id`, its nodes' element ids, where they have relationships. The ends of relationships hold those keys.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dbfleet.abilities import CarriesExtras, Identifies, LimitsTime, MakesReader, Native, Swaps, TellsLeft, TellsLosses
from dbfleet.adapter import Adapter
from dbfleet.engines.neo4j.local import CLIENT, shell
from dbfleet.spec import Capability, EngineSpec, Fidelity, Limits
from dbfleet.target import Target
from dbfleet.values import Column, Type


def unfold(column: Column, a: Any, b: Any) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What of two native values differs, by property (`native.shown`)."""
    from dbfleet.engines.neo4j.native.shown import unfold

    return unfold(column, a, b)


def connected(target: Target, *, timeout_s: float = 10.0) -> Adapter:
    """A driver that has proven its login. AuthFailed or Unavailable within about `timeout_s`."""
    from dbfleet.engines.neo4j.adapter import connect

    return connect(ENGINE, target, timeout_s)


ENGINE = EngineSpec(
    name="neo4j",
    title="Neo4j",
    paradigm="graph",
    language="Cypher",
    schemes=("bolt", "neo4j", "bolt+s", "bolt+ssc", "neo4j+s", "neo4j+ssc", "cypher"),
    driver="neo4j",
    connect=connected,
    aliases=("bolt", "cypher", "neo"),
    types={
        **dict.fromkeys(Type, Fidelity.EXACT),
        **dict.fromkeys((Type.DECIMAL, Type.UUID, Type.JSON), Fidelity.AS_TEXT),
    },
    swap_rows=100_000,  # at the stacks' cap, 896 MB: one transaction lives in the heap (swap)
    capabilities=frozenset(
        {
            Capability.KEYLESS,
            Capability.EDGES,
            Capability.SPLIT,
            Capability.PARAMETERS,
            Capability.CANCEL,
        }
    ),
    abilities=frozenset({Identifies, Swaps, TellsLosses, CarriesExtras, TellsLeft, Native, MakesReader, LimitsTime}),
    unfold=unfold,
    guard="session",
    guard_note="The server refuses every change, as the session's access mode is READ; dbfleet refuses by the "
    "statement's plan what the server lets pass (LOAD CSV, TERMINATE TRANSACTIONS, procedures not known only to read). "
    "Functions of plugins pass, and with another client the account may write: the Community Edition has no roles.",
    limits=Limits(key_length=8000),
    default_port=7687,
    default_user="neo4j",
    default_database="neo4j",
    url_variable="NEO4J_URI",
    client=CLIENT,
    shell=shell,
    examples={
        "one": "RETURN 1 AS one",
        "all": "MATCH (x:`{collection}`) RETURN x",
        "slow": "UNWIND range(1, 100000000000) AS n WITH n WHERE n % 2 = 3 RETURN count(n)",
        "bad": "MATC (n) RETURN n",
        "parameter": "RETURN $n AS n",
        "missing": "MATCH (x:dbfleet_nowhere) RETURN x",
    },
    explain="EXPLAIN {statement}",
    editor="application/x-cypher-query",
    quirks=(
        "Decimals, uuids and json are text.",
        "References are properties and relationships; a reference to nothing has the property alone.",
        "A write is committed in batches; refused rows come back one by one.",
        "Nodes of several labels are rows of each; nodes without a label are the collection (no label).",
        "Copied to Neo4j a graph is what it was: a node of several labels is one node. Nodes have the label "
        "_dbfleet_mark until the copy has ended, and after a kill until its --resume or the next copy has. What is "
        "replaced so goes first, and the constraints and indexes of its label stay beside those that come.",
        "A replace of more than one transaction's memory holds is in steps: readers see some of the rows meanwhile.",
    ),
    verified_on=("Neo4j Community 5.26.30, real, in a local image",),
)
