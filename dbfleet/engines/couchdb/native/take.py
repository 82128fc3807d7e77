"""An outline's steps on the sink's server, and what undoes them. CouchDB makes nothing together: what a block has made
is removed again where it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

from dbfleet.adapter import Part
from dbfleet.engines.couchdb.native import outline, read, write
from dbfleet.engines.couchdb.native.values import ID, carried
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.tables import Databases
from dbfleet.errors import AlreadyExists, StatementError, Unsupported
from dbfleet.outline import Step, spelled
from dbfleet.values import Schema

_OTHERS: Final = "is nothing that this server has (it is no CouchDB)"


class Taker:
    """Takes steps on one session."""

    def __init__(self, session: Session, databases: Databases, longest: int) -> None:
        self._session, self._databases, self._longest = session, databases, longest
        self._made: list[str] | None = None

    def take(self, step: Step, called: Mapping[str, str], *, again: bool) -> bool:
        """Take the step; whether anything changed."""
        name = called.get(step.collection, step.collection)
        if step.kind == outline.DATABASE:
            said = _said(step, called)
            said["literal"] &= name == step.collection
            return self._make(name, said, again=again)
        name, said = outline.place_and_data(step, called)
        path = self._databases.path(name)
        if step.kind == outline.DESIGN:
            return self._design(name, path, said, again=again)
        before = self._session.json("GET", f"{path}/{said['setting']}")
        if before != said["value"]:
            self._session.json("PUT", f"{path}/{said['setting']}", said["value"])
        return bool(before != said["value"])

    def _make(self, name: str, said: Mapping[str, Any], *, again: bool) -> bool:
        """Make the database; while it is filled it remembers as many revisions as any other."""
        options = {"q": said["q"], "partitioned": "true" if said["partitioned"] else None}
        query = urlencode({word: value for word, value in options.items() if value})
        try:
            query = query if self._session.is_couchdb else ""
            self._databases.make(name, longest=self._longest, query=query, literal=said["literal"])
        except AlreadyExists:
            if not again:
                raise
            if said["schema"] is not None and self._databases.kept(name) is None:  # it was cut off between the two
                self._databases.keep(Schema.from_dict(said["schema"]))
            return False
        if self._made is not None:
            self._made.append(name)
        path = self._databases.path(name)
        if said[outline.REVS_LIMIT] > outline.USUAL[outline.REVS_LIMIT] and self._session.is_couchdb:
            self._session.json("PUT", f"{path}/{outline.REVS_LIMIT}", said[outline.REVS_LIMIT])
        if said["schema"] is not None:
            self._databases.keep(Schema.from_dict(said["schema"]))
        return True

    def _design(self, name: str, path: str, values: list[Any], *, again: bool) -> bool:
        """Store the design document. A write that says its revisions is refused in silence by some servers, so what is
        there then is looked at."""
        schema, row = outline.row_schema(name), tuple(values)
        id_ = row[schema.names.index(ID)]
        wanted = sorted(leaf.rev for leaf in carried(schema, row).leaves)
        before = read.revisions_of(self._session, path, [id_]).get(id_)
        if before is not None and sorted(before) == wanted:
            return False
        if before is not None and not again:
            raise Unsupported(f"{name}: {id_} is there already and is another one")
        writer = write.Writer(self._session, path, schema, upsert=True, alone=before is None)
        written = writer.write([[row]])
        if written.rejected:
            raise StatementError(f"{name}: {written.rejected[0].reason}", target=self._session.target.name)
        if sorted(read.revisions_of(self._session, path, [id_]).get(id_, ())) != wanted:
            raise StatementError(f"{name}: {id_} was not stored as it is", target=self._session.target.name)
        return True

    @contextmanager
    def together(self) -> Iterator[None]:
        """Remove what was made in the block where it fails."""
        made: list[str] = []
        self._made = made
        try:
            yield
        except BaseException:
            for name in made:
                self._databases.drop(name)
            raise
        finally:
            self._made = None

    def clear(self, schema: Schema, part: Part) -> None:
        """Remove the part's documents: by purging them, or all of them by making the database again."""
        path = self._databases.path(schema.name)
        if part:
            write.clear(self._session, path, read.changed(self._session, path, part))
            return
        again = outline.outline(self._session, self._databases, [schema.name], everything=False)
        self._databases.drop(schema.name)
        for step in again.steps:
            self.take(step, {}, again=False)

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove what the step has made, with all that is in it."""
        if step.kind == outline.DATABASE:
            self._databases.drop(called.get(step.collection, step.collection))


def _said(step: Step, called: Mapping[str, str]) -> dict[str, Any]:
    text = spelled(step.text, lambda mark, space, name: json.dumps(called.get(name, name))[1:-1])
    found: dict[str, Any] = json.loads(text)
    return found


def lacking(session: Session, steps: Sequence[Step]) -> dict[str, str]:
    """What a server that only speaks CouchDB's API does not have."""
    if session.is_couchdb:
        return {}
    return {step.mark: _OTHERS for step in steps if step.kind == outline.SETTING}
