"""What an adapter may do besides the contract: an ability is a small Protocol, declared on the engine's spec.

An op asks `able(adapter, ReadsLines)` and gets the adapter under that type, or None; it is correct without. The
conformance suite holds both directions: what is declared is there, and is given for a plain schema; what is there is
declared. An adapter inherits the abilities of its spec, so that a type checker holds its signatures to these.

Most are faster ways of something plain, and give the plain way's result. Those that return None decline: this schema,
statement or format cannot be had so. They decline before anything has run, and the plain way is taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Literal, Protocol, TypeVar, cast

from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Condition, Part, Result, Swap, WriteMode, Written
from dbfleet.extras import AnyExtra, Extras
from dbfleet.values import Digest, Schema

Encoding = Literal["csv", "jsonl"]
ENCODINGS: Final[Mapping[str, Encoding]] = {"csv": "csv", "jsonl": "jsonl"}
"""The formats that an engine may render by itself, by their names."""

A = TypeVar("A")


class Identifies(Protocol):
    """Says which database this is."""

    def identity(self) -> str:
        """Which database this is, however it was spelled: the same text on every connection to it, and another one for
        every other database, on this server or another, a copy of this server's data directory too (which has its
        system identifier or uuid). Asked of the server, or of the file: device and inode."""
        ...


class Locates(Protocol):
    """Says where collections are, where one may have several names, or be in reach of two databases by `identity`."""

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """Where the collection of each name is or would be (t and public.t, T and t): the same text for the same
        collection on every connection to the server, another text for every other collection."""
        ...


class Swaps(Protocol):
    """Lets staged collections take the places of others in one step."""

    def swap(self, swaps: Sequence[Swap]) -> None:
        """All of them take their places in one step. At any moment, also after a kill, all of the names show what was
        there before, or all show what was staged; nothing half, and a reader waits or sees one of the two. References
        of one staged collection to another, or to itself, hold under the final names. StatementError or
        ConstraintViolated, and nothing has changed, where a collection outside refers to what would go and cannot be
        re-pointed."""
        ...

    def leftovers(self) -> Sequence[str]:
        """Staged collections that a command which was killed has left; `drop` removes them."""
        ...


class TellsLosses(Protocol):
    """Knows what goes with a collection that another one replaces."""

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What goes with these collections when others take their places, and is not given to those, in words that
        begin with the collection's name: triggers, say. ConstraintViolated, by name, for what depends on one of them
        so that it could not be replaced. Nothing is changed."""
        ...


class Snapshots(Protocol):
    """Gives every scan one consistent view."""

    def snapshot(self) -> AbstractContextManager[None]:
        """All scans inside see one moment."""
        ...


class SharesSnapshots(Snapshots, Protocol):
    """Has snapshots that other connections can join."""

    @property
    def snapshot_id(self) -> str | None:
        """The name of the moment that this connection holds; None outside a snapshot."""
        ...

    def snapshot(self, exported: str | None = None) -> AbstractContextManager[None]:
        """All scans inside see one moment: that of the connection whose `snapshot_id` is given, else a new one."""
        ...


class Finds(Protocol):
    """Takes a bare filter beside the name of a collection: `query TARGET.collection '{…}'`."""

    def find(
        self, collection: str, filter: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """The rows of the collection that the filter, in the engine's language, chooses."""
        ...


class Encodes(Protocol):
    """Renders a statement's result itself. `spec.encodings` says in which formats."""

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """The result of one statement already in that format (chunks of any size, the header of csv included), byte
        for byte what formats/ makes of `query`. None declines."""
        ...


class Notices(Protocol):
    """Hears what the server says beside an encoded result."""

    @property
    def messages(self) -> Sequence[str]:
        """The server's notices of the last `encoded`, complete when its chunks are read."""
        ...


class EncodesScans(Protocol):
    """Renders a whole collection itself."""

    def encoded_scan(
        self, schema: Schema, format: Encoding, tally: Callable[[Digest], None] | None = None
    ) -> Iterator[bytes] | None:
        """Every row of the collection as a dump holds it (formats/_exact.py), in chunks of any size, in any order.
        `tally` is called with the Digest of the rows that are given, added up by the caller; a value that a scan
        refuses is refused by its name. None declines."""
        ...


class Ordered(Protocol):
    """Gives rows as lines in the order of their key."""

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The schema's columns of every row as lines (dbfleet/lines.py), in chunks of whole lines, in the order of its
        key: integers by value; text, uuids and dates by the bytes of their canonical text. Equal lines are equal rows.
        Digits of a second beyond the column's fraction_digits may be cut, never rounded. None declines, as where the
        key has another type."""
        ...


class Narrows(Protocol):
    """Reads fewer rows where a condition is known."""

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part: all rows for which the condition is true, and as few others as the engine can. None declines."""
        ...


class ReadsLines(Protocol):
    """Gives rows as lines."""

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The part's rows as lines (dbfleet/lines.py), in any order; instants in UTC with +00 behind. None declines,
        where a column cannot be had so; a value that a scan refuses is refused by its name."""
        ...


class WritesLines(Protocol):
    """Takes rows as lines."""

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Lines (dbfleet/lines.py) into the collection, in chunks of whole lines: what `write` would have stored of
        their values, with its errors and its atomicity. None declines, before a chunk is pulled, where the engine
        would read a cell otherwise. The caller sees to it that each column keeps every value of the cells exactly."""
        ...


class Digests(Protocol):
    """Has the server compute digests."""

    def digest(self, schema: Schema, part: Part = WHOLE) -> Digest:
        """The part's digest, computed by the server: that of values.digest_rows over the scan."""
        ...


class CountsOn(Protocol):
    """Has counters that do not follow values which were written with their rows."""

    def count_on(self, name: str) -> Sequence[str]:
        """Let the collection's counters go on behind the largest values. What could not be set, in words."""
        ...


class CarriesExtras(Protocol):
    """Knows what a collection has besides its rows (dbfleet/extras.py)."""

    def extras(self, name: str) -> Extras:
        """The collection's indexes, defaults and identities; and what stays behind, in words. NotFound if it is not
        there."""
        ...

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Give it to a collection that has its rows already; of the kinds that `spec.extras` lists. An identity goes on
        behind the greatest value. AlreadyExists where the name of an index is taken; Unsupported for what this engine
        cannot; else what the server says."""
        ...


class TellsLeft(Protocol):
    """Knows what a database has besides its collections."""

    def left(self) -> Sequence[str]:
        """What a copy of all collections leaves behind, in words: views, functions, users and the like."""
        ...


class ExtendedJson(Protocol):
    """Can give every value as Extended JSON."""

    ejson: bool
    """Whether `query` and `find` do."""


ALL: Final[tuple[type, ...]] = (
    Identifies, Locates, Swaps, TellsLosses, Snapshots, SharesSnapshots, Finds, Encodes, Notices, EncodesScans, Ordered,
    Narrows, ReadsLines, WritesLines, Digests, CountsOn, CarriesExtras, TellsLeft, ExtendedJson,
)  # fmt: skip

WORDS: Final[Mapping[type, str]] = {Snapshots: "snapshot", Swaps: "swap", Finds: "filter"}
"""Abilities that change what a user may expect, as `dbfleet engines` calls them among the capabilities."""


def able(adapter: Adapter, ability: type[A]) -> A | None:
    """The adapter as one that has the ability; None where its spec does not declare it."""
    return cast(A, adapter) if ability in adapter.spec.abilities else None


def members(ability: type) -> tuple[str, ...]:
    """The names of the methods and attributes that an ability consists of."""
    own = {**vars(ability), **vars(ability).get("__annotations__", {})}
    return tuple(sorted(name for name in own if not name.startswith("_")))
