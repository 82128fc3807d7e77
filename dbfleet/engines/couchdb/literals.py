"""Changes of rows as CouchDB requests: PUT and DELETE with the revisions of now, so a document that is changed
meanwhile is a conflict."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from dbfleet.adapter import BATCH_SIZE, Change
from dbfleet.engines.couchdb.documents import document_of
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import dumps
from dbfleet.engines.couchdb.write import revised
from dbfleet.sql.changes import changed
from dbfleet.values import Schema


def statements(session: Session, path: str, schema: Schema, changes: Iterable[Change]) -> Iterator[str]:
    """The changes as requests, one a line."""
    make_document = document_of(schema)
    rest = iter(changes)
    while chunk := list(itertools.islice(rest, BATCH_SIZE)):
        rows = [change.after if change.after is not None else change.before for change in chunk]
        documents = [make_document(row) for row in rows if row is not None]
        body = {"keys": [document["_id"] for document in documents]}
        entries = session.json("POST", f"{path}/_all_docs", body, query="include_docs=true")["rows"]
        for change, document, entry in zip(chunk, documents, entries, strict=True):
            place = f"{path}/{quote(document['_id'], safe='')}"
            old = entry.get("doc") or {}
            if change.after is not None:
                if change.before is None or changed(schema.columns, change):
                    yield f"PUT {place} {dumps(revised(document, old))}"
            elif old:
                yield f"DELETE {place}?rev={old['_rev']}"
