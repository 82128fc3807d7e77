"""What the owner of a diff and its two sides say to each other: how a collection is read (`Pairing`), the words to a
side (diff/sides.py), its answers, and what a first reading gives (`Summed`)."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from dbfleet.abilities import Narrows, able
from dbfleet.adapter import WHOLE, Adapter, Condition, Part
from dbfleet.fidelity import coarsened
from dbfleet.ops.diff import expression, ranges
from dbfleet.ops.diff.compare import comparable
from dbfleet.ops.diff.lenient import EXACTLY, Lenient, Near
from dbfleet.ops.diff.ranges import Range
from dbfleet.spec import EngineSpec
from dbfleet.values import Batch, Column, Row, Schema, Type

BUCKETS: Final = 1 << 20
"""8 MB a side: one row a bucket for a million rows, so 100 changed rows lead to some hundred rows read again."""
FEW: Final = 50_000
"""Rows whose hashes are kept as they are, and summed up in FEW_BUCKETS."""
FEW_BUCKETS: Final = 1 << 14
MASK64: Final = (1 << 64) - 1


@dataclass(frozen=True, slots=True)
class Pairing:
    """How one collection of this side is compared. `columns` are read, the first `compared` of them are compared, the
    first `seen` are seen by `where`; `key` are places in `columns`, empty where whole rows are compared; `specs` are
    the engines whose fidelity counts; `as_text` names columns that the sides type differently. `edge` and `partition`
    are the collection's own: an engine may read it otherwise for them. `native`: some columns hold the engine's own
    texts (Schema.native)."""

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
    lenient: Lenient = EXACTLY
    native: bool = False

    @property
    def schema(self) -> Schema:
        """What is read of the collection: these columns, and the key by which rows are paired."""
        key = tuple(self.columns[place].name for place in self.key)
        return Schema(
            self.collection, self.columns, key, edge=self.edge, partition=self.partition, native=self.native, heirs=True
        )

    def tuples(self) -> Callable[[Batch], list[tuple[Any, ...]]]:
        """Rows as comparable tuples of the compared columns."""
        return comparable(self.columns[: self.compared], self.specs, as_text=self.as_text, lenient=self.lenient)

    def nears(self) -> list[Near | None]:
        """For each compared column, whether two of its comparable values are near each other; None where only equal
        ones are the same."""
        return [
            None if place in self.key or not self.key else self.lenient.near(column)
            for place, column in enumerate(self.columns[: self.compared])
        ]

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
            sums[key & mask] = (sums[key & mask] + value) & MASK64
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
class Views:
    """List the collections that are views: what they show are rows of others."""


@dataclass(frozen=True, slots=True)
class Describe:
    """Describe a collection. NotFound, with the nearest name, where it is not there."""

    collection: str


@dataclass(frozen=True, slots=True)
class Find:
    """Describe a collection; the answer is None where it is not there."""

    collection: str


@dataclass(frozen=True, slots=True)
class Natively:
    """Describe a collection that is there by the engine's own values."""

    collection: str


@dataclass(frozen=True, slots=True)
class Outlined:
    """Say what these collections are made of, and with `everything` the database besides; the answer is an Outline, or
    None where the engine does not tell, or nobody may see it."""

    collections: tuple[str, ...]
    everything: bool


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


Word = (
    Moment | Identify | List | Views | Describe | Find | Natively | Outlined | Count | SumUp | Sum | Spill | CanOrder
    | Order
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Answer:
    """A side's answer to a word. It says no more about it."""

    content: Any


@dataclass(frozen=True, slots=True)
class Trouble:
    """The content of an Answer, where the word could not be answered and the rest is wanted nevertheless."""

    message: str
    hint: str | None


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
