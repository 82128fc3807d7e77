"""Reading a collection: in batches of rows, by keys, in parts, as pages of raw BSON. Needs pymongo: imported only
behind a connection.

A cursor over the `_id` index sees each key once, whatever is written meanwhile. Range queries compare values of one
type only, so parts are bounded by `min` and `max` of the index, which know all types; the bounds stand in a part as
Extended JSON.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final, cast

from bson import decode_all
from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from dbfleet.adapter import BATCH_BYTES, WHOLE, Part
from dbfleet.engines.mongodb import tables
from dbfleet.engines.mongodb.documents import Deviates, Documents, Layout
from dbfleet.engines.mongodb.session import Document, Session
from dbfleet.engines.mongodb.values import CODEC, canonical, from_extended
from dbfleet.engines.mongodb.worker import ahead
from dbfleet.errors import StatementError
from dbfleet.values import Batch, Row, Schema

KEYS_AT_ONCE: Final = 1000
"""Keys that one find or delete names."""
_SAMPLES_A_PART: Final = 100
_length = struct.Struct("<i").unpack_from


def scan(session: Session, schema: Schema, part: Part, batch_size: int) -> Iterator[Batch]:
    """The part's rows; each batch carries the documents that it was read from."""
    with session.translated():
        layout = tables.layout(session, schema)
    with pages(session, schema.name, part, batch_size) as documents:
        while True:
            with session.translated():
                page = next(documents, None)
                if page is None:
                    return
                rows = Documents(rows_of(layout, decode_all(page, CODEC)), layout, page)
            del page
            if rows:
                yield rows


def get(session: Session, schema: Schema, keys: Sequence[Row]) -> Iterator[Row]:
    """The rows with these keys."""
    with session.translated():
        layout = tables.layout(session, schema)
    for start in range(0, len(keys), KEYS_AT_ONCE):
        with session.translated():
            ids = layout.ids(keys[start : start + KEYS_AT_ONCE])
            documents = list(session.database[schema.name].find({"_id": {"$in": ids}}, session=session.logical))
            rows = rows_of(layout, documents)
        yield from rows


def rows_of(layout: Layout, documents: Sequence[Document]) -> Batch:
    """The documents as rows. StatementError for a value that is not of its column's type."""
    try:
        return layout.rows(documents)
    except Deviates as exc:
        raise StatementError(f"{layout.schema.name}: {exc}") from exc


def split(session: Session, schema: Schema, parts: int) -> Sequence[Part]:
    """Parts of about as many documents each, by a sample of the keys."""
    if not tables.is_stored(session, schema.name) or parts < 2:
        return [WHOLE]
    collection = session.database[schema.name]
    # A sample is read by a random cursor where it is below a twentieth of the collection, else by a scan.
    pipeline = [{"$sample": {"size": parts * _SAMPLES_A_PART}}, {"$project": {"_id": 1}}, {"$sort": {"_id": 1}}]
    sample = [each["_id"] for each in collection.aggregate(pipeline, session=session.logical)]
    bounds: list[Any] = []
    for number in range(1, parts):
        place = len(sample) * number // parts
        if place and sample[place] not in bounds:
            bounds.append(sample[place])
    edges = [None, *({"_id": each} for each in bounds), None]
    return [
        {word: canonical(edge) for word, edge in (("from", low), ("below", high)) if edge is not None}
        for low, high in itertools.pairwise(edges)
    ]


@contextmanager
def pages(
    session: Session, name: str, part: Part, batch_size: int, *, by_key: bool | None = None
) -> Iterator[Iterator[bytes]]:
    """The part's documents as raw BSON, with errors of this target until the first page is asked for. `by_key`: in the
    order of `_id`, which is asked of the server where it is None."""
    with ExitStack() as held:
        with session.translated():
            if by_key is None:
                by_key = tables.is_stored(session, name)
            collection = session.database[name]
            documents = held.enter_context(_pages(collection, session.logical, part, batch_size, by_key=by_key))
        yield documents


@contextmanager
def _pages(
    collection: Collection[Document], session: ClientSession, part: Part, batch_size: int, *, by_key: bool
) -> Iterator[Iterator[bytes]]:
    """A page is fetched while the one before is used. `by_key`: in the order of `_id`, which a view cannot give. The
    server ends a page at 16 MB. We ask for as many documents as have half of BATCH_BYTES by their average length, and
    hand on no more than BATCH_BYTES at once."""
    options: Document = {"batch_size": _at_once(collection, session, batch_size), "session": session}
    if by_key:
        options["sort"] = options["hint"] = [("_id", 1)]
    chosen = from_extended(part["where"]) if "where" in part else {}
    if chosen:
        options.pop("hint", None)  # the server may know a better way; `_id` still gives the order
    cursor = collection.find_raw_batches(chosen, **options)
    if "from" in part:
        cursor.min(list(from_extended(part["from"]).items()))
    if "below" in part:
        cursor.max(list(from_extended(part["below"]).items()))
    with cursor, closing(ahead(cast("Iterator[bytes]", cursor))) as fetched:
        yield (piece for page in fetched for piece in _pieces(page))


def _at_once(collection: Collection[Document], session: ClientSession, batch_size: int) -> int:
    try:
        pipeline: list[Document] = [
            {"$collStats": {"storageStats": {}}},
            {"$project": {"average": "$storageStats.avgObjSize"}},
        ]
        averages = [each.get("average") or 1 for each in collection.aggregate(pipeline, session=session)]
    except OperationFailure:  # a view, or not for this user
        return batch_size
    return max(1, min(batch_size, int(BATCH_BYTES / 2 / max(averages, default=1))))


def _pieces(page: bytes) -> Iterator[bytes]:
    """The page's documents in pieces of at most BATCH_BYTES, or of one document."""
    start = 0
    while len(page) - start > BATCH_BYTES:
        end = start + _length(page, start)[0]
        while end < len(page) and end + _length(page, end)[0] - start <= BATCH_BYTES:
            end += _length(page, end)[0]
        yield page[start:end]
        start = end
    if start < len(page):
        yield page[start:] if start else page


def keys_are(collection: Collection[Document], session: ClientSession, kinds: Sequence[str]) -> bool:
    """Whether every `_id` is of these kinds, and is sorted by its bytes. BSON sorts one kind after another, so where
    the first and the last are of one kind, all are."""
    if collection.options().get("collation"):
        return False
    for order in (1, -1):
        end = collection.aggregate(
            [{"$sort": {"_id": order}}, {"$limit": 1}, {"$project": {"kind": {"$type": "$_id"}}}],
            hint={"_id": 1},
            session=session,
        )
        if any(each["kind"] not in kinds for each in end):
            return False
    return True
