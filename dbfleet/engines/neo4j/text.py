"""The Cypher of a schema: how its rows are matched, written and related. Pure text: nothing here asks the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from dbfleet.adapter import WriteMode
from dbfleet.engines.neo4j.values import quoted
from dbfleet.values import Reference, Schema

ROWS: Final = 10_000
"""Of one UNWIND: one batch of 10 000 nodes takes 0.7 s, ten of 1 000 3.6 s."""


def constraint(name: str) -> str:
    from hashlib import sha256  # here: see values.digest_rows

    return f"dbfleet_{sha256(name.encode()).hexdigest()[:24]}"


def relationship_type(reference: Reference) -> str:
    first = reference.columns[0]
    return (first[:-3] if first.lower().endswith("_id") and len(first) > 3 else first).upper()


def is_edge(schema: Schema) -> bool:
    """Whether its rows are relationships: without both ends they cannot be."""
    return schema.edge and len(schema.references) >= 2


def write_statement(schema: Schema, mode: WriteMode) -> str:
    values = {column.name: f"r[{place}]" for place, column in enumerate(schema.columns)}
    everything = "{" + ", ".join(f"{quoted(name)}: {value}" for name, value in values.items()) + "}"
    keys = "{" + ", ".join(f"{quoted(name)}: {values[name]}" for name in schema.key) + "}"
    label = quoted(schema.name)
    if is_edge(schema):
        ends = [end(reference, place, values) for place, reference in enumerate(schema.references[:2])]
        head = f"UNWIND $rows AS r MATCH {ends[0]}, {ends[1]}"
        if mode == "insert" or not schema.key:
            return f"{head} CREATE (e0)-[:{label} {everything}]->(e1)"
        return f"{head} MERGE (e0)-[x:{label} {keys}]->(e1) SET x = {everything}"
    if mode == "insert" or not schema.key:
        statement = f"UNWIND $rows AS r CREATE (x:{label} {everything})"
    else:
        statement = f"UNWIND $rows AS r MERGE (x:{label} {keys}) SET x = {everything}"
    for place, reference in enumerate(schema.references):
        if reference.collection != schema.name:
            statement += relate(reference, place, values, mode)
        elif mode == "upsert":  # it comes after the last row, if it is still to be
            kind = quoted(relationship_type(reference))
            statement += f" WITH DISTINCT x, r OPTIONAL MATCH (x)-[o{place}:{kind}]->() DELETE o{place}"
    return statement


def relate(reference: Reference, place: int, values: Mapping[str, str], mode: WriteMode) -> str:
    """One more relationship of x. OPTIONAL MATCH and FOREACH keep the row where there is nobody to refer to."""
    kind = quoted(relationship_type(reference))
    forget = f" WITH x, r OPTIONAL MATCH (x)-[o{place}:{kind}]->() DELETE o{place}" if mode == "upsert" else ""
    return (
        f"{forget} WITH DISTINCT x, r OPTIONAL MATCH {end(reference, place, values)}"
        f" FOREACH (e IN CASE WHEN e{place} IS NULL THEN [] ELSE [e{place}] END | CREATE (x)-[:{kind}]->(e))"
    )


def end(reference: Reference, place: int, values: Mapping[str, str]) -> str:
    keys = ", ".join(
        f"{quoted(key)}: {values[name]}" for key, name in zip(reference.keys, reference.columns, strict=True)
    )
    return f"(e{place}:{quoted(reference.collection)} {{{keys}}})"


def relation_to_itself(schema: Schema, reference: Reference) -> str:
    kind = quoted(relationship_type(reference))
    values = {name: f"x.{quoted(name)}" for name in reference.columns}
    given = " AND ".join(f"{value} IS NOT NULL" for value in values.values())
    return (
        f"MATCH (x:{quoted(schema.name)}) WHERE {given} AND NOT (x)-[:{kind}]->() "
        f"CALL (x) {{ MATCH {end(reference, 0, values)} CREATE (x)-[:{kind}]->(e0) }} "
        f"IN TRANSACTIONS OF {ROWS} ROWS"
    )


def pattern(schema: Schema) -> str:
    label = quoted(schema.name)
    return f"()-[x:{label}]-()" if is_edge(schema) else f"(x:{label})"


def match(schema: Schema) -> str:
    return pattern(schema).replace("]-()", "]->()")
