"""Documents as they are: read in pages, stored by the bulk path, found and removed by the element of their `_id`. Needs
pymongo: imported only behind a connection.

The server changes one thing when it stores a document: a Timestamp of nothing but zeros, at the top, becomes that of
now. Such documents are stored once more by an update, which does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from bson import encode
from bson.codec_options import CodecOptions
from bson.raw_bson import RawBSONDocument
from pymongo.errors import OperationFailure

from dbfleet.adapter import WHOLE, Part, WriteMode, Written
from dbfleet.engines.mongodb import read, tables
from dbfleet.engines.mongodb.documents import Layout
from dbfleet.engines.mongodb.encode import Raw, document, elements, id_element
from dbfleet.engines.mongodb.native.values import DOCUMENT, Page, each_document, in_order
from dbfleet.engines.mongodb.session import Document, Session
from dbfleet.engines.mongodb.write import LARGEST, ONE_DOCUMENT, Load, Sink, pour
from dbfleet.errors import NotFound
from dbfleet.values import Batch, Row, Schema

RAW: Final[CodecOptions[RawBSONDocument]] = CodecOptions(document_class=RawBSONDocument)
_NAMED: Final = len(b"\x07_id\0")
_ZEROS: Final = re.compile(rb"\x11[^\0]*\0{9}")
_KEYS_AT_ONCE: Final = 5000
_INVALID: Final = 121
_UNAUTHORIZED: Final = 13


def options_of(session: Session, name: str) -> RawBSONDocument:
    """The collection's options as the server has them. NotFound if it is not there."""
    return entry_of(session, name).get("options") or RawBSONDocument(encode({}))


def entry_of(session: Session, name: str) -> RawBSONDocument:
    """The collection's whole entry in the list of collections, undecoded. NotFound if it is not there."""
    tables.info(session, name)
    reply: Any = session.database.command("listCollections", filter={"name": name}, codec_options=RAW)
    for entry in reply["cursor"]["firstBatch"]:
        found: RawBSONDocument = entry
        return found
    raise NotFound(f"no collection {name!r}")


def splits(session: Session, schema: Schema) -> bool:
    """Whether the documents can go in parts: those of a capped collection have an order of their own."""
    return bool(schema.key) and not options_of(session, schema.name).get("capped")


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The part's documents. A capped collection is read in the order in which it was filled."""
    with session.translated():
        options = options_of(session, schema.name)
    by_key = bool(schema.key) and not options.get("capped")
    series: Mapping[str, Any] | None = options.get("timeseries")
    keyed = schema.names[0] != DOCUMENT
    with read.pages(session, schema.name, part, batch_size, by_key=by_key) as pages:
        while True:
            with session.translated():
                page = next(pages, None)
            if page is None:
                return
            if keyed:
                yield Page(page)
            elif series is not None:
                yield [(in_order(raw, series),) for raw in each_document(page)]
            else:
                yield [(raw,) for raw in each_document(page)]


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The documents with these `_id`."""
    for start in range(0, len(keys), read.KEYS_AT_ONCE):
        with session.translated():
            ids = _one_of([key[0] for key in keys[start : start + read.KEYS_AT_ONCE]])
            found = session.database[schema.name].find_raw_batches(RawBSONDocument(ids), session=session.logical)
            rows = [row for page in cast("Iterator[bytes]", found) for row in Page(page)]
        yield from rows


def _one_of(ids: Sequence[bytes]) -> bytes:
    """The filter that these `_id` match."""
    values = (each[:1] + b"%d\0" % place + each[_NAMED:] for place, each in enumerate(ids))
    return document(b"\x03_id\0" + document(b"\x04$in\0" + document(b"".join(values))))


def delete(session: Session, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the documents with these `_id`; how many there were."""
    removed = 0
    for start in range(0, len(keys), read.KEYS_AT_ONCE):
        some = keys[start : start + read.KEYS_AT_ONCE]
        deletes = [{"q": Raw(document(key[0])), "limit": 1} for key in some]
        reply = session.database.command("delete", schema.name, deletes=deletes, ordered=False, session=session.logical)
        removed += reply["n"]
    return removed


def clear(session: Session, schema: Schema, part: Part) -> None:
    """Remove the part's documents."""
    if part == WHOLE:
        session.database[schema.name].delete_many({}, session=session.logical)
        return
    with read.pages(session, schema.name, part, _KEYS_AT_ONCE) as pages:
        for page in pages:
            delete(session, schema, [(id_element(raw),) for raw in each_document(page)])


def write(session: Session, schema: Schema, batches: Iterable[Batch], mode: WriteMode, *, alone: bool) -> Written:
    """Store the documents as they are; those that the server refuses come back. Into a collection that is filled by
    this command `alone` those go too that its validator would refuse."""
    with session.translated():
        tables.info(session, schema.name)
        sink = NativeSink(session, schema, mode, alone=alone)
    for sent in pour(batches, sink):
        with session.translated():
            sent.result()
    return sink.written


class NativeLoad(Load):
    """Documents to be sent. Where the rows are a page, `documents` are pages too: several one after another, which the
    driver sends as they are."""

    def __add__(self, other: Load) -> NativeLoad:
        if isinstance(self.rows, Page) and isinstance(other.rows, Page):
            return NativeLoad(self.rows + other.rows, self.documents + other.documents)
        mine, yours = (each.apart() if isinstance(each, NativeLoad) else each for each in (self, other))
        return NativeLoad(mine.rows + yours.rows, mine.documents + yours.documents, mine.ids + yours.ids)

    def apart(self) -> Load:
        """The same, document by document."""
        if not isinstance(self.rows, Page):
            return self
        rows = list(self.rows)
        return Load(rows, [raw for _, raw in rows], [key for key, _ in rows])


class NativeSink(Sink):
    """Where documents go that are BSON already."""

    _options: Final[Document] = {"ordered": False}
    _past: Final[Document] = {**_options, "bypassDocumentValidation": True}

    def __init__(self, session: Session, schema: Schema, mode: WriteMode, *, alone: bool) -> None:
        super().__init__(session.database, Layout(schema), mode)
        self._place = schema.names.index(DOCUMENT)
        self._alone = alone
        self._bypassed = False

    def load(self, rows: Batch) -> Load:
        """The rows, with their documents."""
        if isinstance(rows, Page) and not self._upsert and not _zeros_within(rows.raw):
            return NativeLoad(rows, [rows.raw])
        place = self._place
        documents = [row[place] for row in rows]
        load = self._within(Load(list(rows), documents, [row[0] for row in rows] if self._schema.key else []))
        return NativeLoad(load.rows, load.documents, load.ids)

    def send(self, load: Load) -> None:
        """Store the documents, and again those of which the server would have changed a Timestamp."""
        if isinstance(load, NativeLoad) and isinstance(load.rows, Page):
            try:
                self._take(self._run(load), load.rows)
            except OperationFailure as exc:
                if exc.code not in ONE_DOCUMENT:
                    raise
                load = load.apart()
            else:
                return
        before = len(self.written.rejected)
        super().send(load)
        refused = {id(each.row) for each in self.written.rejected[before:]}
        again = [
            self._as_it_is(key, raw)
            for row, key, raw in zip(load.rows, load.ids, load.documents, strict=False)
            if _ZEROS.search(raw) and _has_zeros(raw) and id(row) not in refused
        ]
        for start in range(0, len(again), read.KEYS_AT_ONCE):
            some = again[start : start + read.KEYS_AT_ONCE]
            how = self._past if self._bypassed else self._options
            reply = self._database.command({"update": self._schema.name, "updates": some, **how})
            for error in reply.get("writeErrors", ()):
                raise OperationFailure(error.get("errmsg", ""), error.get("code"), error)

    def _take(self, reply: Document, rows: Sequence[Row]) -> None:
        errors = reply.get("writeErrors", ())
        rows = list(rows) if errors else rows
        invalid = [error for error in errors if error.get("code") == _INVALID]
        if self._alone and invalid:
            again = [rows[error["index"]] for error in invalid]
            try:
                second = self._database.command(
                    {"insert": self._schema.name, "documents": [Raw(row[self._place]) for row in again], **self._past}
                )
            except OperationFailure as exc:
                if exc.code != _UNAUTHORIZED:
                    raise
            else:
                self._bypassed = True
                super()._take(second, again)
                stored = {error["index"] for error in invalid}
                kept = [place for place in range(len(rows)) if place not in stored]
                places = {place: number for number, place in enumerate(kept)}
                errors = [{**each, "index": places[each["index"]]} for each in errors if each["index"] in places]
                reply, rows = {**reply, "writeErrors": errors}, [rows[place] for place in kept]
        super()._take(reply, rows)

    def _replacement(self, key: bytes, raw: bytes) -> Document:
        # What begins with $ would be taken for something else, at the top.
        return self._as_it_is(key, raw) if dollars(raw) else super()._replacement(key, raw)

    def _as_it_is(self, key: bytes, raw: bytes) -> Document:
        return {"q": Raw(document(key)), "u": [{"$replaceWith": {"$literal": Raw(raw)}}], "upsert": self._upsert}

    def _too_large(self, row: Row, size: int) -> str:
        return f"{self._schema.name}: a document of {size:,} bytes is too large; MongoDB takes {LARGEST:,}"


def _zeros_within(page: bytes) -> bool:
    """Whether a document of the page has such a Timestamp; what looks like one may be the inside of a number."""
    places = [match.start() for match in _ZEROS.finditer(page)]
    end = 0
    for place in places:
        while end <= place:
            start, end = end, end + int.from_bytes(page[end : end + 4], "little")
        if _has_zeros(page[start:end]):
            return True
    return False


def _has_zeros(raw: bytes) -> bool:
    return any(element[0] == 0x11 and element.endswith(bytes(9)) for _, element in elements(raw))


def dollars(raw: bytes) -> bool:
    """Whether a field at the top begins with a dollar."""
    return b"$" in raw and any(name.startswith(b"$") for name, _ in elements(raw))
