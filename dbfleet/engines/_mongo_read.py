"""Reading a collection: in parts, as pages of raw BSON, and in the order of its key. Needs pymongo: imported only
behind a connection.

A cursor over the `_id` index sees each key once, whatever is written meanwhile. Range queries compare values of one
type only, so parts are bounded by `min` and `max` of the index, which know all types; the bounds stand in a part as
Extended JSON.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from typing import Any, Final, cast

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from dbfleet.adapter import WHOLE, Part
from dbfleet.engines._mongo_bulk import ahead
from dbfleet.engines._mongo_rows import Document
from dbfleet.engines._mongo_values import canonical, from_extended

_SAMPLES_A_PART: Final = 100


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
    but views can."""
    options: Document = {"batch_size": batch_size, "session": session}
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
        yield found


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
