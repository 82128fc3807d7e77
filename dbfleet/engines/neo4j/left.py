"""What a copy leaves behind, in words: what a graph has besides the rows of its collections."""

from __future__ import annotations

from dbfleet.engines.neo4j import schemas
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import quoted


def of_database(session: Session) -> list[str]:
    """Nodes that are in no collection."""
    ((count,),) = session.rows("MATCH (x) WHERE labels(x) = [] RETURN count(x)")
    return [f"{count} nodes with no label"] if count else []


def of_collection(session: Session, collections: Collections, name: str) -> list[str]:
    """What the collection has besides its rows. NotFound where it is not there."""
    layout = collections.layout(name)
    schema = layout.schema
    ours = schemas.kept_of(session, name) is not None
    left: list[str] = []
    if not schema.edge:
        shared = session.rows(
            f"MATCH (x:{quoted(name)}) WHERE size(labels(x)) > 1 UNWIND labels(x) AS other "
            "WITH x, other WHERE other <> $name RETURN other, count(x) ORDER BY other",
            {"name": name},
        )
        left += [f"{count} of its nodes are nodes of {other} too, and become two rows" for other, count in shared]
        if not ours and not layout.relationship:
            ((hidden,),) = session.rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN count(x)")
            left += [f"{hidden} relationships of a type that has the same name as this label"] if hidden else []
    if ours:
        pattern = f"()-[x:{quoted(name)}]->()" if schema.edge else f"(x:{quoted(name)})"
        others = session.rows(
            f"MATCH {pattern} UNWIND keys(x) AS k WITH k WHERE NOT k IN $known RETURN DISTINCT k ORDER BY k",
            {"known": list(schema.names)},
        )
        left += [f"the property {key}, which its schema does not have" for (key,) in others]
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
