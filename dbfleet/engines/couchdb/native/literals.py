"""Changes of native rows as CouchDB requests: what is there is purged, and the document stored with its revisions. Its
attachments stand in the request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dbfleet.adapter import Change
from dbfleet.engines.couchdb.native.values import Carried, carried
from dbfleet.engines.couchdb.native.write import inline
from dbfleet.engines.couchdb.text import dumps
from dbfleet.errors import Unsupported
from dbfleet.values import Schema


def statements(path: str, schema: Schema, changes: Iterable[Change], *, purges: bool) -> Iterator[str]:
    """The requests, one a line. Unsupported where one would purge and the server cannot."""
    for change in changes:
        if change.before is not None:
            if not purges:
                raise Unsupported("what is there is purged, and this server cannot (it is no CouchDB)")
            there = carried(schema, change.before)
            yield f"POST {path}/_purge {dumps({there.id: [leaf.rev for leaf in there.leaves]})}"
        if change.after is not None:
            yield f"POST {path}/_bulk_docs {dumps({'new_edits': False, 'docs': _documents(schema, change.after)})}"


def _documents(schema: Schema, row: tuple[object, ...]) -> list[dict[str, object]]:
    document: Carried = carried(schema, row)
    return [
        {**leaf.document(document.id), **({"_attachments": inline(document, leaf)} if leaf.attachments else {})}
        for leaf in document.leaves
    ]
