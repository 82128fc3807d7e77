"""Run what the room `text` read: each method as the database command that it stands for. Imported behind a connection
only.

Documents stream from a cursor, a page ahead of nobody. What mongosh prints as a value is one record with one field
named after the method: `{countDocuments: 3}`, `{version: "6.0.5"}`; a list of values is a record `value` each. A change
gives what mongosh prints, as one record, and `affected`. Options go to the server as they are typed: it knows them, and
refuses by name what it does not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final

from bson.int64 import Int64
from pymongo import MongoClient
from pymongo.client_session import ClientSession
from pymongo.command_cursor import CommandCursor
from pymongo.database import Database
from pymongo.errors import BulkWriteError, OperationFailure

from dbfleet.adapter import Result, ResultColumn
from dbfleet.engines.mongodb.text import SHOWN, Call, Operation
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.errors import StatementError
from dbfleet.values import Batch

Document = dict[str, Any]

BESIDE: Final = "_dbfleet"
"""The collection that keeps the schemas of the others."""

_COLUMNS: Final = (ResultColumn("document"),)
_CURSOR_COMMANDS: Final = frozenset({"find", "aggregate", "listCollections", "listIndexes"})
_CHANGES: Final = frozenset({"insert", "update", "delete"})


class Run:
    """Runs operations one after another; `use` changes the database of those that follow. `convert` makes a record of a
    document."""

    def __init__(
        self,
        client: MongoClient[Document],
        database: Database[Document],
        session: ClientSession,
        batch_size: int,
        *,
        convert: Callable[[Document], Document],
        translated: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self.client = client
        self.database = database
        self.session = session
        self._batch_size = batch_size
        self._convert = convert
        self._translated = translated

    def results(self, operations: Sequence[Operation]) -> Result:
        """The first operation's result, the others' behind it."""
        operation, rest = operations[0], operations[1:]
        if operation.kind == "shell":
            result = _SHELL[operation.call.name](self, operation.call)
        else:
            here = self.database
            try:
                if operation.database is not None:
                    self.database = self.client.get_database(operation.database, codec_options=CODEC)
                result = self._result(operation)
            finally:
                self.database = here
        if rest:
            result._following = lambda: self._later(rest)
        return result

    def _later(self, operations: Sequence[Operation]) -> Result:
        with self._translated():
            return self.results(operations)

    def _result(self, operation: Operation) -> Result:
        from dbfleet.engines.mongodb.query_changes import CHANGES

        if operation.kind == "command":
            return self.run_command(operation.call.argument(0), self.database)
        method = operation.call.name
        if operation.kind == "database":
            return _DATABASE[method](self, operation)
        change = CHANGES.get(method)
        if change is None:
            return _COLLECTION[method](self, operation)
        return change(self, operation)

    # --- what a command gives ---

    def command(self, command: Document, database: Database[Document] | None = None) -> Document:
        """Run it; the reply."""
        target = self.database if database is None else database
        return target.command(command, codec_options=CODEC, session=self.session)

    def change(self, command: Document, options: Mapping[str, Any]) -> Document:
        """Run an insert, update or delete; the reply. BulkWriteError for what the server refused."""
        if self.database.write_concern.document:
            command["writeConcern"] = self.database.write_concern.document
        return _refused(self.command(command | dict(options)))

    def documents(self, command: Document, database: Database[Document] | None = None) -> Result:
        """Run a command that gives a cursor; its documents."""
        target = self.database if database is None else database
        cursor = target.cursor_command(
            command, read_preference=target.read_preference, codec_options=CODEC, session=self.session
        )
        # The command's own batchSize is of the first reply; the later ones would have 16 MB each.
        return self._stream(cursor.batch_size(self._batch_size))

    def _stream(self, cursor: CommandCursor[Document]) -> Result:
        # A page ahead, so that an error in the first document comes from `query` itself.
        first = cursor.to_list(self._batch_size)

        def batches() -> Iterator[Batch]:
            page = first
            while page:
                yield [(self._convert(document),) for document in page]
                with self._translated():
                    page = cursor.to_list(self._batch_size) if cursor.alive else []

        return Result(_COLUMNS, batches(), documents=True, close=cursor.close)

    def records(self, documents: Iterable[Document], *, affected: int | None = None) -> Result:
        """A few documents that are there already."""
        rows = [(self._convert(document),) for document in documents]
        return Result(_COLUMNS, [rows] if rows else [], documents=True, affected=affected)

    def record(self, document: Document, *, affected: int | None = None) -> Result:
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
        return self.record(reply, affected=_refused(reply)["n"] if name in _CHANGES else None)

    def explained(self, command: Document, verbosity: str) -> Result:
        return self.record(self.command({"explain": command, "verbosity": verbosity}))

    # --- reading ---

    def find(self, operation: Operation) -> Result:
        command: Document = {
            "find": operation.collection,
            "filter": operation.call.argument(0) or {},
            "batchSize": self._batch_size,
        }
        if operation.call.argument(1):
            command["projection"] = operation.call.argument(1)
        command |= options(operation.call, 2)
        last = None
        for call in operation.cursor:
            if last:
                raise StatementError(f"{call.where}: nothing follows {last.name}()")
            if call.name in ("count", "size", "itcount", "explain"):
                last = call
            elif call.name in _FIND:
                command[_FIND[call.name]] = call.argument(0, True)
        if command.get("limit", 0) < 0:  # as mongosh has it: one batch of so many
            command["limit"] = -command["limit"]
        if last and last.name != "explain":
            return self.record({last.name: self._counted(command, last)})
        if last or operation.explain:
            return self.explained(_without(command, "batchSize"), _verbosity(operation, last))
        return self.documents(command)

    def _counted(self, find: Document, call: Call) -> Any:
        words = ["hint", "collation", "maxTimeMS", *(["skip", "limit"] if call.name != "count" else [])]
        command = {"count": find["find"], "query": find["filter"], **{w: find[w] for w in words if w in find}}
        return self.command(command)["n"]

    def find_one(self, operation: Operation) -> Result:
        command = {"find": operation.collection, "filter": operation.call.argument(0) or {}}
        if operation.call.argument(1):
            command["projection"] = operation.call.argument(1)
        return self.documents({**command, **options(operation.call, 2), "limit": 1, "singleBatch": True})

    def aggregate(self, operation: Operation) -> Result:
        first, given = operation.call.argument(0, []), {}
        if isinstance(first, list):
            pipeline, given = first, options(operation.call, 1)
        else:
            pipeline = list(operation.call.arguments)
        size = given.pop("batchSize", self._batch_size)
        explain = operation.explain or ("queryPlanner" if given.pop("explain", False) else None)
        command: Document = {"aggregate": operation.collection or 1, "pipeline": pipeline, **given}
        last = None
        for call in operation.cursor:
            if call.name == "batchSize":
                size = call.argument(0)
            elif call.name in _AGGREGATE:
                command[call.name] = call.argument(0, True)
            elif call.name in ("itcount", "explain"):
                last = call
            elif call.name not in ("pretty", "toArray"):
                raise StatementError(f"{call.where}: not supported: {call.name}() behind aggregate()", hint="a stage")
        if last and last.name == "itcount":
            command["pipeline"] = [*pipeline, {"$count": "itcount"}]
            found = self.command({**command, "cursor": {}})["cursor"]["firstBatch"]
            return self.records(found or [{"itcount": 0}])
        command["cursor"] = {"batchSize": size}
        if last or explain:
            return self.explained({**command, "cursor": {}}, explain or _verbosity(operation, last))
        return self.documents(command)

    def count(self, operation: Operation) -> Result:
        command = {"count": operation.collection, "query": operation.call.argument(0) or {}}
        command |= options(operation.call, 1)
        if operation.explain:
            return self.explained(command, operation.explain)
        return self.value(operation, self.command(command)["n"])

    def count_documents(self, operation: Operation) -> Result:
        given = options(operation.call, 1)
        pipeline: list[Document] = [{"$match": operation.call.argument(0) or {}}]
        pipeline += [{f"${word}": given.pop(word)} for word in ("skip", "limit") if word in given]
        pipeline.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
        reply = self.command({"aggregate": operation.collection, "pipeline": pipeline, "cursor": {}, **given})
        found = reply["cursor"]["firstBatch"]
        return self.value(operation, found[0]["n"] if found else 0)

    def estimated_count(self, operation: Operation) -> Result:
        command = {"count": operation.collection, **options(operation.call, 0)}
        return self.value(operation, self.command(command)["n"])

    def distinct(self, operation: Operation) -> Result:
        command = {"distinct": operation.collection, "key": operation.call.argument(0)}
        command |= {"query": operation.call.argument(1) or {}, **options(operation.call, 2)}
        if operation.explain:
            return self.explained(command, operation.explain)
        return self.records({"value": each} for each in self.command(command)["values"])

    def stats(self, operation: Operation) -> Result:
        given = operation.call.argument(0, 1)
        scale = given if isinstance(given, dict) else {"scale": given}
        return self.record(self.command({"collStats": operation.collection, **scale}))

    def size(self, operation: Operation) -> Result:
        reply = self.command({"collStats": operation.collection})
        return self.value(operation, reply[{"dataSize": "size"}.get(operation.call.name, operation.call.name)])

    def validate(self, operation: Operation) -> Result:
        given = operation.call.argument(0, {})
        full = given if isinstance(given, dict) else {"full": bool(given)}
        return self.record(self.command({"validate": operation.collection, **full}))

    # --- the shell and db ---

    def show(self, call: Call) -> Result:
        if SHOWN[call.argument(0)] == "dbs":
            return self.records(self.command({"listDatabases": 1}, self.client.admin)["databases"])
        found = self.database.list_collections(session=self.session)
        return self.records(sorted(({"name": e["name"], "type": e["type"]} for e in found), key=lambda e: e["name"]))

    def use(self, call: Call) -> Result:
        name = call.argument(0)
        self.database = self.client.get_database(name, codec_options=CODEC)
        return Result(messages=[f"switched to db {name}"])

    def name(self, _call: Call) -> Result:
        return self.record({"db": self.database.name})

    def create_collection(self, operation: Operation) -> Result:
        given = options(operation.call, 1)
        return self.record(self.command({"create": operation.call.argument(0), **given}))

    def create_view(self, operation: Operation) -> Result:
        name, source, pipeline = (operation.call.argument(place) for place in range(3))
        command = {"create": name, "viewOn": source, "pipeline": pipeline if isinstance(pipeline, list) else [pipeline]}
        return self.record(self.command({**command, **options(operation.call, 3)}))

    def collection_infos(self, operation: Operation) -> Result:
        only = {"nameOnly": bool(operation.call.argument(1, False))}
        return self.documents({"listCollections": 1, "filter": operation.call.argument(0, {}), **only})

    def collection_names(self, _operation: Operation) -> Result:
        return self.records({"value": name} for name in sorted(self.database.list_collection_names()))

    def version(self, operation: Operation) -> Result:
        return self.value(operation, self.command({"buildInfo": 1})["version"])

    def current_op(self, operation: Operation) -> Result:
        given = operation.call.argument(0, {})
        wanted = given if isinstance(given, dict) else {"$all": bool(given)}
        return self.record(self.command({"currentOp": 1, **wanted}, self.client.admin))


def options(call: Call, place: int) -> Document:
    """The options at this place of a method's arguments; none where there are no arguments so far."""
    found = call.argument(place)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise StatementError(f"{call.where}: argument {place + 1} of {call.name}() is a document of options")
    return dict(found)


def _refused(reply: Document) -> Document:
    if reply.get("writeErrors"):
        raise BulkWriteError(reply)
    if concern := reply.get("writeConcernError"):
        raise OperationFailure(str(concern.get("errmsg")), concern.get("code"), concern)
    return reply


def _verbosity(operation: Operation, call: Call | None) -> str:
    given = operation.explain or (call.argument(0) if call else None) or "queryPlanner"
    return {"true": "allPlansExecution", "false": "queryPlanner"}.get(str(given).lower(), str(given))


def _without(document: Document, name: str) -> Document:
    return {key: value for key, value in document.items() if key != name}


_FIND: Final[Mapping[str, str]] = {
    "project": "projection",
    **{
        word: word
        for word in (
            "allowDiskUse", "batchSize", "collation", "comment", "hint", "limit", "max", "maxTimeMS", "min",
            "projection", "returnKey", "showRecordId", "skip", "sort",
        )
    },
}  # fmt: skip
"""A cursor's methods as fields of the find command; pretty and toArray change nothing here."""
_AGGREGATE: Final = frozenset({"allowDiskUse", "collation", "comment", "hint", "maxTimeMS"})

_SHELL: Final[Mapping[str, Callable[[Run, Call], Result]]] = {"show": Run.show, "use": Run.use, "name": Run.name}

_COLLECTION: Final[Mapping[str, Callable[[Run, Operation], Result]]] = {
    "aggregate": Run.aggregate,
    "count": Run.count,
    "countDocuments": Run.count_documents,
    "dataSize": Run.size,
    "distinct": Run.distinct,
    "estimatedDocumentCount": Run.estimated_count,
    "find": Run.find,
    "findOne": Run.find_one,
    "getIndexes": lambda run, operation: run.documents({"listIndexes": operation.collection}),
    "stats": Run.stats,
    "storageSize": Run.size,
    "totalIndexSize": Run.size,
    "totalSize": Run.size,
    "validate": Run.validate,
}
"""Methods of a collection that read; the others are in mongodb.query_changes."""


def _plainly(name: str, *, admin: bool = False) -> Callable[[Run, Operation], Result]:
    """A method that is a command without arguments."""
    return lambda run, _operation: run.record(run.command({name: 1}, run.client.admin if admin else None))


def _drop_database(run: Run, _operation: Operation) -> Result:
    return run.record(run.command({"dropDatabase": 1}))


_DATABASE: Final[Mapping[str, Callable[[Run, Operation], Result]]] = {
    "adminCommand": lambda run, operation: run.run_command(operation.call.argument(0), run.client.admin),
    "aggregate": Run.aggregate,
    "createCollection": Run.create_collection,
    "createView": Run.create_view,
    "currentOp": Run.current_op,
    "dropDatabase": _drop_database,
    "getCollectionInfos": Run.collection_infos,
    "getCollectionNames": Run.collection_names,
    "getName": lambda run, operation: run.value(operation, run.database.name),
    "hello": _plainly("hello"),
    "hostInfo": _plainly("hostInfo", admin=True),
    "isMaster": _plainly("isMaster"),
    "killOp": lambda run, operation: run.record(
        run.command({"killOp": 1, "op": operation.call.argument(0)}, run.client.admin)
    ),
    "runCommand": lambda run, operation: run.run_command(operation.call.argument(0), run.database),
    "serverBuildInfo": _plainly("buildInfo", admin=True),
    "serverStatus": _plainly("serverStatus", admin=True),
    "stats": lambda run, operation: run.record(
        run.command({"dbStats": 1, "scale": Int64(operation.call.argument(0, 1))})
    ),
    "version": Run.version,
}
