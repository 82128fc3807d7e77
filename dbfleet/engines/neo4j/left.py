"""What a copy leaves behind, in words: what a graph has besides the rows of its collections."""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet.engines.neo4j import schemas
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import MARK, MARKS, UNLABELLED, quoted
from dbfleet.values import Schema


def of_database(session: Session) -> list[str]:
    """What is in no collection, and what a copy has left that was cut off."""
    found = []
    ((count,),) = session.rows(f"MATCH {cypher.nodes(UNLABELLED, label=True)} RETURN count(x)")
    if count:
        found.append(f"{count} nodes of the label {UNLABELLED}, by which those that have none are called")
    ((marked,),) = session.rows(f"MATCH (x:{MARK}) RETURN count(x)")
    if marked:
        found.append(f"the marks of {marked} nodes, of a copy that was cut off: its --resume takes them away")
    labels = {label for (label,) in session.rows("CALL db.labels() YIELD label RETURN label")}
    for type_, ends in sorted(schemas.derived(schemas.kept(session)).items()):
        others = 0 if type_ in labels else _others(session, type_, ends)
        if others:
            found.append(f"{others} relationships {type_} that are of no row's reference, as others of this type are")
    return found


def _others(session: Session, type_: str, ends: Sequence[tuple[str, str]]) -> int:
    """How many relationships of a type do not connect nodes of these pairs of labels."""
    kind = quoted(type_)
    sides = [f"(:{quoted(a)})-[x:{kind}]->()" for a in {a for a, _ in ends}]
    sides += [f"()-[x:{kind}]->(:{quoted(b)})" for b in {b for _, b in ends}]
    counts = [session.rows(f"MATCH {side} RETURN count(x)")[0][0] for side in (f"()-[x:{kind}]->()", *sides)]
    if sum(counts[1:]) == 2 * counts[0]:  # the server keeps these counts
        return 0
    own = " OR ".join(f"(a:{quoted(a)} AND b:{quoted(b)})" for a, b in ends) or "false"
    return int(session.rows(f"MATCH (a)-[x:{kind}]->(b) WHERE NOT ({own}) RETURN count(x)")[0][0])


def hidden(session: Session, collections: Collections, name: str) -> list[str]:
    """Relationships that nobody sees, as their type has the name of a label; nodes that nobody sees, as their one label
    has the name of dbfleet's own relationships."""
    layout = collections.known(Schema(name, ()))
    if layout.relationship or layout.unlabelled:
        return []
    if cypher.is_edge(layout.schema):
        ((count,),) = session.rows(f"MATCH (x:{quoted(name)}) WHERE size(labels(x)) = 1 RETURN count(x)")
        return [f"{count} nodes of a label that has the same name as these relationships"] if count else []
    count = _others(session, name, schemas.derived(schemas.kept(session)).get(name, ()))
    return [f"{count} relationships of a type that has the same name as this label"] if count else []


def besides_rows(session: Session, collections: Collections, name: str) -> list[str]:
    """What rows of the collection have besides its columns, and what is called as it is. NotFound where it is not
    there."""
    layout = collections.layout(name)
    schema = layout.schema
    ours = schemas.kept_of(session, name) is not None
    left: list[str] = []
    if not schema.edge and not layout.unlabelled:
        shared = session.rows(
            f"MATCH (x:{quoted(name)}) WHERE size(labels(x)) > 1 UNWIND labels(x) AS other "
            "WITH x, other WHERE NOT other IN $known RETURN other, count(x) ORDER BY other",
            {"known": [name, MARK]},
        )
        left += [f"{count} of its nodes are nodes of {other} too, and become two rows" for other, count in shared]
    left += hidden(session, collections, name)
    if ours:
        pattern = f"()-[x:{quoted(name)}]->()" if schema.edge else f"(x:{quoted(name)})"
        others = session.rows(
            f"MATCH {pattern} UNWIND keys(x) AS k WITH k WHERE NOT k IN $known RETURN DISTINCT k ORDER BY k",
            {"known": [*schema.names, *MARKS]},
        )
        left += [f"the property {key}, which its schema does not have" for (key,) in others]
    return left


def of_collection(session: Session, collections: Collections, name: str) -> list[str]:
    """What the collection has besides its rows. NotFound where it is not there."""
    left = besides_rows(session, collections, name)
    schema = collections.known(Schema(name, ())).schema
    left += [
        f"the {kind.lower()} index {index}"
        for index, kind in session.rows(
            "SHOW INDEXES YIELD name, type, labelsOrTypes, owningConstraint "
            "WHERE $name IN labelsOrTypes AND owningConstraint IS NULL RETURN name, type ORDER BY name",
            {"name": name},
        )
    ]
    left += [
        f"the constraint {constraint} ({kind.lower().replace('_', ' ')})"
        for constraint, kind, properties in session.rows(
            "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties "
            "WHERE $name IN labelsOrTypes RETURN name, type, properties ORDER BY name",
            {"name": name},
        )
        if not (tuple(properties) == schema.key and ("UNIQUE" in kind or "KEY" in kind))
    ]
    return left
