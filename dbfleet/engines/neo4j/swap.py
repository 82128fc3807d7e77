"""Which database it is, and staged collections that take others' places in one transaction.

Labels are what moves. What has the final name loses its label and has another, `_dbfleet_gone_…`; the staged nodes get
the final one; relationships, whose types never change, are made anew. All of it is one transaction, whatever it holds:
a reader sees the old or the new. Relationships of collections outside, which led to what goes, lead to the rows with
the same keys afterwards. The labels of what is gone and of what was staged are taken off afterwards, in batches, and a
kill in between leaves them: `leftovers` names them, `drop` removes them, and no node that has another label.

A transaction lives in the server's heap: a label that is taken off or put on is 650 bytes of it, 1100 where a
constraint is on it. At the stacks' cap, 896 MB, that is 100 000 rows which replace 100 000. What the server refuses as
too much is moved in steps instead (swap_steps): a reader sees some of the rows for as long as it takes, and a kill in
between leaves what the next command ends.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from dbfleet.adapter import Swap
from dbfleet.engines.neo4j import swap_steps
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.values import quoted
from dbfleet.errors import ConstraintViolated, DbfleetError, NotFound, StatementError
from dbfleet.values import Reference, Schema

if TYPE_CHECKING:
    from dbfleet.engines.neo4j.adapter import Neo4jAdapter

HOUSE = "_dbfleet"
"""The label of the nodes that keep schemas."""
OWN = "_dbfleet_"
"""Labels and types that begin so are no collections: what is staged, and what is gone."""


def identity(adapter: Neo4jAdapter) -> str:
    """The database's own id, which a copy of its files has too, and when and as what process its server was started.
    Several servers of one cluster have one database together: there the id is all."""
    ((found, name),) = adapter._rows("CALL db.info() YIELD id, name RETURN id, name")
    places = adapter._rows("SHOW DATABASES YIELD name, databaseID WHERE databaseID = $id RETURN name", {"id": found})
    if len(places) > 1:
        return f"neo4j {found} {name}"
    try:
        ((runtime,),) = adapter._rows(
            "CALL dbms.queryJmx('java.lang:type=Runtime') YIELD attributes "
            "RETURN toString(attributes.StartTime.value) + ' ' + attributes.Name.value"
        )
    except StatementError:  # not for every user, and not in every place where Neo4j is rented
        runtime = "?"
    return f"neo4j {found} {name} {runtime}"


@dataclass(frozen=True)
class _Outside:
    """A collection that stays and refers to one that goes; `edge`: it is relationships."""

    schema: Schema
    references: tuple[tuple[int, Reference], ...]


def swap(adapter: Neo4jAdapter, swaps: Sequence[Swap]) -> None:
    _carry_on(adapter)
    kept = adapter._kept_schemas()
    for each in swaps:
        if each.staged.name not in kept:
            raise NotFound(f"no collection {each.staged.name!r}", engine="neo4j", target=adapter.target.name)
    names = {each.name for each in swaps}
    staged = {each.staged.name for each in swaps}
    final = {each.name: _renamed(each, swaps) for each in swaps}
    outside = _outside(kept, names | staged, names)
    edges = {name for name in names if _is_relationships(adapter, kept, name)}
    gone = {name: gone_label(name) for name in names - edges}
    for name in gone.values():
        adapter.drop(name)
    _refuse_strangers(adapter, kept, names - edges, names, outside)
    for name in final:
        if name in gone:
            _batched(adapter, f"MATCH (x:{quoted(name)})", f"SET x:{quoted(gone[name])}")
    _refuse_without_ends(adapter, swaps, final, outside)
    dropped = [adapter._without_constraint(schema) for schema in final.values()]
    try:
        try:
            _in_one(adapter, _statements(swaps, final, outside, gone, edges))
        except StatementError as error:
            if not swap_steps.is_too_much(error):
                raise
            swap_steps.begin(adapter, swaps, gone)
            _carry_on(adapter)
            return
    except BaseException:
        _undo(adapter, kept, [name for name, found in zip(final, dropped, strict=True) if found], gone)
        raise
    _end(adapter, swaps, final, gone)


def _in_one(adapter: Neo4jAdapter, statements: Iterable[tuple[str, dict[str, Any]]]) -> None:
    with (
        adapter._translated(),
        adapter._session() as session,
        session.begin_transaction(metadata={"dbfleet": adapter._token}) as transaction,
    ):
        for statement, params in statements:
            transaction.run(statement, params).consume()
        transaction.commit()


def _carry_on(adapter: Neo4jAdapter) -> None:
    """End what was begun in steps, by whomever."""
    found = swap_steps.begun(adapter)
    if not found:
        return
    swaps, gone = found
    names = {each.name for each in swaps}
    final = {each.name: _renamed(each, swaps) for each in swaps}
    outside = _outside(adapter._kept_schemas(), names | {each.staged.name for each in swaps}, names)
    repointed = [text for one in outside for text in _repointed(one, gone)]
    swap_steps.move(adapter, swaps, gone, repointed)
    _in_one(adapter, _schemas(swaps, final))
    _end(adapter, swaps, final, gone)
    swap_steps.ended(adapter)


def _end(adapter: Neo4jAdapter, swaps: Sequence[Swap], final: dict[str, Schema], gone: dict[str, str]) -> None:
    for each in swaps:
        adapter._constrain(final[each.name])
        _forget(adapter, each.staged)
    for name in gone.values():
        adapter.drop(name)
    adapter._layouts.clear()


def gone_label(name: str) -> str:
    return f"{OWN}gone_{cypher.constraint(name).removeprefix('dbfleet_')}"


def leftovers(adapter: Neo4jAdapter) -> list[str]:
    """Names of what a command that was killed has staged or not taken away; `drop` removes each."""
    _carry_on(adapter)
    found = {name for name in adapter._kept_schemas() if name.startswith(OWN)}
    for word, call in (("label", "db.labels"), ("relationshipType", "db.relationshipTypes")):
        for (name,) in adapter._rows(f"CALL {call}() YIELD {word} WITH {word} WHERE {word} STARTS WITH $own "
                                     f"RETURN {word}", {"own": OWN}):  # fmt: skip
            pattern = f"(x:{quoted(name)})" if word == "label" else f"()-[x:{quoted(name)}]->()"
            if adapter._rows(f"MATCH {pattern} RETURN 1 LIMIT 1"):
                found.add(name)
    return sorted(found)


# --- inside ---


def _renamed(swap: Swap, swaps: Sequence[Swap]) -> Schema:
    """The staged schema under its final name, and those of what it refers to."""
    names = {each.staged.name: each.name for each in swaps}
    references = tuple(
        replace(each, collection=names.get(each.collection, each.collection)) for each in swap.staged.references
    )
    return replace(swap.staged, name=swap.name, references=references)


def _outside(kept: dict[str, Schema], inside: set[str], names: set[str]) -> list[_Outside]:
    found = []
    for name, schema in kept.items():
        if name in inside or name.startswith(OWN):
            continue
        relevant = [(place, each) for place, each in enumerate(schema.references) if each.collection in names]
        if cypher.is_edge(schema):
            relevant = [each for each in relevant if each[0] < 2]
        if relevant:
            found.append(_Outside(schema, tuple(relevant)))
    return found


def _is_relationships(adapter: Neo4jAdapter, kept: dict[str, Schema], name: str) -> bool:
    """Whether what has this name is relationships; where both nodes and relationships have it, it is the nodes."""
    if name in kept:
        return cypher.is_edge(kept[name])
    return not adapter._rows(f"MATCH (x:{quoted(name)}) RETURN 1 LIMIT 1") and bool(
        adapter._rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN 1 LIMIT 1")
    )


def _refuse_strangers(
    adapter: Neo4jAdapter,
    kept: dict[str, Schema],
    nodes: set[str],
    swapped: set[str],
    outside: Sequence[_Outside],
) -> None:
    """Relationships that no schema of ours knows would go with the nodes that they connect."""
    known = set(swapped)
    for each in outside:
        known |= {each.schema.name} if cypher.is_edge(each.schema) else _types(each.schema)
    for name, schema in kept.items():
        if name in swapped or any(each.collection in swapped for each in schema.references):
            known |= _types(schema)
    for name in sorted(nodes):
        found = adapter._rows(
            f"MATCH (x:{quoted(name)})-[r]-() WHERE NOT type(r) IN $known RETURN type(r) LIMIT 1",
            {"known": sorted(known)},
        )
        if found:
            raise ConstraintViolated(
                f"nodes of {name} have relationships {found[0][0]}, which would go with them",
                engine="neo4j",
                target=adapter.target.name,
                hint=f"replace {found[0][0]} together with {name}, or delete them first",
            )


def _types(schema: Schema) -> set[str]:
    return {cypher.relationship_type(each) for each in schema.references}


def _refuse_without_ends(
    adapter: Neo4jAdapter, swaps: Sequence[Swap], final: dict[str, Schema], outside: Sequence[_Outside]
) -> None:
    """A relationship outside whose end has no row among the new ones cannot be kept."""
    staged = {each.name: each.staged.name for each in swaps}
    for each in outside:
        if not cypher.is_edge(each.schema):
            continue
        ends = [
            cypher.end(replace(reference, collection=staged[reference.collection]), place, _own(reference))
            for place, reference in each.references
        ]
        missing = " OR ".join(f"NOT EXISTS {{ MATCH {end} }}" for end in ends)
        ((count,),) = adapter._rows(f"MATCH {cypher.match(each.schema)} WHERE {missing} RETURN count(x)")
        if count:
            raise ConstraintViolated(
                f"{count} relationships of {each.schema.name} connect rows that are not among the new ones",
                engine="neo4j",
                target=adapter.target.name,
                hint=f"replace {each.schema.name} too",
            )


def _own(reference: Reference) -> dict[str, str]:
    return {name: f"x.{quoted(name)}" for name in reference.columns}


def _statements(
    swaps: Sequence[Swap], final: dict[str, Schema], outside: Sequence[_Outside], gone: dict[str, str],
    edges: Set[str],
) -> Iterator[tuple[str, dict[str, Any]]]:  # fmt: skip
    """`edges`: what is relationships of the things that go."""
    for each in swaps:
        label = quoted(each.name)
        if each.name in edges:
            yield f"MATCH ()-[x:{label}]->() DELETE x", {}
        else:
            yield f"MATCH (x:{label}) REMOVE x:{label} SET x:{quoted(gone[each.name])}", {}
    for each in swaps:
        label, staged = quoted(each.name), quoted(each.staged.name)
        if cypher.is_edge(each.staged):
            yield f"MATCH (a)-[x:{staged}]->(b) CREATE (a)-[y:{label}]->(b) SET y = properties(x) DELETE x", {}
        else:
            yield f"MATCH (x:{staged}) SET x:{label}", {}
    for one in outside:
        for text in _repointed(one, gone):
            yield text, {}
    yield from _schemas(swaps, final)


def _schemas(swaps: Sequence[Swap], final: dict[str, Schema]) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is kept beside the data; it does nothing where it was done."""
    for each in swaps:
        schema = json.dumps(final[each.name].to_dict(), ensure_ascii=False)
        yield (
            f"MATCH (s:{HOUSE} {{collection: $name}}), (:{HOUSE} {{collection: $staged}}) DELETE s",
            {"name": each.name, "staged": each.staged.name},
        )
        yield (
            f"MATCH (s:{HOUSE} {{collection: $staged}}) SET s.collection = $name, s.schema = $schema",
            {"staged": each.staged.name, "name": each.name, "schema": schema},
        )


def _repointed(one: _Outside, gone: dict[str, str]) -> list[str]:
    """After the labels have moved: what led to the rows that go leads to the new ones with their keys."""
    found = []
    if cypher.is_edge(one.schema):
        kind = quoted(one.schema.name)
        ends = ["a", "b"]
        matches, where = [], []
        for place, reference in one.references:
            ends[place] = f"e{place}"
            matches.append(f"MATCH {cypher.end(reference, place, _own(reference))}")
            where.append(f"{'ab'[place]}:{quoted(gone[reference.collection])}")
        found.append(f"MATCH (a)-[x:{kind}]->(b) WHERE {' OR '.join(where)} {' '.join(matches)} "
                     f"CREATE ({ends[0]})-[y:{kind}]->({ends[1]}) SET y = properties(x) DELETE x")  # fmt: skip
        return found
    label = quoted(one.schema.name)
    for place, reference in one.references:
        kind = quoted(cypher.relationship_type(reference))
        found.append(f"MATCH (x:{label})-[r:{kind}]->(:{quoted(gone[reference.collection])}) DELETE r")
        found.append(f"MATCH (x:{label}) MATCH {cypher.end(reference, place, _own(reference))} "
                     f"WHERE NOT (x)-[:{kind}]->(e{place}) CREATE (x)-[:{kind}]->(e{place})")  # fmt: skip
    return found


def _forget(adapter: Neo4jAdapter, staged: Schema) -> None:
    """The staged label and its constraint."""
    adapter._run(f"DROP CONSTRAINT {cypher.constraint(staged.name)} IF EXISTS")
    if not cypher.is_edge(staged):
        _batched(adapter, f"MATCH (x:{quoted(staged.name)})", f"REMOVE x:{quoted(staged.name)}")


def _undo(adapter: Neo4jAdapter, kept: dict[str, Schema], constrained: Sequence[str], gone: dict[str, str]) -> None:
    """Nothing has changed but what made ready: constraints are back, the labels for what goes are off."""
    try:
        for name in constrained:
            adapter._constrain(kept[name])
        for label in gone.values():
            adapter.drop(label)
    except DbfleetError:
        pass  # the server is gone: `leftovers` finds the labels later


def _batched(adapter: Neo4jAdapter, match: str, change: str) -> None:
    adapter._run(f"{match} CALL (x) {{ {change} }} IN TRANSACTIONS OF {cypher.ROWS} ROWS")
