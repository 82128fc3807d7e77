"""Reading rows: by key, by ranges of ids, and all of them, in pages that are bounded in bytes.

Pages begin at a `startkey`, never behind a `skip`, which reads what it skips.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from dbfleet.adapter import BATCH_BYTES, WHOLE, Part
from dbfleet.engines.couchdb.documents import Document, id_maker, row_of
from dbfleet.engines.couchdb.session import Session
from dbfleet.engines.couchdb.text import ID_BASE, ID_DIGITS, id_text, is_design, json_query
from dbfleet.values import Batch, Row, Schema

_KEYS: Final = 100
"""Keys of one request for documents: each document may have megabytes."""


def count(session: Session, path: str) -> int:
    """How many documents the database has, without design documents."""
    path = f"{path}/_all_docs"
    everything = int(session.json("GET", path, query="limit=0")["total_rows"])
    designs = session.json("GET", path, query='startkey="_design/"&endkey="_design0"&inclusive_end=false')["rows"]
    return everything - len(designs)


def get(session: Session, path: str, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    make_row, make_id = row_of(schema), id_maker(schema)
    for start in range(0, len(keys), _KEYS):
        ids = [make_id(key) for key in keys[start : start + _KEYS]]
        for entry in session.json("POST", f"{path}/_all_docs", {"keys": ids}, query="include_docs=true")["rows"]:
            if entry.get("doc"):
                yield _row(session, schema, make_row, entry["doc"])


def scan(session: Session, path: str, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The part's rows."""
    make_row = row_of(schema)
    for page in documents(session, path, part, batch_size):
        yield [_row(session, schema, make_row, document) for document in page]


def documents(session: Session, path: str, part: Part, batch_size: int) -> Iterator[list[Document]]:
    """The part's documents, without design documents, in pages that are bounded in bytes."""
    start, rest = part.get("from"), "include_docs=true"
    if "below" in part:
        rest += f"&endkey={json_query(part['below'])}&inclusive_end=false"
    wanted = min(2, batch_size)
    while True:
        # One more than a page: its id is where the next page starts, whatever happens to that document until then.
        query = f"{rest}&limit={wanted + 1}" + ("" if start is None else f"&startkey={json_query(start)}")
        rows, size, whole = session.rows(f"{path}/_all_docs", query, 2 * BATCH_BYTES)
        start = None if whole and len(rows) <= wanted else rows.pop()["id"]
        page = [entry["doc"] for entry in rows if entry.get("doc") and not is_design(entry["id"])]
        if page:
            yield page
        if start is None:
            return
        # As many as would have half a batch's bytes, if they are like those that came.
        wanted = max(1, min(batch_size, 8 * wanted, BATCH_BYTES // 2 * (len(rows) + 1) // max(size, 1)))


def split(session: Session, path: str, parts: int) -> Sequence[Part]:
    """Ranges of ids, by rank: `_all_docs` says how many ids come before a startkey, from the B-tree's own counts."""
    rows = count(session, path)
    if parts < 2 or rows < 2:
        return [WHOLE]
    bounds: list[str] = []
    for number in range(1, parts):
        bound = _id_at(session, path, rows * number // parts)
        if bound is not None and (not bounds or bound > bounds[-1]):
            bounds.append(bound)
    if not bounds:
        return [WHOLE]
    return [
        {word: bound for word, bound in (("from", low), ("below", high)) if bound is not None}
        for low, high in itertools.pairwise([None, *bounds, None])
    ]


def _id_at(session: Session, path: str, rank: int) -> str | None:
    """An id near this rank, by bisection of the ids seen as numbers. Each probe is one request for one row."""
    low, high = 0, ID_BASE**ID_DIGITS - 1
    best: tuple[int, str] | None = None
    for _ in range(40):
        middle = (low + high) // 2
        answer = session.json("GET", f"{path}/_all_docs", query=f"limit=1&startkey={json_query(id_text(middle))}")
        offset, rows = answer.get("offset"), answer["rows"]
        if offset is None:
            return None
        if rows and not is_design(rows[0]["id"]) and (best is None or abs(offset - rank) < abs(best[0] - rank)):
            best = (offset, rows[0]["id"])
        if best and abs(best[0] - rank) <= max(rank // 50, 1):
            break
        if offset < rank:
            low = middle
        else:
            high = middle
        if high - low <= 1:
            break
    return best[1] if best else None


def _row(session: Session, schema: Schema, make_row: Callable[[Document], Row], document: Document) -> Row:
    """The document's row. StatementError, by the document's id, where its fields are of other types."""
    try:
        return make_row(document)
    except ValueError as exc:
        raise session.bad(
            f"{schema.name}, document {document.get('_id')!r}: {exc}",
            hint="its fields are of other types than those of the sample or of the kept schema",
        ) from exc
