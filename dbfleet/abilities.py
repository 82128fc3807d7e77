"""What an adapter can do beyond the contract: an ability is a small Protocol, declared on the engine's spec.

An op calls `able(adapter, ReadsLines)` and gets the adapter under that type, or None; it is correct without the
ability. The conformance suite holds both directions: an ability that is declared is there and works for a plain schema,
and one that is there is declared. An adapter inherits the abilities of its spec, so that a type checker compares its
signatures with these.

Most abilities are a faster way of something plain, and give the plain way's result. A method that returns None
declines: it cannot do this schema, statement or format. It declines before anything has run, and the plain way is
taken.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Final, Literal, Protocol, TypeVar, cast

from dbfleet.adapter import BATCH_SIZE, WHOLE, Adapter, Condition, Part, Result, Swap, WriteMode, Written
from dbfleet.extras import AnyExtra, Extras
from dbfleet.outline import Outline, Step
from dbfleet.values import Digest, Schema

Encoding = Literal["csv", "jsonl"]
ENCODINGS: Final[Mapping[str, Encoding]] = {"csv": "csv", "jsonl": "jsonl"}
"""The formats that an engine may render itself, by name."""

A = TypeVar("A")


class Identifies(Protocol):
    """Says which database this is."""

    def identity(self) -> str:
        """A text that is the same on every connection to this database, however its URL is written, and different for
        every other database on this or another server. It is also different for a server that runs on a copy of this
        one's data directory, although the copy has the same system identifier or uuid. The server gives it; for a file
        it is device and inode."""
        ...


class Locates(Protocol):
    """Says where collections are: for engines where one collection may have several names, or can be reached from two
    databases of different `identity`."""

    def places(self, names: Sequence[str]) -> Sequence[str]:
        """For each name, where its collection is or would be: the same text for the same collection (t and public.t, T
        and t) on every connection to the server, and a different text for every other collection."""
        ...


class Swaps(Protocol):
    """Lets staged collections take the places of others in one step."""

    def swap(self, swaps: Sequence[Swap]) -> None:
        """Let all of the staged collections take their places in one step. At any moment, also after a kill, either all
        names show the old collections or all show the staged ones; a reader waits or sees one of the two. References
        between staged collections, or of one to itself, hold under the final names. StatementError or
        ConstraintViolated, with nothing changed, where another collection refers to one that would be replaced and its
        reference cannot be moved to the new one."""
        ...

    def leftovers(self) -> Sequence[str]:
        """The staged collections that a killed command left behind; `drop` removes them."""
        ...


class TellsLosses(Protocol):
    """Knows what is lost when a collection is replaced by another."""

    def lost(self, names: Sequence[str]) -> Sequence[str]:
        """What is lost when others take the places of these collections, in words that begin with the collection's
        name: triggers, for example. ConstraintViolated, which names it, where something depends on one of them so that
        it cannot be replaced. Changes nothing."""
        ...


class Snapshots(Protocol):
    """Gives all scans one consistent view."""

    def snapshot(self) -> AbstractContextManager[None]:
        """All scans inside the block see the data of one moment."""
        ...


class SharesSnapshots(Snapshots, Protocol):
    """Has snapshots that other connections can join."""

    @property
    def snapshot_id(self) -> str | None:
        """The name of the snapshot that this connection is in; None outside a snapshot."""
        ...

    def snapshot(self, exported: str | None = None) -> AbstractContextManager[None]:
        """All scans inside the block see the data of one moment: that of the snapshot whose `snapshot_id` is given,
        else a new one."""
        ...


class Finds(Protocol):
    """Takes a filter alone, with the name of a collection: `query TARGET.collection '{…}'`."""

    def find(
        self, collection: str, filter: str, params: Mapping[str, object] | None = None, *, batch_size: int = BATCH_SIZE
    ) -> Result:
        """The rows of the collection that match the filter, which is in the engine's language."""
        ...


class Encodes(Protocol):
    """Renders a statement's result itself. `spec.encodings` says in which formats."""

    def encoded(self, statement: str, params: Mapping[str, object] | None, format: Encoding) -> Iterator[bytes] | None:
        """The result of one statement in that format, byte for byte what formats/ makes of `query`: in chunks of any
        size, with the header of csv. None declines."""
        ...


class Notices(Protocol):
    """Keeps the server's notices beside an encoded result."""

    @property
    def messages(self) -> Sequence[str]:
        """The server's notices of the last `encoded`; complete when its chunks are read."""
        ...


class EncodesScans(Protocol):
    """Renders a whole collection itself."""

    def encoded_scan(
        self, schema: Schema, format: Encoding, tally: Callable[[Digest], None] | None = None
    ) -> Iterator[bytes] | None:
        """Every row of the collection as a dump holds it (formats/_exact.py), in chunks of any size and in any order.
        `tally` is called with the digests of the rows that were given, which the caller adds up. A value that a scan
        refuses is refused here too, with its name. None declines."""
        ...


class Ordered(Protocol):
    """Gives rows as lines in the order of their key."""

    def ordered(self, schema: Schema) -> Iterator[bytes] | None:
        """The schema's columns of every row as lines (dbfleet/lines.py), in chunks of whole lines, in the order of the
        key: integers by value; text, uuids and dates by the bytes of their canonical text. Equal lines are equal rows;
        equal rows may have different lines. Digits of a second beyond the column's fraction_digits may be cut, but are
        never rounded. None declines, for example where the key has another type."""
        ...


class Narrows(Protocol):
    """Reads fewer rows where a condition is known."""

    def narrow(self, schema: Schema, condition: Condition) -> Part | None:
        """A part that holds all rows for which the condition is true, and as few others as the engine can. None
        declines."""
        ...


class ReadsLines(Protocol):
    """Gives rows as lines."""

    def lines(self, schema: Schema, part: Part = WHOLE) -> Iterator[bytes] | None:
        """The part's rows as lines (dbfleet/lines.py), in any order; instants are in UTC and end in +00. A value that a
        scan refuses is refused here too, with its name. Of a native schema they may be in a form of the engine's own
        (lines.Counted). None declines, where a column cannot be read as lines."""
        ...


class WritesLines(Protocol):
    """Takes rows as lines."""

    def write_lines(self, schema: Schema, chunks: Iterable[bytes], *, mode: WriteMode = "insert") -> Written | None:
        """Store lines (dbfleet/lines.py), in chunks of whole lines, or what `lines` of the same engine gives of a
        native schema: the same as `write` would store of their values, with the same errors and the same atomicity. The
        caller makes sure that each column keeps every value exactly. None declines, before a chunk is pulled, where the
        engine would read a cell as another value."""
        ...


class Digests(Protocol):
    """Has the server compute digests."""

    def digest(self, schema: Schema, part: Part = WHOLE) -> Digest:
        """The part's digest, computed by the server: the same as values.digest_rows gives for the scan."""
        ...


class CountsOn(Protocol):
    """Has counters (of identity columns, sequences) that do not advance when rows are written with their own values."""

    def count_on(self, name: str) -> Sequence[str]:
        """Set the collection's counters behind their columns' largest values. Returns, in words, what could not be
        set."""
        ...


class CarriesExtras(Protocol):
    """Knows what a collection has besides its rows (dbfleet/extras.py)."""

    def extras(self, name: str) -> Extras:
        """The collection's indexes, defaults and identities, and in words what cannot be carried. NotFound if there is
        no such collection."""
        ...

    def add_extra(self, schema: Schema, extra: AnyExtra) -> None:
        """Add an extra, of a kind that `spec.extras` lists, to a collection that has its rows already. An identity
        counts on from the largest value. AlreadyExists where the name of an index is taken; Unsupported for what this
        engine does not have; otherwise the server's error."""
        ...


class TellsLeft(Protocol):
    """Knows what else a database has besides its collections."""

    def left(self) -> Sequence[str]:
        """What a copy of all collections does not carry, in words: views, functions, users and the like."""
        ...


class Native(Protocol):
    """Carries collections to another target of the same engine as they are: every value, and all that they are made
    of."""

    def carries(self) -> bool:
        """Whether this server can: one that is too old may not, nor another product that speaks the same protocol."""
        ...

    def native_collections(self) -> Sequence[str]:
        """The names of the collections that can be carried so, sorted: those of `collections` that hold rows of their
        own."""
        ...

    def native_views(self) -> Sequence[str]:
        """The names of the views that can be made again from what they read, sorted."""
        ...

    def native(self, name: str, described: Schema | None = None) -> Schema:
        """The collection's schema with its values as the engine's own texts or bytes (`Schema.native`): what `scan`
        gives by it and `write` stores is every value exactly, also one outside the closed set, and `digest` tells any
        two values apart that the engine does. `described` is what `describe` has said of it, if it was asked. NotFound
        if there is no such collection."""
        ...

    def outline(self, names: Sequence[str], *, everything: bool = False, views: Sequence[str] = ()) -> Outline:
        """What these collections and views are made of, of one moment with the scans of a snapshot. `left` is what none
        of the steps makes, in words; with `everything` that of the whole database, views and functions too."""
        ...

    def lacking(self, steps: Sequence[Step]) -> Mapping[str, str]:
        """Which steps of another target's outline cannot be taken here, by their marks; and why, as the rest of a
        sentence (`is not on the server`)."""
        ...

    def names(
        self, makes: Sequence[tuple[str, str]], old: str, new: str, going: Collection[str]
    ) -> Mapping[tuple[str, str], str]:
        """What is called how here of what belongs to the collection that another target calls `old`, and that is called
        `new` here: names that are free, or taken only by what belongs to the collections `going`."""
        ...

    def take(self, step: Step, called: Mapping[str, str], *, again: bool = False) -> bool:
        """Take a step of another target's outline; whether anything changed. `called` are the names here of collections
        that have another one there. Unsupported where what the step would make is there already and is another one,
        unless it may have been taken before (`again`); otherwise the server's error, and nothing has changed."""
        ...

    def clear(self, schema: Schema, part: Part) -> None:
        """Delete the rows of this part of a collection: all of them, or those of a range of keys."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Drop these collections, as far as they are there, together: they may refer to each other. ConstraintViolated,
        and all stay, where something else refers to them."""
        ...

    def together(self) -> AbstractContextManager[None]:
        """For the block: all steps that are taken in it are, or none is, where the engine can."""
        ...

    def undo(self, step: Step, called: Mapping[str, str]) -> None:
        """Remove again what a step has made here, as far as it is there."""
        ...


class KeepsTimes(Protocol):
    """Knows when each value was written, and when it ends, apart from the values themselves."""

    def keep_times(self) -> None:
        """From now on `native` gives schemas whose rows have these times too, and `outline` does not name them among
        what is left. A row may come in several parts then, each of which was written at one moment and ends at one:
        such a schema has no key. Unsupported where this server does not tell the times."""
        ...


class Adopts(Protocol):
    """Has collections of which nobody has said what their rows are, and can take an empty one of them for its own."""

    def bare(self, name: str) -> bool:
        """Whether a collection that is there has no rows, and no schema is kept with it. NotFound if it is not
        there."""
        ...

    def adopt(self, schema: Schema) -> None:
        """Keep the schema with the bare collection of its name, as `create` would have; indexes and rules that it has
        stay."""
        ...


class KeysLast(Protocol):
    """Makes a key and references over rows that are there, which takes less than to keep them with each row."""

    def filling(self, schema: Schema) -> AbstractContextManager[None]:
        """Make the collection, as `create` does. In the block it takes rows, and has no key and no references; its key
        is made at the end. Others see it when it has its rows and its key; of what fails nothing stays."""
        ...

    def refer(self, schema: Schema) -> None:
        """Make the references of a collection that was made so. ConstraintViolated where a row refers to none."""
        ...


class MakesReader(Protocol):
    """Makes an account for reading only. Where the guard is `account`, it can read and cannot write; elsewhere its
    rights may be greater, and it is there so that who reads holds no writer's password."""

    def make_reader(self, user: str, password: str) -> None:
        """Make the account, or put it right, so that this login reads every collection of this database and writes
        none; collections of later too, where the engine can. It has the least rights that the engine knows for this.
        Nothing is changed where the account is right already. StatementError where this connection may not make
        accounts."""
        ...


class LimitsTime(Protocol):
    """Has the server end a statement that takes too long, also where nobody is left to stop it: the process that asked
    was killed, or its machine is gone."""

    def limit(self, seconds: float) -> None:
        """From now on a statement of `query`, `find` or `encoded` that takes longer is an error. The server ends it;
        where it has no means to, its answer is not waited for any longer (`spec` has the capability CANCEL then, or
        not). A statement that sets another limit itself, has that."""
        ...


class ExtendedJson(Protocol):
    """Can give every value as Extended JSON."""

    ejson: bool
    """Whether `query` and `find` give Extended JSON."""


ALL: Final[tuple[type, ...]] = (
    Identifies, Locates, Swaps, TellsLosses, Snapshots, SharesSnapshots, Finds, Encodes, Notices, EncodesScans, Ordered,
    Narrows, ReadsLines, WritesLines, Digests, CountsOn, CarriesExtras, TellsLeft, Native, KeepsTimes, Adopts,
    KeysLast, MakesReader, LimitsTime, ExtendedJson,
)  # fmt: skip

WORDS: Final[Mapping[type, str]] = {Snapshots: "snapshot", Swaps: "swap", Finds: "filter"}
"""The abilities that a user notices, with the names under which `dbfleet engines` lists them among the capabilities."""


def able(adapter: Adapter, ability: type[A]) -> A | None:
    """The adapter, typed as one with the ability; None where its spec does not declare it."""
    return cast(A, adapter) if ability in adapter.spec.abilities else None


def members(ability: type) -> tuple[str, ...]:
    """The names of the methods and attributes that an ability consists of."""
    own = {**vars(ability), **vars(ability).get("__annotations__", {})}
    return tuple(sorted(name for name in own if not name.startswith("_")))


def carrying(adapter: Adapter) -> Native | None:
    """The adapter as one that carries collections as they are; None where its spec or its server cannot."""
    native = able(adapter, Native)
    return native if native and native.carries() else None
