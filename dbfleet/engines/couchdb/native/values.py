"""A document as a native row: its id, and of each leaf of its revisions the history, the body and the attachments.

- A document is a row as long as it has a leaf: a deleted one too, which a replication would carry. Design documents are
  no rows (`native.outline`).
- `revisions`, `documents` and `attachments` are JSON lists with an item a leaf, in the order by which CouchDB chooses
  the winner: what is not deleted, then the longest history, then the greatest hash. So the first is the winner, and the
  others are conflicts or were.
- An item of `revisions` is what `_revisions` says, and whether the leaf is deleted. `documents` has the fields that do
  not begin with `_`, in their order: 1 and 1.0 are two values, as they are to CouchDB.
- An item of `attachments` has what the server says of each attachment, its digest above all, and not its bytes; it is
  null for a leaf without attachments, and the whole is NULL where no leaf has any. The value knows where the bytes are
  (`Stubs`), so who writes the row can fetch them. In a file one column more has them (`in_files`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final
from zlib import crc32

from dbfleet.engines.couchdb.documents import Document, row_of
from dbfleet.engines.couchdb.native.origin import Origin
from dbfleet.engines.couchdb.text import dumps
from dbfleet.values import Batch, Column, Row, Schema, Type

ID: Final = "_id"
REVISIONS: Final = "revisions"
DOCUMENTS: Final = "documents"
ATTACHMENTS: Final = "attachments"
CONTENT: Final = "content"
_BODY: Final = "bodies of the leaf revisions"
_READ_BY: Final = f"{_BODY}, read by"
_NOT_TOLD: Final = frozenset({"stub", "follows", "data"})


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf revision. `ids` are the hashes of its history, from its own to the oldest that is known; `attachments` is
    what the server says of each, without the bytes."""

    start: int
    ids: tuple[str, ...]
    deleted: bool
    body: Document
    attachments: Mapping[str, Any] | None = None

    @property
    def rev(self) -> str:
        """The revision itself."""
        return f"{self.start}-{self.ids[0]}"

    @property
    def history(self) -> list[str]:
        """The revisions from the leaf to the oldest known."""
        return [f"{self.start - place}-{each}" for place, each in enumerate(self.ids)]

    @property
    def rank(self) -> tuple[bool, int, str]:
        """The winner has the greatest."""
        return not self.deleted, self.start, self.ids[0]

    def document(self, id_: str) -> Document:
        """The document as `_bulk_docs` takes it with its revisions, without attachments."""
        own: Document = {ID: id_, "_rev": self.rev, "_revisions": {"start": self.start, "ids": list(self.ids)}}
        return {**own, **({"_deleted": True} if self.deleted else {}), **self.body}


def leaf_of(document: Document, *, places: bool) -> Leaf:
    """The leaf of a document as the server gives it with `revs=true`; `places` says whether it keeps the place in the
    history at which an attachment came (`revpos`): PouchDB makes one up."""
    revisions = document["_revisions"]
    stubs = document.get("_attachments") or None
    return Leaf(
        revisions["start"],
        tuple(revisions["ids"]),
        bool(document.get("_deleted")),
        {field: value for field, value in document.items() if field[:1] != "_"},
        {name: _told(stub, places) for name, stub in sorted(stubs.items())} if stubs else None,
    )


def _told(stub: Mapping[str, Any], places: bool) -> dict[str, Any]:
    return {word: stub[word] for word in sorted(stub) if word not in _NOT_TOLD and (places or word != "revpos")}


class Stubs(str):
    """The value of `attachments`, which knows where the bytes are; None where they stand in a file."""

    __slots__ = ("origin",)
    origin: Origin | None

    def __new__(cls, text: str, origin: Origin | None = None) -> Stubs:
        """The text, with its origin."""
        made = super().__new__(cls, text)
        made.origin = origin
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return Stubs, (str(self), self.origin)


# --- rows ------------------------------------------------------------------------------------------------------------


def native(name: str, kept: Schema | None) -> Schema:
    """The schema. The native type of the bodies tells databases apart whose documents mean something else: by the
    schema that is kept beside them."""
    said = _BODY
    if kept is not None:
        said = f"{_READ_BY} {crc32(json.dumps({**kept.to_dict(), 'name': '', 'references': []}).encode()):08x}"
    columns = (
        Column(ID, Type.TEXT, False, native="id of the document"),
        Column(REVISIONS, Type.TEXT, False, native="histories of the leaf revisions", shown=Type.JSON),
        Column(DOCUMENTS, Type.TEXT, False, native=said, shown=Type.JSON),
        Column(ATTACHMENTS, Type.TEXT, True, native="attachments of the leaf revisions", shown=Type.JSON),
    )
    return Schema(name, columns, (ID,), native=True)


def in_files(schema: Schema) -> Schema:
    """The schema with the column that has the attachments' bytes: base64, by their digests."""
    content = Column(CONTENT, Type.TEXT, True, native="attachments by their digests", shown=Type.JSON)
    return Schema(schema.name, (*schema.columns, content), schema.key, native=True)


def row(schema: Schema, id_: str, leaves: Sequence[Leaf], origin: Origin) -> Row:
    """The row of a document with these leaves, in the order of the schema's columns. Its content, where that is a
    column, is read from the origin."""
    best = sorted(leaves, key=lambda leaf: leaf.rank, reverse=True)
    attached = any(leaf.attachments for leaf in best)
    values: dict[str, Any] = {
        ID: id_,
        REVISIONS: dumps([_revisions(leaf) for leaf in best]),
        DOCUMENTS: _text([leaf.body for leaf in best]),
        ATTACHMENTS: Stubs(_text([leaf.attachments for leaf in best]), origin) if attached else None,
    }
    if CONTENT in schema.names:
        values[CONTENT] = dumps(origin.content(id_, best)) if attached else None
    return tuple(values[name] for name in schema.names)


def _revisions(leaf: Leaf) -> dict[str, Any]:
    return {"start": leaf.start, "ids": list(leaf.ids), **({"deleted": True} if leaf.deleted else {})}


def _text(value: Any) -> str:
    """The value as JSON: with escapes where it holds half of a pair of surrogates, which is no character."""
    text = dumps(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return json.dumps(value, separators=(",", ":"))
    return text


@dataclass(frozen=True, slots=True)
class Carried:
    """A row as what is to be written. `content` are the attachments' bytes in base64, by their digests, where the row
    has them; else `origin` has them."""

    row: Row
    id: str
    leaves: tuple[Leaf, ...]
    origin: Origin | None
    content: Mapping[str, str] | None


def carried(schema: Schema, row: Row) -> Carried:
    """The row, read. ValueError, KeyError or TypeError for one that is no such row."""
    held = dict(zip(schema.names, row, strict=True))
    revisions, bodies = json.loads(held[REVISIONS]), json.loads(held[DOCUMENTS])
    stubs = held.get(ATTACHMENTS)
    attachments = json.loads(stubs) if stubs is not None else [None] * len(bodies)
    leaves = tuple(
        Leaf(int(each["start"]), tuple(each["ids"]), bool(each.get("deleted")), body, attached)
        for each, body, attached in zip(revisions, bodies, attachments, strict=True)
    )
    content = held.get(CONTENT)
    return Carried(row, held[ID], leaves, getattr(stubs, "origin", None), json.loads(content) if content else None)


def closed(native: Schema, schema: Schema, batch: Batch) -> Batch:
    """The rows of a schema that `describe` has told: of the winners, without what is deleted. ValueError for a value
    that is not of its column's type."""
    make = row_of(schema)
    found = []
    for each in batch:
        document = carried(native, each)
        winner = document.leaves[0]
        if not winner.deleted:
            found.append(make({**winner.body, ID: document.id}))
    return found
