"""One side of a diff: a worker in a process of its own that reads a target, in one moment where the engine has one.

First it sums up: each row's key falls into one of 2**20 buckets, whose sum of row hashes says whether the two sides may
differ in it. Then it reads once more and spills the rows of the buckets that do, to files, so that memory holds neither
side. Where keys begin with an integer, a bucket holds keys that are near each other: then only the ranges of the
buckets that differ are read again, if the engine can choose them (diff/ranges.py). The hashes are Python's own
(siphash), whose secret the forked workers share: they mean nothing in another process tree, and nobody can write rows
that collide.
"""

from __future__ import annotations

import contextlib
import pickle
from array import array
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

from dbfleet.abilities import Digests, Native, Ordered, Snapshots, able, carrying
from dbfleet.adapter import Adapter
from dbfleet.errors import DbfleetError, NotFound
from dbfleet.fleet import Fleet
from dbfleet.ops import _identity, _unreadable
from dbfleet.ops._bounded import bounded
from dbfleet.ops._named import described
from dbfleet.ops._progress import Ticker
from dbfleet.ops._workers import Owner
from dbfleet.ops.diff import ranges
from dbfleet.ops.diff.ranges import Range
from dbfleet.ops.diff.words import (
    BUCKETS,
    FEW,
    MASK64,
    Answer,
    CanOrder,
    Count,
    Describe,
    Far,
    Find,
    Identify,
    Lines,
    List,
    Moment,
    Natively,
    Order,
    Outlined,
    Pairing,
    Spill,
    Sum,
    Summed,
    SumUp,
    Trouble,
    Views,
    Word,
)
from dbfleet.outline import Outline
from dbfleet.target import Target
from dbfleet.values import Batch, Schema
from dbfleet.values import Digest as CollectionDigest


def read(
    owner: Owner, *, fleet: Fleet, target: Target, timeout_s: float | None = None, keep_going: bool = False
) -> None:
    """A side's job: answer words until the owner stops. No answer may take longer than `timeout_s`. With `keep_going` a
    collection that cannot be read is answered with Trouble."""
    owner.receive()  # Connect
    with ExitStack() as stack:
        adapter = stack.enter_context(fleet.connect(target, near=True))
        owner.adapter = adapter
        moment = stack.enter_context(ExitStack())
        began = _begun(adapter, moment)
        while True:
            word = owner.receive()
            try:
                with bounded(owner, adapter, timeout_s):
                    answer = began if isinstance(word, Moment) else _answer(owner, adapter, word)
            except DbfleetError as error:
                if not keep_going or not _unreadable.is_of_one(error) or isinstance(error, NotFound):
                    raise
                answer = Trouble(error.message, error.hint)
                if _unreadable.has_ended_the_moment(adapter):
                    with contextlib.suppress(DbfleetError):
                        moment.close()
                    began = _begun(adapter, moment)
            owner.send(Answer(answer))


def _begun(adapter: Adapter, moment: ExitStack) -> datetime | None:
    """Hold one moment, where the engine can: between two readings nothing may change. When it began."""
    snapshots = able(adapter, Snapshots)
    if snapshots is None:
        return None
    began = datetime.now(UTC)
    moment.enter_context(snapshots.snapshot())
    return began


def _answer(owner: Owner, adapter: Adapter, word: Word) -> Any:
    match word:
        case Identify():
            return _identity.of(adapter)
        case List():
            return list(adapter.collections())
        case Views():
            knowing = able(adapter, Native)
            return list(knowing.native_views()) if knowing else []
        case Describe(collection):
            return described(adapter, collection)
        case Find(collection):
            try:
                return described(adapter, collection)
            except NotFound:
                return None
        case Natively(collection):
            native = carrying(adapter)
            return native.native(collection) if native else None
        case Outlined():
            return _outline(adapter, word)
        case Count(collection):
            return adapter.count(collection)
        case SumUp(pairing):
            return _digest(adapter, pairing)
        case Sum(pairing):
            return _sum(owner, adapter, pairing)
        case Spill():
            return _spill(owner, adapter, word)
        case CanOrder(pairing):
            return _ordered(adapter, pairing) is not None
        case Order(pairing):
            return _stream(owner, adapter, pairing)


def _outline(adapter: Adapter, word: Outlined) -> Outline | None:
    native = carrying(adapter)
    if native is None:
        return None
    try:
        own, views = set(native.native_collections()), set(native.native_views())
        return native.outline(
            [name for name in word.collections if name in own],
            everything=word.everything,
            views=[name for name in word.collections if name in views],
        )
    except DbfleetError:  # of the rows everything has been said
        return None


def _digest(adapter: Adapter, pairing: Pairing) -> CollectionDigest | None:
    digesting = able(adapter, Digests)
    if digesting is None:
        return None
    columns = pairing.columns[: pairing.compared]
    schema = Schema(pairing.collection, columns, edge=pairing.edge, native=pairing.native, heirs=True)
    return digesting.digest(schema)


def _batches(
    owner: Owner, adapter: Adapter, pairing: Pairing, within: Sequence[Range] | None = None
) -> Generator[Batch, None, None]:
    """The rows that are meant; the owner is told how many have been read."""
    chosen = pairing.chosen()
    ticker = Ticker(lambda rows: owner.send(Far(pairing.collection, rows)), last=False)
    scan = cast(Generator[Batch, None, None], adapter.scan(pairing.schema, pairing.part(adapter, within)))
    with contextlib.closing(scan) as batches:
        for batch in ticker.batches(batches):
            owner.check()
            rows = [row for row in batch if chosen(row)] if chosen else batch
            if rows:
                yield rows


def _ordered(adapter: Adapter, pairing: Pairing) -> Generator[bytes, None, None] | None:
    ordering = able(adapter, Ordered)
    return cast("Generator[bytes, None, None] | None", ordering.ordered(pairing.schema)) if ordering else None


def _stream(owner: Owner, adapter: Adapter, pairing: Pairing) -> None:
    """Send the lines, chunk by chunk; the owner counts them."""
    lines = _ordered(adapter, pairing)
    assert lines is not None
    with contextlib.closing(lines) as chunks:
        for chunk in chunks:
            owner.check()
            owner.send(Lines(chunk))


def _sum(owner: Owner, adapter: Adapter, pairing: Pairing) -> Summed:
    tuples, places_of = pairing.tuples(), pairing.places()
    keys, hashes = array("q"), array("q")
    sums: array[int] | None = None
    rows, mask, mask64 = 0, BUCKETS - 1, MASK64
    span: Range | None = None
    first = pairing.key[0] if pairing.ranged else None
    with contextlib.closing(_batches(owner, adapter, pairing)) as batches:
        for batch in batches:
            rows += len(batch)
            made = tuples(batch)
            if first is not None:
                span = _wider(span, [row[first] for row in batch])
            if sums is None:
                keys.extend(places_of(made, batch))
                hashes.extend(map(hash, made))
                if rows > FEW:
                    sums = Summed(rows, (keys.tobytes(), hashes.tobytes()), None).buckets(BUCKETS)
                continue
            for key, value in zip(places_of(made, batch), map(hash, made), strict=True):
                sums[key & mask] = (sums[key & mask] + value) & mask64
    if sums is None:
        return Summed(rows, (keys.tobytes(), hashes.tobytes()), None, span)
    return Summed(rows, None, sums.tobytes(), span)


def _wider(span: Range | None, values: Iterable[Any]) -> Range:
    """The span, and these values. A NULL is in no range, so with one the span is all there is."""
    some = [*values, *(span or ())]
    return ranges.EVERYTHING if None in some else (min(some), max(some))


def _spill(owner: Owner, adapter: Adapter, word: Spill) -> int:
    pairing, marked = word.pairing, word.marked
    tuples, places_of = pairing.tuples(), pairing.places()
    mask, parts = len(marked) - 1, len(word.files)
    width = -(-len(marked) // parts)
    found = 0
    with ExitStack() as stack:
        files = [stack.enter_context(path.open("wb")) for path in word.files]
        dumps = [pickle.Pickler(file, pickle.HIGHEST_PROTOCOL) for file in files]
        with contextlib.closing(_batches(owner, adapter, pairing, word.within)) as batches:
            for batch in batches:
                kept: dict[int, Batch] = {}
                for key, row in zip(places_of(tuples(batch), batch), batch, strict=True):
                    bucket = key & mask
                    if marked[bucket]:
                        kept.setdefault(bucket // width, []).append(row)
                for part, rows in kept.items():
                    found += len(rows)
                    dumps[part].clear_memo()
                    dumps[part].dump(rows)
    return found


def spilled(path: Path) -> Iterator[Batch]:
    """What `Spill` has written into one file. Removes the file at the end."""
    with path.open("rb") as file:
        while True:
            try:
                batch: Batch = pickle.load(file)  # noqa: S301 - from our own child
            except EOFError:
                break
            yield batch
    path.unlink()
