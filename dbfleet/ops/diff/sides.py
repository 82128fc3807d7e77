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
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

from dbfleet.abilities import Digests, Narrows, Ordered, Snapshots, able
from dbfleet.adapter import WHOLE, Adapter, Condition, Part
from dbfleet.errors import NotFound
from dbfleet.fidelity import coarsened
from dbfleet.fleet import Fleet
from dbfleet.ops import _identity
from dbfleet.ops._bounded import bounded
from dbfleet.ops._named import described
from dbfleet.ops._progress import Ticker
from dbfleet.ops._workers import Owner
from dbfleet.ops.diff import expression, ranges
from dbfleet.ops.diff.compare import comparable
from dbfleet.ops.diff.ranges import Range
from dbfleet.spec import EngineSpec
from dbfleet.target import Target
from dbfleet.values import Batch, Column, Row, Schema, Type
from dbfleet.values import Digest as CollectionDigest

BUCKETS: Final = 1 << 20
"""8 MB a side: one row a bucket for a million rows, so 100 changed rows lead to some hundred rows read again."""
_FEW: Final = 50_000
"""Rows whose hashes are kept as they are, and summed up in FEW_BUCKETS."""
FEW_BUCKETS: Final = 1 << 14
_MASK64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Pairing:
    """How one collection of this side is compared. `columns` are read, the first `compared` of them are compared, the
    first `seen` are seen by `where`; `key` are places in `columns`, empty where whole rows are compared; `specs` are
    the engines whose fidelity counts; `as_text` names columns that the sides type differently. `edge` and `partition`
    are the collection's own: an engine may read it otherwise for them."""

    collection: str
    columns: tuple[Column, ...]
    compared: int
    seen: int
    key: tuple[int, ...]
    specs: tuple[EngineSpec, ...]
    as_text: tuple[str, ...] = ()
    where: str | None = None
    edge: bool = False
    partition: tuple[str, ...] = ()

    @property
    def schema(self) -> Schema:
        """What is read of the collection: these columns, and the key by which rows are paired."""
        key = tuple(self.columns[place].name for place in self.key)
        return Schema(self.collection, self.columns, key, edge=self.edge, partition=self.partition)

    def tuples(self) -> Callable[[Batch], list[tuple[Any, ...]]]:
        """Rows as comparable tuples of the compared columns."""
        return comparable(self.columns[: self.compared], self.specs, as_text=self.as_text)

    def keys(self) -> Callable[[Sequence[tuple[Any, ...]]], Iterator[tuple[Any, ...]]]:
        """Comparable tuples' keys; without a key a row is its own."""
        places = self.key
        if not places:
            return iter
        return lambda tuples: iter([tuple([each[place] for place in places]) for each in tuples])

    @property
    def ranged(self) -> bool:
        """Whether keys begin with an integer on both sides: then a bucket holds keys that are near each other."""
        if not self.key:
            return False
        first = self.columns[self.key[0]]
        return first.type is Type.INT and first.name not in self.as_text

    def places(self) -> Callable[[Sequence[tuple[Any, ...]], Batch], Iterator[int]]:
        """A function from comparable tuples and their rows to the numbers that say which bucket each row falls into,
        by the last bits."""
        keys_of = self.keys()
        if not self.ranged:
            return lambda tuples, batch: map(hash, keys_of(tuples))
        first = self.key[0]
        return lambda tuples, batch: ranges.places([row[first] or 0 for row in batch], map(hash, keys_of(tuples)))

    def chosen(self) -> Callable[[Row], bool] | None:
        """Whether a row is meant by --where, seen at the fidelity at which it is compared."""
        if self.where is None:
            return None
        columns = self.columns[: self.seen]
        test, coarsen, seen = expression.parse(self.where, columns), coarsened(columns, *self.specs), self.seen
        if coarsen is None:
            return lambda row: test(row) is True
        cut = coarsen
        return lambda row: test(cut(row[:seen])) is True

    def part(self, adapter: Adapter, within: Sequence[Range] | None = None) -> Part:
        """What is read for --where, and of these ranges of the key: as few rows more as the engine can say."""
        narrowing = able(adapter, Narrows)
        if narrowing is None:
            return WHOLE
        found: list[Condition] = []
        if self.where is not None:
            chosen = expression.narrowed(self.where, self.columns[: self.seen], adapter.spec, self.specs)
            found += [chosen] if chosen else []
        if within is not None:
            near = ranges.condition(self.columns[self.key[0]], within, adapter.spec, self.specs)
            found += [near] if near else []
        if not found:
            return WHOLE
        condition = found[0] if len(found) == 1 else Condition("and", tuple(found))
        return narrowing.narrow(self.schema, condition) or WHOLE


@dataclass(frozen=True, slots=True)
class Summed:
    """What the first reading gives: rows, and their hashes (few rows) or a sum a bucket. `span`: where buckets hold
    keys that are near each other, the smallest and the largest integer that a key begins with."""

    rows: int
    few: tuple[bytes, bytes] | None
    sums: bytes | None
    span: Range | None = None

    def buckets(self, count: int) -> array[int]:
        """A sum a bucket, for BUCKETS or, where both sides have few rows, FEW_BUCKETS."""
        sums = array("Q")
        if self.sums is not None:
            sums.frombytes(self.sums)
            return sums
        sums.frombytes(bytes(8 * count))
        keys, hashes = array("q"), array("q")
        assert self.few is not None
        keys.frombytes(self.few[0])
        hashes.frombytes(self.few[1])
        mask = count - 1
        for key, value in zip(keys, hashes, strict=True):
            sums[key & mask] = (sums[key & mask] + value) & _MASK64
        return sums


@dataclass(frozen=True, slots=True)
class Connect:
    """Connect. The only word without an answer."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When did reading begin? The answer is the moment that all readings see, by this machine's clock; None where each
    sees what is there when it reads."""


@dataclass(frozen=True, slots=True)
class Identify:
    """Which database is this?"""


@dataclass(frozen=True, slots=True)
class List:
    """List the collections."""


@dataclass(frozen=True, slots=True)
class Describe:
    """Describe a collection. NotFound, with the nearest name, where it is not there."""

    collection: str


@dataclass(frozen=True, slots=True)
class Find:
    """Describe a collection; the answer is None where it is not there."""

    collection: str


@dataclass(frozen=True, slots=True)
class Count:
    """Count the rows of a collection."""

    collection: str


@dataclass(frozen=True, slots=True)
class SumUp:
    """Have the server compute the digest of the columns that are compared; the answer is a Digest, or None where the
    engine does not."""

    pairing: Pairing


@dataclass(frozen=True, slots=True)
class Sum:
    """Read the rows and sum them up; the answer is Summed."""

    pairing: Pairing


@dataclass(frozen=True, slots=True)
class Spill:
    """Read the rows again and write those of the marked buckets into `files`, by bucket; the answer is how many. All of
    them are in the ranges `within`, if these are given."""

    pairing: Pairing
    marked: bytes
    files: tuple[Path, ...]
    within: tuple[Range, ...] | None = None


@dataclass(frozen=True, slots=True)
class CanOrder:
    """Can the side give its lines in the order of the key (diff/merge.py)?"""

    pairing: Pairing


@dataclass(frozen=True, slots=True)
class Order:
    """Give the lines in the order of the key: any number of Lines, and an Answer of how many rows there were."""

    pairing: Pairing


Word = Moment | Identify | List | Describe | Find | Count | SumUp | Sum | Spill | CanOrder | Order


@dataclass(frozen=True, slots=True)
class Answer:
    """A side's answer to a word. It says no more about it."""

    content: Any


@dataclass(frozen=True, slots=True)
class Far:
    """How many rows of a collection a side has read by now."""

    collection: str
    rows: int


@dataclass(frozen=True, slots=True)
class Lines:
    """A chunk of whole lines."""

    chunk: bytes

    def __reduce__(self) -> tuple[type[Lines], tuple[bytes]]:
        # A chunk may be 13 kB: the way that a dataclass is sent costs 5.5 of the 7 microseconds of each.
        return Lines, (self.chunk,)


def read(owner: Owner, *, fleet: Fleet, target: Target, timeout_s: float | None = None) -> None:
    """A side's job: answer words until the owner stops. No answer may take longer than `timeout_s`."""
    owner.receive()  # Connect
    with ExitStack() as stack:
        adapter = stack.enter_context(fleet.connect(target))
        owner.adapter = adapter
        began = None
        if snapshots := able(adapter, Snapshots):  # between two readings nothing may change
            began = datetime.now(UTC)
            stack.enter_context(snapshots.snapshot())
        while True:
            word = owner.receive()
            with bounded(owner, adapter, timeout_s):
                answer = began if isinstance(word, Moment) else _answer(owner, adapter, word)
            owner.send(Answer(answer))


def _answer(owner: Owner, adapter: Adapter, word: Word) -> Any:
    match word:
        case Identify():
            return _identity.of(adapter)
        case List():
            return list(adapter.collections())
        case Describe(collection):
            return described(adapter, collection)
        case Find(collection):
            try:
                return described(adapter, collection)
            except NotFound:
                return None
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


def _digest(adapter: Adapter, pairing: Pairing) -> CollectionDigest | None:
    digesting = able(adapter, Digests)
    if digesting is None:
        return None
    schema = Schema(pairing.collection, pairing.columns[: pairing.compared], edge=pairing.edge)
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
    rows, mask, mask64 = 0, BUCKETS - 1, _MASK64
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
                if rows > _FEW:
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
