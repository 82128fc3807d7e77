"""Database commands, and results made of their replies. Needs pymongo: imported only behind a connection.

Documents stream from a cursor. Options go to the server as they are typed: it knows them, and refuses by name what it
does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from pymongo.command_cursor import CommandCursor
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.mongodb.session import Document, Session
from dbfleet.engines.mongodb.text import Call, Operation
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.errors import StatementError
from dbfleet.values import Batch

_COLUMNS: Final = (ResultColumn("document"),)
_CURSOR_COMMANDS: Final = frozenset({"find", "aggregate", "listCollections", "listIndexes"})
_CHANGES: Final = frozenset({"insert", "update", "delete"})


class Commands:
    """Sends commands, to `database` unless another is given; `use` changes it for the statements that follow. `convert`
    makes a record of a document."""

    def __init__(
        self,
        session: Session,
        batch_size: int,
        *,
        convert: Callable[[Document], Document],
    ) -> None:
        self.client = session.client
        self.database = session.database
        self.session = session.logical
        self.batch_size = batch_size
        self._convert = convert
        self._translated = session.translated
        self._limit_ms = session.limit_ms

    def command(self, command: Document, database: Database[Document] | None = None) -> Document:
        """Run the command; its reply."""
        target = self.database if database is None else database
        return target.command(self._limited(command), codec_options=CODEC, session=self.session)

    def change(self, command: Document, options: Mapping[str, Any]) -> Document:
        """Run an insert, update or delete; its reply. BulkWriteError for what the server refused."""
        if self.database.write_concern.document:
            command["writeConcern"] = self.database.write_concern.document
        return _checked(self.command(command | dict(options)))

    def _limited(self, command: Document) -> Document:
        """The command with the session's limit of time, unless it has one of its own. A getMore takes none: the command
        that made its cursor had it."""
        if self._limit_ms is None or "maxTimeMS" in command or "getMore" in command:
            return command
        return {**command, "maxTimeMS": self._limit_ms}

    def documents(self, command: Document, database: Database[Document] | None = None) -> Result:
        """Run a command that gives a cursor; the cursor's documents."""
        target = self.database if database is None else database
        cursor = target.cursor_command(
            self._limited(command),
            read_preference=target.read_preference,
            codec_options=CODEC,
            session=self.session,
        )
        # The command's own batchSize holds for the first reply only; later ones would have 16 MB each.
        return self._stream(cursor.batch_size(self.batch_size))

    def _stream(self, cursor: CommandCursor[Document]) -> Result:
        # The first page is read here, so that an error in the first document is raised by `query` itself.
        first = cursor.to_list(self.batch_size)

        def batches() -> Iterator[Batch]:
            page = first
            while page:
                yield [(self._convert(document),) for document in page]
                with self._translated():
                    page = cursor.to_list(self.batch_size) if cursor.alive else []

        return Result(_COLUMNS, batches(), documents=True, close=cursor.close)

    def records(self, documents: Iterable[Document], *, affected: int | None = None) -> Result:
        """A result of a few documents that are there already."""
        rows = [(self._convert(document),) for document in documents]
        return Result(_COLUMNS, [rows] if rows else [], documents=True, affected=affected)

    def record(self, document: Document, *, affected: int | None = None) -> Result:
        """A result of one document that is there already."""
        return self.records([document], affected=affected)

    def value(self, operation: Operation, value: Any) -> Result:
        """One record, its field named after the method."""
        return self.record({operation.call.name: value})

    def run_command(self, command: Any, database: Database[Document]) -> Result:
        """Any database command; a cursor in its reply gives documents."""
        if isinstance(command, str):
            command = {command: 1}
        if not isinstance(command, dict) or not command:
            raise StatementError("a command is a document, its name first")
        name = next(iter(command))
        if name in _CURSOR_COMMANDS and not command.get("explain"):
            return self.documents(command, database)
        reply = self.command(command, database)
        cursor = reply.get("cursor")
        if isinstance(cursor, dict) and "firstBatch" in cursor and not cursor.get("id"):
            return self.records(cursor["firstBatch"])
        return self.record(reply, affected=_checked(reply)["n"] if name in _CHANGES else None)

    def explained(self, command: Document, verbosity: str) -> Result:
        """How the server would run the command."""
        return self.record(self.command({"explain": command, "verbosity": verbosity}))


def options(call: Call, place: int) -> Document:
    """The options at this place of a method's arguments; none where it has fewer arguments."""
    given = call.argument(place)
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise StatementError(f"{call.where}: argument {place + 1} of {call.name}() is a document of options")
    return dict(given)


def _checked(reply: Document) -> Document:
    """The reply of a change. The driver's error for what was refused."""
    if reply.get("writeErrors"):
        raise BulkWriteError(reply)
    if concern := reply.get("writeConcernError"):
        raise OperationFailure(str(concern.get("errmsg")), concern.get("code"), concern)
    return reply
