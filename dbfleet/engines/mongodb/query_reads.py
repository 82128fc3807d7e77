"""Statements that read, for `query`: methods of a collection, of db, and mongosh's own, each as the command that it
stands for. Needs pymongo: imported only behind a connection.

What mongosh prints as a value is one record with one field named after the method: `{countDocuments: 3}`,
`{version: "6.0.5"}`; a list of values is a record `value` each.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bson.int64 import Int64

from dbfleet.adapter import Result
from dbfleet.engines.mongodb.commands import Commands, options
from dbfleet.engines.mongodb.session import Document
from dbfleet.engines.mongodb.text import SHOWN, Call, Operation
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.errors import StatementError


def _find(run: Commands, operation: Operation) -> Result:
    command: Document = {
        "find": operation.collection,
        "filter": operation.call.argument(0) or {},
        "batchSize": run.batch_size,
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
        elif call.name in FIND:
            command[FIND[call.name]] = call.argument(0, True)
    if command.get("limit", 0) < 0:  # as mongosh has it: one batch of so many
        command["limit"] = -command["limit"]
    if last and last.name != "explain":
        return run.record({last.name: _counted(run, command, last)})
    if last or operation.explain:
        return run.explained(_without(command, "batchSize"), _verbosity(operation, last))
    return run.documents(command)


def _counted(run: Commands, find: Document, call: Call) -> Any:
    words = ["hint", "collation", "maxTimeMS", *(["skip", "limit"] if call.name != "count" else [])]
    command = {"count": find["find"], "query": find["filter"], **{w: find[w] for w in words if w in find}}
    return run.command(command)["n"]


def _find_one(run: Commands, operation: Operation) -> Result:
    command = {"find": operation.collection, "filter": operation.call.argument(0) or {}}
    if operation.call.argument(1):
        command["projection"] = operation.call.argument(1)
    return run.documents({**command, **options(operation.call, 2), "limit": 1, "singleBatch": True})


def _aggregate(run: Commands, operation: Operation) -> Result:
    first, given = operation.call.argument(0, []), {}
    if isinstance(first, list):
        pipeline, given = first, options(operation.call, 1)
    else:
        pipeline = list(operation.call.arguments)
    size = given.pop("batchSize", run.batch_size)
    explain = operation.explain or ("queryPlanner" if given.pop("explain", False) else None)
    command: Document = {"aggregate": operation.collection or 1, "pipeline": pipeline, **given}
    last = None
    for call in operation.cursor:
        if call.name == "batchSize":
            size = call.argument(0)
        elif call.name in AGGREGATE:
            command[call.name] = call.argument(0, True)
        elif call.name in ("itcount", "explain"):
            last = call
        elif call.name not in ("pretty", "toArray"):
            raise StatementError(f"{call.where}: not supported: {call.name}() behind aggregate()", hint="a stage")
    if last and last.name == "itcount":
        command["pipeline"] = [*pipeline, {"$count": "itcount"}]
        counted = run.command({**command, "cursor": {}})["cursor"]["firstBatch"]
        return run.records(counted or [{"itcount": 0}])
    command["cursor"] = {"batchSize": size}
    if last or explain:
        return run.explained({**command, "cursor": {}}, explain or _verbosity(operation, last))
    return run.documents(command)


def _count(run: Commands, operation: Operation) -> Result:
    command = {"count": operation.collection, "query": operation.call.argument(0) or {}}
    command |= options(operation.call, 1)
    if operation.explain:
        return run.explained(command, operation.explain)
    return run.value(operation, run.command(command)["n"])


def _count_documents(run: Commands, operation: Operation) -> Result:
    given = options(operation.call, 1)
    pipeline: list[Document] = [{"$match": operation.call.argument(0) or {}}]
    pipeline += [{f"${word}": given.pop(word)} for word in ("skip", "limit") if word in given]
    pipeline.append({"$group": {"_id": 1, "n": {"$sum": 1}}})
    reply = run.command({"aggregate": operation.collection, "pipeline": pipeline, "cursor": {}, **given})
    counted = reply["cursor"]["firstBatch"]
    return run.value(operation, counted[0]["n"] if counted else 0)


def _estimated_count(run: Commands, operation: Operation) -> Result:
    command = {"count": operation.collection, **options(operation.call, 0)}
    return run.value(operation, run.command(command)["n"])


def _distinct(run: Commands, operation: Operation) -> Result:
    command = {"distinct": operation.collection, "key": operation.call.argument(0)}
    command |= {"query": operation.call.argument(1) or {}, **options(operation.call, 2)}
    if operation.explain:
        return run.explained(command, operation.explain)
    return run.records({"value": each} for each in run.command(command)["values"])


def _stats(run: Commands, operation: Operation) -> Result:
    given = operation.call.argument(0, 1)
    scale = given if isinstance(given, dict) else {"scale": given}
    return run.record(run.command({"collStats": operation.collection, **scale}))


def _size(run: Commands, operation: Operation) -> Result:
    reply = run.command({"collStats": operation.collection})
    return run.value(operation, reply[{"dataSize": "size"}.get(operation.call.name, operation.call.name)])


def _validate(run: Commands, operation: Operation) -> Result:
    given = operation.call.argument(0, {})
    full = given if isinstance(given, dict) else {"full": bool(given)}
    return run.record(run.command({"validate": operation.collection, **full}))


# --- the shell and db ----------------------------------------------------------------------------------------------


def _show(run: Commands, call: Call) -> Result:
    if SHOWN[call.argument(0)] == "dbs":
        return run.records(run.command({"listDatabases": 1}, run.client.admin)["databases"])
    entries = run.database.list_collections(session=run.session)
    return run.records(sorted(({"name": e["name"], "type": e["type"]} for e in entries), key=lambda e: e["name"]))


def _use(run: Commands, call: Call) -> Result:
    name = call.argument(0)
    run.database = run.client.get_database(name, codec_options=CODEC)
    return Result(messages=[f"switched to db {name}"])


def _name(run: Commands, _call: Call) -> Result:
    return run.record({"db": run.database.name})


def _create_collection(run: Commands, operation: Operation) -> Result:
    given = options(operation.call, 1)
    return run.record(run.command({"create": operation.call.argument(0), **given}))


def _create_view(run: Commands, operation: Operation) -> Result:
    name, source, pipeline = (operation.call.argument(place) for place in range(3))
    command = {"create": name, "viewOn": source, "pipeline": pipeline if isinstance(pipeline, list) else [pipeline]}
    return run.record(run.command({**command, **options(operation.call, 3)}))


def _collection_infos(run: Commands, operation: Operation) -> Result:
    only = {"nameOnly": bool(operation.call.argument(1, False))}
    return run.documents({"listCollections": 1, "filter": operation.call.argument(0, {}), **only})


def _collection_names(run: Commands, _operation: Operation) -> Result:
    return run.records({"value": name} for name in sorted(run.database.list_collection_names()))


def _version(run: Commands, operation: Operation) -> Result:
    return run.value(operation, run.command({"buildInfo": 1})["version"])


def _current_op(run: Commands, operation: Operation) -> Result:
    given = operation.call.argument(0, {})
    wanted = given if isinstance(given, dict) else {"$all": bool(given)}
    return run.record(run.command({"currentOp": 1, **wanted}, run.client.admin))


def _verbosity(operation: Operation, call: Call | None) -> str:
    given = operation.explain or (call.argument(0) if call else None) or "queryPlanner"
    return {"true": "allPlansExecution", "false": "queryPlanner"}.get(str(given).lower(), str(given))


def _without(document: Document, name: str) -> Document:
    return {key: value for key, value in document.items() if key != name}


FIND: Final[Mapping[str, str]] = {
    "project": "projection",
    **{
        word: word
        for word in (
            "allowDiskUse", "batchSize", "collation", "comment", "hint", "limit", "max", "maxTimeMS", "min",
            "projection", "returnKey", "showRecordId", "skip", "sort",
        )
    },
}  # fmt: skip
"""A cursor's methods as fields of the find command. pretty and toArray change nothing here."""
AGGREGATE: Final = frozenset({"allowDiskUse", "collation", "comment", "hint", "maxTimeMS"})
"""A cursor's methods as fields of the aggregate command."""

SHELL: Final[Mapping[str, Callable[[Commands, Call], Result]]] = {"show": _show, "use": _use, "name": _name}
"""mongosh's own statements."""

COLLECTION: Final[Mapping[str, Callable[[Commands, Operation], Result]]] = {
    "aggregate": _aggregate,
    "count": _count,
    "countDocuments": _count_documents,
    "dataSize": _size,
    "distinct": _distinct,
    "estimatedDocumentCount": _estimated_count,
    "find": _find,
    "findOne": _find_one,
    "getIndexes": lambda run, operation: run.documents({"listIndexes": operation.collection}),
    "stats": _stats,
    "storageSize": _size,
    "totalIndexSize": _size,
    "totalSize": _size,
    "validate": _validate,
}
"""Methods of a collection that read. Those that change are in `query_changes`."""


def _plainly(name: str, *, admin: bool = False) -> Callable[[Commands, Operation], Result]:
    """A method that is a command without arguments."""
    return lambda run, _operation: run.record(run.command({name: 1}, run.client.admin if admin else None))


def _drop_database(run: Commands, _operation: Operation) -> Result:
    return run.record(run.command({"dropDatabase": 1}))


DATABASE: Final[Mapping[str, Callable[[Commands, Operation], Result]]] = {
    "adminCommand": lambda run, operation: run.run_command(operation.call.argument(0), run.client.admin),
    "aggregate": _aggregate,
    "createCollection": _create_collection,
    "createView": _create_view,
    "currentOp": _current_op,
    "dropDatabase": _drop_database,
    "getCollectionInfos": _collection_infos,
    "getCollectionNames": _collection_names,
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
    "version": _version,
}
"""Methods of db."""
