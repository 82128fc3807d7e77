"""What is there: the collections, what each holds, how one is made and removed. Needs pymongo: imported only behind a
connection.

The schema of a collection that dbfleet made lies beside it, in the collection BESIDE. Any other is described by its
documents (`foreign`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from pymongo.errors import OperationFailure

from dbfleet.engines.mongodb import foreign
from dbfleet.engines.mongodb.connect import BESIDE, STAGED
from dbfleet.engines.mongodb.documents import Layout, beside
from dbfleet.engines.mongodb.session import Document, Session
from dbfleet.engines.mongodb.swap import finish, forget, uuid_of
from dbfleet.errors import NotFound, Unsupported
from dbfleet.values import Schema, Type

_UNAUTHORIZED: Final = 13
_NATIVE: Final[Mapping[Type, str]] = {
    Type.BOOL: "bool",
    Type.INT: "int",
    Type.DECIMAL: "decimal",
    Type.FLOAT: "double",
    Type.TEXT: "string",
    Type.BYTES: "binData",
    Type.DATE: "date",
    Type.TIME: "string",
    Type.DATETIME: "date",
    Type.INSTANT: "date",
    Type.UUID: "binData (uuid)",
    Type.JSON: "json",
}
"""What a value of a type is stored as."""


def names(session: Session) -> list[str]:
    """The collections' names, sorted."""
    # authorizedCollections: who may read two collections may list these two.
    listed = session.database.list_collection_names(authorizedCollections=True)
    return sorted(name for name in listed if name != BESIDE and not name.startswith(("system.", STAGED)))


def views(session: Session) -> list[str]:
    """The views' names, sorted."""
    listed: Any = session.database.list_collection_names(filter={"type": "view"}, authorizedCollections=True)
    return sorted(listed)


def leftovers(session: Session) -> list[str]:
    """The names of staged collections. A swap that was cut off is ended first."""
    finish(session.database)
    return sorted(session.database.list_collection_names(filter={"name": {"$regex": f"^{STAGED}"}}))


def info(session: Session, name: str) -> Document:
    """The collection's entry in the list of collections; its `type` is collection, view or timeseries. NotFound if it
    is not there."""
    # Only names, and only of those that this user may read: everybody may ask for so much.
    entries: Sequence[Any] = list(
        session.database.list_collections(filter={"name": name}, nameOnly=True, authorizedCollections=True)
    )
    if not entries or name == BESIDE:
        raise NotFound(f"no collection {name!r}")
    return dict(entries[0])


def is_stored(session: Session, name: str) -> bool:
    """Whether the documents are its own: a view and a time series have none. NotFound if it is not there."""
    return bool(info(session, name)["type"] == "collection")


def layout(session: Session, schema: Schema) -> Layout:
    """Where the schema's columns lie in the collection's documents. NotFound if it is not there."""
    info(session, schema.name)
    return Layout(schema, kept(session, schema.name))


def describe(session: Session, name: str) -> Schema:
    """The schema that is kept beside the collection, or the one that its documents show."""
    entry = info(session, name)
    found = kept(session, name)
    if found is None:
        return foreign.describe(session.database[name], entry)
    return replace(
        found, columns=tuple(replace(each, native=each.native or _NATIVE[each.type]) for each in found.columns)
    )


def create(session: Session, schema: Schema, name_bytes: int) -> None:
    """Make the collection, and keep its schema beside it. Unsupported for a name that MongoDB does not take."""
    _check_names(schema, name_bytes)
    session.database.command("create", schema.name)
    keep(session, schema)


def keep(session: Session, schema: Schema) -> None:
    """Keep the schema beside its collection."""
    session.database[BESIDE].replace_one({"_id": schema.name}, {"schema": beside(schema)}, upsert=True)


def drop(session: Session, name: str) -> None:
    """Remove the collection and what is kept beside it."""
    session.database.drop_collection(name)
    forget(session.database, name)


def count(session: Session, name: str) -> int:
    """How many documents. With the hint the server counts by the index; without it reads its statistics, which a crash
    leaves wrong."""
    if not is_stored(session, name):
        return session.database[name].count_documents({}, session=session.logical)
    reply = session.database.command("count", name, query={}, hint={"_id": 1}, session=session.logical)
    return int(reply["n"])


def kept(session: Session, name: str) -> Schema | None:
    """The schema that is kept beside the collection. After a rename that a swap has done it waits under `next`."""
    try:
        entry = session.database[BESIDE].find_one({"_id": name})
    except OperationFailure as exc:
        if exc.code != _UNAUTHORIZED:  # who may read one collection alone sees it as its documents are
            raise
        return None
    if entry and (coming := entry.get("next")) and uuid_of(session.database, name) == coming["uuid"]:
        return Schema.from_dict(coming["schema"]) if coming["schema"] else None
    return Schema.from_dict(entry["schema"]) if entry and entry.get("schema") else None


def _check_names(schema: Schema, name_bytes: int) -> None:
    if schema.name == BESIDE or schema.name.startswith("system."):
        raise Unsupported(f"MongoDB keeps the name {schema.name!r} for itself or dbfleet")
    if any("\0" in name for name in (schema.name, *schema.names)):
        raise Unsupported("a name in MongoDB holds no NUL character")
    if len(schema.name.encode()) > name_bytes:
        raise Unsupported(f"a collection's name has {name_bytes} bytes at most")
