"""Which collections are there, what their columns are, and how one is made and removed.

A collection is a label, or a relationship type. Labels that nothing has any more are still listed by the server, so a
collection is there when something has its label or its type, or when its schema is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from dbfleet.engines.neo4j import schemas
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.foreign import Layout, sampled
from dbfleet.engines.neo4j.schemas import HOUSE, OWN
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import MARK, ROWS, UNLABELLED, quoted
from dbfleet.errors import AlreadyExists
from dbfleet.values import Schema


class Collections:
    """The collections of one database. The layouts that were read last are remembered: they say where the values of a
    collection lie."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._layouts: dict[str, Layout] = {}

    # --- layouts ---

    def layout(self, name: str) -> Layout:
        """The collection's layout, read now. NotFound if it is not there."""
        self._layouts.pop(name, None)
        kept = schemas.kept_of(self._session, name)
        layout = self._layouts[name] = Layout(kept, kept=True) if kept else sampled(self._session, name)
        return layout

    def known(self, schema: Schema) -> Layout:
        """The collection's layout as it was read last."""
        return self._layouts.get(schema.name) or self.layout(schema.name)

    def forget_layouts(self) -> None:
        """Read every layout again: collections have changed their names."""
        self._layouts.clear()

    # --- what is there ---

    def names(self) -> Sequence[str]:
        """The collections, sorted; not the relationships that dbfleet made of references."""
        kept = schemas.kept(self._session)
        ours = {f"()-[x:{quoted(name)}]->()" for name in schemas.derived(kept)}
        names = set(kept)
        for name, pattern in self.patterns():
            foreign = name not in names and pattern not in ours and name != HOUSE and not name.startswith(OWN)
            if foreign and self._session.rows(f"MATCH {pattern} RETURN 1 LIMIT 1"):
                names.add(name)
        if self._session.rows(f"MATCH {cypher.nodes(UNLABELLED)} RETURN 1 LIMIT 1"):
            names.add(UNLABELLED)
        return sorted(name for name in names if not name.startswith(OWN))

    def patterns(self) -> Sequence[tuple[str, str]]:
        """Every label and every relationship type that the server lists, and the pattern of what has it, as x."""
        labels = self._session.rows("CALL db.labels() YIELD label RETURN label")
        types = self._session.rows("CALL db.relationshipTypes() YIELD relationshipType RETURN relationshipType")
        return [
            *((name, f"(x:{quoted(name)})") for (name,) in labels),
            *((name, f"()-[x:{quoted(name)}]->()") for (name,) in types),
        ]

    def count(self, name: str) -> int:
        """How many rows: the server keeps the counts of labels and types. NotFound if the collection is not there."""
        kept = schemas.kept_of(self._session, name)
        for pattern in (cypher.match(kept),) if kept else (cypher.nodes(name), f"()-[x:{quoted(name)}]->()"):
            ((rows,),) = self._session.rows(f"MATCH {pattern} RETURN count(x)")
            if rows or kept:
                return int(rows)
        raise self._session.not_found(name)

    # --- making and removing ---

    def create(self, schema: Schema) -> None:
        """Keep the schema and make the constraint of its key. AlreadyExists if the collection is there."""
        if schemas.kept_of(self._session, schema.name) or schema.name in self.names():
            raise AlreadyExists(
                f"the collection {schema.name!r} is there", engine="neo4j", target=self._session.target.name
            )
        schemas.keep(self._session, schema)
        schemas.constrain(self._session, schema)
        self._layouts.pop(schema.name, None)

    def drop(self, name: str) -> None:
        """Remove the collection. A node that has other labels belongs to their collections too: it loses this label and
        stays."""
        session = self._session
        kept = schemas.kept_of(session, name)
        self._layouts.pop(name, None)
        label = quoted(name)
        pattern = f"(x:{label})" if kept else cypher.nodes(name)
        nodes = f"MATCH {pattern}" if kept is None or not cypher.is_edge(kept) else None
        if nodes and session.rows(f"{nodes} RETURN 1 LIMIT 1"):
            session.run(f"{nodes} WHERE any(l IN labels(x) WHERE NOT l IN [$name, '{MARK}']) "
                        f"CALL (x) {{ REMOVE x:{label} }} IN TRANSACTIONS OF {ROWS} ROWS", {"name": name})  # fmt: skip
            session.run(f"{nodes} CALL (x) {{ DETACH DELETE x }} IN TRANSACTIONS OF {ROWS} ROWS")
        elif kept is None or not nodes:
            session.run(f"MATCH ()-[x:{label}]->() CALL (x) {{ DELETE x }} IN TRANSACTIONS OF {ROWS} ROWS")
        session.run(f"DROP CONSTRAINT {cypher.constraint(name)} IF EXISTS")
        if kept:
            schemas.forget(session, name)
