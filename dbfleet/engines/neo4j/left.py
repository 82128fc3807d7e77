"""What a copy leaves behind, in words: what a graph has besides the rows of its collections."""

from __future__ import annotations

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
    return found


def hidden(session: Session, collections: Collections, name: str) -> list[str]:
    """Relationships that nobody sees: their type has the name of a label."""
    layout = collections.known(Schema(name, ()))
    if layout.relationship or layout.unlabelled:
        return []
    ((count,),) = session.rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN count(x)")
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
        if not ours:
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
