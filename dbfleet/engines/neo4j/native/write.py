"""Nodes and relationships written as they are (`native.values`).

A new node gets a mark, the label `_dbfleet_mark` and the property `_dbfleet_id`, by which relationships find it, and by
which the collection of another of its labels finds that it is there already. The last step of an outline takes all
marks away (`native.take`); a copy that was killed leaves them for its resume, and nobody reads them as part of a node.

Out of another Neo4j the mark is the node's element id there. Rows out of a dump have none: there it is a digest of
what the node is, and of nodes that are alike a relationship cannot say which it means, so it is refused by name. A node
without a mark (it was there before, or dbfleet made it) is found by a key of its labels.

A batch is a transaction. Where the server refuses it for one row, it is sent again in halves, down to that row.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from dbfleet.adapter import Rejected, WriteMode, Written
from dbfleet.engines.neo4j.native.rows import Moved
from dbfleet.engines.neo4j.native.values import (
    Properties,
    end_of,
    is_relationships,
    labels_of,
    node_of,
    properties_of,
)
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.text import MARK, MARKS, ROWS, UNLABELLED, quoted
from dbfleet.engines.neo4j.values import heap_of
from dbfleet.engines.neo4j.write import ASK_BEYOND, largest_row
from dbfleet.errors import ConstraintViolated
from dbfleet.values import Batch, Row, Schema

_ID, _NTH = MARKS
_BYTES: Final = 3_000_000
"""How much one UNWIND may hold, about."""
_INDEX: Final = f"CREATE RANGE INDEX {MARK} IF NOT EXISTS FOR (x:{MARK}) ON (x.{_ID})"

Sent = list[Any]
"""One row of a statement's parameter."""


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode) -> Written:
    """Store the rows; what the server refuses comes back."""
    make_index(session)
    writer = _Relationships(session, schema) if is_relationships(schema) else _Nodes(session, schema, mode)
    for batch in batches:
        writer.write(batch)
    return writer.written


def make_index(session: Session) -> None:
    """Make the index by which marks are found."""
    session.run(_INDEX)
    session.run(f"CALL db.awaitIndex('{MARK}')")


class _Writer:
    """One write: `written` adds up."""

    def __init__(self, session: Session, schema: Schema) -> None:
        self._session, self._schema = session, schema
        self.written = Written()
        self._limit: int | None = None

    def _send(self, statement: str, sent: Sequence[tuple[Sent, Row | Moved, int]]) -> None:
        """Send rows in transactions that the server holds; each comes with where its row stands."""
        for chunk in self._chunks(sent):
            self._store(statement, chunk)

    def _chunks(self, sent: Sequence[tuple[Sent, Row | Moved, int]]) -> Iterator[list[tuple[Sent, Row | Moved, int]]]:
        chunk: list[tuple[Sent, Row | Moved, int]] = []
        size = 0
        for each in sent:
            wide = heap_of(each[0])
            if wide > ASK_BEYOND:
                self._limit = largest_row(self._session) if self._limit is None else self._limit
                if wide > self._limit:
                    why = f"{wide:,} bytes, and a transaction of this server holds {self._limit:,}"
                    self._refuse(each, f"{self._schema.name}: {why} (dbms.memory.transaction.total.max)")
                    continue
            if chunk and (len(chunk) >= ROWS or size + wide > _BYTES):
                yield chunk
                chunk, size = [], 0
            chunk.append(each)
            size += wide
        if chunk:
            yield chunk

    def _store(self, statement: str, chunk: list[tuple[Sent, Row | Moved, int]]) -> None:
        try:
            self._session.run_again(statement, {"rows": [sent for sent, _, _ in chunk]})
            self.written.rows += len(chunk)
        except ConstraintViolated as error:
            if len(chunk) == 1:
                self._refuse(chunk[0], error.message)
                return
            half = len(chunk) // 2
            self._store(statement, chunk[:half])
            self._store(statement, chunk[half:])

    def _refuse(self, each: tuple[Sent, Row | Moved, int], why: str) -> None:
        _, rows, place = each
        self.written.rejected.append(Rejected(rows[place] if isinstance(rows, Moved) else rows, why))


class _Nodes(_Writer):
    """Nodes of one collection; those of the same labels go together."""

    def __init__(self, session: Session, schema: Schema, mode: WriteMode) -> None:
        super().__init__(session, schema)
        self._own = [] if schema.name == UNLABELLED else [schema.name]
        self._upsert = mode == "upsert" and bool(schema.key)
        self._alike: dict[str, int] = {}
        self._places = {column.name: place for place, column in enumerate(schema.columns)}

    def write(self, batch: Batch) -> None:
        """Store the batch."""
        groups: dict[tuple[str, ...], list[tuple[Sent, Row | Moved, int]]] = {}
        if isinstance(batch, Moved):
            for place, (element, labels, properties) in enumerate(batch.sent):
                others = tuple(sorted(label for label in labels if label not in (MARK, batch.name)))
                groups.setdefault(others, []).append(([element, properties, None], batch, place))
            for others, sent in groups.items():
                self._send(self._statement(others, nth=False), sent)
            return
        for row in batch:
            try:
                others = tuple(sorted(labels_of(row[self._places["labels"]])))
                properties = properties_of(row[self._places["properties"]])
            except (ValueError, TypeError, KeyError, AttributeError) as exc:
                self.written.rejected.append(Rejected(row, f"{self._schema.name}: {exc}"))
                continue
            mark = mark_of(end_of([*self._own, *others], properties))
            nth = self._nth(mark) if others and not self._upsert else None
            groups.setdefault(others, []).append(([mark, properties, nth], row, 0))
        for others, sent in groups.items():
            self._send(self._statement(others, nth=True), sent)

    def _nth(self, mark: str) -> int:
        """Which of those that are alike it is: another of its collections holds each of them too."""
        self._alike[mark] = nth = self._alike.get(mark, 0) + 1
        return nth

    def _statement(self, others: Sequence[str], *, nth: bool) -> str:
        labels = "".join(f":{quoted(label)}" for label in (*self._own, *others))
        if self._upsert:
            return made_by_key(self._schema, others)
        if not others:
            return f"UNWIND $rows AS r CREATE (x{labels}:{MARK}) SET x = r[1], x.{_ID} = r[0]"
        more = f", {_NTH}: r[2]" if nth else ""
        again = f", x.{_NTH} = r[2]" if nth else ""
        return (
            f"UNWIND $rows AS r MERGE (x:{MARK} {{{_ID}: r[0]{more}}}) SET x{labels}, x = r[1], x.{_ID} = r[0]{again}"
        )


def made_by_key(schema: Schema, others: Sequence[str]) -> str:
    """The statement that makes nodes what the rows say, by their keys: labels besides these go."""
    own = quoted(schema.name)
    keys = ", ".join(f"{quoted(name)}: r[1].{quoted(name)}" for name in schema.key)
    kept = ", ".join(_literal(label) for label in (MARK, schema.name, *others))
    more = f" SET x{''.join(f':{quoted(label)}' for label in others)}" if others else ""
    return (
        f"UNWIND $rows AS r MERGE (x:{own} {{{keys}}}) WITH x, r, [l IN labels(x) WHERE NOT l IN [{kept}]] AS gone "
        f"REMOVE x:$(gone) SET x = r[1]{more}"
    )


class _Relationships(_Writer):
    """Relationships of one type, between nodes that are there."""

    def __init__(self, session: Session, schema: Schema) -> None:
        super().__init__(session, schema)
        self._statement = (
            f"UNWIND $rows AS r MATCH (a:{MARK} {{{_ID}: r[0]}}) MATCH (b:{MARK} {{{_ID}: r[1]}}) "
            f"CREATE (a)-[x:{quoted(schema.name)}]->(b) SET x = r[2]"
        )
        self._keys: list[tuple[str, list[str]]] | None = None
        self._places = [schema.names.index(word) for word in ("from", "to", "properties")]

    def write(self, batch: Batch) -> None:
        """Store the batch."""
        sent: list[tuple[Sent, Row | Moved, int]] = []
        texts: dict[str, str] = {}
        if isinstance(batch, Moved):
            sent = [(list(relationship), batch, place) for place, relationship in enumerate(batch.sent)]
        else:
            for row in batch:
                a, b, held = (row[place] for place in self._places)
                try:
                    marks = [mark_of(end_of(*node_of(text))) for text in (a, b)]
                    properties = properties_of(held)
                except (ValueError, TypeError, KeyError, AttributeError) as exc:
                    self.written.rejected.append(Rejected(row, f"{self._schema.name}: {exc}"))
                    continue
                texts |= zip(marks, (a, b), strict=True)
                sent.append(([*marks, properties], row, 0))
        missing = self._missing({mark for each, _, _ in sent for mark in each[:2]}, batch, texts)
        if missing:
            for each in sent:
                why = next((missing[mark] for mark in each[0][:2] if mark in missing), None)
                if why:
                    self._refuse(each, f"{self._schema.name}: {why}")
            sent = [each for each in sent if missing.keys().isdisjoint(each[0][:2])]
        self._send(self._statement, sent)

    def _missing(self, marks: set[str], batch: Batch, texts: Mapping[str, str]) -> dict[str, str]:
        """The ends that no single node has the mark of, and why. Nodes that have no mark and are found by a key get
        one."""
        found: dict[str, int] = {}
        counted = f"UNWIND $marks AS m MATCH (x:{MARK} {{{_ID}: m}}) RETURN m, count(x)"
        wanted = list(marks)
        for start in range(0, len(wanted), ROWS):
            found |= dict(map(tuple, self._session.rows(counted, {"marks": wanted[start : start + ROWS]})))
        left = marks - found.keys()
        why = {
            mark: f"{count} nodes are alike, nothing says which of them it connects: {texts.get(mark, mark):.200}"
            for mark, count in found.items()
            if count > 1
        }
        if not left:
            return why
        if isinstance(batch, Moved):
            ends = batch.ends
            known = {element: (labels, held) for element, labels, held in (ends.nodes(left) if ends else ())}
        else:
            known = {mark: node_of(texts[mark]) for mark in left}
        self._mark_by_key(known)
        for start in range(0, len(left), ROWS):
            again = self._session.rows(counted, {"marks": list(left)[start : start + ROWS]})
            found |= dict(map(tuple, again))
        for mark in left - found.keys():
            told = end_of(*known[mark]) if mark in known else mark
            why[mark] = f"a node that the relationship connects is not there: {told:.200}"
        return why

    def _mark_by_key(self, nodes: Mapping[str, tuple[list[str], Properties]]) -> None:
        if self._keys is None:
            self._keys = unique_keys(self._session)
        groups: dict[int, list[list[Any]]] = {}
        for mark, (labels, properties) in nodes.items():
            for number, (label, names) in enumerate(self._keys):
                if label in labels and all(name in properties for name in names):
                    groups.setdefault(number, []).append([mark, [properties[name] for name in names]])
                    break
        for number, rows in groups.items():
            label, names = self._keys[number]
            keys = ", ".join(f"{quoted(name)}: r[1][{place}]" for place, name in enumerate(names))
            # A node that another copy has marked, and was cut off, is marked anew.
            statement = f"UNWIND $rows AS r MATCH (x:{quoted(label)} {{{keys}}}) SET x:{MARK}, x.{_ID} = r[0]"
            for start in range(0, len(rows), ROWS):
                self._session.run(statement, {"rows": rows[start : start + ROWS]})


def unique_keys(session: Session) -> list[tuple[str, list[str]]]:
    """The labels of this database with properties that no two nodes of theirs share, by their constraints."""
    return [
        (labels[0], list(properties))
        for labels, properties in session.rows(
            "SHOW CONSTRAINTS YIELD type, labelsOrTypes, properties "
            "WHERE type IN ['UNIQUENESS', 'NODE_KEY', 'NODE_PROPERTY_UNIQUENESS'] "
            "RETURN labelsOrTypes, properties ORDER BY labelsOrTypes, size(properties), properties"
        )
    ]


def mark_of(text: str) -> str:
    """The mark of a node of which only this text is known (`end_of`)."""
    return "=" + hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def _literal(label: str) -> str:
    escaped = label.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"


def delete(session: Session, schema: Schema, keys: Sequence[Sequence[Any]]) -> int:
    """Remove the nodes with these keys, which are properties as Bolt has them; how many there were."""
    where = " AND ".join(f"x.{quoted(name)} = k[{place}]" for place, name in enumerate(schema.key))
    statement = f"UNWIND $keys AS k MATCH (x:{quoted(schema.name)}) WHERE {where} WITH DISTINCT x DETACH DELETE x "
    removed = 0
    for start in range(0, len(keys), ROWS):
        wanted = [list(key) for key in keys[start : start + ROWS]]
        ((count,),) = session.rows(f"{statement} RETURN count(*)", {"keys": wanted})
        removed += int(count)
    return removed
