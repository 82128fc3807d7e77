"""The bulk path: unordered insert and update commands, and one call ahead of the reader. Needs pymongo: imported only
behind a connection.

The client makes the next batch while the server stores the last one, and decodes one while the server reads the next:
a daemon thread holds the connection meanwhile. Two batches under way are the most that is held.

`insert` as a command takes 4.5 µs of processor time a document, `insert_many` 6 µs: it looks at each document in
Python. What the command lacks, a retry after a fail-over, would make an insert's outcome uncertain anyway.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Final, Self, TypeVar

from bson import encode
from bson.errors import BSONError
from pymongo.database import Database
from pymongo.errors import DocumentTooLarge, OperationFailure, WriteConcernError

from dbfleet.adapter import Rejected, WriteMode, Written
from dbfleet.engines._mongo_rows import Document, Layout
from dbfleet.engines._mongo_values import CODEC
from dbfleet.values import Batch, Row

T = TypeVar("T")

_ONE_DOCUMENT: Final = frozenset({2, 15, 17, 22, 10334, 17419, 17420})
"""Codes of commands that fail as a whole because of one document: BadValue, Overflow (nested too deeply),
ProtocolError, InvalidBSON, BSONObjectTooLarge, and an update's result that is too large."""

_BAD_VALUES: Final = (ValueError, TypeError, AttributeError, ArithmeticError, RecursionError)
"""What a value raises that is not of its column's type, or that no BSON value is."""

_UNDER_WAY: Final = 2
_COMMAND_BYTES: Final = 1 << 20
"""Documents in a command. The thread that waits for the server gets Python's lock back only every 5 ms, three times a
command: with commands of 150 kB it is that which takes the time."""


class Worker:
    """One daemon thread that runs calls one after another. It never outlives the process, whatever the server does."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True, name="dbfleet-mongodb")
        self._thread.start()

    def _run(self) -> None:
        while (call := self._calls.get()) is not None:
            future, function = call
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(function())
                except BaseException as exc:
                    future.set_exception(exc)
            del call, future, function  # or the last batch lives until the next one comes

    def submit(self, function: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._calls.put((future, function))
        return future

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._calls.put(None)
        self._thread.join(timeout=5)


def ahead(items: Iterator[T]) -> Generator[T, None, None]:
    """The items, each fetched while its reader still has the one before."""
    end: Any = object()
    with Worker() as worker:
        coming = worker.submit(lambda: next(items, end))
        while (item := coming.result()) is not end:
            coming = worker.submit(lambda: next(items, end))
            try:
                yield item
            finally:
                del item


class Sink:
    """Where the rows of one `write` go; `written` adds up."""

    def __init__(self, database: Database[Document], layout: Layout, mode: WriteMode) -> None:
        self.written = Written()
        self._database = database
        self._layout = layout
        self._upsert = mode == "upsert" and bool(layout.key)
        self._keys = layout.schema.key_indexes
        self._concern = database.write_concern.document
        self._most: int | None = None  # rows that fit into a command, once some did not

    def rows_at_once(self, rows: Batch) -> int:
        """How many rows like these make a command of about a megabyte, by one in the middle."""
        try:
            return _COMMAND_BYTES // len(
                encode(self._layout.documents(rows[len(rows) // 2 :][:1])[0], codec_options=CODEC)
            )
        except (*_BAD_VALUES, BSONError, IndexError):
            return 0

    def documents(self, rows: Batch) -> tuple[Sequence[Row], list[Document]]:
        """The rows that can be documents, and these. The others are rejected."""
        for place in self._keys:
            if None in [row[place] for row in rows]:
                for row in rows:
                    if row[place] is None:
                        self._reject(row, f"the key {self._layout.schema.names[place]} is null")
                rows = [row for row in rows if row[place] is not None]
        try:
            return rows, self._layout.documents(rows)
        except _BAD_VALUES:
            pass
        kept, documents = [], []
        for row in rows:
            try:
                documents += self._layout.documents([row])
                kept.append(row)
            except _BAD_VALUES as exc:
                self._reject(row, str(exc))
        return kept, documents

    def send(self, rows: Sequence[Row], documents: list[Document]) -> None:
        """Store the documents; halves the batch where one document or the whole is too much for a command."""
        parts = deque([(rows, documents)])
        while parts:
            rows, documents = parts.popleft()
            if not documents:
                continue
            if self._most and len(documents) > self._most:
                parts.extendleft(
                    (rows[start : start + self._most], documents[start : start + self._most])
                    for start in reversed(range(0, len(documents), self._most))
                )
                continue
            try:
                reply = self._run(documents)
            except (BSONError, OverflowError, UnicodeError, RecursionError, OperationFailure) as exc:
                if isinstance(exc, OperationFailure) and exc.code not in _ONE_DOCUMENT:
                    raise
                if len(documents) == 1:
                    self._reject(rows[0], _reason(exc))
                    continue
                half = len(documents) // 2
                if isinstance(exc, DocumentTooLarge):
                    self._most = half
                parts.appendleft((rows[half:], documents[half:]))
                parts.appendleft((rows[:half], documents[:half]))
                continue
            self._take(reply, rows)

    def _run(self, documents: list[Document]) -> Document:
        command: Document = {"insert": self._layout.schema.name, "documents": documents, "ordered": False}
        if self._upsert:
            updates = [_replacement(document) for document in documents]
            command = {"update": self._layout.schema.name, "updates": updates, "ordered": False}
        if self._concern:
            command["writeConcern"] = self._concern
        return self._database.command(command, codec_options=CODEC)

    def _take(self, reply: Document, rows: Sequence[Row]) -> None:
        errors = reply.get("writeErrors", ())
        for error in errors:
            self._reject(rows[error["index"]], error.get("errmsg") or f"error {error.get('code')}")
        self.written.rows += len(rows) - len(errors)
        if concern := reply.get("writeConcernError"):
            raise WriteConcernError(concern.get("errmsg", "write concern"), concern.get("code"), concern)

    def _reject(self, row: Row, reason: str) -> None:
        self.written.rejected.append(Rejected(row, reason))


def _reason(exc: Exception) -> str:
    if isinstance(exc, OperationFailure):
        return str((exc.details or {}).get("errmsg") or exc)
    return str(exc).strip()


def _replacement(document: Document) -> Document:
    key, change = document["_id"], document
    if any(name.startswith("$") for name in document):  # would be taken for update operators
        change = [{"$replaceWith": {"$literal": document}}]  # type: ignore[assignment]
    return {"q": {"_id": {"$eq": key} if isinstance(key, dict) else key}, "u": change, "upsert": True}


def pour(batches: Iterable[Batch], sink: Sink) -> Iterator[Future[None]]:
    """Pull the batches into the sink; gives each command's future, to be waited for, in order."""
    under_way: deque[Future[None]] = deque()
    with Worker() as worker:
        for rows in _joined(batches, sink.rows_at_once):
            kept, documents = sink.documents(rows)
            under_way.append(worker.submit(partial(sink.send, kept, documents)))
            del rows, kept, documents
            while len(under_way) >= _UNDER_WAY:
                yield under_way.popleft()
        yield from under_way


def _joined(batches: Iterable[Batch], enough: Callable[[Batch], int]) -> Iterator[Batch]:
    """Small batches together, as many as make a command that is worth its while."""
    waiting: Batch = []
    for batch in batches:
        waiting = waiting + batch if waiting else batch
        if len(waiting) >= enough(waiting):
            yield waiting
            waiting = []
    if waiting:
        yield waiting
