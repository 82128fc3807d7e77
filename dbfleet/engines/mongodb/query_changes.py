"""Methods of a collection that change it, for `query`: what each sends, and the record that mongosh prints. Needs
pymongo: imported only behind a connection.

The result is that one record, and `affected`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from bson.objectid import ObjectId
from pymongo import DeleteMany, DeleteOne, InsertOne, ReplaceOne, UpdateMany, UpdateOne
from pymongo.errors import OperationFailure

from dbfleet.adapter import Result
from dbfleet.engines.mongodb.commands import Commands, options
from dbfleet.engines.mongodb.connect import BESIDE
from dbfleet.engines.mongodb.session import Document
from dbfleet.engines.mongodb.text import Call, Operation
from dbfleet.errors import StatementError

_OF_ONE: Final = ("upsert", "arrayFilters", "collation", "hint", "sort")
"""Options that stand in the single update or delete, not in the command around it."""


def _document(call: Call, place: int) -> Document:
    given = call.argument(place)
    if not isinstance(given, dict):
        raise StatementError(f"{call.where}: argument {place + 1} of {call.name}() is a document")
    return given


def _with_id(document: Document) -> Document:
    return document if "_id" in document else {"_id": ObjectId(), **document}


def _operators(change: Any) -> bool:
    """Whether the change is of fields ($set, a pipeline). Otherwise it is a document that replaces another."""
    return isinstance(change, list) or (isinstance(change, dict) and next(iter(change), "").startswith("$"))


def _checked(call: Call, change: Any, *, replaces: bool) -> Any:
    if _operators(change) == replaces:
        # The server has one command for both, and would do the other thing.
        raise StatementError(
            f"{call.where}: {call.name}() takes {'a document' if replaces else 'operators, as in {$set: {…}}'}",
            hint="updateOne or updateMany" if replaces else "replaceOne puts a whole document in place",
        )
    return change


def _insert(run: Commands, operation: Operation) -> Result:
    call = operation.call
    if call.name == "insertOne":
        given: Sequence[Any] = [_document(call, 0)]
    else:
        given = call.argument(0)
        if not isinstance(given, list) or not given or not all(isinstance(each, dict) for each in given):
            raise StatementError(f"{call.where}: insertMany() takes an array of documents")
    documents = [_with_id(each) for each in given]
    reply = run.change({"insert": operation.collection, "documents": documents}, options(call, 1))
    ids = [each["_id"] for each in documents]
    if call.name == "insertOne":
        return run.record({"acknowledged": True, "insertedId": ids[0]}, affected=reply["n"])
    numbered = {str(number): each for number, each in enumerate(ids)}
    return run.record({"acknowledged": True, "insertedIds": numbered}, affected=reply["n"])


def _update(run: Commands, operation: Operation) -> Result:
    call = operation.call
    given = options(call, 2)
    change = _checked(call, call.argument(1), replaces=call.name == "replaceOne")
    one = {"q": _document(call, 0), "u": change, "multi": call.name == "updateMany"}
    one |= {word: given.pop(word) for word in _OF_ONE if word in given}
    command: Document = {"update": operation.collection, "updates": [one]}
    if operation.explain:
        return run.explained(command, operation.explain)
    reply = run.change(command, given)
    upserted = reply.get("upserted", [])
    record = {
        "acknowledged": True,
        "insertedId": upserted[0]["_id"] if upserted else None,
        "matchedCount": reply["n"] - len(upserted),
        "modifiedCount": reply["nModified"],
        "upsertedCount": len(upserted),
    }
    return run.record(record, affected=reply["nModified"] + len(upserted))


def _delete(run: Commands, operation: Operation) -> Result:
    call = operation.call
    given = options(call, 1)
    one = {"q": _document(call, 0), "limit": 1 if call.name == "deleteOne" else 0}
    one |= {word: given.pop(word) for word in _OF_ONE if word in given}
    command: Document = {"delete": operation.collection, "deletes": [one]}
    if operation.explain:
        return run.explained(command, operation.explain)
    reply = run.change(command, given)
    return run.record({"acknowledged": True, "deletedCount": reply["n"]}, affected=reply["n"])


def _find_one_and(run: Commands, operation: Operation) -> Result:
    call = operation.call
    deletes = call.name == "findOneAndDelete"
    given = options(call, 1 if deletes else 2)
    command: Document = {"findAndModify": operation.collection, "query": _document(call, 0)}
    if deletes:
        command["remove"] = True
    else:
        command["update"] = _checked(call, call.argument(1), replaces=call.name == "findOneAndReplace")
        after = given.pop("returnDocument", "before") == "after" or given.pop("returnNewDocument", False)
        command["new"] = bool(after or not given.pop("returnOriginal", True))
    if "projection" in given:
        command["fields"] = given.pop("projection")
    if operation.explain:
        return run.explained(command | given, operation.explain)
    reply = run.change(command, given)
    document = reply.get("value")
    return run.records([document] if document else [], affected=reply.get("lastErrorObject", {}).get("n"))


def _model(kind: type, fields: Mapping[str, str]) -> Callable[[Call, Document], Any]:
    def make(call: Call, given: Document) -> Any:
        odd = [word for word in given if word not in fields]
        if odd:
            raise StatementError(f"{call.where}: not supported in bulkWrite(): {odd[0]}")
        return kind(**{fields[word]: value for word, value in given.items()})

    return make


_COMMON: Final = {"filter": "filter", "collation": "collation", "hint": "hint"}
_REPLACE: Final = {**_COMMON, "replacement": "replacement", "upsert": "upsert"}
_UPDATE: Final = {**_COMMON, "update": "update", "upsert": "upsert", "arrayFilters": "array_filters"}
_MODELS: Final[Mapping[str, Callable[[Call, Document], Any]]] = {
    "insertOne": _model(InsertOne, {"document": "document"}),
    "updateOne": _model(UpdateOne, _UPDATE),
    "updateMany": _model(UpdateMany, _UPDATE),
    "replaceOne": _model(ReplaceOne, _REPLACE),
    "deleteOne": _model(DeleteOne, _COMMON),
    "deleteMany": _model(DeleteMany, _COMMON),
}


def _bulk_write(run: Commands, operation: Operation) -> Result:
    call = operation.call
    models, inserted = [], {}
    given = call.argument(0)
    for number, each in enumerate(given if isinstance(given, list) else [None]):
        kind, what = next(iter(each.items()), ("", None)) if isinstance(each, dict) else ("", None)
        if kind not in _MODELS or not isinstance(what, dict):
            raise StatementError(f"{call.where}: bulkWrite() takes an array of {{{' | '.join(_MODELS)}: {{…}}}}")
        if kind == "insertOne":
            what = {"document": _with_id(what.get("document", what))}
            inserted[str(number)] = what["document"]["_id"]
        try:
            models.append(_MODELS[kind](call, what))
        except (TypeError, ValueError) as exc:
            raise StatementError(f"{call.where}: {kind}: {exc}") from exc
    ordered = bool(options(call, 1).get("ordered", True))
    reply = run.database[operation.collection or ""].bulk_write(models, ordered=ordered, session=run.session)
    record = {
        "acknowledged": True,
        "insertedCount": reply.inserted_count,
        "insertedIds": inserted,
        "matchedCount": reply.matched_count,
        "modifiedCount": reply.modified_count,
        "deletedCount": reply.deleted_count,
        "upsertedCount": reply.upserted_count,
        "upsertedIds": {str(number): each for number, each in (reply.upserted_ids or {}).items()},
    }
    affected = reply.inserted_count + reply.modified_count + reply.deleted_count + reply.upserted_count
    return run.record(record, affected=affected)


# --- indexes and the collection itself ----------------------------------------------------------------------------


def _create_index(run: Commands, operation: Operation) -> Result:
    call = operation.call
    many = call.name == "createIndexes"
    keys = call.argument(0) if many else [call.argument(0)]
    if not isinstance(keys, list) or not all(isinstance(each, dict) and each for each in keys):
        raise StatementError(
            f"{call.where}: {call.name}() takes {'an array of keys' if many else 'keys'}, as in {{a: 1}}"
        )
    given = options(call, 1)
    indexes = [{"key": each, "name": "_".join(f"{k}_{v}" for k, v in each.items()), **given} for each in keys]
    command: Document = {"createIndexes": operation.collection, "indexes": indexes}
    if call.argument(2) is not None:
        command["commitQuorum"] = call.argument(2)
    run.command(command)
    names = [each["name"] for each in indexes]
    return run.records({"value": name} for name in names) if many else run.value(operation, names[0])


def _drop_index(run: Commands, operation: Operation) -> Result:
    index = operation.call.argument(0, "*")
    return run.record(run.command({"dropIndexes": operation.collection, "index": index}))


def _drop(run: Commands, operation: Operation) -> Result:
    try:
        run.command({"drop": operation.collection, **options(operation.call, 0)})
        dropped = True
    except OperationFailure as exc:
        if exc.code != 26:
            raise
        dropped = False
    run.database[BESIDE].delete_one({"_id": operation.collection})
    return run.value(operation, dropped)


def _rename(run: Commands, operation: Operation) -> Result:
    """Rename the collection; the schema that is kept beside it moves too."""
    new, replaces = operation.call.argument(0), bool(operation.call.argument(1, False))
    base = run.database.name
    command = {"renameCollection": f"{base}.{operation.collection}", "to": f"{base}.{new}", "dropTarget": replaces}
    reply = run.command(command, run.client.admin)
    beside = run.database[BESIDE]
    kept = beside.find_one_and_delete({"_id": operation.collection})
    beside.delete_one({"_id": new})
    if kept:
        beside.insert_one({**kept, "_id": new, "schema": {**kept["schema"], "name": new}})
    return run.record(reply)


CHANGES: Final[Mapping[str, Callable[[Commands, Operation], Result]]] = {
    "bulkWrite": _bulk_write,
    "createIndex": _create_index,
    "createIndexes": _create_index,
    "deleteMany": _delete,
    "deleteOne": _delete,
    "drop": _drop,
    "dropIndex": _drop_index,
    "dropIndexes": _drop_index,
    "findOneAndDelete": _find_one_and,
    "findOneAndReplace": _find_one_and,
    "findOneAndUpdate": _find_one_and,
    "insertMany": _insert,
    "insertOne": _insert,
    "renameCollection": _rename,
    "replaceOne": _update,
    "updateMany": _update,
    "updateOne": _update,
}
"""Methods of a collection that change it, by name."""
