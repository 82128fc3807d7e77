"""Documents written natively: with the revisions that they have (`new_edits=false`), each leaf by itself.

Such a write adds to what is there and takes nothing away, so what is in the place of a row is purged first, unless the
row only goes on from it. An insert says what is there before. A server that is no CouchDB cannot purge: there a row
that would have to take the place of another is refused.

Leaves without attachments go by `_bulk_docs`; one with attachments goes by a request of its own, streamed from where
they are.
"""

from __future__ import annotations

import base64
import gzip
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from dbfleet.adapter import BATCH_SIZE, Rejected, Written
from dbfleet.engines.couchdb.native import multipart
from dbfleet.engines.couchdb.native.read import leaves_of, revisions_of
from dbfleet.engines.couchdb.native.values import Carried, Leaf, carried
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import dumps
from dbfleet.engines.couchdb.write import BULK_BYTES
from dbfleet.errors import AuthFailed, StatementError, Unavailable, Unsupported
from dbfleet.values import Batch, Schema

_PURGED_AT_ONCE: Final = 100
"""CouchDB's own max_document_id_number."""
_CANNOT_PURGE: Final = "another document is in its place, and this server cannot purge it (it is no CouchDB)"


class Writer:
    """One write: `written` adds up. `alone`: nothing was there, and nobody else writes."""

    def __init__(self, session: Session, path: str, schema: Schema, *, upsert: bool, alone: bool) -> None:
        self.written = Written()
        self._session, self._path, self._schema = session, path, schema
        self._upsert, self._alone = upsert, alone
        self._bulk: list[tuple[Carried, str]] = []
        self._size = 0
        self._refused: set[str] = set()

    def write(self, batches: Iterable[Batch]) -> Written:
        """Store the rows. NotFound, before a batch is pulled, where there is no database."""
        info = self._session.json("GET", self._path)
        if self._session.is_couchdb and not self._upsert:  # PouchDB does not count what is deleted
            self._alone |= not info["doc_count"] and not info["doc_del_count"]
        for batch in batches:
            for start in range(0, len(batch), _PURGED_AT_ONCE):
                self._store(batch[start : start + _PURGED_AT_ONCE])
        self._send()
        return self.written

    def _store(self, rows: Batch) -> None:
        documents = []
        for row in rows:
            try:
                documents.append(carried(self._schema, row))
            except (ValueError, KeyError, TypeError, IndexError, RecursionError) as exc:
                self.written.rejected.append(Rejected(row, f"it is no document with its revisions: {exc}"))
        if not self._alone:
            documents = self._replacing(documents) if self._upsert else self._new(documents)
        for document in documents:
            self.written.rows += 1
            for leaf in document.leaves:
                if leaf.attachments:
                    self._attached(document, leaf)
                else:
                    self._add(document, dumps(leaf.document(document.id)))

    # --- what is there ------------------------------------------------------------------------------------------------

    def _new(self, documents: list[Carried]) -> list[Carried]:
        """Those of which nothing is there."""
        there = revisions_of(self._session, self._path, [each.id for each in documents])
        for each in documents:
            if each.id in there:
                self.written.rejected.append(Rejected(each.row, f"conflict: the document {each.id!r} is there already"))
        return [each for each in documents if each.id not in there]

    def _replacing(self, documents: list[Carried]) -> list[Carried]:
        """Those that are to be written, after what is in their place is gone."""
        self._send()  # what was sent before may be in the place of one
        last = {each.id: each for each in documents}
        self.written.rows += len(documents) - len(last)
        there = dict(leaves_of(self._session, self._path, list(last)))
        going: dict[str, list[str]] = {}
        for id_, leaves in there.items():
            if _known(last[id_].leaves) == _known(leaves):
                self.written.rows += 1
                del last[id_]
            elif not _goes_on(last[id_].leaves, leaves):
                going[id_] = [leaf.rev for leaf in leaves]
        if going and not self._session.is_couchdb:
            for id_ in going:
                self.written.rejected.append(Rejected(last.pop(id_).row, f"{id_!r}: {_CANNOT_PURGE}"))
        elif going:
            purge(self._session, self._path, going)
        return list(last.values())

    # --- leaves without attachments -----------------------------------------------------------------------------------

    def _add(self, document: Carried, text: str) -> None:
        wide = len(text) if text.isascii() else len(text.encode(errors="replace"))
        if self._bulk and self._size + wide > BULK_BYTES:
            self._send()
        self._bulk.append((document, text))
        self._size += wide

    def _send(self) -> None:
        bulk, self._bulk, self._size = self._bulk, [], 0
        if bulk:
            self._send_bulk(bulk)

    def _send_bulk(self, bulk: list[tuple[Carried, str]]) -> None:
        body = '{"new_edits":false,"docs":[' + ",".join(text for _, text in bulk) + "]}"
        try:
            answers = self._session.json("POST", f"{self._path}/_bulk_docs", body)
        except StatementError as error:
            if error.code != "413" and not _half_a_pair(bulk):
                raise
            if len(bulk) == 1:
                self._refuse(bulk[0][0], error.message)
                return
            for each in bulk:
                self._send_bulk([each])
            return
        by_id = {document.id: document for document, _ in bulk}
        for answer in answers:
            if answer.get("error") and answer.get("id") in by_id:
                self._refuse(by_id[answer["id"]], f"{answer['error']}: {answer.get('reason', '')}")

    def _refuse(self, document: Carried, why: str) -> None:
        """A document is stored whole or it is refused, once."""
        if document.id not in self._refused:
            self._refused.add(document.id)
            self.written.rows -= 1
            self.written.rejected.append(Rejected(document.row, f"{document.id!r}: {why}"))

    # --- leaves with attachments --------------------------------------------------------------------------------------

    def _attached(self, document: Carried, leaf: Leaf) -> None:
        content, origin = document.content, document.origin
        if content is None and origin is None:
            self._refuse(document, "where the bytes of its attachments are is not known")
            return
        if not self._session.is_couchdb:
            self._add(document, dumps({**leaf.document(document.id), "_attachments": inline(document, leaf)}))
            return
        answer = origin.parts(document.id, leaf.rev) if content is None and origin else None
        try:
            if answer is not None:
                multipart.pass_on(self._session, self._path, document.id, answer)
                return
            held = origin.content(document.id, [leaf]) if content is None and origin else content
            multipart.store(self._session, self._path, document.id, leaf, held or {})
        except (Unavailable, AuthFailed):
            raise
        except (StatementError, KeyError) as error:
            self._refuse(document, str(error))


def inline(document: Carried, leaf: Leaf) -> dict[str, Any]:
    """The attachments with their bytes, as they were put, for a server that keeps none compressed."""
    stubs = leaf.attachments or {}
    if document.content is None and document.origin is not None:
        data = document.origin.inline(document.id, leaf.rev)
    else:
        data = {name: _plain(stub, (document.content or {})[stub["digest"]]) for name, stub in stubs.items()}
    told = ("content_type", "revpos")
    return {name: {**{word: stub[word] for word in told if word in stub}, "data": data[name]}
            for name, stub in stubs.items()}  # fmt: skip


def _plain(stub: Any, data: str) -> str:
    if stub.get("encoding") != "gzip":
        return data
    return base64.b64encode(gzip.decompress(base64.b64decode(data))).decode()


def _known(leaves: Iterable[Leaf]) -> list[Any]:
    """What tells documents apart."""
    best = sorted(leaves, key=lambda leaf: leaf.rank, reverse=True)
    return [(leaf.start, leaf.ids, leaf.deleted, dumps(leaf.body), dumps(leaf.attachments)) for leaf in best]


def _goes_on(ours: Iterable[Leaf], theirs: Iterable[Leaf]) -> bool:
    """Whether each of their leaves is an inner revision of ours, with all that is known of its history."""
    inner = {tuple(leaf.history[place:]) for leaf in ours for place in range(1, len(leaf.ids))}
    return all(tuple(leaf.history) in inner for leaf in theirs)


def _half_a_pair(bulk: Sequence[tuple[Carried, str]]) -> bool:
    return any("\ud800" <= char <= "\udfff" for _, text in bulk for char in text if not char.isascii())


# --- removing --------------------------------------------------------------------------------------------------------


def purge(session: Session, path: str, revisions: dict[str, list[str]]) -> None:
    """Remove these leaf revisions with all that leads to them alone, so that nothing tells of them. Unsupported where
    the server cannot."""
    if not session.is_couchdb:
        raise Unsupported(
            "a document that goes with its revisions is purged, and this server cannot (it is no CouchDB)",
            engine="couchdb",
            target=session.target.name,
            hint="copy --mode replace makes the whole collection again",
        )
    ids = list(revisions)
    for start in range(0, len(ids), _PURGED_AT_ONCE):
        some = {id_: revisions[id_] for id_ in ids[start : start + _PURGED_AT_ONCE]}
        session.json("POST", f"{path}/_purge", some)


def delete(session: Session, path: str, ids: Sequence[str]) -> int:
    """Remove these documents; how many there were."""
    removed = 0
    for start in range(0, len(ids), BATCH_SIZE):
        there = revisions_of(session, path, ids[start : start + BATCH_SIZE])
        if there:
            purge(session, path, there)
        removed += len(there)
    return removed


def clear(session: Session, path: str, asked: Iterator[tuple[str, list[str]]]) -> None:
    """Remove these documents."""
    some: dict[str, list[str]] = {}
    for id_, revs in asked:
        some[id_] = revs
        if len(some) >= _PURGED_AT_ONCE:
            purge(session, path, some)
            some = {}
    if some:
        purge(session, path, some)
