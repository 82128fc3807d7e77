"""An outline's steps on the sink's server, and what undoes them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from dbfleet.adapter import Part, ServerInfo
from dbfleet.engines.neo4j import read
from dbfleet.engines.neo4j import text as cypher
from dbfleet.engines.neo4j.native import outline
from dbfleet.engines.neo4j.native.values import is_graph, is_relationships
from dbfleet.engines.neo4j.native.write import make_index
from dbfleet.engines.neo4j.session import Session
from dbfleet.engines.neo4j.tables import Collections
from dbfleet.engines.neo4j.text import MARK, MARKS, ROWS, quoted
from dbfleet.errors import AlreadyExists, Unsupported
from dbfleet.outline import Step
from dbfleet.values import Reference, Schema

_FIRST: Final = (5, 24)
"""The version that takes labels away by their names in a list."""
_WAIT_S: Final = 86_400


class Taking:
    """Takes steps on one connection."""

    def __init__(self, session: Session, collections: Collections) -> None:
        self._session, self._collections = session, collections
        self._made: list[str] | None = None

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Take the step; whether anything changed. AlreadyExists where its collection is there, unless `again`."""
        if step.kind == outline.MARKS:
            if step.stage == "before":
                make_index(self._session)
            else:
                clear_marks(self._session)
            return False
        if step.kind in (outline.ROWS, outline.GRAPH):
            return self._begin(step, called, again=again)
        return self._rule(step, called, again=again)

    def _begin(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        name = called.get(step.collection, step.collection)
        if step.kind == outline.GRAPH:
            if not again and name in self._collections.names():
                raise AlreadyExists(f"the collection {name!r} is there")
            return False
        try:
            self._collections.create(_renamed(Schema.from_dict(json.loads(step.text)), name, called))
        except AlreadyExists:
            if again:
                return False
            raise
        if self._made is not None:
            self._made.append(name)
        return True

    def _rule(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Make a constraint or an index, and wait until it is whole."""
        statement, name = outline.statement_of(step, called), outline.name_of(step, called)
        try:
            self._session.run_again(statement)
        except AlreadyExists as error:
            if "Equivalent" in (error.code or "") or again or self._is_there(statement, name):
                return False
            raise Unsupported(f"{step.words} is there already and is another one: {error.message}") from error
        if step.kind == outline.INDEX:
            self._session.run("CALL db.awaitIndex($name, $wait)", {"name": name, "wait": _WAIT_S})
        return True

    def _is_there(self, statement: str, name: str) -> bool:
        """Whether there is the same under another name."""
        wanted = statement.replace(quoted(name), "", 1)
        return any(
            made.replace(quoted(other), "", 1) == wanted
            for what in ("INDEXES", "CONSTRAINTS")
            for other, made in self._session.rows(
                f"SHOW {what} YIELD name, createStatement RETURN name, createStatement"
            )
        )

    @contextmanager
    def together(self) -> Iterator[None]:
        """For the block: what is made in it stays only if all of it is. It is empty so far."""
        self._made = []
        try:
            yield
        except BaseException:
            self.remove(self._made)
            raise
        finally:
            self._made = None

    def clear(self, schema: Schema, part: Part) -> None:
        """Delete the rows of the part. A node that has other labels too is written again where it is."""
        if not is_graph(schema):
            known = self._collections.layout(schema.name)
            where, params = read.within(schema, part)
            delete = "DELETE" if known.relationship or cypher.is_edge(known.schema) else "DETACH DELETE"
            found = f"MATCH {known.match}{where}"
        else:
            params, delete = {}, "DELETE" if is_relationships(schema) else "DETACH DELETE"
            other = f"any(l IN labels(x) WHERE NOT l IN [$own, '{MARK}'])"
            params["own"] = schema.name
            if is_relationships(schema):
                found = f"MATCH ()-[x:{quoted(schema.name)}]->()"
            else:
                found = f"MATCH {cypher.nodes(schema.name)} WHERE NOT {other}"
        self._session.run(f"{found} CALL (x) {{ {delete} x }} IN TRANSACTIONS OF {ROWS} ROWS", params)

    def remove(self, names: Sequence[str]) -> None:
        """Drop these collections."""
        for name in names:
            self._collections.drop(name)

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made."""
        if step.kind == outline.ROWS:
            self.remove([called.get(step.collection, step.collection)])


def clear_marks(session: Session) -> None:
    """Take away all that a native copy has marked nodes with."""
    gone = ", ".join(f"x.{word}" for word in MARKS)
    session.run(f"MATCH (x:{MARK}) CALL (x) {{ REMOVE x:{MARK}, {gone} }} IN TRANSACTIONS OF {ROWS} ROWS")
    session.run(f"DROP INDEX {MARK} IF EXISTS")


def lacking(session: Session, steps: Sequence[Step]) -> dict[str, str]:
    """The constraints that this edition does not have; what is of nothing, where something else has its name."""
    ((edition,),) = session.rows("CALL dbms.components() YIELD edition RETURN edition LIMIT 1")
    found = {
        step.mark: "needs the Enterprise Edition"
        for step in steps
        if edition == "community"
        and step.kind.startswith(outline.CONSTRAINT)
        and step.kind.removeprefix(outline.CONSTRAINT) not in outline.FREE
    }
    free = [step for step in steps if step.shared and step.mark not in found]
    there: dict[str, str] = {}
    for what in ("INDEXES", "CONSTRAINTS") if free else ():
        there |= dict(session.rows(f"SHOW {what} YIELD name, createStatement RETURN name, createStatement"))
    for step in free:
        if there.get(outline.name_of(step, {}), text := outline.statement_of(step, {})) != text:
            found[step.mark] = "has a name that is taken there"
    return found


def carries(info: ServerInfo, bolt: tuple[int, int]) -> bool:
    """Whether graphs can go from and to this server as they are: another product may speak Bolt too."""
    version = tuple(int(each) for each in info.version.split("-")[0].split(".")[:2] if each.isdigit())
    return info.product.startswith("Neo4j") and version >= _FIRST and bolt >= (5, 0)


def _renamed(schema: Schema, name: str, called: Mapping[str, str]) -> Schema:
    references = tuple(
        Reference(each.columns, called.get(each.collection, each.collection), each.keys) for each in schema.references
    )
    return replace(schema, name=name, references=references)
