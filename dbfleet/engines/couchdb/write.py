"""Writing and removing rows through `_bulk_docs`, which is no transaction: what the server refuses comes back row by
row.

An insert sends documents without revisions, so an id that exists is a conflict. An upsert reads the revisions first,
keeps attachments, and tries again where somebody else was faster.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from dbfleet.adapter import BATCH_SIZE, Rejected, WriteMode, Written
from dbfleet.columns import shortened
from dbfleet.engines.couchdb.documents import Document, column_name, document_of, id_maker
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import dumps
from dbfleet.errors import AuthFailed, StatementError
from dbfleet.values import Batch, Row, Schema

BULK_BYTES: Final = 256 << 10
"""The size of a `_bulk_docs` body. In Erlang a small document is many times as large as its text: 30 000 orders take a
real server 161 MB in bodies of 256 KiB and more than 224 MB in bodies of 1 MiB, and no less time."""
_DOCUMENT_BYTES: Final = 8_000_000
"""CouchDB's own max_document_size."""
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class _Pending:
    """A row that is to be sent, as its document and as the document's text."""

    row: Row
    document: Document
    text: str


def write(session: Session, path: str, schema: Schema, batches: Iterable[Batch], mode: WriteMode) -> Written:
    """Store the rows. NotFound, before a batch is pulled, where there is no database."""
    make_document = document_of(schema)
    session.json("GET", path)
    largest = _largest_document(session)
    writing = _Writing(session, path, schema, mode)
    pending: list[_Pending] = []
    size = 0
    for batch in shortened(schema.columns, batches):
        for row in batch:
            document = make_document(row)
            text = dumps(document)
            wide = len(text) if text.isascii() else len(text.encode(errors="replace"))
            why = _refusal(schema, row, document, text, wide, largest)
            if why:
                writing.written.rejected.append(Rejected(row, why))
                continue
            if pending and size + wide > BULK_BYTES:
                writing.send(pending)
                pending, size = [], 0
            pending.append(_Pending(row, document, text))
            size += wide
    if pending:
        writing.send(pending)
    return writing.written


def delete(session: Session, path: str, schema: Schema, keys: Sequence[Row]) -> int:
    """Remove the rows with these keys; how many there were. StatementError for a document that changes each time."""
    make_id = id_maker(schema)
    removed = 0
    for start in range(0, len(keys), BATCH_SIZE):
        ids = list(dict.fromkeys(make_id(key) for key in keys[start : start + BATCH_SIZE]))
        for _ in range(_TRIES):
            entries = session.json("POST", f"{path}/_all_docs", {"keys": ids})["rows"]
            doomed = [
                {"_id": entry["id"], "_rev": entry["value"]["rev"], "_deleted": True}
                for entry in entries
                if "error" not in entry and not (entry.get("value") or {"deleted": True}).get("deleted")
            ]
            if not doomed:
                break
            answers = session.json("POST", f"{path}/_bulk_docs", {"docs": doomed})
            removed += sum("error" not in answer for answer in answers)
            ids = [answer["id"] for answer in answers if "error" in answer]
            if not ids:
                break
        else:
            raise session.bad(f"{schema.name}: the document {ids[0]!r} changes again and again")
    return removed


def revised(document: Document, old: Document) -> Document:
    """The document as the next revision of `old`, with the attachments of that."""
    return {**document, **{word: old[word] for word in ("_rev", "_attachments") if word in old}}


class _Writing:
    """One write: `written` counts what is stored and names what was refused."""

    def __init__(self, session: Session, path: str, schema: Schema, mode: WriteMode) -> None:
        self.written = Written()
        self._session = session
        self._path = path
        self._schema = schema
        self._upsert = mode == "upsert"

    def send(self, rows: list[_Pending]) -> None:
        """Store the rows by one request; of an upsert's rows with one key only the last. An upsert sends the rows again
        that somebody else has changed meanwhile."""
        if self._upsert:
            rows = list({pending.document["_id"]: pending for pending in rows}.values())
        for attempt in range(_TRIES):
            texts = self._revised(rows) if self._upsert else [pending.text for pending in rows]
            body = '{"docs":[' + ",".join(texts) + "]}"
            again = []
            try:
                answers = self._session.json("POST", f"{self._path}/_bulk_docs", body)
            except StatementError as error:
                if error.code != "413":
                    raise
                self._send_one_by_one(rows, error)
                return
            for pending, answer in zip(rows, answers, strict=True):
                if "error" not in answer:
                    self.written.rows += 1
                elif self._upsert and answer["error"] == "conflict" and attempt + 1 < _TRIES:
                    again.append(pending)
                else:
                    reason = f"{answer['error']}: {answer.get('reason', '')}"
                    self.written.rejected.append(Rejected(pending.row, reason))
            if not again:
                return
            rows = again

    def _send_one_by_one(self, rows: list[_Pending], error: StatementError) -> None:
        """After the server has refused a whole request, as one document is too large for it."""
        if len(rows) == 1:
            key = tuple(rows[0].row[place] for place in self._schema.key_indexes)
            reason = f"{self._schema.name}, key {key!r}: {error.message}"
            self.written.rejected.append(Rejected(rows[0].row, reason))
            return
        for pending in rows:
            self.send([pending])

    def _revised(self, rows: list[_Pending]) -> list[str]:
        """The documents' texts, with the revisions that they replace and the attachments that those have."""
        body = {"keys": [pending.document["_id"] for pending in rows]}
        answer = self._session.json("POST", f"{self._path}/_all_docs", body, query="include_docs=true")
        return [
            dumps(revised(pending.document, entry["doc"])) if entry.get("doc") else pending.text
            for pending, entry in zip(rows, answer["rows"], strict=True)
        ]


def _largest_document(session: Session) -> int:
    """How many bytes a document may have on this server; CouchDB's own limit where only an administrator may ask."""
    try:
        return int(session.json("GET", "/_node/_local/_config/couchdb/max_document_size"))
    except (AuthFailed, StatementError, ValueError, TypeError):
        return _DOCUMENT_BYTES


def _refusal(schema: Schema, row: Row, document: Document, text: str, wide: int, largest: int) -> str | None:
    """Why no server takes this document, before it is sent; None if one may take it."""
    if wide > largest:
        field = max(document, key=lambda name: len(dumps(document[name])))
        key = tuple(row[place] for place in schema.key_indexes)
        limit = f"a document holds {largest:,} (max_document_size)"
        return f"{schema.name}.{column_name(field)} of key {key!r:.200}: {wide:,} bytes, and {limit}"
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return "a text holds half of a pair of surrogates, which is no character"
    return None
