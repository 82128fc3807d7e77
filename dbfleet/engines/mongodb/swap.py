"""Staged collections in the places of others (the ability Swaps). Needs pymongo: imported only behind a connection.

renameCollection with dropTarget exchanges one name in one step. MongoDB has no step for several, as it allows no rename
in a transaction: for a few milliseconds a reader may see some new and some old collections, but never half of one. So
the swap is written down first, in the entry SWAP beside the schemas. `finish` ends what a kill has cut off; every later
swap calls it, and so does `leftovers`.

A collection's schema changes in the same step as its name: it waits in the entry of the final name under `next`, with
the uuid of the staged collection, which a rename keeps. Whoever reads the entry takes the schema whose uuid is that of
the collection.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from bson.objectid import ObjectId
from pymongo.database import Database
from pymongo.errors import OperationFailure

from dbfleet.adapter import Swap
from dbfleet.engines.mongodb.connect import BESIDE, STAGED
from dbfleet.engines.mongodb.documents import beside
from dbfleet.errors import NotFound, StatementError
from dbfleet.values import Reference, Schema

Document = dict[str, Any]

SWAP: Final = {"swap": 1}
"""The `_id` of the entry. It is a document, which no collection has for a name."""
_NOT_THERE: Final = 26


def swap(database: Database[Document], swaps: Sequence[Swap]) -> None:
    """Let each staged collection take its place, in the given order. Where one cannot, nothing has changed."""
    finish(database)
    there = _collections(database, [name for each in swaps for name in (each.staged.name, each.name)])
    for each in swaps:
        staged, target = there.get(each.staged.name), there.get(each.name)
        if staged is None or staged["type"] != "collection":
            raise NotFound(f"no collection {each.staged.name!r}")
        if target is not None and target["type"] != "collection":
            raise StatementError(
                f"{each.name} is a {target['type']}: MongoDB lets no collection take its place in one step",
                hint=f"drop it first: db.getCollection({each.name!r}).drop()",
            )
    entries = database[BESIDE]
    final = {each.staged.name: each.name for each in swaps}
    for each in swaps:
        coming = {"uuid": there[each.staged.name]["info"]["uuid"], "schema": _schema(database, each.staged, final)}
        entries.update_one({"_id": each.name}, {"$set": {"next": coming}}, upsert=True)
    names = [[each.staged.name, each.name] for each in swaps]
    entries.replace_one({"_id": SWAP}, {"names": names}, upsert=True)
    finish(database)


def _schema(database: Database[Document], staged: Schema, final: Mapping[str, str]) -> Document | None:
    """The staged collection's schema under the names that it is to have. None where nothing is kept beside it: it is as
    another MongoDB has it."""
    kept = database[BESIDE].find_one({"_id": staged.name})
    if staged.native and not (kept and kept.get("schema")):
        return None
    schema = Schema.from_dict(kept["schema"]) if kept and kept.get("schema") else staged
    references = tuple(
        Reference(each.columns, final.get(each.collection, each.collection), each.keys) for each in schema.references
    )
    return beside(replace(schema, name=final[staged.name], references=references))


def finish(database: Database[Document]) -> None:
    """End the swap that is written down, if there is one. Others may do the same at the same time."""
    entries = database[BESIDE]
    written = entries.find_one({"_id": SWAP})
    for staged, name in written["names"] if written else ():
        coming = (entries.find_one({"_id": name}) or {}).get("next")
        if coming is None:
            continue  # this one is done
        entry = _collections(database, [staged]).get(staged)
        if entry and entry["info"]["uuid"] == coming["uuid"]:
            base = database.name
            try:
                database.client.admin.command(
                    {"renameCollection": f"{base}.{staged}", "to": f"{base}.{name}", "dropTarget": True}
                )
            except OperationFailure as exc:
                if exc.code != _NOT_THERE:
                    raise
        if uuid_of(database, name) == coming["uuid"]:
            if coming["schema"] is None:
                entries.delete_one({"_id": name})
            else:
                entries.replace_one({"_id": name}, {"schema": coming["schema"]})
            entries.delete_one({"_id": staged})
        else:  # the staged one was dropped meanwhile
            entries.update_one({"_id": name}, {"$unset": {"next": ""}})
    if written:
        forget(database, SWAP)


def forget(database: Database[Document], name: str | Mapping[str, int]) -> None:
    """Remove what is kept beside the collection, or SWAP. Where nothing is kept then, the collection of schemas goes
    too."""
    entries = database[BESIDE]
    entries.delete_one({"_id": name})
    if entries.find_one({}, {"_id": 1}) is not None:
        return
    # It goes in one step, as somebody may be adding an entry at the same time. An entry that was in time comes back.
    old = f"{STAGED}forgotten_{ObjectId()}"
    try:
        database.client.admin.command("renameCollection", f"{database.name}.{BESIDE}", to=f"{database.name}.{old}")
    except OperationFailure:  # it is not there, or this user may not
        return
    for entry in database[old].find():
        entries.replace_one({"_id": entry["_id"]}, entry, upsert=True)
    database.drop_collection(old)


def uuid_of(database: Database[Document], name: str) -> Any:
    """The collection's uuid; None where there is no such collection, or this user may not see it."""
    try:
        entry = _collections(database, [name]).get(name)
    except OperationFailure:
        return None
    return entry and entry["info"]["uuid"]


def _collections(database: Database[Document], names: Iterable[str]) -> dict[str, Document]:
    cursor: Iterable[Any] = database.list_collections(filter={"name": {"$in": list(names)}})
    entries = {each["name"]: dict(each) for each in cursor}
    for entry in entries.values():  # the driver reads these with its own options: bytes, where BESIDE gives a UUID
        uuid = entry["info"].get("uuid")
        entry["info"]["uuid"] = UUID(bytes=uuid) if isinstance(uuid, bytes) else uuid
    return entries
