"""The outline of collections: the commands that make the same in another MongoDB, as Extended JSON.

A step's text is an array of commands; the name of the collection is the first value of each, between marks. What
Extended JSON would read as something else (a filter with `$regex` and `$options` is an older form of a regular
expression to it) stands as `$bson`, the bytes in base64.

Rows come before indexes. An index that removes rows by their age comes last of all, when they are proven. A validator
is there from the beginning: rows of old that it would refuse pass it by (`native.rows`). Needs pymongo: imported only
behind a connection.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from bson import decode, encode, json_util
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from dbfleet.engines.mongodb import left, tables
from dbfleet.engines.mongodb.connect import BESIDE
from dbfleet.engines.mongodb.documents import beside
from dbfleet.engines.mongodb.native.rows import RAW, entry_of
from dbfleet.engines.mongodb.session import Document, Session
from dbfleet.engines.mongodb.values import CODEC
from dbfleet.outline import STAGES, STAYS, Outline, Stage, Step, marked
from dbfleet.values import Schema

_MADE: Final = (
    "capped", "size", "max", "collation", "timeseries", "clusteredIndex", "storageEngine", "indexOptionDefaults",
    "changeStreamPreAndPostImages", "validator", "validationLevel", "validationAction", "expireAfterSeconds",
)  # fmt: skip
"""Options that are carried."""
_NEEDED: Final[Mapping[str, str]] = {
    "timeseries": "time series",
    "clusteredIndex": "clustered collections",
    "changeStreamPreAndPostImages": "pre- and post-images for change streams",
}
"""Options that an older server does not know, in words."""


def outline(session: Session, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
    """The steps, and what is not carried of these collections; with `everything` that of the database too."""
    steps: list[Step] = []
    stays: list[str] = []
    for name in names:
        entry = entry_of(session, name)
        options = entry.get("options", {})
        steps += _collection(session, name, options)
        known = {*_MADE, "autoIndexId", "flags", "uuid"}
        stays += [
            f"{name}: {left.OPTIONS.get(word, f'its option {word}')}{STAYS}" for word in options if word not in known
        ]
    for name in views:
        steps.append(_view(name, entry_of(session, name)["options"]))
    if everything:
        stays += [f"{words}{STAYS}" for words in _besides(session, set(views))]
    steps.sort(key=lambda step: (STAGES.index(step.stage), step.order))
    return Outline(tuple(steps), tuple(stays))


def _collection(session: Session, name: str, options: Mapping[str, Any]) -> Iterator[Step]:
    making = {word: options[word] for word in _MADE if word in options}
    if "collation" in making:
        making["collation"] = _without_version(making["collation"])
    for word, words in _NEEDED.items():
        if word in making:
            yield Step("before", "feature", "", words, word, shared=True, needed_by=(name,))
    fixed = "timeseries" in making
    words = _words(options)
    yield Step("collections", "collection", name, words, _text(("create", name, making)), fixed=fixed)
    if "validator" in options:  # to be told: it was made with the collection
        yield Step("keys", "validator", name, left.validator_words({**left.USUAL, **options}), _text())
    for index in _indexes(session, name):
        if left.of_the_key(_read(index)):
            continue
        yield _index(name, index, "collation" in options)
    if found := tables.kept(session, name):
        yield Step("after", "schema", name, "the schema that is kept beside it", _kept(name, found))


def _index(name: str, index: RawBSONDocument, collated: bool) -> Step:
    """An index of a collection that is `collated` has its collation where it names none."""
    definition: Document = {word: index[word] for word in index if word != "ns"}
    if "collation" in definition:
        definition["collation"] = _without_version(definition["collation"])
    elif collated:
        definition["collation"] = {"locale": "simple"}
    stage: Stage = "after" if "expireAfterSeconds" in definition else "keys"
    text = _text(("createIndexes", name, {"indexes": [definition]}))
    return Step(stage, "index", name, left.index_words(_read(index)), text, 1)


def _indexes(session: Session, name: str) -> list[RawBSONDocument]:
    reply: Any = session.database.command("listIndexes", name, cursor={"batchSize": 1000}, codec_options=RAW)
    return list(reply["cursor"]["firstBatch"])


def _read(document: RawBSONDocument) -> Document:
    return decode(document.raw, CODEC)


def _without_version(collation: Mapping[str, Any]) -> Document:
    """The collation as one asks for it: its version is that of the server's tables."""
    return {word: value for word, value in collation.items() if word != "version"}


def _words(options: Mapping[str, Any]) -> str:
    if "timeseries" in options:
        return "time series"
    kinds = [word for word, option in (("capped", "capped"), ("clustered", "clusteredIndex")) if options.get(option)]
    return " ".join([*kinds, "collection"])


def _kept(name: str, schema: Schema) -> str:
    """The command that keeps this schema beside the collection: with the names that collections have in the sink."""
    entry = beside(schema)
    entry["name"] = marked("bare", "", name)
    for reference in entry.get("references", ()):
        reference["collection"] = marked("bare", "", reference["collection"])
    query = _with_marks({"_id": marked("bare", "", name)})
    change = _with_marks({"schema": entry})
    return f'[{{"update": {json.dumps(BESIDE)}, "updates": [{{"q": {query}, "u": {change}, "upsert": true}}]}}]'


def _with_marks(data: Document) -> str:
    """JSON in which marks stand as they are: json escapes them."""
    text = json.dumps(data)
    for sign in "\x1a\x1f\x1c\x1d\x1e":
        text = text.replace(json.dumps(sign)[1:-1], sign)
    return text


def _view(name: str, options: Mapping[str, Any]) -> Step:
    """A view means the sink's collections: its text names them as it does here."""
    made = {word: options[word] for word in ("viewOn", "pipeline", "collation") if word in options}
    if "collation" in made:
        made["collation"] = _without_version(made["collation"])
    return Step("views", "view", "", f"view {name}", _text(("create", name, made), mark=False))


def _text(*commands: tuple[str, str, Mapping[str, Any]], mark: bool = True) -> str:
    texts = []
    for word, name, options in commands:
        place = marked("bare", "", name) if mark else json.dumps(name)[1:-1]
        rest = _extended(encode(options))[1:]
        texts.append(f'{{"{word}": "{place}"{"" if rest == "}" else ", "}{rest}')
    return f"[{', '.join(texts)}]"


def _extended(raw: bytes) -> str:
    """The document as Extended JSON that reads back as the same bytes."""
    try:
        text = json_util.dumps(decode(raw, CODEC), json_options=left.EXACT)
        if encode(json_util.loads(text, json_options=left.EXACT), codec_options=CODEC) == raw:
            return text
    except (ValueError, TypeError, OverflowError):
        pass
    return json.dumps({"$bson": base64.b64encode(raw).decode()})


def commands(text: str) -> list[tuple[str, str, Mapping[str, Any]]]:
    """The commands of a step's text, whose names are spelled: word, name, and options whose values are as they were."""
    found: list[tuple[str, str, Mapping[str, Any]]] = []
    for command in json.loads(text):
        word = next(iter(command))
        name = command.pop(word)
        raw = command.get("$bson")
        loaded = json_util.loads(json.dumps(command), json_options=left.EXACT)
        bson = base64.b64decode(raw) if raw else encode(loaded, codec_options=CODEC)
        found.append((word, name, dict(RawBSONDocument(bson).items())))
    return found


def _besides(session: Session, views: set[str]) -> Iterator[str]:
    """What the database has besides its collections, in words."""
    yield from left.of_database(session.database)
    reply = session.database.command("listCollections", filter={"type": "view"}, nameOnly=True)
    there = sorted(each["name"] for each in reply["cursor"]["firstBatch"])
    yield from (f"view {name}" for name in there if name not in views)
    for what in ("users", "roles"):
        try:
            found = session.database.command(f"{what}Info", 1)[what]
        except OperationFailure:  # not for this user
            continue
        if found:
            yield f"{what}: {', '.join(sorted(each[what[:-1]] for each in found))}"
