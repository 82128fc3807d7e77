"""What a graph has besides the rows of its collections, and a copy does not take along, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbfleet.engines.neo4j.values import quoted

if TYPE_CHECKING:
    from dbfleet.engines.neo4j.adapter import Neo4jAdapter


def of_database(adapter: Neo4jAdapter) -> list[str]:
    ((count,),) = adapter._rows("MATCH (x) WHERE labels(x) = [] RETURN count(x)")
    return [f"{count} nodes with no label"] if count else []


def of_collection(adapter: Neo4jAdapter, name: str) -> list[str]:
    """Raises NotFound where it is not there."""
    schema = adapter.describe(name)
    found = []
    ours = name in adapter._kept_schemas(name)
    if not schema.edge:
        shared = adapter._rows(
            f"MATCH (x:{quoted(name)}) WHERE size(labels(x)) > 1 UNWIND labels(x) AS other "
            "WITH x, other WHERE other <> $name RETURN other, count(x) ORDER BY other",
            {"name": name},
        )
        found += [f"{count} of its nodes are nodes of {other} too, and become two rows" for other, count in shared]
        if not ours and not adapter._layout(name).relationship:
            ((hidden,),) = adapter._rows(f"MATCH ()-[x:{quoted(name)}]->() RETURN count(x)")
            found += [f"{hidden} relationships of a type that is called as this label is"] if hidden else []
    if ours:
        pattern = f"()-[x:{quoted(name)}]->()" if schema.edge else f"(x:{quoted(name)})"
        others = adapter._rows(
            f"MATCH {pattern} UNWIND keys(x) AS k WITH k WHERE NOT k IN $known RETURN DISTINCT k ORDER BY k",
            {"known": list(schema.names)},
        )
        found += [f"the property {key}, which its schema does not have" for (key,) in others]
    found += [
        f"the {kind.lower()} index {index}"
        for index, kind in adapter._rows(
            "SHOW INDEXES YIELD name, type, labelsOrTypes, owningConstraint "
            "WHERE $name IN labelsOrTypes AND owningConstraint IS NULL RETURN name, type ORDER BY name",
            {"name": name},
        )
    ]
    found += [
        f"the constraint {constraint} ({kind.lower().replace('_', ' ')})"
        for constraint, kind, properties in adapter._rows(
            "SHOW CONSTRAINTS YIELD name, type, labelsOrTypes, properties "
            "WHERE $name IN labelsOrTypes RETURN name, type, properties ORDER BY name",
            {"name": name},
        )
        if not (tuple(properties) == schema.key and ("UNIQUE" in kind or "KEY" in kind))
    ]
    return found
