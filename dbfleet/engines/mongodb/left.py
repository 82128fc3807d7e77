"""What a collection has besides its documents. Another MongoDB can have its indexes and its validator too; what a copy
leaves behind (other options, functions on the server) is said in words. Needs pymongo: imported only behind a
connection."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from bson import json_util
from bson.binary import UuidRepresentation
from bson.codec_options import DatetimeConversion
from pymongo.database import Database
from pymongo.errors import OperationFailure

from dbfleet.engines.mongodb.session import NAME, Document
from dbfleet.extras import Extras, Native

OPTIONS: Final[Mapping[str, str]] = {
    "changeStreamPreAndPostImages": "pre- and post-images for change streams",
    "clusteredIndex": "the clustered index",
    "encryptedFields": "encrypted fields",
    "indexOptionDefaults": "defaults for indexes",
    "storageEngine": "storage options",
}
EXACT: Final = json_util.JSONOptions(
    json_mode=json_util.JSONMode.CANONICAL,
    uuid_representation=UuidRepresentation.STANDARD,
    document_class=dict,
    tz_aware=True,
    datetime_conversion=DatetimeConversion.DATETIME_AUTO,
)
USUAL: Final = {"validationLevel": "strict", "validationAction": "error"}
_UNSEEN: Final = "indexes and options: this user may not see them"


def of_collection(database: Database[Document], name: str) -> Extras:
    """The extras of the collection."""
    try:
        entry = next(iter(database.list_collections(filter={"name": name})))
        options = entry.get("options", {})
        kind = entry.get("type", "collection")
        indexes = [] if kind == "view" else [each for each in database[name].list_indexes() if not of_the_key(each)]
    except OperationFailure as exc:
        if exc.code != 13:
            raise
        return Extras(left=(_UNSEEN,))
    has = [Native(NAME, "validator", *_validator(options))] if "validator" in options else []
    has += [Native(NAME, "index", index_words(each), _definition(each)) for each in indexes]
    return Extras(tuple(has), tuple(_of_options(kind, options)))


def add(database: Database[Document], name: str, extra: Native) -> None:
    """Give the extra to the collection."""
    definition = json_util.loads(extra.definition, json_options=EXACT)
    if extra.kind == "validator":
        database.command({"collMod": name, **definition})
    else:
        database.command("createIndexes", name, indexes=[definition])


def of_the_key(index: Mapping[str, Any]) -> bool:
    """Whether this is the index of `_id`, which every collection has."""
    return index["name"] == "_id_" or bool(index.get("clustered"))


def _definition(index: Mapping[str, Any]) -> str:
    return json_util.dumps(
        {word: value for word, value in index.items() if word not in ("v", "ns")}, json_options=EXACT
    )


def _validator(options: Mapping[str, Any]) -> tuple[str, str]:
    definition = {"validator": options["validator"], **{word: options.get(word, USUAL[word]) for word in USUAL}}
    return validator_words(definition), json_util.dumps(definition, json_options=EXACT)


def validator_words(definition: Mapping[str, Any]) -> str:
    """The validator as a person is told of it."""
    how = ", ".join(str(definition[word]) for word, usual in USUAL.items() if definition[word] != usual)
    return f"the validator{f' ({how})' if how else ''}"


def of_database(database: Database[Document]) -> tuple[str, ...]:
    """What the database has besides its collections: functions that are stored on the server."""
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
    if collation := options.get("collation"):
        yield f"the collation {collation.get('locale')} (strength {collation.get('strength')})"
    if "expireAfterSeconds" in options:
        yield f"the documents' time to live of {options['expireAfterSeconds']:,} seconds"
    yield from (words for option, words in OPTIONS.items() if option in options)


def index_words(index: Mapping[str, Any]) -> str:
    """The index as a person is told of it."""
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
