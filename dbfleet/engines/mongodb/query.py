"""Statements of the user's own: what the room `text` read, run one after another. Needs pymongo: imported only behind a
connection.

The methods are in `query_reads` and `query_changes`; `commands` sends what they make.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from dbfleet.adapter import BATCH_SIZE, Result
from dbfleet.engines.mongodb import text
from dbfleet.engines.mongodb.commands import Commands
from dbfleet.engines.mongodb.fast.encoded import lines
from dbfleet.engines.mongodb.query_changes import CHANGES
from dbfleet.engines.mongodb.query_reads import COLLECTION, DATABASE, SHELL
from dbfleet.engines.mongodb.session import Document, Session
from dbfleet.engines.mongodb.text import Operation
from dbfleet.engines.mongodb.values import CODEC, plain_document, relaxed
from dbfleet.errors import StatementError, UsageError

_METHODS: Final = {**CHANGES, **COLLECTION}
"""Methods of a collection."""


def query(
    session: Session, statement: str, params: Mapping[str, object] | None, batch_size: int, *, ejson: bool
) -> Result:
    """The result of the first operation; those of the others follow it. `ejson`: all values as relaxed Extended
    JSON."""
    with session.translated():
        return _run(session, _parsed(statement, params), batch_size, relaxed if ejson else plain_document)


def find(
    session: Session,
    collection: str,
    filter: str,
    params: Mapping[str, object] | None,
    batch_size: int,
    *,
    ejson: bool,
) -> Result:
    """The documents that a filter, as the method find takes it, chooses of this collection."""
    if not filter.strip():
        raise UsageError("the statement is empty")
    with session.translated():
        # The filter has lines of its own, so that a comment at its end hides nothing.
        operations = _parsed(f"db.getCollection({json.dumps(collection)}).find(\n{filter}\n)", params)
        if [operation.command_name for operation in operations] != ["find"]:
            raise StatementError(
                "beside a collection only a filter is expected", hint='{status: "paid"}, as find takes it'
            )
        return _run(session, operations, batch_size, relaxed if ejson else plain_document)


def encoded(session: Session, statement: str, params: Mapping[str, object] | None) -> Iterator[bytes] | None:
    """JSON Lines of what one find or aggregate gives; None for any other statement."""
    with session.translated():
        operations = _parsed(statement, params)
        if len(operations) != 1 or operations[0].command_name not in ("find", "findOne", "aggregate"):
            return None
        result = _run(session, operations, BATCH_SIZE, lambda document: document)
    templates: dict[tuple[str, ...], str] = {}

    def chunks() -> Iterator[bytes]:
        with result:
            for batch in result:
                yield lines((document for (document,) in batch), templates)

    return chunks()


def _parsed(statement: str, params: Mapping[str, object] | None) -> list[Operation]:
    operations = text.parse(statement, params or {})
    if not operations:
        raise UsageError("the statement is empty")
    return operations


def _run(
    session: Session, operations: Sequence[Operation], batch_size: int, convert: Callable[[Document], Document]
) -> Result:
    return _results(session, Commands(session, batch_size, convert=convert), operations)


def _results(session: Session, commands: Commands, operations: Sequence[Operation]) -> Result:
    """The first operation's result, the others' behind it."""
    operation, rest = operations[0], operations[1:]
    result = _result(commands, operation)
    if not rest:
        return result

    def following() -> Result:
        with session.translated():
            return _results(session, commands, rest)

    return Result(
        result.columns,
        result,
        affected=result.affected,
        documents=result.documents,
        messages=result.messages,
        close=result.close,
        following=following,
    )


def _result(commands: Commands, operation: Operation) -> Result:
    if operation.kind == "shell":
        return SHELL[operation.call.name](commands, operation.call)
    current = commands.database
    try:
        if operation.database is not None:
            commands.database = commands.client.get_database(operation.database, codec_options=CODEC)
        if operation.kind == "command":
            return commands.run_command(operation.call.argument(0), commands.database)
        methods = DATABASE if operation.kind == "database" else _METHODS
        return methods[operation.call.name](commands, operation)
    finally:
        commands.database = current
