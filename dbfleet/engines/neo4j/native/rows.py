"""Nodes and relationships read as they are (`native.values`): a batch holds what Bolt sent, and its rows are made when
somebody looks at them. Who only moves them on (`native.write`) takes what was sent.

The ends of relationships are looked up by their element ids, as few as possible: those that were not seen lately.
Nodes of a collection that dbfleet made are rows of that collection alone, whatever other labels they have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE, Part
from dbfleet.engines.neo4j import schemas
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.native.values import (
    Node,
    Relationship,
    end_of,
    is_relationships,
    row_of_node,
    text_of,
    value_of,
    without_marks,
)
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import quoted
from dbfleet.values import Batch, Row, Schema

_KEPT_CHARACTERS: Final = 16_000_000
"""Of ends that were seen lately."""
_LOOKUP: Final = (
    "UNWIND $ids AS id MATCH (x) WHERE elementId(x) = id RETURN elementId(x), labels(x), properties(x)"  # by a seek
)


class Moved(list[Row]):
    """A batch of nodes or relationships of the collection `name`; `sent` is each as Bolt has it. The rows are made for
    who looks at one."""

    __slots__ = ("_make", "ends", "name", "sent")

    def __init__(
        self, name: str, sent: Sequence[Any], make: Callable[[Sequence[Any]], Batch], ends: Ends | None = None
    ) -> None:
        super().__init__()
        self.name, self.sent, self._make, self.ends = name, sent, make, ends

    def __len__(self) -> int:
        return len(self.sent)

    def __bool__(self) -> bool:
        return bool(self.sent)

    def __iter__(self) -> Iterator[Row]:
        if self.sent and not super().__len__():
            self.extend(self._make(self.sent))
        return super().__iter__()

    def __getitem__(self, place: Any) -> Any:
        return list(self)[place]

    def __eq__(self, other: object) -> bool:
        return list(self) == other

    __hash__ = None


class Ends:
    """Nodes of one database by their element ids, as the ends of relationships have them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._texts: dict[str, str] = {}
        self._size = 0

    def nodes(self, ids: Iterable[str]) -> Iterator[Node]:
        """The nodes, as far as they are there."""
        wanted = list(ids)
        for start in range(0, len(wanted), cypher.ROWS):
            for rows in self._session.raw_pages(_LOOKUP, {"ids": wanted[start : start + cypher.ROWS]}, BATCH_SIZE):
                for element, labels, properties in rows:
                    yield element, labels, without_marks(properties)

    def texts(self, ids: Iterable[str]) -> Mapping[str, str]:
        """The nodes as text, by their element ids."""
        wanted = set(ids)
        missing = wanted - self._texts.keys()
        if missing and self._size > _KEPT_CHARACTERS:
            self._texts, self._size, missing = {}, 0, wanted
        for element, labels, properties in self.nodes(missing):
            text = self._texts[element] = end_of(labels, properties)
            self._size += len(text)
        return self._texts


def pattern_of(session: Session, schema: Schema) -> str:
    """What matches a row x, with its condition."""
    if is_relationships(schema):
        return f"(a)-[x:{quoted(schema.name)}]->(b)"
    ours = [name for name, kept in schemas.kept(session).items() if not cypher.is_edge(kept)]
    if schema.name == cypher.UNLABELLED or not ours:
        return cypher.nodes(schema.name)
    return f"{cypher.nodes(schema.name)} WHERE {' AND '.join(f'NOT x:{quoted(name)}' for name in ours)}"


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """All rows: there are no parts."""
    pattern = pattern_of(session, schema)
    if is_relationships(schema):
        ends = Ends(session)
        related = rows_of_relationships(schema, ends)
        found = session.raw_pages(f"MATCH {pattern} RETURN elementId(a), elementId(b), properties(x)", {}, batch_size)
        for sent in found:
            yield Moved(schema.name, sent, related, ends)
        return
    make = rows_of_nodes(schema)
    for sent in session.raw_pages(f"MATCH {pattern} RETURN elementId(x), labels(x), properties(x)", {}, batch_size):
        yield Moved(schema.name, [(element, labels, without_marks(held)) for element, labels, held in sent], make)


def rows_of_nodes(schema: Schema) -> Callable[[Sequence[Node]], Batch]:
    """What makes rows of nodes."""
    make = row_of_node(schema)
    return lambda nodes: [make(node) for node in nodes]


def rows_of_relationships(schema: Schema, ends: Ends) -> Callable[[Sequence[Relationship]], Batch]:
    """What makes rows of relationships."""
    places = [("from", "to", "properties").index(name) for name in schema.names]

    def made(sent: Sequence[Relationship]) -> Batch:
        texts = ends.texts(element for relationship in sent for element in relationship[:2])
        whole = [(texts.get(a, "null"), texts.get(b, "null"), text_of(held)) for a, b, held in sent]
        return [tuple([row[place] for place in places]) for row in whole]

    return made


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The nodes with these keys."""
    make = row_of_node(schema)
    own = pattern_of(session, schema)
    where = " AND ".join(f"x.{quoted(name)} = k[{place}]" for place, name in enumerate(schema.key))
    joint = "AND" if " WHERE " in own else "WHERE"
    statement = f"UNWIND $keys AS k MATCH {own} {joint} {where} RETURN elementId(x), labels(x), properties(x)"
    for start in range(0, len(keys), BATCH_SIZE):
        wanted = [[value_of(part) for part in key] for key in keys[start : start + BATCH_SIZE]]
        for rows in session.raw_pages(statement, {"keys": wanted}, BATCH_SIZE):
            yield from (make((element, labels, without_marks(held))) for element, labels, held in rows)
