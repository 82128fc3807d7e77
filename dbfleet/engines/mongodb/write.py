"""The bulk path: unordered insert and update commands, sent by a thread of their own. Needs pymongo: imported only
behind a connection.

The client makes the next batch while the server stores the last one. Two batches are under way at most.

Documents are BSON before the driver sees them, and go in commands: `insert_many` looks at each in Python, 1.5 µs. A
command is not tried again after a fail-over; with a retry the outcome of an insert would be uncertain.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import OperationFailure, WriteConcernError

from dbfleet.adapter import Rejected, WriteMode, Written
from dbfleet.engines.mongodb import tables
from dbfleet.engines.mongodb.documents import Document, Documents, Layout
from dbfleet.engines.mongodb.encode import Raw, document, id_element
from dbfleet.engines.mongodb.read import KEYS_AT_ONCE
from dbfleet.engines.mongodb.session import Session
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.engines.mongodb.worker import Worker
from dbfleet.values import Batch, Row, Schema

_MOST_BYTES: Final = 12 << 20
"""Bytes of documents in a command at most. It takes 16 MiB, with a little more for each document."""

LARGEST: Final = 16 << 20
"""Bytes of a document at most; every server says so (maxBsonObjectSize)."""

ONE_DOCUMENT: Final = frozenset({2, 15, 17, 22, 10334, 17419, 17420})
"""Codes of commands that fail as a whole because of one document: BadValue, Overflow (nested too deeply),
ProtocolError, InvalidBSON, BSONObjectTooLarge, and an update's result that is too large."""

_BAD_VALUES: Final = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError, struct.error, BSONError)
"""What a value raises that is not of its column's type, or that BSON has no value for."""

_UNDER_WAY: Final = 2
_COMMAND_BYTES: Final = 1 << 20
"""Bytes of documents in a command. The thread that waits for the server gets Python's lock back only every 5 ms, three
times a command: with commands of 150 kB most of the time goes there."""


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode) -> Written:
    """Store the rows; those that the server refuses come back."""
    with session.translated():
        sink = Sink(session.database, tables.layout(session, schema), mode)
    for sent in pour(batches, sink):
        with session.translated():
            sent.result()
    return sink.written


def delete(session: Session, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were."""
    removed = 0
    layout = tables.layout(session, schema)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        ids = layout.ids(keys[start : start + KEYS_AT_ONCE])
        reply = session.database[schema.name].delete_many({"_id": {"$in": ids}}, session=session.logical)
        removed += reply.deleted_count
    return removed


@dataclass(slots=True)
class Load:
    """Rows as documents, to be sent; `ids` are the elements of their `_id`, where they have a key."""

    rows: list[Row] = field(default_factory=list)
    documents: list[bytes] = field(default_factory=list)
    ids: list[bytes] = field(default_factory=list)

    def __add__(self, other: Load) -> Load:
        return Load(self.rows + other.rows, self.documents + other.documents, self.ids + other.ids)

    def part(self, start: int, stop: int) -> Load:
        """The documents from the one place to before the other."""
        return Load(self.rows[start:stop], self.documents[start:stop], self.ids[start:stop])

    @property
    def size(self) -> int:
        """The documents' bytes."""
        return sum(map(len, self.documents))


class Sink:
    """Where the rows of one `write` go. `written` adds up what has become of them."""

    def __init__(self, database: Database[Document], layout: Layout, mode: WriteMode) -> None:
        self.written = Written()
        self._database = database
        self._layout = layout
        self._schema = layout.schema
        self._encode = layout.encoder().encode
        self._upsert = mode == "upsert" and bool(layout.key)
        # What begins with $ would be taken for update operators.
        self._literal = any(layout.field(name).startswith("$") for name in layout.schema.names)
        self._concern = database.write_concern.document

    def load(self, rows: Batch) -> Load:
        """The rows that can be documents, with the documents. The others are rejected. Where rows come with documents
        that fit this collection (`Layout.takes`), these are sent as they are."""
        if isinstance(rows, Documents) and self._layout.takes(rows.layout):
            raw = self._layout.documents(rows)
            return self._within(Load(rows, raw, list(map(id_element, raw)) if self._layout.key else []))
        for place in self._schema.key_indexes:
            if None in [row[place] for row in rows]:
                for row in rows:
                    if row[place] is None:
                        self._reject(row, f"the key {self._schema.names[place]} is null")
                rows = [row for row in rows if row[place] is not None]
        if not rows:
            return Load()
        try:
            return self._within(Load(rows, *self._encode(rows)))
        except _BAD_VALUES:
            pass
        load = Load()
        for row in rows:
            try:
                load += Load([row], *self._encode([row]))
            except _BAD_VALUES as exc:
                self._reject(row, str(exc))
        return self._within(load)

    def _within(self, load: Load) -> Load:
        """The load without the documents that are too large for a server, which are not sent."""
        if max(map(len, load.documents), default=0) <= LARGEST:
            return load
        within = Load()
        for place, raw in enumerate(load.documents):
            if len(raw) > LARGEST:
                self._reject(load.rows[place], self._too_large(load.rows[place], len(raw)))
            else:
                within += load.part(place, place + 1)
        return within

    def _too_large(self, row: Row, size: int) -> str:
        schema = self._schema
        alone = [len(self._encode([(None,) * place + (value,) + (None,) * (len(row) - place - 1)])[0][0])
                 for place, value in enumerate(row)]  # fmt: skip
        largest = schema.names[alone.index(max(alone))]
        key = ", ".join(f"{schema.names[place]} {str(row[place])[:80]}" for place in schema.key_indexes)
        return (
            f"{schema.name}{f' with {key}' if key else ''} is too large a document: {size:,} bytes, most of it in "
            f"{largest}; MongoDB takes {LARGEST:,}"
        )

    def send(self, load: Load) -> None:
        """Store the documents. What is too much for a command, or fails because of one document, is halved."""
        parts = [load]
        while parts:
            part = parts.pop()
            if not part.documents:
                continue
            if len(part.documents) > 1 and part.size > _MOST_BYTES:
                parts += _halves(part)
                continue
            try:
                self._take(self._run(part), part.rows)
            except (BSONError, OperationFailure) as exc:
                if isinstance(exc, OperationFailure) and exc.code not in ONE_DOCUMENT:
                    raise
                if len(part.documents) == 1:
                    self._reject(part.rows[0], _reason(exc))
                else:
                    parts += _halves(part)

    def _run(self, load: Load) -> Document:
        command: Document = {"insert": self._schema.name, "documents": list(map(Raw, load.documents))}
        if self._upsert:
            updates = [self._replacement(*each) for each in zip(load.ids, load.documents, strict=True)]
            command = {"update": self._schema.name, "updates": updates}
        command["ordered"] = False
        if self._concern:
            command["writeConcern"] = self._concern
        return self._database.command(command, codec_options=CODEC)

    def _replacement(self, key: bytes, raw: bytes) -> Document:
        change: Any = [{"$replaceWith": {"$literal": Raw(raw)}}] if self._literal else Raw(raw)
        return {"q": Raw(document(key)), "u": change, "upsert": True}

    def _take(self, reply: Document, rows: Sequence[Row]) -> None:
        errors = reply.get("writeErrors", ())
        for error in errors:
            self._reject(rows[error["index"]], error.get("errmsg") or f"error {error.get('code')}")
        self.written.rows += len(rows) - len(errors)
        if concern := reply.get("writeConcernError"):
            raise WriteConcernError(concern.get("errmsg", "write concern"), concern.get("code"), concern)

    def _reject(self, row: Row, reason: str) -> None:
        self.written.rejected.append(Rejected(row, reason))


def _halves(load: Load) -> list[Load]:
    """The two halves, the second one first: they are taken from the end, so the rows are stored in order."""
    half = len(load.documents) // 2
    return [load.part(half, len(load.documents)), load.part(0, half)]


def _reason(exc: Exception) -> str:
    if isinstance(exc, OperationFailure):
        return str((exc.details or {}).get("errmsg") or exc)
    return str(exc).strip()


def pour(batches: Iterable[Batch], sink: Sink) -> Iterator[Future[None]]:
    """Pull the batches into the sink. Gives the future of each command, in order; the caller waits for it."""
    under_way: deque[Future[None]] = deque()
    load, size = Load(), 0
    with Worker() as worker:
        for batch in batches:
            fresh = sink.load(batch)
            size += fresh.size
            load = load + fresh if load.rows else fresh
            if size < _COMMAND_BYTES:
                continue
            under_way.append(worker.submit(partial(sink.send, load)))
            load, fresh, size = Load(), Load(), 0
            while len(under_way) >= _UNDER_WAY:
                yield under_way.popleft()
        under_way.append(worker.submit(partial(sink.send, load)))
        yield from under_way
