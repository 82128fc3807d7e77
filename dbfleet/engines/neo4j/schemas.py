"""The schemas that are kept beside the data, in nodes `:_dbfleet`, and the constraints that hold their keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import quoted
from dbfleet.values import Schema

HOUSE: Final = "_dbfleet"
"""The label of the nodes that keep schemas."""
OWN: Final = "_dbfleet_"
"""Labels and types that begin so are no collections: what is staged, and what is gone."""


def kept(session: Session) -> dict[str, Schema]:
    """All kept schemas, by the collections' names."""
    return _schemas(session.rows(f"MATCH (s:{HOUSE}) RETURN s.collection, s.schema"))


def kept_of(session: Session, name: str) -> Schema | None:
    """The kept schema of a collection; None where dbfleet did not make it."""
    rows = session.rows(f"MATCH (s:{HOUSE} {{collection: $name}}) RETURN s.collection, s.schema", {"name": name})
    return _schemas(rows).get(name)


def derived(schemas: Mapping[str, Schema]) -> dict[str, list[tuple[str, str]]]:
    """The types of relationships that dbfleet makes of these collections' references, each with the labels between
    which it does."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, schema in schemas.items():
        for reference in () if cypher.is_edge(schema) else schema.references:
            found.setdefault(cypher.relationship_type(reference), []).append((name, reference.collection))
    return found


def keep(session: Session, schema: Schema) -> None:
    """Keep the schema of a new collection."""
    session.run(f"CREATE CONSTRAINT _dbfleet IF NOT EXISTS FOR (s:{HOUSE}) REQUIRE s.collection IS UNIQUE")
    session.run(
        f"CREATE (:{HOUSE} {{collection: $name, schema: $schema}})", {"name": schema.name, "schema": as_text(schema)}
    )


def forget(session: Session, name: str) -> None:
    """Remove the kept schema of a collection."""
    session.run(f"MATCH (s:{HOUSE} {{collection: $name}}) DELETE s", {"name": name})


def as_text(schema: Schema) -> str:
    """The schema as it is kept."""
    return json.dumps(schema.to_dict(), ensure_ascii=False)


def constrain(session: Session, schema: Schema) -> None:
    """Make the constraint that holds the schema's key, where it is not there."""
    if schema.key:
        keys = ", ".join(f"x.{quoted(name)}" for name in schema.key)
        named = f"CREATE CONSTRAINT {cypher.constraint(schema.name)} IF NOT EXISTS"
        session.run(f"{named} FOR {cypher.pattern(schema)} REQUIRE ({keys}) IS UNIQUE")


def drop_other_constraint(session: Session, schema: Schema) -> bool:
    """Drop the constraint that has the name of this schema's own and holds another key, or is of the other kind (of
    nodes or of relationships). Whether there was one."""
    rows = session.rows(
        "SHOW CONSTRAINTS YIELD name, properties, entityType WHERE name = $name RETURN properties, entityType",
        {"name": cypher.constraint(schema.name)},
    )
    wanted = (list(schema.key), "RELATIONSHIP" if cypher.is_edge(schema) else "NODE")
    if not rows or rows[0] == wanted:
        return False
    session.run(f"DROP CONSTRAINT {cypher.constraint(schema.name)} IF EXISTS")
    return True


def _schemas(rows: list[tuple[str, str]]) -> dict[str, Schema]:
    return {collection: Schema.from_dict(json.loads(text)) for collection, text in rows}
