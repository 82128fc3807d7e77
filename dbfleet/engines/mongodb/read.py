"""Reading a collection: in parts, as pages of raw BSON, and in the order of its key. Needs pymongo: imported only
behind a connection.

A cursor over the `_id` index sees each key once, whatever is written meanwhile. Range queries compare values of one
type only, so parts are bounded by `min` and `max` of the index, which know all types; the bounds stand in a part as
Extended JSON.
"""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, cast

from pymongo.client_session import ClientSession
from pymongo.collection import Collection
from pymongo.errors import OperationFailure

from dbfleet.adapter import BATCH_BYTES, WHOLE, Part
from dbfleet.engines.mongodb.documents import Document
from dbfleet.engines.mongodb.values import canonical, from_extended
from dbfleet.engines.mongodb.write import ahead

_SAMPLES_A_PART: Final = 100
_length = struct.Struct("<i").unpack_from


def split(collection: Collection[Document], session: ClientSession, parts: int) -> Sequence[Part]:
    """About as many documents each, by a sample of the keys."""
    if parts < 2:
        return [WHOLE]
    # A sample is read by a random cursor where it is below a twentieth of the collection, else by a scan.
    pipeline = [{"$sample": {"size": parts * _SAMPLES_A_PART}}, {"$project": {"_id": 1}}, {"$sort": {"_id": 1}}]
    sample = [each["_id"] for each in collection.aggregate(pipeline, session=session)]
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
    collection: Collection[Document], session: ClientSession, part: Part, batch_size: int, *, by_key: bool
) -> Iterator[Iterator[bytes]]:
    """The part's documents as raw BSON, a page while the one before is used. `by_key`: in the order of `_id`, as all
    but views can. The server ends a page at 16 MB; we ask for as many documents as have half of BATCH_BYTES by their
    average length, and hand on no more than BATCH_BYTES at once."""
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
    with cursor, closing(ahead(cast("Iterator[bytes]", cursor))) as found:
        yield (piece for page in found for piece in _pieces(page))


def _at_once(collection: Collection[Document], session: ClientSession, batch_size: int) -> int:
    try:
        asked: list[Document] = [
            {"$collStats": {"storageStats": {}}},
            {"$project": {"average": "$storageStats.avgObjSize"}},
        ]
        averages = [each.get("average") or 1 for each in collection.aggregate(asked, session=session)]
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
    """Whether every `_id` is of these kinds, and in the order of its bytes: BSON puts the kinds one after another, so
    where the first and the last are of one, all are."""
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
