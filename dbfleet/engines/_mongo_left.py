"""What a copy or a dump leaves behind, in words: indexes, options of a collection, what is stored on the server. Needs
pymongo: imported only behind a connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from pymongo.database import Database
from pymongo.errors import OperationFailure

Document = dict[str, Any]

_OPTIONS: Final[Mapping[str, str]] = {
    "changeStreamPreAndPostImages": "pre- and post-images for change streams",
    "clusteredIndex": "the clustered index",
    "encryptedFields": "encrypted fields",
    "indexOptionDefaults": "defaults for indexes",
    "storageEngine": "storage options",
}
_UNSEEN: Final = "indexes and options: this user may not see them"


def of_collection(database: Database[Document], name: str) -> tuple[str, ...]:
    try:
        options = next(iter(database.list_collections(filter={"name": name})))
        found = [*_of_options(options.get("type", "collection"), options.get("options", {}))]
        if options.get("type") != "view":
            found += [_index(each) for each in database[name].list_indexes() if each["name"] != "_id_"]
    except OperationFailure as exc:
        if exc.code != 13:
            raise
        return (_UNSEEN,)
    return tuple(found)


def of_database(database: Database[Document]) -> tuple[str, ...]:
    try:
        names = sorted(str(each["_id"]) for each in database["system.js"].find({}, {"_id": 1}))
    except OperationFailure:
        return ()
    return (f"functions of the server: {', '.join(names)}",) if names else ()


def _of_options(kind: str, options: Mapping[str, Any]) -> Iterator[str]:
    if kind == "view":
        stages = ", ".join(next(iter(stage), "") for stage in options.get("pipeline", ()))
        how = f" by {stages}" if stages else ""
        yield f"the view's definition, of {options.get('viewOn')}{how}: its rows are copied"
    if series := options.get("timeseries"):
        meta = f", meta {series['metaField']}" if "metaField" in series else ""
        yield f"the time series by {series.get('timeField')}{meta}: its documents are copied"
    if options.get("capped"):
        most = f" or {options['max']:,} documents" if options.get("max") else ""
        yield f"the cap at {options.get('size', 0):,} bytes{most}"
    if "validator" in options:
        how = ", ".join(str(options[word]) for word in ("validationLevel", "validationAction") if word in options)
        yield f"the validator{f' ({how})' if how else ''}"
    if collation := options.get("collation"):
        yield f"the collation {collation.get('locale')} (strength {collation.get('strength')})"
    if "expireAfterSeconds" in options:
        yield f"the documents' time to live of {options['expireAfterSeconds']:,} seconds"
    yield from (words for option, words in _OPTIONS.items() if option in options)


def _index(index: Mapping[str, Any]) -> str:
    kinds = [
        word
        for word, given in (
            ("unique", index.get("unique")),
            ("TTL", "expireAfterSeconds" in index),
            ("partial", "partialFilterExpression" in index),
            ("sparse", index.get("sparse")),
            ("hidden", index.get("hidden")),
        )
        if given
    ]
    keys = dict(index["key"])
    if "weights" in index:
        keys = dict.fromkeys(index["weights"], "text") | {k: v for k, v in keys.items() if not k.startswith("_fts")}
    fields = ", ".join(f"{field} {_direction(way)}" for field, way in keys.items())
    collation = f", collation {index['collation'].get('locale')}" if "collation" in index else ""
    seconds = f", after {index['expireAfterSeconds']:,} seconds" if "expireAfterSeconds" in index else ""
    return f"{' '.join([*kinds, 'index'])} {index['name']} ({fields}{collation}{seconds})"


def _direction(way: Any) -> str:
    return str(int(way)) if isinstance(way, int | float) else str(way)
