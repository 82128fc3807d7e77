"""Relationships that lead from collections outside a swap to the rows that go: which there are, which cannot be kept,
and how they are led to the rows that come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace

from dbfleet.adapter import Swap
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.schemas import OWN, derived
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import quoted
from dbfleet.errors import ConstraintViolated
from dbfleet.values import Reference, Schema


@dataclass(frozen=True)
class Outside:
    """A collection that stays and refers to one that goes: the references that do so, each with its place."""

    schema: Schema
    references: tuple[tuple[int, Reference], ...]


def outside_of(kept: Mapping[str, Schema], inside: Set[str], names: Set[str]) -> list[Outside]:
    """The collections that are not `inside` the swap and refer to one of the `names` that go."""
    outside = []
    for name, schema in kept.items():
        if name in inside or name.startswith(OWN):
            continue
        relevant = [
            (place, reference)
            for place, reference in enumerate(schema.references)
            if reference.collection in names and (place < 2 or not cypher.is_edge(schema))
        ]
        if relevant:
            outside.append(Outside(schema, tuple(relevant)))
    return outside


def refuse_strangers(
    session: Session, kept: Mapping[str, Schema], nodes: Set[str], swapped: Set[str], outside: Sequence[Outside]
) -> None:
    """ConstraintViolated for relationships that no kept schema knows: they would go with the nodes that they
    connect."""
    known = set(swapped) - nodes  # a type that is called as a label is no collection
    for one in outside:
        known |= {one.schema.name} if cypher.is_edge(one.schema) else _types(one.schema)
    for name, schema in kept.items():
        if name in swapped or any(reference.collection in swapped for reference in schema.references):
            known |= _types(schema)
    for name in sorted(nodes):
        strangers = session.rows(
            f"MATCH {cypher.nodes(name)}-[r]-() WHERE NOT type(r) IN $known RETURN type(r) LIMIT 1",
            {"known": sorted(known)},
        )
        for (type_,) in strangers:
            raise _would_go(session, name, type_, "delete them first" if type_ in nodes else "", type_)


def refuse_in_place(session: Session, kept: Mapping[str, Schema], nodes: Set[str], edges: Set[str]) -> None:
    """ConstraintViolated for relationships of collections that stay, where the nodes go before others come: nothing
    leads to these afterwards. `nodes` and `edges` are what goes."""
    going = derived({name: kept[name] for name in nodes if name in kept})
    own = sorted({label for ends in going.values() for label, _ in ends})
    known = {"edges": sorted(edges), "types": sorted(going), "own": own}
    for name in sorted(nodes):
        found = session.rows(
            f"MATCH {cypher.nodes(name)}-[r]-() WHERE NOT type(r) IN $edges AND "
            "NOT (type(r) IN $types AND any(l IN labels(startNode(r)) WHERE l IN $own)) "
            "RETURN type(r), labels(startNode(r)) LIMIT 1",
            known,
        )
        for type_, labels in found:
            rows = next((label for label, _ in derived(kept).get(type_, ()) if label in labels), "")
            hint = "delete them first" if type_ in nodes and not rows else ""
            raise _would_go(session, name, type_, hint, rows or type_, f" of {rows}" if rows else "")


def _would_go(session: Session, name: str, type_: str, hint: str, other: str, whose: str = "") -> ConstraintViolated:
    return ConstraintViolated(
        f"nodes of {name} have relationships {type_}{whose}, which would go with them",
        engine="neo4j",
        target=session.target.name,
        hint=hint or f"replace {other} together with {name}, or delete them first",
    )


def refuse_without_ends(session: Session, swaps: Sequence[Swap], outside: Sequence[Outside]) -> None:
    """ConstraintViolated for relationships outside whose end has no row among the new ones."""
    staged = {swap.name: swap.staged.name for swap in swaps}
    for one in outside:
        if not cypher.is_edge(one.schema):
            continue
        ends = [
            cypher.end(replace(reference, collection=staged[reference.collection]), place, _own(reference))
            for place, reference in one.references
        ]
        missing = " OR ".join(f"NOT EXISTS {{ MATCH {end} }}" for end in ends)
        ((count,),) = session.rows(f"MATCH {cypher.match(one.schema)} WHERE {missing} RETURN count(x)")
        if count:
            raise ConstraintViolated(
                f"{count} relationships of {one.schema.name} connect rows that are not among the new ones",
                engine="neo4j",
                target=session.target.name,
                hint=f"replace {one.schema.name} too",
            )


def repointed(one: Outside, gone: Mapping[str, str]) -> list[str]:
    """Statements to be run after the labels have moved: what led to the rows that go leads to the new rows with their
    keys. `gone` has the label of the rows that go, by the collection's name."""
    if cypher.is_edge(one.schema):
        return [_edges_repointed(one, gone)]
    label = quoted(one.schema.name)
    statements = []
    for place, reference in one.references:
        kind = quoted(cypher.relationship_type(reference))
        statements.append(f"MATCH (x:{label})-[r:{kind}]->(:{quoted(gone[reference.collection])}) DELETE r")
        statements.append(f"MATCH (x:{label}) MATCH {cypher.end(reference, place, _own(reference))} "
                          f"WHERE NOT (x)-[:{kind}]->(e{place}) CREATE (x)-[:{kind}]->(e{place})")  # fmt: skip
    return statements


def _edges_repointed(one: Outside, gone: Mapping[str, str]) -> str:
    """The rows are the relationships: each is made anew between the new nodes."""
    kind = quoted(one.schema.name)
    ends = ["a", "b"]
    matches, where = [], []
    for place, reference in one.references:
        ends[place] = f"e{place}"
        matches.append(f"MATCH {cypher.end(reference, place, _own(reference))}")
        where.append(f"{'ab'[place]}:{quoted(gone[reference.collection])}")
    return (
        f"MATCH (a)-[x:{kind}]->(b) WHERE {' OR '.join(where)} {' '.join(matches)} "
        f"CREATE ({ends[0]})-[y:{kind}]->({ends[1]}) SET y = properties(x) DELETE x"
    )


def _types(schema: Schema) -> set[str]:
    """The types of the relationships that the schema's references are."""
    return {cypher.relationship_type(reference) for reference in schema.references}


def _own(reference: Reference) -> dict[str, str]:
    """The reference's columns as properties of x."""
    return {name: f"x.{quoted(name)}" for name in reference.columns}
